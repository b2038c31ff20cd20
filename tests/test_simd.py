"""The vector instructions of selection against numpy."""

from __future__ import annotations

import numpy as np
import pytest

from craig_cli.jit import njit
from craig_cli.selection.distances import simd as vectors
from craig_cli.selection.distances.simd import STEP, WIDTH


@njit
def distances(block, point, manhattan, out):
    vectors.distances(block, point, manhattan, out)


@njit
def whole_distances(block, point, manhattan, out):
    vectors.whole_distances(block, point, manhattan, out)


@njit
def distances_within(block, point, manhattan, limit, out):
    return vectors.distances_within(block, point, manhattan, limit, out)


@njit
def whole_distances_within(block, point, manhattan, limit, out):
    return vectors.whole_distances_within(block, point, manhattan, limit, out)


@njit
def products(block, point, out):
    vectors.products(block, point, out)


@njit
def near(distance, limit):
    return vectors.near(distance, limit)


@njit
def below(distance, limit):
    return vectors.below(distance, limit)


def data(d):
    generator = np.random.default_rng(d)
    block, point = 100 * generator.standard_normal((d, WIDTH)), 100 * generator.standard_normal(d)
    gaps = block - point[:, None]
    return block, point, gaps


@pytest.mark.parametrize("manhattan", [False, True])
@pytest.mark.parametrize("d", [1, 2, STEP - 1, STEP, STEP + 1, 3 * STEP, 54])
def test_distances(d, manhattan):
    block, point, gaps = data(d)
    expected = np.abs(gaps).sum(axis=0) if manhattan else np.sqrt((gaps**2).sum(axis=0))
    out, whole = np.full(WIDTH, np.nan), np.full(WIDTH, np.nan)
    distances(block, point, manhattan, out)
    np.testing.assert_allclose(out, expected, rtol=1e-14)
    whole_distances(block, point, manhattan, whole)
    assert np.array_equal(whole, np.rint(out))


@pytest.mark.parametrize("manhattan", [False, True])
@pytest.mark.parametrize("d", [1, STEP, STEP + 1, 54])
def test_distances_within_a_limit_are_the_same_to_the_bit(d, manhattan):
    block, point, _ = data(d)
    expected = np.empty(WIDTH)
    distances(block, point, manhattan, expected)
    sums = expected if manhattan else expected**2
    for lane in (0, 31, 32, 63):  # one row just within its limit is enough, wherever it is
        limit = np.zeros(WIDTH)
        limit[lane] = sums[lane] * (1 + 1e-9)
        out = np.full(WIDTH, np.nan)
        assert distances_within(block, point, manhattan, limit, out)
        assert np.array_equal(out, expected)
        assert whole_distances_within(block, point, manhattan, limit, out)
        assert np.array_equal(out, np.rint(expected))
        limit[lane] = sums[lane] * (1 - 1e-9)
        assert not distances_within(block, point, manhattan, limit, out)
        assert not whole_distances_within(block, point, manhattan, limit, out)


@pytest.mark.parametrize("d", [1, STEP + 1, 54])
def test_products(d):
    block, point, _ = data(d)
    out = np.full(WIDTH, np.nan)
    products(block, point, out)
    np.testing.assert_allclose(out, point @ block, rtol=1e-12, atol=1e-9)


def test_which_are_below_their_limits():
    generator = np.random.default_rng(0)
    distance, limit = generator.integers(0, 4, WIDTH) * 1.0, generator.integers(0, 4, WIDTH) * 1.0
    limit[5] = np.inf
    assert int(near(distance, limit)) == sum(1 << p for p in range(WIDTH) if distance[p] < limit[p])
    assert int(below(distance, 2.0)) == sum(1 << p for p in range(WIDTH) if distance[p] < 2.0)
    assert int(below(distance, np.inf)) == 2**WIDTH - 1
