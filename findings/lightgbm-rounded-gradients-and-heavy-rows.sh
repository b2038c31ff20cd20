#!/usr/bin/env bash
# LightGBM 4.7.0: with uneven sample weights use_quantized_grad makes the error much larger, without weights it does
# not.
#
# Guess: gradients rounded to 4 steps cost little, as without weights, since rounding is at random and right on
# average.
# Seen: the steps are shares of the largest gradient times weight, so that one heavy row makes them coarse for all
# others. The same rows repeated as often as they weigh are trained as well as unrounded. quant_train_renew_leaf=True,
# which takes the values of leaves from the unrounded gradients, or num_grad_quant_bins=64 puts it right.
# Output seen (RMSE on new rows, means of three seeds; weights log-normal, the largest 40 to 74 times the mean):
#   lightgbm 4.7.0
#   {} weights 0.437, rows repeated 0.415
#   {'use_quantized_grad': True} weights 0.820, rows repeated 0.391
#   {'use_quantized_grad': True, 'quant_train_renew_leaf': True} weights 0.396, rows repeated 0.405
#   {'use_quantized_grad': True, 'num_grad_quant_bins': 64} weights 0.400, rows repeated 0.443
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

def curve(rows):
    return np.sin(2 * rows[:, 0]) + rows[:, 1] * rows[:, 2]


def errors(seed, **settings):
    """RMSE with weights, and with each row repeated as often as it weighs."""
    generator = np.random.default_rng(seed)
    rows, new = generator.standard_normal((3000, 6)), generator.standard_normal((5000, 6))
    labels = curve(rows) + 0.3 * generator.standard_normal(3000)
    weight = np.maximum(1, np.round(3 * np.exp(1.5 * generator.standard_normal(3000)))).astype(int)
    again = np.repeat(np.arange(3000), weight)
    settings = {"objective": "regression", "num_leaves": 15, "verbose": -1, "num_threads": 1, "seed": 0} | settings
    for data in (
        lightgbm.Dataset(rows, labels, weight=weight / weight.mean()),
        lightgbm.Dataset(rows[again], labels[again]),
    ):
        model = lightgbm.train(settings, data, 100)
        yield float(np.sqrt(np.mean((model.predict(new) - curve(new)) ** 2)))


rounded = {"use_quantized_grad": True}
means = []
for settings in ({}, rounded, rounded | {"quant_train_renew_leaf": True}, rounded | {"num_grad_quant_bins": 64}):
    means.append(np.mean([list(errors(seed, **settings)) for seed in range(3)], axis=0))
    print(settings, "weights {:.3f}, rows repeated {:.3f}".format(*means[-1]))
plain, rounded, renewed, finer = means
assert rounded[0] > 1.4 * plain[0] and rounded[1] < 1.1 * plain[1]
assert renewed[0] < 1.1 * plain[0] and finer[0] < 1.1 * plain[0]
PYTHON
