"""Quotas per class, and the merging of greedy orders."""

import numpy as np
import pytest

from craig_cli.errors import UsageError
from craig_cli.selection.quotas import class_quotas, merge_orders


@pytest.mark.parametrize(
    ("counts", "budget", "expected"),
    [
        ([50, 50], 10, [5, 5]),
        ([90, 10], 10, [9, 1]),
        ([995, 5], 10, [9, 1]),  # proportional is 9.95 and 0.05; nobody gets nothing
        ([34, 33, 33], 10, [4, 3, 3]),  # 3.4, 3.3, 3.3: the largest remainder is served
        ([1, 1, 1], 2, None),
        ([60, 40], 100, [60, 40]),
        ([996, 2, 2], 6, [4, 1, 1]),
    ],
)
def test_quotas_are_proportional_and_sum_to_the_budget(counts, budget, expected):
    counts = np.array(counts, dtype=float)
    if expected is None:
        with pytest.raises(UsageError, match="one a class"):
            class_quotas(counts, budget, counts.astype(int))
        return
    assert class_quotas(counts, budget, counts.astype(int)).tolist() == expected


def test_quotas_stay_within_what_there_is():
    # Multiplicities make the first class heavy, but it has only three rows to give.
    quotas = class_quotas(np.array([1000.0, 50.0, 50.0]), 23, np.array([3, 50, 50]))
    assert quotas.tolist() == [3, 10, 10]


def test_quotas_hold_for_random_classes():
    rng = np.random.default_rng(0)
    for _ in range(300):
        capacity = rng.integers(1, 200, rng.integers(1, 9))
        counts = capacity * rng.choice([1.0, 1.0, 7.5], len(capacity))
        budget = int(rng.integers(len(capacity), capacity.sum() + 1))
        quotas = class_quotas(counts, budget, capacity)
        assert quotas.sum() == budget
        assert (quotas >= 1).all()
        assert (quotas <= capacity).all()


def test_merging_follows_the_gains_after_the_first_picks():
    picks = [np.array([4, 2, 9]), np.array([7, 1])]
    gains = [np.array([np.inf, 5.0, 1.0]), np.array([np.inf, 3.0])]
    group, place = merge_orders(picks, gains, np.array([30.0, 70.0]))
    merged = [int(picks[g][p]) for g, p in zip(group, place)]
    assert merged == [7, 4, 2, 1, 9]
