"""Rows that are equal to the bit: one of them can stand for all, with their multiplicities added up."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from craig_cli.dataset import csr_arrays
from craig_cli.jit import inner, njit


def representatives(rows: np.ndarray | sp.csr_matrix) -> np.ndarray:
    """(n,) int64: for each row of ``rows`` (n, d) the lowest row that is equal to it (itself where there is none)."""
    if sp.issparse(rows):
        values, columns, starts = csr_arrays(rows)
    else:  # a dense row is a sparse one with all of its columns
        n_rows, n_features = rows.shape
        values = np.ascontiguousarray(rows).ravel()
        columns = np.arange(n_features, dtype=np.int32)
        starts = np.arange(n_rows + 1, dtype=np.int64) * n_features
    bits = values.view(np.uint64)
    hashes = np.empty(len(starts) - 1, dtype=np.uint64)
    _hashes(bits, columns, starts, hashes)
    order = np.argsort(hashes, kind="stable")
    result = np.arange(len(order))
    sorted_hashes = hashes[order]
    if (sorted_hashes[1:] != sorted_hashes[:-1]).all():
        return result
    _first_equal(bits, columns, starts, hashes, order, result)
    return result


@inner
def _column(columns, t):
    return columns[t % len(columns)]  # one list of columns serves all rows of dense data


@njit
def _hashes(bits, columns, starts, hashes):
    for i in range(len(hashes)):
        state = np.uint64(1)
        for t in range(starts[i], starts[i + 1]):
            for part in (bits[t], np.uint64(_column(columns, t))):
                state = (state ^ part) * np.uint64(0x9E3779B97F4A7C15)
                state ^= state >> np.uint64(29)
        hashes[i] = state


@njit
def _first_equal(bits, columns, starts, hashes, order, result):
    begin = 0
    while begin < len(order):
        end = begin + 1
        while end < len(order) and hashes[order[end]] == hashes[order[begin]]:
            # Rows of one hash are in order of their number; each joins the first that it really is equal to.
            for earlier in range(begin, end):
                i, j = order[earlier], order[end]
                if result[i] != i or starts[i + 1] - starts[i] != starts[j + 1] - starts[j]:
                    continue
                equal = True
                for t in range(starts[i + 1] - starts[i]):
                    s, u = starts[i] + t, starts[j] + t
                    if bits[s] != bits[u] or _column(columns, s) != _column(columns, u):
                        equal = False
                        break
                if equal:
                    result[j] = i
                    break
            end += 1
        begin = end
