"""A linear head on frozen embeddings: random rows, --for linear, the default and all rows of 50,000 x 768.

    python -m tests.benchmarks.bench_embeddings [ROWS] [SEEDS]

The embeddings are those of a frozen random network of two layers (784-1024-768, ReLU) on MNIST, standardised; the head
is scikit-learn's LogisticRegression (lbfgs) with the penalty of all rows. Test accuracy, the mean loss on all training
rows, and seconds, selection included.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np

from craig_cli import select_coreset
from craig_cli.formats import read_dataset

DATA = Path(os.environ.get("CRAIG_DATA", Path(__file__).parents[3] / "shared" / "data"))
L2 = 1e-3


def embeddings(images: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(0)
    first, second = (
        rng.normal(0, (2 / size[0]) ** 0.5, size).astype(np.float32) for size in ((784, 1024), (1024, 768))
    )
    images = images.astype(np.float32) / 255
    return np.maximum(np.maximum(images @ first, 0) @ second, 0)


def head(rows, labels, weights, n_rows):
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=1 / (L2 * n_rows), max_iter=300, tol=1e-4).fit(rows, labels, sample_weight=weights)


def main(n_rows: int = 50_000, seeds: int = 3) -> None:
    from sklearn.metrics import log_loss

    train, test = (read_dataset([DATA / f"mnist.{part}.parquet"]) for part in ("train", "test"))
    rows, labels = embeddings(train.features[:n_rows]), train.labels[:n_rows]
    mean, spread = rows.mean(axis=0), rows.std(axis=0) + 1e-6
    rows, unseen = ((each - mean) / spread for each in (rows, embeddings(test.features)))
    print(f"{rows.shape[0]:,} x {rows.shape[1]}")
    print("| rows | way | test accuracy % | loss of all rows | select s | train s |")
    print("| --- | --- | --- | --- | --- | --- |")

    def report(share, way, made):
        found = []
        for coreset, seconds in made:
            began = time.perf_counter()
            if coreset is None:
                model = head(rows, labels, None, len(rows))
            else:
                model = head(rows[coreset.index], labels[coreset.index], coreset.weight, len(rows))
            took = time.perf_counter() - began
            loss = log_loss(labels, model.predict_proba(rows))
            found.append((100 * model.score(unseen, test.labels), loss, seconds, took))
        accuracy, loss, select, took = np.median(found, axis=0)
        print(f"| {share} | {way} | {accuracy:.2f} | {loss:.4f} | {select:.1f} | {took:.1f} |", flush=True)

    ways = {"random": {"algorithm": "random"}, "--for linear": {"purpose": "linear", "l2": L2}, "--for any": {"l2": L2}}
    for fraction in (0.01, 0.05, 0.1):
        for way, options in ways.items():
            made = []
            for seed in range(seeds):
                began = time.perf_counter()
                coreset = select_coreset(rows, labels, fraction=fraction, seed=seed, **options)
                made.append((coreset, time.perf_counter() - began))
            report(f"{100 * fraction:g} %", way, made)
    report("all", "", [(None, 0.0)])


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
