#!/usr/bin/env bash
# daft 0.7.26: where(x >= 0) drops the rows with -0.0, and where(x == 0) does not find them.
#
# Guess: -0.0 == 0.0, as in floating point everywhere, so that such a row is kept by x >= 0.
# Seen: -0.0 is below 0.0 for daft, in memory and in files, and a group of its own. Rounding a small negative number gives
# it, as do products with a 0. polars and DuckDB keep the rows.
# Output seen:
#   daft 0.7.26 polars 2.1.0 duckdb 2.0.1
#   daft: x >= 0 [0.0, 1.0], x == 0 [0.0], x < 0 [-0.0, -1.0], 4 groups
#   polars: x >= 0 [0.0, -0.0, 1.0], x == 0 [0.0, -0.0], x < 0 [-1.0], 3 groups
#   duckdb: x >= 0 [0.0, -0.0, 1.0], x == 0 [0.0, -0.0], x < 0 [-1.0], 3 groups
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check daft==0.7.26 polars==2.1.0 duckdb==2.0.1 \
  pyarrow==25.0.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import daft
import duckdb
import polars

print("daft", daft.__version__, "polars", polars.__version__, "duckdb", duckdb.__version__)
rows = [0.0, round(-0.04, 1), 1.0, -1.0]
lazy, frame = daft.from_pydict({"x": rows}), polars.DataFrame({"x": rows})


def in_duckdb(query):
    return [each for (each,) in duckdb.sql(f"select x from frame {query}").fetchall()]


answers = {
    "daft": [
        *(lazy.where(each).to_pydict()["x"] for each in (daft.col("x") >= 0, daft.col("x") == 0, daft.col("x") < 0)),
        lazy.distinct().count_rows(),
    ],
    "polars": [
        *(frame.filter(each)["x"].to_list() for each in (polars.col("x") >= 0, polars.col("x") == 0, polars.col("x") < 0)),
        frame["x"].n_unique(),
    ],
    "duckdb": [
        *(in_duckdb(f"where {each}") for each in ("x >= 0", "x = 0", "x < 0")),
        len(in_duckdb("group by x")),
    ],
}
for name, (kept, zeros, negative, groups) in answers.items():
    print(f"{name}: x >= 0 {kept}, x == 0 {zeros}, x < 0 {negative}, {groups} groups")
    if name == "daft":
        assert (len(kept), len(zeros), len(negative), groups) == (2, 1, 2, 4)
    else:
        assert (len(kept), len(zeros), len(negative), groups) == (3, 2, 1, 3)
PYTHON
