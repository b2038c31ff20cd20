#!/usr/bin/env bash
# fastparquet 2026.9.0, pandas 3.1.1: of categories in several row groups or files it takes the names of the last one
# for all.
#
# Guess: a column of categories that two chunks of a frame were written from, each with the values that it has, is read
# with the values that were written, as pyarrow reads it, or refused.
# Seen: each row group has codes into a dictionary of its own; fastparquet puts the codes one after the other and gives
# them the names of the last dictionary, if the file says that pandas had a category. Labels x, y, x come back as y, z,
# y, without a word, of a file that fastparquet appended to, and of a folder that pandas wrote by pyarrow. Row group by
# row group, or with categories=[], which reads text, they are right.
# Output seen:
#   fastparquet 2026.9.0 pandas 3.1.1 pyarrow 26.0.1
#   appended, fastparquet: y z y y z z
#   appended, pyarrow: x y x y z z
#   folder, fastparquet: y z y y z z
#   folder, pyarrow: x y x y z z
#   appended, fastparquet, categories=[]: x y x y z z
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check fastparquet==2026.9.0 pandas==3.1.1 pyarrow==26.0.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import pathlib

import fastparquet
import pandas
import pyarrow

print("fastparquet", fastparquet.__version__, "pandas", pandas.__version__, "pyarrow", pyarrow.__version__)
first = pandas.DataFrame({"label": pandas.Categorical(["x", "y", "x"])})
second = pandas.DataFrame({"label": pandas.Categorical(["y", "z", "z"])})
fastparquet.write("appended", first)
fastparquet.write("appended", second, append=True)
pathlib.Path("folder").mkdir()
first.to_parquet("folder/0.parquet")
second.to_parquet("folder/1.parquet")


def check(what, labels, expected):
    print(f"{what}: {' '.join(labels)}")
    assert " ".join(labels) == expected


for where in ("appended", "folder"):
    for engine, expected in (("fastparquet", "y z y y z z"), ("pyarrow", "x y x y z z")):
        check(f"{where}, {engine}", pandas.read_parquet(where, engine=engine)["label"], expected)
text = fastparquet.ParquetFile("appended").to_pandas(categories=[])["label"]
check("appended, fastparquet, categories=[]", text, "x y x y z z")
PYTHON
