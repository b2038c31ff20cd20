#!/usr/bin/env bash
# dask 2026.8.0: sample(frac=0.1) of 1,000 rows has none where they lie in partitions of 4, and frac=0.13 has 250.
#
# Guess: a share of the whole, 100 and 130 rows, give or take a few.
# Seen: each partition gives its own share, rounded to whole rows: 0.4 to none, 0.52 to one. Partitions become that small
# when rows of a rare class are picked from a large frame: frame[frame.label == 1].sample(frac=0.1) has no row of it,
# without a word, while in pandas, and with one partition, it has 100. random_split and repartition(npartitions=1) are
# the way out.
# Output seen:
#   dask 2026.8.0 pandas 3.1.1
#   rows with label 1: 1000
#   frac=0.1: pandas 100, 1 partition 100, 250 partitions 0
#   frac=0.13: pandas 130, 1 partition 130, 250 partitions 250
#   random_split([0.1, 0.9]), 250 partitions: 105
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "dask[dataframe]==2026.8.0" pandas==3.1.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import dask
import dask.dataframe
import numpy as np
import pandas

print("dask", dask.__version__, "pandas", pandas.__version__)
dask.config.set(scheduler="synchronous")
frame = pandas.DataFrame({"label": (np.arange(25_000) % 25 == 0).astype(int)})


def of_class(partitions):
    rows = dask.dataframe.from_pandas(frame, npartitions=partitions)
    return rows[rows["label"] == 1]


print("rows with label 1:", len(of_class(250)))
for share, expected in ((0.1, 0), (0.13, 250)):
    single, many = (len(of_class(count).sample(frac=share, random_state=0)) for count in (1, 250))
    whole = len(frame[frame["label"] == 1].sample(frac=share, random_state=0))
    print(f"frac={share}: pandas {whole}, 1 partition {single}, 250 partitions {many}")
    assert whole == single == round(1000 * share) and many == expected
split = len(of_class(250).random_split([0.1, 0.9], random_state=0)[0])
print("random_split([0.1, 0.9]), 250 partitions:", split)
assert 60 < split < 140
PYTHON
