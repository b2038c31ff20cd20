#!/usr/bin/env bash
# polars 2.1.0: with a seed, a sample within groups takes the same places in every group.
#
# Guess: group_by("user").agg(pl.col("day").sample(1, seed=0)) draws in each group anew, as pandas' groupby.sample
# with random_state does, and only repeats as a whole.
# Seen: each group starts from the same seed, so that groups of one length give the row at the same place: of 2,000
# users with ten days each all give the same day, and of a day the sample has all or nothing. shuffle(seed=...)
# within groups and .over("user") are alike. So is a share of each class that is drawn to test on. Without a seed groups
# differ; polars.set_random_seed(0) before makes that repeatable.
# Output seen (different days, of 10, in the sample):
#   polars 2.1.0 pandas 3.1.1
#   sample(1, seed=0): 1
#   shuffle(seed=0).first(): 1
#   shuffle(seed=0).over("user"), first of each: 1
#   sample(1): 10
#   set_random_seed(0), sample(1): 10, again the same True
#   pandas groupby.sample(1, random_state=0): 10
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check polars==2.1.0 pandas==3.1.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import pandas
import polars

print("polars", polars.__version__, "pandas", pandas.__version__)
data = {"user": [user for user in range(2000) for _ in range(10)], "day": list(range(10)) * 2000}
frame, day = polars.DataFrame(data), polars.col("day")


def each(expression):
    return frame.group_by("user", maintain_order=True).agg(expression.first())["day"].to_list()


def check(what, days, expected, more=""):
    print(f"{what}: {len(set(days))}{more}")
    assert len(days) == 2000 and len(set(days)) == expected


check("sample(1, seed=0)", each(day.sample(1, seed=0)), 1)
check("shuffle(seed=0).first()", each(day.shuffle(seed=0)), 1)
shuffled = frame.with_columns(day.shuffle(seed=0).over("user"))
check('shuffle(seed=0).over("user"), first of each', shuffled["day"].gather_every(10).to_list(), 1)
check("sample(1)", each(day.sample(1)), 10)
runs = []
for _ in range(2):
    polars.set_random_seed(0)
    runs.append(each(day.sample(1)))
check("set_random_seed(0), sample(1)", runs[0], 10, f", again the same {runs[0] == runs[1]}")
sampled = pandas.DataFrame(data).groupby("user").sample(1, random_state=0)["day"]
check("pandas groupby.sample(1, random_state=0)", sampled.tolist(), 10)
PYTHON
