"""The search for the nearest pick against one that looks at all of them."""

from __future__ import annotations

import numpy as np
import pytest

from craig_cli.jit import njit
from craig_cli.registry import METRICS, load
from craig_cli.selection.algorithms.swaps import medoids_within
from craig_cli.selection.distances import assignment
from craig_cli.selection.distances.assignment import nearest_of, nearest_of_few
from craig_cli.selection.distances.bunches import BUNCH, arrange_points, regions_of
from craig_cli.selection.distances.cells import build_cells
from craig_cli.selection.distances.metrics import block_norms, distance_of_norm
from craig_cli.selection.distances.simd import WIDTH
from craig_cli.selection.distances.space import build_space


@njit
def _all_distances(blocks, points, metric, distances):
    for c in range(len(blocks)):
        for j in range(len(points)):
            block_norms(blocks[c], points[j], metric, distances[j, c * WIDTH : (c + 1) * WIDTH])
            for p in range(c * WIDTH, (c + 1) * WIDTH):
                distances[j, p] = distance_of_norm(distances[j, p], metric)


def of_all(cells, points, constants, grid):
    """(nearest, change) of all points, as ``nearest_of``, from all distances."""
    distances = np.empty((len(points), WIDTH * len(cells.blocks)))
    _all_distances(cells.blocks, points, cells.metric.code, distances)
    distances = distances[:, : len(cells.order)]
    nearest = np.empty(len(cells.order), dtype=np.int64)
    nearest[cells.order] = distances.argmin(axis=0)
    terms = np.ceil(constants[cells.order] * (cells.quantum / grid) * np.minimum.accumulate(distances))
    return nearest, np.diff(terms, axis=0, prepend=0.0).sum(axis=1)


def clusters(rng, n_rows, d, count):
    centres = 3.0 * rng.standard_normal((count, d))
    return centres[rng.integers(0, count, n_rows)] + rng.standard_normal((n_rows, d))


def _clustered(rng):
    return clusters(rng, 3000, 17, 12)


def _far_from_zero(rng):
    """Single precision has no digits left for what is between them."""
    return 1e-3 * clusters(rng, 2500, 5, 6) + 1e7


def _of_uneven_scales(rng):
    return rng.standard_normal((2500, 4)) * [1e9, 1.0, 1e-3, 1.0]


def _with_a_far_row(rng):
    rows = clusters(rng, 2500, 6, 5)
    rows[77] = 1e25
    return rows


def _on_a_grid(rng):
    """Ties without end."""
    return rng.integers(0, 3, (3000, 7)).astype(float)


def _wide(rng):
    return clusters(rng, 1500, 70, 4)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", [_clustered, _far_from_zero, _of_uneven_scales, _with_a_far_row, _on_a_grid, _wide])
def test_the_search_finds_what_all_distances_say_to_the_bit(kind, metric):
    """Picks that are rows, and some that are not; in several levels and regions, the last cell and group not full."""
    rng = np.random.default_rng(3)
    metric = load(METRICS, metric)
    rows = kind(rng)
    rows = metric.prepare(rows) if metric.prepare else rows
    cells = build_cells(rows, metric, float(len(rows)))
    between = 0.5 * (cells.rows[rng.permutation(len(rows))[:200]] + cells.rows[rng.permutation(len(rows))[:200]])
    points = np.concatenate([cells.rows[rng.permutation(len(rows))[:600]], between])
    points, constants = points[rng.permutation(len(points))], rng.random(len(cells.order)) + 0.5
    grid = cells.quantum
    (nearest,), change = nearest_of(cells, arrange_points(points, metric), constants, grid)
    expected, changes = of_all(cells, points, constants, grid)
    assert np.array_equal(nearest, expected)
    assert np.array_equal(change, changes)
    nearest, change = nearest_of_few(cells, points, constants, grid)
    assert np.array_equal(nearest, expected)
    assert np.array_equal(change, changes)


@pytest.mark.parametrize("metric", METRICS)
def test_few_picks_and_many_are_assigned_to_the_same_bits(metric, monkeypatch):
    rng = np.random.default_rng(6)
    space = build_space(np.round(clusters(rng, 1500, 5, 8), 1), metric, np.ones(1500))
    picks, constants = rng.permutation(1500)[:300], rng.random(1500) + 0.5
    few = space.assign(picks, constants, 2.0**-36)
    monkeypatch.setattr(assignment, "FEW", 0.0)
    many = space.assign(picks, constants, 2.0**-36)
    assert np.array_equal(few[0], many[0])
    assert np.array_equal(few[1], many[1])


def test_bunches_lie_within_levels_and_clusters():
    """Each pick in one bunch of its level. Cut anywhere, a bunch would have picks of several clusters."""
    rng = np.random.default_rng(0)
    which = rng.integers(0, 10, 4000)
    rows = 30.0 * rng.standard_normal((10, 20))[which] + rng.standard_normal((4000, 20))
    points = arrange_points(rows, load(METRICS, "euclidean"), [1000])
    assert points.levels.tolist() == [0, 64, 192, 576, 1000, 3000, 4000]
    for level, (first, stop) in enumerate(zip(points.starts, points.starts[1:])):
        bunches = points.order[first:stop]
        assert bunches.shape[1] == BUNCH
        assert np.array_equal(np.unique(bunches), np.arange(points.levels[level], points.levels[level + 1]))
        assert sum(len(np.unique(bunch)) for bunch in bunches) == points.levels[level + 1] - points.levels[level]
    own, _ = regions_of(rows, load(METRICS, "euclidean"))
    assert np.array_equal(own[points.order], np.repeat(points.region[:, None], BUNCH, axis=1))
    assert np.all(which[points.order] == which[points.order[:, :1]])


def test_medoids_of_large_clusters_are_those_of_one_candidate_after_the_other():
    """Equal rows too: of equals the pick itself, then the nearest to the mean."""
    rng = np.random.default_rng(4)
    rows = np.round(rng.standard_normal((400, 3)), 1)
    cells = build_cells(rows, load(METRICS, "euclidean"), 400.0)
    which, picks = rng.integers(0, 12, 400), np.array([0] * 12)
    for j in range(12):
        picks[j] = np.flatnonzero(which == j)[0]
    moved = medoids_within(cells, np.ones(400), which, picks, np.arange(400))
    for j in range(12):
        own = np.flatnonzero(which == j)
        totals = {i: np.sqrt(((cells.rows[own] - cells.rows[i]) ** 2).sum(axis=1)).sum() for i in own}
        assert totals[moved[j]] <= min(totals.values()) * (1 + 1e-12)
        assert moved[j] == picks[j] or totals[moved[j]] < totals[picks[j]]
