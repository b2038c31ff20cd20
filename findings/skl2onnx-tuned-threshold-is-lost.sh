#!/usr/bin/env bash
# skl2onnx 1.20.0: TunedThresholdClassifierCV is converted without its threshold.
#
# Guess: the labels of the ONNX model are those of predict(), for which the threshold was tuned, or the model is
# refused, as FixedThresholdClassifier is.
# Seen: the inner classifier is converted and cuts at one half. Chances agree, labels do not: of a class with 4 % of the
# rows the tuned model finds .91, the ONNX model .13, and nothing is said. Cut the chances at best_threshold_.
# Output seen (share of class 1 found):
#   skl2onnx 1.20.0 onnxruntime 1.32.0 scikit-learn 1.9.1
#   best_threshold_ 0.03, chances differ by 0.000
#   scikit-learn 0.91, ONNX 0.13, chances of ONNX cut at best_threshold_ 0.91
#   FixedThresholdClassifier: MissingShapeCalculator
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
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV

print("skl2onnx", skl2onnx.__version__, "onnxruntime", onnxruntime.__version__, "scikit-learn", sklearn.__version__)
generator = np.random.default_rng(0)
rows = generator.standard_normal((5000, 3)).astype(np.float32)
label = (rows[:, 0] + generator.standard_normal(5000) > 2.5).astype(int)
model = TunedThresholdClassifierCV(LogisticRegression(), scoring="balanced_accuracy").fit(rows, label)
exported = skl2onnx.to_onnx(model, rows[:1], options={"zipmap": False})
labels, chances = onnxruntime.InferenceSession(exported.SerializeToString()).run(None, {"X": rows})
off = np.abs(chances - model.predict_proba(rows)).max()
print(f"best_threshold_ {model.best_threshold_:.2f}, chances differ by {off:.3f}")
given = (model.predict(rows), labels, chances[:, 1] >= model.best_threshold_)
found = [np.mean(which[label == 1]) for which in given]
print(f"scikit-learn {found[0]:.2f}, ONNX {found[1]:.2f}, chances of ONNX cut at best_threshold_ {found[2]:.2f}")
assert off < 1e-5 and found[0] > 0.6 > 0.3 > found[1] and abs(found[2] - found[0]) < 0.01
try:
    skl2onnx.to_onnx(FixedThresholdClassifier(LogisticRegression(), threshold=0.1).fit(rows, label), rows[:1])
except Exception as error:
    print("FixedThresholdClassifier:", type(error).__name__)
else:
    print("FixedThresholdClassifier: taken, too")
PYTHON
