#!/usr/bin/env bash
# pandas 3.1.1, pyarrow 26.0.1: a column that the first Parquet file of a folder has not is dropped without a word.
#
# Guess: a folder whose later files have one column more is read with that column, null where it is missing, or refused.
# Seen: pandas.read_parquet and pyarrow.parquet.read_table go by the first file by name and lose the column of all the
# others; where the first file has it and a later one has not, it is null there. Renaming a file changes the columns.
# Output seen:
#   pandas 3.1.1 pyarrow 26.0.1
#   first without y: pandas ['x'], pyarrow ['x']
#   first with y: pandas ['x', 'y'], pyarrow ['x', 'y']
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pandas==3.1.1 pyarrow==26.0.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import os

import pandas
import pyarrow as pa
import pyarrow.parquet

print("pandas", pandas.__version__, "pyarrow", pa.__version__)
os.mkdir("data")
pandas.DataFrame({"x": [1, 2]}).to_parquet("data/0.parquet")
pandas.DataFrame({"x": [3, 4], "y": [5.0, 6.0]}).to_parquet("data/1.parquet")


def columns(what):
    found = list(pandas.read_parquet("data")), pyarrow.parquet.read_table("data").column_names
    print(f"{what}: pandas {found[0]}, pyarrow {found[1]}")
    return found


assert columns("first without y") == (["x"], ["x"])
os.rename("data/0.parquet", "data/2.parquet")
assert columns("first with y") == (["x", "y"], ["x", "y"])
PYTHON
