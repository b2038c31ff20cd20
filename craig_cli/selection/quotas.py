"""How many elements each class gets, and the order of all classes' elements together."""

from __future__ import annotations

import numpy as np

from craig_cli.errors import UsageError
from craig_cli.selection.groups import Group


def group_quotas(
    groups: list[Group], budget: int, by_influence: float = 0.0, most: np.ndarray | None = None
) -> np.ndarray:
    """(k,) int64 picks for each group, in proportion to influence^a rows^(1 - a), a being ``by_influence``.

    most  (k,) int64, no group gets more; None: its rows
    """
    mass, influence = (np.array([getattr(group, key) for group in groups]) for key in ("mass", "influence"))
    capacity = np.array([group.n_rows for group in groups]) if most is None else most
    return class_quotas(shares_of(mass, influence, by_influence), budget, capacity)


def shares_of(mass: np.ndarray, influence: np.ndarray, by_influence: float) -> np.ndarray:
    """(k,) in proportion to which groups get picks, whose rows count ``mass`` (k,) and have this ``influence`` (k,)."""
    return mass ** (1.0 - by_influence) * influence**by_influence


def class_quotas(counts: np.ndarray, budget: int, capacity: np.ndarray) -> np.ndarray:
    """(k,) int64 elements for each class: proportional to ``counts``, largest remainder, summing to ``budget``.

    counts    (k,) float64, the rows (or their multiplicities) each class stands for
    capacity  (k,) int64, the rows there are to choose from in each class

    Every class gets at least one and at most its capacity; what is over goes by the same rule to the others. Of
    equal remainders the earlier class is served. Raises UsageError where the budget is below one a class.
    """
    n_classes = len(counts)
    if budget < n_classes:
        raise UsageError(f"expected a coreset of at least {n_classes} elements, one a class, found {budget}")
    quotas = np.ones(n_classes, dtype=np.int64)
    while True:
        # Classes at their floor of one or at their capacity are settled; the rest share what remains.
        share = counts * (budget / counts.sum())
        floor = np.zeros(n_classes, dtype=bool)
        full = np.zeros(n_classes, dtype=bool)
        while True:
            open_ = ~(floor | full)
            remaining = budget - floor.sum() - capacity[full].sum()
            if not open_.any():
                break
            share[open_] = counts[open_] * (remaining / counts[open_].sum())
            over = open_ & (share >= capacity)
            if over.any():
                full |= over
                continue
            under = open_ & (share < 1.0)
            if under.any():
                floor |= under
                continue
            break
        quotas[floor] = 1
        quotas[full] = capacity[full]
        whole = np.floor(share[open_]).astype(np.int64)
        missing = int(remaining) - int(whole.sum())
        order = np.argsort(-(share[open_] - whole), kind="stable")
        whole[order[:missing]] += 1
        quotas[open_] = whole
        return quotas


def merge_orders(picks: list[np.ndarray], gains: list[np.ndarray], masses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(group, position): the groups' greedy orders as one, by falling marginal gain; ties go to the lower row.

    picks   rows of each group in its greedy order; gains: the same with their marginal gains, the first one inf
    masses  (k,) what each group stands for: the first picks, whose gains are all infinite (the auxiliary element
            is infinitely far away), come first of all, largest group first

    The objectives of the groups are separable, so this is the greedy order of the whole.
    """
    group = np.repeat(np.arange(len(picks)), [len(part) for part in picks])
    position = np.concatenate([np.arange(len(part)) for part in picks])
    gain = np.concatenate(gains)
    row = np.concatenate([_never_falling_in_ties(part, gain) for part, gain in zip(picks, gains)])
    first = position == 0
    mass = np.where(first, masses[group], 0.0)
    order = np.lexsort((position, row, -np.where(first, 0.0, gain), -mass, ~first))
    return group[order], position[order]


def _never_falling_in_ties(rows: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """``rows``, in each run of equal gains replaced by its running maximum: sorting by it keeps a group's own order."""
    run = np.concatenate([[0], np.cumsum(np.diff(gains) != 0)])
    lift = run * (int(rows.max(initial=0)) + 1)
    return np.maximum.accumulate(rows + lift) - lift
