#!/usr/bin/env bash
# xgboost 3.2.0, LightGBM 4.7.0, CatBoost 1.2.10, datasets 5.2.0: a mask for row numbers gives rows 0 and 1 again and
# again.
#
# Guess: DMatrix.slice, Dataset.subset, Pool.slice and Dataset.select take a mask as numpy does, or refuse it.
# Seen: True and False are row numbers 1 and 0. The result is as long as the mask, so that labels and weights of all
# rows fit it, and holds two different rows only; nothing is said. numpy.flatnonzero(mask) is what they want.
# pyarrow's take and numpy's arrays do better: the one refuses, the others take rows 2, 4 and 5.
# Output seen:
#   xgboost 3.2.0 lightgbm 4.7.0 catboost 1.2.10 datasets 5.2.0
#   xgboost [10, 10, 11, 10, 11, 11]
#   lightgbm [10, 10, 10, 11, 11, 11]
#   catboost [10, 10, 11, 10, 11, 11]
#   datasets [10, 10, 11, 10, 11, 11]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xgboost-cpu==3.2.0 lightgbm==4.7.0 catboost==1.2.10 \
  datasets==5.2.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import catboost
import datasets
import lightgbm
import numpy as np
import xgboost

print(" ".join(f"{each.__name__} {each.__version__}" for each in (xgboost, lightgbm, catboost, datasets)))
labels = np.arange(10.0, 16.0)
rows = labels[:, None]
mask = np.array([False, False, True, False, True, True])
whole = lightgbm.Dataset(rows, labels, params={"min_data_in_bin": 1, "verbose": -1}, free_raw_data=False).construct()
taken = {
    "xgboost": xgboost.DMatrix(rows, label=labels).slice(mask).get_label(),
    "lightgbm": whole.subset(mask).construct().get_label(),
    "catboost": catboost.Pool(rows, label=labels).slice(mask).get_label(),
    "datasets": datasets.Dataset.from_dict({"label": labels}).select(mask)["label"][:],
}
for name, found in taken.items():
    found = [int(label) for label in found]
    print(name, found)
    assert sorted(found) == [10, 10, 10, 11, 11, 11]
PYTHON
