#!/usr/bin/env bash
# pyarrow 26.0.1: a left join puts the rows that have no partner behind all others.
#
# Guess: rows.join(weights, "key"), "left outer" by default, has the rows in their order, at least on one thread, as in
# pandas.
# Seen: rows with a partner come first, in their order, then those without. Where each row has one, as in a test, or
# where the weights are those of all rows, the order is kept; with weights of some rows what stands beside the table,
# a matrix of features or the row numbers of a coreset, no longer goes with it. use_threads=False does the same. The
# row numbers as a column, by which to sort afterwards, are the way out.
# Output seen:
#   pyarrow 26.0.1 pandas 3.1.1
#   pyarrow, a weight for each: [0, 1, 2, 3, 4]
#   pyarrow, weights of some: [1, 3, 0, 2, 4]
#   pyarrow, weights of some, one thread: [1, 3, 0, 2, 4]
#   pandas, weights of some: [0, 1, 2, 3, 4]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==26.0.1 pandas==3.1.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import pandas
import pyarrow as pa

print("pyarrow", pa.__version__, "pandas", pandas.__version__)
rows = pa.table({"key": [30, 10, 50, 20, 40], "row": range(5)})
every = pa.table({"key": [10, 20, 30, 40, 50], "weight": [1.0, 2.0, 3.0, 4.0, 5.0]})
some = every.slice(0, 2)


def check(what, order, expected):
    print(f"{what}: {order}")
    assert order == expected


check("pyarrow, a weight for each", rows.join(every, "key")["row"].to_pylist(), [0, 1, 2, 3, 4])
check("pyarrow, weights of some", rows.join(some, "key")["row"].to_pylist(), [1, 3, 0, 2, 4])
single = rows.join(some, "key", use_threads=False)["row"].to_pylist()
check("pyarrow, weights of some, one thread", single, [1, 3, 0, 2, 4])
merged = rows.to_pandas().merge(some.to_pandas(), on="key", how="left")["row"].tolist()
check("pandas, weights of some", merged, [0, 1, 2, 3, 4])
PYTHON
