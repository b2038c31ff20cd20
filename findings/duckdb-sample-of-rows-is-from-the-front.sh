#!/usr/bin/env bash
# DuckDB 2.0.1: USING SAMPLE n ROWS, for n up to 20 at least, draws from the first 4,100 n rows of a table, and never
# from those behind.
#
# Guess: a reservoir sample has each row with the same chance, whatever n is and however long the table.
# Seen: of 1,000,000 rows a sample of 10 lies in the first 4 %, at any seed and without one, of 10,000,000 in the first
# half per cent. From 30 rows on it is right, and so it is of tables of some thousand rows, on which one tries it. Of
# rows sorted by date or class a few rows drawn to look at, or one for each class, are the first ones. A share,
# 0.001 % (bernoulli), and ORDER BY random() LIMIT n have all rows with the same chance.
# Output seen (last and mean row of 50 samples, as shares of the table):
#   duckdb 2.0.1
#   1000000 rows, 1 ROWS (reservoir): last 0.004, mean 0.003
#   1000000 rows, 10 ROWS (reservoir): last 0.041, mean 0.025
#   10000000 rows, 20 ROWS (reservoir): last 0.008, mean 0.005
#   1000000 rows, 30 ROWS (reservoir): last 1.000, mean 0.506
#   1000000 rows, 0.001 % (bernoulli): last 0.997, mean 0.504
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import duckdb

print("duckdb", duckdb.__version__)


def check(rows, how, method, largest):
    drawn = []
    for seed in range(50):
        query = f"SELECT i / {rows} FROM range({rows}) t(i) USING SAMPLE {how} ({method}, {seed})"
        drawn += [share for (share,) in duckdb.execute(query).fetchall()]
    last, mean = max(drawn), sum(drawn) / len(drawn)
    print(f"{rows} rows, {how} ({method}): last {last:.3f}, mean {mean:.3f}")
    assert last < largest if largest < 1 else last > 0.98 and abs(mean - 0.5) < 0.05


check(1_000_000, "1 ROWS", "reservoir", 0.005)
check(1_000_000, "10 ROWS", "reservoir", 0.05)
check(10_000_000, "20 ROWS", "reservoir", 0.01)
check(1_000_000, "30 ROWS", "reservoir", 1)
check(1_000_000, "0.001 %", "bernoulli", 1)
PYTHON
