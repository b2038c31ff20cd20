"""The vector instructions of selection against numpy."""

from __future__ import annotations

import numpy as np
import pytest

from craig_cli.jit import njit
from craig_cli.selection.distances import metrics
from craig_cli.selection.distances import simd as vectors
from craig_cli.selection.distances.simd import STEP, WIDTH


def compiled(intrinsic):
    return njit(lambda *arrays: intrinsic(*arrays), cache=False)


# name in metrics -> (sums of differences (d, WIDTH), what is made of a sum)
KINDS = {
    "roots": (lambda gaps: (gaps**2).sum(axis=0), np.sqrt),
    "absolutes": (lambda gaps: np.abs(gaps).sum(axis=0), np.copy),
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


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    """(norms, whole norms, both within limits, numpy's sums and what is made of them)."""
    names = (f"_{whole}{request.param}{within}" for within in ("", "_within") for whole in ("", "whole_"))
    return *(compiled(getattr(metrics, name)) for name in names), *KINDS[request.param]


@pytest.mark.parametrize("d", [1, 2, STEP - 1, STEP, STEP + 1, 3 * STEP, 54])
def test_norms_of_differences(d, kind):
    norms, whole_norms, _, _, sums_of, norm_of = kind
    block, point, gaps = data(d)
    out, whole = np.full(WIDTH, np.nan), np.full(WIDTH, np.nan)
    norms(block, point, out)
    np.testing.assert_allclose(out, norm_of(sums_of(gaps)), rtol=1e-14)
    whole_norms(block, point, whole)
    assert np.array_equal(whole, np.rint(out))


@pytest.mark.parametrize("d", [1, STEP, STEP + 1, 54])
def test_norms_within_a_limit_are_the_same_to_the_bit(d, kind):
    norms, _, within, whole_within, sums_of, _ = kind
    block, point, gaps = data(d)
    expected, sums = np.empty(WIDTH), sums_of(gaps)
    norms(block, point, expected)
    for lane in (0, 31, 32, 63):  # one row just within its limit is enough, wherever it is
        limit = np.zeros(WIDTH)
        limit[lane] = sums[lane] * (1 + 1e-9)
        out = np.full(WIDTH, np.nan)
        assert within(block, point, out, limit)
        assert np.array_equal(out, expected)
        assert whole_within(block, point, out, limit)
        assert np.array_equal(out, np.rint(expected))
        limit[lane] = sums[lane] * (1 - 1e-9)
        assert not within(block, point, out, limit)
        assert not whole_within(block, point, out, limit)


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
