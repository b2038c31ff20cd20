"""Exact lazy greedy on dense rows (lazy_dense.py) or sparse ones (lazy_sparse.py). Nothing in it is random."""

from __future__ import annotations

import numpy as np

from craig_cli.selection.algorithms import Algorithm, Options, Progress, lazy_dense, lazy_sparse
from craig_cli.selection.distances.cells import Cells, build_cells
from craig_cli.selection.distances.inverted_index import Index, build_index
from craig_cli.selection.distances.space import Space

Greedy = lazy_dense.Greedy | lazy_sparse.SparseGreedy


def begin(space: Space, options: Options, generator: np.random.Generator, progress: Progress) -> Greedy:
    """The first pick and the gains after it."""
    if isinstance(space.arranged, Cells):
        return lazy_dense.start(space.arranged, space.multiplicity, progress)
    return lazy_sparse.start(space.arranged, space.multiplicity, progress)


def coverage(space: Space) -> lazy_dense.Coverage | lazy_sparse.Coverage:
    """How far every row is from what is picked, nothing so far."""
    if isinstance(space.arranged, Cells):
        return lazy_dense.Coverage.of(space.arranged, space.multiplicity)
    return lazy_sparse.Coverage.of(space.arranged, space.multiplicity)


def greedy_among(
    arranged: Cells | Index, rows: np.ndarray, weights: np.ndarray, budget: int
) -> tuple[np.ndarray, np.ndarray]:
    """Exact greedy among a few ``rows`` that stand for ``weights``: (indices in ``rows``, gains), (budget,)."""
    greedy: Greedy
    if isinstance(arranged, Cells):
        position = np.empty(len(arranged.order), dtype=np.int64)
        position[arranged.order] = np.arange(len(arranged.order))
        few = build_cells(arranged.rows[position[rows]], arranged.metric, float(weights.sum()))
        greedy = lazy_dense.start(few, weights)
    else:
        greedy = lazy_sparse.start(build_index(arranged.matrix[rows], arranged.metric, float(weights.sum())), weights)
    greedy.extend(budget)
    return greedy.picks, greedy.gains * arranged.quantum


LAZY = Algorithm("lazy", begin)
