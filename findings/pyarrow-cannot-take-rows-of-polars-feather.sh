#!/usr/bin/env bash
# polars 2.1.0, pyarrow 26.0.1: of the Feather file that polars writes, pyarrow reads all and can take no rows.
#
# Guess: what pyarrow.feather.read_table reads is a table like any other.
# Seen: text is string_view, and a Categorical a dictionary of string_view. Reading, group_by and unique work; take,
# filter, sort_by and write_csv are not implemented, and the category cannot even be written to Parquet. Casting each
# view to string first is the way out; compat_level=0 in polars, which writes large_string, another.
# Output seen:
#   polars 2.1.0 pyarrow 26.0.1
#   a: int64, s: string_view, c: dictionary<values=string_view, indices=uint32, ordered=0>
#   group_by ok
#   take ArrowNotImplementedError: Function 'array_take' has no kernel matching input types (string_view, int64)
#   filter ArrowNotImplementedError: Function 'array_take' has no kernel matching input types (string_view, uint16)
#   sort_by ArrowNotImplementedError: Function 'array_take' has no kernel matching input types (string_view, uint64)
#   write_csv ArrowInvalid: Unsupported Type:string_view
#   write_parquet ArrowNotImplementedError: Unsupported cast from dictionary<values=string_view, indices=uint32, ...
#   compat_level=0: take ok
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check polars==2.1.0 pyarrow==26.0.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import polars
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet

print("polars", polars.__version__, "pyarrow", pa.__version__)
frame = polars.DataFrame({"a": [1, 2, 3], "s": ["x", "y", "z"], "c": ["p", "q", "p"]})
frame = frame.with_columns(polars.col("c").cast(polars.Categorical))
frame.write_ipc("a.feather")
frame.write_ipc("b.feather", compat_level=polars.CompatLevel.oldest())
table = pyarrow.feather.read_table("a.feather")
print(", ".join(f"{field.name}: {field.type}" for field in table.schema))
fails = 0
for what, work in {
    "group_by": lambda: table.group_by("s").aggregate([("a", "sum")]),
    "take": lambda: table.take([2, 0]),
    "filter": lambda: table.filter(pa.array([True, False, True])),
    "sort_by": lambda: table.sort_by("a"),
    "write_csv": lambda: pyarrow.csv.write_csv(table, "out.csv"),
    "write_parquet": lambda: pyarrow.parquet.write_table(table, "out.parquet"),
}.items():
    try:
        work()
        print(what, "ok")
    except pa.ArrowException as error:
        fails += 1
        print(what, f"{type(error).__name__}: {str(error)[:100]}")
assert fails == 5
assert pyarrow.feather.read_table("b.feather").take([2, 0])["s"].to_pylist() == ["z", "x"]
print("compat_level=0: take ok")
PYTHON
