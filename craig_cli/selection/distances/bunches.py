"""Picks arranged to be nearest: in levels by their rank, each in bunches of nearby ones.

A level ends at LEVEL times the rank it begins at. In a level, the picks of each region are bunched by themselves. The
regions are of all picks, each nearest to the mean of its own (a few rounds of k-means, Lloyd 1982): a bunch in a region
lies in one direction from wherever it is seen, which is what most of it is left out by (sieve.py), while cut anywhere
it may have picks of two clusters that do not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from craig_cli.jit import inner, njit
from craig_cli.selection.distances.bisection import split
from craig_cli.selection.distances.metrics import Metric, add_term, block_norms, norm_of
from craig_cli.selection.distances.simd import WIDTH

LEVEL = 3  # a level ends at so many times the rank it begins at
FIRST_LEVEL = 64  # picks that all rows are held against
BUNCH = WIDTH  # picks a bunch, so that it is a block to the vector instructions
REGIONS, PICKS = 128, 64  # regions at most, and picks that each has at least on average
ROUNDS = 3  # of k-means


@dataclass(frozen=True)
class Points:
    """Picks in the units of cells, arranged for ``assignment.nearest_of``.

    coordinates (r, d) float64; ends (s,) int64 the sizes of the prefixes whose nearest are wanted, ascending, all last
    prefixes    (l,) int64 which of these each level is of
    levels      (l + 1,) int64 the ranks at which the levels begin, and the number of picks
    starts      (l + 1,) int64 the first bunch of each level, and their number
    order       (b, BUNCH) int64 the picks of each bunch, the last one repeated; region (b,) int64 which it is of
    regions     (q, d) float64 their means
    arrays      see ``_arrange``
    """

    coordinates: np.ndarray
    ends: np.ndarray
    prefixes: np.ndarray
    levels: np.ndarray
    starts: np.ndarray
    order: np.ndarray
    region: np.ndarray
    regions: np.ndarray
    arrays: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]


def arrange_points(coordinates: np.ndarray, metric: Metric, ends: Sequence[int] = ()) -> Points:
    """The picks with these ``coordinates`` (r, d) float64, in greedy order, and the ``ends`` of prefixes of them."""
    wanted = np.unique(np.array([*ends, len(coordinates)], dtype=np.int64))
    own, regions = regions_of(coordinates, metric)
    levels, starts, orders, numbers = [0], [0], [], []
    while levels[-1] < len(coordinates):
        begin, next_end = levels[-1], int(wanted[np.searchsorted(wanted, levels[-1], side="right")])
        end = min(next_end, max(FIRST_LEVEL, LEVEL * begin))
        order, number = _bunched(begin + split(coordinates[begin:end], BUNCH, BUNCH), own, len(regions))
        orders.append(order)
        numbers.append(number)
        levels.append(end)
        starts.append(starts[-1] + len(order))
    bounds, firsts, order = np.array(levels), np.array(starts), np.concatenate(orders)
    prefixes = np.searchsorted(wanted, bounds[1:])
    arrays = _arrange(coordinates, order, metric.code)
    return Points(coordinates, wanted, prefixes, bounds, firsts, order, np.concatenate(numbers), regions, arrays)


def regions_of(points: np.ndarray, metric: Metric) -> tuple[np.ndarray, np.ndarray]:
    """((r,) int64 region of each of the ``points`` (r, d) float64, (q, d) means of the regions)"""
    count = min(REGIONS, max(1, len(points) // PICKS))
    size = -(-len(points) // count)
    own = np.empty(len(points), dtype=np.int64)
    own[split(points, size, size)] = np.arange(len(points)) // size
    means = np.zeros((own.max() + 1, points.shape[1]))
    for _ in range(ROUNDS if len(means) > 1 else 0):
        _set_means(points, own, means)
        _to_nearest(points, means, metric.code, own)
    _set_means(points, own, means)
    return own, means


def _bunched(order: np.ndarray, own: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Picks in an ``order`` (m,) of nearby ones, in bunches that lie within regions: (b, BUNCH) and their regions (b,).

    own  (r,) region of each pick, of which there are ``count``
    """
    order = order[np.argsort(own[order], kind="stable")]
    sizes = np.bincount(own[order], minlength=count)
    bunches = -(-sizes // BUNCH)
    region = np.repeat(np.arange(count), bunches)
    place = np.arange(len(region)) - (np.cumsum(bunches) - bunches)[region]
    last = np.cumsum(sizes)[region] - 1
    first = (np.cumsum(sizes) - sizes)[region] + BUNCH * place
    return order[np.minimum(first[:, None] + np.arange(BUNCH), last[:, None])], region


@njit
def _set_means(points, own, means):
    """The means of the regions; of one without points what it was."""
    counts = np.zeros(len(means))
    for j in range(len(points)):
        counts[own[j]] += 1.0
    for q in range(len(means)):
        if counts[q] > 0.0:
            means[q] = 0.0
    for j in range(len(points)):
        for k in range(points.shape[1]):
            means[own[j], k] += points[j, k] / counts[own[j]]


@njit
def _to_nearest(points, means, metric, own):
    n_blocks = (len(means) + WIDTH - 1) // WIDTH
    blocks = np.zeros((n_blocks, points.shape[1], WIDTH))
    for q in range(len(means)):
        for k in range(points.shape[1]):
            blocks[q // WIDTH, k, q % WIDTH] = means[q, k]
    distance = np.empty(WIDTH)
    for j in range(len(points)):
        least = np.inf
        for b in range(n_blocks):
            block_norms(blocks[b], points[j], metric, distance)
            for q in range(b * WIDTH, min(len(means), (b + 1) * WIDTH)):
                if distance[q - b * WIDTH] < least:
                    least = distance[q - b * WIDTH]
                    own[j] = q


@njit
def _arrange(points, order, metric):
    """Picks in single precision, as distances from the ``origin`` (d,) times a ``scale`` that leaves them within 1.

    (bunches (b, d, BUNCH) float32, singles (r, d) float32, and in double precision the centres of the bunches in blocks
    (b', d, WIDTH), their radii (b,), origin, scale)
    """
    n_features = points.shape[1]
    origin = np.zeros(n_features)
    for j in range(len(points)):
        for k in range(n_features):
            origin[k] += points[j, k] / len(points)
    largest = 0.0
    for j in range(len(points)):
        largest = max(largest, apart(points[j], origin, metric))
    scale = 2.0 ** -np.ceil(np.log2(largest)) if largest > 0.0 else 1.0
    singles = np.empty((len(points), n_features), dtype=np.float32)
    for j in range(len(points)):
        for k in range(n_features):
            singles[j, k] = (points[j, k] - origin[k]) * scale
    bunches = np.empty((len(order), n_features, BUNCH), dtype=np.float32)
    centre = np.empty(n_features)
    centre_blocks = np.zeros(((len(order) + WIDTH - 1) // WIDTH, n_features, WIDTH))
    radii = np.zeros(len(order))
    for b in range(len(order)):
        centre[:] = 0.0
        for k in range(n_features):
            for t in range(BUNCH):
                bunches[b, k, t] = singles[order[b, t], k]
                centre[k] += points[order[b, t], k] / BUNCH
            centre_blocks[b // WIDTH, k, b % WIDTH] = centre[k]
        for t in range(BUNCH):
            radii[b] = max(radii[b], apart(points[order[b, t]], centre, metric))
    return bunches, singles, centre_blocks, radii, origin, scale


@inner
def apart(a, b, metric):
    """The norm of the difference of two points (d,)."""
    total = 0.0
    for k in range(len(a)):
        total = add_term(total, a[k] - b[k], metric)
    return norm_of(total, metric)
