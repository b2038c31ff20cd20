"""Cells: groups of nearby rows, stored so that one candidate meets a whole cell in a few vector instructions.

Rows are split in two along their main direction, again and again, until at most WIDTH are left. A cell keeps its
rows transposed, ``block[k, p]`` = coordinate k of its p-th row, so a loop over p is a loop over contiguous memory and
every distance is summed in the same order of coordinates, whoever asks for it. By the triangle inequality no row i of
a cell with centre p is closer to a candidate e than  d(p, e) - d(i, p). Coordinates are ordered by falling variance:
after the first few, most cells that hold nothing near are known not to.

Distances are rounded to whole quanta (a power of two, about 2^-52 of the largest total): sums of them are then exact
in float64 in any order, so ties are real ties and neither skipping nor threads can change a pick.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from craig_cli import jit
from craig_cli.jit import inner, njit
from craig_cli.selection.distances.bisection import split
from craig_cli.selection.distances.metrics import (
    Metric,
    add_term,
    block_quanta,
    diameter_bound,
    norm_of,
    quantum_for,
)
from craig_cli.selection.distances.simd import WIDTH

FEW = 100_000  # numbers that one thread may as well arrange


@dataclass(frozen=True)
class Cells:
    """Rows arranged in cells; all coordinates are in units in which one quantum of distance is 1.

    order    (n,) int64, position -> row: the rows of cell c are order[c * WIDTH : (c + 1) * WIDTH]
    rows     (n, d) float64, the rows by position
    blocks   (c, d, WIDTH) float64, the same transposed; the last cell is filled up with copies of its last row
    centres  (c', d, WIDTH) float64, the centres of the cells in blocks of WIDTH, likewise
    offsets  (c * WIDTH,) float64, the norm that pruning goes by from each position to its cell's centre
    quantum  the distance that 1 stands for, a power of two
    diameter no two rows are farther apart, in the units of the rows
    """

    order: np.ndarray
    rows: np.ndarray
    blocks: np.ndarray
    centres: np.ndarray
    offsets: np.ndarray
    quantum: float
    metric: Metric
    diameter: float

    def fill_distances(self, begin: int, end: int, scale: float, matrix: np.ndarray) -> None:
        """matrix[i, j] = distance of positions begin + i and begin + j < end, in whole units of quantum / ``scale``.

        ``begin`` is the start of a cell; ``matrix`` (>= end - begin rounded up to WIDTH, square) float32.
        """
        _fill(self.rows, self.blocks, self.metric.code, begin, end, scale, matrix)


@dataclass(frozen=True)
class Ruler:
    """In what distances are measured: that of all rows serves for some of them, so that their distances compare.

    diameter  no two rows are farther apart; quantum: the distance that 1 stands for, a power of two
    columns   (d,) int64, the order in which coordinates are summed, by falling variance
    """

    metric: Metric
    diameter: float
    quantum: float
    columns: np.ndarray

    @property
    def factor(self) -> float:
        """What coordinates are multiplied by."""
        return 1.0 / self.metric.unit(self.quantum)


def ruler_of(rows: np.ndarray, metric: Metric, total: float) -> Ruler:
    """The ruler of ``rows`` (n, d) whose multiplicities sum to ``total``."""
    diameter = diameter_bound(rows, metric)
    return Ruler(metric, diameter, quantum_for(diameter, metric, total), widest_first(rows))


def widest_first(rows: np.ndarray) -> np.ndarray:
    """(d,) int64, the columns of ``rows`` (n, d) by falling variance."""
    return np.argsort(-_variances(rows), kind="stable")


def build_cells(
    source: np.ndarray | Callable[[], np.ndarray],
    metric: Metric,
    total: float,
    block: int | None = None,
    ruler: Ruler | None = None,
    order: np.ndarray | None = None,
) -> Cells:
    """Arrange rows (n, d) float64 in cells. ``total`` is the sum of the multiplicities.

    ``source`` has the rows, prepared for the metric already, or makes them: what it made is let go of half way. With
    ``block``, a multiple of WIDTH, each run of that many rows is a group of nearby rows as well, so that cells lie
    within blocks. ``ruler`` is that of the rows that these are some of, ``order`` (n,) that of cells of the same rows
    before.
    """
    rows = np.ascontiguousarray(source() if callable(source) else source, dtype=np.float64)
    ruler = ruler or ruler_of(rows, metric, total)
    order = split(rows, WIDTH, block or WIDTH) if order is None else order
    rows = rows.take(order, axis=0)
    n_rows, n_features = rows.shape
    n_cells = -(-n_rows // WIDTH)
    blocks = np.empty((n_cells, n_features, WIDTH))
    centres = np.zeros((-(-n_cells // WIDTH), n_features, WIDTH))
    offsets = np.zeros(n_cells * WIDTH)
    worth = rows.size // FEW  # threads: one takes less time to do a little than to start another
    jit.in_threads(_arrange, rows, ruler.columns, ruler.factor, metric.code, blocks, centres, offsets, most=worth)
    return Cells(order, rows, blocks, centres, offsets, ruler.quantum, metric, ruler.diameter)


def _variances(rows: np.ndarray) -> np.ndarray:
    """(d,) variance of each column, a piece at a time: no copy of the rows."""
    mean = rows.mean(axis=0)
    total = np.zeros(rows.shape[1])
    for start in range(0, len(rows), 8192):
        total += np.square(rows[start : start + 8192] - mean).sum(axis=0)
    return total / len(rows)


@njit
def _arrange(thread, threads, rows, columns, unit, metric, blocks, centres, offsets):
    """The columns of the rows in order and in the unit, in place; transposed cell by cell, with centres and offsets."""
    n_rows, n_features = rows.shape
    before = np.empty(n_features)
    for c in range(thread, len(blocks), threads):
        first = c * WIDTH
        count = min(WIDTH, n_rows - first)
        for p in range(count):
            row = rows[first + p]
            before[:] = row
            for k in range(n_features):
                row[k] = before[columns[k]] * unit
        for k in range(n_features):
            total = 0.0
            for p in range(WIDTH):
                value = rows[first + min(p, count - 1), k]
                blocks[c, k, p] = value
                if p < count:
                    total += value
            centres[c // WIDTH, k, c % WIDTH] = total / count
        for p in range(WIDTH):
            total = 0.0
            for k in range(n_features):
                total = add_term(total, blocks[c, k, p] - centres[c // WIDTH, k, c % WIDTH], metric)
            offsets[first + p] = norm_of(total, metric)


@njit
def _fill(rows, blocks, metric, begin, end, scale, matrix):
    first_cell = begin // WIDTH
    n_cells = (end - begin + WIDTH - 1) // WIDTH
    quanta = np.empty(WIDTH)
    for a in range(n_cells):
        for b in range(a, n_cells):
            for e in range(a * WIDTH, min((a + 1) * WIDTH, end - begin)):
                block_quanta(blocks[first_cell + b], rows[begin + e], metric, quanta)
                cells = matrix[e, b * WIDTH : (b + 1) * WIDTH]
                for p in range(WIDTH):
                    cells[p] = np.float32(np.rint(quanta[p] * scale))
    mirror(matrix, end - begin)


@inner
def mirror(matrix, size):
    """Fill the tiles below the diagonal from those above, in pieces that fit the cache."""
    for a in range(0, size, WIDTH):
        for b in range(a + WIDTH, size, WIDTH):
            for i in range(a, min(a + WIDTH, size)):
                for j in range(b, min(b + WIDTH, size)):
                    matrix[j, i] = matrix[i, j]
