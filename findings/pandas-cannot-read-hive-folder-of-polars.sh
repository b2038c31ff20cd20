#!/usr/bin/env bash
# polars 2.1.0, pandas 3.1.1, pyarrow 26.0.1: a partitioned folder that polars writes cannot be read by pandas.
#
# Guess: write_parquet(partition_by=...) writes what Spark and pandas write: the key in the path, not in the files.
# Seen: polars writes the key into the files as well, as large_string, and pyarrow, on which pandas stands, makes of the
# path a category, of integers for g=01, and refuses to merge the two, whatever the keys are. partitioning=None reads
# the folder, by the column in the files.
# Output seen:
#   polars 2.1.0 pandas 3.1.1 pyarrow 26.0.1
#   ['01', '02']: Unable to merge: Field g has incompatible types: large_string vs dictionary<values=int32, ...
#   ['a', 'b']: Unable to merge: Field g has incompatible types: large_string vs dictionary<values=string, ...
#   partitioning=None: ['01', '02']
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check polars==2.1.0 pandas==3.1.1 pyarrow==26.0.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import pandas
import polars
import pyarrow as pa

print("polars", polars.__version__, "pandas", pandas.__version__, "pyarrow", pa.__version__)
for name, keys in (("numbers", ["01", "02"]), ("letters", ["a", "b"])):
    polars.DataFrame({"g": keys, "x": [1, 2]}).write_parquet(name, partition_by=["g"])
    try:
        pandas.read_parquet(name)
    except pa.ArrowTypeError as error:
        print(f"{keys}: {str(error)[:100]}")
        assert "Unable to merge: Field g has incompatible types" in str(error)
    else:
        raise SystemExit("pandas reads it now")
found = pandas.read_parquet("numbers", partitioning=None)["g"].tolist()
print("partitioning=None:", found)
assert found == ["01", "02"]
PYTHON
