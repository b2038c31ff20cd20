"""Strata of equal influence: one random row from each, weighted by the inverse of its probability.

The rows are split in two along the main direction of their vectors, again and again, so that every stratum has the same
total mass, mass_i about ||h_i||. One row of each is drawn with probability p_i = mass_i / (mass of the stratum) and
gets the weight 1 / p_i: every weighted sum over the picks is then an unbiased estimate of the sum over all rows, and
its variance is only what the rows of a stratum do not have in common. Nothing is ever searched for; the cost is
n log r. Each row is assigned to the pick of its stratum, which gives a valid bound as any assignment does (equation 5).

Rows that are to stand for their strata without weights may be the central ones instead: those nearest to the mean.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp

from craig_cli import jit
from craig_cli.jit import inner, njit
from craig_cli.selection.algorithms import Algorithm, Options, Progress
from craig_cli.selection.distances.assignment import assigned_loss
from craig_cli.selection.distances.bisection import (
    HALVINGS,
    SAMPLE,
    main_direction,
    part_by,
    positions_along,
    select_nth,
)
from craig_cli.selection.distances.inverted_index import sketch
from craig_cli.selection.distances.space import Space

LEAST_STRATA = 64  # that are worth more than one thread
LEVERAGE = 1.0  # of the mass by which rows are drawn
FLOOR = 0.5  # times the mean norm, added to every row: bounds the weights, and what a rough model can do wrong


def masses(
    vectors: np.ndarray, multiplicity: np.ndarray, leverage: float = 0.0, mean: float | None = None
) -> np.ndarray:
    """(n,) mass of each row: its norm and a little, times how many rows it stands for.

    leverage  of its squared norm by the mean norm as well: rows that stand alone, as those of a column that few rows
              have, are then drawn almost surely
    mean      norm, where these are some of the rows that it is of
    """
    norms = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    mean = float(norms.mean()) if mean is None else mean
    if mean == 0.0:
        return multiplicity.astype(np.float64)
    return (norms + leverage * norms**2 / mean + FLOOR * mean) * multiplicity


def whole_mass(norms: float, mean: float, multiplicity: float) -> float:
    """The sum of the ``masses`` of rows: of their ``norms`` and ``multiplicity``, both weighted sums, and mean norm."""
    return multiplicity if mean == 0.0 else norms + FLOOR * mean * multiplicity


class Strata:
    """Picks of one row a stratum; ``extend`` cuts as many strata as there are to be picks.

    picks (r,) int64, of which any prefix is spread over all strata; weights (r,) sum to the total multiplicity;
    gains (r,) fall evenly, so that groups interleave in proportion to their picks, inf first; strata: the index of
    each pick's stratum in the tree, in which neighbours can be united, and its mass, both (r,)
    """

    def __init__(
        self, vectors: np.ndarray, mass: np.ndarray, space, generator: np.random.Generator, central: bool = False
    ):
        """vectors (n, q) and mass (n,) > 0 of the rows of ``space``; central: pick what is nearest to each mean."""
        self._space = space
        self._vectors = np.ascontiguousarray(vectors)
        self._mass = mass
        self._multiplicity = space.multiplicity
        self._generator = generator
        self._central = central
        self._nearest = np.empty(0, dtype=np.int64)
        self.picks = np.empty(0, dtype=np.int64)
        self.weights = np.empty(0)
        self.strata = np.empty(0, dtype=np.int64), np.empty(0)

    @property
    def gains(self) -> np.ndarray:
        return even_gains(len(self.picks))

    @property
    def assignment(self) -> np.ndarray:
        """(n,) int64 index in ``picks`` of the pick of each row's stratum."""
        return self._nearest

    def extend(self, budget: int, min_gain: float = 0.0, progress: Callable[[int], None] | None = None) -> None:
        """Cut ``budget`` strata and draw a row of each."""
        order = np.arange(len(self._vectors))
        strata = stratify(self._vectors, self._mass, order, budget)
        chance = self._generator.random(budget)
        picks = np.empty(budget, dtype=np.int64)
        weights = np.empty(budget)
        _draw(strata, order, self._mass, self._multiplicity, chance, picks, weights)
        if self._central:
            _nearest_to_means(self._vectors, self._multiplicity, strata, order, picks)
        weights *= self._multiplicity.sum() / weights.sum()
        spread = spread_evenly(budget)
        self.picks, self.weights = picks[spread], weights[spread]
        self.strata = spread, np.add.reduceat(self._mass[order], strata[:, 0])[spread]
        pick_of = np.empty(budget, dtype=np.int64)
        pick_of[spread] = np.arange(budget)
        self._nearest = np.empty(len(order), dtype=np.int64)
        self._nearest[order] = np.repeat(pick_of, np.diff(strata, axis=1).ravel())

    def assign(self, picks: np.ndarray, constants: np.ndarray, grid: float) -> tuple[np.ndarray, np.ndarray]:
        """(nearest, loss) as ``assignment.assign``, each row's to its stratum's pick; any prefix has the whole loss."""
        arrangement = self._space.arrangement
        whole = assigned_loss(arrangement.rows, arrangement.metric, picks[self._nearest], constants, grid)
        return self._nearest, np.full(len(picks), whole)


@njit
def _draw(strata, order, mass, multiplicity, chance, picks, weights):
    for stratum in range(len(strata)):
        start, stop = strata[stratum]
        total = 0.0
        for t in range(start, stop):
            total += mass[order[t]]
        left = chance[stratum] * total
        row = order[stop - 1]
        for t in range(start, stop):
            left -= mass[order[t]]
            if left < 0.0:
                row = order[t]
                break
        picks[stratum] = row
        weights[stratum] = multiplicity[row] * total / mass[row]


@njit
def _nearest_to_means(vectors, multiplicity, strata, order, picks):
    """The row of each stratum that is nearest to the stratum's mean, of equals the lowest."""
    mean = np.empty(vectors.shape[1])
    for stratum in range(len(strata)):
        start, stop = strata[stratum]
        mean[:] = 0.0
        total = 0.0
        for row in order[start:stop]:
            total += multiplicity[row]
            for k in range(len(mean)):
                mean[k] += multiplicity[row] * vectors[row, k]
        least = np.inf
        for row in order[start:stop]:
            distance = 0.0
            for k in range(len(mean)):
                distance += (vectors[row, k] - mean[k] / total) ** 2
            if distance < least or (distance == least and row < picks[stratum]):
                least = distance
                picks[stratum] = row


def even_gains(size: int) -> np.ndarray:
    """(size,) falling evenly, inf first."""
    gains = 1.0 - np.arange(size) / max(1, size)
    gains[:1] = np.inf
    return gains


def spread_evenly(size: int) -> np.ndarray:
    """0 .. size - 1 in an order whose prefixes are spread evenly (van der Corput)."""
    bits = max(1, int(size - 1).bit_length())
    numbers = np.arange(1 << bits)
    reverse = np.zeros_like(numbers)
    for bit in range(bits):
        reverse |= ((numbers >> bit) & 1) << (bits - 1 - bit)
    return reverse[reverse < size]


def stratify(vectors: np.ndarray, mass: np.ndarray, order: np.ndarray, size: int) -> np.ndarray:
    """(size, 2) starts and stops, in ``order``, of strata of about equal mass; every stratum has a row."""
    keys = np.empty(len(order))
    runs = np.array([[0, len(order), 0, size]])  # start, stop, first stratum, strata
    # The first halves one after the other, then each by itself: how a run is cut does not depend on the others.
    for _ in range(HALVINGS if size >= LEAST_STRATA else 0):
        middles = np.empty(len(runs), dtype=np.int64)
        jit.in_threads(_cut_all, vectors, mass, order, keys, runs, middles)
        start, stop, first, parts = runs.T
        left = parts // 2
        runs = np.concatenate([
            np.column_stack([start, middles, first, left]), np.column_stack([middles, stop, first + left, parts - left])
        ])  # fmt: skip
    strata = np.empty((size, 2), dtype=np.int64)
    jit.in_threads(_cut_up, vectors, mass, order, keys, runs, strata)
    return strata


@njit
def _cut_all(thread, threads, vectors, mass, order, keys, runs, middles):
    direction = np.empty(vectors.shape[1])
    sample = np.empty((min(SAMPLE, len(vectors)), vectors.shape[1]))
    for run in range(thread, len(runs), threads):
        start, stop, _, parts = runs[run]
        middles[run] = _cut(vectors, mass, order, keys, start, stop, parts, direction, sample)


@njit
def _cut_up(thread, threads, vectors, mass, order, keys, runs, strata):
    direction = np.empty(vectors.shape[1])
    sample = np.empty((min(SAMPLE, len(vectors)), vectors.shape[1]))
    for run in range(thread, len(runs), threads):
        stack = [(runs[run, 0], runs[run, 1], runs[run, 2], runs[run, 3])]
        while len(stack) > 0:
            start, stop, first, parts = stack.pop()
            if parts == 1:
                strata[first, 0] = start
                strata[first, 1] = stop
                continue
            left = parts // 2
            middle = _cut(vectors, mass, order, keys, start, stop, parts, direction, sample)
            stack.append((middle, stop, first + left, parts - left))
            stack.append((start, middle, first, left))


@inner
def _cut(vectors, mass, order, keys, start, stop, parts, direction, sample):
    """Where to cut a run that is to become ``parts`` strata, parts // 2 of them to the left; reorders it."""
    total = 0.0
    for t in range(start, stop):
        total += mass[order[t]]
    left = parts // 2
    if main_direction(vectors, order, start, stop, direction, sample):
        positions_along(vectors, order, start, stop, direction, sample, keys)
    else:
        keys[start:stop] = 0.0  # all alike: cut by mass alone
    middle = _split_mass(keys, order, mass, start, stop, total * left / parts)
    # A part needs as many rows as it gets strata.
    middle = min(max(middle, start + left), stop - (parts - left))
    _settle(keys, order, start, stop, middle)
    return middle


@inner
def _settle(keys, order, start, stop, middle):
    if start < middle < stop:
        select_nth(keys, order, start, stop, middle)


@inner
def _split_mass(keys, order, mass, start, stop, target):
    """Reorder so that the rows before the returned position have the lower keys and about ``target`` mass."""
    low = start
    high = stop - 1
    before = 0.0
    while low < high:
        pivot = keys[(low + high) >> 1]
        j, i = part_by(pivot, keys, order, low, high)
        lower = 0.0
        for t in range(low, j + 1):
            lower += mass[order[t]]
        if before + lower > target:
            high = j
            continue
        before += lower
        for t in range(j + 1, i):  # what equals the pivot, in the middle
            if before >= target:
                return t
            before += mass[order[t]]
        if before >= target:
            return i
        low = i
    return low


def begin(space: Space, options: Options, generator: np.random.Generator, progress: Progress) -> Strata:
    """One row, random or the most central, from each of as many strata as there are picks."""
    if space.vectors is not None:
        return at_vectors(space, generator)
    rows = space.arrangement.rows
    vectors = sketch(rows) if sp.issparse(rows) else rows
    return Strata(vectors, space.multiplicity, space, generator, options.central)


def at_vectors(space: Space, generator: np.random.Generator) -> Strata:
    """The same of strata of equal mass by the vectors of the ``space``."""
    assert space.vectors is not None
    vectors = space.vectors()
    return Strata(vectors, masses(vectors, space.multiplicity, LEVERAGE), space, generator)


STRATA = Algorithm("strata", begin, greedy=False, influence=True)
