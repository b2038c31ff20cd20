"""Optima kept in files, so that each is computed once: .craig-reference-HASH.json, a model file, beside the model.

The name begins with a dot, so that no pattern such as *.json takes it for a model of the user's.

The name is a hash of what determines the optimum: the content of the data, loss, classes, l2, scaling, intercept. What
is found under that name is only an offer: who reads it measures the gradient there (evaluation/reference.py).
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from craig_cli.artifacts.files import STDIO
from craig_cli.artifacts.model import Model, read_model, write_model
from craig_cli.dataset import Dataset, csr_arrays
from craig_cli.errors import DataError

DIGITS = 16


def data_digest(dataset: Dataset) -> str:
    """A hash of the features, labels and multiplicities as they were read, whatever file they came from."""
    digest = hashlib.sha256(repr(dataset.features.shape).encode())
    arrays = csr_arrays(dataset.features) if sp.issparse(dataset.features) else (dataset.features,)
    for array in (*arrays, dataset.labels, *([] if dataset.multiplicity is None else [dataset.multiplicity])):
        digest.update(np.ascontiguousarray(array).data)
        digest.update(b"|")
    return digest.hexdigest()


def reference_path(model: str | os.PathLike, digest: str, objective) -> Path | None:
    """Where the optimum of ``objective`` (a dataclass) on data of this digest is kept beside ``model``, or None."""
    if os.fspath(model) == STDIO:
        return None
    key = json.dumps([digest, asdict(objective)], sort_keys=True)
    return Path(model).parent / f".craig-reference-{hashlib.sha256(key.encode()).hexdigest()[:DIGITS]}.json"


def offered(path: Path | None, objective) -> Model | None:
    """The model in the file, where there is one with the loss, classes, features and l2 of ``objective``."""
    try:
        cached = None if path is None or not path.is_file() else read_model(path)
    except DataError:
        return None
    same = cached is not None and (cached.loss, cached.classes, cached.n_features, cached.l2) == (
        (objective.loss, objective.classes, objective.n_features, objective.l2)
    )
    return cached if same else None


def keep(path: Path | None, model: Model) -> bool:
    """Write the file, all or nothing; False where that cannot be."""
    if path is None:
        return False
    try:
        write_model(path, model)
    except DataError:
        return False
    return True
