#!/usr/bin/env bash
# apricot-select 0.6.1, submodlib-py 0.0.3: facility location with metric="euclidean" is not about sums of distances,
# and what submodlib picks depends on the unit of the features and on columns of zeros.
#
# Guess: the similarity is a constant less the distance, so that greedy makes the sum of distances to the nearest pick
# small, in both; a column of zeros changes no distance, another unit changes all alike, so neither changes the picks.
# Seen: apricot squares the distances: its picks are those of greedy on squares, of which far rows are most. submodlib
# takes exp(-distance / number of features), for which all rows but the nearest are alike in a small unit: with rows
# times 10 more than half of what greedy gains on random picks is lost. Who compares picks by distances hands both a
# matrix of similarities.
# Output seen (200 rows, 3 features: sum of distances to the nearest of 10 picks, what the picks are):
#   apricot-select 0.6.1 submodlib-py 0.0.3
#   greedy on distances 491
#   random, mean of 50: 604
#   apricot 495, greedy on squares
#   submodlib 496, greedy on exp(-distance / 3)
#   submodlib, 27 columns of zeros 491, greedy on exp(-distance / 30)
#   submodlib, rows times 10 557, greedy on exp(-distance / 0.3)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check apricot-select==0.6.1 submodlib-py==0.0.3 \
  scipy==1.17.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from importlib.metadata import version

import apricot
import numpy as np
import submodlib
from scipy.spatial.distance import cdist

print("apricot-select", version("apricot-select"), "submodlib-py", version("submodlib-py"))
generator = np.random.default_rng(0)
rows = generator.standard_normal((200, 3)) * 3
distances = cdist(rows, rows)


def greedy(similarity):
    reached, picks = np.zeros(200), []
    for _ in range(10):
        picks.append(int(np.maximum(similarity, reached[:, None]).sum(axis=0).argmax()))
        reached = np.maximum(reached, similarity[:, picks[-1]])
    return picks


def submodlib_picks(rows):
    made = submodlib.FacilityLocationFunction(n=200, data=rows, mode="dense", metric="euclidean", separate_rep=False)
    return [row for row, _ in made.maximize(budget=10, optimizer="NaiveGreedy", show_progress=False)]


def left(picks):
    return distances[:, picks].min(axis=1).sum()


def check(what, picks, name, similarity):
    print(f"{what} {left(picks):.0f}, greedy on {name}")
    assert list(picks) == greedy(similarity)


best = left(greedy(distances.max() - distances))
chance = np.mean([left(generator.choice(200, 10, replace=False)) for _ in range(50)])
print(f"greedy on distances {best:.0f}\nrandom, mean of 50: {chance:.0f}")
apricot_picks = apricot.FacilityLocationSelection(10, metric="euclidean").fit(rows).ranking
check("apricot", apricot_picks, "squares", (distances**2).max() - distances**2)
check("submodlib", submodlib_picks(rows), "exp(-distance / 3)", np.exp(-distances / 3))
padded = np.hstack([rows, np.zeros((200, 27))])
check("submodlib, 27 columns of zeros", submodlib_picks(padded), "exp(-distance / 30)", np.exp(-distances / 30))
large = submodlib_picks(rows * 10)
check("submodlib, rows times 10", large, "exp(-distance / 0.3)", np.exp(-distances / 0.3))
assert left(large) - best > 0.4 * (chance - best) and submodlib_picks(rows) != submodlib_picks(padded) != large
PYTHON
