"""The paper's data as it was used (section 5.1), from whatever file of it there is.

    python -m tests.benchmarks.paper.prepare NAME FOLDER TRAIN TEST      NAME is covtype or ijcnn1

covtype: columns scaled to [0, 1], as in the LIBSVM page's covtype.libsvm.binary.scale; the even rows of a random order
for training and the odd ones for testing. ijcnn1 comes with a test set and is scaled already.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from craig_cli.formats import read_dataset
from craig_cli.scaling import fit_scaling

COVTYPE = ("covtype.parquet", "covtype.libsvm.binary.scale", "covtype.libsvm.binary")
COMPRESSED = ("", ".bz2", ".gz", ".xz", ".zst")
SHUFFLED = ("covtype.parquet",)  # in a random order already


def find(folder: Path, *names: str) -> Path:
    """The first of ``names``, compressed or not, that is in ``folder``."""
    for name in names:
        for ending in COMPRESSED:
            if (folder / (name + ending)).exists():
                return folder / (name + ending)
    sys.exit(f"Error: {folder}: expected one of {', '.join(names)} (or compressed), found none")


def write(path: str, features, labels) -> None:
    columns = np.ascontiguousarray(features.T)
    table = pa.table([labels, *columns], names=["label", *(f"x{k + 1}" for k in range(len(columns)))])
    pq.write_table(table, path, compression="zstd")


def covtype(folder: Path, train: str, test: str) -> None:
    path = find(folder, *COVTYPE)
    data = read_dataset([path])
    features = np.asarray(data.features.todense()) if data.is_sparse else data.features
    features = fit_scaling("minmax", features).apply(features)
    rows = np.arange(data.n_rows)
    if path.name not in SHUFFLED:
        rows = np.random.default_rng(0).permutation(rows)
    for target, part in ((train, rows[0::2]), (test, rows[1::2])):
        write(target, features[part], data.labels[part])


def ijcnn1(folder: Path, train: str, test: str) -> None:
    for target, name in ((train, "ijcnn1"), (test, "ijcnn1.t")):
        data = read_dataset([find(folder, name)])
        features = np.asarray(data.features.todense()) if data.is_sparse else data.features
        write(target, features, data.labels)


if __name__ == "__main__":
    name, folder, *targets = sys.argv[1:]
    {"covtype": covtype, "ijcnn1": ijcnn1}[name](Path(folder), *targets)
