#!/usr/bin/env bash
# DuckDB 2.0.1: WHERE label = 1 USING SAMPLE 100 ROWS draws 100 rows of all and keeps those with the label.
#
# Guess: the clause stands behind WHERE and is about what WHERE leaves, as LIMIT is: 100 rows with label 1.
# Seen: of a class with a tenth of the rows about 10 come back, and of a rare class mostly none,
# without a word. It is drawn after joins and before WHERE, GROUP BY and the rest. A subquery, FROM (SELECT ... WHERE
# label = 1) USING SAMPLE 100 ROWS, has the 100; it is the place of FROM that counts.
# Output seen (rows for three seeds):
#   duckdb 2.0.1
#   WHERE label = 1 USING SAMPLE 100 ROWS: 10, 10, 10
#   WHERE label = 1 LIMIT 100: 100, 100, 100
#   FROM (... WHERE label = 1) USING SAMPLE 100 ROWS: 100, 100, 100
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check duckdb==2.0.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import duckdb

print("duckdb", duckdb.__version__)
duckdb.execute("CREATE TABLE t AS SELECT (i % 10 = 0)::INT AS label FROM range(100_000) t(i)")


def check(what, query, expected):
    counts = [len(duckdb.execute(query.format(f"(reservoir, {seed})")).fetchall()) for seed in (1, 2, 3)]
    print(f"{what}: {', '.join(map(str, counts))}")
    assert all(count in expected for count in counts)


sample = "USING SAMPLE 100 ROWS"
check(f"WHERE label = 1 {sample}", f"FROM t WHERE label = 1 {sample} {{}}", range(1, 30))
check("WHERE label = 1 LIMIT 100", "FROM t WHERE label = 1 LIMIT 100", [100])
check(f"FROM (... WHERE label = 1) {sample}", f"FROM (FROM t WHERE label = 1) {sample} {{}}", [100])
PYTHON
