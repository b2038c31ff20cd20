#!/usr/bin/env bash
# scikit-learn 1.9.1: RANSACRegressor takes rows for outliers that have 98 % of the weight: it counts rows.
#
# Guess: a weight of k is k rows: what most of the weight agrees on is the model, and the rest are outliers.
# Seen: weights only go into the fits. Which rows are drawn, the threshold, and which model has most inliers count
# rows alike, so that 60 rows with 98 % of the weight lose against 140 with 2 %, and are left out of the last fit.
# Output seen (true slopes 3 of the heavy rows, -3 of the others):
#   scikit-learn 1.9.1
#   LinearRegression: weights 2.86, rows repeated 2.86, none -1.26
#   RANSACRegressor: weights -3.00, rows repeated 3.00, none -3.00
#   heavy rows kept: 0 of 60
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check scikit-learn==1.9.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import sklearn
from sklearn.linear_model import LinearRegression, RANSACRegressor

print("scikit-learn", sklearn.__version__)
generator = np.random.default_rng(0)
rows = generator.uniform(-1, 1, (200, 1))
heavy = np.arange(200) < 60
labels = np.where(heavy, 3, -3) * rows[:, 0] + 0.01 * generator.standard_normal(200)
weight = np.where(heavy, 100, 1)
again = np.repeat(np.arange(200), weight)


def slopes(make):
    """Slopes with weights, with the rows repeated and with neither; and the first of the models."""
    models = [
        make().fit(rows, labels, sample_weight=weight),
        make().fit(rows[again], labels[again]),
        make().fit(rows, labels),
    ]
    found = [float(getattr(model, "estimator_", model).coef_[0]) for model in models]
    print("{}: weights {:.2f}, rows repeated {:.2f}, none {:.2f}".format(type(models[0]).__name__, *found))
    return found, models[0]


plain, _ = slopes(LinearRegression)
assert abs(plain[0] - plain[1]) < 1e-6 and plain[0] > 2
robust, model = slopes(lambda: RANSACRegressor(residual_threshold=0.1, random_state=0))
kept = int(model.inlier_mask_[heavy].sum())
print("heavy rows kept:", kept, "of 60")
assert robust[1] > 2.9 and robust[0] < -2.9 and robust[2] < -2.9 and kept < 10
PYTHON
