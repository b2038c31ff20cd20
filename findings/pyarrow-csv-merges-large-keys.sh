#!/usr/bin/env bash
# pyarrow 26.0.1: 64-bit numbers of CSV or JSON lines that need all 64 bits become equal floats, where others keep
# them apart.
#
# Guess: read_csv and read_json take whole numbers above 2^63 for uint64, as pandas does, or leave them as text.
# Seen: they are inferred as double, in which numbers less than 1,024 apart are one: of 100 keys one is left, and
# joins, groups and counts of classes by such a key (hashes of 64 bits, half of which are that large) are wrong
# without a word. pandas has uint64, DuckDB and polars integers of 128 bits; pandas with engine="pyarrow" has the
# floats. column_types={"key": pyarrow.uint64()} keeps them.
# Output seen:
#   pyarrow 26.0.1 pandas 3.1.1 polars 2.1.0 duckdb 2.0.1
#   pyarrow: double, 1 of 100 keys
#   pyarrow, told uint64: uint64, 100 of 100 keys
#   pandas: uint64, 100 of 100 keys
#   pandas, engine="pyarrow": float64, 1 of 100 keys
#   polars: Int128, 100 of 100 keys
#   duckdb: HUGEINT, 100 of 100 keys
#   pyarrow, JSON lines: double, 1 of 100 keys
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1 pandas==3.1.1 \
  polars==2.1.0 duckdb==2.0.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import duckdb
import pandas
import polars
import pyarrow as pa
import pyarrow.csv
import pyarrow.json

print(" ".join(f"{each.__name__} {each.__version__}" for each in (pa, pandas, polars, duckdb)))
with open("keys.csv", "w") as file:
    file.write("key,x\n" + "".join(f"{2**63 + 7 * row},{row}\n" for row in range(100)))
with open("keys.jsonl", "w") as file:
    file.writelines(f'{{"key": {2**63 + 7 * row}}}\n' for row in range(100))
told = pyarrow.csv.ConvertOptions(column_types={"key": pa.uint64()})
plain, uint64 = (pyarrow.csv.read_csv("keys.csv", convert_options=each)["key"] for each in (None, told))
frames = pandas.read_csv("keys.csv")["key"], pandas.read_csv("keys.csv", engine="pyarrow")["key"]
lines = pyarrow.json.read_json("keys.jsonl")["key"]
column = polars.read_csv("keys.csv")["key"]
relation = duckdb.sql("select key from 'keys.csv'")
for name, kind, keys, distinct in (
    ("pyarrow", plain.type, plain.to_pylist(), 1),
    ("pyarrow, told uint64", uint64.type, uint64.to_pylist(), 100),
    ("pandas", frames[0].dtype, frames[0].tolist(), 100),
    ('pandas, engine="pyarrow"', frames[1].dtype, frames[1].tolist(), 1),
    ("polars", column.dtype, column.to_list(), 100),
    ("duckdb", relation.types[0], [row[0] for row in relation.fetchall()], 100),
    ("pyarrow, JSON lines", lines.type, lines.to_pylist(), 1),
):
    print(f"{name}: {kind}, {len(set(keys))} of {len(keys)} keys")
    assert len(set(keys)) == distinct and len(keys) == 100
PYTHON
