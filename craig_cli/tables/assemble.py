"""What the columns became -> one matrix, sparse where that is smaller; each value is written once, to its place."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp

from craig_cli.dataset import is_csr
from craig_cli.formats.pipeline import Workers
from craig_cli.tables.kind import Block, OneHot

ROWS_COUNTED = 1 << 16
ROWS_TOGETHER = 4096  # written at a time, so that the lines of them stay in the cache
DENSE_CELLS_PER_NONZERO = 8  # as of LIBSVM: of more the matrix is sparse


def assembled(blocks: list[Block], n_rows: int, workers: Workers, dense: bool = False) -> np.ndarray | sp.csr_matrix:
    """The blocks of ``n_rows`` rows side by side; ``dense``, or as it is smaller."""
    widths = [
        block.width if isinstance(block, OneHot) else 1 if block.ndim == 1 else block.shape[1] for block in blocks
    ]
    columns = np.cumsum([0, *widths]).tolist()
    counts = np.zeros(n_rows + 1, np.int64)  # of the values of each row that are not zero; the first is of no row

    def count(begin: int, end: int) -> None:
        for block in blocks:
            counts[1:][begin:end] += _counts(block, begin, end)

    if not dense:
        _in_parts(count, n_rows, workers, ROWS_COUNTED)
    nonzeros = int(counts.sum())
    if dense or n_rows * columns[-1] <= DENSE_CELLS_PER_NONZERO * nonzeros:
        matrix = np.empty((n_rows, columns[-1]))
        _in_parts(lambda begin, end: _dense(blocks, columns, matrix[begin:end], begin, end), n_rows, workers)
        return matrix
    ends = np.cumsum(counts, out=counts)
    indices, values = np.empty(nonzeros, np.int32), np.empty(nonzeros)
    _in_parts(lambda begin, end: _sparse(blocks, columns, ends, indices, values, begin, end), n_rows, workers)
    return sp.csr_matrix((values, indices, ends), shape=(n_rows, columns[-1]))


def _in_parts(work: Callable[[int, int], None], n_rows: int, workers: Workers, together: int = ROWS_TOGETHER) -> None:
    """``work(begin, end)`` on all rows, few at a time."""
    for _ in workers.map(lambda begin: work(begin, min(begin + together, n_rows)), range(0, n_rows, together)):
        pass


def _counts(block: Block, begin: int, end: int) -> np.ndarray:
    if isinstance(block, OneHot):
        return block.codes[begin:end] >= 0
    if is_csr(block):
        return np.diff(block.indptr[begin : end + 1])
    there = block[begin:end] != 0
    return there if there.ndim == 1 else there.sum(axis=1)


def _dense(blocks: list[Block], columns: list[int], part: np.ndarray, begin: int, end: int) -> None:
    from craig_cli.tables.kernels import put_ones

    for block, column, next_column in zip(blocks, columns, columns[1:]):
        if isinstance(block, OneHot):
            part[:, column:next_column] = 0.0
            put_ones(block.codes[begin:end], column, part)
        elif is_csr(block):
            part[:, column:next_column] = block[begin:end].toarray()
        else:
            part[:, column:next_column] = block[begin:end].reshape(len(part), -1)


def _sparse(blocks: list[Block], columns: list[int], ends: np.ndarray, indices, values, begin: int, end: int) -> None:
    from craig_cli.tables.kernels import put_codes, put_values

    free = ends[begin:end].copy()  # where the next value of each row goes
    for block, column in zip(blocks, columns):
        if isinstance(block, OneHot):
            put_codes(block.codes[begin:end], column, free, indices, values)
        elif is_csr(block):
            rows = block[begin:end]
            counts = np.diff(rows.indptr)
            positions = np.repeat(free - rows.indptr[:-1], counts) + np.arange(rows.nnz)
            indices[positions], values[positions] = rows.indices + column, rows.data
            free += counts
        else:
            each = block[begin:end].reshape(len(free), -1)
            for number in range(each.shape[1]):
                put_values(np.ascontiguousarray(each[:, number]), column + number, free, indices, values)
