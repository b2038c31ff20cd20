#!/usr/bin/env bash
# lightning 2.6.6: an epoch that is longer than the first is cut, and after a shorter one there is no validation.
#
# The guess: a sampler may yield another number of rows in each epoch (pruning, curricula, growing subsets): the trainer
# trains all of them and validates after each epoch, as it does with constant lengths.
# What happens: the number of batches, and the batch after which to validate, are those of the first epoch. Of a longer
# epoch the rest is silently not trained; after shorter ones validation is silently left out.
#
# Seen: rows [8, 12, 12, 12]: batches trained [4, 4, 4, 4], validated after [0, 1, 2, 3]
#       rows [8, 6, 6, 6]: batches trained [4, 3, 3, 3], validated after [0]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check torch==2.13.0 lightning==2.6.6
cd "$folder"
cat > check.py <<'PYTHON'
import logging

import lightning
import torch
from torch.utils.data import DataLoader, Sampler, TensorDataset

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


class Sizes(Sampler):
    def __init__(self, sizes):
        self.sizes, self.epoch = sizes, -1

    def __len__(self):
        return self.sizes[max(self.epoch, 0)]

    def __iter__(self):
        self.epoch += 1
        return iter(range(self.sizes[self.epoch]))


class Net(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.linear, self.trained, self.validated = torch.nn.Linear(1, 1), [0] * 4, []

    def training_step(self, batch, _):
        self.trained[self.current_epoch] += 1
        return self.linear(batch[0]).sum()

    def validation_step(self, batch, _):
        self.validated.append(self.current_epoch)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)


def fit(sizes):
    data, net = TensorDataset(torch.zeros(20, 1)), Net()
    off = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = lightning.Trainer(max_epochs=4, accelerator="cpu", num_sanity_val_steps=0, **off)
    trainer.fit(net, DataLoader(data, batch_size=2, sampler=Sizes(sizes)), DataLoader(data, batch_size=20))
    print(f"rows {sizes}: batches trained {net.trained}, validated after {net.validated}")
    return net.trained, net.validated


assert fit([8, 12, 12, 12]) == ([4, 4, 4, 4], [0, 1, 2, 3])
assert fit([8, 6, 6, 6]) == ([4, 3, 3, 3], [0])
PYTHON
venv/bin/python -W ignore check.py
