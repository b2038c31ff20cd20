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
from craig_cli.jit import inner, lowest_bit, njit, prefetch
from craig_cli.selection.distances.bunches import Points, apart, arrange_points
from craig_cli.selection.distances.cells import Cells
from craig_cli.selection.distances.metrics import (
    Metric,
    block_near,
    block_norms_of_few,
    block_norms_within,
    distance_of_norm,
    reach_of,
    sum_of,
)
from craig_cli.selection.distances.pairwise import dense_distance, sparse_distance
from craig_cli.selection.distances.sieve import (
    FARTHEST,
    GROUP,
    UNIT,
    aim_at,
    enter,
    in_order,
    limit_of,
    look,
    of_cell,
    reaches,
)
from craig_cli.selection.distances.simd import LANES, WIDTH
from craig_cli.selection.distances.single import AT_ONCE, at

AHEAD = 16  # picks between the one that is asked for and the one that is read, which lie all over memory
FEW = 300_000_000  # coordinates of all pairs, which take no longer than it takes to load the search
THREAD = 5_000_000  # of those are worth a thread


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
        points.prefixes, points.levels, points.starts, np.diff(points.levels).max(), np.diff(points.starts).max(),
        points.order, points.region, points.regions, *points.arrays, factor, nearest, change,
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
    points = cells.rows[position[picks]]
    del position
    if len(cells.order) * points.size <= FEW:
        nearest, change = nearest_of_few(cells, points, constants, grid)
    else:
        (nearest,), change = nearest_of(cells, arrange_points(points, cells.metric), constants, grid)
    nearest[picks] = np.arange(len(picks))
    return nearest, np.cumsum(change) * grid


def nearest_of_few(
    cells: Cells, points: np.ndarray, constants: np.ndarray, grid: float
) -> tuple[np.ndarray, np.ndarray]:
    """(nearest, change) as ``nearest_of``, of all ``points`` (r, d), each of which every row is held against."""
    change = np.zeros((jit.threads_in_force(), len(points)))
    nearest = np.empty(len(cells.order), dtype=np.int64)
    factor = constants[cells.order] * (cells.quantum / grid)
    worth = len(factor) * points.size // THREAD
    jit.in_threads(_assign_few, cells.blocks, cells.metric.code, points, factor, nearest, change, most=worth)
    by_row = np.empty_like(nearest)
    by_row[cells.order] = nearest
    return by_row, change.sum(axis=0)


@njit
def _assign_few(thread, threads, blocks, metric, points, factor, nearest, change):
    distance, current, limit, value = np.empty(WIDTH), np.empty(WIDTH), np.empty(WIDTH), np.empty(WIDTH)
    for c in range(thread, len(blocks), threads):
        begin = c * WIDTH
        for p in range(WIDTH):  # padding never asks for one
            current[p] = np.inf if begin + p < len(factor) else 0.0
            limit[p] = current[p]
            value[p] = 0.0
        for j in range(len(points)):
            if not block_norms_within(blocks[c], points[j], metric, limit, distance):
                continue
            for p in range(WIDTH):
                apart = distance_of_norm(distance[p], metric)
                if apart < current[p]:
                    _take(j, p, apart, metric, current, limit, value, factor, nearest, change[thread], begin)


@njit
def _assign(
    thread, threads, n_rows, blocks, cell_centres, offsets, metric, points, prefixes, levels, starts, most_picks,
    most_bunches, order, region, regions, bunches, singles, centre_blocks, radii, origin, scale, factor, nearest,
    change,
):  # fmt: skip
    n_cells, n_features, _ = blocks.shape
    near_blocks = np.empty((GROUP, n_features, WIDTH), dtype=np.float32)
    near_centres = np.empty((GROUP, n_features), dtype=np.float32)
    middle = np.empty(n_features)
    from_middle = np.empty((GROUP, WIDTH))
    current = np.empty((GROUP, WIDTH))
    limit = np.empty((GROUP, WIDTH))
    near_limit = np.empty((GROUP, WIDTH), dtype=np.float32)
    value = np.empty((GROUP, WIDTH))
    limits = np.empty((GROUP, WIDTH), dtype=np.float32)
    along = np.empty((GROUP, WIDTH), dtype=np.float32)
    n_regions = (len(regions) + AT_ONCE - 1) // AT_ONCE * AT_ONCE
    directions = np.empty((n_regions, n_features), dtype=np.float32)
    backs = np.empty((n_regions, GROUP), dtype=np.float32)
    most = np.empty(n_regions, dtype=np.float32)
    known = np.empty(n_regions // AT_ONCE, dtype=np.int64)
    number = np.empty(most_bunches, dtype=np.int64)
    found = np.empty((most_bunches, GROUP), dtype=np.uint64)
    wanted = np.zeros(len(points) // WIDTH + 1, dtype=np.uint64)
    place = np.empty(len(points), dtype=np.int64)
    picks = np.empty(most_picks, dtype=np.int64)
    slots = np.empty(len(picks), dtype=np.int64)
    own_picks = np.empty(len(picks), dtype=np.int64)
    flat = singles.reshape(-1)
    for group in range(thread, (n_cells + GROUP - 1) // GROUP, threads):
        begin = group * GROUP
        size = min(GROUP, n_cells - begin)
        own = blocks[begin : begin + size]
        far = enter(own, cell_centres, begin, origin, scale, metric, near_blocks, near_centres, middle, from_middle)
        aim_at(regions, middle, metric, directions)
        known[:] = -1
        slack = 1e-15 * (n_features + 8) * (apart(origin, np.zeros(n_features), metric) + far / scale)
        _begin(begin * WIDTH, n_rows, current, limit, near_limit, value)
        rows = slice(begin * WIDTH, min(n_rows, (begin + size) * WIDTH))
        for level in range(len(levels) - 1):
            prefix = prefixes[level]
            if level > 0 and prefix > prefixes[level - 1]:
                nearest[prefix, rows] = nearest[prefix - 1, rows]
            reach = reaches(
                current[:size], from_middle, offsets[begin * WIDTH :], scale, far, n_features, metric, limits, along
            )
            aims = level > 0 and far < FARTHEST
            kept = look(
                level, starts[level], starts[level + 1], bunches, region, centre_blocks, radii, metric, middle, reach,
                slack, near_centres, limits, near_blocks, along[:size],
                np.float32(8.0 * UNIT * (n_features + 8) * far if aims else np.inf), directions, backs, most, known,
                number, found,
            )  # fmt: skip
            count = in_order(number[:kept], found, order, levels[level], levels[level + 1], wanted, place, picks, slots)
            for c in range(size):
                n_own = of_cell(c, picks[:count], slots, found, own_picks)
                _take_all(
                    own_picks[:n_own], own[c], near_blocks[c], points, singles, flat, metric, current[c],
                    limit[c], near_limit[c : c + 1], value[c], factor, nearest[prefix], change[thread],
                    (begin + c) * WIDTH, scale, far,
                )  # fmt: skip


@inner
def _begin(first, n_rows, current, limit, near_limit, value):
    """No row from ``first`` on has a pick; padding never asks for one."""
    for c in range(GROUP):
        for p in range(WIDTH):
            is_row = first + c * WIDTH + p < n_rows
            current[c, p] = np.inf if is_row else 0.0
            limit[c, p] = current[c, p]
            near_limit[c, p] = np.inf if is_row else -1.0
            value[c, p] = 0.0


@inner
def _take_all(
    picks, block, near_block, points, singles, flat, metric, current, limit, near_limit, value, factor, nearest,
    changes, begin, scale, far,
):  # fmt: skip
    """Give the ``picks`` the rows of a cell that are closer to them than to any before."""
    n_features = len(block)
    distance = np.empty(WIDTH)
    found = np.empty(AT_ONCE, dtype=np.uint64)
    addresses = np.empty(2 * AT_ONCE, dtype=np.int64)
    addresses[AT_ONCE:] = at(near_limit, 0)
    for first in range(0, len(picks), AT_ONCE):
        for i in range(AT_ONCE):
            addresses[i] = at(singles, picks[min(first + i, len(picks) - 1)])
            if first + i + AHEAD < len(picks):
                start = picks[first + i + AHEAD] * n_features
                for k in range(start, start + n_features, 16):
                    prefetch(flat, k)
        block_near(near_block, addresses, metric, found)
        for i in range(min(AT_ONCE, len(picks) - first)):
            bits, j = found[i], picks[first + i]
            others = bits & (bits - np.uint64(1))
            if others & (others - np.uint64(1)) != 0:
                if not block_norms_within(block, points[j], metric, limit, distance):
                    continue
            elif bits != 0:
                lane = lowest_bit(bits) // LANES * LANES
                block_norms_of_few(block[:, lane:], points[j], metric, distance[lane:])
                if others != 0:
                    lane = lowest_bit(others) // LANES * LANES
                    block_norms_of_few(block[:, lane:], points[j], metric, distance[lane:])
            while bits != 0:
                p = lowest_bit(bits)
                bits &= bits - np.uint64(1)
                apart = distance_of_norm(distance[p], metric)
                if apart < current[p]:
                    _take(j, p, apart, metric, current, limit, value, factor, nearest, changes, begin)
                    reach = reach_of(apart, 0.0, metric)
                    near_limit[0, p] = limit_of(reach, scale, far, len(block), metric) if apart > 0.0 else -1.0


@inner
def _take(j, p, apart, metric, current, limit, value, factor, nearest, changes, begin):
    """Row ``p`` of the cell that begins at position ``begin`` is ``apart`` from pick ``j``, less than from any before.

    Sums up to ``limit`` may have a smaller root; what is further than that has not.
    """
    current[p] = apart
    limit[p] = sum_of(apart, metric) * (1.0 + 1e-15)
    nearest[begin + p] = j
    terms = np.ceil(factor[begin + p] * apart)
    changes[j] += terms - value[p]
    value[p] = terms


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
