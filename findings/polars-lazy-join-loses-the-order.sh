#!/usr/bin/env bash
# polars 2.1.0: a left join keeps the order of the rows when it is eager, and loses it when it is lazy.
#
# Guess: rows.join(weights, on="key", how="left") has the rows in their order, as it always had, and
# rows.lazy().join(...).collect() is the same frame.
# Seen: collect() streams by default, and divides the rows among threads by a hash of the key: nearly all of 10,000 rows
# stand elsewhere, and so they do in a file by sink_parquet, whose maintain_order=True is about what it is handed. An
# inner join does the same; semi and anti joins, filter and row numbers keep the order. Whoever takes row numbers of
# such a frame, or sets weights beside it, has other rows. On a single thread the order stays. engine="in-memory", or
# maintain_order="left" in the join, is the way out.
# Output seen:
#   polars 2.1.0, 2 threads
#   eager: in order True
#   lazy, collect(): in order False
#   lazy, sink_parquet: in order False
#   lazy, collect(engine="in-memory"): in order True
#   lazy, maintain_order="left", collect(): in order True
#   lazy, semi join, collect(): in order True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check polars==2.1.0 numpy==2.4.6
cd "$folder"
POLARS_MAX_THREADS=2 "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import polars

print(f"polars {polars.__version__}, {polars.thread_pool_size()} threads")
generator = np.random.default_rng(0)
rows = polars.DataFrame({"key": generator.permutation(10_000), "row": np.arange(10_000)})
weights = polars.DataFrame({"key": np.arange(0, 10_000, 10), "weight": generator.random(1000)})


def check(what, expected, made):
    found = bool((np.diff(made["row"].to_numpy()) > 0).all())
    print(f"{what}: in order {found}")
    assert found is expected


check("eager", True, rows.join(weights, on="key", how="left"))
lazy = rows.lazy().join(weights.lazy(), on="key", how="left")
check("lazy, collect()", False, lazy.collect())
lazy.sink_parquet("joined.parquet")
check("lazy, sink_parquet", False, polars.read_parquet("joined.parquet"))
check('lazy, collect(engine="in-memory")', True, lazy.collect(engine="in-memory"))
kept = rows.lazy().join(weights.lazy(), on="key", how="left", maintain_order="left")
check('lazy, maintain_order="left", collect()', True, kept.collect())
check("lazy, semi join, collect()", True, rows.lazy().join(weights.lazy(), on="key", how="semi").collect())
PYTHON
