"""Kernels of exact greedy on dense rows (lazy_dense.py): totals and gains cell by cell, a pick, and the lazy rounds."""

from __future__ import annotations

import numpy as np

from craig_cli.jit import inner, lowest_bit, njit, prange
from craig_cli.selection.algorithms.heap import pop, push
from craig_cli.selection.distances.metrics import (
    block_norms,
    block_norms_within,
    block_quanta,
    block_quanta_within,
    distance_of_norm,
    reach_of,
    sum_of,
)
from craig_cli.selection.distances.simd import WIDTH, near

TILE = 64  # candidates that meet a cell while it is in the fast cache, at most
FEW = 8  # candidates that one thread evaluates sooner than others wake up


# Sums of whole quanta are exact in any order, so the compiler may take the fastest.
@inner(fastmath={"reassoc", "nsz"})
def _total(multiplicity, quanta):
    total = 0.0
    for p in range(WIDTH):
        total += multiplicity[p] * quanta[p]
    return total


@inner(fastmath={"reassoc", "nsz"})
def _gain(multiplicity, current, quanta):
    gain = 0.0
    for p in range(WIDTH):
        gain += multiplicity[p] * max(0.0, current[p] - quanta[p])
    return gain


@njit
def distances_from(point, blocks, metric, out):
    for c in range(blocks.shape[0]):
        block_quanta(blocks[c], point, metric, out[c * WIDTH : (c + 1) * WIDTH])


@njit
def sample_totals(thread, threads, rows, blocks, metric, multiplicity, sample, totals):
    """Add the distances of the rows of all blocks to the rows ``sample``."""
    quanta = np.empty(WIDTH)
    for c in range(thread, blocks.shape[0], threads):
        total = totals[c * WIDTH : (c + 1) * WIDTH]
        for t in sample:
            block_quanta(blocks[c], rows[t], metric, quanta)
            for p in range(WIDTH):
                total[p] += multiplicity[t] * quanta[p]


@njit
def exact_totals(thread, threads, rows, blocks, metric, multiplicity, candidates, totals):
    quanta = np.empty(WIDTH)
    for t in range(thread, len(candidates), threads):
        total = 0.0
        for c in range(blocks.shape[0]):
            block_quanta(blocks[c], rows[candidates[t]], metric, quanta)
            total += _total(multiplicity[c * WIDTH : (c + 1) * WIDTH], quanta)
        totals[t] = total


@njit
def pair_stripes(thread, threads, rows, blocks, metric, multiplicity, current, begin, end, totals, gains):
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


@inner
def _add(multiplicity, level, quanta, total, gain):
    for p in range(WIDTH):
        total[p] += multiplicity * quanta[p]
        gain[p] += multiplicity * max(0.0, level - quanta[p])


@inner
def _reach(current, offsets, metric, n_rows, c):
    farthest = 0.0
    for p in range(c * WIDTH, min((c + 1) * WIDTH, n_rows)):
        if current[p] > 0.0:
            farthest = max(farthest, reach_of(current[p], offsets[p], metric))
    return farthest


@njit(parallel=True)
def evaluate(rows, blocks, centres, metric, multiplicity, current, limit, reach, candidates, size, bound):
    """bound[e] = F(e | S) of the ``candidates``. Threads take ``size`` of them at a time, at most TILE."""
    for tile in prange((len(candidates) + size - 1) // size):
        here = candidates[tile * size : (tile + 1) * size]
        _evaluate_tile(rows, blocks, centres, metric, multiplicity, current, limit, reach, here, bound)


@inner
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
            block_norms(centres[group], rows[candidates[t]], metric, distance)
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
            for number in range(count[p]):
                t = lookers[p, number]
                if block_quanta_within(blocks[c], rows[candidates[t]], metric, limit_c, quanta):
                    gains[t] += _gain(multiplicity[first : first + WIDTH], current[first : first + WIDTH], quanta)
            count[p] = 0
    for t in range(len(candidates)):
        bound[candidates[t]] = gains[t]


@njit
def pick(e, rows, blocks, centres, offsets, metric, current, limit, reach):
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
        block_norms(centres[group], rows[e], metric, centre_distance)
        for c in range(group * WIDTH, min((group + 1) * WIDTH, n_cells)):
            first = c * WIDTH
            if centre_distance[c - group * WIDTH] < reach[c] and block_norms_within(
                blocks[c], rows[e], metric, limit[first : first + WIDTH], distance
            ):
                changed = False
                for p in range(min(WIDTH, n_rows - first)):
                    quanta = np.rint(distance_of_norm(distance[p], metric))
                    if quanta < current[first + p]:
                        influence = max(influence, reach_of(current[first + p], distance[p], metric))
                        current[first + p] = quanta
                        limit[first + p] = sum_of(quanta, metric)
                        changed = True
                if changed:
                    reach[c] = _reach(current, offsets, metric, n_rows, c)
    return influence


@inner
def _felt(point, since, rounds, pick_blocks, influence, metric, distance):
    """True where one of the picks ``since`` .. ``rounds`` - 1 may have changed the gain of ``point``."""
    for block in range(since // WIDTH, (rounds + WIDTH - 1) // WIDTH):
        block_norms(pick_blocks[block], point, metric, distance)
        for pick in range(max(since, block * WIDTH), min(rounds, (block + 1) * WIDTH)):
            if distance[pick - block * WIDTH] < influence[pick]:
                return True
    return False


@njit
def extend(
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
                evaluate(rows, blocks, centres, metric, multiplicity, current, limit, reach, stale, size, bound)
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
        influence[rounds] = pick(top, rows, blocks, centres, offsets, metric, current, limit, reach)
        for k in range(rows.shape[1]):
            pick_blocks[rounds // WIDTH, k, rounds % WIDTH] = rows[top, k]
        state[0] += 1
    return True
