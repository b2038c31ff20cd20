"""A group of rows with a metric: what greedy selection and assignment work on, dense or sparse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import scipy.sparse as sp

from craig_cli.registry import METRICS, load
from craig_cli.selection.distances import assignment, cells, metrics
from craig_cli.selection.distances import inverted_index as sparse
from craig_cli.selection.distances.metrics import Metric


@dataclass(frozen=True)
class Arrangement:
    """Rows (n, d), prepared for their metric; arranged when first asked for.

    source        the rows, or what makes them: then they are there for as long as it takes to arrange them, or from
                  when they are asked for until the release
    makes_sparse  what it makes are sparse ones

    Algorithms that never look for nearest rows (strata) never ask.
    """

    source: np.ndarray | sp.csr_matrix | Callable[[], np.ndarray | sp.csr_matrix]
    metric: Metric
    total: float
    block: int | None
    makes_sparse: bool = False

    @property
    def is_sparse(self) -> bool:
        return self.makes_sparse or sp.issparse(self.source)

    @cached_property
    def rows(self) -> np.ndarray | sp.csr_matrix:
        return self.source() if callable(self.source) else self.source

    @cached_property
    def diameter(self) -> float:
        return self._diameter_of(self.rows)

    @cached_property
    def arranged(self) -> cells.Cells | sparse.Index:
        if self.is_sparse:
            return sparse.build_index(self.rows, self.metric, self.total, self.block)
        return cells.build_cells(self.__dict__.get("rows", self.source), self.metric, self.total, self.block)

    def measure(self, rows: np.ndarray | sp.csr_matrix) -> None:
        """Find the diameter by the rows that the source makes, while they are there."""
        self.__dict__["diameter"] = self._diameter_of(rows)

    def _diameter_of(self, rows) -> float:
        return (sparse.diameter_bound if self.is_sparse else metrics.diameter_bound)(rows, self.metric)

    def release(self) -> None:
        """Let go of what was made and arranged, up to three times the memory of the rows; it is made again if asked."""
        self.__dict__.pop("arranged", None)
        self.__dict__.pop("rows", None)


@dataclass(frozen=True)
class Space:
    """Rows with a metric, to be arranged for distances, and how many each stands for: multiplicity (n,)."""

    arrangement: Arrangement
    multiplicity: np.ndarray
    block: int | None = None
    vectors: Callable[[], np.ndarray] | None = None  # makes (n, q) influence vectors, for algorithms that go by them

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
    rows: np.ndarray | sp.csr_matrix | Callable[[], np.ndarray | sp.csr_matrix],
    metric: str,
    multiplicity: np.ndarray,
    block: int | None = None,
    made: np.ndarray | sp.csr_matrix | None = None,
) -> Space:
    """A space of ``rows`` (n, d), or what makes them, for the metric of that name.

    ``block``: arrange them in blocks of that many nearby rows too, as ``partition`` wants them. ``made``: the rows,
    where they are there, to be measured but not to be kept.
    """
    the_metric = load(METRICS, metric)
    prepare = the_metric.prepare
    if prepare is not None:
        rows = partial(_prepared, rows, prepare) if callable(rows) else prepare(rows)
    arrangement = Arrangement(rows, the_metric, float(multiplicity.sum()), block, sp.issparse(made))
    if made is not None:
        arrangement.measure(made if prepare is None else prepare(made))
    return Space(arrangement, multiplicity, block)


def _prepared(source: Callable, prepare: Callable) -> np.ndarray | sp.csr_matrix:
    return prepare(source())
