"""Rows arranged to be near each other: dense ones in cells, sparse ones by their columns, under one name for both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from craig_cli.dataset import is_csr, stacked
from craig_cli.selection.algorithms import lazy_dense, lazy_sparse
from craig_cli.selection.distances import assignment
from craig_cli.selection.distances import inverted_index as sparse
from craig_cli.selection.distances.cells import Cells, Ruler, build_cells
from craig_cli.selection.distances.metrics import Metric
from craig_cli.streaming.view import Matrix

Points = assignment.Points | sparse.Points


def in_blocks(rows: Matrix, ruler: Ruler, total: float, block: int) -> Cells | sparse.Index:
    """``rows`` (m, d') of a class that counts ``total``, each run of ``block`` of their order nearby ones."""
    build = sparse.build_index if is_csr(rows) else build_cells
    return build(rows, ruler.metric, total, block, ruler)


def in_order(rows: Matrix, ruler: Ruler, total: float, block: int, is_sorted: bool = True) -> Cells | sparse.Listed:
    """The same of rows that are in that order already, or need not be in any."""
    if is_csr(rows):
        return sparse.list_rows(rows, ruler)
    return build_cells(rows, ruler.metric, total, block, ruler, np.arange(len(rows)) if is_sorted else None)


def points_of(rows: Matrix, ruler: Ruler, ends: Sequence[int] = ()) -> Points:
    """Picks (r, d') of a class, in greedy order, arranged to be nearest, all of them and as far as each of ``ends``."""
    if is_csr(rows):
        return sparse.arrange_points(rows, ruler, ends)
    return assignment.arrange_points(np.ascontiguousarray(rows[:, ruler.columns]) * ruler.factor, ruler.metric, ends)


def nearest_of(
    arranged: Cells | sparse.Listed, points: Points, constants: np.ndarray, grid: float, pick_of: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(nearest, change) as ``assignment.nearest_of``.

    pick_of  (m,) int64 index of the point that each row is, which is then its nearest, or -1
    """
    if isinstance(arranged, Cells):
        assert isinstance(points, assignment.Points)
        nearest, change = assignment.nearest_of(arranged, points, constants, grid)
        return np.where((pick_of >= 0) & (pick_of < points.ends[:, None]), pick_of, nearest), change
    assert isinstance(points, sparse.Points)
    return sparse.nearest_of(arranged, points, constants, grid, pick_of)


def exact_greedy(rows: Matrix, metric: Metric, weights: np.ndarray, budget: int) -> tuple[np.ndarray, np.ndarray]:
    """(places, gains) of ``budget`` of the ``rows`` (m, d'), which stand for ``weights`` (m,)."""
    total = float(weights.sum())
    greedy: lazy_dense.Greedy | lazy_sparse.SparseGreedy
    if sp.issparse(rows):
        greedy = lazy_sparse.start(sparse.build_index(rows, metric, total), weights)
    else:
        greedy = lazy_dense.start(build_cells(rows, metric, total), weights)
    greedy.extend(budget)
    return greedy.picks, greedy.gains


def blank(size: int, like: Matrix) -> Matrix:
    """(size, d') rows of the kind and width of ``like`` (m, d')."""
    shape = size, like.shape[1]
    return sp.csr_matrix(shape) if is_csr(like) else np.empty(shape, like.dtype)


def replaced(rows: Matrix, places: np.ndarray, others: Matrix) -> Matrix:
    """``rows`` (m, d'), dense ones themselves, with the ``others`` (r, d') at these ``places``."""
    if not is_csr(rows):
        rows[places] = others
        return rows
    which = np.arange(rows.shape[0])
    which[places] = rows.shape[0] + np.arange(len(places))
    return stacked([rows, others])[which]
