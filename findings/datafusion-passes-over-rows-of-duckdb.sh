#!/usr/bin/env bash
# DataFusion 55.0.0: of a Parquet file that DuckDB wrote, WHERE x < 2 finds none of 122,879 rows if one number is NaN.
#
# Guess: a row group whose least and largest number are not in the file is read, as nothing is known of it.
# Seen: DuckDB writes no least and largest for a row group with a NaN in it. DataFusion takes those of the other row
# groups for the whole file: the first group here has numbers below 1 and one NaN, the second has numbers above 3, and
# x < 2 returns nothing, min(x) is 3. All sizes are defaults. DuckDB, pyarrow and polars read the file right, and so
# does DataFusion where it is told not to collect statistics (datafusion.execution.collect_statistics).
# Output seen:
#   datafusion 55.0.0 duckdb 2.0.1 pyarrow 26.0.1 polars 2.1.0
#   x < 2: datafusion 0, no statistics collected 122879, duckdb 122879, pyarrow 122879, polars 122879
#   min(x): datafusion 3.0, polars 0.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check datafusion==55.0.0 duckdb==2.0.1 pyarrow==26.0.1 \
  polars==2.1.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import datafusion
import duckdb
import numpy as np
import polars
import pyarrow as pa
import pyarrow.parquet

versions = {module.__name__: module.__version__ for module in (datafusion, duckdb, pa, polars)}
print(" ".join(f"{name} {version}" for name, version in versions.items()))
size = 122880  # DuckDB's row group
x = np.concatenate([np.arange(size) / size, 3 + np.arange(size) / size])
x[7] = np.nan
rows = pa.table({"x": x})
duckdb.sql("copy (from rows) to 'x.parquet'")
assert pyarrow.parquet.read_metadata("x.parquet").num_row_groups == 2


def in_datafusion(query, collect="true"):
    context = datafusion.SessionContext(
        datafusion.SessionConfig().set("datafusion.execution.collect_statistics", collect)
    )
    context.register_parquet("data", "x.parquet")
    return context.sql(query).to_arrow_table().to_pylist()[0]["found"]


below = "select count(*) as found from data where x < 2"
counts = {
    "datafusion": in_datafusion(below),
    "no statistics collected": in_datafusion(below, "false"),
    "duckdb": duckdb.sql("select count(*) from 'x.parquet' where x < 2").fetchall()[0][0],
    "pyarrow": len(pyarrow.parquet.read_table("x.parquet", filters=[("x", "<", 2)])),
    "polars": polars.scan_parquet("x.parquet").filter(polars.col("x") < 2).collect().height,
}
print("x < 2: " + ", ".join(f"{name} {count}" for name, count in counts.items()))
least = in_datafusion("select min(x) as found from data"), polars.read_parquet("x.parquet")["x"].min()
print(f"min(x): datafusion {least[0]}, polars {least[1]}")
assert counts.pop("datafusion") == 0 and set(counts.values()) == {size - 1} and least == (3, 0)
PYTHON
