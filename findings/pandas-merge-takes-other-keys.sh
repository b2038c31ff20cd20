#!/usr/bin/env bash
# pandas 3.1.1: merge of int64 with uint64 keys also pairs keys that differ.
#
# Guess: both are whole numbers of 64 bits, so equal keys meet and no others, as isin says, and as polars, DuckDB and
# DataFusion join them.
# Seen: both are made float64, in which 9007199254740993 is 9007199254740992: a key from 2^53 on meets its neighbours,
# rows are doubled and get what belongs to others, and keys come out as floats, without a warning. Which pairs depends
# on the order of rows, too. dask does as pandas; numpy.searchsorted and intersect1d do so too, though == of such
# arrays is right. hash_pandas_object and most hashes are uint64, keys of databases int64. Casting both to one type
# first is the way out; pyarrow refuses the join.
# Output seen:
#   pandas 3.1.1 numpy 2.4.6 polars 2.1.0 duckdb 2.0.1
#   pandas.merge: [('right', 1), ('wrong', 1)]
#   pandas.merge, one type: [('right', 1)]
#   polars: [('right', 1)]
#   duckdb: [('right', 1)]
#   pandas isin: [False, True]
#   numpy.searchsorted 0, one type 1
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pandas==3.1.1 numpy==2.4.6 polars==2.1.0 \
  duckdb==2.0.1 pyarrow==26.0.1
cd "$folder"
"$folder/venv/bin/python" -W error - <<'PYTHON'
import duckdb
import numpy as np
import pandas
import polars

print(" ".join(f"{each.__name__} {each.__version__}" for each in (pandas, np, polars, duckdb)))
rows = pandas.DataFrame({"key": np.array([2**53, 2**53 + 1], np.uint64), "what": ["wrong", "right"]})
weights = pandas.DataFrame({"key": np.array([2**53 + 1, 5], np.int64), "weight": [1, 1]})
cast = weights.astype({"key": np.uint64})
pairs = {
    "pandas.merge": weights.merge(rows, on="key")[["what", "weight"]].values.tolist(),
    "pandas.merge, one type": cast.merge(rows, on="key")[["what", "weight"]].values.tolist(),
    "polars": polars.from_pandas(weights).join(polars.from_pandas(rows), on="key").select("what", "weight").rows(),
    "duckdb": duckdb.sql("select what, weight from weights join rows using (key)").fetchall(),
}
for name, found in pairs.items():
    found = sorted(map(tuple, found))
    print(f"{name}: {found}")
    assert found == [("right", 1), ("wrong", 1)][: 2 if name == "pandas.merge" else 1]
print("pandas isin:", rows["key"].isin(weights["key"]).tolist())
assert rows["key"].isin(weights["key"]).tolist() == [False, True]
places = [int(np.searchsorted(rows["key"].to_numpy(), each["key"].to_numpy())[0]) for each in (weights, cast)]
print(f"numpy.searchsorted {places[0]}, one type {places[1]}")
assert places == [0, 1]
PYTHON
