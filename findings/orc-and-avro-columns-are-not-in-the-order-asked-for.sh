#!/usr/bin/env bash
# pandas 3.1.1, pyarrow 26.0.1, polars 2.1.0: columns=["y", "x"] of ORC or Avro gives x, y; of Parquet, Feather and CSV
# y, x.
#
# Guess: columns are as they were asked for, as in read_parquet and read_feather of the same library.
# Seen: pandas.read_orc, pyarrow.orc and polars.read_avro give them in the order of the file, so that to_numpy() has
# features in other places than the model was trained with, or weight and label exchanged, without a word. Asking for
# them again, frame[["y", "x"]], puts it right.
# Output seen:
#   pandas 3.1.1 pyarrow 26.0.1 polars 2.1.0
#   pandas.read_parquet ['y', 'x']
#   pandas.read_feather ['y', 'x']
#   pandas.read_orc ['x', 'y']
#   pyarrow.parquet.read_table ['y', 'x']
#   pyarrow.orc.read_table ['x', 'y']
#   polars.read_parquet ['y', 'x']
#   polars.read_ipc ['y', 'x']
#   polars.read_csv ['y', 'x']
#   polars.read_avro ['x', 'y']
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pandas==3.1.1 pyarrow==26.0.1 polars==2.1.0
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import pandas
import polars
import pyarrow
import pyarrow.orc
import pyarrow.parquet

print("pandas", pandas.__version__, "pyarrow", pyarrow.__version__, "polars", polars.__version__)
frame = pandas.DataFrame({"x": [1, 2], "y": [10, 20]})
frame.to_parquet("t.parquet")
frame.to_feather("t.feather")
frame.to_orc("t.orc")
frame.to_csv("t.csv", index=False)
polars.DataFrame({"x": [1, 2], "y": [10, 20]}).write_avro("t.avro")
for what, read, path, as_asked in (
    ("pandas.read_parquet", pandas.read_parquet, "t.parquet", True),
    ("pandas.read_feather", pandas.read_feather, "t.feather", True),
    ("pandas.read_orc", pandas.read_orc, "t.orc", False),
    ("pyarrow.parquet.read_table", pyarrow.parquet.read_table, "t.parquet", True),
    ("pyarrow.orc.read_table", pyarrow.orc.read_table, "t.orc", False),
    ("polars.read_parquet", polars.read_parquet, "t.parquet", True),
    ("polars.read_ipc", polars.read_ipc, "t.feather", True),
    ("polars.read_csv", polars.read_csv, "t.csv", True),
    ("polars.read_avro", polars.read_avro, "t.avro", False),
):
    table = read(path, columns=["y", "x"])
    names = list(getattr(table, "column_names", None) or table.columns)
    print(what, names)
    assert names == (["y", "x"] if as_asked else ["x", "y"])
PYTHON
