#!/usr/bin/env bash
# LightGBM 4.7.0: of lines "label:weight index:value ..." it reads all but the weights, without a word.
#
# Guess: text with a weight after each label, as XGBoost reads it, is read with its weights or refused, as
# scikit-learn and CatBoost do.
# Seen: labels and features are right, the dataset has no weights, and the model is that without weights. Weights have
# to be in a file DATA.weight beside DATA.
# Output seen:
#   lightgbm 4.7.0 xgboost 3.2.0
#   xgboost: labels [0, 1, 0, 1], weights [1, 2, 3, 4]
#   lightgbm: labels [0, 1, 0, 1], weights None
#   lightgbm, DATA.weight: labels [0, 1, 0, 1], weights [1, 2, 3, 4]
#   scikit-learn: ValueError
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check lightgbm==4.7.0 xgboost-cpu==3.2.0 \
  scikit-learn==1.9.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import lightgbm
import xgboost
from sklearn.datasets import load_svmlight_file

print("lightgbm", lightgbm.__version__, "xgboost", xgboost.__version__)
rows = [(row % 2, row + 1, f"0:{row / 2} 1:{row}") for row in range(40)]
with open("both", "w") as file:
    file.writelines(f"{label}:{weight} {pairs}\n" for label, weight, pairs in rows)
with open("beside", "w") as file, open("beside.weight", "w") as weights:
    file.writelines(f"{label} {pairs}\n" for label, _, pairs in rows)
    weights.writelines(f"{weight}\n" for _, weight, _ in rows)


def dataset(name):
    return lightgbm.Dataset(name, params={"verbose": -1, "min_data_in_leaf": 1}).construct()


def show(name, data):
    labels, weight = data.get_label(), data.get_weight()
    start = [None if all_of is None else [int(each) for each in all_of[:4]] for all_of in (labels, weight)]
    print(f"{name}: labels {start[0]}, weights {start[1]}")
    assert len(labels) == 40
    return start


expected = [[0, 1, 0, 1], [1, 2, 3, 4]]
assert show("xgboost", xgboost.DMatrix("both?format=libsvm")) == expected
assert show("lightgbm", dataset("both")) == [expected[0], None]
assert show("lightgbm, DATA.weight", dataset("beside")) == expected
try:
    load_svmlight_file("both")
except ValueError as error:
    print("scikit-learn:", type(error).__name__)
else:
    raise SystemExit("scikit-learn reads it now")
PYTHON
