#!/usr/bin/env bash
# DuckDB 2.0.1, polars 2.1.0: from CSV to Parquet, keys that need all 64 bits become floats, or what others cannot read.
#
# Guess: both read such a key as an integer with all its digits, so they write it so, as uint64, or refuse.
# Seen: DuckDB reads HUGEINT, for which Parquet has no type, and COPY writes DOUBLE: of 100 keys one is left. So it does
# with sum() of integers, and .df() has floats too. polars reads Int128 and writes a Parquet file that polars reads,
# pyarrow and pandas refuse, and DuckDB has as bytes. Hashes of 64 bits are as large in half of the rows. CAST to UBIGINT
# and polars.UInt64 is what all read.
# Output seen:
#   duckdb 2.0.1 polars 2.1.0 pyarrow 26.0.1
#   by DuckDB: HUGEINT in the CSV, in Parquet double, 1 of 100 keys
#   by DuckDB, cast: UBIGINT in the CSV, in Parquet uint64, 100 of 100 keys
#   by polars: Int128 in the CSV, in Parquet ArrowNotImplementedError; for DuckDB BLOB
#   by polars, cast: UInt64 in the CSV, in Parquet uint64, 100 of 100 keys
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1 polars==2.1.0 pyarrow==26.0.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet

print("duckdb", duckdb.__version__, "polars", polars.__version__, "pyarrow", pa.__version__)
with open("keys.csv", "w") as file:
    file.write("key\n" + "".join(f"{2**63 + 7 * row}\n" for row in range(100)))


def show(who, kind, name):
    try:
        column = pyarrow.parquet.read_table(name)["key"]
    except pa.ArrowNotImplementedError as error:
        seen = f"{type(error).__name__}; for DuckDB {duckdb.sql(f'''from '{name}' ''').types[0]}"
    else:
        seen = f"{column.type}, {len(column.unique())} of 100 keys"
    print(f"by {who}: {kind} in the CSV, in Parquet {seen}")
    return seen


for cast, expected in (("key", "double, 1 of 100 keys"), ("key::ubigint as key", "uint64, 100 of 100 keys")):
    query = f"select {cast} from 'keys.csv'"
    duckdb.sql(f"copy ({query}) to 'duckdb.parquet'")
    who = "DuckDB, cast" if "ubigint" in cast else "DuckDB"
    assert show(who, duckdb.sql(query).types[0], "duckdb.parquet") == expected
for schema, expected in (
    (None, "ArrowNotImplementedError; for DuckDB BLOB"),
    ({"key": polars.UInt64}, "uint64, 100 of 100 keys"),
):
    frame = polars.read_csv("keys.csv", schema=schema)
    frame.write_parquet("polars.parquet")
    assert show("polars, cast" if schema else "polars", frame["key"].dtype, "polars.parquet") == expected
PYTHON
