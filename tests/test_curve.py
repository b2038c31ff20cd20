"""epsilon against size, and where the bound flattens."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from craig_cli.artifacts.coreset import Coreset
from craig_cli.evaluation.curve import curve_of, knee, some_sizes, thin


def coreset_of(epsilon, **facts) -> Coreset:
    epsilon = np.asarray(epsilon, dtype=float)
    size = len(epsilon)
    facts = {"n": 10 * size, "algorithm": "lazy", "units": "feature distance"} | facts
    return Coreset(np.arange(size), np.full(size, 10.0), np.arange(size), epsilon, facts)


def test_sizes_without_a_bound_are_left_out():
    found = curve_of(coreset_of([np.inf, np.inf, 9, 3, 2, 1.5]))
    assert found["curve"] == {"size": [3, 4, 5, 6], "epsilon": [9, 3, 2, 1.5]}
    assert (found["knee"], found["knee_epsilon"]) == (4, 3.0)
    assert not found["thinned"]


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_the_knee_of_a_power_law_is_where_calculus_says(power):
    size = np.arange(1, 2001, dtype=float)
    epsilon = size**-power
    # Slope of the chord: power * k^(-power - 1) = (1 - K^-power) / (K - 1)
    expected = ((1 - 2000.0**-power) / 1999 / power) ** (-1 / (power + 1))
    assert abs(size[knee(size, epsilon)] - expected) <= 1


def test_the_knee_does_not_feel_the_units():
    size = np.arange(2, 300)
    epsilon = 1.0 / np.sqrt(size)
    assert knee(size, epsilon) == knee(size, 1e6 * epsilon + 17) == knee(10 * size, epsilon)


@pytest.mark.parametrize("facts", [{"algorithm": "random"}, {"algorithm": "strata"}, {"exemplar": "member"}])
def test_no_knee_without_a_greedy_order(facts):
    found = curve_of(coreset_of([9, 5, 3, 2, 1], **facts))
    assert found["knee"] is None
    assert "not those of the greedy" in found["why_no_knee"]


@pytest.mark.parametrize("epsilon", [[1.0], [np.inf, 3.0], [2.0, 2.0, 2.0], [np.inf, np.inf]])
def test_no_knee_of_what_does_not_fall(epsilon):
    found = curve_of(coreset_of(epsilon))
    assert found["knee"] is None
    assert found["epsilon"] == (epsilon[-1] if np.isfinite(epsilon[-1]) else None)


def test_long_curves_are_thinned_and_keep_ends_and_knee():
    found = curve_of(coreset_of(1.0 / np.sqrt(np.arange(1, 50_001))))
    sizes = found["curve"]["size"]
    assert found["thinned"]
    assert len(sizes) <= 1001
    assert (sizes[0], sizes[-1]) == (1, 50_000)
    assert found["knee"] in sizes
    assert sizes == sorted(set(sizes))
    rows = some_sizes(sizes, found["knee"])
    assert len(rows) <= 13
    # Each is about 2.7 times the one before, though the curve itself is thinned already.
    assert all(sizes[after] <= 3.5 * sizes[before] for before, after in itertools.pairwise(rows))
    assert (sizes[rows[0]], sizes[rows[-1]]) == (1, 50_000)
    assert found["knee"] in [sizes[row] for row in rows]
    np.testing.assert_array_equal(thin(3, 10), [0, 1, 2])
