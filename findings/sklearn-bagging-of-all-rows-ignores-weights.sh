#!/usr/bin/env bash
# scikit-learn 1.9.1: Bagging with bootstrap=False, and IsolationForest up to 256 rows, ignore sample weights.
#
# Guess: fit(X, y, sample_weight=w) of a bagging ensemble hands w to its estimators, so that with bootstrap=False it is
# the mean of such estimators on all rows with weights, and a weight of k is k rows.
# Seen: weights are only the chances by which rows are drawn. Without a bootstrap all rows are drawn, whatever their
# chances, and the estimators get no weights: the model is that without weights, bit for bit, and no word is said.
# IsolationForest draws min(256, n) rows without replacement by default, so up to 256 rows it is the same there.
# Output seen:
#   scikit-learn 1.9.1
#   Ridge moved by weights 5.1837
#   BaggingRegressor without bootstrap moved by weights 0.0
#   BaggingClassifier without bootstrap moved by weights 0.0
#   IsolationForest without bootstrap moved by weights 0.0
#   BaggingRegressor with bootstrap moved by weights 5.3415
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check scikit-learn==1.9.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import sklearn
from sklearn.ensemble import BaggingClassifier, BaggingRegressor, IsolationForest
from sklearn.linear_model import LogisticRegression, Ridge

print("scikit-learn", sklearn.__version__)
generator = np.random.default_rng(0)
rows = generator.standard_normal((200, 4))
heavy = rows[:, 1] > 0
targets = np.where(heavy, 3.0, -1.0) * rows[:, 0] + 0.1 * generator.standard_normal(200)
weight = np.where(heavy, 100.0, 1.0)


def moved(model, labels, method="predict"):
    """How far the weights move what the model says."""
    found = [getattr(model.fit(rows, labels, sample_weight=w), method)(rows) for w in (weight, None)]
    return round(float(np.abs(found[0] - found[1]).max()), 4)


classes = (targets > 0).astype(int)
single = moved(Ridge(), targets)
print("Ridge moved by weights", single)
for model, labels, method in (
    (BaggingRegressor(Ridge(), bootstrap=False, random_state=0), targets, "predict"),
    (BaggingClassifier(LogisticRegression(), bootstrap=False, random_state=0), classes, "predict_proba"),
    (IsolationForest(random_state=0), None, "score_samples"),
):
    found = moved(model, labels, method)
    print(type(model).__name__, "without bootstrap moved by weights", found)
    assert found == 0.0 < single
drawn = moved(BaggingRegressor(Ridge(), random_state=0), targets)
print("BaggingRegressor with bootstrap moved by weights", drawn)
assert drawn > 0.5 * single
PYTHON
