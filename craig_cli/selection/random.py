"""The baseline: a uniform random subset of each class, in random order; every element weighs n_c / r_c."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


class RandomOrder:
    """A random order of the rows; ``picks`` are its first ones, and nothing is gained by any of them."""

    def __init__(self, n_rows: int, mass: float, generator: np.random.Generator):
        self._order = generator.permutation(n_rows)
        self._mass = mass
        self._size = 1

    @property
    def weights(self) -> np.ndarray:
        """(r,) the same for all, n_c / r_c."""
        return np.full(self._size, self._mass / self._size)

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
