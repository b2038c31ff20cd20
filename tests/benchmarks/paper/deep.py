"""Figure 4 of the paper with everything counted: two layers on MNIST, 784-100-10, sigmoid, batches of 10, l2 1e-4.

    make paper-deep DATA=FOLDER [QUICK=1]     or     python -m tests.benchmarks.paper.deep FOLDER --help

Every way of taking rows spends the same number of gradient evaluations, counted in N = 60,000, each with the step of
a grid that does best on 10,000 rows held out, at the first seed. No way makes a forward pass of its own: p - y is what
the training steps left. Seconds are of the processor, on one thread, of training and selection; looking at loss and
accuracy is not counted. The test set is looked at once, at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pyarrow.parquet as pq

from craig_cli import jit
from craig_cli.deep.reselector import Reselector

HIDDEN, CLASSES, BATCH, L2 = 100, 10, 10, 1e-4
HELD_OUT = 10_000
STEPS = (0.1, 0.3, 1.0)
WAYS = {
    "all rows": {},
    "random": {"way": "random"},
    "infobatch": {},
    "medoids, counts": {"way": "medoids", "correction": 1.0},
    "strata, 1": {"correction": 1.0},
    "strata, 1/2": {"correction": 0.5},
    "strata, 0": {"correction": 0.0},
    "strata, 1/2, doubt": {"correction": 0.5, "doubt": 0.75},
    "strata, 0, doubt": {"correction": 0.0, "doubt": 0.75},
}


@dataclass(frozen=True)
class Data:
    x: np.ndarray
    y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray


def read(folder: Path, wrong: float) -> Data:
    """MNIST in [0, 1]; the share ``wrong`` of the training labels is replaced by another class."""

    def one(name):
        path = folder / f"mnist.{name}.parquet"
        if not path.exists():
            sys.exit(f"Error: {path}: expected MNIST there (columns label and pixels), found no file")
        table = pq.read_table(path)
        pixels = table["pixels"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        return pixels.reshape(-1, 784).astype(np.float32) / 255.0, table["label"].to_numpy().astype(np.int64)

    x, y = one("train")
    rng = np.random.default_rng(1)
    other = rng.random(len(y)) < wrong
    y = np.where(other, (y + rng.integers(1, CLASSES, len(y))) % CLASSES, y)
    return Data(x, y, *one("test"))


class Network:
    """Two layers, trained by weighted steps on a few rows at a time."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng([seed, 7])
        self.first = (rng.standard_normal((784, HIDDEN)) / np.sqrt(784)).astype(np.float32)
        self.second = (rng.standard_normal((HIDDEN, CLASSES)) / np.sqrt(HIDDEN)).astype(np.float32)
        self.shift, self.bias = np.zeros(HIDDEN, np.float32), np.zeros(CLASSES, np.float32)

    def outputs(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(hidden values, p)."""
        hidden = 1.0 / (1.0 + np.exp(-(x @ self.first + self.shift)))
        z = hidden @ self.second + self.bias
        p = np.exp(z - z.max(axis=1, keepdims=True))
        return hidden, p / p.sum(axis=1, keepdims=True)

    def step(self, x: np.ndarray, y: np.ndarray, weights: np.ndarray, rate: float) -> np.ndarray:
        """One step; p - y of the rows before it."""
        hidden, p = self.outputs(x)
        p[np.arange(len(y)), y] -= 1.0
        above = p * (weights[:, None] * np.float32(rate / len(y)))
        below = (above @ self.second.T) * hidden * (1.0 - hidden)
        shrink = np.float32(1.0 - rate * L2)
        self.second *= shrink
        self.second -= hidden.T @ above
        self.bias -= above.sum(axis=0)
        self.first *= shrink
        self.first -= x.T @ below
        self.shift -= below.sum(axis=0)
        return p

    def judge(self, x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
        """(mean cross-entropy, per cent right)."""
        p = self.outputs(x)[1]
        loss = -np.log(np.maximum(p[np.arange(len(y)), y], 1e-30)).mean()
        return float(loss), 100.0 * float((p.argmax(axis=1) == y).mean())


@dataclass(frozen=True)
class Setting:
    """What a run spends: ``budget`` in N; decaying steps fall linearly to 0 over it."""

    budget: float
    fraction: float
    every: int
    decaying: bool


class InfoBatch:
    """Rows whose loss was below the mean are left out half of the time, else count double; none in the last eighth."""

    def __init__(self, labels: np.ndarray, seed: int) -> None:
        self.labels, self.losses = labels, np.full(len(labels), np.inf)
        self.rng = np.random.default_rng([seed, 9])

    def select(self, done: float) -> tuple[np.ndarray, np.ndarray]:
        easy = (self.losses < self.losses.mean()) & (done < 0.875)
        kept = ~easy | (self.rng.random(len(easy)) < 0.5)
        rows = self.rng.permutation(np.flatnonzero(kept))
        return rows, np.where(easy[rows], 2.0, 1.0).astype(np.float32)

    def observe(self, rows: np.ndarray, proxies: np.ndarray) -> None:
        self.losses[rows] = -np.log(np.maximum(1.0 + proxies[np.arange(len(rows)), self.labels[rows]], 1e-30))


def run(x: np.ndarray, y: np.ndarray, way: str, rate: float, seed: int, setting: Setting) -> tuple[Network, dict]:
    """A trained network, and the seconds of its steps and of its selections."""
    n_rows = len(y)
    network, total = Network(seed), int(setting.budget * n_rows)
    rng = np.random.default_rng([seed, 8])
    infobatch = InfoBatch(y, seed)
    reselector = Reselector(y, setting.fraction, setting.every, seed=seed, **WAYS[way]) if WAYS[way] else None
    spent, epoch, selecting = 0, 0, 0.0
    begin = time.process_time()
    while spent < total:
        start = time.process_time()
        if reselector is not None:
            rows, weights = reselector.select(epoch)
        elif way == "infobatch":
            rows, weights = infobatch.select(spent / total)
        else:
            rows, weights = rng.permutation(n_rows), np.ones(n_rows, np.float32)
        selecting += time.process_time() - start
        rows, weights = rows[: total - spent], weights[: total - spent]
        proxies = np.empty((len(rows), CLASSES), np.float32)
        for at in range(0, len(rows), BATCH):
            batch = rows[at : at + BATCH]
            now = rate * (1.0 - (spent + at) / total) if setting.decaying else rate
            proxies[at : at + BATCH] = network.step(x[batch], y[batch], weights[at : at + BATCH], now)
        spent += len(rows)
        epoch += 1
        start = time.process_time()
        if not np.isfinite(proxies).all():
            break  # diverged
        (reselector or infobatch).observe(rows, proxies)
        selecting += time.process_time() - start
    return network, {"seconds": time.process_time() - begin, "selecting": selecting}


def best_step(data: Data, way: str, setting: Setting, steps) -> float:
    """The step that is right most often on rows held out, a random sixth."""
    order = np.random.default_rng(3).permutation(len(data.y))
    out, rest = order[:HELD_OUT], order[HELD_OUT:]
    right = []
    for rate in steps:
        with np.errstate(all="ignore"):
            network, _ = run(data.x[rest], data.y[rest], way, rate, 0, setting)
            right.append(network.judge(data.x[out], data.y[out])[1])
    return steps[int(np.argmax(right))]


def compare(data: Data, ways: list[str], setting: Setting, trials: int, steps, facts: dict) -> None:
    """Print a line of JSON for each way."""
    for way in ways:
        rate = best_step(data, way, setting, steps) if len(steps) > 1 else steps[0]
        results = []
        for seed in range(1, trials + 1):
            with np.errstate(all="ignore"):
                network, seconds = run(data.x, data.y, way, rate, seed, setting)
                loss, _ = network.judge(data.x, data.y)
                results.append([loss, network.judge(data.test_x, data.test_y)[1], *seconds.values()])
        mean, spread = np.mean(results, axis=0), np.std(results, axis=0)
        names = ("training_loss", "test_accuracy", "seconds", "selecting")
        row = dict(zip(names, np.round(mean, 4).tolist())) | {"accuracy_sd": round(float(spread[1]), 3)}
        print(json.dumps({"way": way, "step": rate, **facts, **row}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quick", action="store_true", help="three trials instead of ten, of 10 per cent alone")
    parser.add_argument("--trials", type=int)
    parser.add_argument("--budgets", type=float, nargs="+", default=[5.0], metavar="N")
    parser.add_argument("--fractions", type=float, nargs="+")
    parser.add_argument("--every", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--wrong", type=float, nargs="+", default=[0.0, 0.1])
    parser.add_argument("--schedules", nargs="+", choices=("constant", "decaying"), default=["decaying", "constant"])
    parser.add_argument("--steps", type=float, nargs="+", default=list(STEPS))
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    asked = parser.parse_args()
    jit.set_threads(1)
    trials = asked.trials or (3 if asked.quick else 10)
    fractions = asked.fractions or ([0.1] if asked.quick else [0.1, 0.2, 0.5])
    for wrong in asked.wrong:
        data = read(asked.folder, wrong)
        Reselector(data.y).select(0)  # compiles
        for budget, schedule in ((b, s) for b in asked.budgets for s in asked.schedules):
            for number, (fraction, every) in enumerate((f, e) for f in fractions for e in asked.every):
                whole = ("all rows", "infobatch")  # which know of neither fraction nor every
                ways = [way for way in asked.ways if number == 0 or way not in whole]
                setting = Setting(budget, fraction, every, schedule == "decaying")
                facts = {"budget": budget, "schedule": schedule, "fraction": fraction, "every": every, "wrong": wrong}
                compare(data, ways, setting, trials, asked.steps, facts | {"trials": trials})


if __name__ == "__main__":
    main()
