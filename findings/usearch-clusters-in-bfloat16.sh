#!/usr/bin/env bash
# usearch 2.26.6: kmeans rounds float32 rows to bfloat16, so that rows far from zero fall into one cluster.
#
# Guess: rows are clustered as they are handed over, in float32, as faiss does.
# Seen: dtype="bf16" is the default. It has 8 binary digits, so that from 512 to 1,024 its numbers are 4 apart. Four clear
# clusters, 1 apart, are found around 0; around 1,000 one cluster is all that comes back of the four asked for, at
# distances of 0 and without a word. Scaled features are fine, years, prices and coordinates are not. dtype="f32" is
# right. Index() rounds, too, where the processor is quick at bfloat16, so that neighbours differ between machines.
# Output seen (best of five seeds):
#   usearch 2.26.6
#   around 0, default: 4 clusters, sum of squares 2.0 of 201.2
#   around 1000, default: 1 clusters, sum of squares 201.2 of 201.2
#   around 1000, dtype="f32": 4 clusters, sum of squares 2.0 of 201.2
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check usearch==2.26.6 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import usearch
from usearch.index import kmeans

print("usearch", usearch.__version__)
corners = np.repeat([[0, 0], [0, 1], [1, 0], [1, 1]], 100, axis=0)
rows = corners + np.random.default_rng(0).normal(0, 0.05, (400, 2))


def squares(assigned):
    return sum(((rows[assigned == each] - rows[assigned == each].mean(axis=0)) ** 2).sum() for each in set(assigned))


def cluster(what, shift, clusters, **options):
    moved = (rows + shift).astype(np.float32)
    runs = [np.asarray(kmeans(moved, 4, seed=seed, **options)[0]).tolist() for seed in range(5)]
    best = min((np.array(run) for run in runs), key=squares)
    found, apart = len(set(best)), squares(best) / squares(np.zeros(400))
    total = squares(np.zeros(400))
    print(f"{what}: {found} clusters, sum of squares {apart * total:.1f} of {total:.1f}")
    assert found == clusters and (apart < 0.02) == (clusters == 4)


cluster("around 0, default", 0, 4)
cluster("around 1000, default", 1000, 1)
cluster('around 1000, dtype="f32"', 1000, 4, dtype="f32")
PYTHON
