#!/usr/bin/env bash
# scikit-learn 1.9.1: the same sample_weight changes the scores of GridSearchCV and not those of cross_validate.
#
# Guess: GridSearchCV with one candidate and cross_validate score the same folds alike, given the same sample_weight; both
# hand it to fit, and neither was asked (no metadata routing) to hand it to the scorer.
# Seen: the search weighs the rows held out, cross_validate does not: .98 and .50 of a constant on balanced classes, one of
# which weighs 50 times the other.
# Output seen:
#   scikit-learn 1.9.1
#   GridSearchCV 0.980
#   cross_validate 0.500
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check scikit-learn==1.9.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import sklearn
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GridSearchCV, cross_validate

print("scikit-learn", sklearn.__version__)
labels = np.arange(300) % 2
rows = np.zeros((300, 1))
weight = np.where(labels == 1, 50.0, 1.0)
constant = DummyClassifier(strategy="constant", constant=1)
search = GridSearchCV(constant, {"constant": [1]}, cv=3).fit(rows, labels, sample_weight=weight)
crossed = cross_validate(constant, rows, labels, cv=3, params={"sample_weight": weight})["test_score"].mean()
print(f"GridSearchCV {search.best_score_:.3f}")
print(f"cross_validate {crossed:.3f}")
assert abs(search.best_score_ - 50 / 51) < 1e-9 and abs(crossed - 0.5) < 1e-9
PYTHON
