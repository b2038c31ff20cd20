#!/usr/bin/env bash
# small-text 1.4.1: the greedy coreset measures from rows that it did not pick, unless the unlabelled rows come first.
#
# Guess: each pick is the unlabelled row farthest from all labelled and picked ones (k-centre greedy, as documented),
# and what greedy_coreset returns are "indices relative to x".
# Seen: picks are places among the unlabelled rows, and distances to them are those to the rows at these places of x:
# after 100 labelled rows, pick 7 is row 107, and row 7 is what later picks keep away from. Picks may lie side by side
# and the radius hardly falls. With the unlabelled rows first in x it is k-centre greedy, row for row. The query
# strategy GreedyCoreset is made of it.
# Output seen (largest distance of an unlabelled row from labelled and picked ones):
#   small-text 1.4.1
#   unlabelled rows first: before 0.149, small-text 0.054, greedy 0.054, 100 of 100 picks alike
#   labelled rows first: before 0.141, small-text 0.096, greedy 0.055, 2 of 100 picks alike
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check small-text==1.4.1 scikit-learn==1.9.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from importlib.metadata import version

import numpy as np
from scipy.spatial.distance import cdist
from small_text.query_strategies.coresets import greedy_coreset

print("small-text", version("small-text"))
rows = np.random.default_rng(0).uniform(0, 1, (1100, 2))


def distances(unlabelled, centres):
    return cdist(rows[unlabelled], rows[centres]).min(axis=1)


for name, unlabelled, labelled in (
    ("unlabelled", np.arange(1000), np.arange(1000, 1100)),
    ("labelled", np.arange(100, 1100), np.arange(100)),
):
    picked = unlabelled[greedy_coreset(rows, unlabelled, labelled, 100, distance_metric="euclidean")]
    centres = labelled
    for _ in range(100):
        centres = np.append(centres, unlabelled[distances(unlabelled, centres).argmax()])
    alike = int((picked == centres[100:]).sum())
    before, found, expected = (
        distances(unlabelled, each).max() for each in (labelled, np.append(labelled, picked), centres)
    )
    print(
        f"{name} rows first: before {before:.3f}, small-text {found:.3f}, greedy {expected:.3f}, "
        f"{alike} of 100 picks alike"
    )
    assert alike == 100 if name == "unlabelled" else alike < 10 and found > 1.5 * expected
PYTHON
