"""Parts of a data set, read block by block -> one matrix, dense or CSR."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from craig_cli.dataset import Dataset
from craig_cli.errors import DataError, OtherDataError
from craig_cli.formats import lines
from craig_cli.formats.pipeline import Workers

# Dense where n * d <= this * nonzeros: up to 64 bytes a nonzero, against 12 as CSR.
DENSE_CELLS_PER_NONZERO = 8


@dataclass(frozen=True)
class Part:
    """Rows of the input ``path``, from so many ``lines`` of it.

    labels           (rows,) float64
    weights          (rows,) float64, or None where no row has one
    lengths          (rows,) int64: number of features of each row
    indices, values  int32 and float64: the features of all rows; indices as written, from 0 or from 1
    largest, least   of the indices, also of rows that were left out; largest is -1 where there are none
    nonzeros         how many values are not zero
    begin            where its text begins, as a ``libsvm.Block`` has it
    """

    path: str
    lines: int
    labels: np.ndarray
    weights: np.ndarray | None
    lengths: np.ndarray
    indices: np.ndarray
    values: np.ndarray
    largest: int
    least: int
    nonzeros: int
    begin: tuple[int, int] = (0, 0)


class Store:
    """Room for indices and values in few large pieces of memory, one store for each thread.

    Of pieces this large the system gives pages of 2 MB, which cost a fraction of as many small ones.
    """

    SIZE = 1 << 21  # features

    def __init__(self) -> None:
        self._rests = threading.local()

    def room(self, size: int) -> tuple[np.ndarray, np.ndarray]:
        """(indices, values), int32 and float64, for at least ``size`` features: the same again until some are kept."""
        pair: tuple[np.ndarray, np.ndarray] | None = getattr(self._rests, "pair", None)
        if pair is None or len(pair[0]) < size:
            size = max(self.SIZE, size)
            self._rests.pair = pair = np.empty(size, np.int32), np.empty(size)
        return pair

    def keep(self, count: int) -> None:
        """Take the first ``count`` of ``room`` for good."""
        indices, values = self._rests.pair
        self._rests.pair = indices[count:], values[count:]


def take(part: Part, keep: np.ndarray) -> Part:
    """The rows ``keep``, int64, of the part."""
    lengths = part.lengths[keep]
    begins = (np.cumsum(part.lengths) - part.lengths)[keep]
    features = np.repeat(begins - (np.cumsum(lengths) - lengths), lengths) + np.arange(lengths.sum())
    values = part.values[features]
    return replace(
        part,
        labels=part.labels[keep],
        weights=None if part.weights is None else part.weights[keep],
        lengths=lengths,
        indices=part.indices[features],
        values=values,
        nonzeros=int(np.count_nonzero(values)),
    )


def assemble(
    parts: list[Part], zero_based: bool | None, n_features: int | None, workers: Workers, least_width: int = 0
) -> Dataset:
    """One matrix of all parts; ``parts`` is emptied on the way, so that not everything is held twice.

    least_width  of a matrix whose width is not known: without it there have to be features
    """
    lowest = 0 if zero_based or any(part.least == 0 for part in parts) else 1
    width = max((part.largest for part in parts), default=-1) + 1 - lowest
    most = lines.LARGEST_INDEX if n_features is None else n_features
    if width > most:
        path = next(part.path for part in parts if part.largest + 1 - lowest > most)
        raise OtherDataError(f"{path}: expected at most {most} features, found {width}")
    width = max(width, least_width) if n_features is None else n_features
    if width <= 0:
        raise DataError(f"{parts[0].path}: expected features (index:value), found labels only")
    n_rows = sum(len(part.labels) for part in parts)
    nonzeros = sum(part.nonzeros for part in parts)
    labels = np.empty(n_rows)
    weights = np.ones(n_rows) if any(part.weights is not None for part in parts) else None
    dense = n_rows * width <= DENSE_CELLS_PER_NONZERO * nonzeros
    if dense:
        matrix = np.zeros((n_rows, width))
    else:
        indptr = np.zeros(n_rows + 1, np.int64)
        indices, values = np.empty(nonzeros, np.int32), np.empty(nonzeros)
    row_ends = list(itertools.accumulate(len(part.labels) for part in parts))
    feature_ends = list(itertools.accumulate(part.nonzeros for part in parts))

    waiting: list = parts

    def fill(number: int) -> None:
        part, waiting[number] = waiting[number], None  # let go when it is done
        rows = slice(row_ends[number] - len(part.labels), row_ends[number])
        labels[rows] = part.labels
        if part.weights is not None:
            assert weights is not None
            weights[rows] = part.weights
        arrays = (part.lengths, part.indices, part.values, lowest)
        if dense:
            lines.fill_dense(*arrays, matrix[rows])
            return
        begin, end = feature_ends[number] - part.nonzeros, feature_ends[number]
        ends = indptr[1:][rows]
        lines.fill_sparse(*arrays, ends, indices[begin:end], values[begin:end])
        ends += begin

    for _ in workers.map(fill, range(len(parts))):
        pass
    if not dense:
        # The constructor gives both index arrays one type, without which half of scipy refuses the matrix.
        matrix = sp.csr_matrix((values, indices, indptr), shape=(n_rows, width))
    return Dataset(matrix, labels, weights)
