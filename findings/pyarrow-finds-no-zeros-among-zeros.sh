#!/usr/bin/env bash
# pyarrow 26.0.1, pandas 3.1.1: the filter ("label", "in", [0.0]) loses every row group in which all labels are 0.0.
#
# Guess: "in" finds the rows that "==" finds, and that it finds in a table in memory.
# Seen: pyarrow writes the least number of such a row group as -0.0, as Parquet asks for, and takes the group for one
# of -0.0, which it does not find among [0.0], though -0.0 == 0.0. Of labels sorted by class, or
# of an indicator that is mostly 0, most rows are gone without a word: neither "in" nor "not in" has them. Integers,
# files without statistics and row groups with another number in them are right, and so is "==".
# Output seen:
#   pyarrow 26.0.1 pandas 3.1.1
#   in [0.0]: 4 rows, pandas 4 rows
#   not in [0.0]: 10 rows, pandas 10 rows
#   == 0.0: 10 rows, pandas 10 rows
#   in memory, in [0.0]: 10 rows
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1 pandas==3.1.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import pandas
import pyarrow as pa
import pyarrow.parquet

print("pyarrow", pa.__version__, "pandas", pandas.__version__)
table = pa.table({"label": [0.0] * 10 + [1.0] * 10})
pyarrow.parquet.write_table(table, "sorted.parquet", row_group_size=6)


def rows(what, condition):
    readers = (pyarrow.parquet.read_table, pandas.read_parquet)
    counts = tuple(len(read("sorted.parquet", filters=[condition])) for read in readers)
    print(f"{what}: {counts[0]} rows, pandas {counts[1]} rows")
    return counts


assert rows("in [0.0]", ("label", "in", [0.0])) == (4, 4)
assert rows("not in [0.0]", ("label", "not in", [0.0])) == (10, 10)
assert rows("== 0.0", ("label", "==", 0.0)) == (10, 10)
memory = len(table.filter(pyarrow.parquet.filters_to_expression([("label", "in", [0.0])])))
print(f"in memory, in [0.0]: {memory} rows")
assert memory == 10
PYTHON
