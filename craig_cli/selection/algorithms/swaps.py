"""Medoid swaps: every exemplar makes way for the best row of its own cluster.

Greedy never looks back, so by the end many a pick is no longer the medoid of the rows it serves. A round gathers the
rows of each pick and moves the pick to the one with the least total distance to all of them; assigning anew then lowers
L(S) = sum_i mult_i min_{j in S} d_ij  further. This is the alternating k-medoids iteration (Kaufman and Rousseeuw
1987), at the price of an assignment a round. A row takes the rank of the one it replaces.
"""

from __future__ import annotations

import numpy as np

from craig_cli import jit
from craig_cli.jit import inner, njit
from craig_cli.selection.distances.cells import Cells
from craig_cli.selection.distances.inverted_index import Index, Listed
from craig_cli.selection.distances.metrics import block_sums, distance_of
from craig_cli.selection.distances.pairwise import dense_distance, sparse_distance
from craig_cli.selection.distances.simd import WIDTH
from craig_cli.selection.distances.space import Space

CANDIDATES = 48  # of a larger cluster only so many rows, those nearest to its mean, are tried
SEVERAL = 16  # of those, from which on they are worth a block to the vector instructions


def swap_medoids(space: Space, picks: np.ndarray, rounds: int) -> np.ndarray:
    """``picks`` (r,) int64 rows of ``space`` after at most ``rounds`` rounds of swaps, in the same order of rank."""
    arranged = space.arranged
    arrays: tuple[np.ndarray, ...]
    # Dense rows are kept by position: row = row_of[position].
    if isinstance(arranged, Index):
        kernel, row_of = _sparse_medoids, np.arange(space.n_rows)
        arrays = (arranged.values, arranged.columns, arranged.starts)
    else:
        kernel, row_of = _dense_medoids, arranged.order
        arrays = (arranged.rows,)
    position = np.empty(space.n_rows, dtype=np.int64)
    position[row_of] = np.arange(space.n_rows)
    multiplicity = space.multiplicity[row_of]
    for _ in range(rounds):
        nearest = space.assign(picks, space.multiplicity, 1.0)[0][row_of]
        members = np.argsort(nearest, kind="stable")
        starts = np.searchsorted(nearest[members], np.arange(len(picks) + 1))
        exemplars = position[picks]
        jit.in_threads(kernel, *arrays, arranged.metric.code, multiplicity, members, starts, exemplars)
        moved = row_of[exemplars]
        if np.array_equal(moved, picks):
            break
        picks = moved
    return picks


def medoids_within(
    arranged: Cells | Listed, multiplicity: np.ndarray, nearest: np.ndarray, picks: np.ndarray, numbers: np.ndarray
) -> np.ndarray:
    """The medoids (r,) int64 of the clusters of ``picks`` (r,), all positions in ``arranged``.

    nearest  (n,) int64 index of each row's pick, or -1 of a row that belongs to none of them
    numbers  (n,) int64 of the rows in the data, in the order of which sparse ones are tried, as in memory
    """
    by_position = isinstance(arranged, Cells)
    members = np.argsort(nearest, kind="stable") if by_position else np.lexsort((numbers, nearest))
    starts = np.searchsorted(nearest[members], np.arange(len(picks) + 1))
    exemplars = picks.copy()
    arrays: tuple[np.ndarray, ...] = (arranged.rows,) if isinstance(arranged, Cells) else arranged.arrays
    kernel = _dense_medoids if isinstance(arranged, Cells) else _sparse_medoids
    jit.in_threads(kernel, *arrays, arranged.metric.code, multiplicity, members, starts, exemplars)
    return exemplars


@njit
def _dense_medoids(thread, threads, rows, metric, multiplicity, members, starts, picks):
    n_features = rows.shape[1]
    mean = np.empty(n_features)
    block = np.empty((n_features, WIDTH))
    candidates = np.empty(CANDIDATES + 1, dtype=np.int64)
    for j in range(thread, len(picks), threads):
        cluster = members[starts[j] : starts[j + 1]]
        tried = cluster
        if len(cluster) > CANDIDATES:
            mean[:] = 0.0
            mass = 0.0
            for i in cluster:
                mass += multiplicity[i]
                for k in range(n_features):
                    mean[k] += multiplicity[i] * rows[i, k]
            apart = np.empty(len(cluster))
            for t in range(len(cluster)):
                total = 0.0
                for k in range(n_features):
                    difference = rows[cluster[t], k] - mean[k] / mass
                    total += difference * difference
                apart[t] = total
            tried = cluster[np.argsort(apart, kind="mergesort")[:CANDIDATES]]
        # The pick itself comes first, so that only a better row takes its place.
        if len(tried) >= SEVERAL:
            candidates[0] = picks[j]
            candidates[1 : len(tried) + 1] = tried
            picks[j] = _best_of(candidates[: len(tried) + 1], cluster, rows, multiplicity, metric, block)
            continue
        best = picks[j]
        least = np.inf
        for t in range(-1, len(tried)):
            candidate = picks[j] if t < 0 else tried[t]
            total = 0.0
            for i in cluster:
                total += multiplicity[i] * dense_distance(rows, candidate, i, metric)
                if total >= least:
                    break
            if total < least:
                least = total
                best = candidate
        picks[j] = best


@inner
def _best_of(candidates, cluster, rows, multiplicity, metric, block):
    """Of up to WIDTH candidates the first with the least total distance to the cluster, all of them at a time."""
    for k in range(rows.shape[1]):
        for t in range(WIDTH):
            block[k, t] = rows[candidates[min(t, len(candidates) - 1)], k]
    sums, totals = np.empty(WIDTH), np.zeros(WIDTH)
    for i in cluster:
        block_sums(block, rows[i], metric, sums)
        for t in range(WIDTH):
            totals[t] += multiplicity[i] * distance_of(sums[t], metric)
    return candidates[np.argmin(totals[: len(candidates)])]


@njit
def _sparse_medoids(thread, threads, values, columns, starts_of, metric, multiplicity, members, starts, picks):
    for j in range(thread, len(picks), threads):
        cluster = members[starts[j] : starts[j + 1]]
        best = picks[j]
        least = np.inf
        for t in range(-1, min(len(cluster), CANDIDATES)):
            candidate = picks[j] if t < 0 else cluster[t]
            total = 0.0
            for i in cluster:
                total += multiplicity[i] * sparse_distance(values, columns, starts_of, candidate, i, metric)
                if total >= least:
                    break
            if total < least:
                least = total
                best = candidate
        picks[j] = best
