"""``index:value`` text, with numbers as short as they can be to be read back as the same float64."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import scipy.sparse as sp

from craig_cli.dataset import is_csr

CHUNK = 4096  # rows in memory as text at a time


def shortest(value: float) -> str:
    """``value`` in the fewest digits that ``float`` reads as the same number."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def write_rows(
    stream: BinaryIO,
    features: np.ndarray | sp.csr_matrix,
    heads: Iterator[str],
    first_index: int,
    first_tail: str = "",
) -> None:
    """A line for each row: of ``heads`` its own, its features that are not 0; after those of the first ``first_tail``.

    ``first_index`` is the number of the first feature.
    """
    for first, chunk in chunks(features):
        matrix = sp.csr_matrix(chunk)
        matrix.sort_indices()
        matrix.eliminate_zeros()
        columns, values = (matrix.indices + first_index).tolist(), matrix.data.tolist()
        ends = matrix.indptr.tolist()
        lines = []
        for row, (begin, end) in enumerate(itertools.pairwise(ends)):
            pairs = [f" {column}:{shortest(value)}" for column, value in zip(columns[begin:end], values[begin:end])]
            lines.append(f"{next(heads)}{''.join(pairs)}{'' if first + row else first_tail}\n")
        stream.write("".join(lines).encode("ascii"))


def write_numbers(stream: BinaryIO, numbers: np.ndarray) -> None:
    """One number a line."""
    stream.write("".join(f"{shortest(value)}\n" for value in numbers.tolist()).encode("ascii"))


def chunks(features: np.ndarray | sp.csr_matrix) -> Iterator[tuple[int, np.ndarray | sp.csr_matrix]]:
    """(number of the first row, rows), CHUNK of them at a time."""
    for first in range(0, features.shape[0], CHUNK):
        yield first, features[first : first + CHUNK]


def dense_chunks(features: np.ndarray | sp.csr_matrix) -> Iterator[tuple[int, np.ndarray]]:
    """The same as dense arrays, whose zeros have no sign: a sparse matrix has none either."""
    for first, chunk in chunks(features):
        yield first, (chunk.toarray() if is_csr(chunk) else chunk) + 0.0
