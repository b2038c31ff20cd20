#!/usr/bin/env bash
# grain 0.2.18: MapDataset.mix counts rows that a filter takes out, so that shares are not the weights asked for.
#
# Guess: MapDataset.mix([first, second], weights=[0.5, 0.5]) gives as many rows of the one as of the other, whatever
# was done to them before.
# Seen: a filtered MapDataset keeps its length and has None in the places of rows taken out. mix gives out places, and
# those with None vanish afterwards: where the filter of the first keeps a tenth, it has 9 % of the rows given. The same
# filters and weights with IterDataset.mix give half and half, but stop with the shorter one. So it is with a filter by
# class, by weight, or by a set of selected rows.
# Output seen (1,000 rows each, weights 0.5 and 0.5, a filter that keeps a tenth of the first):
#   grain 0.2.18
#   MapDataset.mix, no filter        1000 of the first and 1000 of the second: share 0.50
#   MapDataset.mix of the filtered   100 of the first and 1000 of the second: share 0.09
#   IterDataset.mix of the filtered  100 of the first and 100 of the second: share 0.50
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check grain==0.2.18 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - 2>/dev/null <<'PYTHON'
from importlib.metadata import version

from grain import IterDataset, MapDataset

print("grain", version("grain"))


def parts():
    return MapDataset.range(1000).filter(lambda row: row % 10 == 0), MapDataset.range(1000, 2000)


def check(name, mixed):
    rows = list(mixed)
    first = sum(row < 1000 for row in rows)
    print(f"{name:32} {first} of the first and {len(rows) - first} of the second: share {first / len(rows):.2f}")
    return first / len(rows)


halves = [0.5, 0.5]
unfiltered = [MapDataset.range(1000), parts()[1]]
plain = check("MapDataset.mix, no filter", MapDataset.mix(unfiltered, halves).to_iter_dataset())
filtered = check("MapDataset.mix of the filtered", MapDataset.mix(parts(), halves).to_iter_dataset())
streams = [part.to_iter_dataset() for part in parts()]
streamed = check("IterDataset.mix of the filtered", IterDataset.mix(streams, halves))
assert plain == 0.5 and abs(streamed - 0.5) < 0.01 and filtered < 0.1
PYTHON
