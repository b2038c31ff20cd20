#!/usr/bin/env bash
# gower 0.1.2: a numeric column whose largest value is 0 does not count.
#
# Guess: a numeric column adds |a - b| over its range, wherever its values lie, so that 1 added to all of them changes
# no distance.
# Seen: the range is made by dividing by the largest value; where that is 0 the column has range 0, and its differences
# are left out, while it is still counted among the columns. Losses, discounts and logarithms of shares often end at 0:
# rows at the two ends of such a column are 0 apart, and k-medoids of the matrix does not see it. A constant added to
# the column is the way out.
# Output seen (distances of the first row to each):
#   gower 0.1.2 numpy 2.4.6 pandas 3.1.1
#   -90 to -1: 0.000 0.500 0.250 0.500
#   -89 to 0: 0.000 0.000 0.000 0.500
#   -88 to 1: 0.000 0.500 0.250 0.500
#   0 to 89: 0.000 0.500 0.250 0.500
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check gower==0.1.2 numpy==2.4.6 pandas==3.1.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from importlib.metadata import version

import gower
import numpy as np
import pandas

print("gower", version("gower"), "numpy", np.__version__, "pandas", pandas.__version__)
found = {}
for least in (-90.0, -89.0, -88.0, 0.0):
    frame = pandas.DataFrame({"loss": least + np.array([0.0, 89.0, 44.5, 0.0]), "flag": [0.0, 0.0, 0.0, 1.0]})
    found[least] = gower.gower_matrix(frame)[0]
    print(f"{least:.0f} to {least + 89:.0f}:", *(f"{each:.3f}" for each in found[least]))
assert all(np.allclose(found[least], [0, 0.5, 0.25, 0.5]) for least in (-90.0, -88.0, 0.0))
assert np.allclose(found[-89.0], [0, 0, 0, 0.5])
PYTHON
