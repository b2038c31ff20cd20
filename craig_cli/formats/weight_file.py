"""Weights in a file of their own: one number a line, in the order of the rows, no header.

XGBoost and LightGBM know it as DATA.weight, the instance-weight liblinear and libsvm as DATA.wgt.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from craig_cli.dataset import Dataset
from craig_cli.errors import DataError
from craig_cli.formats.addresses import shown
from craig_cli.formats.content import open_content
from craig_cli.formats.libsvm_errors import NUMBER
from craig_cli.formats.messages import quoted

SUFFIXES = (".weight", ".wgt")
BLOCK = 1 << 20  # bytes read at a time


def with_weights(dataset: Dataset, path: str | os.PathLike) -> Dataset:
    """``dataset`` with the weights of the file ``path``, one for each row of its inputs, kept or not.

    Raises DataError for a line that is no positive number, for too many or too few, and for data with weights already.
    """
    weights = weights_of(path, sum(source.rows for source in dataset.sources))
    _check_none(dataset)
    return replace(dataset, multiplicity=weights if dataset.rows is None else weights[dataset.rows])


def weights_of(path: str | os.PathLike, n_rows: int) -> np.ndarray:
    """(n_rows,) float64, those of the file."""
    weights = np.concatenate(list(_blocks(path)))
    _check_number(path, n_rows, len(weights))
    return weights


def weighted(pieces: Iterable[Dataset], path: str | os.PathLike, first: int = 0) -> Iterator[Dataset]:
    """The same for the pieces of a data set from row ``first`` on; the file is read along with them."""
    blocks = _blocks(path, first)
    ahead, given, n_rows = np.empty(0), first, first
    for piece in pieces:
        _check_none(piece)
        n_rows += piece.n_rows
        while given < n_rows and (block := next(blocks, None)) is not None:
            given += len(block)
            ahead = np.concatenate([ahead, block])
        if given >= n_rows:
            yield replace(piece, multiplicity=ahead[: piece.n_rows].copy())
            ahead = ahead[piece.n_rows :]
    _check_number(path, n_rows, given + sum(map(len, blocks)))


def _check_number(path: str | os.PathLike, n_rows: int, given: int) -> None:
    if given != n_rows:
        raise DataError(f"{shown(path)}: expected {n_rows} weights, one for each row, found {given}")


def _check_none(dataset: Dataset) -> None:
    if dataset.multiplicity is not None:
        raise DataError(
            f"{dataset.name}: expected rows without weights beside a weight file, found weights in the data"
        )


def _blocks(path: str | os.PathLike, first: int = 0) -> Iterator[np.ndarray]:
    """The weights from that of row ``first`` on, those of BLOCK bytes at a time."""
    content, number, rest = open_content(path), 0, b""
    try:
        while True:
            room = bytearray(BLOCK)
            size = content.readinto(memoryview(room))
            lines = (rest + room[:size]).split(b"\n")
            rest = lines.pop()
            if size < BLOCK and (rest or not number + len(lines)):
                lines.append(rest)
            skipped = min(max(0, first - number), len(lines))
            numbered = enumerate(lines[skipped:], start=number + skipped + 1)
            yield np.array([_weight(content.shown, line_number, line) for line_number, line in numbered])
            number += len(lines)
            if size < BLOCK:
                return
    finally:
        content.close()


def _weight(shown: str, number: int, line: bytes) -> float:
    text = line.strip()
    weight = float(text) if NUMBER.fullmatch(text) else math.nan
    if not 0.0 < weight < math.inf:
        raise DataError(f"{shown}:{number}: expected a positive number, found {quoted(text) if text else 'nothing'}")
    return weight


def lying_beside(path: str) -> list[str]:
    """The files beside the data ``path`` that some program would take for its weights."""
    return [path + suffix for suffix in SUFFIXES if os.path.isfile(path + suffix)]
