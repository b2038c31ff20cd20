"""Which pick each row belongs to, and how the loss falls from pick to pick.

    loss_k = sum_i c_i min_{j in picks[:k]} d_ij

Each cell takes the picks in the order of their rank, in levels that grow by LEVEL: when a level begins, its picks have
to beat what half as many have left. Two bounds spare nearly all of the pairs. A pick farther from a cell's centre than
the cell's reach is no one's nearest (triangle inequality). And along a unit vector u from the cell to the pick

    d_ij  >=  <x_j, u> - <x_i, u>

which in many dimensions says far more: a cloud is much thinner in any one direction than its radius. Picks of a level
lie in bunches of nearby ones, so that one u serves a bunch and a bunch out of reach is passed over whole. Each term is
rounded up to a grid on which sums are exact: the loss stays an upper bound, and threads may add in any order.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from craig_cli import jit
from craig_cli.dataset import csr_arrays
from craig_cli.jit import inner, lowest_bit, njit
from craig_cli.selection.distances.bisection import split
from craig_cli.selection.distances.cells import Cells
from craig_cli.selection.distances.metrics import (
    Metric,
    add_term,
    aim,
    block_norms,
    block_norms_within,
    distance_of_norm,
    norm_of,
    reach_of,
    sum_of,
)
from craig_cli.selection.distances.pairwise import dense_distance, sparse_distance
from craig_cli.selection.distances.simd import WIDTH, below, dot, products

LEVEL = 3  # a level ends at so many times the rank it begins at
FIRST_LEVEL = 64  # picks that all rows are held against
BUNCH = WIDTH  # picks a bunch, so that it is a block to the vector instructions


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
    points = cells.rows[position[picks]]
    del position
    levels, starts, order = _bunches(points)
    bunched = _arrange(points, order, starts, cells.metric.code)
    change = np.zeros((jit.threads_in_force(), len(picks)))
    nearest = np.empty(n_rows, dtype=np.int64)
    factor = constants[cells.order] * (cells.quantum / grid)
    jit.in_threads(
        _assign, n_rows, cells.blocks, cells.centres, cells.offsets, cells.metric.code, points, levels, starts, order,
        *bunched, factor, nearest, change,
    )  # fmt: skip
    by_row = np.empty(n_rows, dtype=np.int64)
    by_row[cells.order] = nearest
    by_row[picks] = np.arange(len(picks))
    return by_row, np.cumsum(change.sum(axis=0)) * grid


def _bunches(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The picks of each level in bunches of nearby ones: (levels, starts, order).

    levels (l + 1,) int64 the ranks at which the levels begin, and the number of picks; starts (l + 1,) int64 the first
    bunch of each level, and their number; order (b, BUNCH) int64 the picks of each bunch, the last one repeated
    """
    levels, starts, orders = [0], [0], []
    while levels[-1] < len(points):
        begin, end = levels[-1], min(len(points), max(FIRST_LEVEL, LEVEL * levels[-1]))
        order = begin + split(points[begin:end], BUNCH, BUNCH)
        count = -(-len(order) // BUNCH)
        orders.append(np.pad(order, (0, count * BUNCH - len(order)), mode="edge").reshape(count, BUNCH))
        levels.append(end)
        starts.append(starts[-1] + count)
    return np.array(levels), np.array(starts), np.concatenate(orders)


@njit
def _arrange(points, order, starts, metric):
    """The bunches transposed (b, d, BUNCH), their centres (b, d), these in blocks (b', d, WIDTH), their radii (b,)."""
    n_features = points.shape[1]
    n_bunches = starts[-1]
    bunches = np.empty((n_bunches, n_features, BUNCH))
    centres = np.zeros((n_bunches, n_features))
    centre_blocks = np.zeros(((n_bunches + WIDTH - 1) // WIDTH, n_features, WIDTH))
    radii = np.zeros(n_bunches)
    for b in range(n_bunches):
        for k in range(n_features):
            for t in range(BUNCH):
                bunches[b, k, t] = points[order[b, t], k]
            total = 0.0
            for t in range(BUNCH):
                total += bunches[b, k, t]
            centres[b, k] = total / BUNCH
            centre_blocks[b // WIDTH, k, b % WIDTH] = centres[b, k]
        for t in range(BUNCH):
            total = 0.0
            for k in range(n_features):
                total = add_term(total, bunches[b, k, t] - centres[b, k], metric)
            radii[b] = max(radii[b], norm_of(total, metric))
    return bunches, centres, centre_blocks, radii


@njit
def _assign(
    thread, threads, n_rows, blocks, cell_centres, offsets, metric, points, levels, starts, order, bunches, centres,
    centre_blocks, radii, factor, nearest, change,
):  # fmt: skip
    n_cells, n_features, _ = blocks.shape
    changes = change[thread]
    centre = np.empty(n_features)
    direction = np.empty(n_features)
    distance = np.empty(WIDTH)
    to_bunches = np.empty(WIDTH)
    current = np.empty(WIDTH)
    limit = np.empty(WIDTH)
    value = np.empty(WIDTH)
    wanted = np.zeros(len(points) + WIDTH, dtype=np.bool_)
    any_wanted = np.zeros(len(points) // WIDTH + 1, dtype=np.bool_)  # in each run of WIDTH picks
    slack = _rounding(cell_centres, offsets, metric, n_cells, n_features)
    for cell in range(thread, n_cells, threads):
        first = cell * WIDTH
        for k in range(n_features):
            centre[k] = cell_centres[cell // WIDTH, k, cell % WIDTH]
        for p in range(WIDTH):  # padding never asks for anything
            current[p] = np.inf if first + p < n_rows else 0.0
            limit[p] = current[p]
            value[p] = 0.0
        reach = np.inf
        for level in range(len(levels) - 1):
            for b in range(starts[level], starts[level + 1]):
                if b == starts[level] or b % WIDTH == 0:
                    block_norms(centre_blocks[b // WIDTH], centre, metric, to_bunches)
                apart = to_bunches[b % WIDTH]
                if (apart - radii[b]) * (1.0 - 1e-12) - slack >= reach:
                    continue
                back = np.inf
                if level > 0 and aim(centre, centres[b], apart, metric, direction):
                    back = _back(blocks[cell], direction, current, metric, distance) + slack
                    if (apart - radii[b]) * (1.0 - 1e-12) - slack >= back - dot(centre, direction):
                        continue
                _mark(
                    bunches[b], order[b], centre, direction, metric, reach + slack, back, distance, wanted, any_wanted
                )
            for run in range(levels[level] // WIDTH, (levels[level + 1] + WIDTH - 1) // WIDTH):
                if not any_wanted[run]:
                    continue
                any_wanted[run] = False
                for j in range(run * WIDTH, (run + 1) * WIDTH):
                    if not wanted[j]:
                        continue
                    wanted[j] = False
                    if block_norms_within(blocks[cell], points[j], metric, limit, distance) and _take(
                        j, metric, distance, current, limit, value, factor, nearest, changes, first
                    ):
                        reach = _reach(current, offsets, metric, first)


@inner
def _rounding(centres, offsets, metric, n_cells, n_features):
    """More than rounding can do to a difference of two products with a unit vector."""
    largest = 0.0
    for c in range(n_cells):
        total = 0.0
        for k in range(n_features):
            total = add_term(total, centres[c // WIDTH, k, c % WIDTH], metric)
        largest = max(largest, norm_of(total, metric))
    farthest = 0.0
    for offset in offsets:
        farthest = max(farthest, offset)
    return 1e-15 * (n_features + 8) * (largest + farthest)


@inner
def _back(block, direction, current, metric, along):
    """How far along the direction a pick may be and still be nearest to a row of the block."""
    products(block, direction, along)
    farthest = -np.inf
    for p in range(WIDTH):
        farthest = max(farthest, along[p] + reach_of(current[p], 0.0, metric))
    return farthest


@inner
def _mark(bunch, order, centre, direction, metric, reach, back, apart, wanted, any_wanted):
    """Mark the picks of a bunch that are within reach of the centre, and along the direction not beyond ``back``."""
    bits = ~np.uint64(0)
    if back < np.inf:
        block_norms(bunch, centre, metric, apart)
        bits = below(apart, reach * (1.0 + 1e-12))
        products(bunch, direction, apart)
        bits &= below(apart, back)
    while bits != 0:
        t = lowest_bit(bits)
        bits &= bits - np.uint64(1)
        wanted[order[t]] = True
        any_wanted[order[t] // WIDTH] = True


@inner
def _take(j, metric, distance, current, limit, value, factor, nearest, changes, first):
    """Give pick ``j`` the rows that are closer to it than to any before; True where there are some."""
    changed = False
    for p in range(WIDTH):
        apart = distance_of_norm(distance[p], metric)
        if apart < current[p]:
            current[p] = apart
            limit[p] = sum_of(apart, metric)
            nearest[first + p] = j
            terms = np.ceil(factor[first + p] * apart)
            changes[j] += terms - value[p]
            value[p] = terms
            changed = True
    return changed


@inner
def _reach(current, offsets, metric, first):
    farthest = 0.0
    for p in range(WIDTH):
        if current[p] > 0.0:
            farthest = max(farthest, reach_of(current[p], offsets[first + p], metric))
    return farthest


def assigned_loss(
    rows: np.ndarray | sp.csr_matrix, metric: Metric, exemplar_of: np.ndarray, constants: np.ndarray, grid: float
) -> float:
    """sum_i c_i d(i, exemplar_of_i) of whatever assignment, each term rounded up to the grid.

    rows (n, d), prepared for the metric; exemplar_of (n,) int64 rows; constants (n,) float64 c_i
    """
    threads = jit.threads_in_force()
    total = np.zeros(threads)
    if sp.issparse(rows):
        jit.in_threads(_sparse_loss, *csr_arrays(rows), metric.code, exemplar_of, constants / grid, total)
    else:
        jit.in_threads(_dense_loss, np.ascontiguousarray(rows), metric.code, exemplar_of, constants / grid, total)
    return float(total.sum()) * grid  # whole numbers: exact in any order


@njit
def _dense_loss(thread, threads, rows, metric, exemplar_of, factor, total):
    for i in range(thread, len(rows), threads):
        total[thread] += np.ceil(factor[i] * dense_distance(rows, i, exemplar_of[i], metric))


@njit
def _sparse_loss(thread, threads, values, columns, starts, metric, exemplar_of, factor, total):
    for i in range(thread, len(starts) - 1, threads):
        distance = sparse_distance(values, columns, starts, i, exemplar_of[i], metric)
        total[thread] += np.ceil(factor[i] * distance)
