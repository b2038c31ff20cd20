"""Exact greedy on dense rows (lazy_dense.py), sparse ones (lazy_sparse.py) or a few. Nothing in it is random."""

from __future__ import annotations

import numpy as np

from craig_cli.selection.algorithms import Algorithm, Options, Progress, lazy_dense, lazy_sparse
from craig_cli.selection.algorithms.lazy_kernels import distances_from
from craig_cli.selection.distances.cells import Cells, build_cells
from craig_cli.selection.distances.inverted_index import Index, build_index
from craig_cli.selection.distances.space import Space

FEW = 128  # rows of which a matrix of distances is nothing, and takes none of the kernels that have to be loaded

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
        cells = build_cells(arranged.rows[position[rows]], arranged.metric, float(weights.sum()))
        if len(rows) <= FEW:
            picks, gains = _greedy_among_few(cells, weights, budget)
            return picks, gains * arranged.quantum * cells.quantum
        greedy = lazy_dense.start(cells, weights)
    else:
        greedy = lazy_sparse.start(build_index(arranged.matrix[rows], arranged.metric, float(weights.sum())), weights)
    greedy.extend(budget)
    return greedy.picks, greedy.gains * arranged.quantum


def _greedy_among_few(cells: Cells, weights: np.ndarray, budget: int) -> tuple[np.ndarray, np.ndarray]:
    """Plain greedy on all distances: (picks, gains in quanta, inf first). All sums are exact, as in lazy greedy."""
    weight = weights[cells.order]
    distances = np.empty((len(cells.order), cells.blocks.shape[0] * cells.blocks.shape[2]))
    for row, to_all in zip(cells.rows, distances):
        distances_from(row, cells.blocks, cells.metric.code, to_all)
    distances = distances[:, : len(weight)]
    score = -distances @ weight
    current = np.full(len(weight), np.inf)
    picks: list[int] = []
    gains: list[float] = []
    for _ in range(budget):
        best = lazy_dense.best_of(score, cells.order)
        gains.append(score[best] if picks else np.inf)
        picks.append(best)
        current = np.minimum(current, distances[best])
        score = np.maximum(current - distances, 0.0) @ weight
        score[picks] = -1.0  # never again
    return cells.order[picks], np.array(gains)


LAZY = Algorithm("lazy", begin)
