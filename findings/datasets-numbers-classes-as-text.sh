#!/usr/bin/env bash
# datasets 5.2.0: class_encode_column gives integer labels other numbers: of classes 0 to 11, 10 becomes 2.
#
# Guess: labels that are 0, 1, ... already stay what they are, as with scikit-learn's LabelEncoder, or at least keep their
# order.
# Seen: labels are made text and sorted as text, so that 10 and 11 come before 2, and 2 to 9 move up by two.
# train_test_split(stratify_by_column=...) asks for such a column, so it is at hand; with up to ten classes nothing
# happens. A model trained on it, scored on the labels of the file, is wrong in ten of twelve classes; classes of a
# coreset, or weights by class, go to other classes. cast_column("label", ClassLabel(num_classes=12)) keeps the
# numbers.
# Output seen:
#   datasets 5.2.0
#   10 classes: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
#   12 classes: [0, 1, 4, 5, 6, 7, 8, 9, 10, 11, 2, 3]
#   12 classes, cast_column: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check datasets==5.2.0 numpy==2.4.6
cd "$folder"
HF_HOME="$folder" HF_HUB_OFFLINE=1 "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import datasets

datasets.disable_progress_bars()
print("datasets", datasets.__version__)


def check(what, rows, expected):
    numbers = rows["label"][:]
    print(f"{what}: {numbers}")
    assert numbers == expected


ten, twelve = (datasets.Dataset.from_dict({"label": range(count)}) for count in (10, 12))
check("10 classes", ten.class_encode_column("label"), list(range(10)))
check("12 classes", twelve.class_encode_column("label"), [0, 1, *range(4, 12), 2, 3])
kept = twelve.cast_column("label", datasets.ClassLabel(num_classes=12))
check("12 classes, cast_column", kept, list(range(12)))
PYTHON
