#!/usr/bin/env bash
# POT 0.9.7: distances in one dimension, and sliced ones, take weights that do not sum to those of the other side, and
# give a number that is no distance.
#
# Guess: weights of another sum are divided by it, as scipy's wasserstein_distance does, or refused, as emd2_1d of the
# same package does ("a and b vector must have the same sum").
# Seen: wasserstein_1d and sliced_wasserstein_distance compute without a word. Rows of weight 1 against the same rows
# without weights (which are then 1/n each) are 7,122 apart; so weights that sum to n, of a sample or a coreset, give
# thousands where .125 is right. Weights divided by their sum are right.
# Output seen (weights that sum to n; divided by their sum):
#   POT 0.9.7.post1 scipy 1.17.1
#   scipy: 0.125, 0.125
#   wasserstein_1d: 7162.400, 0.125
#   sliced_wasserstein_distance: 172.912, 0.371
#   emd2_1d: AssertionError, 0.125
#   the rows, each of weight 1, and the rows: 7121.845
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pot==0.9.7.post1 scipy==1.17.1 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import ot
import scipy
from scipy.stats import wasserstein_distance

print("POT", ot.__version__, "scipy", scipy.__version__)
generator = np.random.default_rng(0)
rows = generator.exponential(size=1000)
subset = np.sort(rows)[50::100]
weight = np.full(10, 100.0)
distances = {
    "scipy": lambda weight: wasserstein_distance(subset, rows, weight),
    "wasserstein_1d": lambda weight: ot.wasserstein_1d(subset, rows, weight, p=1),
    "sliced_wasserstein_distance": lambda weight: ot.sliced_wasserstein_distance(
        subset[:, None], rows[:, None], weight, seed=0
    ),
    "emd2_1d": lambda weight: ot.emd2_1d(subset, rows, weight, metric="euclidean"),
}
for name, distance in distances.items():
    expected = distance(weight / weight.sum())
    try:
        found = distance(weight)
    except AssertionError as error:
        print(f"{name}: {type(error).__name__}, {expected:.3f}")
        assert name == "emd2_1d"
    else:
        print(f"{name}: {found:.3f}, {expected:.3f}")
        assert abs(found - expected) < 1e-9 if name == "scipy" else abs(found - expected) > 0.5
itself = ot.wasserstein_1d(rows, rows, np.ones(1000), p=1)
print(f"the rows, each of weight 1, and the rows: {itself:.3f}")
assert itself > 1
PYTHON
