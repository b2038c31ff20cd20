#!/usr/bin/env bash
# LightGBM 4.7.0, CatBoost 1.2.10: where the borders of bins lie does not see the sample weights; in XGBoost and
# scikit-learn it does.
#
# Guess: borders are quantiles by weight, as in the weighted sketch of XGBoost, so that trees can split where the
# weight is, and in all four alike.
# Seen: LightGBM and CatBoost count rows. Of 20,050 rows 50 lie close together and have 91 % of the weight: they fall
# into one of 255 bins, and no number of trees tells those at 1 from those at -1. XGBoost and HistGradientBoosting do.
# XGBoost's QuantileDMatrix finds its borders when it is made, so that weights which are set afterwards come too late.
# Many bins are the way out.
# Output seen (mean squared error of those 50):
#   lightgbm 4.7.0 catboost 1.2.10 xgboost 3.2.0 scikit-learn 1.9.1
#   LightGBM 0.97
#   CatBoost 0.97
#   HistGradientBoosting 0.00
#   XGBoost 0.00
#   XGBoost, QuantileDMatrix 0.00
#   XGBoost, QuantileDMatrix, then set_weight 0.97
#   LightGBM, max_bin=20000 0.00
#   CatBoost, border_count=20000 0.00
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check lightgbm==4.7.0 catboost==1.2.10 \
  xgboost-cpu==3.2.0 scikit-learn==1.9.1 numpy==2.4.6 pandas==3.1.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import catboost
import lightgbm
import numpy as np
import sklearn
import xgboost
from sklearn.ensemble import HistGradientBoostingRegressor

print("lightgbm", lightgbm.__version__, "catboost", catboost.__version__, end=" ")
print("xgboost", xgboost.__version__, "scikit-learn", sklearn.__version__)
generator = np.random.default_rng(0)
close = generator.uniform(0, 0.02, 50)
rows = np.concatenate([generator.normal(0, 10, 20_000), close])[:, None]
labels = np.concatenate([np.zeros(20_000), np.sign(close - 0.01)])
weight = np.concatenate([np.ones(20_000), np.full(50, 4000.0)])
weight /= weight.mean()


def lgb(**bins):
    bins["verbose"] = -1
    data = lightgbm.Dataset(rows, labels, weight=weight, params=bins)
    return lightgbm.train({"num_threads": 1, "min_data_in_leaf": 1} | bins, data, 50).predict(rows)


def cat(**bins):
    quiet = {"verbose": 0, "allow_writing_files": False, "thread_count": 1}
    model = catboost.CatBoostRegressor(iterations=50, learning_rate=0.3, **quiet, **bins)
    return model.fit(rows, labels, sample_weight=weight).predict(rows)


def xgb(data):
    return xgboost.train({"nthread": 1}, data, 50).predict(xgboost.DMatrix(rows))


def check(what, predicted, told_apart):
    error = ((predicted[-50:] - labels[-50:]) ** 2).mean()
    print(f"{what} {error:.2f}")
    assert (error < 0.05) if told_apart else (error > 0.9)


check("LightGBM", lgb(), False)
check("CatBoost", cat(), False)
trees = HistGradientBoostingRegressor(max_iter=50, min_samples_leaf=1).fit(rows, labels, sample_weight=weight)
check("HistGradientBoosting", trees.predict(rows), True)
check("XGBoost", xgb(xgboost.DMatrix(rows, labels, weight=weight)), True)
check("XGBoost, QuantileDMatrix", xgb(xgboost.QuantileDMatrix(rows, labels, weight=weight)), True)
late = xgboost.QuantileDMatrix(rows, labels)
late.set_weight(weight)
check("XGBoost, QuantileDMatrix, then set_weight", xgb(late), False)
check("LightGBM, max_bin=20000", lgb(max_bin=20000, min_data_in_bin=1), True)
check("CatBoost, border_count=20000", cat(border_count=20000), True)
PYTHON
