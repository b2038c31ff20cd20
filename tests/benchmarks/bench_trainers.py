"""Coresets handed to other trainers, each at its recommended settings, beside random rows.

    python -m tests.benchmarks.bench_trainers                        every set and trainer at 1 %, 5 % and 10 %
    python -m tests.benchmarks.bench_trainers ijcnn1 XGBoost SVC 10  some of them
    python -m tests.benchmarks.bench_trainers --seeds 3
    python -m tests.benchmarks.bench_trainers --share 0.8            each seed selects from a random 80 % of the rows

A cell is the mean test log loss (of a regression the RMSE) over SEEDS seeds, and in how many of them it is below that
of random rows of the same seed. "all" trains on every row, where that can be had. Trainers that take no weights get the
rows alone. The trainers and their settings are those of tests/external/trainers.py; what is not installed is left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import warnings

import numpy as np

from craig_cli import read_dataset
from craig_cli.api import select_coreset
from tests.benchmarks.bench_selection import DATA
from tests.external.trainers import TRAINERS, curved, log_loss

SEEDS = 10
PERCENTAGES = (1, 5, 10)
TRAIN, TEST = 10_000, 10_000
WAYS = {
    "random": {"algorithm": "random"},
    "default": {},
    "distance": {"exemplar": "medoid", "weights": "count"},
    "strata": {"algorithm": "strata", "weights": "count"},
    "equal": {"weights": "equal"},
    "equal member": {"weights": "equal", "exemplar": "member"},
}


def _halves(features, labels):
    """(train, labels, test, labels) of the first rows."""
    rows = np.random.default_rng(0).permutation(len(labels))[: TRAIN + TEST]
    train, test = rows[: len(rows) // 2], rows[len(rows) // 2 :]
    return features[train], labels[train], features[test], labels[test]


def _file(name: str, positive: float | None = None):
    data = read_dataset([DATA / name])
    dense = data.features.toarray() if data.is_sparse else np.asarray(data.features)
    dense = (dense - dense.mean(axis=0)) / (dense.std(axis=0) + 1e-12)
    return _halves(dense, data.labels / data.labels.std() if positive is None else (data.labels == positive) * 1.0)


def _sample():
    train, test = (read_dataset([f"sample_data/binary{half}.libsvm"]) for half in ("", ".test"))
    return train.features, (train.labels > 0) * 1.0, test.features, (test.labels > 0) * 1.0


SETS = {
    "sample": (_sample, False),
    "curved": (lambda: _halves(*curved(0, TRAIN + TEST)), False),
    "wide": (lambda: _halves(*curved(1, TRAIN + TEST, 30)), False),
    "covtype": (lambda: _file("covtype.parquet", 1.0), False),
    "ijcnn1": (lambda: _file("ijcnn1.bz2", 1.0), False),
    "abalone": (lambda: _file("abalone.bz2"), True),
    "housing": (lambda: _file("cal_housing.parquet"), True),
}


def run(name: str, load, regression: bool, trainers: list[str], percentages, seeds: int = SEEDS, share=1.0) -> None:
    """Print a table of the set ``name`` for each percentage; ``share`` of its rows are there in each seed."""
    every, classes, test, expected = load()
    rows, labels = every, classes
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = {
            each: _loss(each, rows, labels, None, 1.0, test, expected) if len(labels) <= TRAINERS[each].most else np.nan
            for each in trainers
        }
        for percentage in percentages:
            found = {each: {way: [] for way in WAYS} for each in trainers}
            for seed in range(seeds):
                if share < 1.0:  # what a seed does not change is then not the same rows ten times
                    kept = np.random.default_rng(seed).permutation(len(classes))[: int(share * len(classes))]
                    rows, labels = every[kept], classes[kept]
                for way, asked in WAYS.items():
                    loss = {"loss": "squared"} if regression else {}
                    coreset = select_coreset(rows, labels, fraction=percentage / 100, seed=seed, **asked, **loss)
                    for each in trainers:
                        scale = "sum" if TRAINERS[each].scale == "none" else TRAINERS[each].scale
                        taken = coreset.take(rows, labels, normalize=scale)
                        ratio = len(labels) / len(coreset)
                        if way == "equal":  # all weights are alike, but settings that go by the sum still matter
                            taken = (*taken[:2], np.full(len(coreset), taken[2].mean()))
                        found[each][way].append(_loss(each, *taken, ratio, test, expected))
            _print(f"{name}, {len(labels):,} rows, {percentage} %", found, whole)


def _loss(name: str, rows, labels, weight, ratio: float, test, expected) -> float:
    trainer = TRAINERS[name]
    # C and its like go with mean 1; Vowpal Wabbit's passes with any
    ratio = ratio if trainer.scale == "mean" or name == "Vowpal Wabbit" else 1.0
    predicted = trainer.fit(rows, labels, weight, ratio)(test)
    return float(np.sqrt(np.mean((predicted - expected) ** 2))) if trainer.regression else log_loss(expected, predicted)


def _print(title: str, found: dict, whole: dict) -> None:
    print(f"\n{title}")
    print(f"{'':26s} {'all':>7s}" + "".join(f" {way:>13s}" for way in WAYS))
    for name, ways in found.items():
        random = np.array(ways["random"])
        cells = [
            f"{np.mean(losses):.4f} {int((np.array(losses) < random).sum()):3d}/{len(losses)}"
            for losses in ways.values()
        ]
        print(f"{name:26s} {whole[name]:7.4f}" + "".join(f" {cell:>13s}" for cell in cells), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", help="sets, trainers and percentages")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--share", type=float, default=1.0)
    asked = parser.parse_args()
    installed = [name for name, trainer in TRAINERS.items() if importlib.util.find_spec(trainer.module)]
    for name in sorted({*TRAINERS} - {*installed}):
        print(f"{name}: {TRAINERS[name].module} is not installed")
    trainers = [name for name in installed if name in asked.what] or installed
    percentages = [int(word) for word in asked.what if word.isdigit()] or PERCENTAGES
    for name, (load, regression) in SETS.items():
        fitting = [each for each in trainers if TRAINERS[each].regression == regression]
        wanted = name in asked.what or not {*asked.what} & {*SETS}
        if wanted and fitting and (name in ("sample", "curved", "wide") or DATA.exists()):
            run(name, load, regression, fitting, percentages, asked.seeds, asked.share)


if __name__ == "__main__":
    main()
