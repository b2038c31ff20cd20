"""The sampler in the loaders of frameworks, with the code of guide/deep.md: on one process, and on two.

A framework that is not installed is skipped by its name (extra "frameworks").
"""

import os
import re
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.test_deep import gradients

torch = pytest.importorskip("torch", reason="torch is not installed")
from torch.nn.functional import cross_entropy  # noqa: E402
from torch.utils.data import DataLoader, Dataset, TensorDataset  # noqa: E402

import craig_cli  # noqa: E402
from craig_cli.errors import UsageError  # noqa: E402
from craig_cli.torch import CoresetSampler, Indexed  # noqa: E402

GUIDE = Path(craig_cli.__file__).parent / "guide" / "deep.md"
N, CLASSES, BATCH = 640, 4, 8
pytestmark = pytest.mark.filterwarnings("ignore")  # the frameworks' own


def code_of(heading: str) -> str:
    """The first Python block below a heading of the guide."""
    section = GUIDE.read_text().split(f"## {heading}\n")[1]
    code = re.search(r"```python\n(.*?)```", section, flags=re.DOTALL)[1]
    assert len(code.strip().splitlines()) < 20
    return code


class Dicts(Dataset):
    def __init__(self, data):
        self.data = data

    def __len__(self):
        return len(self.data)

    def __getitem__(self, row):
        x, y = self.data[row]
        return {"x": x, "labels": y}


class Classifier(torch.nn.Module):
    """A model of the kind that transformers trains: takes columns by name, gives logits."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(CLASSES, CLASSES)

    def forward(self, x, labels=None):
        logits = self.linear(x)
        return {"loss": cross_entropy(logits, labels), "logits": logits}


class Noting(CoresetSampler):
    """Notes what is trained on, epoch by epoch."""

    def __init__(self, *args, **settings):
        super().__init__(*args, **settings)
        self.trained = {}

    def observe(self, rows, outputs, labels):
        if torch.is_grad_enabled():
            self.trained.setdefault(self.epoch, []).extend(rows.tolist())
        super().observe(rows, outputs, labels)


def problem(**settings):
    """(data, sampler, loader, model, optimizer) of a small problem, the same in every process."""
    torch.manual_seed(0)
    labels, proxies = gradients(N)
    data = TensorDataset(torch.from_numpy(proxies), torch.from_numpy(labels))
    sampler = Noting(labels, fraction=0.1, multiple_of=2 * BATCH)
    loader = DataLoader(Indexed(data), batch_size=BATCH, sampler=sampler, **settings)
    model = torch.nn.Linear(CLASSES, CLASSES)
    return data, sampler, loader, model, torch.optim.SGD(model.parameters(), lr=0.5)


def check(sampler: Noting, epochs: int, share: int = 1) -> None:
    assert sorted(sampler.trained) == list(range(epochs))
    for rows in sampler.trained.values():
        assert len(rows) == len(set(rows)) == len(sampler) // share
    assert set(sampler.trained[0]) != set(sampler.trained[1])


def plain() -> Noting:
    data, sampler, _, model, optimizer = problem()
    names = {"labels": data.tensors[1], "data": data, "model": model, "optimizer": optimizer}
    code = code_of("A plain loop").replace("range(30)", "range(3)").replace("64", "16")
    code = code.replace("import CoresetSampler,", "import").replace("CoresetSampler(", "make(")
    exec(code, names | {"make": lambda *args, **settings: sampler})
    return sampler


def with_lightning(folder: Path, **settings) -> Noting:
    lightning = pytest.importorskip("lightning", reason="lightning is not installed")
    _, sampler, loader, model, _ = problem()
    names = {"lightning": lightning, "torch": torch, "cross_entropy": cross_entropy}
    exec(code_of("Lightning"), names)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "accelerator": "cpu"}
    trainer = lightning.Trainer(max_epochs=3, default_root_dir=folder, **quiet, **settings)
    trainer.fit(names["Net"](model, sampler), loader)
    return sampler


def with_transformers(folder: Path, **settings) -> Noting:
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    pytest.importorskip("accelerate", reason="accelerate is not installed")
    data, sampler, _, _, _ = problem()
    names = {"transformers": transformers, "cross_entropy": cross_entropy}
    exec(code_of("Hugging Face"), names)
    arguments = transformers.TrainingArguments(
        str(folder), remove_unused_columns=False, per_device_train_batch_size=BATCH, num_train_epochs=3,
        report_to=[], save_strategy="no", use_cpu=True, disable_tqdm=True, **settings,
    )  # fmt: skip
    given = {"args": arguments, "train_dataset": Indexed(Dicts(data)), "eval_dataset": Indexed(Dicts(data))}
    trainer = names["CoresetTrainer"](Classifier(), **given, sampler=sampler)
    trainer.train()
    trainer.evaluate()
    return sampler


def with_accelerate(**settings) -> Noting:
    accelerate = pytest.importorskip("accelerate", reason="accelerate is not installed")
    _, sampler, loader, model, optimizer = problem()
    names = {"sampler": sampler, "loader": loader, "model": model, "optimizer": optimizer}
    names |= {"cross_entropy": cross_entropy, "Accelerator": lambda: accelerate.Accelerator(cpu=True, **settings)}
    exec(code_of("accelerate").replace("range(30)", "range(3)"), names)
    return sampler


def test_the_plain_loop():
    check(plain(), 3)


def test_lightning(tmp_path):
    check(with_lightning(tmp_path), 3)


@pytest.mark.parametrize("accumulated", [1, 2])
def test_transformers(tmp_path, accumulated):
    check(with_transformers(tmp_path, gradient_accumulation_steps=accumulated), 3)


def test_accelerate():
    check(with_accelerate(), 3)


def test_accelerate_that_dispatches_is_refused_by_name():
    accelerate = pytest.importorskip("accelerate", reason="accelerate is not installed")
    with pytest.raises(UsageError, match="accelerate: dispatch_batches=True"):
        with_accelerate(dataloader_config=accelerate.DataLoaderConfiguration(dispatch_batches=True))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stateful_loader_goes_on_in_the_middle(workers):
    torchdata = pytest.importorskip("torchdata.stateful_dataloader", reason="torchdata is not installed")
    settings = {"batch_size": BATCH, "num_workers": workers}
    data, sampler, _, _, _ = problem()
    loader = torchdata.StatefulDataLoader(Indexed(data), sampler=sampler, **settings)
    list(loader)
    iterator = iter(loader)
    first = [row for _ in range(3) for row in next(iterator)[0].tolist()]
    state = loader.state_dict()
    rest = [row for rows, _, _ in iterator for row in rows.tolist()]
    assert len(set(first + rest)) == len(sampler)
    _, other, _, _, _ = problem()
    again = torchdata.StatefulDataLoader(Indexed(data), sampler=other, **settings)
    again.load_state_dict(state)
    assert [row for rows, _, _ in again for row in rows.tolist()] == rest
    following = [row for rows, _, _ in again for row in rows.tolist()]
    assert following == [row for rows, _, _ in loader for row in rows.tolist()]


SCRIPT = """
import sys
from pathlib import Path
from tests.external import test_frameworks as here
import torch
if __name__ == "__main__":
    which, folder = sys.argv[1:]
    if which == "shard":
        torch.distributed.init_process_group("gloo")
        data, sampler, _, model, _ = here.problem()
        part = sampler.shard(torch.distributed.get_rank(), 2)
        for epoch in range(3):
            for rows, x, y in here.DataLoader(here.Indexed(data), batch_size=here.BATCH, sampler=part):
                sampler.observe(rows, model(x), y)
    elif which == "lightning":
        sampler = here.with_lightning(folder, strategy="ddp", devices=2)
    elif which == "transformers":
        sampler = here.with_transformers(folder)
    else:
        sampler = here.with_accelerate()
    here.check(sampler, 3, share=2)
    rank = torch.distributed.get_rank()
    torch.save((sampler.trained, sampler.reselector._rows), Path(folder, f"rank{rank}"))
    torch.distributed.barrier()
"""


@pytest.mark.parametrize("which", ["shard", "lightning", "transformers", "accelerate"])
def test_two_processes_select_alike_and_train_on_disjoint_rows(which, tmp_path):
    if which != "shard":
        pytest.importorskip(which, reason=f"{which} is not installed")
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    processes = []
    for rank in range(2):
        place = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "MASTER_PORT": str(port)}
        place |= {"MASTER_ADDR": "localhost", "NODE_RANK": "0", "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
        environment = os.environ | place | {"PYTHONPATH": str(Path(__file__).parents[2])}
        command = [sys.executable, str(script), which, str(tmp_path)]
        processes.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True))
    for process in processes:
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors
    (mine, rows), (its, others) = (torch.load(tmp_path / f"rank{rank}", weights_only=False) for rank in range(2))
    assert (rows == others).all()
    for epoch in range(3):
        assert len(set(mine[epoch]) | set(its[epoch])) == len(rows)
