#!/usr/bin/env bash
# river 0.26.1: with weights Rand is below 0, and AdjustedRand, Homogeneity and Completeness are above 1.
#
# Guess: update(y, y_pred, w=5) is five updates, as in Accuracy, MCC, CohenKappa and the others, or is refused.
# Seen: cells of the table add up weights, the number of rows counts updates, and Rand, AdjustedRand, Homogeneity,
# Completeness and VBeta divide the one by the other. They are right for weights whose mean is 1 so far; whole weights,
# or those of a coreset that sum to n, are not such.
# Output seen (weights, updates repeated, weights of mean 1):
#   river 0.26.1
#   Accuracy: 0.733 0.733 0.733
#   CohenKappa: 0.446 0.446 0.446
#   Rand: -5.551 0.650 0.649
#   AdjustedRand: 1.037 0.321 0.320
#   Homogeneity: 1.603 0.268 0.268
#   Completeness: 2.471 0.188 0.188
#   VBeta: 1.944 0.221 0.221
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check river==0.26.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import river
from river import metrics

print("river", river.__version__)
generator = np.random.default_rng(0)
label = generator.integers(0, 3, 500)
cluster = np.where(generator.random(500) < 0.6, label, generator.integers(0, 3, 500))
weight = np.array([1, 2, 9])[label]


def measure(name, weights, times):
    metric = getattr(metrics, name)()
    for row in np.repeat(np.arange(500), times):
        metric.update(int(label[row]), int(cluster[row]), **({} if weights is None else {"w": float(weights[row])}))
    return metric.get()


for name in ("Accuracy", "CohenKappa", "Rand", "AdjustedRand", "Homogeneity", "Completeness", "VBeta"):
    found, repeated = measure(name, weight, 1), measure(name, None, weight)
    of_mean_1 = measure(name, weight / weight.mean(), 1)
    print(f"{name}: {found:.3f} {repeated:.3f} {of_mean_1:.3f}")
    assert abs(found - repeated) < 1e-9 if name in ("Accuracy", "CohenKappa") else not 0 <= found <= 1
    assert abs(of_mean_1 - repeated) < 0.01
PYTHON
