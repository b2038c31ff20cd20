#!/usr/bin/env bash
# XGBoost 3.2.0: with sample weights the hazard ratios of survival:cox grow with each round, without end.
#
# Guess: a weight of k is k rows, as in its other objectives.
# Seen: the gradient of a row is multiplied by its weight, while the sums over those at risk in it count rows. Where
# rows that weigh more die earlier than others, the gradients do not sum to zero at any model, and each round adds a
# constant to all, until they are inf (from 88 on in float32). The difference between two rows stands still, but not
# where it is with the rows repeated. Weights of mean 1 do the same.
# Output seen (log of the hazard ratios at x = 0 and x = 1, their difference):
#   xgboost 3.2.0
#   weights, 50 rounds: 25.07, 25.52, 0.45
#   weights, 400 rounds: 88.38, 88.84, 0.45; predicted inf
#   rows repeated, 50 rounds: -0.26, 0.40, 0.66
#   rows repeated, 400 rounds: -0.18, 0.48, 0.66; predicted 1.6
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xgboost-cpu==3.2.0 numpy==2.4.6 scipy==1.17.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import xgboost

print("xgboost", xgboost.__version__)
generator = np.random.default_rng(0)
x = np.repeat([0.0, 1.0], 2000)[:, None]
heavy = generator.random(4000) < 0.5  # rows that die earlier and weigh more
time = generator.exponential(1 / np.where(heavy, 10 * np.exp(x[:, 0]), np.exp(-x[:, 0])))
label = np.where(time < 2, time, -2.0)  # negative: alive at 2
count = np.where(heavy, 20, 1)
again = np.repeat(np.arange(4000), count)
settings = {"objective": "survival:cox", "max_depth": 1, "nthread": 1}
last = {}
for name, data in (
    ("weights", xgboost.DMatrix(x, label=label, weight=count / count.mean())),
    ("rows repeated", xgboost.DMatrix(x[again], label=label[again])),
):
    for rounds in (50, 400):
        model, both = xgboost.train(settings, data, rounds), xgboost.DMatrix(np.array([[0.0], [1.0]]))
        first, second = model.predict(both, output_margin=True)
        last[name, rounds] = first, second, float(model.predict(both)[1])
        text = f"{name}, {rounds} rounds: {first:.2f}, {second:.2f}, {second - first:.2f}"
        print(text + (f"; predicted {last[name, rounds][2]:.2g}" if rounds == 400 else ""))
assert last["weights", 400][0] > last["weights", 50][0] + 50 and last["weights", 400][2] == np.inf
assert all(abs(last["rows repeated", rounds][0]) < 1 for rounds in (50, 400))
assert last["rows repeated", 400][2] < 3
PYTHON
