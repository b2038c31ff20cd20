#!/usr/bin/env bash
# dask 2026.8.0: bag.random.sample draws the items of a small partition several times as often as those of a large one.
#
# Guess: "chooses k unique random elements from a bag": each element has the same chance, however the bag is
# partitioned.
# Seen: 10 items in one partition beside 990 in another are 1 % of the bag and 3 % of a sample, of any size; 100 beside
# 900 are 17 %. A filter, or files of different length, leaves such partitions, and rows of small files are drawn too
# often. choices, which draws with replacement, and sample of partitions of one length are right.
# Output seen (share of the first partition in samples of 10 and of 50, means of 200):
#   dask 2026.8.0
#   10 and 990 items: sample 0.026 0.031, choices 0.011 0.011
#   100 and 900 items: sample 0.161 0.173, choices 0.097 0.100
#   500 and 500 items: sample 0.505 0.504, choices 0.480 0.499
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check dask==2026.8.0
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import random

import dask
from dask.bag import from_delayed
from dask.bag.random import choices, sample

print("dask", dask.__version__)
random.seed(0)


def share(draw, bag, size, first):
    return sum(item < first for _ in range(200) for item in draw(bag, size).compute(scheduler="sync")) / (200 * size)


for first in (10, 100, 500):
    bag = from_delayed([dask.delayed(list)(range(first)), dask.delayed(list)(range(first, 1000))])
    sampled = [share(sample, bag, size, first) for size in (10, 50)]
    chosen = [share(choices, bag, size, first) for size in (10, 50)]
    print(
        f"{first} and {1000 - first} items: sample {sampled[0]:.3f} {sampled[1]:.3f}, "
        f"choices {chosen[0]:.3f} {chosen[1]:.3f}"
    )
    assert all(abs(each / first * 1000 - 1) < 0.4 for each in chosen)
    assert abs(sampled[1] - 0.5) < 0.03 if first == 500 else sampled[1] > 1.5 * first / 1000
PYTHON
