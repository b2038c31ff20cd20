"""Makes the sample data sets: ``python sample_data/make.py [FOLDER]`` (default: the folder of this script).

Synthetic and small, for the demo, the tests and the examples in the help. The same rows come as LIBSVM text
and as Parquet, each set with a test part from the same distribution:

    binary       3,000 + 1,000 rows, 12 features, labels -1 and 1
    multiclass   2,400 + 1,000 rows, 10 features, labels 1 to 4 (Parquet: one list column ``x``)
    regression   2,400 + 1,000 rows, 8 features

What makes them worth a coreset is what real tables have: rows gather in clusters of very different sizes (the
largest is 60 times the smallest), features are correlated and not in one unit, two are rare indicators, one
label in ten is noise, and no linear model fits every cluster. A random tenth misses the small clusters or
counts them wrong.

The generator is numpy's legacy RandomState, whose stream never changes, and every value is rounded to three
digits, so that any machine makes the same files.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SEED = 20200713


def cluster_sizes(n_rows: int, n_clusters: int) -> np.ndarray:
    """Sizes (n_clusters,) that fall as 1 / rank and sum to n_rows."""
    share = 1.0 / np.arange(1, n_clusters + 1)
    ends = np.rint(np.cumsum(share) / share.sum() * n_rows).astype(int)
    return np.diff(ends, prepend=0)


def clustered_features(rng, n_rows: int, n_features: int, n_clusters: int, spread: float):
    """(features, cluster of each row): clusters around random centres, correlated, in different units."""
    centres = rng.normal(size=(n_clusters, n_features))
    cluster = rng.permutation(np.repeat(np.arange(n_clusters), cluster_sizes(n_rows, n_clusters)))
    width = spread * rng.uniform(0.3, 1.7, size=n_clusters)
    features = centres[cluster] + width[cluster, None] * rng.normal(size=(n_rows, n_features))
    mixing = np.eye(n_features) + 0.5 * rng.normal(size=(n_features, n_features)) / np.sqrt(n_features)
    units = np.geomspace(0.5, 4.0, n_features)[rng.permutation(n_features)]
    return features @ mixing * units, cluster


def rare_indicators(rng, cluster: np.ndarray, count: int) -> np.ndarray:
    """(n, count) of 0 and 1: each marks half of the rows of a few clusters."""
    marked = rng.uniform(size=(cluster.max() + 1, count)) < 0.15
    return (marked[cluster] & (rng.uniform(size=(len(cluster), count)) < 0.5)).astype(float)


def binary(rng, n_rows: int):
    features, cluster = clustered_features(rng, n_rows, 10, 60, spread=0.2)
    features = np.hstack([features, rare_indicators(rng, cluster, 2)])
    # A direction all clusters share, and an offset of its own for each, which no linear model can follow.
    margin = features @ (rng.normal(size=12) / features.std(axis=0)) + 1.5 * rng.normal(size=60)[cluster]
    labels = np.where(margin > np.median(margin) + 0.5, 1, -1)
    return features, np.where(rng.uniform(size=n_rows) < 0.1, -labels, labels)


def multiclass(rng, n_rows: int):
    features, cluster = clustered_features(rng, n_rows, 8, 60, spread=0.2)
    features = np.hstack([features, rare_indicators(rng, cluster, 2)])
    scores = features @ (rng.normal(size=(10, 4)) / features.std(axis=0)[:, None])
    labels = 1 + np.argmax(scores + 1.5 * rng.normal(size=(60, 4))[cluster], axis=1)
    return features, np.where(rng.uniform(size=n_rows) < 0.1, rng.randint(1, 5, size=n_rows), labels)


def regression(rng, n_rows: int):
    features, cluster = clustered_features(rng, n_rows, 8, 60, spread=0.2)
    target = features @ (rng.normal(size=8) / features.std(axis=0)) + 1.5 * rng.normal(size=60)[cluster]
    return features, 20.0 + 2.0 * target + 0.8 * rng.normal(size=n_rows)


def write_libsvm(path: Path, features: np.ndarray, labels: np.ndarray) -> None:
    lines = []
    for row, label in zip(features, labels):
        pairs = (f"{column}:{value:g}" for column, value in enumerate(row.tolist(), start=1) if value != 0)
        lines.append(" ".join([f"{label:g}", *pairs]) + "\n")
    path.write_text("".join(lines), encoding="ascii")


def write_parquet(path: Path, features: np.ndarray, labels: np.ndarray, as_list: bool) -> None:
    if as_list:
        flat = pa.array(features.ravel())
        columns = {"x": pa.FixedSizeListArray.from_arrays(flat, features.shape[1])}
    else:
        columns = {f"x{number}": features[:, number - 1] for number in range(1, features.shape[1] + 1)}
    kind = pa.int8() if labels.dtype.kind == "i" else pa.float64()
    table = pa.table({**columns, "label": pa.array(labels, kind)})
    pq.write_table(table, path, compression="zstd")


def people(folder: Path) -> list[Path]:
    """A table as people have them, made up: text, dates, missing values, and whether a loan is paid back."""
    rng = np.random.RandomState(SEED + len(SETS))
    n_train, n_rows = 2000, 3000
    work = rng.choice(["clerk", "cook", "nurse", "smith", "teacher"], size=n_rows, p=[0.3, 0.25, 0.2, 0.15, 0.1])
    town = np.minimum(rng.zipf(1.4, size=n_rows), 80)
    age, pay = rng.randint(18, 75, size=n_rows), np.exp(rng.normal(3.2, 0.4, size=n_rows))
    since = rng.randint(0, 5000, size=n_rows)
    score = 0.05 * (age - 40) + 0.06 * (pay - 25) + (work == "nurse") - (work == "smith") + 0.3 * np.sin(town)
    paid = score + 0.0002 * since + rng.logistic(scale=0.6, size=n_rows) > 0.4
    first = np.datetime64("2010-01-01")
    lines = ["person,age,pay,work,town,since,paid\n"]
    for row in range(n_rows):
        shown = [f"p{row:04d}", age[row], f"{pay[row]:.1f}", work[row], f"town {town[row]}", first + since[row]]
        for column in (2, 3, 5):
            if rng.uniform() < 0.06:
                shown[column] = ""
        lines.append(",".join(map(str, [*shown, "yes" if paid[row] else "no"])) + "\n")
    paths = [folder / "people.csv", folder / "people.test.csv"]
    for path, part in zip(paths, (lines[: 1 + n_train], [lines[0], *lines[1 + n_train :]])):
        path.write_text("".join(part), encoding="ascii")
    return paths


# name, maker, training rows, test rows, features as one list column
SETS = (
    ("binary", binary, 3000, 1000, False),
    ("multiclass", multiclass, 2400, 1000, True),
    ("regression", regression, 2400, 1000, False),
)


def make(folder: Path) -> list[Path]:
    """Write all sets into ``folder``; returns the paths."""
    written = []
    for position, (name, maker, n_train, n_test, as_list) in enumerate(SETS):
        rng = np.random.RandomState(SEED + position)
        features, labels = maker(rng, n_train + n_test)
        features = np.round(features, 3) + 0.0  # no -0
        labels = labels if labels.dtype.kind == "i" else np.round(labels, 3)
        for stem, part in ((name, slice(n_train)), (f"{name}.test", slice(n_train, None))):
            paths = [folder / f"{stem}.libsvm", folder / f"{stem}.parquet"]
            write_libsvm(paths[0], features[part], labels[part])
            write_parquet(paths[1], features[part], labels[part], as_list)
            written += paths
    return written + people(folder)


if __name__ == "__main__":
    for path in make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent):
        print(f"{path}  {path.stat().st_size:,} bytes")
