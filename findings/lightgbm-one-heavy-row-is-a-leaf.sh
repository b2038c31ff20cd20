#!/usr/bin/env bash
# LightGBM 4.7.0: with weights, min_data_in_leaf=20 lets a leaf hold a single row.
#
# Guess: min_data_in_leaf is what its description says, the "minimal number of data in one leaf".
# Seen: without weights the smallest leaf holds 20 rows. Where one row of 1,000 has the weight 30, it becomes a leaf of its
# own: the count of a leaf is estimated from its share of the hessians, which weights multiply, not counted.
# Output seen:
#   lightgbm 4.7.0
#   weight 1: smallest leaf holds 20 rows
#   weight 30: smallest leaf holds 1 rows
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check lightgbm==4.7.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import lightgbm
import numpy as np

print("lightgbm", lightgbm.__version__)
generator = np.random.default_rng(0)
rows = generator.standard_normal((1000, 1))
labels = (generator.random(1000) < 0.5).astype(float)
last = int(np.argmax(rows[:, 0]))
labels[last] = 1
smallest = {}
for heavy in (1, 30):
    weight = np.ones(1000)
    weight[last] = heavy
    bins = {"max_bin": 2000, "min_data_in_bin": 1, "verbose": -1}
    settings = {"objective": "binary", "min_data_in_leaf": 20, "num_threads": 1} | bins
    model = lightgbm.train(settings, lightgbm.Dataset(rows, labels, weight=weight, params=bins), 5)
    leaves = model.predict(rows, pred_leaf=True).reshape(1000, -1)
    smallest[heavy] = min(int(np.unique(tree, return_counts=True)[1].min()) for tree in leaves.T)
    print(f"weight {heavy}: smallest leaf holds {smallest[heavy]} rows")
assert smallest == {1: 20, 30: 1}
PYTHON
