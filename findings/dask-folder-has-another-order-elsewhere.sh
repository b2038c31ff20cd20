#!/usr/bin/env bash
# dask 2026.8.0: a folder that dask writes has its rows in another order for everybody else.
#
# Guess: to_parquet of a frame and pandas.read_parquet of the folder give the rows in the order of the frame.
# Seen: the files are part.0 to part.11. dask sorts them by number, pandas, pyarrow, polars and DuckDB by name, so
# that part.10 and part.11 come before part.2: from ten partitions on row numbers of the one are not those of the
# others.
# Output seen:
#   dask 2026.8.0 pandas 3.1.1 pyarrow 26.0.1 polars 2.1.0 duckdb 2.0.1
#   dask [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
#   pandas [0, 1, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9]
#   pyarrow [0, 1, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9]
#   polars [0, 1, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9]
#   duckdb [0, 1, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "dask[dataframe]==2026.8.0" pandas==3.1.1 \
  pyarrow==26.0.1 polars==2.1.0 duckdb==2.0.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import dask
import dask.dataframe
import duckdb
import pandas
import polars
import pyarrow as pa
import pyarrow.parquet

print(" ".join(f"{each.__name__} {each.__version__}" for each in (dask, pandas, pa, polars, duckdb)))
dask.dataframe.from_pandas(pandas.DataFrame({"x": range(12)}), npartitions=12).to_parquet("data", write_index=False)
orders = {
    "dask": dask.dataframe.read_parquet("data").compute()["x"].tolist(),
    "pandas": pandas.read_parquet("data")["x"].tolist(),
    "pyarrow": pyarrow.parquet.read_table("data")["x"].to_pylist(),
    "polars": polars.read_parquet("data/*.parquet")["x"].to_list(),
    "duckdb": [row[0] for row in duckdb.sql("select x from 'data/*.parquet'").fetchall()],
}
for name, order in orders.items():
    print(name, order)
    assert order == (list(range(12)) if name == "dask" else [0, 1, 10, 11, *range(2, 10)])
PYTHON
