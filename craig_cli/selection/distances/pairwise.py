"""The distance of two rows, one pair at a time, for kernels."""

from __future__ import annotations

import numpy as np

from craig_cli.jit import inner
from craig_cli.selection.distances.metrics import add_term, distance_of


@inner
def dense_distance(rows, a, b, metric):
    total = 0.0
    for k in range(rows.shape[1]):
        total = add_term(total, rows[a, k] - rows[b, k], metric)
    return distance_of(total, metric)


@inner
def sparse_distance(values, columns, starts, a, b, metric):
    total = 0.0
    s, t = starts[a], starts[b]
    while s < starts[a + 1] or t < starts[b + 1]:
        difference = 0.0
        column = min(
            columns[s] if s < starts[a + 1] else np.int32(2147483647),
            columns[t] if t < starts[b + 1] else np.int32(2147483647),
        )
        if s < starts[a + 1] and columns[s] == column:
            difference += values[s]
            s += 1
        if t < starts[b + 1] and columns[t] == column:
            difference -= values[t]
            t += 1
        total = add_term(total, difference, metric)
    return distance_of(total, metric)
