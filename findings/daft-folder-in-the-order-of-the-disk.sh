#!/usr/bin/env bash
# daft 0.7.26: the rows of a folder come in the order in which the file system lists its files.
#
# Guess: read_parquet of a folder or of *.parquet takes the files by name, as pandas, polars and DuckDB do.
# Seen: it takes them as the directory has them, which is another order on another disk, or after copying the folder. The
# same folder gives the same order twice on one machine, so nothing looks wrong; row numbers, and head or limit, are
# those of this copy. A list of files keeps its order.
# Output seen:
#   daft 0.7.26 polars 2.1.0 duckdb 2.0.1
#   daft, folder: by name False, as the directory lists them True
#   daft, pattern: by name False, as the directory lists them True
#   daft, sorted list: by name True, as the directory lists them False
#   polars: by name True, as the directory lists them False
#   duckdb: by name True, as the directory lists them False
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check daft==0.7.26 polars==2.1.0 duckdb==2.0.1 \
  pyarrow==25.0.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import os
import random

import daft
import duckdb
import polars

print("daft", daft.__version__, "polars", polars.__version__, "duckdb", duckdb.__version__)
os.mkdir("data")
parts = list(range(30))
for part in random.Random(0).sample(parts, 30):
    polars.DataFrame({"x": [part]}).write_parquet(f"data/part-{part:02}.parquet")
listed = [int(entry.name[5:7]) for entry in os.scandir("data")]
names = [f"data/part-{part:02}.parquet" for part in parts]
orders = {
    "daft, folder": daft.read_parquet("data").to_pydict()["x"],
    "daft, pattern": daft.read_parquet("data/*.parquet").to_pydict()["x"],
    "daft, sorted list": daft.read_parquet(names).to_pydict()["x"],
    "polars": polars.read_parquet("data/*.parquet")["x"].to_list(),
    "duckdb": [x for (x,) in duckdb.sql("select x from 'data/*.parquet'").fetchall()],
}
for name, order in orders.items():
    print(f"{name}: by name {order == parts}, as the directory lists them {order == listed}")
    assert order == (listed if name in ("daft, folder", "daft, pattern") else parts)
PYTHON
