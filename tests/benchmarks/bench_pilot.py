"""What a coreset costs a model trained to convergence, for every way of selecting it.

    python -m tests.benchmarks.bench_pilot              ijcnn1, covtype half, California housing, MNIST (PCA 100)
    python -m tests.benchmarks.bench_pilot ijcnn1       one of them

Residual: full objective (l2 1e-5, intercept free) of the model that is optimal on the coreset, less the optimum of all
rows; medians of SEEDS seeds. Both optima are Newton's, to a gradient norm of 1e-9, in plain numpy. Seconds are those of
the selection alone, without reading the data.
"""

from __future__ import annotations

import statistics
import sys
import time

import numpy as np
import pyarrow.parquet as pq

from craig_cli.dataset import from_arrays
from craig_cli.pilot import select_with_pilot
from craig_cli.selection.select import select_dataset
from tests.benchmarks.bench_selection import DATA, covtype_half, ijcnn1

SEEDS = 5
L2 = 1e-5
WAYS = {
    "random": {"algorithm": "random"},
    "auto (medoids, counts)": {"algorithm": "auto"},
    "strata": {"algorithm": "strata"},
    "strata, calibrated": {"algorithm": "strata", "weights": "calibrated"},
    "--pilot --rounds 1": {"rounds": 1, "algorithm": "strata", "weights": "calibrated", "l2": L2},
    "--pilot (2 rounds)": {"rounds": 2, "algorithm": "strata", "weights": "calibrated", "l2": L2},
}


def _objective(rows, targets, weights, regression):
    """value, gradient and Hessian of the weighted mean loss plus the penalty, as functions of (w, b)."""
    total = weights.sum()
    penalty = np.append(np.full(rows.shape[1] - 1, L2), 0.0)

    def value(model):
        margins = rows @ model
        loss = 0.5 * (margins - targets) ** 2 if regression else np.logaddexp(0.0, -targets * margins)
        return weights @ loss / total + 0.5 * penalty @ (model * model)

    def slope_and_bend(model):
        margins = rows @ model
        if regression:
            slope, bend = margins - targets, np.ones(len(rows))
        else:
            chance = 1.0 / (1.0 + np.exp(targets * margins))
            slope, bend = -targets * chance, chance * (1.0 - chance)
        hessian = (rows * (weights * bend)[:, None]).T @ rows / total + np.diag(penalty + 1e-12)
        return rows.T @ (weights * slope) / total + penalty * model, hessian

    return value, slope_and_bend


def optimum(rows, targets, weights, regression):
    """The minimiser, by Newton's method with halved steps."""
    value, slope_and_bend = _objective(rows, targets, weights, regression)
    model = np.zeros(rows.shape[1])
    for _ in range(100):
        gradient, hessian = slope_and_bend(model)
        if np.linalg.norm(gradient) < 1e-9:
            break
        step = np.linalg.solve(hessian, gradient)
        length, here = 1.0, value(model)
        while value(model - length * step) > here and length > 1e-9:
            length /= 2
        model = model - length * step
    return model


def sets():
    """name -> (features, labels, regression)"""

    def covtype():
        table = covtype_half()
        matrix = np.column_stack([column.to_numpy() for column in table.columns]).astype(np.float64)
        features = matrix[:, 1:]
        spread = np.ptp(features, axis=0)
        return (features - features.min(axis=0)) / np.where(spread > 0, spread, 1.0), matrix[:, 0], False

    def housing():
        table = pq.read_table(DATA / "cal_housing.parquet")
        matrix = np.column_stack([column.to_numpy() for column in table.columns]).astype(np.float64)
        matrix = (matrix - matrix.mean(axis=0)) / matrix.std(axis=0)
        return matrix[:, 1:], matrix[:, 0], True

    def mnist():
        table = pq.read_table(DATA / "mnist.train.parquet")
        pixels = table["pixels"].combine_chunks().flatten().to_numpy().reshape(-1, 784) / 255.0
        centred = pixels - pixels.mean(axis=0)
        directions = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :100]
        return centred @ directions, (table["label"].to_numpy() == 3).astype(np.float64), False

    return {
        "ijcnn1": lambda: (*ijcnn1(), False),
        "covtype": covtype,
        "housing": housing,
        "mnist": mnist,
    }


def run(name, load):
    features, labels, regression = load()
    dataset = from_arrays(features, labels)
    rows = np.column_stack([features, np.ones(len(features))])
    targets = labels if regression else np.where(labels > labels.min(), 1.0, -1.0)
    everything = np.ones(len(rows))
    value, _ = _objective(rows, targets, everything, regression)
    best = value(optimum(rows, targets, everything, regression))
    print(f"\n{name}: {len(rows):,} x {features.shape[1]}, optimum {best:.6f}; residual and seconds at 1 % and 10 %")
    for way, options in WAYS.items():
        cells = []
        for fraction in (0.01, 0.1):
            residuals, seconds = [], []
            for seed in range(SEEDS if way[:4] != "auto" else 1):
                start = time.perf_counter()
                common = {"fraction": fraction, "seed": seed, "loss": "squared" if regression else None}
                if "rounds" in options:
                    coreset, _ = select_with_pilot(dataset, **common, **options)
                else:
                    coreset = select_dataset(dataset, **common, **options)
                seconds.append(time.perf_counter() - start)
                model = optimum(rows[coreset.index], targets[coreset.index], coreset.weight, regression)
                residuals.append(value(model) - best)
            cells.append(f"{statistics.median(residuals):10.1e}{statistics.median(seconds):7.2f}")
        print(f"{way:24s}" + "".join(cells), flush=True)


def main(names):
    """Run the named sets; all need the real data."""
    if not DATA.is_dir():
        print(f"needs the real data in {DATA.name}/, skipped")
        return
    known = sets()
    for name in names or known:
        run(name, known[name])


if __name__ == "__main__":
    main(sys.argv[1:])
