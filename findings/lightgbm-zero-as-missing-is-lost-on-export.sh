#!/usr/bin/env bash
# treelite 4.8.1, onnxmltools 1.16.0: a LightGBM model with zero_as_missing=true takes zeros for numbers after export.
#
# Guess: the text of a model has missing_type zero in each split, so that zeros go the way of missing values, or the
# model is refused, as m2cgen refuses it ("Unknown missing_type: Zero").
# Seen: zeros are compared with the threshold like any number. With zero_as_missing=true, which is there for sparse
# rows, most entries are zeros: here a quarter of the rows has one and other chances, by up to .94, and nothing is said.
# Rows without a zero agree. NaN in place of the zeros is no way out in treelite.
# Output seen (share of rows off by more than .001, largest difference of chances):
#   lightgbm 4.7.0 treelite 4.8.1 onnxmltools 1.16.0
#   treelite, rows with zeros: 1.00, 0.94; without: 0.00, 0.00
#   onnxmltools, rows with zeros: 1.00, 0.94; without: 0.00, 0.00
#   treelite, NaN for zeros: 1.00, 0.94
#   m2cgen: ValueError
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check lightgbm==4.7.0 treelite==4.8.1 onnxmltools==1.16.0 \
  onnx==1.23.2 onnxruntime==1.32.0 m2cgen==0.10.0 scikit-learn==1.9.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import lightgbm
import m2cgen
import numpy as np
import onnxmltools
import onnxruntime
import treelite
from onnxmltools.convert.common.data_types import FloatTensorType

onnxruntime.set_default_logger_severity(4)
versions = ((each.__name__, each.__version__) for each in (lightgbm, treelite, onnxmltools))
print(*(text for version in versions for text in version))
generator = np.random.default_rng(0)
rows = generator.standard_normal((2000, 4)).astype(np.float32)
label = (rows[:, 0] + rows[:, 1] ** 2 + generator.standard_normal(2000) / 2 > 1.2).astype(int)
rows[(label == 1) & (generator.random(2000) < 0.7), 0] = 0
zeros = rows[:, 0] == 0
settings = {"objective": "binary", "num_leaves": 8, "zero_as_missing": True, "num_threads": 1, "verbose": -1}
model = lightgbm.train(settings, lightgbm.Dataset(rows, label), 30)
expected = model.predict(rows)


def compare(name, chances):
    off = np.abs(chances - expected)
    shares = [((off[which] > 1e-3).mean(), off[which].max()) for which in (zeros, ~zeros)]
    text = [f"{share:.2f}, {most:.2f}" for share, most in shares]
    print(f"{name}: {text[0]}" if "NaN" in name else f"{name}, rows with zeros: {text[0]}; without: {text[1]}")
    assert shares[1][0] == 0
    return shares[0][0]


imported = treelite.frontend.from_lightgbm(model)
exported = onnxmltools.convert_lightgbm(model, initial_types=[("rows", FloatTensorType([None, 4]))], zipmap=False)
session = onnxruntime.InferenceSession(exported.SerializeToString())
assert compare("treelite", treelite.gtil.predict(imported, rows.astype(np.float64)).ravel()) > 0.2
assert compare("onnxmltools", session.run(None, {"rows": rows})[-1][:, 1]) > 0.2
missing = np.where(rows == 0, np.nan, rows).astype(np.float64)
assert compare("treelite, NaN for zeros", treelite.gtil.predict(imported, missing).ravel()) > 0.2
try:
    m2cgen.export_to_python(lightgbm.LGBMClassifier(n_estimators=5, zero_as_missing=True, verbose=-1).fit(rows, label))
except Exception as error:
    print("m2cgen:", type(error).__name__)
else:
    print("m2cgen: taken")
PYTHON
