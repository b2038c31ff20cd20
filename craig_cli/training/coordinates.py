"""The coordinates an optimizer works in: an affine change of variables that leaves the objective as it is.

Incremental gradient needs a number of steps that grows with the condition of the problem, and raw columns
(elevation in metres beside 0/1 flags) make it 10^10. So the optimizers see, for the row x,

    x' = R^T ((x - shift) * factor) / spread,        w' = spread * R^T w

with which <w, (x - shift) * factor> = <w', x'>, and l2/2 ||w||^2 becomes 1/2 sum_k (l2 / spread_k^2) w'_k^2:
the same function of the same model, only its level sets are rounder. ``factor`` is what the user asked for
(``--scale``, in whose units the penalty is measured); R and spread are ours:

none      R = I, spread = 1: the coordinates of the paper
diagonal  R = I, spread_k^2 = (mean square of column k + l2/L) / sqrt(p_k), p_k the share of rows where it is
          not zero: halfway to making rare columns as wide as common ones, which makes their rows too long
full      R the principal directions of the rows, spread_k^2 = variance along the k-th + l2/L. R is
          orthogonal, so the penalty stays a sum over coordinates and costs a step nothing extra

The shift is absorbed by the intercept; without an intercept, or where it would fill a sparse matrix, there
is none. Everything is computed in kernels of our own, since the sums of a BLAS differ with its number of
threads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from craig_cli.jit import inner, njit
from craig_cli.training.objective import map_blocks
from craig_cli.training.rows import span

MOST_COLUMNS_FULL = 200
_MOST_BYTES_DENSE = 2 << 30
_SMALLEST_SPREAD = 1e-12  # of the largest: what is less is rounding


@dataclass(frozen=True)
class Coordinates:
    """shift, factor, spread (d,) float64; rotation (d, d) with the directions as columns, or None for R = I.

    ``origin`` (d,) is the shift of ``--scale``, which the user's own intercept speaks of.
    """

    kind: str
    origin: np.ndarray
    shift: np.ndarray
    factor: np.ndarray
    spread: np.ndarray
    rotation: np.ndarray | None = None

    def inside(self, coef: np.ndarray, intercept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Raw (k, d) and (k,) -> the same model in these coordinates."""
        scaled = coef / self.factor
        rotated = scaled if self.rotation is None else _multiply(scaled, self.rotation)
        return rotated * self.spread, intercept + (coef * self.shift).sum(axis=1)

    def raw(self, coef: np.ndarray, intercept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The inverse of ``inside``."""
        rotated = coef / self.spread
        scaled = rotated if self.rotation is None else _multiply(rotated, self.rotation.T)
        raw = scaled * self.factor
        return raw, intercept - (raw * self.shift).sum(axis=1)


def choose(kind: str, dense: bool, n_rows: int, n_columns: int) -> str:
    """What "auto" stands for: full up to 200 columns (sparse data is small then as well), else diagonal."""
    if kind != "auto":
        return kind
    fits = n_columns <= MOST_COLUMNS_FULL and (dense or 8 * n_rows * (n_columns + 1) <= _MOST_BYTES_DENSE)
    return "full" if fits else "diagonal"


def fit_coordinates(kind: str, rows, gamma, scaling, intercept: bool, floor: float, threads: int) -> Coordinates:
    """Coordinates ``kind`` (not "auto") for the raw ``rows`` (data, indices, indptr, n_columns).

    ``floor`` is l2/L: a direction in which the data varies less than that is governed by the penalty.
    """
    data, indices, indptr, n_columns = rows
    ones, zeros = np.ones(n_columns), np.zeros(n_columns)
    factor = ones if scaling.factor is None else scaling.factor
    origin = shift = zeros if scaling.shift is None or indices is not None else scaling.shift
    if kind == "none":
        return Coordinates(kind, origin, shift, factor, ones)
    n_rows = len(gamma)
    if intercept and (indices is None or kind == "full"):

        def block_mean(start, stop):
            total = np.zeros(n_columns)
            _add_rows(data, indices, indptr, gamma, start, stop, total)
            return total

        shift = np.add.reduce(map_blocks(block_mean, n_rows, threads)) / n_rows

    if kind == "diagonal":

        def block_variance(start, stop):
            total = np.zeros(n_columns)
            _add_squares(data, indices, indptr, gamma, start, stop, shift, factor, total)
            return total

        variance = np.add.reduce(map_blocks(block_variance, n_rows, threads)) / n_rows
        spread = _spread(variance, floor)
        if indices is not None:
            share = np.bincount(indices, minlength=n_columns) / n_rows
            spread /= np.maximum(share, 1.0 / n_rows) ** 0.25
        return Coordinates(kind, origin, shift, factor, spread)

    def block_moment(start, stop):
        total = np.zeros((n_columns, n_columns))
        scratch = np.empty(n_columns)
        _add_products(data, indices, indptr, gamma, start, stop, shift, factor, total, scratch)
        return total

    moment = np.add.reduce(map_blocks(block_moment, n_rows, threads)) / n_rows
    directions = np.eye(n_columns)
    _diagonalise(moment, directions)
    variance, rotation = np.diag(moment), np.ascontiguousarray(directions.T)
    return Coordinates(kind, origin, shift, factor, _spread(variance, floor), rotation)


def full_rows(coordinates: Coordinates, rows, source: np.ndarray, intercept: bool, threads: int) -> np.ndarray:
    """The rows ``source`` in ``coordinates``, dense (m, columns); a last column of ones for the intercept."""
    data, indices, indptr, n_columns = rows
    out = np.zeros((len(source), n_columns + intercept))
    out[:, n_columns:] = 1.0
    matrix = coordinates.rotation / coordinates.spread
    shift, factor = coordinates.shift, coordinates.factor

    def block(start, stop):
        scratch = np.empty(n_columns)
        _rotate(data, indices, indptr, source, start, stop, shift, factor, matrix, out, scratch)

    map_blocks(block, len(source), threads)
    return out


def _spread(variance: np.ndarray, floor: float) -> np.ndarray:
    squares = np.maximum(variance, 0.0) + floor
    largest = squares.max(initial=0.0)
    if largest == 0.0:
        return np.ones_like(squares)
    return np.sqrt(np.maximum(squares, largest * _SMALLEST_SPREAD**2))


def _multiply(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.einsum("ij,jk->ik", left, right)


@inner
def _centred(data, indices, lo, hi, shift, factor, out):
    if indices is None:
        for k in range(out.size):
            out[k] = (data[lo + k] - shift[k]) * factor[k]
    else:
        for k in range(out.size):
            out[k] = -shift[k] * factor[k]
        for position in range(lo, hi):
            k = indices[position]
            out[k] = (data[position] - shift[k]) * factor[k]


@njit
def _add_rows(data, indices, indptr, gamma, start, stop, total):
    for row in range(start, stop):
        lo, hi = span(indices, indptr, row, total.size)
        for position in range(lo, hi):
            k = position - lo if indices is None else indices[position]
            total[k] += gamma[row] * data[position]


@njit
def _add_squares(data, indices, indptr, gamma, start, stop, shift, factor, total):
    """Sparse data has no shift here, so its zeros add nothing."""
    for row in range(start, stop):
        lo, hi = span(indices, indptr, row, shift.size)
        for position in range(lo, hi):
            k = position - lo if indices is None else indices[position]
            centred = (data[position] - shift[k]) * factor[k]
            total[k] += gamma[row] * centred * centred


@njit
def _add_products(data, indices, indptr, gamma, start, stop, shift, factor, total, centred):
    size = shift.size
    for row in range(start, stop):
        lo, hi = span(indices, indptr, row, size)
        _centred(data, indices, lo, hi, shift, factor, centred)
        for i in range(size):
            scale = gamma[row] * centred[i]
            if scale != 0.0:
                for j in range(i + 1):
                    total[i, j] += scale * centred[j]
    for i in range(size):
        for j in range(i):
            total[j, i] = total[i, j]


@njit
def _rotate(data, indices, indptr, source, start, stop, shift, factor, matrix, out, centred):
    """``out`` starts as zeros, with its column of ones."""
    size = shift.size
    for row in range(start, stop):
        lo, hi = span(indices, indptr, source[row], size)
        _centred(data, indices, lo, hi, shift, factor, centred)
        for i in range(size):
            scale = centred[i]
            if scale != 0.0:
                for j in range(size):
                    out[row, j] += scale * matrix[i, j]


@njit
def _diagonalise(work, vectors):
    """Jacobi's cyclic rotations (Golub and Van Loan, 8.5): the symmetric ``work`` becomes diagonal in place,
    and ``vectors``, at first the identity, gets its eigenvectors as rows.

    An entry counts as 0 by the two diagonal entries it couples, not by the largest, so small variances come
    out right beside columns that are 10^9 times wider (Demmel and Veselic 1992).
    """
    size = work.shape[0]
    for _ in range(30):
        rotations = 0
        for p in range(size):
            for q in range(p + 1, size):
                if abs(work[p, q]) <= 1e-15 * math.sqrt(abs(work[p, p] * work[q, q])):
                    continue
                rotations += 1
                theta = (work[q, q] - work[p, p]) / (2.0 * work[p, q])
                tangent = math.copysign(1.0, theta) / (abs(theta) + math.sqrt(theta * theta + 1.0))
                cosine = 1.0 / math.sqrt(tangent * tangent + 1.0)
                sine = tangent * cosine
                _rotate_rows(work, p, q, cosine, sine)
                for k in range(size):
                    a, b = work[k, p], work[k, q]
                    work[k, p] = cosine * a - sine * b
                    work[k, q] = sine * a + cosine * b
                work[p, q] = 0.0
                work[q, p] = 0.0
                _rotate_rows(vectors, p, q, cosine, sine)
        if rotations == 0:
            break


@inner
def _rotate_rows(matrix, p, q, cosine, sine):
    for k in range(matrix.shape[1]):
        a, b = matrix[p, k], matrix[q, k]
        matrix[p, k] = cosine * a - sine * b
        matrix[q, k] = sine * a + cosine * b
