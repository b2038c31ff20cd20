#!/usr/bin/env bash
# fastparquet 2026.9.0: 64-bit integers in DELTA_BINARY_PACKED, booleans in RLE and halves come back as other values.
#
# Guess: encodings of Parquet that it does not know it refuses, as it does BYTE_STREAM_SPLIT ("Encoding 9").
# Seen: of pages of version 2 two delta-packed int64 become one: row numbers -7, -4, -1 are -12884901895, 12884901887,
# 34359738373; of pages of version 1 they are right while neighbours differ by less than 2^31. Booleans in RLE are
# shifted in pages of version 1, so that a flag of a third is right in 41 % of the rows. float16, embeddings for
# instance, comes as objects of two bytes each. Nothing is said. pyarrow, polars and DuckDB read all of them.
# Output seen (first values, share of rows that are right):
#   fastparquet 2026.9.0 pyarrow 26.0.1 polars 2.1.0 duckdb 2.0.1
#   bool, RLE, pages of version 1.0: [False, True, False, False], 0.41
#   bool, RLE, pages of version 2.0: [True, False, False, True], 1.00
#   float16, PLAIN, pages of version 1.0: [b'', b'\x000', b'\x004', b'\x006'], 0.00
#   int32, DELTA_BINARY_PACKED, pages of version 2.0: [-7, -4, -1, 2], 1.00
#   int64, DELTA_BINARY_PACKED, pages of version 1.0: [-7, -4, -1, 2], 1.00
#   int64, DELTA_BINARY_PACKED, pages of version 2.0: [-12884901895, 12884901887, 34359738373, 60129542155], 0.00
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check fastparquet==2026.9.0 pyarrow==26.0.1 polars==2.1.0 \
  duckdb==2.0.1 numpy==2.4.6 pandas==3.1.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import duckdb
import fastparquet
import numpy as np
import polars
import pyarrow
from pyarrow import parquet

versions = ((each.__name__, each.__version__) for each in (fastparquet, pyarrow, polars, duckdb))
print(*(text for version in versions for text in version))
row = np.arange(5000)
columns = {"int64": row * 3 - 7, "int32": (row * 3 - 7).astype(np.int32), "bool": row % 3 == 0, "float64": row / 7}
columns["float16"] = (row / 8).astype(np.float16)
readers = {
    "pyarrow": lambda: parquet.read_table("rows.parquet")["x"].to_numpy(),
    "polars": lambda: polars.read_parquet("rows.parquet")["x"].to_numpy(),
    "duckdb": lambda: duckdb.sql("SELECT x FROM 'rows.parquet'").fetchnumpy()["x"],
    "fastparquet": lambda: fastparquet.ParquetFile("rows.parquet").to_pandas()["x"].to_numpy(),
}
wrong = {("int64", "DELTA_BINARY_PACKED", "2.0"), ("bool", "RLE", "1.0"), ("float16", "PLAIN", "1.0")}
right = {("int64", "DELTA_BINARY_PACKED", "1.0"), ("int32", "DELTA_BINARY_PACKED", "2.0"), ("bool", "RLE", "2.0")}
for column, encoding, version in sorted(wrong | right):
    options = {"use_dictionary": False, "column_encoding": {"x": encoding}, "data_page_version": version}
    parquet.write_table(pyarrow.table({"x": columns[column]}), "rows.parquet", **options)
    for reader, read in readers.items():
        found = read()
        share = np.mean([one == other for one, other in zip(found, columns[column])])
        if reader == "fastparquet":
            print(f"{column}, {encoding}, pages of version {version}: {found[:4].tolist()}, {share:.2f}")
            assert share < 0.5 if (column, encoding, version) in wrong else share == 1
        else:
            assert share == 1
PYTHON
