"""The paper's claim of speed: tuning and training on a 10 % coreset against all rows, selection counted.

    python -m tests.benchmarks.bench_paper [--data FOLDER] [--fraction 0.1]

Covtype, the even rows, columns scaled to [0, 1]; logistic, l2 = 1e-5. SGD, SVRG and SAGA run as `craig train` has
them, on all rows and on coresets of the same size. Each is tuned as in section 5.1, by its own training loss
over the same grid, EPOCHS epochs a pair: five steps around the automatic one, with two decays of the exponential and
two of the k-inverse schedule. The total time to a residual is selection + tuning + the final training up to the first
epoch that is there. The residual is of the objective on all rows, against Newton's optimum; neither it nor any
objective along the way is in the times. One thread for everything, compilation and reading left out. "one" is a single
training with default step and schedule, no tuning. Break-even is the number of such trainings to a residual of 1e-3
after which selection has paid for itself, and beside it the number after which the total is 5.6 times shorter.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from itertools import product
from pathlib import Path

from tests.benchmarks.bench_training import L2, REAL_DATA, dense  # sets one thread before numpy is imported

# ruff: noqa: I001
import numpy as np

from craig_cli.dataset import Dataset
from craig_cli.errors import DataError
from craig_cli.guided.policy import select_for
from craig_cli.selection.plan import Plan
from craig_cli.selection.select import select_dataset
from craig_cli.training.loop import Setup, prepare, train

EPOCHS = 20
FACTORS = (1.0, 0.25, 4.0, 0.0625, 16.0)
DECAYS = (("exponential", 0.8), ("exponential", 0.9), ("k-inverse", 1.0), ("k-inverse", 0.3))
TARGETS = (1e-2, 1e-3, 1e-4)
CLAIMED = {"sgd": 2.75, "svrg": 4.5, "saga": 2.5}  # section 5.1, covtype, 10 %
CLAIM = 5.6  # section 5.1, SGD on 30 % of ijcnn1
COMMON = {"loss": "logistic", "threads": 1}
WAYS = {
    "partition": lambda data, size: select_dataset(data, Plan.paper(size=size, algorithm="partition", **COMMON)),
    "strata": lambda data, size: select_dataset(data, Plan.paper(size=size, algorithm="strata", **COMMON)),
    "strata, calibrated": lambda data, size: select_dataset(
        data, Plan(size=size, algorithm="strata", weights="calibrated", **COMMON)
    ),
    "--pilot": lambda data, size: select_for(data, Plan(size=size, l2=L2, purpose="linear", **COMMON)),
    "random": lambda data, size: select_dataset(data, Plan.paper(size=size, algorithm="random", threads=1)),
}


class Objective:
    """The mean logistic loss of all rows plus the penalty, in numpy alone."""

    def __init__(self, data: Dataset) -> None:
        self.rows = np.column_stack([data.features, np.ones(data.n_rows)])
        self.signs = np.where(data.labels > data.labels.min(), 1.0, -1.0)
        self.penalty = np.append(np.full(data.n_features, L2), 0.0)
        self.best = self(self._newton())

    def __call__(self, model: np.ndarray) -> float:
        loss = np.logaddexp(0.0, -self.signs * (self.rows @ model)).mean()
        return float(loss + 0.5 * self.penalty @ (model * model))

    def _newton(self) -> np.ndarray:
        model = np.zeros(self.rows.shape[1])
        for _ in range(50):
            chance = 1.0 / (1.0 + np.exp(self.signs * (self.rows @ model)))
            gradient = self.penalty * model - self.rows.T @ (self.signs * chance) / len(self.rows)
            if np.linalg.norm(gradient) < 1e-11:
                break
            bend = (self.rows * (chance * (1.0 - chance))[:, None]).T @ self.rows / len(self.rows)
            model = model - np.linalg.solve(bend + np.diag(self.penalty + 1e-12), gradient)
        return model


def set_up(data: Dataset, weights: np.ndarray | None, optimizer: str) -> Setup:
    return prepare(
        data, weights, loss="logistic", optimizer=optimizer, epochs=EPOCHS, l2=L2, order="shuffle", rank=None,
        resample=None, monitor=(), intercept=True, scale="none", precondition="auto", radius=None, init=None, tol=0.0,
        validation=None, patience=1, seed=0, threads=1, batch_size=1, momentum=0.9,
    )  # fmt: skip


def tune(setup: Setup) -> tuple[tuple, float]:
    """((schedule, step, decay) of the least training loss, seconds of all the pairs)."""
    first, _ = setup.auto_steps()
    found, seconds = [], []
    for factor, (schedule, decay) in product(FACTORS, DECAYS):
        pair = schedule, first * factor, decay
        try:
            last = train(setup, *pair).history[-1]
        except DataError:  # diverged
            continue
        found.append((last["objective"], pair))
        seconds.append(last["seconds"] - setup.seconds)
    failed = len(FACTORS) * len(DECAYS) - len(found)
    return min(found)[1], sum(seconds) + failed * statistics.median(seconds)


def curve(setup: Setup, pair: tuple, objective: Objective) -> list[tuple[float, float]]:
    """(seconds, residual on all rows) after each epoch; the same run again for each, since it is deterministic."""
    points = []
    for epochs in range(1, EPOCHS + 1):
        result = train(setup, *pair, epochs=epochs)
        coef, constant = setup.problem.to_model(result.coef)
        points.append((result.history[-1]["seconds"], objective(np.append(coef[0], constant)) - objective.best))
    return points


def curve_of_all(setup: Setup, pair: tuple, objective: Objective) -> list[tuple[float, float]]:
    """The same of all rows, whose history has the objective already."""
    return [(entry["seconds"], entry["objective"] - objective.best) for entry in train(setup, *pair).history[1:]]


def reached(points: list[tuple[float, float]], target: float) -> float:
    return next((seconds for seconds, residual in points if residual <= target), math.inf)


def bench(data: Dataset, fraction: float) -> None:
    began = time.perf_counter()
    objective = Objective(data)
    size = round(fraction * data.n_rows)
    pairs = len(FACTORS) * len(DECAYS)
    print(f"covtype half, minmax: {data.n_rows:,} x {data.n_features}, optimum {objective.best:.9f}")
    print(f"coresets of {size:,}; {pairs} pairs x {EPOCHS} epochs; seconds, one thread")
    few = data.take(np.arange(3000))
    parts = {"all rows": (data, None, 0.0)}
    for name, way in WAYS.items():
        way(few, 600)  # compiles
        start = time.perf_counter()
        coreset = way(data, size)
        parts[name] = (data.take(coreset.index), coreset.weight, time.perf_counter() - start)
    print(f"\n{'':25}{'select':>8}{'tune':>8}{'total to 1e-2':>15}{'1e-3':>8}{'1e-4':>8}{'ends at':>10}", end="")
    print(f"{'x at 1e-3':>11}{'paper':>7}{'one 1e-3':>10}{'ends at':>10}{'break-even':>12}{f'for {CLAIM}x':>10}")
    for optimizer, claimed in CLAIMED.items():
        for name, (rows, weights, selection) in parts.items():
            setup = set_up(rows, weights, optimizer)
            follow = curve_of_all if weights is None else curve
            once = follow(setup, ("auto", None, None), objective)
            best, tuning = tune(setup)
            tuned = follow(setup, best, objective)
            total = [selection + tuning + reached(tuned, target) for target in TARGETS]
            one = reached(once, 1e-3)
            cells = f"{optimizer:6}{name:19}{selection:8.2f}{tuning:8.2f}{total[0]:15.2f}{total[1]:8.2f}{total[2]:8.2f}"
            cells += f"{tuned[-1][1]:10.1e}"
            if weights is None:
                whole, whole_one = total[1], one
                cells += f"{'':18}{one:10.3f}{once[-1][1]:10.1e}"
            else:
                cells += f"{whole / total[1]:11.2f}{claimed:7.2f}{one:10.3f}{once[-1][1]:10.1e}"
                cells += f"{trainings(selection, whole_one, one, 1.0):>12}"
                cells += f"{trainings(selection, whole_one, one, CLAIM):>10}"
            print(cells, flush=True)
    print(f"\n{time.perf_counter() - began:.0f} s in all")


def trainings(selection: float, whole: float, part: float, ratio: float) -> str:
    """The number N of trainings with N whole = ratio (selection + N part)."""
    gain = whole - ratio * part
    return str(math.ceil(ratio * selection / gain)) if gain > 0 else "never"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=REAL_DATA)
    parser.add_argument("--fraction", type=float, default=0.1)
    options = parser.parse_args()
    data = dense(options.data)
    if data is None:
        print(f"no covtype.parquet in {options.data}: nothing to measure")
        return
    bench(data, options.fraction)


if __name__ == "__main__":
    main()
