#!/usr/bin/env bash
# LightGBM 4.7.0: Dataset.subset([9, 2, 5]) has rows 2, 5 and 9, in this order.
#
# Guess: the rows come in the order of used_indices, as with numpy, xgboost's DMatrix.slice and CatBoost's Pool.slice,
# so that weights, labels or scores in that order may be set on the subset.
# Seen: the indices are sorted. With rows in the order of a ranking, set_weight(w) gives each weight to another row
# than the one it was computed for, without a word; the lengths agree. The indices in their new order are in
# .used_indices.
# Output seen:
#   lightgbm 4.7.0 xgboost 3.2.0
#   lightgbm: labels [2.0, 5.0, 9.0], weights [0.9, 0.2, 0.5]
#   xgboost: labels [9.0, 2.0, 5.0], weights [0.9, 0.2, 0.5]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check lightgbm==4.7.0 xgboost-cpu==3.2.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import lightgbm
import numpy as np
import xgboost

print("lightgbm", lightgbm.__version__, "xgboost", xgboost.__version__)
labels = np.arange(20.0)
rows = labels[:, None]
picked, weight = [9, 2, 5], np.array([0.9, 0.2, 0.5])  # a tenth of the row that each is for
whole = lightgbm.Dataset(rows, labels, params={"min_data_in_bin": 1, "verbose": -1}, free_raw_data=False).construct()
first = whole.subset(picked).construct()
first.set_weight(weight)
second = xgboost.DMatrix(rows, label=labels).slice(picked)
second.set_weight(weight)
for name, subset in (("lightgbm", first), ("xgboost", second)):
    found = subset.get_label().tolist(), subset.get_weight().round(6).tolist()
    found = found[0], [round(each, 1) for each in found[1]]
    print(f"{name}: labels {found[0]}, weights {found[1]}")
    assert found == ([2, 5, 9] if name == "lightgbm" else [9, 2, 5], [0.9, 0.2, 0.5])
PYTHON
