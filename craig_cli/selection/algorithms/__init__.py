"""Selection algorithms: one file and one record each, named in ``registry.ALGORITHMS``.

``Algorithm.begin(space, options, generator, progress)`` returns what has ``extend(budget, min_gain, progress)``, which
adds picks to those there are, ``picks`` (r,) int64 rows of the space in greedy order, and ``gains`` (r,) float64
marginal gains, never rising, the first one infinite. Where the weights are not the numbers of nearest rows, it has
``weights`` (r,) too, and where it knows which pick stands for which rows, ``assign`` as that of ``Space`` and
``strata``: the indices (r,) of their strata, in an order in which neighbours can be united, and their masses (r,).
``progress`` is told the share of the work before the first pick that is done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Progress = Callable[[float], None] | None


@dataclass(frozen=True)
class Options:
    """What the algorithms can be told.

    Rows of a block (partition), delta of the guarantee (stochastic), and whether the most central rows are to stand for
    their strata.
    """

    block_size: int
    delta: float
    central: bool = False


@dataclass(frozen=True)
class Algorithm:
    """A selection algorithm.

    begin      starts it on a group of rows, see above
    greedy     its picks are ranked by marginal gain, and their weights are the numbers of nearest rows; otherwise it
               draws from all rows alike, with weights of its own
    blocks     its rows are to be arranged in blocks of nearby rows
    swaps      rounds of medoid swaps after it, unless others are asked for
    classes    it selects within each class
    options    what it can be told besides, names of fields of the plan, which the metadata has too
    influence  where rows have influence vectors at a model, quotas and picks go by them
    baseline   it is there to be compared with
    """

    name: str
    begin: Callable
    greedy: bool = True
    blocks: bool = False
    swaps: int = 0
    classes: bool = True
    options: tuple[str, ...] = ()
    influence: bool = False
    baseline: bool = False
