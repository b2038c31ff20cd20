"""Sparse rows through an inverted index: their distances, and assignment; nothing is ever densified.

The index lists for each feature the rows that have it. The distances from one row e to all others come from walking
the lists of e's own features, then one pass over the rows:

    d(i, e)^2 = ||x_i||^2 + ||e||^2 - 2 <x_i, e>                  Euclidean (and cosine, half of it on unit rows)
    d(i, e)   = ||x_i||_1 + ||e||_1 + sum_{k in both} |x_ik - e_k| - |x_ik| - |e_k|        Manhattan

A product of equal rows is summed in the order their norm was, so their distance is exactly 0. Distances are rounded
to whole quanta as in the dense case (see cells.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from craig_cli import jit
from craig_cli.dataset import csr_arrays
from craig_cli.jit import inner, njit
from craig_cli.selection.distances.bisection import split
from craig_cli.selection.distances.cells import Ruler
from craig_cli.selection.distances.metrics import (
    Metric,
    add_term,
    distance_of,
    quantum_for,
    shared_term,
    sum_of,
    sum_of_pair,
)

SKETCH = 24  # dimensions in which nearby sparse rows are grouped


@dataclass(frozen=True)
class Index:
    """Sparse rows and their transpose, in units in which one quantum of distance is 1.

    values, columns, starts       CSR arrays (float64, int32, int64)
    t_values, t_rows, t_starts    the same of the transpose
    sums (n,) float64             over the coordinates of each row (metrics.py): ||x_i||^2, or ||x_i||_1 for Manhattan
    """

    values: np.ndarray
    columns: np.ndarray
    starts: np.ndarray
    t_values: np.ndarray
    t_rows: np.ndarray
    t_starts: np.ndarray
    sums: np.ndarray
    quantum: float
    metric: Metric
    diameter: float
    order: np.ndarray  # nearby rows in each run of a block, if blocks were asked for

    def fill_distances(self, begin: int, end: int, scale: float, matrix: np.ndarray) -> None:
        """matrix[i, j] = distance of rows order[begin + i] and order[begin + j], in units of quantum / ``scale``."""
        members = self.order[begin:end]
        rows = self.matrix[members]
        used, columns = np.unique(rows.indices, return_inverse=True)
        rows = sp.csr_matrix((rows.data, columns, rows.indptr), shape=(len(members), max(1, len(used))))
        transposed = csr_arrays(rows.T.tocsr())
        _fill(*csr_arrays(rows), *transposed, self.sums[members], self.metric.code, scale, matrix)

    @property
    def matrix(self) -> sp.csr_matrix:
        shape = (self.n_rows, max(1, len(self.t_starts) - 1))
        return sp.csr_matrix((self.values, self.columns, self.starts), shape=shape)

    @property
    def n_rows(self) -> int:
        return len(self.starts) - 1

    @property
    def arrays(self) -> tuple:
        return (self.values, self.columns, self.starts, self.t_values, self.t_rows, self.t_starts, self.sums,
                self.metric.code)  # fmt: skip


def diameter_bound(rows: sp.csr_matrix, metric: Metric) -> float:
    """No two of the ``rows`` (n, d) are farther apart: judged from 0."""
    return metric.diameter(float(row_sums(rows, metric).max(initial=0.0)))


def occurring_columns(rows: sp.csr_matrix) -> sp.csr_matrix:
    """The same rows without the columns that are empty: a huge feature number must not cost arrays of that length."""
    used, columns = np.unique(rows.indices, return_inverse=True)
    shape = (rows.shape[0], max(1, len(used)))
    return sp.csr_matrix((rows.data, columns.astype(np.int32).reshape(-1), rows.indptr), shape=shape)


def build_index(
    rows: sp.csr_matrix, metric: Metric, total: float, block: int | None = None, ruler: Ruler | None = None
) -> Index:
    """Index ``rows`` (n, d). They are prepared for the metric; ``total`` is the sum of the multiplicities.

    With ``block``, the index comes with an order of the rows in which each run of that many is a group of nearby
    rows, judged by a random projection to SKETCH dimensions (Johnson and Lindenstrauss). ``ruler`` is that of the rows
    that these are some of.
    """
    values, columns, starts = csr_arrays(rows)
    diameter = diameter_bound(rows, metric) if ruler is None else ruler.diameter
    quantum = quantum_for(diameter, metric, total) if ruler is None else ruler.quantum
    values = values / metric.unit(quantum)
    matrix = occurring_columns(sp.csr_matrix((values, columns, starts), shape=rows.shape))
    columns = csr_arrays(matrix)[1]
    transposed = csr_arrays(matrix.T.tocsr())
    sums = _sums(values, starts, metric.code)
    order = np.arange(rows.shape[0]) if block is None else split(_sketch(values, columns, starts), block, block)
    return Index(values, columns, starts, *transposed, sums, quantum, metric, diameter, order)


def row_sums(rows: sp.csr_matrix, metric: Metric) -> np.ndarray:
    """(n,) float64, the sum over the coordinates of each of the ``rows`` (n, d), see metrics.py."""
    values, _, starts = csr_arrays(rows)
    return _sums(values, starts, metric.code)


def sketch(rows: sp.csr_matrix) -> np.ndarray:
    """(n, SKETCH) random projection of the rows, which keeps distances roughly."""
    return _sketch(*csr_arrays(rows))


@njit
def _sketch(values, columns, starts):
    """(n, SKETCH) projection on random signs; the signs of a column are the bits of its number, well mixed."""
    sketch = np.zeros((len(starts) - 1, SKETCH))
    for i in range(len(starts) - 1):
        for t in range(starts[i], starts[i + 1]):
            mixed = (np.uint64(columns[t]) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
            mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            for k in range(SKETCH):
                if (mixed >> np.uint64(k)) & np.uint64(1):
                    sketch[i, k] += values[t]
                else:
                    sketch[i, k] -= values[t]
    return sketch


@njit
def _fill(values, columns, starts, t_values, t_rows, t_starts, sums, metric, scale, matrix):
    size = len(sums)
    shared = np.empty(size)
    for e in range(size):
        fill_shared(e, values, columns, starts, t_values, t_rows, t_starts, metric, shared)
        for i in range(size):
            matrix[e, i] = np.float32(np.rint(np.rint(pair_distance(shared[i], sums[i], sums[e], metric)) * scale))


@njit
def _sums(values, starts, metric):
    sums = np.zeros(len(starts) - 1)
    for i in range(len(sums)):
        for t in range(starts[i], starts[i + 1]):
            sums[i] = add_term(sums[i], values[t], metric)
    return sums


@inner
def fill_shared(e, values, columns, starts, t_values, t_rows, t_starts, metric, shared):
    """What the features in common contribute: shared[i] (n,) of row e with every row i."""
    shared[:] = 0.0
    for t in range(starts[e], starts[e + 1]):
        value = values[t]
        for u in range(t_starts[columns[t]], t_starts[columns[t] + 1]):
            shared[t_rows[u]] += shared_term(t_values[u], value, metric)


@inner
def pair_distance(shared, sum_i, sum_e, metric):
    return distance_of(sum_of_pair(sum_i, sum_e, shared, metric), metric)


@dataclass(frozen=True)
class Listed:
    """Sparse rows in an order of their own and with all of their columns; else as in ``Index``, but not transposed."""

    values: np.ndarray
    columns: np.ndarray
    starts: np.ndarray
    sums: np.ndarray
    quantum: float
    metric: Metric

    @property
    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """CSR."""
        return self.values, self.columns, self.starts


def list_rows(rows: sp.csr_matrix, ruler: Ruler) -> Listed:
    """``rows`` (n, d), prepared for the metric, in the units of the ``ruler``."""
    values, columns, starts = csr_arrays(rows)
    values = values / ruler.metric.unit(ruler.quantum)
    return Listed(values, columns, starts, _sums(values, starts, ruler.metric.code), ruler.quantum, ruler.metric)


@dataclass(frozen=True)
class Points:
    """Picks, by their columns: CSR arrays of the transpose, and the sums (r,) of each, see ``Index``.

    ends  (s,) int64 the sizes of the prefixes whose nearest are wanted, ascending, all last
    """

    t_values: np.ndarray
    t_picks: np.ndarray
    t_starts: np.ndarray
    sums: np.ndarray
    ends: np.ndarray


def arrange_points(rows: sp.csr_matrix, ruler: Ruler, ends: Sequence[int] = ()) -> Points:
    """The picks ``rows`` (r, d), as ``list_rows`` takes them, in greedy order, and the ``ends`` of prefixes of them."""
    listed = list_rows(rows, ruler)
    scaled = sp.csr_matrix((listed.values, listed.columns, listed.starts), shape=rows.shape)
    wanted = np.unique(np.array([*ends, rows.shape[0]], dtype=np.int64))
    return Points(*csr_arrays(scaled.T.tocsr()), listed.sums, wanted)


def assign(index: Index, picks: np.ndarray, constants: np.ndarray, grid: float) -> tuple[np.ndarray, np.ndarray]:
    """(nearest, loss) for ``picks`` (r,) int64 rows in greedy order, as ``assignment.assign`` for dense rows."""
    points = Points(*csr_arrays(index.matrix[picks].T.tocsr()), index.sums[picks], np.array([len(picks)]))
    pick_of = np.full(index.n_rows, -1, dtype=np.int64)
    pick_of[picks] = np.arange(len(picks))
    (nearest,), change = nearest_of(index, points, constants, grid, pick_of)
    return nearest, np.cumsum(change) * grid


def nearest_of(
    rows: Index | Listed, points: Points, constants: np.ndarray, grid: float, pick_of: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(nearest, change) as ``assignment.nearest_of``; the columns of rows and points are the same.

    pick_of  (n,) int64 index of the point that the row itself is, or -1: that is its nearest whatever equals it
    """
    n_rows = len(rows.sums)
    nearest = np.empty((len(points.ends), n_rows), dtype=np.int64)
    change = np.zeros((jit.threads_in_force(), len(points.sums)))
    jit.in_threads(
        _assign, rows.values, rows.columns, rows.starts, rows.sums, rows.metric.code, points.t_values, points.t_picks,
        points.t_starts, points.sums, points.ends, constants * (rows.quantum / grid), pick_of, nearest, change,
    )  # fmt: skip
    return nearest, change.sum(axis=0)


@njit
def _assign(
    thread, threads, values, columns, starts, sums, metric, t_values, t_picks, t_starts, pick_sums, ends, factor,
    pick_of, nearest, change,
):  # fmt: skip
    n_picks = len(pick_sums)
    shared = np.empty(n_picks)
    for i in range(thread, len(sums), threads):
        fill_shared(i, values, columns, starts, t_values, t_picks, t_starts, metric, shared)
        # The difference of nearly equal numbers: what rounding may have hidden keeps the bound an upper bound.
        slack = 4e-16 * (starts[i + 1] - starts[i] + 4)
        own = pick_of[i]
        last = n_picks if own < 0 else own
        current = np.inf
        limit = np.inf  # the sum that has the current distance
        value = 0.0
        best = 0
        begin = 0
        for prefix in range(len(ends)):
            for j in range(begin, min(ends[prefix], last)):
                total = sum_of_pair(sums[i], pick_sums[j], shared[j], metric)
                if total >= limit:
                    continue
                distance = distance_of(total, metric)
                if distance < current:
                    current = distance
                    limit = total
                    best = j
                    hidden = slack * (sums[i] + pick_sums[j])
                    terms = np.ceil(factor[i] * distance_of(sum_of(distance, metric) + hidden, metric))
                    terms = min(terms, value) if j > 0 else terms
                    change[thread, j] += terms - value
                    value = terms
            if begin <= own < ends[prefix]:  # its own exemplar, whatever duplicates there are
                best = own
                change[thread, own] -= value
            begin = ends[prefix]
            nearest[prefix, i] = best
