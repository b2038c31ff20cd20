"""The cover problem in pieces, as selection/cover.py: the smallest greedy prefix whose bound is at most epsilon.

All leaves' picks above a common gain are a prefix of the greedy order. The gain is lowered until that is enough.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from craig_cli.errors import DataError
from craig_cli.selection.merge import merge
from craig_cli.selection.quotas import merge_orders
from craig_cli.streaming.picking import Class
from craig_cli.streaming.scratch import Scratch

FILE = "cover"
LOWER = 4.0  # times lower is the next gain
FIRST = 0.01  # of the rows


def cover(classes: list[Class], masses: np.ndarray, epsilon: float, check: Callable[[int], None]) -> np.ndarray:
    """(k,) int64 picks of each class, which ``Class.picks`` then finds in the scratch folder.

    masses  (k,) what the rows of each class count; check: told how many picks there are, raises where they are too many

    Raises DataError where all different rows together are not enough.
    """
    folder = classes[0].folder
    depth, number = _first_gain(classes, folder), 0
    while True:
        picks = [each.above(depth) for each in classes]
        check(sum(len(arrays["row"]) for arrays, _ in picks))
        parts = [each.bounded(arrays, f"{FILE}{number}") for each, (arrays, _) in zip(classes, picks)]
        gains = [arrays["gain"] for arrays, _ in picks]
        bounds = merge(parts, *merge_orders([part.rows for part in parts], gains, masses))
        enough = np.flatnonzero(bounds.epsilon <= epsilon)
        if len(enough) or all(is_all for _, is_all in picks):
            break
        depth, number = depth / LOWER if depth > 1e-300 else 0.0, number + 1
    if len(enough) == 0:
        raise DataError(f"epsilon {epsilon:g}: cannot be reached, all rows together give {bounds.epsilon[-1]:g}")
    kept = bounds.index[: enough[0] + 1]
    counts = np.array([np.isin(arrays["row"], kept).sum() for arrays, _ in picks])
    for each, (arrays, _), count in zip(classes, picks, counts.tolist()):
        folder.save(each.name, {key: array[:count] for key, array in arrays.items()})
    return counts


def _first_gain(classes: list[Class], folder: Scratch) -> float:
    """Above which all picks are known after a first look at each leaf; the same where the run was stopped since."""
    for each in classes:
        each.greedy(1, round(1.0 / FIRST))
    if not folder.has(FILE):
        folder.save(FILE, {}, depth=max(each.known_above() for each in classes))
    return folder.load(FILE)[1]["depth"]
