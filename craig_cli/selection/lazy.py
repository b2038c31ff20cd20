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
from craig_cli.jit import lowest_bit, njit, prange
from craig_cli.selection.cells import (
    WIDTH,
    Cells,
    block_distances,
    block_distances_within,
    block_quanta,
    block_quanta_within,
    limit_of,
    quanta_of,
    reach_of,
)
from craig_cli.selection.heap import pop, push
from craig_cli.selection.vectors import near

TILE = 64  # candidates that meet a cell while it is in the fast cache, at most
FEW = 8  # candidates that one thread evaluates sooner than others wake up
SAMPLE = 128  # rows that stand for all where the guess of the first pick begins
ROUND = 4  # each round of it leaves one candidate of so many, and so many times the rows stand for all


@dataclass
class Coverage:
    """How far every row is from what is picked; rows go by their position in the cells.

    multiplicity, current  (c * WIDTH,) float64, 0 in the padding; current is m_i in quanta, inf before the first pick
    limit                  limit_of(m_i)
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
        jit.in_threads(_exact_totals, cells.rows, cells.blocks, cells.metric, self.multiplicity, candidates, totals)
        return totals

    def gains(self, candidates: np.ndarray) -> np.ndarray:
        """(k,) marginal gains, in quanta, of the candidates (k,)."""
        cells = self.cells
        bound = np.empty(len(cells.order))
        size = min(TILE, -(-len(candidates) // jit.threads_in_force()))
        _evaluate(
            cells.rows, cells.blocks, cells.centres, cells.metric, self.multiplicity, self.current, self.limit,
            self.reach, candidates, size, bound,
        )  # fmt: skip
        return bound[candidates]

    def pick(self, position: int) -> None:
        """Lower m_i to the distance from one more pick."""
        cells = self.cells
        _pick(
            position, cells.rows, cells.blocks, cells.centres, cells.offsets, cells.metric, self.current,
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
            done = _extend(
                cells.rows, cells.blocks, cells.centres, cells.offsets, cells.metric, self.coverage.multiplicity,
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
    first = _best(-totals[:n_rows], cells.order)
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


def _best(score: np.ndarray, row_of: np.ndarray) -> int:
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
    candidates, blocks, totals = np.arange(n_rows), cells.blocks, np.zeros(len(coverage.current))
    done, size = 0, SAMPLE
    while True:
        arrays = cells.rows, blocks, cells.metric, coverage.multiplicity, sample[done:size]
        jit.in_threads(_sample_totals, *arrays, totals)
        done, size = size, ROUND * size
        count = len(candidates)
        if done >= n_rows or count == 1:
            return int(candidates[_best(-totals[:count], cells.order[candidates])])
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
    _distances_from(cells.rows[first], cells.blocks, cells.metric, current)
    totals = np.zeros((threads, n_cells * WIDTH))
    gains = np.zeros((threads, n_cells * WIDTH))
    # Stripe a meets the cells from a on: the first stripes are long, the last short, and threads take turns.
    stripe = threads * max(1, int(2e8 / (cells.rows.shape[1] * WIDTH * WIDTH * n_cells)))
    for begin in range(0, n_cells, stripe):
        end = min(n_cells, begin + stripe)
        jit.in_threads(
            _pair_stripes, cells.rows, cells.blocks, cells.metric, coverage.multiplicity, current, begin, end,
            totals, gains,
        )  # fmt: skip
        if progress is not None:
            progress(1.0 - (1.0 - end / n_cells) ** 2)
    return totals.sum(axis=0), gains.sum(axis=0)  # exact, so in any order


# Sums of whole quanta are exact in any order, so the compiler may take the fastest.
@njit(fastmath={"reassoc", "nsz"})
def _total(multiplicity, quanta):
    total = 0.0
    for p in range(WIDTH):
        total += multiplicity[p] * quanta[p]
    return total


@njit(fastmath={"reassoc", "nsz"})
def _gain(multiplicity, current, quanta):
    gain = 0.0
    for p in range(WIDTH):
        gain += multiplicity[p] * max(0.0, current[p] - quanta[p])
    return gain


@njit
def _distances_from(point, blocks, metric, out):
    for c in range(blocks.shape[0]):
        block_quanta(blocks[c], point, metric, out[c * WIDTH : (c + 1) * WIDTH])


@njit
def _sample_totals(thread, threads, rows, blocks, metric, multiplicity, sample, totals):
    """Add the distances of the rows of all blocks to the rows ``sample``."""
    quanta = np.empty(WIDTH)
    for c in range(thread, blocks.shape[0], threads):
        total = totals[c * WIDTH : (c + 1) * WIDTH]
        for t in sample:
            block_quanta(blocks[c], rows[t], metric, quanta)
            for p in range(WIDTH):
                total[p] += multiplicity[t] * quanta[p]


@njit
def _exact_totals(thread, threads, rows, blocks, metric, multiplicity, candidates, totals):
    quanta = np.empty(WIDTH)
    for t in range(thread, len(candidates), threads):
        total = 0.0
        for c in range(blocks.shape[0]):
            block_quanta(blocks[c], rows[candidates[t]], metric, quanta)
            total += _total(multiplicity[c * WIDTH : (c + 1) * WIDTH], quanta)
        totals[t] = total


@njit
def _pair_stripes(thread, threads, rows, blocks, metric, multiplicity, current, begin, end, totals, gains):
    """Totals and gains of all rows of the cells begin .. end - 1 with the rows of the cells from there on."""
    n_rows = rows.shape[0]
    quanta = np.empty(WIDTH)
    total = totals[thread]
    gain = gains[thread]
    for a in range(begin + thread, end, threads):
        for b in range(a, blocks.shape[0]):
            first = b * WIDTH
            other = multiplicity[first : first + WIDTH]
            level = current[first : first + WIDTH]
            total_b = total[first : first + WIDTH]
            gain_b = gain[first : first + WIDTH]
            for e in range(a * WIDTH, min((a + 1) * WIDTH, n_rows)):
                block_quanta(blocks[b], rows[e], metric, quanta)
                total[e] += _total(other, quanta)
                gain[e] += _gain(other, level, quanta)
                if b != a:
                    _add(multiplicity[e], current[e], quanta, total_b, gain_b)


@njit
def _add(multiplicity, level, quanta, total, gain):
    for p in range(WIDTH):
        total[p] += multiplicity * quanta[p]
        gain[p] += multiplicity * max(0.0, level - quanta[p])


@njit
def _reach(current, offsets, metric, n_rows, c):
    farthest = 0.0
    for p in range(c * WIDTH, min((c + 1) * WIDTH, n_rows)):
        if current[p] > 0.0:
            farthest = max(farthest, reach_of(current[p], offsets[p], metric))
    return farthest


@njit(parallel=True)
def _evaluate(rows, blocks, centres, metric, multiplicity, current, limit, reach, candidates, size, bound):
    """bound[e] = F(e | S) of the ``candidates``. Threads take ``size`` of them at a time, at most TILE."""
    for tile in prange((len(candidates) + size - 1) // size):
        here = candidates[tile * size : (tile + 1) * size]
        _evaluate_tile(rows, blocks, centres, metric, multiplicity, current, limit, reach, here, bound)


@njit
def _evaluate_tile(rows, blocks, centres, metric, multiplicity, current, limit, reach, candidates, bound):
    n_cells = blocks.shape[0]
    gains = np.zeros(TILE)
    distance = np.empty(WIDTH)
    quanta = np.empty(WIDTH)
    # The candidates that have to look at each cell of a group.
    lookers = np.empty((WIDTH, TILE), dtype=np.uint8)
    count = np.zeros(WIDTH, dtype=np.int64)
    for group in range(centres.shape[0]):
        for t in range(len(candidates)):
            block_distances(centres[group], rows[candidates[t]], metric, distance)
            bits = near(distance, reach[group * WIDTH : (group + 1) * WIDTH])
            while bits != 0:
                p = lowest_bit(bits)
                bits &= bits - np.uint64(1)
                lookers[p, count[p]] = t
                count[p] += 1
        for p in range(min(WIDTH, n_cells - group * WIDTH)):
            c = group * WIDTH + p
            first = c * WIDTH
            limit_c = limit[first : first + WIDTH]
            for place in range(count[p]):
                t = lookers[p, place]
                if block_quanta_within(blocks[c], rows[candidates[t]], metric, limit_c, quanta):
                    gains[t] += _gain(multiplicity[first : first + WIDTH], current[first : first + WIDTH], quanta)
            count[p] = 0
    for t in range(len(candidates)):
        bound[candidates[t]] = gains[t]


@njit
def _pick(e, rows, blocks, centres, offsets, metric, current, limit, reach):
    """Lower m_i to the distance from the new pick, and the reach of the cells where that changed anything.

    Returns the pick's influence: a candidate at least that far from it has the gain it had. (A row i that changed
    was at m_i; a candidate c with d(c, pick) >= d(i, pick) + m_i is no closer to i than m_i.)
    """
    n_rows = rows.shape[0]
    n_cells = blocks.shape[0]
    centre_distance = np.empty(WIDTH)
    distance = np.empty(WIDTH)
    influence = 0.0
    for group in range(centres.shape[0]):
        block_distances(centres[group], rows[e], metric, centre_distance)
        for c in range(group * WIDTH, min((group + 1) * WIDTH, n_cells)):
            first = c * WIDTH
            if centre_distance[c - group * WIDTH] < reach[c] and block_distances_within(
                blocks[c], rows[e], metric, limit[first : first + WIDTH], distance
            ):
                changed = False
                for p in range(min(WIDTH, n_rows - first)):
                    quanta = quanta_of(distance[p], metric)
                    if quanta < current[first + p]:
                        influence = max(influence, reach_of(current[first + p], distance[p], metric))
                        current[first + p] = quanta
                        limit[first + p] = limit_of(quanta, metric)
                        changed = True
                if changed:
                    reach[c] = _reach(current, offsets, metric, n_rows, c)
    return influence


@njit
def _felt(point, since, rounds, pick_blocks, influence, metric, distance):
    """True where one of the picks ``since`` .. ``rounds`` - 1 may have changed the gain of ``point``."""
    for block in range(since // WIDTH, (rounds + WIDTH - 1) // WIDTH):
        block_distances(pick_blocks[block], point, metric, distance)
        for pick in range(max(since, block * WIDTH), min(rounds, (block + 1) * WIDTH)):
            if distance[pick - block * WIDTH] < influence[pick]:
                return True
    return False


@njit
def _extend(
    rows,
    blocks,
    centres,
    offsets,
    metric,
    multiplicity,
    row_of,
    current,
    limit,
    reach,
    bound,
    stamp,
    heap,
    state,
    chosen,
    gain,
    pick_blocks,
    influence,
    budget,
    threshold,
    threads,
    work,
):
    """Pick until the budget is reached or the best gain is below the threshold (True), or ``work`` is done (False)."""
    candidates = np.empty(TILE * threads, dtype=np.int64)
    distance = np.empty(WIDTH)
    done = 0
    while state[0] < budget:
        rounds = state[0]
        # A first few, whose best spares the others all that is not needed.
        batch = FEW
        # A gain of zero cannot fall, so it is fresh whatever its stamp says.
        while stamp[heap[0]] != rounds and bound[heap[0]] > 0.0:
            count = 0
            while count < batch and state[1] > 0:
                top = heap[0]
                if stamp[top] == rounds or bound[top] == 0.0:
                    break
                since = stamp[top]
                stamp[top] = rounds
                if not _felt(rows[top], since, rounds, pick_blocks, influence, metric, distance):
                    break  # the old gain is the new one, and it is the largest there is
                pop(heap, state[1], bound, row_of)
                state[1] -= 1
                candidates[count] = top
                count += 1
            stale = candidates[:count]
            if count <= FEW:
                _evaluate_tile(rows, blocks, centres, metric, multiplicity, current, limit, reach, stale, bound)
            else:
                size = (count + threads - 1) // threads
                _evaluate(rows, blocks, centres, metric, multiplicity, current, limit, reach, stale, size, bound)
            for t in range(count):
                push(heap, state[1], candidates[t], bound, row_of)
                state[1] += 1
            state[2] += count
            batch = TILE * threads
            done += count + 1
            if done >= work:
                return False
        top = heap[0]
        if bound[top] < threshold:
            return True
        pop(heap, state[1], bound, row_of)
        state[1] -= 1
        chosen[rounds] = top
        gain[rounds] = bound[top]
        influence[rounds] = _pick(top, rows, blocks, centres, offsets, metric, current, limit, reach)
        for k in range(rows.shape[1]):
            pick_blocks[rounds // WIDTH, k, rounds % WIDTH] = rows[top, k]
        state[0] += 1
    return True
