"""Weights in a file of their own: one number a line, in the order of the rows, no header.

XGBoost and LightGBM know it as DATA.weight, the instance-weight liblinear and libsvm as DATA.wgt.
"""

from __future__ import annotations

import math
import os
from dataclasses import replace

import numpy as np

from craig_cli.dataset import Dataset
from craig_cli.errors import DataError
from craig_cli.formats.content import open_content
from craig_cli.formats.libsvm_errors import NUMBER
from craig_cli.formats.messages import quoted

SUFFIXES = (".weight", ".wgt")


def with_weights(dataset: Dataset, path: str | os.PathLike) -> Dataset:
    """``dataset`` with the weights of the file ``path``, one for each row of its inputs, kept or not.

    Raises DataError for a line that is no positive number, for too many or too few, and for data with weights already.
    """
    content = open_content(path)
    try:
        lines = bytes(content.read_all()).removesuffix(b"\n").split(b"\n")
    finally:
        content.close()
    n_rows = sum(source.rows for source in dataset.sources)
    weights = np.array([_weight(content.shown, number, line) for number, line in enumerate(lines, start=1)])
    if len(weights) != n_rows:
        raise DataError(f"{content.shown}: expected {n_rows} weights, one for each row, found {len(weights)}")
    if dataset.multiplicity is not None:
        raise DataError(
            f"{dataset.name}: expected rows without weights beside a weight file, found weights in the data"
        )
    return replace(dataset, multiplicity=weights if dataset.rows is None else weights[dataset.rows])


def _weight(shown: str, number: int, line: bytes) -> float:
    text = line.strip()
    weight = float(text) if NUMBER.fullmatch(text) else math.nan
    if not 0.0 < weight < math.inf:
        raise DataError(f"{shown}:{number}: expected a positive number, found {quoted(text) if text else 'nothing'}")
    return weight


def lying_beside(path: str) -> list[str]:
    """The files beside the data ``path`` that some program would take for its weights."""
    return [path + suffix for suffix in SUFFIXES if os.path.isfile(path + suffix)]
