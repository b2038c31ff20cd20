"""The metrics: what each is to kernels, and whatever it means besides its sum over the coordinates.

euclidean   d = sqrt(sum_k (x_k - y_k)^2)
cosine      d = 1 - <x, y> of rows of unit length  =  sum_k (x_k - y_k)^2 / 2
manhattan   d = sum_k |x_k - y_k|
chebyshev   d = max_k |x_k - y_k|: what is called a sum is the largest term

Pruning goes by a norm, which obeys the triangle inequality. It is the distance itself, but for cosine, where it is that
of the difference of the unit rows. Vector code (simd.py) sums the terms that are written here and knows no more of a
metric. A new one is its record here, its branches in the kernels below, and its name in the registry.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from craig_cli.errors import DataError
from craig_cli.jit import inner
from craig_cli.registry import METRICS, load
from craig_cli.selection.distances import simd, single

# Kernels take the metric as one of these numbers: numba caches an if/elif, but no function as an argument.
_EUCLIDEAN, _COSINE, _MANHATTAN, _CHEBYSHEV = range(4)


@dataclass(frozen=True)
class Metric:
    """A metric: all that is particular to it, but for its branch in the kernels below.

    name              as registered; code: its number in kernels
    sums              differences (n, d) float64 -> the sum over the coordinates of each, (n,)
    term              the same in vector code, a coordinate at a time, see ``simd.by_metric``
    root              the norm is the root of the sum, else the sum itself
    diameter          the largest sum of a difference from some one point -> no two rows are farther apart
    prepare           rows (n, d), dense or CSR -> the rows that distances are of; None: as they are
    squared           the distance is half the square of a norm, so that coordinates are in units of its root
    euclidean         number of coordinates -> c: no Euclidean distance, which is what the bound on gradients takes
                      (bounds.py), is more than c times this one; None: there is no such number
    sparse            there are distances of sparse rows too
    """

    name: str
    code: int
    sums: Callable[[np.ndarray], np.ndarray]
    term: Callable
    root: bool
    diameter: Callable[[float], float]
    prepare: Callable | None = None
    squared: bool = False
    euclidean: Callable[[int], float] | None = None
    sparse: bool = True

    def __reduce__(self):
        """Its name: to another process goes no function."""
        return load, (METRICS, self.name)

    def unit(self, quantum: float) -> float:
        """The unit of coordinates in which one ``quantum`` of distance is 1."""
        return float(np.sqrt(quantum)) if self.squared else quantum

    @property
    def norm_steps(self) -> tuple[str, ...]:
        """From the sum to the norm in vector code."""
        return ("sqrt",) if self.root else ()

    @property
    def quanta_steps(self) -> tuple[str, ...]:
        """From the sum to the distance in whole quanta."""
        return (*self.norm_steps, *(("half square",) if self.squared else ()), "rint")


def _squares(differences: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", differences, differences)


def _sizes(differences: np.ndarray) -> np.ndarray:
    return np.abs(differences).sum(axis=1)


def _largest(differences: np.ndarray) -> np.ndarray:
    return np.abs(differences).max(axis=1)


def _add_square(builder, total, value, coordinate):
    difference = builder.fsub(value, coordinate)
    return simd.add_product(builder, total, difference, difference)


def _add_square_alone(builder, total, value, coordinate):
    """Rounded before it is added, as where nothing is fused."""
    difference = builder.fsub(value, coordinate)
    return builder.fadd(total, builder.fmul(difference, difference))


def _add_absolute(builder, total, value, coordinate):
    return builder.fadd(total, _size(builder, builder.fsub(value, coordinate)))


def _keep_largest(builder, total, value, coordinate):
    size = _size(builder, builder.fsub(value, coordinate))
    return builder.select(builder.fcmp_ordered(">", size, total), size, total)


def _size(builder, difference):
    opposite = builder.fneg(difference)
    return builder.select(builder.fcmp_ordered(">", difference, opposite), difference, opposite)


def _unit_rows(rows):
    """Rows of zeros stay."""
    if sp.issparse(rows):
        norms = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
        scaled = rows.copy()
        scaled.data = rows.data / np.repeat(np.where(norms > 0, norms, 1.0), np.diff(rows.indptr))
        return scaled
    norms = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    return rows / np.where(norms > 0, norms, 1.0)[:, None]


def _twice(largest: float) -> float:
    return 2.0 * largest


def _once(n_coordinates: int) -> float:
    return 1.0


def _twice_root(largest: float) -> float:
    return 2.0 * float(np.sqrt(largest))


EUCLIDEAN = Metric("euclidean", _EUCLIDEAN, _squares, _add_square, True, _twice_root, euclidean=_once)
COSINE = Metric("cosine", _COSINE, _squares, _add_square, True, _twice, prepare=_unit_rows, squared=True)
MANHATTAN = Metric("manhattan", _MANHATTAN, _sizes, _add_absolute, False, _twice, euclidean=_once)
CHEBYSHEV = Metric("chebyshev", _CHEBYSHEV, _largest, _keep_largest, False, _twice, euclidean=math.sqrt, sparse=False)
_BY_CODE = (EUCLIDEAN, COSINE, MANHATTAN, CHEBYSHEV)

# Of a block (d, WIDTH) and a point (d,): norms of their differences; distances in whole quanta. Those within a limit
# (WIDTH,), which comes from ``sum_of``, are the same to the bit, or False as soon as no row can be nearer than its own.
_NORMS = [(metric.term, metric.norm_steps) for metric in _BY_CODE]
_QUANTA = [(metric.term, metric.quanta_steps) for metric in _BY_CODE]
block_norms = simd.by_metric(_NORMS)  # (block, point, metric, out)
block_norms_of_few = simd.by_metric_of_few(_NORMS)  # as block_norms, of LANES rows
block_norms_within = simd.by_metric_within(_NORMS)  # (block, point, metric, limit, out)
block_quanta = simd.by_metric(_QUANTA)
block_quanta_within = simd.by_metric_within(_QUANTA)
# The sums themselves, to the bit those of ``pairwise.dense_distance``: (block, point, metric, out).
block_sums = simd.by_metric([(_add_square_alone if metric.root else metric.term, ()) for metric in _BY_CODE])
block_near = single.near_by_metric([(metric.term, ()) for metric in _BY_CODE])  # see there


def check_fits(logarithm: float) -> None:
    """Raise DataError for distances of which the sum over all rows, whose ``logarithm`` to base 2 it is, is no number.

    Of very small ones, those of rows that count next to nothing, there is no grid.
    """
    if not logarithm < 1000:
        raise DataError("expected distances that fit in float64, found features too large for that; --scale minmax")
    if logarithm < -960:
        raise DataError("expected distances that fit in float64, found features or weights too small for that")


def quantum_for(diameter: float, metric: Metric, total: float) -> float:
    """The grid of distances: a power of two (of four where squared) such that ``total`` times the diameter is exact."""
    if diameter == 0.0:
        return 1.0
    check_fits(np.log2(diameter) + np.log2(total))
    exponent = int(np.ceil(np.log2(diameter) + np.log2(total) - 51))
    return 2.0 ** (exponent + (exponent % 2 if metric.squared else 0))


def centre_of(rows: np.ndarray, metric: Metric) -> np.ndarray:
    """What the diameter of the ``rows`` (n, d) is judged from: the first of them, or 0 where they are on a sphere."""
    return rows[0] if metric.prepare is None else np.zeros(rows.shape[1])


def diameter_bound(rows: np.ndarray, metric: Metric) -> float:
    """No two of the ``rows`` (n, d) are farther apart."""
    centre = centre_of(rows, metric)
    largest = 0.0
    for start in range(0, len(rows), 8192):
        largest = max(largest, float(metric.sums(rows[start : start + 8192] - centre).max()))
    return metric.diameter(largest)


@inner
def add_term(total, difference, metric):
    """The sum over the coordinates, ``total``, with one more."""
    if metric == _CHEBYSHEV:
        return max(total, abs(difference))
    return total + abs(difference) if metric == _MANHATTAN else total + difference * difference


@inner
def norm_of(total, metric):
    """The norm that pruning goes by of a whole sum."""
    return np.sqrt(total) if metric in (_EUCLIDEAN, _COSINE) else total


@inner
def distance_of(total, metric):
    """The distance of a whole sum."""
    if metric == _EUCLIDEAN:
        return np.sqrt(total)
    return 0.5 * total if metric == _COSINE else total


@inner
def sum_of(distance, metric):
    """The sum over the coordinates that has this distance: below it is what has to stay below the distance."""
    if metric == _EUCLIDEAN:
        return distance * distance
    return 2.0 * distance if metric == _COSINE else distance


@inner
def sum_of_norm(norm, metric):
    """The sum over the coordinates that has this norm."""
    return norm * norm if metric in (_EUCLIDEAN, _COSINE) else norm


@inner
def shared_term(a, b, metric):
    """What a coordinate that two sparse rows share, ``a`` and ``b`` there, contributes, see ``sum_of_pair``."""
    return abs(a - b) - abs(a) - abs(b) if metric == _MANHATTAN else a * b


@inner
def sum_of_pair(sum_a, sum_b, shared, metric):
    """The sum of the difference of two rows, by their own sums and that of the terms they share."""
    return max(0.0, sum_a + sum_b + shared if metric == _MANHATTAN else sum_a + sum_b - 2.0 * shared)


@inner
def aim(start, end, norm, metric, direction):
    """``direction`` (d,) from ``start`` to ``end``, whose difference has this norm, with |<x, direction>| <= norm of x.

    False where they are the same.
    """
    if norm == 0.0:
        return False
    if metric == _CHEBYSHEV:
        _aim_along_one(start, end, direction)
        return True
    for k in range(len(start)):
        difference = end[k] - start[k]
        direction[k] = np.sign(difference) if metric == _MANHATTAN else difference / norm
    return True


@inner
def _aim_along_one(start, end, direction):
    """Along the coordinate in which they differ most."""
    most = 0
    for k in range(len(start)):
        direction[k] = 0.0
        if abs(end[k] - start[k]) > abs(end[most] - start[most]):
            most = k
    direction[most] = np.sign(end[most] - start[most])


@inner
def distance_of_norm(norm, metric):
    """The distance of the metric where a difference has this norm."""
    return 0.5 * norm * norm if metric == _COSINE else norm


@inner
def reach_of(distance, offset, metric):
    """A candidate whose norm from the cell's centre is at least this is no closer than ``distance``.

    One quantum more than the triangle inequality asks for covers rounding.
    """
    if metric == _COSINE:  # 1 - cos = ||u - v||^2 / 2 for unit vectors
        return (np.sqrt(2.0 * distance + 2.0) + offset) * (1.0 + 1e-12)
    return (distance + offset + 1.0) * (1.0 + 1e-12)
