"""The metrics: what each is to kernels, and whatever it means besides its sum over the coordinates.

euclidean   d = sqrt(sum_k (x_k - y_k)^2)
cosine      d = 1 - <x, y> of rows of unit length  =  sum_k (x_k - y_k)^2 / 2
manhattan   d = sum_k |x_k - y_k|

Pruning goes by a norm, which obeys the triangle inequality. It is the distance itself, but for cosine, where it is that
of the difference of the unit rows. Vector code (simd.py) sums the terms that are written here and knows no more of a
metric. A new one is its record here, its terms and its branches in the kernels below, and its name in the registry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from craig_cli.errors import DataError
from craig_cli.jit import inner
from craig_cli.registry import METRICS, load
from craig_cli.selection.distances import simd
from craig_cli.selection.distances.simd import WIDTH

# Kernels take the metric as one of these numbers: numba caches an if/elif, but no function as an argument.
_EUCLIDEAN, _COSINE, _MANHATTAN = range(3)


@dataclass(frozen=True)
class Metric:
    """A metric: all that is particular to it, but for its branch in the kernels below.

    name              as registered; code: its number in kernels
    sums              differences (n, d) float64 -> the sum over the coordinates of each, (n,)
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


def _squares(differences: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", differences, differences)


def _sizes(differences: np.ndarray) -> np.ndarray:
    return np.abs(differences).sum(axis=1)


def _add_square(builder, total, value, coordinate):
    """As ``add_term`` in vector code, see ``simd.sums_of``."""
    difference = builder.fsub(value, coordinate)
    return simd.add_product(builder, total, difference, difference)


def _add_absolute(builder, total, value, coordinate):
    return builder.fadd(total, _size(builder, builder.fsub(value, coordinate)))


def _size(builder, difference):
    opposite = builder.fneg(difference)
    return builder.select(builder.fcmp_ordered(">", difference, opposite), difference, opposite)


_roots, _whole_roots, _roots_within, _whole_roots_within = simd.sums_of(_add_square, root=True)
_absolutes, _whole_absolutes, _absolutes_within, _whole_absolutes_within = simd.sums_of(_add_absolute)


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


EUCLIDEAN = Metric("euclidean", _EUCLIDEAN, _squares, lambda largest: 2.0 * float(np.sqrt(largest)), euclidean=_once)
COSINE = Metric("cosine", _COSINE, _squares, _twice, prepare=_unit_rows, squared=True)
MANHATTAN = Metric("manhattan", _MANHATTAN, _sizes, _twice, euclidean=_once)


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
    return total + abs(difference) if metric == _MANHATTAN else total + difference * difference


@inner
def norm_of(total, metric):
    """The norm that pruning goes by of a whole sum."""
    return total if metric == _MANHATTAN else np.sqrt(total)


@inner
def distance_of(total, metric):
    """The distance of a whole sum."""
    if metric == _MANHATTAN:
        return total
    return 0.5 * total if metric == _COSINE else np.sqrt(total)


@inner
def sum_of(distance, metric):
    """The sum over the coordinates that has this distance: below it is what has to stay below the distance."""
    if metric == _EUCLIDEAN:
        return distance * distance
    return 2.0 * distance if metric == _COSINE else distance


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
    for k in range(len(start)):
        difference = end[k] - start[k]
        direction[k] = np.sign(difference) if metric == _MANHATTAN else difference / norm
    return True


@inner
def block_norms(block, point, metric, out):
    """Norms of the differences of ``point`` (d,) and the WIDTH rows of ``block`` (d, WIDTH), into ``out``."""
    if metric == _MANHATTAN:
        _absolutes(block, point, out)
    else:
        _roots(block, point, out)


@inner
def block_norms_within(block, point, metric, limit, out):
    """As ``block_norms``, but False as soon as no row of the block can be nearer than its limit.

    ``limit`` (WIDTH,) comes from ``sum_of``. The norms are those of ``block_norms``, to the bit.
    """
    if metric == _MANHATTAN:
        return _absolutes_within(block, point, out, limit)
    return _roots_within(block, point, out, limit)


@inner
def block_quanta(block, point, metric, out):
    """Distances of the metric from ``point`` (d,) to the rows of ``block`` (d, WIDTH) in whole quanta, into ``out``."""
    if metric == _MANHATTAN:
        _whole_absolutes(block, point, out)
    elif metric == _COSINE:
        _roots(block, point, out)
        _half_squares(out)
    else:
        _whole_roots(block, point, out)


@inner
def block_quanta_within(block, point, metric, limit, out):
    """As ``block_quanta``, but False as soon as no row of the block can be nearer than its limit."""
    if metric == _MANHATTAN:
        return _whole_absolutes_within(block, point, out, limit)
    if metric == _COSINE:
        near = _roots_within(block, point, out, limit)
        if near:
            _half_squares(out)
        return near
    return _whole_roots_within(block, point, out, limit)


@inner
def distance_of_norm(norm, metric):
    """The distance of the metric where a difference has this norm."""
    return 0.5 * norm * norm if metric == _COSINE else norm


@inner
def _half_squares(norms):
    for p in range(WIDTH):
        norms[p] = np.rint(distance_of_norm(norms[p], _COSINE))


@inner
def reach_of(distance, offset, metric):
    """A candidate whose norm from the cell's centre is at least this is no closer than ``distance``.

    One quantum more than the triangle inequality asks for covers rounding.
    """
    if metric == _COSINE:  # 1 - cos = ||u - v||^2 / 2 for unit vectors
        return (np.sqrt(2.0 * distance + 2.0) + offset) * (1.0 + 1e-12)
    return (distance + offset + 1.0) * (1.0 + 1e-12)
