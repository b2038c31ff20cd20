#!/usr/bin/env bash
# CatBoost 1.2.10: with MAE, Quantile, MAPE and LogCosh the values of leaves ignore the sample weights.
#
# Guess: a weight of k is k rows, as with RMSE, so a leaf of MAE is the weighted median of its rows.
# Seen: at the default leaf estimation of these losses ("Exact") leaves are those of unweighted rows: in each leaf here
# 10 rows of weight 100 lie at 0 and 11 of weight 1 at 1, and MAE, Quantile and MAPE say 1 where the same rows repeated
# give 0. Where the trees start from (boost_from_average) and which split is chosen do take weights.
# leaf_estimation_method="Gradient" takes them into account.
# Output seen (each: weights, the rows repeated, no weights):
#   catboost 1.2.10
#   RMSE {} 0.011 0.011 0.524
#   MAE {} 1.0 0.0 1.0
#   Quantile:alpha=0.5 {} 1.0 0.0 1.0
#   MAPE {} 1.0 0.0 1.0
#   LogCosh {} 0.528 0.008 0.528
#   MAE {'leaf_estimation_method': 'Gradient', 'leaf_estimation_iterations': 50} 0.002 0.002 1.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check catboost==1.2.10 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import catboost
import numpy as np

print("catboost", catboost.__version__)
rows = np.repeat([[0.0], [1.0]], 21, axis=0)
labels = np.tile(np.repeat([0.0, 1.0], [10, 11]), 2) + 5 * rows[:, 0]
weight = np.tile(np.repeat([100.0, 1.0], [10, 11]), 2)
again = np.repeat(np.arange(42), weight.astype(int))


def left(loss, rows, labels, weight=None, **settings):
    """What one tree of one split says of rows at 0."""
    model = catboost.CatBoostRegressor(
        loss_function=loss, iterations=1, depth=1, learning_rate=1.0, l2_leaf_reg=0, random_strength=0,
        bootstrap_type="No", verbose=0, thread_count=1, allow_writing_files=False, **settings,
    )
    return round(float(model.fit(rows, labels, sample_weight=weight).predict([[0.0]])[0]), 3)


gradient = {"leaf_estimation_method": "Gradient", "leaf_estimation_iterations": 50}
cases = [("RMSE", {}), *((loss, {}) for loss in ("MAE", "Quantile:alpha=0.5", "MAPE", "LogCosh")), ("MAE", gradient)]
for loss, settings in cases:
    weighted = left(loss, rows, labels, weight, **settings)
    repeated = left(loss, rows[again], labels[again], **settings)
    unweighted = left(loss, rows, labels, **settings)
    print(loss, settings, weighted, repeated, unweighted)
    if loss == "RMSE" or settings:
        assert weighted == repeated != unweighted
    else:
        assert weighted == unweighted != repeated
PYTHON
