#!/usr/bin/env bash
# skl2onnx 1.20.0: k-nearest neighbours with weights="distance" become neighbours that all count alike.
#
# Guess: the converter knows both values of weights, or refuses one that it does not know, as it does a function.
# Seen: the ONNX model is that of weights="uniform", for classes, chances and regression, with the plain operators and
# with those of onnxruntime (optim="cdist"), and nothing is said.
# Output seen (largest difference from scikit-learn, by distance and uniform; rows with another class):
#   skl2onnx 1.20.0 onnxruntime 1.32.0 scikit-learn 1.9.1
#   KNeighborsClassifier: distance 0.38, of 500 rows 26 in another class; uniform 0.00
#   KNeighborsRegressor: distance 1.14; uniform 0.00
#   KNeighborsRegressor, cdist: distance 1.14; uniform 0.00
#   a function: RuntimeError
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check skl2onnx==1.20.0 onnx==1.23.2 onnxruntime==1.32.0 \
  scikit-learn==1.9.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import onnxruntime
import skl2onnx
import sklearn
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

print("skl2onnx", skl2onnx.__version__, "onnxruntime", onnxruntime.__version__, "scikit-learn", sklearn.__version__)
generator = np.random.default_rng(0)
rows, new = (generator.standard_normal((500, 3)).astype(np.float32) for _ in range(2))
target = rows[:, 0] * 3 + generator.standard_normal(500)
label = (target > 0).astype(int)


def by_onnx(model, **options):
    exported = skl2onnx.to_onnx(model, rows[:1], options=options)
    return onnxruntime.InferenceSession(exported.SerializeToString()).run(None, {"X": new})


chances = {weights: KNeighborsClassifier(4, weights=weights).fit(rows, label) for weights in ("distance", "uniform")}
expected = {weights: model.predict_proba(new) for weights, model in chances.items()}
found = {weights: by_onnx(model, zipmap=False) for weights, model in chances.items()}
off = {weights: np.abs(found[weights][1] - expected[weights]).max() for weights in found}
others = int((found["distance"][0] != chances["distance"].predict(new)).sum())
print(
    f"KNeighborsClassifier: distance {off['distance']:.2f}, of 500 rows {others} in another class; "
    f"uniform {off['uniform']:.2f}"
)
assert off["distance"] > 0.2 and others > 10 and off["uniform"] < 1e-5
assert np.abs(found["distance"][1] - expected["uniform"]).max() < 1e-5
for name, options in (("KNeighborsRegressor", {}), ("KNeighborsRegressor, cdist", {"optim": "cdist"})):
    off = {}
    for weights in ("distance", "uniform"):
        model = KNeighborsRegressor(weights=weights).fit(rows, target)
        off[weights] = np.abs(by_onnx(model, **options)[0].ravel() - model.predict(new)).max()
    print(f"{name}: distance {off['distance']:.2f}; uniform {off['uniform']:.2f}")
    assert off["distance"] > 0.5 and off["uniform"] < 1e-4
try:
    by_onnx(KNeighborsRegressor(weights=lambda distance: 1 / distance**2).fit(rows, target))
except Exception as error:
    print("a function:", type(error).__name__)
else:
    print("a function: taken, too")
PYTHON
