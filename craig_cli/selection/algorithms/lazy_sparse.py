"""Exact greedy on sparse rows: that of lazy_dense.py without the geometry, by an inverted index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from craig_cli import jit
from craig_cli.jit import njit, prange
from craig_cli.selection.algorithms.heap import pop, push
from craig_cli.selection.distances.inverted_index import Index, fill_shared, pair_distance


@dataclass
class Coverage:
    """How far every row is from what is picked: current (n,) is m_i in quanta, inf before the first pick."""

    index: Index
    multiplicity: np.ndarray
    current: np.ndarray

    @classmethod
    def of(cls, index: Index, multiplicity: np.ndarray) -> Coverage:
        """Nothing picked yet. ``multiplicity`` (n,) float64."""
        return cls(index, multiplicity, np.full(index.n_rows, np.inf))

    @property
    def row_of(self) -> np.ndarray:
        return np.arange(self.index.n_rows)

    def totals(self, candidates: np.ndarray) -> np.ndarray:
        """(k,) total distance, in quanta, from each of the candidates (k,) to all rows."""
        bound = np.empty(self.index.n_rows)
        _evaluate(*self.index.arrays, self.multiplicity, np.full(self.index.n_rows, np.inf), candidates, bound)
        return bound[candidates]

    def gains(self, candidates: np.ndarray) -> np.ndarray:
        """(k,) marginal gains, in quanta, of the candidates (k,)."""
        bound = np.empty(self.index.n_rows)
        _evaluate(*self.index.arrays, self.multiplicity, self.current, candidates, bound)
        return bound[candidates]

    def pick(self, position: int) -> None:
        """Lower m_i to the distance from one more pick."""
        np.minimum(self.current, _distances_from(position, *self.index.arrays), out=self.current)


@dataclass
class SparseGreedy:
    """Greedy selection on sparse rows that can be carried on; the same picks as naive greedy.

    picks (r,) int64 rows in greedy order; gains (r,) float64 in the units of the rows, inf first
    """

    index: Index
    multiplicity: np.ndarray
    current: np.ndarray
    bound: np.ndarray
    stamp: np.ndarray
    heap: np.ndarray
    state: np.ndarray  # [picks, heap size, gain evaluations]
    chosen: np.ndarray
    gain: np.ndarray

    @property
    def picks(self) -> np.ndarray:
        return self.chosen[: self.state[0]].copy()

    @property
    def gains(self) -> np.ndarray:
        gains = self.gain[: self.state[0]] * self.index.quantum
        gains[:1] = np.inf
        return gains

    def extend(self, budget: int, min_gain: float = 0.0, progress: Callable[[int], None] | None = None) -> None:
        """Pick until there are ``budget`` picks or the best gain is below ``min_gain`` (units of the rows)."""
        threads = jit.threads_in_force()
        while self.state[0] < min(budget, self.index.n_rows):
            done = _extend(
                *self.index.arrays, self.multiplicity, self.current, self.bound, self.stamp, self.heap, self.state,
                self.chosen, self.gain, min(budget, self.index.n_rows), min_gain / self.index.quantum, 4 * threads,
                500,
            )  # fmt: skip
            if progress is not None:
                progress(int(self.state[0]))
            if done:
                break


def start(index: Index, multiplicity: np.ndarray, progress: Callable[[float], None] | None = None) -> SparseGreedy:
    """The first pick and every row's gain after it; ``progress`` is told the share of all pairs that is done."""
    n_rows = index.n_rows
    everything = np.arange(n_rows)
    totals = np.empty(n_rows)
    chunk = 64 * jit.threads_in_force()
    unlimited = np.full(n_rows, np.inf)
    for begin in range(0, n_rows, chunk):
        _evaluate(*index.arrays, multiplicity, unlimited, everything[begin : begin + chunk], totals)
        if progress is not None:
            progress(0.5 * min(1.0, (begin + chunk) / n_rows))
    first = int(np.argmin(totals))
    current = _distances_from(first, *index.arrays)
    bound = np.empty(n_rows)
    for begin in range(0, n_rows, chunk):
        _evaluate(*index.arrays, multiplicity, current, everything[begin : begin + chunk], bound)
        if progress is not None:
            progress(0.5 + 0.5 * min(1.0, (begin + chunk) / n_rows))
    bound[first] = -1.0
    chosen = np.zeros(n_rows, dtype=np.int64)
    chosen[0] = first
    return SparseGreedy(
        index=index,
        multiplicity=multiplicity,
        current=current,
        bound=bound,
        stamp=np.ones(n_rows, dtype=np.int64),
        heap=np.ascontiguousarray(np.lexsort((everything, -bound))[: n_rows - 1]),
        state=np.array([1, n_rows - 1, 2 * n_rows], dtype=np.int64),
        chosen=chosen,
        gain=np.zeros(n_rows),
    )


@njit
def _distances_from(e, values, columns, starts, t_values, t_rows, t_starts, sums, metric):
    shared = np.empty(len(sums))
    fill_shared(e, values, columns, starts, t_values, t_rows, t_starts, metric, shared)
    for i in range(len(sums)):
        shared[i] = np.rint(pair_distance(shared[i], sums[i], sums[e], metric))
    return shared


@njit(parallel=True)
def _evaluate(
    values,
    columns,
    starts,
    t_values,
    t_rows,
    t_starts,
    sums,
    metric,
    multiplicity,
    current,
    candidates,
    bound,
):
    """bound[e] = F(e | S) of the candidates, or their total distance to all rows where ``current`` is inf."""
    n_rows = len(sums)
    for t in prange(len(candidates)):
        e = candidates[t]
        shared = np.empty(n_rows)
        fill_shared(e, values, columns, starts, t_values, t_rows, t_starts, metric, shared)
        gain = 0.0
        for i in range(n_rows):
            distance = np.rint(pair_distance(shared[i], sums[i], sums[e], metric))
            if current[i] == np.inf:
                gain += multiplicity[i] * distance
            elif distance < current[i]:
                gain += multiplicity[i] * (current[i] - distance)
        bound[e] = gain


@njit
def _extend(
    values, columns, starts, t_values, t_rows, t_starts, sums, metric, multiplicity, current, bound, stamp, heap,
    state, chosen, gain, budget, threshold, batch, work,
):  # fmt: skip
    """Pick until the budget is reached or the best gain is below the threshold (True), or ``work`` is done (False)."""
    n_rows = len(sums)
    row_of = np.arange(n_rows)
    candidates = np.empty(batch, dtype=np.int64)
    done = 0
    while state[0] < budget:
        rounds = state[0]
        while stamp[heap[0]] != rounds and bound[heap[0]] > 0.0:
            count = 0
            while count < batch and state[1] > 0 and stamp[heap[0]] != rounds and bound[heap[0]] > 0.0:
                candidates[count] = pop(heap, state[1], bound, row_of)
                stamp[candidates[count]] = rounds
                state[1] -= 1
                count += 1
            _evaluate(
                values, columns, starts, t_values, t_rows, t_starts, sums, metric, multiplicity, current,
                candidates[:count], bound,
            )  # fmt: skip
            for t in range(count):
                push(heap, state[1], candidates[t], bound, row_of)
                state[1] += 1
            state[2] += count
            done += count
            if done >= work:
                return False
        top = heap[0]
        if bound[top] < threshold:
            return True
        pop(heap, state[1], bound, row_of)
        state[1] -= 1
        chosen[rounds] = top
        gain[rounds] = bound[top]
        distance = _distances_from(top, values, columns, starts, t_values, t_rows, t_starts, sums, metric)
        for i in range(n_rows):
            current[i] = min(current[i], distance[i])
        state[0] += 1
        done += 1
    return True
