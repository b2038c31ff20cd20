#!/usr/bin/env bash
# transformers 5.24.0, Trainer: whether accumulated steps are averaged depends on a ** in the signature of the model.
#
# The guess: with gradient_accumulation_steps=4 and a quarter of the batch the step is the same as without, whatever the
# model's forward() looks like, for a compute_loss() that returns the mean over its batch.
# What happens: where forward() takes **kwargs the Trainer takes it that the loss was divided by the number of items
# already, and does not divide by the accumulated steps: the gradient, and so the step of SGD, is 4 times as large.
# Without a warning; "trainer.model_accepts_loss_kwargs = False" puts it right.
#
# Seen: forward(x, labels)            1 step of 16: weights moved 0.0970, 4 steps of 4: 0.0970
#       forward(x, labels, **kwargs)  1 step of 16: weights moved 0.0970, 4 steps of 4: 0.3880
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check torch==2.13.0 transformers==5.24.0 accelerate==1.15.0 numpy
cd "$folder"
cat > check.py <<'PYTHON'
import torch
import transformers
from torch.nn.functional import cross_entropy


class Plain(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.linear = torch.nn.Linear(2, 2)

    def forward(self, x, labels=None):
        logits = self.linear(x)
        return {"loss": cross_entropy(logits, labels), "logits": logits}


class WithKwargs(Plain):
    def forward(self, x, labels=None, **kwargs):
        return super().forward(x, labels)


class Trainer(transformers.Trainer):
    def compute_loss(self, model, inputs, return_outputs=False, **_):
        outputs = model(**inputs)
        return (outputs["loss"], outputs) if return_outputs else outputs["loss"]


def moved(kind, accumulated):
    torch.manual_seed(1)
    x = torch.randn(16, 2)
    data = [{"x": row, "labels": label} for row, label in zip(x, (x[:, 0] > 0).long())]
    arguments = transformers.TrainingArguments(
        "out", per_device_train_batch_size=16 // accumulated, gradient_accumulation_steps=accumulated, max_steps=1,
        learning_rate=0.1, optim="sgd", lr_scheduler_type="constant", max_grad_norm=0, report_to=[],
        save_strategy="no", logging_strategy="no", use_cpu=True, disable_tqdm=True,
    )
    model = kind()
    before = model.linear.weight.detach().clone()
    Trainer(model, arguments, train_dataset=data).train()
    return (model.linear.weight.detach() - before).norm().item()


for kind, times in ((Plain, 1.0), (WithKwargs, 4.0)):
    whole, parts = moved(kind, 1), moved(kind, 4)
    print(f"{kind.__name__}: 1 step of 16 moved the weights by {whole:.4f}, 4 steps of 4 by {parts:.4f}")
    assert abs(parts / whole - times) < 0.01
PYTHON
venv/bin/python -W ignore check.py
