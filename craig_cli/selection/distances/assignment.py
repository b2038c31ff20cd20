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

from collections.abc import Sequence
from dataclasses import dataclass

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
from craig_cli.selection.distances.simd import WIDTH, below, products

LEVEL = 3  # a level ends at so many times the rank it begins at
FIRST_LEVEL = 64  # picks that all rows are held against
BUNCH = WIDTH  # picks a bunch, so that it is a block to the vector instructions
GROUP = 16  # cells that a bunch is held against while it is in the cache


@dataclass(frozen=True)
class Points:
    """Picks in the units of cells, arranged for ``nearest_of``: in bunches of nearby ones, level by level.

    coordinates (r, d) float64; ends (s,) int64 the sizes of the prefixes whose nearest are wanted, ascending, all last;
    prefixes (l,) int64 which of these each level is of; the others see ``_bunches``, ``_arrange``
    """

    coordinates: np.ndarray
    ends: np.ndarray
    prefixes: np.ndarray
    levels: np.ndarray
    starts: np.ndarray
    order: np.ndarray
    bunched: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]


def arrange_points(coordinates: np.ndarray, metric: Metric, ends: Sequence[int] = ()) -> Points:
    """The picks with these ``coordinates`` (r, d) float64, in greedy order, and the ``ends`` of prefixes of them."""
    wanted = np.unique(np.array([*ends, len(coordinates)], dtype=np.int64))
    levels, starts, order = _bunches(coordinates, wanted)
    prefixes = np.searchsorted(wanted, levels[1:])
    bunched = _arrange(coordinates, order, starts, metric.code)
    return Points(coordinates, wanted, prefixes, levels, starts, order, bunched)


def nearest_of(cells: Cells, points: Points, constants: np.ndarray, grid: float) -> tuple[np.ndarray, np.ndarray]:
    """(nearest, change): of each prefix of ``points`` the nearest to each row of ``cells``, of equals the first.

    constants  (n,) float64 c_i by row; grid: a power of two, from ``exact_grid``
    nearest    (s, n) int64 by prefix and row: index of the point
    change     (r,) float64 whole numbers: by how many grids each point changes the sum of c_i d_i, itself in ``cumsum``
    """
    n_rows = len(cells.order)
    change = np.zeros((jit.threads_in_force(), len(points.coordinates)))
    nearest = np.empty((len(points.ends), n_rows), dtype=np.int64)
    factor = constants[cells.order] * (cells.quantum / grid)
    jit.in_threads(
        _assign, n_rows, cells.blocks, cells.centres, cells.offsets, cells.metric.code, points.coordinates,
        points.prefixes, points.levels, points.starts, points.order, *points.bunched, factor, nearest, change,
    )  # fmt: skip
    by_row = np.empty_like(nearest)
    by_row[:, cells.order] = nearest
    return by_row, change.sum(axis=0)


def assign(cells: Cells, picks: np.ndarray, constants: np.ndarray, grid: float) -> tuple[np.ndarray, np.ndarray]:
    """(nearest, loss) for ``picks`` (r,) int64 rows in greedy order.

    constants  (n,) float64 c_i by row
    grid       a power of two, from ``exact_grid``
    nearest    (n,) int64 by row: index in ``picks`` of the nearest one, of equals the first; a pick is its own
    loss       (r,) float64, whole multiples of the grid: entry k is the loss of picks[: k + 1]
    """
    position = np.empty(len(cells.order), dtype=np.int64)
    position[cells.order] = np.arange(len(cells.order))
    points = arrange_points(cells.rows[position[picks]], cells.metric)
    del position
    (nearest,), change = nearest_of(cells, points, constants, grid)
    nearest[picks] = np.arange(len(picks))
    return nearest, np.cumsum(change) * grid


def _bunches(points: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The picks of each level in bunches of nearby ones: (levels, starts, order). Levels end where prefixes do.

    levels (l + 1,) int64 the ranks at which the levels begin, and the number of picks; starts (l + 1,) int64 the first
    bunch of each level, and their number; order (b, BUNCH) int64 the picks of each bunch, the last one repeated
    """
    levels, starts, orders = [0], [0], []
    while levels[-1] < len(points):
        begin, next_end = levels[-1], int(ends[np.searchsorted(ends, levels[-1], side="right")])
        end = min(next_end, max(FIRST_LEVEL, LEVEL * begin))
        order = begin + split(points[begin:end], BUNCH, BUNCH)
        count = -(-len(order) // BUNCH)
        orders.append(np.pad(order, (0, count * BUNCH - len(order)), mode="edge").reshape(count, BUNCH))
        levels.append(end)
        starts.append(starts[-1] + count)
    return np.array(levels), np.array(starts), np.concatenate(orders)


@njit
def _arrange(points, order, starts, metric):
    """The bunches transposed (b, d, BUNCH), their centres (b, d), these in blocks (b', d, WIDTH), their radii (b,).

    And the largest norm of a pick.
    """
    n_features = points.shape[1]
    n_bunches = starts[-1]
    bunches = np.empty((n_bunches, n_features, BUNCH))
    centres = np.zeros((n_bunches, n_features))
    centre_blocks = np.zeros(((n_bunches + WIDTH - 1) // WIDTH, n_features, WIDTH))
    radii = np.zeros(n_bunches)
    largest = 0.0
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
            from_centre = 0.0
            for k in range(n_features):
                total = add_term(total, bunches[b, k, t], metric)
                from_centre = add_term(from_centre, bunches[b, k, t] - centres[b, k], metric)
            largest = max(largest, norm_of(total, metric))
            radii[b] = max(radii[b], norm_of(from_centre, metric))
    return bunches, centres, centre_blocks, radii, largest


@njit
def _assign(
    thread, threads, n_rows, blocks, cell_centres, offsets, metric, points, prefixes, levels, starts, order, bunches,
    centres, centre_blocks, radii, largest, factor, nearest, change,
):  # fmt: skip
    n_cells, n_features, _ = blocks.shape
    own_centres = np.empty((GROUP, n_features))
    current = np.empty((GROUP, WIDTH))
    limit = np.empty((GROUP, WIDTH))
    value = np.empty((GROUP, WIDTH))
    reach = np.empty(GROUP)
    wanted = np.zeros((GROUP, len(points) + WIDTH), dtype=np.bool_)
    any_wanted = np.zeros((GROUP, len(points) // WIDTH + 1), dtype=np.bool_)  # in each run of WIDTH picks
    slack = _rounding(cell_centres, offsets, metric, n_cells, n_features, largest)
    for group in range(thread, (n_cells + GROUP - 1) // GROUP, threads):
        size = min(GROUP, n_cells - group * GROUP)
        for c in range(size):
            cell = group * GROUP + c
            for k in range(n_features):
                own_centres[c, k] = cell_centres[cell // WIDTH, k, cell % WIDTH]
            for p in range(WIDTH):  # padding never asks for anything
                current[c, p] = np.inf if cell * WIDTH + p < n_rows else 0.0
                limit[c, p] = current[c, p]
                value[c, p] = 0.0
            reach[c] = np.inf
        rows = slice(group * GROUP * WIDTH, min(n_rows, (group + 1) * GROUP * WIDTH))
        for level in range(len(levels) - 1):
            prefix = prefixes[level]
            if level > 0 and prefix > prefixes[level - 1]:
                nearest[prefix, rows] = nearest[prefix - 1, rows]
            _look(
                own_centres[:size], blocks[group * GROUP : group * GROUP + size], current, reach, level > 0,
                starts[level], starts[level + 1], bunches, order, centres, centre_blocks, radii, metric, slack, wanted,
                any_wanted,
            )  # fmt: skip
            for c in range(size):
                cell = group * GROUP + c
                reach[c] = _take_all(
                    levels[level], levels[level + 1], blocks[cell], points, metric, current[c], limit[c], value[c],
                    reach[c], offsets, factor, nearest[prefix], change[thread], cell * WIDTH, wanted[c], any_wanted[c],
                )  # fmt: skip


@inner
def _look(
    own_centres, blocks, current, reach, aims, first, stop, bunches, order, centres, centre_blocks, radii, metric,
    slack, wanted, any_wanted,
):  # fmt: skip
    """Mark for each cell of a group the picks of the bunches first .. stop that may be nearest to a row of it.

    A bunch is held against one cell after the other while it is in the cache.
    """
    size = len(blocks)
    direction = np.empty(own_centres.shape[1])
    distance = np.empty(WIDTH)
    to_bunches = np.empty((size, WIDTH))
    for b in range(first, stop):
        for c in range(size):
            if b == first or b % WIDTH == 0:
                block_norms(centre_blocks[b // WIDTH], own_centres[c], metric, to_bunches[c])
            apart = to_bunches[c, b % WIDTH]
            if (apart - radii[b]) * (1.0 - 1e-12) - slack >= reach[c]:
                continue
            block_norms(bunches[b], own_centres[c], metric, distance)
            bits = below(distance, (reach[c] + slack) * (1.0 + 1e-12))
            if bits == 0:
                continue
            if aims and aim(own_centres[c], centres[b], apart, metric, direction):
                back = _back(blocks[c], direction, current[c], metric, distance) + slack
                products(bunches[b], direction, distance)
                bits &= below(distance, back)
            while bits != 0:
                t = lowest_bit(bits)
                bits &= bits - np.uint64(1)
                wanted[c, order[b, t]] = True
                any_wanted[c, order[b, t] // WIDTH] = True


@inner
def _take_all(
    begin, end, block, points, metric, current, limit, value, reach, offsets, factor, nearest, changes, first, wanted,
    any_wanted,
):  # fmt: skip
    """Give the marked picks of ranks begin .. end the rows that are closer to them; the cell's reach from then on."""
    distance = np.empty(WIDTH)
    for run in range(begin // WIDTH, (end + WIDTH - 1) // WIDTH):
        if not any_wanted[run]:
            continue
        any_wanted[run] = False
        for j in range(run * WIDTH, (run + 1) * WIDTH):
            if not wanted[j]:
                continue
            wanted[j] = False
            if block_norms_within(block, points[j], metric, limit, distance) and _take(
                j, metric, distance, current, limit, value, factor, nearest, changes, first
            ):
                reach = _reach(current, offsets, metric, first)
    return reach


@inner
def _rounding(centres, offsets, metric, n_cells, n_features, largest):
    """More than rounding can do to a difference of two products with a unit vector; ``largest`` is that of a pick."""
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
