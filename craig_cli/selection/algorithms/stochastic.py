"""Stochastic greedy ("Lazier than lazy greedy", Mirzasoleiman et al. 2015a).

Each round evaluates only a random sample of the rows that are left and picks the best of it. A sample of
(n / r) ln(1 / delta) rows in each of r rounds gives (1 - 1/e - delta) of the optimum in expectation, at n ln(1 / delta)
gain evaluations in all, whatever r is.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from craig_cli.selection.algorithms import Algorithm, Options, Progress
from craig_cli.selection.algorithms.lazy import coverage
from craig_cli.selection.distances.space import Space

PRESUMED = 0.1  # share of the rows that will be picked, where the number is not known beforehand


class StochasticGreedy:
    """Greedy selection from random samples; ``extend`` adds picks to those there are.

    picks (r,) int64 rows; gains (r,) float64 in the units of the rows, made non-increasing, inf first
    """

    def __init__(self, coverage, quantum: float, generator: np.random.Generator, delta: float):
        self._coverage = coverage
        self._quantum = quantum
        self._generator = generator
        self._delta = delta
        self._left: np.ndarray = np.arange(len(coverage.row_of))
        self._chosen: list[int] = []
        self._gain: list[float] = []

    @property
    def picks(self) -> np.ndarray:
        return self._coverage.row_of[np.array(self._chosen, dtype=np.int64)]

    @property
    def gains(self) -> np.ndarray:
        gains = np.minimum.accumulate(np.array(self._gain)) * self._quantum
        gains[:1] = np.inf
        return gains

    def extend(self, budget: int, min_gain: float = 0.0, progress: Callable[[int], None] | None = None) -> None:
        """Pick until there are ``budget`` picks or the best gain of a sample is below ``min_gain``."""
        n_rows = len(self._coverage.row_of)
        expected = budget if budget < n_rows else max(1, int(PRESUMED * n_rows))
        size = max(1, int(np.ceil(n_rows / expected * np.log(1.0 / self._delta))))
        while len(self._chosen) < min(budget, n_rows):
            sample = self._sample(size)
            if not self._chosen:
                gains = -self._coverage.totals(sample)
            else:
                gains = self._coverage.gains(sample)
            # Of equal gains the lowest row.
            best = int(np.lexsort((self._coverage.row_of[sample], -gains))[0])
            if self._chosen and gains[best] * self._quantum < min_gain:
                return
            self._take(best, float(gains[best]) if self._chosen else np.inf)
            if progress is not None and len(self._chosen) % 64 == 0:
                progress(len(self._chosen))

    def _sample(self, size: int) -> np.ndarray:
        """The first rows of ``_left`` after a few steps of a Fisher-Yates shuffle: a sample without replacement."""
        size = min(size, len(self._left))
        others = self._generator.integers(np.arange(size), len(self._left))
        for slot, other in enumerate(others):
            self._left[slot], self._left[other] = self._left[other], self._left[slot]
        return self._left[:size].copy()

    def _take(self, slot: int, gain: float) -> None:
        position = int(self._left[slot])
        self._left[slot] = self._left[-1]
        self._left = self._left[:-1]
        self._coverage.pick(position)
        self._chosen.append(position)
        self._gain.append(gain)


def begin(space: Space, options: Options, generator: np.random.Generator, progress: Progress) -> StochasticGreedy:
    """What its samples hold is up to ``generator``."""
    return StochasticGreedy(coverage(space), space.arranged.quantum, generator, options.delta)


STOCHASTIC = Algorithm("stochastic", begin, options=("delta",))
