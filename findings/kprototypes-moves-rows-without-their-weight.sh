#!/usr/bin/env bash
# kmodes 0.12.2: with sample_weight the centroids of KPrototypes are not the means of their rows, and a weight of 10 for
# all rows gives worse clusters.
#
# Guess: centroids are means weighted by sample_weight, and the same weight for all rows changes nothing but the scale
# of the cost.
# Seen: where a row goes over to another cluster its values move with its weight, and the sums by which they are divided
# move by 1. With a weight of 10 for each row clusters cost half as much again as without weights; uneven weights of
# mean 1 are off, too. Weights of 1 are right, and so are the categories, and KModes with any weights.
# Output seen (cost by weight, mean distance of centroids from the weighted means of their rows):
#   kmodes 0.12.2
#   no weights: cost 2.03, centroids off by 0.00
#   weight 1 each: cost 2.03, centroids off by 0.00
#   weight 10 each: cost 2.95, centroids off by 0.63
#   weight 100 each: cost 3.02, centroids off by 0.70
#   weights 1 to 19: cost 2.92, centroids off by 0.64
#   weights 1 to 19, of mean 1: cost 2.20, centroids off by 0.27
#   KModes: weight 1 each 2.07, weight 10 each 2.07
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check kmodes==0.12.2 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from importlib.metadata import version

import numpy as np
from kmodes.kmodes import KModes
from kmodes.kprototypes import KPrototypes

print("kmodes", version("kmodes"))
generator = np.random.default_rng(0)
numbers = generator.uniform(0, 10, (500, 2))
rows = np.c_[numbers, generator.integers(0, 2, 500)]


def compare(name, weight):
    given = None if weight is None else [float(each) for each in weight]
    weight = np.ones(500) if weight is None else weight
    cost, off = [], []
    for seed in range(3):
        model = KPrototypes(8, n_init=3, random_state=seed, gamma=0.1).fit(rows, categorical=[2], sample_weight=given)
        cost.append(model.cost_ / weight.sum())
        middle = model.cluster_centroids_[:, :2].astype(float)
        for each in np.unique(model.labels_):
            mean = np.average(numbers[model.labels_ == each], axis=0, weights=weight[model.labels_ == each])
            off.append(np.linalg.norm(middle[each] - mean))
    print(f"{name}: cost {np.mean(cost):.2f}, centroids off by {np.mean(off):.2f}")
    return np.mean(cost), np.mean(off)


alone, _ = compare("no weights", None)
for scale in (1, 10, 100):
    cost, off = compare(f"weight {scale} each", np.full(500, scale))
    assert abs(cost - alone) < 0.2 and off < 0.01 if scale == 1 else cost > 1.2 * alone and off > 0.2
uneven = generator.integers(1, 20, 500)
assert compare("weights 1 to 19", uneven)[1] > 0.2
assert compare("weights 1 to 19, of mean 1", uneven / uneven.mean())[1] > 0.1
words = generator.integers(0, 4, (500, 4))
models = {scale: KModes(3, random_state=0).fit(words, sample_weight=[scale] * 500) for scale in (1.0, 10.0)}
cost = [model.cost_ / (500 * scale) for scale, model in models.items()]
print(f"KModes: weight 1 each {cost[0]:.2f}, weight 10 each {cost[1]:.2f}")
assert abs(cost[0] - cost[1]) < 1e-9
PYTHON
