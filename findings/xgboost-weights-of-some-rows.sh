#!/usr/bin/env bash
# XGBoost 3.2.0: text in which some lines have label:weight and some a label alone gives weights to the wrong rows.
#
# Guess: a line without a weight counts as 1, or the file is refused.
# Seen: the weights that are there move up: of "1:3", "0", "1:9" the second row, which has none, gets the 9, and the
# third, whose weight is 9, gets 0. Nothing is said. With a weight in every line all is as written; and a file
# DATA.weight beside DATA, which earlier versions read, is passed over, also without a word.
# Output seen:
#   xgboost 3.2.0
#   all [3.0, 5.0, 9.0]
#   some [3.0, 9.0, 0.0]
#   beside []
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xgboost-cpu==3.2.0 numpy==2.4.6 scipy==1.17.1
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import xgboost

print("xgboost", xgboost.__version__)


def weights(name, text):
    with open(name, "w") as file:
        file.write(text)
    found = xgboost.DMatrix(f"{name}?format=libsvm")
    assert found.num_row() == 3 and found.get_label().tolist() == [1, 0, 1]
    print(name, found.get_weight().tolist())
    return found.get_weight().tolist()


assert weights("all", "1:3 0:1\n0:5 0:2\n1:9 0:3\n") == [3, 5, 9]
some = weights("some", "1:3 0:1\n0 0:2\n1:9 0:3\n")
assert some[:2] == [3, 9] and some != [3, 1, 9]
with open("beside.weight", "w") as file:
    file.write("3\n5\n9\n")
assert weights("beside", "1 0:1\n0 0:2\n1 0:3\n") == []
PYTHON
