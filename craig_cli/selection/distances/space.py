"""A group of rows with a metric: what greedy selection and assignment work on, dense or sparse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from craig_cli.registry import METRICS, load
from craig_cli.selection.distances import assignment, cells, metrics
from craig_cli.selection.distances import inverted_index as sparse
from craig_cli.selection.distances.metrics import Metric


@dataclass(frozen=True)
class Arrangement:
    """Rows (n, d), prepared for their metric; arranged when first asked for.

    source  the rows, or what makes them: then they are there for as long as it takes to arrange them

    Algorithms that never look for nearest rows (strata) never ask.
    """

    source: np.ndarray | sp.csr_matrix | Callable[[], np.ndarray]
    metric: Metric
    total: float
    block: int | None

    @property
    def rows(self) -> np.ndarray | sp.csr_matrix:
        return self.source() if callable(self.source) else self.source

    @cached_property
    def diameter(self) -> float:
        rows = self.rows
        bound = sparse.diameter_bound if sp.issparse(rows) else metrics.diameter_bound
        return bound(rows, self.metric)

    @cached_property
    def arranged(self) -> cells.Cells | sparse.Index:
        rows = self.rows
        build = sparse.build_index if sp.issparse(rows) else cells.build_cells
        return build(rows, self.metric, self.total, self.block)

    def release(self) -> None:
        """Let go of what was arranged, twice the memory of the rows; asked for again, it is arranged again."""
        self.__dict__.pop("arranged", None)


@dataclass(frozen=True)
class Space:
    """Rows with a metric, to be arranged for distances, and how many each stands for: multiplicity (n,)."""

    arrangement: Arrangement
    multiplicity: np.ndarray
    block: int | None = None
    vectors: np.ndarray | None = None  # (n, q) influence vectors, for algorithms that go by them

    @property
    def n_rows(self) -> int:
        return len(self.multiplicity)

    @property
    def diameter(self) -> float:
        """No two rows are farther apart than this."""
        return self.arrangement.diameter

    @property
    def arranged(self) -> cells.Cells | sparse.Index:
        """``cells.Cells`` of dense rows or ``sparse.Index`` of sparse ones."""
        return self.arrangement.arranged

    def assign(self, picks: np.ndarray, constants: np.ndarray, grid: float) -> tuple[np.ndarray, np.ndarray]:
        """(nearest, loss), see ``assignment.assign``."""
        if isinstance(self.arranged, cells.Cells):
            return assignment.assign(self.arranged, picks, constants, grid)
        return sparse.assign(self.arranged, picks, constants, grid)


def build_space(
    rows: np.ndarray | sp.csr_matrix | Callable[[], np.ndarray],
    metric: str,
    multiplicity: np.ndarray,
    block: int | None = None,
) -> Space:
    """A space of ``rows`` (n, d), or what makes them, for the metric of that name.

    ``block``: arrange them in blocks of that many nearby rows too, as ``partition`` wants them.
    """
    the_metric = load(METRICS, metric)
    if the_metric.prepare is not None and not callable(rows):
        rows = the_metric.prepare(rows)
    return Space(Arrangement(rows, the_metric, float(multiplicity.sum()), block), multiplicity, block)
