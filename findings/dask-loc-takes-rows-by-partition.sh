#!/usr/bin/env bash
# dask 2026.8.0: .loc with a list of rows gives them partition by partition, where pandas gives them as asked for.
#
# Guess: frame.loc[[15, 2, 9, 2]] of dask has the rows that pandas has, in its order.
# Seen: the order is that of the partitions, and within each that of the list. With one partition it is as in pandas,
# so what was tried on a small frame no longer holds on a large one: a weight for each row of the list goes to other
# rows, and the lengths agree.
# Output seen:
#   dask 2026.8.0 pandas 3.1.1
#   pandas [15, 2, 9, 2]
#   dask, 1 partition: [15, 2, 9, 2]
#   dask, 4 partitions: [2, 2, 9, 15]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "dask[dataframe]==2026.8.0" pandas==3.1.1 \
  pyarrow==26.0.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import dask
import dask.dataframe
import pandas

print("dask", dask.__version__, "pandas", pandas.__version__)
frame, asked = pandas.DataFrame({"x": range(20)}), [15, 2, 9, 2]
print("pandas", frame.loc[asked]["x"].tolist())
assert frame.loc[asked]["x"].tolist() == asked
for count in (1, 4):
    parts = dask.dataframe.from_pandas(frame, npartitions=count)
    taken = parts.loc[asked].compute()["x"].tolist()
    print(f"dask, {count} partition{'s' * (count > 1)}: {taken}")
    assert taken == (asked if count == 1 else [2, 2, 9, 15])
PYTHON
