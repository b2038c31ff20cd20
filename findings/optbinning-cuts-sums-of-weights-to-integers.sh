#!/usr/bin/env bash
# optbinning 1.0.0: sums of sample weights are cut to integers, so that weights of a small scale say nothing.
#
# Guess: the scale of the weights is of no matter, since the weight of evidence and the information value are made of
# shares.
# Seen: in each bin the weight of each class is cut to an integer, first of all in the many narrow bins that it starts
# from. With weights of 0.9 the bins are other ones, of 0.01 a fifth of the weight is gone, and weights that sum to
# 1 are an error once the bins are used. With the scale "sum" no more than one a class is lost in a bin.
# Output seen (2,000 rows that weigh the same):
#   optbinning 1.0.0
#   weights of 100: 200000 of 200000 are left; borders 0.27 0.70 0.93 ; evidence -4.97 -1.66 0.1 1.97
#   weights of 1: 2000 of 2000 are left; borders 0.27 0.70 0.93 ; evidence -4.97 -1.66 0.1 1.97
#   weights of 0.9: 1786 of 1800 are left; borders 0.06 0.43 0.83 ; evidence -2.82 -0.55 1.14 4.07
#   weights of 0.1: 187 of 200 are left; borders 0.13 0.43 0.83 ; evidence -3.43 -0.6 1.04 3.25
#   weights of 0.01: 16 of 20 are left; borders 0.43 0.59 ; evidence -1.79 0.0 1.79
#   weights of 1/2000: Found array with 0 sample(s) (shape=(0,)) while a minimum of 1 is required.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check optbinning==1.0.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from importlib.metadata import version

import numpy as np
from optbinning import OptimalBinning

print("optbinning", version("optbinning"))
generator = np.random.default_rng(0)
feature = generator.uniform(size=2000)
labels = (generator.random(2000) < feature).astype(int)
found = {}
for mean in (100, 1, 0.9, 0.1, 0.01):
    binning = OptimalBinning("feature", max_n_bins=4).fit(feature, labels, sample_weight=np.full(2000, mean))
    counts = binning.binning_table.build()["Count"]
    evidence = np.unique(binning.transform(feature).round(2))
    print(f"weights of {mean}: {counts['Totals']} of {2000 * mean:g} are left; ", end="")
    print("borders", *(f"{border:.2f}" for border in binning.splits), "; evidence", *evidence)
    found[mean] = counts["Totals"] / (2000 * mean)
try:
    binning = OptimalBinning("feature", max_n_bins=4).fit(feature, labels, sample_weight=np.full(2000, 1 / 2000))
    binning.binning_table.build()
    failed = False
except ValueError as error:
    print("weights of 1/2000:", error)
    failed = True
assert failed and found[100] == found[1] == 1 and found[0.1] < 1 and found[0.01] < 0.9
PYTHON
