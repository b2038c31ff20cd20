"""Figures 5 and 6 of the paper: ResNet-20 on CIFAR-10, rows selected anew every epoch or every few.

    python -m tests.benchmarks.paper.resnet FOLDER --device cuda                          the paper's 200 epochs
    python -m tests.benchmarks.paper.resnet FOLDER --epochs 20 --fractions 0.1 --trials 3    shortened, for two cores

FOLDER has cifar10.train.parquet and cifar10.test.parquet: label, and a JPEG of 32 x 32. Needs torch and Pillow.

Every way spends the same number of gradient evaluations, ``--epochs`` times the fraction times N = 50,000 ("all rows"
makes fewer epochs of them), with the paper's schedule over what it spends: momentum 0.9, a step of 0.1 that is warmed
up over the first tenth and divided by ten at a half and at three quarters. No way makes a forward pass of its own:
p - y is what the training steps left. A line of JSON for each way: test accuracy of each trial, the share of different
rows seen, seconds of training and of selecting. --sheet draws some of the rows selected early, midway and late.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import nn
from torch.nn.functional import avg_pool2d, cross_entropy, pad, relu

from craig_cli import jit
from craig_cli.deep.reselector import Reselector

BATCH, STEP, MOMENTUM, L2, WARM = 128, 0.1, 0.9, 1e-4, 0.1
CACHE = Path(".paper/cifar10.npz")
SHOWN = 100  # images of a contact sheet
WAYS = {
    "all rows": {},
    "random": {"way": "random"},
    "medoids, counts": {"way": "medoids", "correction": 1.0},
    "strata, 1": {"correction": 1.0},
    "strata, 1/2": {"correction": 0.5},
    "strata, 0": {"correction": 0.0},
}


@dataclass(frozen=True)
class Data:
    """x (n, 3, 32, 32) uint8, y (n,) int64, on the device."""

    x: torch.Tensor
    y: torch.Tensor


def read(folder: Path, device: str) -> tuple[Data, Data]:
    """(train, test); decoded once into CACHE."""
    if not CACHE.exists():
        from PIL import Image

        arrays = {}
        for name in ("train", "test"):
            table = pq.read_table(folder / f"cifar10.{name}.parquet")
            images = [np.asarray(Image.open(io.BytesIO(jpeg))) for jpeg in table["jpeg"].to_pylist()]
            arrays[f"{name}_x"] = np.stack(images).transpose(0, 3, 1, 2)
            arrays[f"{name}_y"] = table["label"].to_numpy().astype(np.int64)
        CACHE.parent.mkdir(exist_ok=True)
        np.savez(CACHE, **arrays)
    with np.load(CACHE) as arrays:
        halves = [(torch.from_numpy(arrays[f"{name}_{part}"]) for part in "xy") for name in ("train", "test")]
        train, test = (Data(*(each.to(device) for each in half)) for half in halves)
    return train, test


class Block(nn.Module):
    """Two convolutions and a way around them, which takes every other pixel where the block does."""

    def __init__(self, before: int, width: int) -> None:
        super().__init__()
        self.stride, self.more = (1, 0) if before == width else (2, (width - before) // 2)
        self.first = nn.Conv2d(before, width, 3, self.stride, 1, bias=False)
        self.second = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(width), nn.BatchNorm2d(width)])

    def forward(self, x):
        inside = self.norms[1](self.second(relu(self.norms[0](self.first(x)))))
        around = pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.more, self.more))
        return relu(inside + around)


class ResNet20(nn.Module):
    """He et al. 2016, for 32 x 32: three stages of three blocks."""

    def __init__(self) -> None:
        super().__init__()
        widths = [16, 16, 16, 16, 32, 32, 32, 64, 64, 64]
        self.first, self.norm = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        self.blocks = nn.Sequential(*(Block(*pair) for pair in itertools.pairwise(widths)))
        self.last = nn.Linear(64, 10)
        for each in self.modules():
            if isinstance(each, nn.Conv2d):
                nn.init.kaiming_normal_(each.weight)

    def forward(self, x):
        return self.last(avg_pool2d(self.blocks(relu(self.norm(self.first(x)))), 8).flatten(1))


def scaled(x: torch.Tensor) -> torch.Tensor:
    return x.float() / 255.0


def augmented(x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Shifted by up to four pixels, and mirrored half of the time; one shift for the batch."""
    down, right = torch.randint(0, 9, (2,), generator=generator).tolist()
    x = pad(x, (4, 4, 4, 4))[:, :, down : down + 32, right : right + 32]
    mirror = torch.rand(len(x), generator=generator).to(x.device) < 0.5
    return torch.where(mirror[:, None, None, None], x.flip(3), x)


def rate(done: float) -> float:
    """The step when ``done`` of what there is to spend is spent."""
    return STEP * (done / WARM if done < WARM else 1.0 if done < 0.5 else 0.1 if done < 0.75 else 0.01)


def run(train: Data, way: str, seed: int, fraction: float, every: int, epochs: int, sheets: list) -> tuple:
    """(the network, share of different rows, seconds, of which selecting)."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    device, labels = train.x.device, train.y.cpu().numpy()
    network = ResNet20().to(device)
    optimizer = torch.optim.SGD(network.parameters(), lr=STEP, momentum=MOMENTUM, weight_decay=L2)
    rng = np.random.default_rng([seed, 8])
    reselector = Reselector(labels, fraction, every, seed=seed, **WAYS[way]) if WAYS[way] else None
    total, spent, epoch, selecting = int(epochs * fraction * len(labels)), 0, 0, 0.0
    seen = np.zeros(len(labels), dtype=bool)
    begin = time.perf_counter()
    while spent < total:
        start = time.perf_counter()
        rows, weights = (
            reselector.select(epoch)
            if reselector is not None
            else (rng.permutation(len(labels)), np.ones(len(labels), np.float32))
        )
        selecting += time.perf_counter() - start
        if epoch in (1, epochs // 2, epochs - 1):
            sheets.append(rows[:SHOWN])  # in a random order
        rows, weights = rows[: total - spent], weights[: total - spent]
        seen[rows] = True
        left = []
        for at in range(0, len(rows), BATCH):
            batch = torch.from_numpy(rows[at : at + BATCH]).to(device)
            for group in optimizer.param_groups:
                group["lr"] = rate((spent + at) / total)
            outputs = network(augmented(scaled(train.x[batch]), generator))
            weight = torch.from_numpy(weights[at : at + BATCH]).to(device)
            loss = (cross_entropy(outputs, train.y[batch], reduction="none") * weight).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            left.append(torch.softmax(outputs.detach(), dim=1))
        spent += len(rows)
        epoch += 1
        start = time.perf_counter()
        if reselector is not None:
            proxies = torch.cat(left).cpu().numpy()
            proxies[np.arange(len(rows)), labels[rows]] -= 1.0
            if not np.isfinite(proxies).all():
                break  # diverged
            reselector.observe(rows, proxies)
        selecting += time.perf_counter() - start
    return network, float(seen.mean()), time.perf_counter() - begin, selecting


@torch.no_grad()
def accuracy(network: nn.Module, test: Data) -> float:
    network.eval()
    right = sum(
        int((network(scaled(x)).argmax(dim=1) == y).sum()) for x, y in zip(test.x.split(1000), test.y.split(1000))
    )
    return 100.0 * right / len(test.y)


def draw(path: str, train: Data, sheets: list[np.ndarray]) -> None:
    """The images of ``sheets``, ten a line, as one picture."""
    from PIL import Image

    side = int(SHOWN**0.5)
    blocks = []
    for rows in sheets:
        images = train.x[torch.from_numpy(rows).to(train.x.device)].cpu().numpy().transpose(0, 2, 3, 1)
        images = np.concatenate([images, np.full((SHOWN - len(images), 32, 32, 3), 255, np.uint8)])
        block = images.reshape(side, side, 32, 32, 3).transpose(0, 2, 1, 3, 4).reshape(32 * side, 32 * side, 3)
        blocks += [block, np.full((32 * side, 8, 3), 255, np.uint8)]
    Image.fromarray(np.concatenate(blocks[:-1], axis=1)).save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--epochs", type=int, default=200, help="of a subset")
    parser.add_argument("--fractions", type=float, nargs="+", default=[0.01, 0.02, 0.05, 0.1, 0.2])
    parser.add_argument("--every", type=int, nargs="+", default=[1])
    parser.add_argument("--trials", type=int, default=1)
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("--sheet", metavar="FILE", help="PNG of some of the rows of the last way")
    asked = parser.parse_args()
    jit.set_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    train, test = read(asked.folder, asked.device)
    Reselector(train.y.cpu().numpy()).select(0)  # compiles
    sheets: list[np.ndarray] = []
    for fraction, every in ((f, e) for f in asked.fractions for e in asked.every):
        for way in asked.ways:
            results = []
            for seed in range(asked.trials):
                sheets.clear()
                network, distinct, *seconds = run(train, way, seed, fraction, every, asked.epochs, sheets)
                results.append([accuracy(network, test), distinct, *seconds])
            mean = dict(
                zip(("accuracy", "distinct", "seconds", "selecting"), np.mean(results, axis=0).round(3).tolist())
            )
            facts = {"way": way, "fraction": fraction, "every": every, "epochs": asked.epochs}
            print(json.dumps(facts | mean | {"trials": [round(each[0], 2) for each in results]}), flush=True)
    if asked.sheet:
        draw(asked.sheet, train, sheets)


if __name__ == "__main__":
    main()
