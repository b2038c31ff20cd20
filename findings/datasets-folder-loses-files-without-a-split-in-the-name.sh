#!/usr/bin/env bash
# datasets 5.2.0: one file of a folder with "test", "dev" or "train" in its name, and the files without are not read.
#
# Guess: load_dataset("parquet", data_dir=folder) reads all Parquet files of the folder, as "train", except that test.parquet
# becomes the split "test".
# Seen: as soon as one name has such a word, files without one belong to no split and are passed over, without a word.
# Of part-0, part-1 and part-2 all rows are there; with test.parquet beside them those of test alone; with train-more
# beside them only its rows are left to train on. A pattern, data_files="folder/*.parquet", takes them all.
# Output seen:
#   datasets 5.2.0
#   part-0 part-1 part-2: {'train': ['part-0', 'part-1', 'part-2']}
#   and test: {'test': ['test']}
#   and train-more: {'train': ['train-more'], 'test': ['test']}
#   a pattern: {'train': ['part-0', 'part-1', 'part-2', 'test', 'train-more']}
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check datasets==5.2.0 numpy==2.4.6
cd "$folder"
HF_HOME="$folder" HF_HUB_OFFLINE=1 "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import pathlib

import datasets
import pyarrow as pa
import pyarrow.parquet

datasets.disable_progress_bars()
print("datasets", datasets.__version__)
pathlib.Path("folder").mkdir()


def write(*names):
    for name in names:
        pyarrow.parquet.write_table(pa.table({"row": [name]}), f"folder/{name}.parquet")


def check(what, expected, **where):
    loaded = {split: rows["row"][:] for split, rows in datasets.load_dataset("parquet", **where).items()}
    print(f"{what}: {loaded}")
    assert loaded == expected


parts = ["part-0", "part-1", "part-2"]
write(*parts)
check("part-0 part-1 part-2", {"train": parts}, data_dir="folder")
write("test")
check("and test", {"test": ["test"]}, data_dir="folder")
write("train-more")
check("and train-more", {"train": ["train-more"], "test": ["test"]}, data_dir="folder")
check("a pattern", {"train": [*parts, "test", "train-more"]}, data_files="folder/*.parquet")
PYTHON
