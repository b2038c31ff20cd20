#!/usr/bin/env bash
# deltalake 1.6.6, pyiceberg 0.12.0: rows that are appended to a table come first when it is read.
#
# Guess: an append goes to the end, so that row 0 stays row 0: both formats log their files in order, and readers give
# the rows of one file in order.
# Seen: the newest file is read first, by the packages themselves and by polars (scan_delta, scan_iceberg): all rows
# that were there before move by the number of rows appended, and row numbers noted before name other rows. A column
# with a number of its own is needed.
# Output seen:
#   deltalake 1.6.6 pyiceberg 0.12.0 polars 2.1.0
#   appended [0, 1], [10, 11], [20, 21]
#   deltalake [20, 21, 10, 11, 0, 1]
#   polars.scan_delta [20, 21, 10, 11, 0, 1]
#   pyiceberg [20, 21, 10, 11, 0, 1]
#   polars.scan_iceberg [20, 21, 10, 11, 0, 1]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check deltalake==1.6.6 "pyiceberg[sql-sqlite]==0.12.0" \
  polars==2.1.0 pyarrow==26.0.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import os
from importlib.metadata import version

import deltalake
import polars
import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog

print("deltalake", deltalake.__version__, "pyiceberg", version("pyiceberg"), "polars", polars.__version__)
parts = [[0, 1], [10, 11], [20, 21]]
os.mkdir("iceberg")
catalog = SqlCatalog("local", uri="sqlite:///catalog.db", warehouse=f"file://{os.getcwd()}/iceberg")
catalog.create_namespace("space")
iceberg = catalog.create_table("space.rows", schema=pa.schema([("x", pa.int64())]))
for part in parts:
    deltalake.write_deltalake("delta", pa.table({"x": part}), mode="append")
    iceberg.append(pa.table({"x": part}))
print("appended", ", ".join(map(str, parts)))
for name, column in {
    "deltalake": deltalake.DeltaTable("delta").to_pyarrow_table()["x"].to_pylist(),
    "polars.scan_delta": polars.scan_delta("delta").collect()["x"].to_list(),
    "pyiceberg": iceberg.scan().to_arrow()["x"].to_pylist(),
    "polars.scan_iceberg": polars.scan_iceberg(iceberg).collect()["x"].to_list(),
}.items():
    print(name, column)
    assert column == [20, 21, 10, 11, 0, 1]
PYTHON
