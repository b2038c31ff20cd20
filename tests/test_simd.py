"""The vector instructions of selection against numpy."""

from __future__ import annotations

import numpy as np
import pytest

from craig_cli.jit import njit
from craig_cli.registry import METRICS, load
from craig_cli.selection.distances import metrics
from craig_cli.selection.distances import simd as vectors
from craig_cli.selection.distances.simd import STEP, WIDTH


def compiled(intrinsic):
    return njit(lambda *arrays: intrinsic(*arrays), cache=False)


# metric -> (sums of differences (d, WIDTH), the norm of a sum, the distance of a norm)
KINDS = {
    "euclidean": (lambda gaps: (gaps**2).sum(axis=0), np.sqrt, np.copy),
    "cosine": (lambda gaps: (gaps**2).sum(axis=0), np.sqrt, lambda norms: 0.5 * norms * norms),
    "manhattan": (lambda gaps: np.abs(gaps).sum(axis=0), np.copy, np.copy),
    "chebyshev": (lambda gaps: np.abs(gaps).max(axis=0), np.copy, np.copy),
}


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


@pytest.fixture(scope="module", params=METRICS)
def kind(request):
    """(norms, distances in whole quanta, both within limits, what numpy makes of differences)."""
    code = load(METRICS, request.param).code
    all_rows = (metrics.block_norms, metrics.block_quanta)
    within = (metrics.block_norms_within, metrics.block_quanta_within)
    return (
        *(_compiled(each, code) for each in all_rows),
        *(_compiled(each, code) for each in within),
        *KINDS[request.param],
    )


def _compiled(function, code):
    return njit(lambda block, point, *rest: function(block, point, code, *rest), cache=False)


@pytest.mark.parametrize("d", [1, 2, STEP - 1, STEP, STEP + 1, 3 * STEP, 54])
def test_norms_of_differences(d, kind):
    norms, whole, _, _, sums_of, norm_of, distance_of = kind
    block, point, gaps = data(d)
    out, quanta = np.full(WIDTH, np.nan), np.full(WIDTH, np.nan)
    norms(block, point, out)
    np.testing.assert_allclose(out, norm_of(sums_of(gaps)), rtol=1e-14)
    whole(block, point, quanta)
    assert np.array_equal(quanta, np.rint(distance_of(out)))


@pytest.mark.parametrize("d", [1, STEP, STEP + 1, 54])
def test_norms_within_a_limit_are_the_same_to_the_bit(d, kind):
    norms, _, within, whole_within, sums_of, _, distance_of = kind
    block, point, gaps = data(d)
    expected, sums = np.empty(WIDTH), sums_of(gaps)
    norms(block, point, expected)
    for lane in (0, 31, 32, 63):  # one row just within its limit is enough, wherever it is
        limit = np.zeros(WIDTH)
        limit[lane] = sums[lane] * (1 + 1e-9)
        out = np.full(WIDTH, np.nan)
        assert within(block, point, limit, out)
        assert np.array_equal(out, expected)
        assert whole_within(block, point, limit, out)
        assert np.array_equal(out, np.rint(distance_of(expected)))
        limit[lane] = sums[lane] * (1 - 1e-9)
        assert not within(block, point, limit, out)
        assert not whole_within(block, point, limit, out)


@pytest.mark.parametrize("d", [1, STEP + 1, 54])
def test_products(d):
    block, point, _ = data(d)
    out = np.full(WIDTH, np.nan)
    compiled(vectors.products)(block, point, out)
    np.testing.assert_allclose(out, point @ block, rtol=1e-12, atol=1e-9)


def test_which_are_below_their_limits():
    generator = np.random.default_rng(0)
    distance, limit = generator.integers(0, 4, WIDTH) * 1.0, generator.integers(0, 4, WIDTH) * 1.0
    limit[5] = np.inf
    assert int(near(distance, limit)) == sum(1 << p for p in range(WIDTH) if distance[p] < limit[p])
    assert int(below(distance, 2.0)) == sum(1 << p for p in range(WIDTH) if distance[p] < 2.0)
    assert int(below(distance, np.inf)) == 2**WIDTH - 1
