"""Which pick each row belongs to, and how the loss falls from pick to pick.

    loss_k = sum_i c_i min_{j in picks[:k]} d_ij

The picks go past the cells in their order, in groups of WIDTH cells that keep their state at hand. A pick farther from
a cell's centre than the cell's reach cannot be anyone's nearest, and one farther from the middle of a group than all of
its cells reach need not be compared with any; so only few of them meet the rows. Each term is rounded up to a grid on
which sums are exact: the loss stays an upper bound, and threads may add in any order.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from craig_cli import jit
from craig_cli.dataset import csr_arrays
from craig_cli.jit import njit
from craig_cli.selection.cells import (
    COSINE,
    MANHATTAN,
    Cells,
    block_distances,
    block_distances_within,
    limit_of,
    reach_of,
)
from craig_cli.selection.swaps import distance_of, sparse_gap
from craig_cli.selection.vectors import WIDTH


def assign(cells: Cells, picks: np.ndarray, constants: np.ndarray, grid: float) -> tuple[np.ndarray, np.ndarray]:
    """(nearest, loss) for ``picks`` (r,) int64 rows in greedy order.

    constants  (n,) float64 c_i by row
    grid       a power of two, from ``exact_grid``
    nearest    (n,) int64 by row: place in ``picks`` of the nearest one, of equals the first; a pick is its own
    loss       (r,) float64, whole multiples of the grid: entry k is the loss of picks[: k + 1]
    """
    n_rows = len(cells.order)
    position = np.empty(n_rows, dtype=np.int64)
    position[cells.order] = np.arange(n_rows)
    points = np.ascontiguousarray(cells.rows[position[picks]])
    n_blocks = (len(picks) + WIDTH - 1) // WIDTH
    padded = np.zeros((n_blocks * WIDTH, points.shape[1]))
    padded[: len(picks)] = points
    blocks = np.ascontiguousarray(padded.reshape(n_blocks, WIDTH, -1).transpose(0, 2, 1))
    threads = jit.threads_in_force()
    change = np.zeros((threads, len(picks)))
    nearest = np.empty(n_rows, dtype=np.int64)
    factor = constants[cells.order] * (cells.quantum / grid)
    jit.in_threads(
        _assign, cells.rows, cells.blocks, cells.centres, cells.offsets, cells.metric, points, blocks, factor,
        nearest, change,
    )  # fmt: skip
    by_row = np.empty(n_rows, dtype=np.int64)
    by_row[cells.order] = nearest
    by_row[picks] = np.arange(len(picks))
    return by_row, np.cumsum(change.sum(axis=0)) * grid


def assigned_loss(
    rows: np.ndarray | sp.csr_matrix, metric: int, exemplar_of: np.ndarray, constants: np.ndarray, grid: float
) -> float:
    """sum_i c_i d(i, exemplar_of_i) of whatever assignment, each term rounded up to the grid.

    rows (n, d), of unit length for cosine; exemplar_of (n,) int64 rows; constants (n,) float64 c_i
    """
    threads = jit.threads_in_force()
    total = np.zeros(threads)
    if sp.issparse(rows):
        jit.in_threads(_sparse_loss, *csr_arrays(rows), metric, exemplar_of, constants / grid, total)
    else:
        jit.in_threads(_dense_loss, np.ascontiguousarray(rows), metric, exemplar_of, constants / grid, total)
    return float(total.sum()) * grid  # whole numbers: exact in any order


@njit
def _dense_loss(thread, threads, rows, metric, exemplar_of, factor, total):
    for i in range(thread, len(rows), threads):
        size = 0.0
        for k in range(rows.shape[1]):
            gap = rows[i, k] - rows[exemplar_of[i], k]
            size += abs(gap) if metric == MANHATTAN else gap * gap
        total[thread] += np.ceil(factor[i] * distance_of(size, metric))


@njit
def _sparse_loss(thread, threads, values, columns, starts, metric, exemplar_of, factor, total):
    for i in range(thread, len(starts) - 1, threads):
        size = sparse_gap(values, columns, starts, i, exemplar_of[i], metric)
        total[thread] += np.ceil(factor[i] * distance_of(size, metric))


@njit
def _assign(thread, threads, rows, blocks, centres, offsets, metric, points, point_blocks, factor, nearest, change):
    n_rows, n_features = rows.shape
    n_cells = blocks.shape[0]
    n_picks = points.shape[0]
    changes = change[thread]
    middle = np.empty(n_features)
    to_picks = np.empty(WIDTH)
    to_cells = np.empty(WIDTH)
    distance = np.empty(WIDTH)
    away = np.empty(WIDTH)
    reach = np.empty(WIDTH)
    current = np.empty((WIDTH, WIDTH))
    limit = np.empty((WIDTH, WIDTH))
    value = np.empty((WIDTH, WIDTH))
    for group in range(thread, centres.shape[0], threads):
        first_cell = group * WIDTH
        count = min(WIDTH, n_cells - first_cell)
        for k in range(n_features):
            middle[k] = centres[group, k, :count].mean()
        block_distances(centres[group], middle, metric, away)
        for c in range(count):
            reach[c] = np.inf
            inside = min(WIDTH, n_rows - (first_cell + c) * WIDTH)
            for p in range(WIDTH):  # padding never asks for anything
                current[c, p] = np.inf if p < inside else 0.0
                limit[c, p] = current[c, p]
                value[c, p] = 0.0
        farthest = np.inf
        for block in range(point_blocks.shape[0]):
            block_distances(point_blocks[block], middle, metric, to_picks)
            for j in range(block * WIDTH, min((block + 1) * WIDTH, n_picks)):
                if to_picks[j - block * WIDTH] >= farthest:
                    continue
                block_distances(centres[group], points[j], metric, to_cells)
                changed = False
                for c in range(count):
                    if to_cells[c] < reach[c] and block_distances_within(
                        blocks[first_cell + c], points[j], metric, limit[c], distance
                    ):
                        first = (first_cell + c) * WIDTH
                        if _take(j, metric, distance, current[c], limit[c], value[c], factor, nearest, changes, first):
                            reach[c] = _reach(current[c], offsets, metric, first)
                            changed = True
                if changed:
                    farthest = 0.0
                    for c in range(count):
                        farthest = max(farthest, (reach[c] + away[c]) * (1.0 + 1e-12))


@njit
def _take(j, metric, distance, current, limit, value, factor, nearest, changes, first):
    """Give pick ``j`` the rows that are closer to it than to any before; True where there are some."""
    changed = False
    for p in range(WIDTH):
        apart = 0.5 * distance[p] * distance[p] if metric == COSINE else distance[p]
        if apart < current[p]:
            current[p] = apart
            limit[p] = limit_of(apart, metric)
            nearest[first + p] = j
            terms = np.ceil(factor[first + p] * apart)
            changes[j] += terms - value[p]
            value[p] = terms
            changed = True
    return changed


@njit
def _reach(current, offsets, metric, first):
    farthest = 0.0
    for p in range(WIDTH):
        if current[p] > 0.0:
            farthest = max(farthest, reach_of(current[p], offsets[first + p], metric))
    return farthest
