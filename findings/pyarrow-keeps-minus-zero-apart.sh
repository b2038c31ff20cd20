#!/usr/bin/env bash
# pyarrow 26.0.1: 0.0 and -0.0 are equal, and two keys: for group_by, unique, join and is_in.
#
# Guess: what == takes for equal is one group, one class, and finds its partner in a join, as in pandas, polars and DuckDB.
# Seen: a table with 0.0 and -0.0, which rounding a small negative number gives, has two groups of 0; joining weights for
# each class to the rows loses the rows with -0.0 without a word. Adding 0.0 to the column makes them one.
# Output seen:
#   pyarrow 26.0.1 pandas 3.1.1 polars 2.1.0 duckdb 2.0.1
#   labels [-0.0, 0.0, 1.0, -0.0]: equal to 0: 3
#   pyarrow: 3 groups, 2 of 4 rows joined
#   pandas: 2 groups, 4 of 4 rows joined
#   polars: 2 groups, 4 of 4 rows joined
#   duckdb: 2 groups, 4 of 4 rows joined
#   pyarrow, + 0.0: 2 groups, 4 of 4 rows joined
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
import pyarrow.compute as pc

print(" ".join(f"{each.__name__} {each.__version__}" for each in (pa, pandas, polars, duckdb)))
labels = [round(x, 1) for x in (-0.04, 0.04, 1.0, -0.03)]
rows, classes = pa.table({"label": labels}), pa.table({"label": [0.0, 1.0], "weight": [2.0, 1.0]})
print(f"labels {labels}: equal to 0: {pc.sum(pc.equal(rows['label'], 0.0)).as_py()}")


def groups_and_joined(rows):
    groups = rows.group_by("label").aggregate([([], "count_all")])
    assert len(groups) == len(pc.unique(rows["label"]))
    return len(groups), len(rows.join(classes, "label", join_type="inner"))


frame, columns = rows.to_pandas(), polars.from_arrow(rows)
found = {
    "pyarrow": groups_and_joined(rows),
    "pandas": (frame.groupby("label").ngroups, len(frame.merge(classes.to_pandas()))),
    "polars": (columns["label"].n_unique(), columns.join(polars.from_arrow(classes), on="label").height),
    "duckdb": (
        len(duckdb.sql("select label from rows group by label").fetchall()),
        len(duckdb.sql("select * from rows join classes using (label)").fetchall()),
    ),
    "pyarrow, + 0.0": groups_and_joined(pa.table({"label": pc.add(rows["label"], 0.0)})),
}
for name, (groups, joined) in found.items():
    print(f"{name}: {groups} groups, {joined} of 4 rows joined")
    assert (groups, joined) == ((3, 2) if name == "pyarrow" else (2, 4))
PYTHON
