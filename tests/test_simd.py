"""The vector instructions of selection against numpy."""

from __future__ import annotations

import numpy as np
import pytest

from craig_cli.jit import njit
from craig_cli.registry import METRICS, load
from craig_cli.selection.distances import metrics, single
from craig_cli.selection.distances import simd as vectors
from craig_cli.selection.distances.pairwise import dense_distance
from craig_cli.selection.distances.simd import LANES, STEP, WIDTH


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
def below(numbers, limit):
    return single.below(numbers, limit)


@njit
def at_once(points, limits):
    """The addresses of points and of their limits."""
    addresses = np.empty(2 * single.AT_ONCE, dtype=np.int64)
    for i in range(single.AT_ONCE):
        addresses[i], addresses[single.AT_ONCE + i] = single.at(points, i), single.at(limits, i)
    return addresses


def bits(flags):
    return sum(1 << p for p in range(WIDTH) if flags[p])


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


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("d", [1, STEP + 1, 54])
def test_few_rows_and_single_pairs_have_the_same_bits(d, metric):
    """Those of all rows of a block, and the sums those of one pair after the other."""
    kind = load(METRICS, metric)
    block, point, _ = data(d)
    all_rows, few, sums = np.empty(WIDTH), np.empty(WIDTH), np.empty(WIDTH)
    _compiled(metrics.block_norms, kind.code)(block, point, all_rows)
    of_few = _compiled(metrics.block_norms_of_few, kind.code)
    for lane in range(0, WIDTH, LANES):
        of_few(block[:, lane:], point, few[lane:])
    assert np.array_equal(few, all_rows)
    _compiled(metrics.block_sums, kind.code)(block, point, sums)
    rows, code = np.vstack([block.T, point]), kind.code
    pair = njit(lambda p: dense_distance(rows, p, WIDTH, code), cache=False)
    whole = njit(lambda total: metrics.distance_of(total, code), cache=False)
    assert [whole(total) for total in sums] == [pair(p) for p in range(WIDTH)]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("d", [1, 2, single.STEP - 1, single.STEP, 2 * single.STEP + 1])
def test_which_rows_may_be_near_some_points(d, metric):
    generator = np.random.default_rng(d)
    block = generator.standard_normal((d, WIDTH)).astype(np.float32)
    points = generator.standard_normal((single.AT_ONCE, d)).astype(np.float32)
    sums = np.stack([KINDS[metric][0](block - point[:, None]) for point in points])
    limits = (sums * generator.choice([0.999, 1.001], sums.shape)).astype(np.float32)
    limits[1, 7], limits[2, 8], limits[3] = np.inf, -1.0, 0.999 * sums[3]
    found = np.empty(single.AT_ONCE, dtype=np.uint64)
    _compiled(metrics.block_near, load(METRICS, metric).code)(block, at_once(points, limits), found)
    assert found.tolist() == [bits(near) for near in sums <= limits]
    assert found[3] == 0


@pytest.mark.parametrize("d", [1, 17, 54])
def test_products_in_single_precision(d):
    generator = np.random.default_rng(d)
    block = generator.standard_normal((d, WIDTH)).astype(np.float32)
    points = generator.standard_normal((single.AT_ONCE, d)).astype(np.float32)
    starts = generator.standard_normal((single.AT_ONCE, WIDTH)).astype(np.float32)
    out, farthest = np.empty(WIDTH, dtype=np.float32), np.empty(single.AT_ONCE, dtype=np.float32)
    compiled(single.products)(block, points[0], out)
    np.testing.assert_allclose(out, points[0] @ block, atol=1e-4)
    compiled(single.farthest_along)(block, at_once(points, starts), farthest)
    np.testing.assert_allclose(farthest, (starts + points @ block).max(axis=1), atol=1e-4)


def test_which_are_below_their_limits():
    generator = np.random.default_rng(0)
    distance, limit = generator.integers(0, 4, WIDTH) * 1.0, generator.integers(0, 4, WIDTH) * 1.0
    limit[5] = np.inf
    assert int(near(distance, limit)) == bits(distance < limit)
    numbers = distance.astype(np.float32)
    assert int(below(numbers, np.float32(2.0))) == bits(distance < 2.0)
    assert int(below(numbers, np.float32(np.inf))) == 2**WIDTH - 1
