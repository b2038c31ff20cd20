#!/usr/bin/env bash
# DuckDB 2.0.1: WHERE NOT isnan(x) keeps the NaN of a Parquet file that polars or pyarrow wrote, and isnan(x) finds
# none.
#
# Guess: isnan(x) looks at each number, so it says the same of the same numbers, whoever wrote the file.
# Seen: the least and largest number of a row group leave NaN out, as Parquet asks for, and DuckDB takes them for
# those of all its numbers: where both are there, isnan(x) is false of every row, in WHERE and in SELECT alike, x < 1
# and BETWEEN let NaN through, and x > 1, true of NaN in DuckDB, passes it over. Of the same rows without statistics,
# or written by DuckDB, which writes no least and largest for numbers with NaN, all answers are right. Where NaN
# stands for a missing value, its rows are neither found nor dropped. NOT isfinite(x), the text of x, and isnan(x) of
# a table made of the file see them.
# Output seen:
#   duckdb 2.0.1 polars 2.1.0 pyarrow 26.0.1
#   polars: isnan [], not isnan [0, 1, 2], x < 1 [0, 1, 2], x > 1 [], as text [1]
#   pyarrow: isnan [], not isnan [0, 1, 2], x < 1 [0, 1, 2], x > 1 [], as text [1]
#   no statistics: isnan [1], not isnan [0, 2], x < 1 [0, 2], x > 1 [1], as text [1]
#   duckdb: isnan [1], not isnan [0, 2], x < 1 [0, 2], x > 1 [1], as text [1]
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
table = pa.table({"row": [0, 1, 2], "x": [0.0, float("nan"), 0.5]})
polars.from_arrow(table).write_parquet("polars.parquet")
pyarrow.parquet.write_table(table, "pyarrow.parquet")
pyarrow.parquet.write_table(table, "no statistics.parquet", write_statistics=False)
duckdb.sql("copy (from 'no statistics.parquet') to 'duckdb.parquet'")
conditions = {
    "isnan": "isnan(x)",
    "not isnan": "not isnan(x)",
    "x < 1": "x < 1",
    "x > 1": "x > 1",
    "as text": "cast(x as varchar) = 'nan'",
}


def rows(writer):
    answers = {
        name: sorted(row for (row,) in duckdb.sql(f"select row from '{writer}.parquet' where {where}").fetchall())
        for name, where in conditions.items()
    }
    print(f"{writer}: " + ", ".join(f"{name} {answer}" for name, answer in answers.items()))
    return list(answers.values())


assert rows("polars") == rows("pyarrow") == [[], [0, 1, 2], [0, 1, 2], [], [1]]
assert rows("no statistics") == rows("duckdb") == [[1], [0, 2], [0, 2], [1], [1]]
PYTHON
