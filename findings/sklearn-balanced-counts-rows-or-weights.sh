#!/usr/bin/env bash
# scikit-learn 1.9.1: class_weight="balanced" balances the sums of the sample weights in some classifiers, the numbers of
# rows in others.
#
# Guess: n_samples / (n_classes * np.bincount(y)), as the documentation of class_weight gives it, in all of them.
# Seen: LogisticRegression, LinearSVC and RandomForestClassifier take the sums of the weights for it (the model is that of
# weights balanced by their sums); SVC, DecisionTreeClassifier, HistGradientBoostingClassifier and RidgeClassifier take the
# numbers of rows. With weights nine times as large in one class, these still favour that class, those do not.
# Output seen:
#   scikit-learn 1.9.1
#   LogisticRegression: weights
#   LinearSVC: weights
#   RandomForestClassifier: weights
#   SVC: rows
#   DecisionTreeClassifier: rows
#   HistGradientBoostingClassifier: rows
#   RidgeClassifier: rows
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check scikit-learn==1.9.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import sklearn
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

print("scikit-learn", sklearn.__version__)
generator = np.random.default_rng(0)
rows = generator.standard_normal((300, 4))
labels = (rows[:, 0] + generator.standard_normal(300) > 0).astype(int)
weight = np.where(labels > 0, 9.0, 1.0) * generator.integers(1, 5, 300)


def predicted(trainer, settings, weight, **more):
    made = trainer(**settings, **more).fit(rows, labels, sample_weight=weight)
    return made.predict_proba(rows) if hasattr(made, "predict_proba") else made.decision_function(rows)


def balance(counts):
    totals = np.bincount(labels, weights=counts)
    return (counts.sum() / (2 * totals))[labels]


tree = {"random_state": 0, "max_depth": 4}
expected = {
    LogisticRegression: ({}, "weights"),
    LinearSVC: ({"dual": False}, "weights"),
    RandomForestClassifier: (tree, "weights"),
    SVC: ({}, "rows"),
    DecisionTreeClassifier: (tree, "rows"),
    HistGradientBoostingClassifier: (tree, "rows"),
    RidgeClassifier: ({}, "rows"),
}
for trainer, (settings, counted) in expected.items():
    asked = predicted(trainer, settings, weight, class_weight="balanced")
    ways = {"weights": balance(weight), "rows": balance(np.ones(300))}
    same = [way for way, factor in ways.items() if np.allclose(asked, predicted(trainer, settings, weight * factor))]
    print(f"{trainer.__name__}: {' '.join(same)}")
    assert same == [counted]
PYTHON
