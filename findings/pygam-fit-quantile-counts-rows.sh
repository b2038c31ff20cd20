#!/usr/bin/env bash
# pygam 0.12.0: fit_quantile of ExpectileGAM, given weights, looks for the quantile of rows that count alike.
#
# Guess: fit_quantile(X, y, quantile=0.5, weights=w) has half of the weight below it, as its fits are weighted.
# Seen: the expectile is searched until the share of rows below it is right, and that share counts rows. Where those
# above 0 weigh 9 times the others, whose weighted median is about .6, the curve lies where it does without weights,
# with .10 of the weight below: the search undoes what the weights did. With each row repeated as often as it weighs it
# is right.
# Output seen (mean of the curve, share of rows and of the weight below it):
#   pygam 0.12.0
#   weights: mean -0.03, rows below 0.50, weight below 0.10
#   no weights: mean -0.00, rows below 0.51, weight below 0.11
#   rows repeated: mean 0.58, rows below 0.72, weight below 0.49
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pygam==0.12.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import pygam

print("pygam", pygam.__version__)
generator = np.random.default_rng(0)
x, y = generator.random((2000, 1)), generator.standard_normal(2000)
weight = np.where(y > 0, 9, 1)
which = np.repeat(np.arange(2000), weight)
cases = {"weights": (x, y, weight), "no weights": (x, y, None), "rows repeated": (x[which], y[which], None)}
below = {}
for name, (rows, target, weights) in cases.items():
    curve = pygam.ExpectileGAM(n_splines=5).fit_quantile(rows, target, quantile=0.5, weights=weights).predict(x)
    below[name] = np.average(y < curve, weights=weight)
    print(f"{name}: mean {curve.mean():.2f}, rows below {np.mean(y < curve):.2f}, weight below {below[name]:.2f}")
assert below["weights"] < 0.2 and below["no weights"] < 0.2 and abs(below["rows repeated"] - 0.5) < 0.05
PYTHON
