#!/usr/bin/env bash
# pyiceberg 0.12.0: delete(filter) leaves rows with NaN or null that scan(filter) finds.
#
# Guess: delete removes what a scan with the same filter returns, and of the two together each row is there once.
# Seen: a scan of x != 1, of x not in (1, 2) and of not (x > 1) finds the row with NaN, and "not in" that with null,
# too; delete leaves both where they are. Rows that are copied to another table by such a filter and deleted here by the
# same one are in both tables afterwards. "x is nan" and "x is null" delete them.
# Output seen (rows 0 to 5 have x = 0, 1, 2, null, NaN, 3):
#   pyiceberg 0.12.0 pyarrow 26.0.1
#   x > 1: scan finds [2, 5], delete leaves [0, 1, 3, 4], in both []
#   x != 1: scan finds [0, 2, 4, 5], delete leaves [1, 3, 4], in both [4]
#   x not in (1, 2): scan finds [0, 3, 4, 5], delete leaves [1, 2, 3, 4], in both [3, 4]
#   not (x > 1): scan finds [0, 1, 4], delete leaves [2, 3, 4, 5], in both [4]
#   x is nan: scan finds [4], delete leaves [0, 1, 2, 3, 5], in both []
#   x is null: scan finds [3], delete leaves [0, 1, 2, 4, 5], in both []
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "pyiceberg[sql-sqlite]==0.12.0" pyarrow==26.0.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from pathlib import Path

import pyarrow
import pyiceberg
from pyiceberg.catalog.sql import SqlCatalog

print("pyiceberg", pyiceberg.__version__, "pyarrow", pyarrow.__version__)
here = Path.cwd()
catalog = SqlCatalog("local", uri=f"sqlite:///{here}/catalog.db", warehouse=f"file://{here}")
catalog.create_namespace("rows")
rows = pyarrow.table({"row": range(6), "x": [0.0, 1.0, 2.0, None, float("nan"), 3.0]})
expected = {"x > 1": [], "x != 1": [4], "x not in (1, 2)": [3, 4], "not (x > 1)": [4], "x is nan": [], "x is null": []}
for number, (condition, twice) in enumerate(expected.items()):
    table = catalog.create_table(f"rows.table{number}", schema=rows.schema)
    table.append(rows)
    found = table.scan(row_filter=condition).to_arrow()["row"].to_pylist()
    table.delete(condition)
    left = table.scan().to_arrow()["row"].to_pylist()
    both = sorted(set(found) & set(left))
    print(f"{condition}: scan finds {found}, delete leaves {left}, in both {both}")
    assert set(found) | set(left) == set(range(6)) and both == twice
PYTHON
