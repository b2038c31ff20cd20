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

from dataclasses import dataclass

import numpy as np

from craig_cli import jit
from craig_cli.errors import DataError
from craig_cli.jit import njit, prefetch
from craig_cli.selection.vectors import (
    WIDTH,
    distances,
    distances_within,
    dot,
    whole_distances,
    whole_distances_within,
)

HALVINGS = 4  # of a large run before its parts go to the threads
LARGE = 100_000  # rows of a run that is worth it
SAMPLE = 256  # rows whose main direction is found from all of them; of more, from every second, third, ...
_AHEAD = 8  # rows between the one that is asked for and the one that is read, which lie all over memory
EUCLIDEAN, COSINE, MANHATTAN = 0, 1, 2
METRIC_CODES = {"euclidean": EUCLIDEAN, "cosine": COSINE, "manhattan": MANHATTAN}


@dataclass(frozen=True)
class Cells:
    """Rows arranged in cells; all coordinates are in units in which one quantum of distance is 1.

    order    (n,) int64, position -> row: the rows of cell c are order[c * WIDTH : (c + 1) * WIDTH]
    rows     (n, d) float64, the rows by position
    blocks   (c, d, WIDTH) float64, the same transposed; the last cell is filled up with copies of its last row
    centres  (c', d, WIDTH) float64, the centres of the cells in blocks of WIDTH, likewise
    offsets  (c * WIDTH,) float64, distance (of the kind that pruning uses) from each position to its cell's centre
    quantum  the distance that 1 stands for, a power of two
    metric   code of the metric
    diameter no two rows are farther apart, in the units of the rows
    """

    order: np.ndarray
    rows: np.ndarray
    blocks: np.ndarray
    centres: np.ndarray
    offsets: np.ndarray
    quantum: float
    metric: int
    diameter: float

    def fill_distances(self, begin: int, end: int, scale: float, matrix: np.ndarray) -> None:
        """matrix[i, j] = distance of positions begin + i and begin + j < end, in whole units of quantum / ``scale``.

        ``begin`` is the start of a cell; ``matrix`` (>= end - begin rounded up to WIDTH, square) float32.
        """
        _fill(self.rows, self.blocks, self.metric, begin, end, scale, matrix)

    def greedy_among(self, rows: np.ndarray, weights: np.ndarray, budget: int) -> tuple[np.ndarray, np.ndarray]:
        """Exact greedy among a few ``rows`` that stand for ``weights``: (places in ``rows``, gains), (budget,)."""
        from craig_cli.selection import lazy

        position = np.empty(len(self.order), dtype=np.int64)
        position[self.order] = np.arange(len(self.order))
        few = build_cells(self.rows[position[rows]], self.metric, float(weights.sum()))
        greedy = lazy.start(few, weights)
        greedy.extend(budget)
        return greedy.picks, greedy.gains * self.quantum


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


def quantum_for(diameter: float, metric: int, total: float) -> float:
    """The grid of distances: a power of two (of four for cosine) such that ``total`` times the diameter stays exact."""
    if diameter == 0.0:
        return 1.0
    if not np.log2(diameter) + np.log2(total) < 1000:
        raise DataError("expected distances that fit in float64, found features too large for that; --scale minmax")
    exponent = int(np.ceil(np.log2(diameter) + np.log2(total) - 51))
    return 2.0 ** (exponent + (exponent % 2 if metric == COSINE else 0))


def build_cells(rows: np.ndarray, metric: int, total: float, block: int | None = None) -> Cells:
    """Arrange ``rows`` (n, d) float64 in cells. ``total`` is the sum of the multiplicities.

    For the cosine metric the rows must be of unit length already. With ``block``, a multiple of WIDTH, each run of
    that many rows is a group of nearby rows as well, so that cells lie within blocks.
    """
    diameter = diameter_bound(rows, metric)
    quantum = quantum_for(diameter, metric, total)
    rows = np.ascontiguousarray(rows, dtype=np.float64)
    order = split(rows, WIDTH, block or WIDTH)
    widest_first = np.argsort(-_variances(rows), kind="stable")
    n_rows, n_features = rows.shape
    n_cells = -(-n_rows // WIDTH)
    scaled = np.empty((n_rows, n_features))
    blocks = np.empty((n_cells, n_features, WIDTH))
    centres = np.zeros((-(-n_cells // WIDTH), n_features, WIDTH))
    offsets = np.zeros(n_cells * WIDTH)
    unit = 1.0 / (np.sqrt(quantum) if metric == COSINE else quantum)
    jit.in_threads(_arrange, rows, order, widest_first, unit, metric == MANHATTAN, scaled, blocks, centres, offsets)
    return Cells(order, scaled, blocks, centres, offsets, quantum, metric, diameter)


def _variances(rows: np.ndarray) -> np.ndarray:
    """(d,) variance of each column, a piece at a time: no copy of the rows."""
    mean = rows.mean(axis=0)
    pieces = range(0, len(rows), 8192)
    return sum(np.square(rows[start : start + 8192] - mean).sum(axis=0) for start in pieces) / len(rows)


def split(rows: np.ndarray, width: int, block: int) -> np.ndarray:
    """Order (n,) int64 of the rows in which each run of ``width``, and each of ``block``, is a group of nearby rows."""
    rows = np.ascontiguousarray(rows, dtype=np.float64)
    order = np.arange(len(rows))
    keys = np.empty(len(rows))
    bounds = np.array([[0, len(rows)]])
    # The first halves one after the other, then each by itself: how a run is split does not depend on the others.
    for _ in range(HALVINGS if len(rows) > LARGE else 0):
        middles = np.empty(len(bounds), dtype=np.int64)
        jit.in_threads(_halve_all, rows, order, keys, bounds, width, block, middles)
        split_up = middles > 0
        bounds = np.stack([bounds[split_up, 0], middles[split_up], bounds[split_up, 1]], axis=1)
        bounds = np.concatenate([bounds[:, :2], bounds[:, 1:]])
    jit.in_threads(_split, rows, order, keys, bounds, width, block)
    return order


@njit
def main_direction(rows, order, start, stop, direction, sample):
    """Principal direction of a sample of the rows, by a few power iterations from the widest coordinate.

    ``sample`` (SAMPLE, d) gets the rows of the sample less their mean: all of them, in order, where they are fewer.
    False where they are all alike.
    """
    n_features = rows.shape[1]
    step = max(1, (stop - start) // (SAMPLE // 2))
    count = 0
    mean = np.zeros(n_features)
    for t in range(start, stop, step):
        row, copy = rows[order[t]], sample[count]
        for k in range(n_features):
            copy[k] = row[k]
            mean[k] += row[k]
        count += 1
    mean /= count
    direction[:] = 0.0
    for s in range(count):
        copy = sample[s]
        for k in range(n_features):
            copy[k] -= mean[k]
            direction[k] += copy[k] * copy[k]
    widest = np.argmax(direction)
    if direction[widest] == 0.0:
        return False
    direction[:] = 0.0
    direction[widest] = 1.0
    following = mean
    for _ in range(4):
        following[:] = 0.0
        for s in range(count):
            copy = sample[s]
            along = dot(copy, direction)
            for k in range(n_features):
                following[k] += along * copy[k]
        norm = 0.0
        for k in range(n_features):
            norm += following[k] * following[k]
        if norm == 0.0:
            return True
        norm = 1.0 / np.sqrt(norm)
        for k in range(n_features):
            direction[k] = following[k] * norm
    return True


@njit
def positions_along(rows, order, start, stop, direction, sample, keys):
    """keys[start:stop] = <row, direction>, up to a constant, for the ``sample`` that ``main_direction`` left."""
    if stop - start < SAMPLE:
        for t in range(start, stop):
            keys[t] = dot(sample[t - start], direction)
        return
    width = rows.shape[1]
    flat = rows.reshape(-1)
    for t in range(start, stop):
        if t + _AHEAD < stop:
            first = order[t + _AHEAD] * width
            for k in range(first, first + width, 8):
                prefetch(flat, k)
            prefetch(flat, first + width - 1)
        keys[t] = dot(rows[order[t]], direction)


@njit
def part_by(pivot, keys, order, low, high):
    """Reorder low .. high by their keys: (end, start), up to end none is above the pivot, from start on none below it.

    What is between them equals the pivot (Hoare).
    """
    i, j = low, high
    while i <= j:
        while keys[i] < pivot:
            i += 1
        while keys[j] > pivot:
            j -= 1
        if i <= j:
            keys[i], keys[j] = keys[j], keys[i]
            order[i], order[j] = order[j], order[i]
            i += 1
            j -= 1
    return j, i


@njit
def select_nth(keys, order, start, stop, nth):
    """Quickselect: afterwards no key before position ``nth`` is larger than one at or behind it."""
    low = start
    high = stop - 1
    while low < high:
        middle = (low + high) >> 1
        a, b, c = keys[low], keys[middle], keys[high]
        pivot = max(min(a, b), min(max(a, b), c))
        j, i = part_by(pivot, keys, order, low, high)
        if nth <= j:
            high = j
        elif nth >= i:
            low = i
        else:
            return


@njit
def _halve(rows, order, keys, start, stop, width, block, direction, sample):
    """Split a run in two along its main direction; where the second half begins, or -1 where the run stays whole."""
    unit = block if stop - start > block else width
    groups = (stop - start + unit - 1) // unit
    if groups <= 1 or not main_direction(rows, order, start, stop, direction, sample):
        return -1
    positions_along(rows, order, start, stop, direction, sample, keys)
    middle = start + (groups // 2) * unit  # whole groups to the left: only the last one is ever short
    select_nth(keys, order, start, stop, middle)
    return middle


@njit
def _halve_all(thread, threads, rows, order, keys, bounds, width, block, middles):
    direction = np.empty(rows.shape[1])
    sample = np.empty((min(SAMPLE, len(rows)), rows.shape[1]))
    for run in range(thread, len(bounds), threads):
        middles[run] = _halve(rows, order, keys, bounds[run, 0], bounds[run, 1], width, block, direction, sample)


@njit
def _split(thread, threads, rows, order, keys, bounds, width, block):
    direction = np.empty(rows.shape[1])
    sample = np.empty((min(SAMPLE, len(rows)), rows.shape[1]))
    for run in range(thread, len(bounds), threads):
        stack = [(bounds[run, 0], bounds[run, 1])]
        while len(stack) > 0:
            start, stop = stack.pop()
            middle = _halve(rows, order, keys, start, stop, width, block, direction, sample)
            if middle >= 0:
                stack.append((middle, stop))
                stack.append((start, middle))


@njit
def _arrange(thread, threads, rows, order, columns, unit, manhattan, scaled, blocks, centres, offsets):
    """The rows in order, their columns too and in the unit, transposed cell by cell, with the centres and offsets."""
    n_rows, n_features = rows.shape
    for c in range(thread, len(blocks), threads):
        first = c * WIDTH
        count = min(WIDTH, n_rows - first)
        for p in range(count):
            for k in range(n_features):
                scaled[first + p, k] = rows[order[first + p], columns[k]] * unit
        for k in range(n_features):
            total = 0.0
            for p in range(WIDTH):
                value = scaled[first + min(p, count - 1), k]
                blocks[c, k, p] = value
                if p < count:
                    total += value
            centres[c // WIDTH, k, c % WIDTH] = total / count
        for p in range(WIDTH):
            distance = 0.0
            for k in range(n_features):
                gap = abs(blocks[c, k, p] - centres[c // WIDTH, k, c % WIDTH])
                distance += gap if manhattan else gap * gap
            offsets[first + p] = distance if manhattan else np.sqrt(distance)


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


@njit
def mirror(matrix, size):
    """Fill the tiles below the diagonal from those above, in pieces that fit the cache."""
    for a in range(0, size, WIDTH):
        for b in range(a + WIDTH, size, WIDTH):
            for i in range(a, min(a + WIDTH, size)):
                for j in range(b, min(b + WIDTH, size)):
                    matrix[j, i] = matrix[i, j]


@njit
def block_distances(block, point, metric, out):
    """Distances from ``point`` (d,) to the WIDTH rows of ``block`` (d, WIDTH), into ``out``.

    Euclidean, or Manhattan for Manhattan: the kind that obeys the triangle inequality.
    """
    distances(block, point, metric == MANHATTAN, out)


@njit
def block_distances_within(block, point, metric, limit, out):
    """As ``block_distances``, but False as soon as no row of the block can be nearer than its limit.

    ``limit`` (WIDTH,) comes from ``limit_of``. The distances are those of ``block_distances``, to the bit.
    """
    return distances_within(block, point, metric == MANHATTAN, limit, out)


@njit
def block_quanta(block, point, metric, out):
    """Distances of the metric from ``point`` (d,) to the rows of ``block`` (d, WIDTH) in whole quanta, into ``out``."""
    if metric == COSINE:
        distances(block, point, False, out)
        _half_squares(out)
    else:
        whole_distances(block, point, metric == MANHATTAN, out)


@njit
def block_quanta_within(block, point, metric, limit, out):
    """As ``block_quanta``, but False as soon as no row of the block can be nearer than its limit."""
    if metric == COSINE:
        near = distances_within(block, point, False, limit, out)
        if near:
            _half_squares(out)
        return near
    return whole_distances_within(block, point, metric == MANHATTAN, limit, out)


@njit
def _half_squares(distance):
    """1 - cos = ||u - v||^2 / 2 for unit vectors, in whole quanta."""
    for p in range(WIDTH):
        distance[p] = np.rint(0.5 * distance[p] * distance[p])


@njit
def limit_of(distance, metric):
    """What a sum over coordinates has to stay below for the distance to be below ``distance`` (quanta)."""
    if metric == EUCLIDEAN:
        return distance * distance
    return 2.0 * distance if metric == COSINE else distance


@njit
def quanta_of(distance, metric):
    """The distance of the metric in whole quanta of a Euclidean (Manhattan) ``distance``."""
    return np.rint(0.5 * distance * distance) if metric == COSINE else np.rint(distance)


@njit
def reach_of(distance, offset, metric):
    """A candidate at least this far from the cell's centre (Euclidean, Manhattan) is no closer than ``distance``.

    One quantum more than the triangle inequality asks for covers rounding.
    """
    if metric == COSINE:  # 1 - cos = ||u - v||^2 / 2 for unit vectors
        return (np.sqrt(2.0 * distance + 2.0) + offset) * (1.0 + 1e-12)
    return (distance + offset + 1.0) * (1.0 + 1e-12)
