#!/usr/bin/env bash
# LightGBM 4.7.0: SHAP values of a model with weights are those of rows counted alike; in XGBoost and CatBoost they are
# of weighted rows.
#
# Guess: pred_contrib starts from the mean prediction of the data that the model was trained on, with its weights, and
# so it is in all three.
# Seen: LightGBM starts from the mean over rows, the others from the weighted mean, and contributions follow. Where a
# flag is 1 in a tenth of the rows, which have half of the weight, LightGBM says of it 4.5 where it is 1 and -0.5 where
# it is 0, the others 2.5 and -2.5. Which feature matters most may change.
# Output seen (base, contribution of the flag where it is 1 and 0):
#   lightgbm 4.7.0 xgboost 3.2.0 catboost 1.2.10
#   mean prediction 0.5, weighted 2.5
#   lightgbm 0.50, 4.50 -0.50
#   xgboost 2.50, 2.50 -2.50
#   catboost 2.50, 2.50 -2.50
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check lightgbm==4.7.0 xgboost-cpu==3.2.0 \
  catboost==1.2.10 numpy==2.4.6 scipy==1.17.1 pandas==3.1.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import catboost
import lightgbm
import numpy as np
import xgboost

print("lightgbm", lightgbm.__version__, "xgboost", xgboost.__version__, "catboost", catboost.__version__)
flag = (np.arange(1000) < 100).astype(float)
rows, labels = flag[:, None], 5 * flag
weight = np.where(flag == 1, 9.0, 1.0)
plain, weighed = labels.mean(), np.average(labels, weights=weight)
print(f"mean prediction {plain:.1f}, weighted {weighed:.1f}")
rounds, found = 100, {}
data = lightgbm.Dataset(rows, labels, weight=weight)
model = lightgbm.train({"num_leaves": 2, "verbose": -1, "num_threads": 1}, data, rounds)
found["lightgbm"] = model.predict(rows, pred_contrib=True)
data = xgboost.DMatrix(rows, label=labels, weight=weight)
model = xgboost.train({"max_depth": 1, "nthread": 1}, data, rounds)
found["xgboost"] = model.predict(data, pred_contribs=True)
data = catboost.Pool(rows, labels, weight=weight)
quiet = {"verbose": 0, "allow_writing_files": False, "thread_count": 1}
model = catboost.CatBoostRegressor(iterations=rounds, depth=1, learning_rate=0.3, **quiet).fit(data)
found["catboost"] = model.get_feature_importance(data, type="ShapValues")
for name, values in found.items():
    print(f"{name} {values[0, -1]:.2f}, {values[0, 0]:.2f} {values[-1, 0]:.2f}")
    assert np.allclose(values.sum(1), labels, atol=0.05)
    assert abs(values[0, -1] - (plain if name == "lightgbm" else weighed)) < 0.05
PYTHON
