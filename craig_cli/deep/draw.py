"""Strata of equal influence at gradients that a network handed over, class by class.

    mass_i = ||g_i|| + floor_i,     P(i is drawn) = p_i = mass_i / (mass of its stratum),     weight 1 / p_i

as in selection/algorithms/strata.py, but the rows stay in the precision they came in: beyond NARROW columns only their
random-sign sketch (Johnson and Lindenstrauss) is cut into strata, and norms are taken of the whole rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from craig_cli.jit import njit
from craig_cli.selection.algorithms.strata import FLOOR, Strata
from craig_cli.selection.quotas import class_quotas

NARROW = 128  # columns that are cut as they are
SKETCH = 64  # columns of the sketch of wider rows
CHUNK = 1 << 22  # numbers that are looked at together


@dataclass(frozen=True)
class Draw:
    """One row of each stratum, class after class.

    rows     (r,) int64
    weights  (r,) float64: 1 / p of each, in each class by their mean so that they sum to its size
    sizes    (k,) int64 rows drawn from each class
    stratum  (n,) int64 index in ``rows`` of the row that stands for each row
    """

    rows: np.ndarray
    weights: np.ndarray
    sizes: np.ndarray
    stratum: np.ndarray


@dataclass(frozen=True)
class _Rows:
    multiplicity: np.ndarray


def chunks(vectors: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """(which rows, those rows (m, q) in float32 at least) of all ``vectors`` (n, q), some at a time."""
    step = max(1, CHUNK // vectors.shape[1])
    for start in range(0, len(vectors), step):
        rows = slice(start, start + step)
        yield rows, widened(vectors[rows])


def widened(vectors: np.ndarray) -> np.ndarray:
    """``vectors`` in float32, or as they are in float64. numpy takes ten times as long for float16."""
    if vectors.dtype != np.float16:
        return vectors.astype(np.float64 if vectors.dtype == np.float64 else np.float32, copy=False)
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)
    wide = np.empty(vectors.shape, dtype=np.float32)
    _look_up(every, np.ascontiguousarray(vectors).view(np.uint16).reshape(-1), wide.reshape(-1))
    return wide


@njit
def _look_up(table, indices, values):
    for t in range(len(indices)):
        values[t] = table[indices[t]]


def norms(vectors: np.ndarray) -> np.ndarray:
    """(n,) float64 Euclidean norms; nan or inf where a row has one."""
    squares = np.empty(len(vectors))
    for rows, part in chunks(vectors):
        squares[rows] = np.einsum("ij,ij->i", part, part)
    return np.sqrt(squares)


def narrowed(vectors: np.ndarray, seed: int = 0) -> np.ndarray:
    """The rows, or beyond NARROW columns their sketch, in the precision they have (float32 at least)."""
    if vectors.shape[1] <= NARROW:
        return vectors
    signs = np.random.default_rng(seed).choice((-1.0, 1.0), (vectors.shape[1], SKETCH)) / np.sqrt(SKETCH)
    sketch = np.empty((len(vectors), SKETCH), dtype=np.float64 if vectors.dtype == np.float64 else np.float32)
    for rows, part in chunks(vectors):
        sketch[rows] = part @ signs.astype(part.dtype)
    return sketch


def influence_masses(lengths: np.ndarray, stale: np.ndarray | float = 0.0) -> np.ndarray:
    """(n,) float64 mass of rows with gradients of such ``lengths`` (n,), which were missed ``stale`` (n,) times.

    Half the mean length is added to each, so that nothing is ever out of reach, and as much again for each time a row
    was missed: a length from long ago says little.
    """
    mean = float(lengths.mean())
    return lengths + (FLOOR * mean if mean > 0.0 else 1.0) * (1.0 + stale)


def draw_strata(
    vectors: np.ndarray,
    mass: np.ndarray,
    codes: np.ndarray,
    size: int,
    generator: np.random.Generator,
    multiplicity: np.ndarray | None = None,
) -> Draw:
    """Draw ``size`` rows, from each class in proportion to its mass.

    vectors  (n, q) floats, from ``narrowed``
    mass     (n,) float64 > 0
    codes    (n,) int64, the class of each row, 0 .. k - 1, none of them empty
    multiplicity  (n,) float64, how many rows each stands for; None: one

    Raises UsageError where there are more classes than rows to draw.
    """
    counts = np.bincount(codes)
    quotas = class_quotas(np.bincount(codes, weights=mass), size, counts)
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(counts)
    rows, weights = [], []
    stratum = np.empty(len(codes), dtype=np.int64)
    begin = 0
    for end, count, quota in zip(ends, counts, quotas):
        members = order[end - count : end]
        part = vectors[members].astype(np.float64, copy=False)  # the kernels know no other precision
        rows_of = _Rows(np.ones(count) if multiplicity is None else multiplicity[members])
        strata = Strata(part, mass[members], rows_of, generator)
        strata.extend(int(quota))
        rows.append(members[strata.picks])
        weights.append(strata.weights)
        stratum[members] = begin + strata.assignment
        begin += int(quota)
    return Draw(np.concatenate(rows), np.concatenate(weights), quotas, stratum)
