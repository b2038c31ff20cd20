#!/usr/bin/env bash
# datasets 5.2.0: of shuffled.take(n) and shuffled.skip(n) the second trains on rows of the first from the second epoch
# on.
#
# Guess: take(n) and skip(n) of one shuffled stream cut it in two for good, one to evaluate on and one to train on;
# set_epoch(), which trainers call, changes the order within each.
# Seen: set_epoch shuffles the stream before it is cut, so that in each epoch other rows lie behind the cut. Of 200 rows
# held out, 31 are trained on in the second epoch, and take(n) itself holds other rows then. Take and skip first and
# shuffle what is left: the two stay apart.
# Output seen:
#   datasets 5.2.0
#   shuffled, then cut: rows of the held-out 200 trained on in each epoch: 0, 31, 37
#   cut, then shuffled: rows of the held-out 200 trained on in each epoch: 0, 0, 0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check datasets==5.2.0 numpy==2.4.6
cd "$folder"
HF_HOME="$folder" HF_HUB_OFFLINE=1 "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import datasets

print("datasets", datasets.__version__)
stream = datasets.Dataset.from_dict({"row": range(1000)}).to_iterable_dataset(num_shards=8)
shuffle = {"seed": 0, "buffer_size": 100}


def trained_on(what, training, held_out):
    held_out, common = {row["row"] for row in held_out}, []
    for epoch in range(3):
        training.set_epoch(epoch)
        rows = [row["row"] for row in training]
        assert len(rows) == len(set(rows)) == 800 and len(held_out) == 200
        common.append(len(held_out.intersection(rows)))
    print(f"{what}: rows of the held-out 200 trained on in each epoch: {', '.join(map(str, common))}")
    return common


shuffled = stream.shuffle(**shuffle)
common = trained_on("shuffled, then cut", shuffled.skip(200), shuffled.take(200))
assert common[0] == 0 and min(common[1:]) > 10
assert trained_on("cut, then shuffled", stream.skip(200).shuffle(**shuffle), stream.take(200)) == [0, 0, 0]
PYTHON
