"""The distance of two rows, one pair at a time, for kernels."""

from __future__ import annotations

import numpy as np

from craig_cli.jit import inner
from craig_cli.selection.distances.metrics import MANHATTAN


@inner
def sparse_gap(values, columns, starts, a, b, metric):
    """Sum of squares (or of absolute values, for Manhattan) of the difference of two sparse rows."""
    total = 0.0
    s, t = starts[a], starts[b]
    while s < starts[a + 1] or t < starts[b + 1]:
        gap = 0.0
        column = min(
            columns[s] if s < starts[a + 1] else np.int32(2147483647),
            columns[t] if t < starts[b + 1] else np.int32(2147483647),
        )
        if s < starts[a + 1] and columns[s] == column:
            gap += values[s]
            s += 1
        if t < starts[b + 1] and columns[t] == column:
            gap -= values[t]
            t += 1
        total += abs(gap) if metric == MANHATTAN else gap * gap
    return total
