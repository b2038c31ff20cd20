#!/usr/bin/env bash
# pyarrow 26.0.1, deltalake 1.6.6: a filter on a file takes NaN for a number like those beside it.
#
# Guess: a filter on a file has the rows that the same filter has in memory, where NaN is not below 1 and is_nan finds
# it.
# Seen: the statistics of Parquet and of Delta leave NaN out, and pyarrow takes them for all numbers. Of a row group
# whose other numbers are all the same, is_nan and != find no NaN. A Delta table that deltalake hands to pyarrow has
# such numbers for each file: if its largest is below 1, x < 1 keeps the rows with NaN, so that what was to leave them
# out does not. is_finite is right of both.
# Output seen:
#   pyarrow 26.0.1 deltalake 1.6.6
#   flag of 0, NaN, 0, is_nan: file [], memory [1]
#   flag of 0, NaN, 0, flag != 0: file [], memory [1]
#   flag of 0, NaN, 0, is_finite: file [0, 2], memory [0, 2]
#   Delta, x of 0, NaN, 0.5, x < 1: file [0, 1, 2], memory [0, 2]
#   Delta, x of 0, NaN, 0.5, x > -1: file [0, 1, 2], memory [0, 2]
#   Delta, x of 0, NaN, 0.5, is_finite: file [0, 2], memory [0, 2]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1 deltalake==1.6.6
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import deltalake
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

print("pyarrow", pa.__version__, "deltalake", deltalake.__version__)
flags = pa.table({"row": range(3), "flag": [0, float("nan"), 0]})
numbers = pa.table({"row": range(3), "x": [0, float("nan"), 0.5]})
pyarrow.parquet.write_table(flags, "flags.parquet")
deltalake.write_deltalake("numbers", numbers)
flag, x = pc.field("flag"), pc.field("x")


def rows(what, read, table, condition):
    answers = [each["row"].to_pylist() for each in (read(condition), table.filter(condition))]
    print(f"{what}: file {answers[0]}, memory {answers[1]}")
    return answers


def parquet(condition):
    return pyarrow.parquet.read_table("flags.parquet", filters=condition)


def delta(condition):
    return deltalake.DeltaTable("numbers").to_pyarrow_dataset().to_table(filter=condition)


assert rows("flag of 0, NaN, 0, is_nan", parquet, flags, pc.is_nan(flag)) == [[], [1]]
assert rows("flag of 0, NaN, 0, flag != 0", parquet, flags, flag != 0) == [[], [1]]
assert rows("flag of 0, NaN, 0, is_finite", parquet, flags, pc.is_finite(flag)) == [[0, 2], [0, 2]]
assert rows("Delta, x of 0, NaN, 0.5, x < 1", delta, numbers, x < 1) == [[0, 1, 2], [0, 2]]
assert rows("Delta, x of 0, NaN, 0.5, x > -1", delta, numbers, x > -1) == [[0, 1, 2], [0, 2]]
assert rows("Delta, x of 0, NaN, 0.5, is_finite", delta, numbers, pc.is_finite(x)) == [[0, 2], [0, 2]]
PYTHON
