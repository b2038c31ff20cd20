"""What a coreset costs a model trained to convergence, for every way of selecting it.

    python -m tests.benchmarks.bench_pilot              all sets that need no more than minutes
    python -m tests.benchmarks.bench_pilot ijcnn1       one of them: ijcnn1, covtype (half), housing, mnist (3 against
                                                        the rest, PCA 100), mnist-raw, digits (all ten, PCA 100),
                                                        digits-raw, onehot, sparse, text, rare, outliers
    python -m tests.benchmarks.bench_pilot ijcnn1 --seeds 1 --fractions 0.1

Residual: full objective (l2 1e-5, intercept free) of the model that is optimal on the coreset, less the optimum of all
rows; medians of SEEDS seeds, for the greedy ways, which take longer, of one. Both optima are Newton's
(training/newton.py, which the tests hold against L-BFGS), to a decrement of TOL. Seconds are those of the selection
alone, without reading the data. The last five sets are made up (numpy, seed 11); the others need the real data.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
import pyarrow.parquet as pq
import scipy.sparse as sp

from craig_cli.dataset import from_arrays
from craig_cli.guided.policy import select_for
from craig_cli.selection.plan import Plan
from craig_cli.selection.select import select_dataset
from craig_cli.training.design import build_design
from craig_cli.training.labels import guess_loss
from craig_cli.training.newton import newton
from tests.benchmarks.bench_selection import DATA, covtype_half, ijcnn1

SEEDS = 5
FRACTIONS = (0.01, 0.05, 0.1, 0.3)
L2 = 1e-5
TOL = 1e-11
CALIBRATED = {"algorithm": "strata", "weights": "calibrated"}
WAYS = {
    "random": {"algorithm": "random"},
    "medoids, counts": {"algorithm": "auto", "exemplar": "medoid", "weights": "count"},
    "members": {"algorithm": "auto", "exemplar": "member", "weights": "count"},
    "strata": {"algorithm": "strata"},
    "strata, calibrated": CALIBRATED,
    "--for linear --rounds 1": {"rounds": 1, "algorithm": "strata"},
    "--for linear --rounds 2": {"rounds": 2, "algorithm": "strata"},
    "--for linear": {"rounds": 6, "algorithm": "strata"},
}
QUICK = (
    "random",
    "strata",
    "--for linear --rounds 1",
    "--for linear",
)  # where greedy takes minutes, or has too many moments
LONG = ("mnist", "mnist-raw", "digits", "digits-raw", "text")


def covtype():
    """Columns scaled to [0, 1]."""
    table = covtype_half()
    matrix = np.column_stack([column.to_numpy() for column in table.columns]).astype(np.float64)
    features = matrix[:, 1:]
    spread = np.ptp(features, axis=0)
    return (features - features.min(axis=0)) / np.where(spread > 0, spread, 1.0), matrix[:, 0]


def housing():
    """All columns and the target standardised."""
    table = pq.read_table(DATA / "cal_housing.parquet")
    matrix = np.column_stack([column.to_numpy() for column in table.columns]).astype(np.float64)
    matrix = (matrix - matrix.mean(axis=0)) / matrix.std(axis=0)
    return matrix[:, 1:], matrix[:, 0]


def mnist(components=None, digit=None):
    """Pixels in [0, 1], or that many principal components; one digit against the rest, or all ten."""
    table = pq.read_table(DATA / "mnist.train.parquet")
    pixels = table["pixels"].combine_chunks().flatten().to_numpy().reshape(-1, 784) / 255.0
    pixels = pixels[:, np.ptp(pixels, axis=0) > 0]
    if components is not None:
        centred = pixels - pixels.mean(axis=0)
        pixels = centred @ np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :components]
    labels = table["label"].to_numpy().astype(np.float64)
    return pixels, labels if digit is None else (labels == digit).astype(np.float64)


def onehot():
    """Fourteen categorical columns of 123 values in all, like a9a."""
    rng = np.random.default_rng(11)
    n_rows, cards = 32_000, (5, 8, 5, 16, 5, 7, 14, 6, 5, 2, 5, 5, 5, 35)
    hidden = rng.standard_normal((n_rows, 3))
    margins, columns = np.full(n_rows, -0.9), []
    for card in cards:
        odds = hidden @ (0.7 * rng.standard_normal((3, card))) - 1.2 * np.log(1.0 + np.arange(card))
        value = (odds + rng.gumbel(size=odds.shape)).argmax(axis=1)
        margins += (0.6 * rng.standard_normal(card))[value]
        columns.append(value + sum(cards[: len(columns)]))
    starts = np.arange(0, 14 * n_rows + 1, 14)
    rows = sp.csr_matrix((np.ones(14 * n_rows), np.column_stack(columns).ravel(), starts), shape=(n_rows, sum(cards)))
    return rows, _coin(rng, margins)


def sparse():
    """50,000 rows of 300 binary columns of falling frequency, 3 % positive."""
    rng = np.random.default_rng(11)
    share = 1.0 / (5.0 + np.arange(300)) ** 0.8
    rows = sp.csr_matrix((rng.random((50_000, 300)) < share).astype(np.float64))
    return rows, _coin(rng, rows @ (0.7 * rng.standard_normal(300)) - 4.2)


def text():
    """20,000 unit rows of tf-idf over a Zipf vocabulary of 50,000, two topics, 3 % of the labels wrong."""
    rng = np.random.default_rng(11)
    n_rows, n_words = 20_000, 50_000
    lengths = rng.integers(20, 120, n_rows)
    share = 1.0 / (3.0 + np.arange(n_words)) ** 1.05
    words = rng.choice(n_words, lengths.sum(), p=share / share.sum())
    row = np.repeat(np.arange(n_rows), lengths)
    topic = rng.random(n_rows) < 0.4
    other = rng.permutation(n_words)
    words = np.where((rng.random(len(words)) < 0.15) & topic[row], other[words], words)
    counts = sp.csr_matrix((np.ones(len(words)), (row, words)), shape=(n_rows, n_words))
    counts.data = 1.0 + np.log(counts.data)
    rarity = np.log((1.0 + n_rows) / (1.0 + np.bincount(counts.indices, minlength=n_words)))
    rows = sp.csr_matrix(counts @ sp.diags(rarity))
    norms = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    return sp.csr_matrix(sp.diags(1.0 / norms) @ rows), (topic ^ (rng.random(n_rows) < 0.03)).astype(np.float64)


def rare():
    """60,000 x 20, a class of 0.3 %."""
    rng = np.random.default_rng(11)
    rows = rng.standard_normal((60_000, 20)) * rng.exponential(size=20)
    return rows, _coin(rng, rows @ (0.5 * rng.standard_normal(20)) - 16.0)


def outliers():
    """Regression with one heavy-tailed column and 1 % of wild targets."""
    rng = np.random.default_rng(11)
    rows = rng.standard_normal((20_000, 30))
    rows[:, 5] = np.exp(2.0 * rows[:, 5])
    targets = rows @ rng.standard_normal(30) + rng.standard_normal(20_000)
    wild = rng.random(20_000) < 0.01
    targets[wild] += 50.0 * rng.standard_t(1.5, int(wild.sum()))
    return rows, targets


def _coin(rng, margins):
    return (rng.random(len(margins)) < 1.0 / (1.0 + np.exp(-margins))).astype(np.float64)


REAL = {
    "ijcnn1": ijcnn1,
    "covtype": covtype,
    "housing": housing,
    "mnist": lambda: mnist(100, 3),
    "mnist-raw": lambda: mnist(None, 3),
    "digits": lambda: mnist(100),
    "digits-raw": mnist,
}
MADE_UP = {"onehot": onehot, "sparse": sparse, "text": text, "rare": rare, "outliers": outliers}


def run(name, load, seeds=SEEDS, fractions=FRACTIONS):
    """Print the table of one set."""
    features, labels = load()
    dataset = from_arrays(features, labels)
    loss = "squared" if name in ("housing", "outliers") else guess_loss(labels)
    design = build_design(dataset, loss, L2)
    best = newton(design, np.zeros((design.n_outputs, design.width)), TOL).coef
    least = design.objective(best, design.margins(best))
    print(f"\n{name}: {dataset.n_rows:,} x {dataset.n_features:,}, {loss}, optimum {least:.6f}, {seeds} seeds")
    print(f"{'residual, seconds':24s}" + "".join(f"{100 * fraction:>13g} %  " for fraction in fractions))
    for way, options in WAYS.items():
        if name in LONG and way not in QUICK:
            continue
        cells = []
        for fraction in fractions:
            residuals, seconds = [], []
            for seed in range(seeds if options["algorithm"] != "auto" else 1):
                start = time.perf_counter()
                common = {"fraction": fraction, "seed": seed, "loss": loss}
                if "rounds" in options:
                    coreset = select_for(dataset, Plan(l2=L2, purpose="linear", **common, **options))
                else:
                    coreset = select_dataset(dataset, Plan.paper(**common, **options))
                seconds.append(time.perf_counter() - start)
                # From the optimum of all rows, which changes nothing but the time it takes.
                found = newton(design.take(coreset.index, coreset.weight), best, TOL).coef
                residuals.append(design.objective(found, design.margins(found)) - least)
            cells.append(f"{statistics.median(residuals):9.1e}{statistics.median(seconds):7.2f}")
        print(f"{way:24s}" + "".join(cells), flush=True)


def main():
    """Run the sets that are asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", metavar="SET")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--fractions", type=float, nargs="+", default=FRACTIONS)
    arguments = parser.parse_args()
    for name in arguments.names or (*REAL, *MADE_UP):
        if name in REAL and not DATA.is_dir():
            print(f"{name}: needs the real data in {DATA.name}/, skipped")
            continue
        run(name, (REAL | MADE_UP)[name], arguments.seeds, arguments.fractions)


if __name__ == "__main__":
    main()
