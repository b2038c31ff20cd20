"""How each registered algorithm begins: ``begin(space, options, generator, progress)``.

What it returns has ``extend(budget, min_gain, progress)``, which adds picks to those there are, ``picks`` (r,) int64
rows of the space in greedy order, and ``gains`` (r,) float64 marginal gains, never rising, the first one infinite.
Where the weights are not the numbers of nearest rows, it has ``weights`` (r,) too, and where it knows which pick
stands for which rows, ``assign`` as that of ``Space``.
``progress`` is told the share of the work before the first pick that is done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from craig_cli.selection import cells, lazy, partition, random, sparse, sparse_lazy, stochastic, strata
from craig_cli.selection.space import Space

Progress = Callable[[float], None] | None


@dataclass(frozen=True)
class Options:
    """What the algorithms can be told: rows of a block (partition), delta of the guarantee (stochastic)."""

    block_size: int
    delta: float


def begin_lazy(space: Space, options: Options, generator: np.random.Generator, progress: Progress):
    """Exact lazy greedy. Nothing in it is random."""
    start = lazy.start if isinstance(space.arranged, cells.Cells) else sparse_lazy.start
    return start(space.arranged, space.multiplicity, progress)


def begin_partition(space: Space, options: Options, generator: np.random.Generator, progress: Progress):
    """Greedy in blocks of nearby rows, merged. Nothing in it is random."""
    return partition.PartitionGreedy(space, options.block_size)


def begin_stochastic(space: Space, options: Options, generator: np.random.Generator, progress: Progress):
    """Stochastic greedy; what its samples hold is up to ``generator``."""
    coverage = lazy.Coverage if isinstance(space.arranged, cells.Cells) else sparse_lazy.Coverage
    return stochastic.StochasticGreedy(
        coverage.of(space.arranged, space.multiplicity), space.arranged.quantum, generator, options.delta
    )


def begin_random(space: Space, options: Options, generator: np.random.Generator, progress: Progress):
    """A random order of the rows, the baseline: of each class for itself, or of all rows (random-uniform)."""
    return random.RandomOrder(space.multiplicity, generator)


def begin_strata(space: Space, options: Options, generator: np.random.Generator, progress: Progress):
    """One random row from each of as many strata as there are picks."""
    if space.vectors is not None:
        return strata.Strata(space.vectors, strata.masses(space.vectors, space.multiplicity), space, generator)
    rows = space.arrangement.rows
    if sp.issparse(rows):
        rows = sparse.sketch(rows)
    return strata.Strata(rows, space.multiplicity, space, generator)
