"""The metrics: their codes in kernels, and whatever a metric means besides its sum over the coordinates.

euclidean   d = sqrt(sum_k (x_k - y_k)^2)
cosine      d = 1 - <x, y> of rows of unit length  =  sum_k (x_k - y_k)^2 / 2
manhattan   d = sum_k |x_k - y_k|

Pruning goes by the triangle inequality, which cosine distances do not obey; there the bounds are of the euclidean
distance of the unit rows. Vector code (simd.py) sums squares or absolute values and knows no more of a metric.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from craig_cli.errors import DataError
from craig_cli.jit import inner
from craig_cli.selection.distances.simd import (
    WIDTH,
    distances,
    distances_within,
    whole_distances,
    whole_distances_within,
)

EUCLIDEAN, COSINE, MANHATTAN = 0, 1, 2
METRIC_CODES = {"euclidean": EUCLIDEAN, "cosine": COSINE, "manhattan": MANHATTAN}


def quantum_for(diameter: float, metric: int, total: float) -> float:
    """The grid of distances: a power of two (of four for cosine) such that ``total`` times the diameter stays exact."""
    if diameter == 0.0:
        return 1.0
    if not np.log2(diameter) + np.log2(total) < 1000:
        raise DataError("expected distances that fit in float64, found features too large for that; --scale minmax")
    exponent = int(np.ceil(np.log2(diameter) + np.log2(total) - 51))
    return 2.0 ** (exponent + (exponent % 2 if metric == COSINE else 0))


def diameter_bound(rows: np.ndarray, metric: int) -> float:
    """No two of the ``rows`` (n, d) are farther apart: twice the greatest distance from any one of them."""
    if metric == COSINE:  # ||u - v||^2 / 2
        return 2.0 * float(np.einsum("ij,ij->i", rows, rows).max())
    farthest = 0.0
    for start in range(0, len(rows), 8192):
        spread = np.abs(rows[start : start + 8192] - rows[0])
        distance = spread.sum(axis=1) if metric == MANHATTAN else np.sqrt(np.einsum("ij,ij->i", spread, spread))
        farthest = max(farthest, float(distance.max()))
    return 2.0 * farthest


def unit_rows(rows):
    if sp.issparse(rows):
        norms = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
        scaled = rows.copy()
        scaled.data = rows.data / np.repeat(np.where(norms > 0, norms, 1.0), np.diff(rows.indptr))
        return scaled
    norms = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    return rows / np.where(norms > 0, norms, 1.0)[:, None]


@inner
def distance_of(squares_or_sum, metric):
    if metric == MANHATTAN:
        return squares_or_sum
    return 0.5 * squares_or_sum if metric == COSINE else np.sqrt(squares_or_sum)


@inner
def _half_squares(distance):
    """1 - cos = ||u - v||^2 / 2 for unit vectors, in whole quanta."""
    for p in range(WIDTH):
        distance[p] = np.rint(0.5 * distance[p] * distance[p])


@inner
def block_distances(block, point, metric, out):
    """Distances from ``point`` (d,) to the WIDTH rows of ``block`` (d, WIDTH), into ``out``.

    Euclidean, or Manhattan for Manhattan: the kind that obeys the triangle inequality.
    """
    distances(block, point, metric == MANHATTAN, out)


@inner
def block_distances_within(block, point, metric, limit, out):
    """As ``block_distances``, but False as soon as no row of the block can be nearer than its limit.

    ``limit`` (WIDTH,) comes from ``limit_of``. The distances are those of ``block_distances``, to the bit.
    """
    return distances_within(block, point, metric == MANHATTAN, limit, out)


@inner
def block_quanta(block, point, metric, out):
    """Distances of the metric from ``point`` (d,) to the rows of ``block`` (d, WIDTH) in whole quanta, into ``out``."""
    if metric == COSINE:
        distances(block, point, False, out)
        _half_squares(out)
    else:
        whole_distances(block, point, metric == MANHATTAN, out)


@inner
def block_quanta_within(block, point, metric, limit, out):
    """As ``block_quanta``, but False as soon as no row of the block can be nearer than its limit."""
    if metric == COSINE:
        near = distances_within(block, point, False, limit, out)
        if near:
            _half_squares(out)
        return near
    return whole_distances_within(block, point, metric == MANHATTAN, limit, out)


@inner
def limit_of(distance, metric):
    """What a sum over coordinates has to stay below for the distance to be below ``distance`` (quanta)."""
    if metric == EUCLIDEAN:
        return distance * distance
    return 2.0 * distance if metric == COSINE else distance


@inner
def quanta_of(distance, metric):
    """The distance of the metric in whole quanta of a Euclidean (Manhattan) ``distance``."""
    return np.rint(0.5 * distance * distance) if metric == COSINE else np.rint(distance)


@inner
def reach_of(distance, offset, metric):
    """A candidate at least this far from the cell's centre (Euclidean, Manhattan) is no closer than ``distance``.

    One quantum more than the triangle inequality asks for covers rounding.
    """
    if metric == COSINE:  # 1 - cos = ||u - v||^2 / 2 for unit vectors
        return (np.sqrt(2.0 * distance + 2.0) + offset) * (1.0 + 1e-12)
    return (distance + offset + 1.0) * (1.0 + 1e-12)
