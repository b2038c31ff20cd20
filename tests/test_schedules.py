"""Steps of the schedules, by their formulas, and the orders of the rows."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from craig_cli.errors import UsageError
from craig_cli.registry import ORDERS, SCHEDULES
from craig_cli.training.orders import SPREAD, arrange, epoch_order, plan_visits
from craig_cli.training.schedules import DECAYS_TO_TRY, DEFAULT_DECAY, steps_of


def test_the_formulas():
    assert steps_of("constant", 2.0, None, 3, 1.0) == ([2.0, 2.0, 2.0], None)
    assert steps_of("exponential", 2.0, 0.5, 3, 1.0) == ([2.0, 1.0, 0.5], 0.5)
    assert steps_of("k-inverse", 2.0, 1.0, 3, 1.0) == ([2.0, 1.0, 2 / 3], 1.0)
    assert steps_of("power", 2.0, 0.5, 4, 1.0)[0] == pytest.approx([2.0, 2 / 2**0.5, 2 / 3**0.5, 1.0])


def test_auto_ends_at_the_step_asked_for():
    steps, decay = steps_of("auto", 4.0, None, 10, 0.01)
    assert steps[0] == 4.0
    assert steps[-1] == pytest.approx(0.01)
    assert steps == steps_of("auto", 4.0, decay, 10, 0.5)[0]
    assert steps_of("auto", 4.0, None, 10, 4.0)[0] == [4.0] * 10
    assert steps_of("auto", 4.0, None, 1, 0.01)[0] == [4.0]


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("epochs", [1, 2, 50])
def test_steps_are_positive_and_never_grow(schedule, epochs):
    steps, _ = steps_of(schedule, 3.0, None, epochs, 0.1)
    assert len(steps) == epochs
    assert all(0 < later <= earlier for earlier, later in pairwise(steps))


def test_every_schedule_with_a_decay_has_a_default_that_tuning_tries_first():
    assert {name: decays[0] for name, decays in DECAYS_TO_TRY.items()} == DEFAULT_DECAY
    assert set(DECAYS_TO_TRY) == set(SCHEDULES) - {"auto", "constant"}


@pytest.mark.parametrize(("schedule", "decay"), [("exponential", 1.5), ("exponential", 0.0), ("power", -1.0)])
def test_a_decay_that_is_none(schedule, decay):
    with pytest.raises(UsageError, match="--decay"):
        steps_of(schedule, 1.0, decay, 3, 1.0)


def test_an_unknown_schedule():
    with pytest.raises(UsageError, match="expected one of auto, constant"):
        steps_of("warp", 1.0, None, 3, 1.0)


def test_visits_split_heavy_rows_and_keep_their_weight():
    rng = np.random.default_rng(0)
    gamma = np.ones(400)
    gamma[[5, 77]] = 500.0, 90.0
    curvature = rng.uniform(0.5, 1.5, size=400)
    visits = plan_visits(gamma, curvature, split=True)
    np.testing.assert_allclose(np.bincount(visits.rows) * visits.share, gamma)
    assert visits.stiffest <= SPREAD * (gamma * curvature).mean() * (1 + 1e-12)
    assert len(visits) <= 400 * (1 + 1 / SPREAD) + 1
    # Spread out: the heaviest row is never away for more than twice its share of the epoch.
    gaps = np.diff(np.flatnonzero(visits.rows == 5))
    assert gaps.max() <= 2 * len(visits) / (visits.rows == 5).sum() + 1
    whole = plan_visits(gamma, curvature, split=False)
    np.testing.assert_array_equal(whole.rows, np.arange(400))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("block", [1, 8])
@pytest.mark.parametrize("heavy", [False, True])
def test_orders(order, block, heavy):
    gamma = np.ones(53)
    gamma[20] = 30.0 if heavy else 1.0
    visits = plan_visits(gamma, np.ones(53), split=True)
    first = epoch_order(order, visits, np.random.default_rng(2), block)
    again = epoch_order(order, visits, np.random.default_rng(2), block)
    np.testing.assert_array_equal(first, again)
    assert len(first) == len(visits) and (len(visits) > 53) == heavy
    if order == "replacement":
        assert set(first) < set(range(53))
    else:
        np.testing.assert_array_equal(np.sort(first), np.sort(visits.rows))
    if order in ("cyclic", "greedy"):
        _, place = np.unique(first, return_index=True)
        np.testing.assert_array_equal(np.delete(place, 20), np.sort(np.delete(place, 20)))
    if order == "shuffle" and not heavy:
        assert (first != epoch_order(order, visits, np.random.default_rng(3), block)).mean() > 0.8


def test_arrangements():
    rank = np.random.default_rng(1).permutation(50)
    rng = np.random.default_rng(2)
    np.testing.assert_array_equal(rank[arrange("greedy", 50, rank, rng)], np.arange(50))
    np.testing.assert_array_equal(np.sort(arrange("shuffle", 50, None, rng)), np.arange(50))
    assert arrange("cyclic", 50, None, rng) is None
    assert arrange("replacement", 50, None, rng) is None
