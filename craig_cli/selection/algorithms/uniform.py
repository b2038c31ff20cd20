"""The baselines: uniform random rows, in random order, of each class (every element weighs n_c / r_c) or of all the
data (n / r). Rows that count several times weigh in proportion, so that a weighted sum is that of all rows on average.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from craig_cli.selection.algorithms import Algorithm, Options, Progress
from craig_cli.selection.distances.space import Space


class RandomOrder:
    """A random order of the rows; ``picks`` are its first ones, and nothing is gained by any of them."""

    def __init__(self, multiplicity: np.ndarray, generator: np.random.Generator):
        self._order = generator.permutation(len(multiplicity))
        self._multiplicity = multiplicity
        self._size = 1

    @property
    def weights(self) -> np.ndarray:
        """(r,) multiplicities, scaled to the sum of all of them: n / r where they are 1."""
        picked = self._multiplicity[self.picks]
        return picked * (self._multiplicity.sum() / picked.sum())

    @property
    def picks(self) -> np.ndarray:
        return self._order[: self._size]

    @property
    def gains(self) -> np.ndarray:
        # Falling in step with the share of the group that is picked, so that groups interleave evenly.
        gains = 1.0 / np.arange(1, self._size + 1) - 1.0 / len(self._order)
        gains[0] = np.inf
        return gains

    def extend(self, budget: int, min_gain: float = 0.0, progress: Callable[[int], None] | None = None) -> None:
        """Pick until there are ``budget`` picks."""
        self._size = min(budget, len(self._order))


def begin(space: Space, options: Options, generator: np.random.Generator, progress: Progress) -> RandomOrder:
    """A random order of the rows, the baseline: of each class for itself, or of all rows."""
    return RandomOrder(space.multiplicity, generator)


RANDOM = Algorithm("random", begin, greedy=False, baseline=True)
RANDOM_UNIFORM = Algorithm("random-uniform", begin, greedy=False, classes=False, baseline=True)
