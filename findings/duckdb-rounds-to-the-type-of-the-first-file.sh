#!/usr/bin/env bash
# DuckDB 2.0.1: of several Parquet files the first says the types, and decimals of a later one are rounded to its integers.
#
# Guess: an integer column of which a later file has decimals is widened to DOUBLE, as union_by_name does, or refused,
# as pyarrow ("truncated") and polars do.
# Seen: 1.5 and 2.5 in the second file come back as 2 and 2, without a word. With union_by_name=true, or with the other
# file first, the numbers are right.
# Output seen:
#   duckdb 2.0.1
#   as they are: [1, 2, 2, 2]
#   the other file first: [1.5, 2.5, 1.0, 2.0]
#   union_by_name: [1.0, 2.0, 1.5, 2.5]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import duckdb

print("duckdb", duckdb.__version__)
duckdb.sql("copy (select unnest([1, 2]) as x) to 'a.parquet'")
duckdb.sql("copy (select unnest([1.5::double, 2.5::double]) as x) to 'b.parquet'")


def read(what, source):
    found = [row[0] for row in duckdb.sql(f"select x from read_parquet({source})").fetchall()]
    print(f"{what}: {found}")
    return found


assert read("as they are", "['a.parquet', 'b.parquet']") == [1, 2, 2, 2]
assert read("the other file first", "['b.parquet', 'a.parquet']") == [1.5, 2.5, 1, 2]
assert read("union_by_name", "['a.parquet', 'b.parquet'], union_by_name=true") == [1, 2, 1.5, 2.5]
PYTHON
