#!/usr/bin/env bash
# grain 0.2.18: a row number beyond the end of a dataset is another row, not an error.
#
# Guess: dataset[1000] of 1,000 rows is an IndexError, so that row numbers of other data, or counted from 1, are found
# out.
# Seen: row numbers go round: dataset[1000] is row 0, since higher numbers stand for later epochs, and after shuffle
# they are those of another shuffle. Rows selected from 1,500 and looked up in the 1,000 of another version give rows
# without a word, a third of them wrong, and weights beside them are those of others. The numpy array and the list
# behind the dataset, and a slice of either, say IndexError.
# Output seen (row numbers 0, 400, 800, 1200 and 1499 of 1,500, looked up in 1,000):
#   grain 0.2.18
#   source     of 1000: [0, 400, 800, 200, 499]
#   source.map of 1000: [0, 400, 800, 200, 499]
#   slice      of 1000: [0, 400, 800, 200, 499]
#   array      of 1000: IndexError
#   shuffle: rows 1000 to 1999 are those of another shuffle True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check grain==0.2.18 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - 2>/dev/null <<'PYTHON'
from importlib.metadata import version

import numpy as np
from grain import MapDataset

print("grain", version("grain"))
numbers = [0, 400, 800, 1200, 1499]
array = np.arange(1000)
found = {}
for name, rows in (
    ("source", MapDataset.source(array)),
    ("source.map", MapDataset.source(array).map(int)),
    ("slice", MapDataset.source(np.arange(3000)).slice(slice(1000))),
    ("array", array),
):
    try:
        found[name] = [int(rows[number]) for number in numbers]
    except IndexError:
        found[name] = "IndexError"
    print(f"{name:10} of {len(rows)}: {found[name]}")
shuffled = MapDataset.source(array).shuffle(seed=0)
first, again = ([int(shuffled[start + place]) for place in range(1000)] for start in (0, 1000))
print("shuffle: rows 1000 to 1999 are those of another shuffle", sorted(again) == sorted(first) and again != first)
assert found.pop("array") == "IndexError" and all(rows == [0, 400, 800, 200, 499] for rows in found.values())
assert sorted(again) == sorted(first) and again != first
PYTHON
