#!/usr/bin/env bash
# torchdata 0.11.0, StatefulDataLoader: a sampler WITHOUT state is resumed in the middle of an epoch, one WITH state is not.
#
# The guess: giving a sampler state_dict() and load_state_dict() (its epoch, its seed) can only make resuming better.
# What happens: as soon as the sampler has these methods the loader no longer skips the batches it had yielded, so that
# the epoch silently begins anew and its first rows are trained twice. The sampler has to keep its position itself.
# (_BatchSamplerIterator.load_state_dict skips "if underlying sampler is not stateful" only.)
#
# Seen: Plain      resumes with [[6, 7, 8], [9, 10, 11]]
#       WithEpoch  resumes with [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check torch==2.13.0 torchdata==0.11.0 numpy
cd "$folder"
cat > check.py <<'PYTHON'
import torch
from torchdata.stateful_dataloader import StatefulDataLoader


class Plain(torch.utils.data.Sampler):
    def __iter__(self):
        return iter(range(12))

    def __len__(self):
        return 12


class WithEpoch(Plain):
    epoch = 0

    def state_dict(self):
        return {"epoch": self.epoch}

    def load_state_dict(self, state):
        self.epoch = state["epoch"]


found = {}
for kind in (Plain, WithEpoch):
    loader = StatefulDataLoader(list(range(12)), batch_size=3, sampler=kind())
    batches = iter(loader)
    next(batches), next(batches)
    resumed = StatefulDataLoader(list(range(12)), batch_size=3, sampler=kind())
    resumed.load_state_dict(loader.state_dict())
    found[kind.__name__] = [batch.tolist() for batch in resumed]
    print(f"{kind.__name__:10} resumes with {found[kind.__name__]}")
assert found["Plain"] == [[6, 7, 8], [9, 10, 11]]
assert found["WithEpoch"] == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]
PYTHON
venv/bin/python -W ignore check.py
