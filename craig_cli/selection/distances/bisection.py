"""Nearby rows together: a run of rows is split in two along its main direction, again and again.

Cells, the blocks of ``partition`` and the strata are all cut this way. How a run is cut depends on its own rows alone,
so the result is the same at any number of threads.
"""

from __future__ import annotations

import numpy as np

from craig_cli import jit
from craig_cli.jit import inner, njit, prefetch
from craig_cli.selection.distances.simd import dot

HALVINGS = 4  # of a large run before its parts go to the threads
LARGE = 100_000  # rows of a run that is worth it
SAMPLE = 256  # rows whose main direction is found from all of them; of more, from every second, third, ...
DEEPEST = 65  # parts of a run that wait: one a halving, and the whole
_AHEAD = 8  # rows between the one that is asked for and the one that is read, which lie all over memory


def split(rows: np.ndarray, width: int, block: int) -> np.ndarray:
    """Order (n,) int64 of the rows in which each run of ``width``, and each of ``block``, is a group of nearby rows."""
    rows = np.ascontiguousarray(rows, dtype=np.float64)
    order = np.arange(len(rows))
    keys = np.empty(len(rows))
    bounds = np.array([[0, len(rows)]])
    # The first halves one after the other, then each by itself: how a run is split does not depend on the others.
    for _ in range(HALVINGS if len(rows) > LARGE else 0):
        middles = np.empty(len(bounds), dtype=np.int64)
        jit.in_threads(_halve_all, rows, order, keys, bounds, width, block, middles)
        split_up = middles > 0
        bounds = np.stack([bounds[split_up, 0], middles[split_up], bounds[split_up, 1]], axis=1)
        bounds = np.concatenate([bounds[:, :2], bounds[:, 1:]])
    jit.in_threads(_split, rows, order, keys, bounds, width, block, most=len(bounds))
    return order


@inner
def main_direction(rows, order, start, stop, direction, sample):
    """Principal direction of a sample of the rows, by a few power iterations from the widest coordinate.

    ``sample`` (SAMPLE, d) gets the rows of the sample less their mean: all of them, in order, where they are fewer.
    False where they are all alike.
    """
    n_features = rows.shape[1]
    step = max(1, (stop - start) // (SAMPLE // 2))
    count = 0
    mean = np.zeros(n_features)
    for t in range(start, stop, step):
        row, copy = rows[order[t]], sample[count]
        for k in range(n_features):
            copy[k] = row[k]
            mean[k] += row[k]
        count += 1
    for k in range(n_features):
        mean[k] /= count
    direction[:] = 0.0
    for s in range(count):
        copy = sample[s]
        for k in range(n_features):
            copy[k] -= mean[k]
            direction[k] += copy[k] * copy[k]
    widest = 0
    for k in range(n_features):
        if direction[k] > direction[widest]:
            widest = k
    if direction[widest] == 0.0:
        return False
    direction[:] = 0.0
    direction[widest] = 1.0
    following = mean
    for _ in range(4):
        following[:] = 0.0
        for s in range(count):
            copy = sample[s]
            along = dot(copy, direction)
            for k in range(n_features):
                following[k] += along * copy[k]
        norm = 0.0
        for k in range(n_features):
            norm += following[k] * following[k]
        if norm == 0.0:
            return True
        norm = 1.0 / np.sqrt(norm)
        for k in range(n_features):
            direction[k] = following[k] * norm
    return True


@inner
def positions_along(rows, order, start, stop, direction, sample, keys):
    """keys[start:stop] = <row, direction>, up to a constant, for the ``sample`` that ``main_direction`` left."""
    if stop - start < SAMPLE:
        for t in range(start, stop):
            keys[t] = dot(sample[t - start], direction)
        return
    width = rows.shape[1]
    flat = rows.reshape(-1)
    for t in range(start, stop):
        if t + _AHEAD < stop:
            first = order[t + _AHEAD] * width
            for k in range(first, first + width, 8):
                prefetch(flat, k)
            prefetch(flat, first + width - 1)
        keys[t] = dot(rows[order[t]], direction)


@inner
def part_by(pivot, keys, order, low, high):
    """Reorder low .. high by their keys: (end, start), up to end none is above the pivot, from start on none below it.

    What is between them equals the pivot (Hoare).
    """
    i, j = low, high
    while i <= j:
        while keys[i] < pivot:
            i += 1
        while keys[j] > pivot:
            j -= 1
        if i <= j:
            keys[i], keys[j] = keys[j], keys[i]
            order[i], order[j] = order[j], order[i]
            i += 1
            j -= 1
    return j, i


@inner
def select_nth(keys, order, start, stop, nth):
    """Quickselect: afterwards no key before position ``nth`` is larger than one at or behind it."""
    low = start
    high = stop - 1
    while low < high:
        middle = (low + high) >> 1
        a, b, c = keys[low], keys[middle], keys[high]
        pivot = max(min(a, b), min(max(a, b), c))
        j, i = part_by(pivot, keys, order, low, high)
        if nth <= j:
            high = j
        elif nth >= i:
            low = i
        else:
            return


@inner
def _halve(rows, order, keys, start, stop, width, block, direction, sample):
    """Split a run in two along its main direction; where the second half begins, or -1 where the run stays whole."""
    unit = block if stop - start > block else width
    groups = (stop - start + unit - 1) // unit
    if groups <= 1 or not main_direction(rows, order, start, stop, direction, sample):
        return -1
    positions_along(rows, order, start, stop, direction, sample, keys)
    middle = start + (groups // 2) * unit  # whole groups to the left: only the last one is ever short
    select_nth(keys, order, start, stop, middle)
    return middle


@njit
def _halve_all(thread, threads, rows, order, keys, bounds, width, block, middles):
    direction = np.empty(rows.shape[1])
    sample = np.empty((min(SAMPLE, len(rows)), rows.shape[1]))
    for run in range(thread, len(bounds), threads):
        middles[run] = _halve(rows, order, keys, bounds[run, 0], bounds[run, 1], width, block, direction, sample)


@njit
def _split(thread, threads, rows, order, keys, bounds, width, block):
    direction = np.empty(rows.shape[1])
    sample = np.empty((min(SAMPLE, len(rows)), rows.shape[1]))
    starts = np.empty(DEEPEST, dtype=np.int64)
    stops = np.empty(DEEPEST, dtype=np.int64)
    for run in range(thread, len(bounds), threads):
        starts[0], stops[0] = bounds[run, 0], bounds[run, 1]
        waiting = 1
        while waiting > 0:
            waiting -= 1
            start, stop = starts[waiting], stops[waiting]
            middle = _halve(rows, order, keys, start, stop, width, block, direction, sample)
            if middle >= 0:
                starts[waiting], stops[waiting] = middle, stop
                starts[waiting + 1], stops[waiting + 1] = start, middle
                waiting += 2
