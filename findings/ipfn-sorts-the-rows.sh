#!/usr/bin/env bash
# ipfn 1.4.4: raking a table of rows gives them back sorted where a target is of two columns, and as they were if not.
#
# Guess: iteration() returns the table with new weights in its column total, row by row, so that
# iteration()["total"].to_numpy() goes beside the rows.
# Seen: so it is with targets of one column each. With one of two columns together the rows are sorted by these, and
# numbered anew from 0 as if they had not moved: weights taken from the result go to other rows, by place and by index
# alike. A column of row numbers of one's own in the table leads back.
# Output seen (12 rows; the target of town and age wants 30 for the young people of a):
#   ipfn 1.4.4
#   town, age: rows [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], index 0 to 11
#     young people of a: 22.1 in the result, 22.1 with weights put beside the rows
#   town and age together: rows [1, 5, 2, 6, 10, 4, 7, 9, 11, 0, 3, 8], index 0 to 11
#     young people of a: 30.0 in the result, 26.2 with weights put beside the rows
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ipfn==1.4.4 numpy==2.4.6 pandas==3.1.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from importlib.metadata import version

import numpy as np
import pandas
from ipfn import ipfn

print("ipfn", version("ipfn"))
table = pandas.DataFrame({"row": np.arange(12), "town": [*"baabbaabbbab"], "age": [*"yoyyooyoyoyo"], "total": 1.0})
town = pandas.Series({"a": 40.0, "b": 60.0})
age = pandas.Series({"o": 55.0, "y": 45.0})
both = pandas.Series({("a", "o"): 10.0, ("a", "y"): 30.0, ("b", "o"): 45.0, ("b", "y"): 15.0})


def check(name, targets, columns):
    raked = ipfn.ipfn(table.copy(), [target.copy() for target in targets], columns).iteration()
    beside = table.assign(total=raked["total"])
    sums = beside.groupby(["town", "age"])["total"].sum()
    print(f"{name}: rows {raked['row'].tolist()}, index {raked.index[0]} to {raked.index[-1]}")
    inside = raked.groupby(["town", "age"])["total"].sum()
    print(f"  young people of a: {inside['a', 'y']:.1f} in the result, ", end="")
    print(f"{sums['a', 'y']:.1f} with weights put beside the rows")
    return raked["row"].tolist(), float(sums["a", "y"])


one = check("town, age", [town, age], [["town"], ["age"]])
two = check("town and age together", [both, town], [["town", "age"], ["town"]])
assert one[0] == list(range(12)) and two[0] == table.sort_values(["town", "age"], kind="stable")["row"].tolist()
assert abs(two[1] - 30) > 3
PYTHON
