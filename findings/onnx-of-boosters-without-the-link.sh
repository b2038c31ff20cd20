#!/usr/bin/env bash
# CatBoost 1.2.10, onnxmltools 1.16.0: some boosted models come out of ONNX before the link, and of two targets one is
# 0.
#
# Guess: the ONNX model says what predict() says, as it does for Poisson, gamma and Tweedie of XGBoost and of LightGBM.
# Seen: CatBoost writes Poisson and Tweedie as their logarithms, and chances of MultiClassOneVsAll as a softmax.
# onnxmltools leaves the logistic function out where XGBRegressor has reg:logistic or binary:logistic (chances as
# targets), and of survival:cox it gives the logarithm plus 1. An XGBRegressor of two targets has all its trees added up
# in the first, and 0 in the second. Shapes are right and nothing is said.
# Output seen (first two rows: predict(), ONNX):
#   catboost 1.2.10 xgboost 3.2.0 onnxmltools 1.16.0 onnxruntime 1.32.0
#   CatBoost, RMSE: 1.10 1.10, 1.10 1.10
#   CatBoost, Poisson: 1.07 1.04, 0.07 0.04
#   CatBoost, Tweedie: 1.08 1.05, 0.08 0.05
#   CatBoost, MultiClassOneVsAll: 0.36 0.64 0.36, 0.19 0.62 0.19
#   XGBoost, count:poisson: 1.15 1.12, 1.15 1.12
#   XGBoost, reg:logistic: 0.90 0.90, 2.09 2.09
#   XGBoost, survival:cox: 1.47 1.67, 1.38 1.51
#   XGBoost, two targets: 1.14 -1.14, 1.42 0.00
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check catboost==1.2.10 xgboost-cpu==3.2.0 \
  onnxmltools==1.16.0 onnx==1.23.2 onnxruntime==1.32.0 scikit-learn==1.9.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import catboost
import numpy as np
import onnxmltools
import onnxruntime
import xgboost
from onnxmltools.convert.common.data_types import FloatTensorType

versions = ((each.__name__, each.__version__) for each in (catboost, xgboost, onnxmltools, onnxruntime))
print(*(text for version in versions for text in version))
onnxruntime.set_default_logger_severity(4)
generator = np.random.default_rng(0)
rows = generator.standard_normal((500, 3)).astype(np.float32)
target, label = np.exp(rows[:, 0]), (rows[:, 0] > 0).astype(int) + (rows[:, 1] > 0)


def run(model, name):
    return onnxruntime.InferenceSession(model).run(None, {name: rows})[-1]


def compare(name, found, expected):
    if isinstance(found, list):
        found = np.array([[row[each] for each in sorted(row)] for row in found])
    found = np.reshape(found, expected.shape)
    start = [" ".join(f"{each:.2f}" for each in values.ravel()[:size]) for values in (expected, found)]
    print(f"{name}: {start[0]}, {start[1]}")
    return np.abs(found - expected).max()


size = 2
for loss in ("RMSE", "Poisson", "Tweedie:variance_power=1.5"):
    model = catboost.CatBoostRegressor(50, loss_function=loss, verbose=0, allow_writing_files=False).fit(rows, target)
    model.save_model("model.onnx", format="onnx")
    off = compare(f"CatBoost, {loss.split(':')[0]}", run("model.onnx", "features"), model.predict(rows))
    assert off < 1e-4 if loss == "RMSE" else off > 0.5
model = catboost.CatBoostClassifier(20, loss_function="MultiClassOneVsAll", verbose=0, allow_writing_files=False)
model.fit(rows, label).save_model("model.onnx", format="onnx")
size = 3
assert compare("CatBoost, MultiClassOneVsAll", run("model.onnx", "features"), model.predict_proba(rows)) > 0.1
size = 2
targets = {"count:poisson": target, "reg:logistic": (label > 0) * 0.8 + 0.1, "survival:cox": target}
for objective in (*targets, None):
    labels = targets[objective] if objective else np.c_[target, -target]
    model = xgboost.XGBRegressor(n_estimators=20, objective=objective or "reg:squarederror").fit(rows, labels)
    exported = onnxmltools.convert_xgboost(model, initial_types=[("rows", FloatTensorType([None, 3]))])
    found = run(exported.SerializeToString(), "rows")
    off = compare(f"XGBoost, {objective or 'two targets'}", found, model.predict(rows))
    assert off < 1e-4 if objective == "count:poisson" else off > 0.5
PYTHON
