#!/usr/bin/env bash
# webdataset 1.0.2: shuffle(1000) begins with 100 rows in its buffer, and the first batches are the first rows.
#
# Guess: a shuffle buffer of 1000 is filled before it gives anything, as in tf.data and in datasets, so that the first
# row is any of 1,000, and a first batch of 100 has rows from all over the first 1,100.
# Seen: initial=100 is the default, so the first row is one of 100 and the buffer grows by one with each row given: the
# first 100 rows given are all from the first 300, in each epoch again. Where a file is sorted by class, the first steps
# see one class. shuffle(1000, initial=1000) is what one thinks of.
# Output seen (of the first 100 rows given, in two epochs, the last):
#   webdataset 1.0.2
#   shuffle(1000): below 350 and below 350; of ten classes, sorted, seen: 1
#   initial=1000: above 900 and above 900; of ten classes, sorted, seen: 3
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check webdataset==1.0.2 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from importlib.metadata import version

import webdataset

print("webdataset", version("webdataset"))
with webdataset.TarWriter("rows.tar") as tar:
    for row in range(5000):
        tar.write({"__key__": f"{row:04d}", "cls": row})
for name, settings, least, most in (("shuffle(1000)", {}, 100, 330), ("initial=1000", {"initial": 1000}, 900, 1200)):
    rows = webdataset.WebDataset("rows.tar", shardshuffle=False).shuffle(1000, **settings).decode()
    epochs = [[sample["cls"] for sample in rows] for _ in range(2)]
    last = [max(epoch[:100]) for epoch in epochs]
    classes = [len({row // 500 for row in epoch[:100]}) for epoch in epochs]
    within = " and ".join("below 350" if each < 350 else "above 900" if each > 900 else str(each) for each in last)
    print(f"{name}: {within}; of ten classes, sorted, seen: {classes[0]}")
    assert all(sorted(epoch) == list(range(5000)) for epoch in epochs)
    assert all(least < each < most for each in last)
PYTHON
