#!/usr/bin/env bash
# DuckDB 2.0.1: UPDATE of a list column moves the rows to the end of the table and gives them other rowids.
#
# Guess: a table keeps the order in which rows were inserted, as DuckDB promises, and an update changes values in
# place.
# Seen: so it is of numbers, text and structs. A row whose list (an embedding, say) is updated is deleted and inserted
# anew: rows after it move up, its rowid is a new one, and row numbers taken before name other rows. No index is
# needed for that; an update of a column that has one does the same. A fixed-size ARRAY moves too.
# Output seen:
#   duckdb 2.0.1
#   INTEGER: [0, 1, 2, 3, 4, 5], rowid of 2: 2
#   VARCHAR: [0, 1, 2, 3, 4, 5], rowid of 2: 2
#   STRUCT(x INTEGER): [0, 1, 2, 3, 4, 5], rowid of 2: 2
#   DOUBLE[]: [0, 1, 3, 4, 5, 2], rowid of 2: 6
#   DOUBLE[2]: [0, 1, 3, 4, 5, 2], rowid of 2: 6
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import duckdb

print("duckdb", duckdb.__version__)
for kind, before, after in (
    ("INTEGER", "0", "1"),
    ("VARCHAR", "'a'", "'b'"),
    ("STRUCT(x INTEGER)", "{'x': 0}", "{'x': 1}"),
    ("DOUBLE[]", "[0, 1]", "[2, 3]"),
    ("DOUBLE[2]", "[0, 1]", "[2, 3]"),
):
    database = duckdb.connect()
    rows = f"select number::integer as number, {before}::{kind} as value from range(6) r(number)"
    database.sql(f"create table data as {rows}")
    database.sql(f"update data set value = {after}::{kind} where number = 2")
    order = [number for (number,) in database.sql("select number from data").fetchall()]
    [(rowid,)] = database.sql("select rowid from data where number = 2").fetchall()
    print(f"{kind}: {order}, rowid of 2: {rowid}")
    moved = kind.startswith("DOUBLE")
    assert (order, rowid) == (([0, 1, 3, 4, 5, 2], 6) if moved else ([0, 1, 2, 3, 4, 5], 2))
PYTHON
