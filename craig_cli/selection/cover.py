"""The cover problem (equation 12): the smallest greedy prefix whose bound is at most epsilon."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from craig_cli.errors import DataError
from craig_cli.selection.groups import Group
from craig_cli.selection.merge import merge_by_gain, part_of
from craig_cli.selection.weights.clusters import cluster

Progress = Callable[[float, float], None]


def cover(
    groups: list[Group], orders: list, epsilon: float, grid: float, progress: Progress | None
) -> list[np.ndarray]:
    """The picks of each group in the smallest prefix of the greedy order whose bound is at most ``epsilon``.

    orders  of each group what its algorithm began, see algorithms/; they are extended as far as it takes

    Raises DataError where all rows together are not enough.
    """
    for order in orders:
        order.extend(2)
    goal = None
    threshold = np.inf
    while True:
        picks = [order.picks for order in orders]
        gains = [order.gains for order in orders]
        parts = [part_of(group, cluster(group, part, grid), None, grid) for group, part in zip(groups, picks)]
        selection = merge_by_gain(groups, parts, gains)
        reached = float(selection.epsilon[-1])
        goal = reached if goal is None else goal
        if progress is not None and goal > epsilon:
            progress(min(1.0, (goal - reached) / (goal - epsilon)), 1.0)
        exhausted = all(len(part) == len(group.rows) for part, group in zip(picks, groups))
        if reached <= epsilon or exhausted:
            break
        # Every group's picks above a common gain are a prefix of the common order; lower the gain until it is enough.
        threshold = min(threshold, max(float(gain[-1]) for gain in gains if len(gain) > 1)) / 2
        for group, order in zip(groups, orders):
            order.extend(len(group.rows), min_gain=threshold)
    enough = np.flatnonzero(selection.epsilon <= epsilon)
    if len(enough) == 0:
        raise DataError(f"epsilon {epsilon:g}: cannot be reached, all rows together give {selection.epsilon[-1]:g}")
    kept = selection.index[: enough[0] + 1]
    return [part[: int(np.isin(group.rows[part], kept).sum())] for group, part in zip(groups, picks)]
