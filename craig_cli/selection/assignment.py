"""Which pick each row belongs to, and how the loss falls from pick to pick.

    loss_k = sum_i c_i min_{j in picks[:k]} d_ij

Cell by cell, the picks go past in their order. A pick farther from the cell's centre than the cell's reach cannot
be anyone's nearest, so only few of them meet the rows. Each term is rounded up to a grid on which sums are exact:
the loss stays an upper bound, and threads may add in any order.
"""

from __future__ import annotations

import numpy as np

from craig_cli import jit
from craig_cli.jit import njit
from craig_cli.selection.cells import (
    COSINE,
    Cells,
    block_distances,
    block_distances_within,
    limit_of,
    reach_of,
)
from craig_cli.selection.vectors import WIDTH


def assign(
    cells: Cells, picks: np.ndarray, constants: np.ndarray, grid: float
) -> tuple[np.ndarray, np.ndarray]:
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


@njit
def _assign(
    thread, threads, rows, blocks, centres, offsets, metric, points, point_blocks, factor, nearest, change
):
    n_rows, n_features = rows.shape
    n_picks = points.shape[0]
    changes = change[thread]
    centre = np.empty(n_features)
    centre_distance = np.empty(WIDTH)
    distance = np.empty(WIDTH)
    current = np.empty(WIDTH)
    limit = np.empty(WIDTH)
    value = np.empty(WIDTH)
    for c in range(thread, blocks.shape[0], threads):
        first = c * WIDTH
        count = min(WIDTH, n_rows - first)
        for k in range(n_features):
            centre[k] = centres[c // WIDTH, k, c % WIDTH]
        for p in range(WIDTH):  # padding never asks for anything
            current[p] = np.inf if p < count else 0.0
            limit[p] = current[p]
            value[p] = 0.0
        reach = np.inf
        for block in range(point_blocks.shape[0]):
            block_distances(point_blocks[block], centre, metric, centre_distance)
            for j in range(block * WIDTH, min((block + 1) * WIDTH, n_picks)):
                if centre_distance[j - block * WIDTH] >= reach or not block_distances_within(
                    blocks[c], points[j], metric, limit, distance
                ):
                    continue
                changed = False
                for p in range(count):
                    apart = 0.5 * distance[p] * distance[p] if metric == COSINE else distance[p]
                    if apart < current[p]:
                        current[p] = apart
                        limit[p] = limit_of(apart, metric)
                        nearest[first + p] = j
                        terms = np.ceil(factor[first + p] * apart)
                        changes[j] += terms - value[p]
                        value[p] = terms
                        changed = True
                if changed:
                    reach = 0.0
                    for p in range(count):
                        if current[p] > 0.0:
                            reach = max(reach, reach_of(current[p], offsets[first + p], metric))
