"""Greedy inside blocks of nearby rows, merged by marginal gain: near-linear in the number of rows.

Rows see only their own block, so the objective is a sum over blocks and the blocks' greedy orders merge into the
greedy order of that sum (see quotas.py for the same argument about classes). A block of b rows costs b^2 distances,
kept as whole numbers of up to 22 bits in a float32 matrix that stays in the cache while its block is worked on;
all n rows cost n b.

How deep to go in a block is not known before all are merged: a sample of the blocks tells the gain at which the budget
will be used up, all blocks go a little below that, and those that turn out too shallow go on.

The first pick of every block, its medoid, has no gain to merge by. The medoids are ordered by exact greedy among
themselves, each standing for its block's rows. A budget of fewer than FEW picks a block would leave blocks with nothing
but that: then the blocks only make a pool, whose rows stand for those nearest to them, and exact greedy picks from it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from craig_cli import jit
from craig_cli.jit import inner, njit
from craig_cli.selection.algorithms import Algorithm, Options, Progress
from craig_cli.selection.algorithms.heap import pop, push
from craig_cli.selection.algorithms.lazy import greedy_among
from craig_cli.selection.distances.space import Space

BITS = 22  # of a distance in the matrix of a block; float32 holds whole numbers of 24 exactly
SAMPLED = 16  # one block in so many is looked at first
FEW = 8  # picks a block, below which they come from a pool
POOL = 16_384  # rows of a pool, at least
SPARE = 16  # columns of that matrix, without which rows would be a power of two apart and share few lines of the cache
MARGIN = 0.75  # go this far below the gain at which the budget is expected to end


class Blocks:
    """The blocks of arranged rows, in each of which greedy goes as deep as it is told."""

    def __init__(self, arranged, multiplicity: np.ndarray, block: int) -> None:
        """``arranged`` in blocks of ``block`` rows, which count ``multiplicity`` (n,) float64 by row."""
        self.arranged, self.size = arranged, block
        self._multiplicity = multiplicity[arranged.order]
        # From quanta to units that leave BITS bits for the largest distance.
        self._scale = 2.0 ** min(0.0, BITS - np.ceil(np.log2(max(1.0, arranged.diameter / arranged.quantum))))
        self._local = threading.local()

    def __len__(self) -> int:
        return -(-len(self.arranged.order) // self.size)

    @property
    def unit(self) -> float:
        """The gain that 1 stands for, in the units of the rows."""
        return self.arranged.quantum / self._scale

    @property
    def masses(self) -> np.ndarray:
        """What the rows of each block count."""
        return np.add.reduceat(self._multiplicity, np.arange(0, len(self._multiplicity), self.size))

    def rows_of(self, block: int) -> int:
        """How many it has."""
        return min(self.size, len(self.arranged.order) - block * self.size)

    def run(self, tasks, progress=None, budget: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
        """(positions, gains) of greedy in each of the tasks' blocks: (block, least gain, most picks).

        Gains are whole numbers of ``unit``, the first one inf. A thread takes one after another.
        """
        results = []
        with ThreadPoolExecutor(max(1, min(len(tasks), jit.threads_in_force()))) as pool:
            try:
                for done in pool.map(self._greedy, *zip(*tasks)) if tasks else ():
                    results.append(done)
                    if progress is not None:
                        progress(int(budget * len(results) / len(tasks)))
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        return results

    def _greedy(self, block: int, depth: float, limit: int) -> tuple[np.ndarray, np.ndarray]:
        if not hasattr(self._local, "matrix"):
            self._local.matrix = np.empty((self.size, self.size + SPARE), dtype=np.float32)
        begin = block * self.size
        end = begin + self.rows_of(block)
        matrix = self._local.matrix
        self.arranged.fill_distances(begin, end, self._scale, matrix)
        chosen = np.empty(limit, dtype=np.int64)
        gain = np.empty(limit)
        row_of = self.arranged.order[begin:end]
        count = _greedy_in_block(matrix, self._multiplicity[begin:end], row_of, depth, chosen, gain)
        return begin + chosen[:count], gain[:count].copy()


def in_order(
    medoids: np.ndarray, medoid_gains: np.ndarray, first: np.ndarray, rows: np.ndarray, gains: np.ndarray, budget: int
) -> tuple[np.ndarray, np.ndarray]:
    """(indices, gains) of the blocks' picks in greedy order: first the medoids' indices, then those of the others.

    medoids, medoid_gains  (b,) the blocks in the greedy order of their medoids
    first                  (b,) by block, the gain of the pick that follows its medoid, which comes before it
    rows                   of the medoids, by block, and of the other picks, which have the ``gains``
    """
    medoid_gains = np.maximum(medoid_gains, first[medoids])
    order = np.concatenate([medoids, np.arange(len(medoids), len(rows))])
    merged = np.concatenate([medoid_gains, gains])
    ranked = np.lexsort((rows[order], order >= len(medoids), -merged))[:budget]
    merged = merged[ranked]
    merged[:1] = np.inf
    return order[ranked], merged


class PartitionGreedy:
    """Picks of all blocks down to a common gain; ``extend`` goes deeper.

    picks (r,) int64 rows in greedy order; gains (r,) float64 in the units of the rows, never rising, inf first
    """

    def __init__(self, space, block: int):
        """``space``: a Space arranged in blocks of ``block`` rows."""
        self._space = space
        self._blocks = Blocks(space.arranged, space.multiplicity, block)
        self._order = space.arranged.order
        self._chosen: list[np.ndarray] = [np.empty(0, dtype=np.int64)] * len(self._blocks)
        self._gain: list[np.ndarray] = [np.empty(0)] * len(self._blocks)
        self._depth = np.full(len(self._blocks), np.inf)  # every pick of a higher gain is known
        self.picks: np.ndarray = np.empty(0, dtype=np.int64)
        self.gains: np.ndarray = np.empty(0)

    def extend(self, budget: int, min_gain: float = 0.0, progress: Callable[[int], None] | None = None) -> None:
        """Pick until there are ``budget`` picks or the best gain is below ``min_gain`` (units of the rows)."""
        pool = pool_size(budget, len(self._blocks), len(self._order))
        if min_gain == 0.0 and pool:
            self._extend_to(pool, 0.0, progress and (lambda done: progress(done * budget // pool)))
            self._pick_from_pool(budget)
        else:
            self._extend_to(budget, min_gain, progress)

    def _pick_from_pool(self, budget: int) -> None:
        pool = self.picks
        nearest, _ = self._space.assign(pool, self._space.multiplicity, 1.0)
        weights = np.bincount(nearest, weights=self._space.multiplicity, minlength=len(pool))
        self.picks, self.gains = greedy_among(self._space.arranged, pool, weights, budget)
        self.picks = pool[self.picks]

    def _extend_to(self, budget: int, min_gain: float, progress) -> None:
        blocks, unit = self._blocks, self._blocks.unit
        if budget >= len(self._order):
            self._deepen(min_gain / unit, progress, budget)
        else:
            sample = range(SAMPLED // 2 if len(blocks) > SAMPLED else 0, len(blocks), SAMPLED)
            share = budget * sum(blocks.rows_of(b) for b in sample) / len(self._order)
            limit = 3.0 * budget / len(self._order)
            results = blocks.run([(b, 0.0, int(limit * blocks.rows_of(b)) + 8) for b in sample])
            sampled = np.sort(np.concatenate([gain[1:] for _, gain in results] or [np.empty(0)]))[::-1]
            at = min(len(sampled) - 1, int(share))
            depth = max(min_gain / unit, MARGIN * float(sampled[at]) if at >= 0 else 0.0)
            while True:
                self._deepen(depth, progress, budget)
                n_picked = sum(len(gain) for gain in self._gain)
                # Enough picks above the depth that all blocks have reached: what is not known cannot be among them.
                if n_picked >= budget or depth <= min_gain / unit:
                    break
                depth = max(min_gain / unit, 0.5 * depth if depth > 1e-3 else 0.0)
        self._merge(budget, unit)

    def _deepen(self, depth: float, progress, budget: int) -> None:
        wanted = [b for b in range(len(self._blocks)) if self._depth[b] > depth]
        results = self._blocks.run([(b, depth, self._blocks.rows_of(b)) for b in wanted], progress, budget)
        for b, (chosen, gain) in zip(wanted, results):
            self._chosen[b], self._gain[b], self._depth[b] = chosen, gain, depth

    def _merge(self, budget: int, unit: float) -> None:
        medoids = self._order[np.array([chosen[0] for chosen in self._chosen])]
        later = self._order[np.concatenate([chosen[1:] for chosen in self._chosen])]
        gains = np.concatenate([gain[1:] for gain in self._gain]) * unit
        first = np.array([gain[1] * unit if len(gain) > 1 else 0.0 for gain in self._gain])
        ordered, medoid_gains = greedy_among(self._space.arranged, medoids, self._blocks.masses, len(medoids))
        rows = np.concatenate([medoids, later])
        order, self.gains = in_order(ordered, medoid_gains, first, rows, gains, budget)
        self.picks = rows[order]


def pool_size(budget: int, n_blocks: int, n_rows: int) -> int:
    """Rows of the pool that ``budget`` picks are taken from, 0 where the blocks have enough picks each."""
    pool = max(POOL, FEW * n_blocks)
    return pool if budget < FEW * n_blocks and 4 * budget <= pool < n_rows // 2 else 0


@njit
def _greedy_in_block(matrix, weight, row_of, depth, chosen, gain):
    """Lazy greedy on a block's matrix of distances; the indices in the block and their gains; returns how many.

    Stops below a gain of ``depth`` or when ``chosen`` is full.
    """
    size = len(weight)
    best = 0
    least = np.inf
    for e in range(size):
        total = _row_total(matrix[e], weight)
        if total < least or (total == least and row_of[e] < row_of[best]):
            least = total
            best = e
    current = matrix[best, :size].copy()
    bound = np.empty(size)
    heap = np.empty(size, dtype=np.int64)
    stamp = np.ones(size, dtype=np.int64)
    waiting = 0
    for e in range(size):
        bound[e] = _row_gain(matrix[e], current, weight)
        if e != best:
            push(heap, waiting, e, bound, row_of)
            waiting += 1
    chosen[0] = best
    gain[0] = np.inf
    count = 1
    while count < len(chosen) and waiting > 0:
        top = pop(heap, waiting, bound, row_of)
        if stamp[top] != count and bound[top] > 0.0:
            bound[top] = _row_gain(matrix[top], current, weight)
            stamp[top] = count
            push(heap, waiting - 1, top, bound, row_of)
            continue
        waiting -= 1
        if bound[top] < depth:
            break
        chosen[count] = top
        gain[count] = bound[top]
        count += 1
        for p in range(size):
            current[p] = min(current[p], matrix[top, p])
    return count


# Sums of whole numbers are exact in any order, so the compiler may take the fastest.
@inner(fastmath={"reassoc", "nsz"})
def _row_total(row, weight):
    total = 0.0
    for p in range(len(weight)):
        total += weight[p] * row[p]
    return total


@inner(fastmath={"reassoc", "nsz"})
def _row_gain(row, current, weight):
    gain = 0.0
    for p in range(len(weight)):
        gain += weight[p] * max(np.float32(0.0), current[p] - row[p])
    return gain


def begin(space: Space, options: Options, generator: np.random.Generator, progress: Progress) -> PartitionGreedy:
    """Nothing in it is random."""
    return PartitionGreedy(space, options.block_size)


PARTITION = Algorithm("partition", begin, blocks=True, swaps=1)
