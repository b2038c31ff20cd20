"""Exact greedy facility location without an n x n matrix (Minoux 1978, pruned by geometry).

Greedily maximises  F(S) = L({s0}) - L(S u {s0}),  L(S) = sum_i mult_i min_{j in S} d_ij  (equations 8 and 11), where
the auxiliary s0 is so far away that the first pick is the medoid. The marginal gain of a row e is

    F(e | S) = sum_i mult_i max(0, m_i - d_ie),    m_i = min_{j in S} d_ij

and can only fall as S grows, so an old gain is an upper bound: rows wait in a heap, and only those at its top are
evaluated anew. An evaluation looks at the cells whose reach, max over its rows of m_i + d(i, centre), is larger than
the candidate's distance from the centre; all others contribute nothing. Memory is O(n d).

The first two rounds concern all pairs. One pass over half of them serves both: distances are symmetric, and the
first pick is guessed from a sample, so that its gains are summed beside the totals that prove the guess right.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from craig_cli import jit
from craig_cli.selection.algorithms.lazy_kernels import (
    TILE,
    distances_from,
    evaluate,
    exact_totals,
    extend,
    pair_stripes,
    pick,
    sample_totals,
)
from craig_cli.selection.distances.cells import Cells
from craig_cli.selection.distances.simd import WIDTH

SAMPLE = 128  # rows that stand for all where the guess of the first pick begins
ROUND = 4  # each round of it leaves one candidate of so many, and so many times the rows stand for all


@dataclass
class Coverage:
    """How far every row is from what is picked; rows go by their position in the cells.

    multiplicity, current  (c * WIDTH,) float64, 0 in the padding; current is m_i in quanta, inf before the first pick
    limit                  sum_of(m_i)
    reach                  (c' * WIDTH,) see ``reach_of``; 0 where there is no cell
    """

    cells: Cells
    multiplicity: np.ndarray
    current: np.ndarray
    limit: np.ndarray
    reach: np.ndarray

    @classmethod
    def of(cls, cells: Cells, multiplicity: np.ndarray) -> Coverage:
        """Nothing picked yet. ``multiplicity`` (n,) float64 by row."""
        padded = np.zeros(len(cells.blocks) * WIDTH)
        padded[: len(cells.order)] = multiplicity[cells.order]
        far = np.where(np.arange(len(padded)) < len(cells.order), np.inf, 0.0)
        reach = np.zeros(len(cells.centres) * WIDTH)
        reach[: len(cells.blocks)] = np.inf
        return cls(cells, padded, far, far.copy(), reach)

    @property
    def row_of(self) -> np.ndarray:
        return self.cells.order

    def totals(self, candidates: np.ndarray) -> np.ndarray:
        """(k,) total distance, in quanta, from each of the candidates (k,) to all rows."""
        cells = self.cells
        totals = np.empty(len(candidates))
        jit.in_threads(exact_totals, cells.rows, cells.blocks, cells.metric.code, self.multiplicity, candidates, totals)
        return totals

    def gains(self, candidates: np.ndarray) -> np.ndarray:
        """(k,) marginal gains, in quanta, of the candidates (k,)."""
        cells = self.cells
        bound = np.empty(len(cells.order))
        size = min(TILE, -(-len(candidates) // jit.threads_in_force()))
        evaluate(
            cells.rows, cells.blocks, cells.centres, cells.metric.code, self.multiplicity, self.current, self.limit,
            self.reach, candidates, size, bound,
        )  # fmt: skip
        return bound[candidates]

    def pick(self, position: int) -> None:
        """Lower m_i to the distance from one more pick."""
        cells = self.cells
        pick(
            position, cells.rows, cells.blocks, cells.centres, cells.offsets, cells.metric.code, self.current,
            self.limit, self.reach,
        )  # fmt: skip


@dataclass
class Greedy:
    """Greedy selection that can be carried on: ``extend`` adds picks to those there are.

    picks   (r,) int64 rows in greedy order; gains (r,) float64 marginal gains, in the units of the rows, inf first
    """

    coverage: Coverage
    bound: np.ndarray  # by position: gain at round ``stamp``
    stamp: np.ndarray
    heap: np.ndarray  # positions
    state: np.ndarray  # [picks, heap size, gain evaluations]
    chosen: np.ndarray
    gain: np.ndarray
    pick_blocks: np.ndarray  # the picks' coordinates, in blocks like those of the cells
    influence: np.ndarray  # by pick: candidates at least this far away did not feel it

    @property
    def picks(self) -> np.ndarray:
        return self.coverage.row_of[self.chosen[: self.state[0]]]

    @property
    def gains(self) -> np.ndarray:
        gains = self.gain[: self.state[0]] * self.coverage.cells.quantum
        gains[:1] = np.inf
        return gains

    def _make_room(self, budget: int) -> None:
        blocks = (budget + WIDTH - 1) // WIDTH
        if blocks > len(self.pick_blocks):
            grown = np.zeros((blocks, *self.pick_blocks.shape[1:]))
            grown[: len(self.pick_blocks)] = self.pick_blocks
            self.pick_blocks = grown

    def extend(self, budget: int, min_gain: float = 0.0, progress: Callable[[int], None] | None = None) -> None:
        """Pick until there are ``budget`` picks or the best gain is below ``min_gain`` (units of the rows)."""
        cells = self.coverage.cells
        budget = min(budget, len(cells.order))
        threshold = min_gain / cells.quantum
        self._make_room(budget)
        threads = jit.threads_in_force()
        while self.state[0] < budget:
            # A bounded piece of work at a time, so that Ctrl-C and progress are never far away.
            done = extend(
                cells.rows, cells.blocks, cells.centres, cells.offsets, cells.metric.code, self.coverage.multiplicity,
                cells.order, self.coverage.current, self.coverage.limit, self.coverage.reach, self.bound, self.stamp,
                self.heap, self.state, self.chosen, self.gain, self.pick_blocks, self.influence, budget, threshold,
                threads, 2_000,
            )  # fmt: skip
            if progress is not None:
                progress(int(self.state[0]))
            if done:
                break


def start(cells: Cells, multiplicity: np.ndarray, progress: Callable[[float], None] | None = None) -> Greedy:
    """The first pick and every row's gain after it. ``multiplicity`` (n,) float64 by row.

    ``progress`` is told the share of the all-pairs pass that is done, from 0 to 1.
    """
    n_rows = len(cells.order)
    coverage = Coverage.of(cells, multiplicity)
    guess = _guess_first(coverage, n_rows)
    totals, gains = _all_pairs(coverage, guess, progress)
    first = best_of(-totals[:n_rows], cells.order)
    if first != guess:  # the sample was wrong: the totals stand, the gains are those of another first pick
        _, gains = _all_pairs(coverage, first, progress)
    coverage.pick(first)
    bound = gains[:n_rows].copy()
    bound[first] = -1.0  # never again
    heap = np.lexsort((cells.order, -bound))[: n_rows - 1]
    chosen = np.zeros(n_rows, dtype=np.int64)
    chosen[0] = first
    return Greedy(
        coverage=coverage,
        bound=bound,
        stamp=np.ones(n_rows, dtype=np.int64),
        heap=np.ascontiguousarray(heap),
        state=np.array([1, n_rows - 1, n_rows], dtype=np.int64),
        chosen=chosen,
        gain=np.zeros(n_rows),
        pick_blocks=np.zeros((0, cells.rows.shape[1], WIDTH)),
        influence=np.zeros(n_rows),
    )


def best_of(score: np.ndarray, row_of: np.ndarray) -> int:
    """Position of the largest score, of equals the one with the lowest row."""
    top = np.flatnonzero(score == score.max())
    return int(top[np.argmin(row_of[top])])


def _guess_first(coverage: Coverage, n_rows: int) -> int:
    """Position of the row with (most likely) the least total distance to all others.

    Successive halving on the same sample for all candidates (Baharav and Tse 2019), by quarters.
    """
    cells = coverage.cells
    # Golden ratio: whichever number of them comes first, the positions are spread evenly, and near positions are near.
    step = int(0.6180339887 * n_rows) | 1
    while math.gcd(step, n_rows) > 1:
        step += 2
    sample = np.arange(n_rows) * step % n_rows
    candidates: np.ndarray = np.arange(n_rows)
    blocks, totals = cells.blocks, np.zeros(len(coverage.current))
    done, size = 0, SAMPLE
    while True:
        arrays = cells.rows, blocks, cells.metric.code, coverage.multiplicity, sample[done:size]
        jit.in_threads(sample_totals, *arrays, totals)
        done, size = size, ROUND * size
        count = len(candidates)
        if done >= n_rows or count == 1:
            return int(candidates[best_of(-totals[:count], cells.order[candidates])])
        kept = np.sort(np.argsort(totals[:count], kind="stable")[: -(-count // ROUND)])
        padded = np.append(kept, np.full(-len(kept) % WIDTH, kept[-1]))
        totals, points = totals[padded], cells.rows[candidates[padded]]
        candidates = candidates[kept]
        blocks = np.ascontiguousarray(points.reshape(-1, WIDTH, points.shape[1]).transpose(0, 2, 1))


def _all_pairs(coverage: Coverage, first: int, progress) -> tuple[np.ndarray, np.ndarray]:
    """By position: the total distance to all rows, and the gain after ``first`` was picked."""
    cells = coverage.cells
    n_cells = len(cells.blocks)
    threads = jit.threads_in_force()
    current = np.empty(n_cells * WIDTH)
    distances_from(cells.rows[first], cells.blocks, cells.metric.code, current)
    totals = np.zeros((threads, n_cells * WIDTH))
    gains = np.zeros((threads, n_cells * WIDTH))
    # Stripe a meets the cells from a on: the first stripes are long, the last short, and threads take turns.
    stripe = threads * max(1, int(2e8 / (cells.rows.shape[1] * WIDTH * WIDTH * n_cells)))
    for begin in range(0, n_cells, stripe):
        end = min(n_cells, begin + stripe)
        jit.in_threads(
            pair_stripes, cells.rows, cells.blocks, cells.metric.code, coverage.multiplicity, current, begin, end,
            totals, gains,
        )  # fmt: skip
        if progress is not None:
            progress(1.0 - (1.0 - end / n_cells) ** 2)
    return totals.sum(axis=0), gains.sum(axis=0)  # exact, so in any order
