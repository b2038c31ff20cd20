#!/usr/bin/env bash
# dask 2026.8.0: read_parquet of a list of files takes them sorted by name, not as they are listed.
#
# Guess: ["second.parquet", "first.parquet"] has the rows of the second file first, as pandas, pyarrow, polars and DuckDB
# read the list.
# Seen: dask sorts, so that row numbers of the files as listed name other rows, and labels or weights that lie in the
# order of the list go to other rows. Names that sort as they are listed hide it. read_csv keeps the order of the list,
# and so do frames read one by one and put together by concat.
# Output seen:
#   dask 2026.8.0 pandas 3.1.1 pyarrow 26.0.1
#   pandas [20, 21, 10, 11]
#   pyarrow [20, 21, 10, 11]
#   dask [10, 11, 20, 21]
#   dask, read_csv [20, 21, 10, 11]
#   dask, concat [20, 21, 10, 11]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "dask[dataframe]==2026.8.0" pandas==3.1.1 \
  pyarrow==26.0.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import dask
import dask.dataframe
import pandas
import pyarrow
import pyarrow.parquet

print("dask", dask.__version__, "pandas", pandas.__version__, "pyarrow", pyarrow.__version__)
for name, row in (("first", 10), ("second", 20)):
    frame = pandas.DataFrame({"row": [row, row + 1]})
    frame.to_parquet(f"{name}.parquet")
    frame.to_csv(f"{name}.csv", index=False)
listed = ["second.parquet", "first.parquet"]
each = [dask.dataframe.read_parquet(name) for name in listed]
for what, rows, as_listed in (
    ("pandas", pandas.read_parquet(listed), True),
    ("pyarrow", pyarrow.parquet.read_table(listed).to_pandas(), True),
    ("dask", dask.dataframe.read_parquet(listed).compute(), False),
    ("dask, read_csv", dask.dataframe.read_csv(["second.csv", "first.csv"]).compute(), True),
    ("dask, concat", dask.dataframe.concat(each).compute(), True),
):
    found = rows["row"].tolist()
    print(what, found)
    assert found == ([20, 21, 10, 11] if as_listed else [10, 11, 20, 21])
PYTHON
