"""Rows arranged to be near each other: dense ones in cells, sparse ones by their columns, under one name for both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from craig_cli.dataset import is_csr, stacked
from craig_cli.selection.algorithms import lazy_dense, lazy_sparse
from craig_cli.selection.distances import assignment
from craig_cli.selection.distances import inverted_index as sparse
from craig_cli.selection.distances.cells import Cells, Ruler, build_cells
from craig_cli.selection.distances.metrics import Metric
from craig_cli.streaming.view import Matrix


@dataclass(frozen=True)
class Listing:
    """Sparse picks, arranged for each of the sizes ``ends`` (s,) of prefixes, ascending, all of them last."""

    ends: np.ndarray
    prefixes: list[sparse.Points]


Points = assignment.Points | Listing


def in_blocks(rows: Matrix, ruler: Ruler, total: float, block: int) -> Cells | sparse.Index:
    """``rows`` (m, d') of a class that counts ``total``, each run of ``block`` of their order nearby ones."""
    build = sparse.build_index if is_csr(rows) else build_cells
    return build(rows, ruler.metric, total, block, ruler)


def in_order(rows: Matrix, ruler: Ruler, total: float, block: int) -> Cells | sparse.Listed:
    """The same of rows that are in that order already."""
    if is_csr(rows):
        return sparse.list_rows(rows, ruler)
    return build_cells(rows, ruler.metric, total, block, ruler, np.arange(len(rows)))


def in_any_order(rows: Matrix, ruler: Ruler, total: float, block: int) -> Cells | sparse.Listed:
    """The same of rows that are in no such order."""
    if is_csr(rows):
        return sparse.list_rows(rows, ruler)
    return build_cells(rows, ruler.metric, total, block, ruler)


def points_of(rows: Matrix, ruler: Ruler, ends: Sequence[int] = ()) -> Points:
    """Picks (r, d') of a class, in greedy order, arranged to be nearest: all, and as far as each of the ``ends``."""
    if is_csr(rows):
        wanted = np.unique(np.array([*ends, rows.shape[0]], dtype=np.int64))
        return Listing(wanted, [sparse.arrange_points(rows[:end], ruler) for end in wanted.tolist()])
    coordinates = np.ascontiguousarray(rows[:, ruler.columns]) * ruler.factor
    return assignment.arrange_points(coordinates, ruler.metric, ends)


def nearest_of(
    arranged: Cells | sparse.Listed, points: Points, constants: np.ndarray, grid: float, pick_of: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(nearest, change) as ``assignment.nearest_of``, of rows in order.

    pick_of  (m,) int64 index of the point that each row is, which is then its nearest, or -1
    """
    if isinstance(arranged, Cells):
        assert isinstance(points, assignment.Points)
        nearest, change = assignment.nearest_of(arranged, points, constants, grid)
        for end, each in zip(points.ends, nearest):
            own = (pick_of >= 0) & (pick_of < end)
            each[own] = pick_of[own]
        return nearest, change
    assert isinstance(points, Listing)
    found = []
    for end, prefix in zip(points.ends, points.prefixes):
        own = np.where(pick_of < end, pick_of, -1)
        each, change = sparse.nearest_of(arranged, prefix, constants, grid, own)
        found.append(each)
    return np.stack(found), change


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
