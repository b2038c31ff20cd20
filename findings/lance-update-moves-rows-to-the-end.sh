#!/usr/bin/env bash
# Lance (pylance 14.0.2): updating a column moves the rows to the end of the dataset.
#
# Guess: update({"label": ...}, where=...) changes values in place, so that take([3]) gives the same row before and
# after.
# Seen: rows that are updated, by update or merge_insert, are written anew behind all others, and the rows after them
# move up: take([3]) is another row. Correcting one label makes row numbers that were noted before name other rows.
# Output seen:
#   pylance 14.0.2
#   written [0, 1, 2, 3, 4, 5, 6, 7], take([3]) [3]
#   label of 3 updated: [0, 1, 2, 4, 5, 6, 7, 3], take([3]) [4]
#   merge_insert of 1: [0, 2, 4, 5, 6, 7, 3, 1], take([3]) [5]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pylance==14.0.2 pyarrow==26.0.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import lance
import pyarrow as pa

print("pylance", lance.__version__)
data = lance.write_dataset(pa.table({"row": range(8), "label": [0] * 8}), "data.lance")


def show(what):
    rows, third = (table["row"].to_pylist() for table in (data.to_table(), data.take([3])))
    print(f"{what} {rows}, take([3]) {third}")
    return rows, third


assert show("written") == ([0, 1, 2, 3, 4, 5, 6, 7], [3])
data.update({"label": "1"}, where="row = 3")
assert show("label of 3 updated:") == ([0, 1, 2, 4, 5, 6, 7, 3], [4])
data.merge_insert("row").when_matched_update_all().execute(pa.table({"row": [1], "label": [1]}))
data = lance.dataset("data.lance")
assert show("merge_insert of 1:") == ([0, 2, 4, 5, 6, 7, 3, 1], [5])
PYTHON
