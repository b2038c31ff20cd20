"""Members of clusters as exemplars: unbiased, weighted by their clusters, with a true bound, the same every time."""

from types import SimpleNamespace

import numpy as np
import pytest

from craig_cli.errors import UsageError
from craig_cli.selection.weights.clusters import Clusters, draw_members
from tests.naive import selection as naive
from tests.paper import GREEDY, LAYOUTS, paper_coreset


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((600, 4)) * [1.0, 2.0, 0.5, 1.0]
    rows[500:550] = rows[:50]
    labels = np.where(rng.random(600) < 0.3, 1.0, 0.0)
    labels[500:550] = labels[:50]
    return rows, labels


def _clusters(rows, labels, picks, metric):
    """(n,) the pick nearest to each row, among those of its class."""
    distances = naive.distance_matrix(rows, metric)
    distances[labels[:, None] != labels[None, :]] = np.inf
    distances[picks, picks] = -1.0
    return picks[np.argmin(distances[:, picks], axis=1)]


@pytest.mark.parametrize(("metric", "layout"), LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("algorithm", GREEDY)
def test_a_member_stands_for_the_cluster_of_a_medoid(algorithm, layout, metric, data):
    rows, labels = naive.prepared(data[0], metric), data[1]
    options = {"size": 60, "algorithm": algorithm, "metric": metric, "block_size": 128}
    medoids = paper_coreset(layout(rows), labels, **options)
    members = paper_coreset(layout(rows), labels, exemplar="member", **options)
    if algorithm == "stochastic":  # its samples and the members come from one generator
        assert len(medoids) == len(members)
    nearest = _clusters(rows, labels, medoids.index, metric)
    assert np.array_equal(nearest[members.index], medoids.index)
    assert np.array_equal(members.weight, medoids.weight)
    assert not np.array_equal(members.index, medoids.index)
    # Its bound is that of this very assignment; a prefix's is at least that of its nearest rows.
    member_of = dict(zip(medoids.index, members.index))
    distances = naive.distance_matrix(rows, metric)
    expected = sum(distances[i, member_of[pick]] for i, pick in enumerate(nearest))
    assert expected * (1 - 1e-9) <= members.epsilon[-1] <= expected * (1 + 1e-6)
    assert (np.diff(members.epsilon[1:]) <= 0).all()
    again = paper_coreset(layout(rows), labels, exemplar="member", threads=1, **options)
    for column in ("index", "weight", "epsilon"):
        assert np.array_equal(getattr(again, column), getattr(members, column))
    other = paper_coreset(layout(rows), labels, exemplar="member", seed=1, **options)
    assert not np.array_equal(other.index, members.index)


def test_members_are_unbiased_for_every_sum(data):
    rows, labels = data
    counts = np.random.default_rng(1).integers(1, 6, 600).astype(float)
    truth = counts @ rows**2
    estimates = []
    for seed in range(300):
        chosen = paper_coreset(rows, labels, size=20, multiplicity=counts, exemplar="member", seed=seed)
        assert chosen.weight.sum() == pytest.approx(counts.sum())
        estimates.append(chosen.weight @ rows[chosen.index] ** 2)
    error = np.std(estimates, axis=0) / np.sqrt(300)
    assert (np.abs(np.mean(estimates, axis=0) - truth) < 4 * error).all()
    medoid = paper_coreset(rows, labels, size=20, multiplicity=counts)
    # The medoids' own error is a bias: larger than anything that is left of the members' mean.
    assert (np.abs(medoid.weight @ rows[medoid.index] ** 2 - truth) > 8 * error).all()


def test_members_are_drawn_in_proportion_to_their_multiplicity():
    multiplicity = np.array([1.0, 2.0, 3.0, 0.5, 1.5])
    clusters = Clusters(np.array([0, 1]), np.array([0, 1, 0, 1, 1]), np.array([4.0, 4.0]), np.zeros(2))
    group = SimpleNamespace(space=SimpleNamespace(multiplicity=multiplicity))
    rng = np.random.default_rng(0)
    drawn = np.zeros(5)
    for _ in range(4000):
        drawn[draw_members(group, clusters, rng)] += 1
    assert np.allclose(drawn / 4000, multiplicity / 4.0, atol=0.04)


def test_all_rows_are_their_own_members(data):
    rows, labels = data
    coreset = paper_coreset(rows, labels, fraction=1.0, exemplar="member")
    assert np.array_equal(np.sort(coreset.index), np.arange(600))
    assert np.array_equal(coreset.weight, np.ones(600))
    assert coreset.epsilon[-1] == 0.0


def test_rows_that_occur_many_times_keep_the_sum_of_weights():
    # Several twins of one row, picked when no other row is left, each take their share of its weight.
    rows = np.repeat(np.random.default_rng(2).standard_normal((30, 2)), 5, axis=0)
    labels = np.repeat([0.0, 1.0], 75)
    for size in (100, 150):
        for weights in ("count", "calibrated"):
            coreset = paper_coreset(rows, labels, size=size, weights=weights)
            assert coreset.weight.sum() == pytest.approx(150.0)
            assert coreset.weight.min() > 0
            assert len(np.unique(coreset.index)) == size


def test_members_go_with_greedy_selection_of_a_size(data):
    with pytest.raises(UsageError, match="greedy algorithm, found strata"):
        paper_coreset(*data, size=60, algorithm="strata", exemplar="member")
    with pytest.raises(UsageError, match="found members; give a size"):
        paper_coreset(*data, epsilon=100.0, exemplar="member")
    with pytest.raises(UsageError, match="expected one of medoid, member"):
        paper_coreset(*data, size=60, exemplar="mean")
