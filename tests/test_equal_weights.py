"""Rows of equal weight: one of each of as many equal groups of nearby rows."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from craig_cli.api import select_coreset
from craig_cli.errors import UsageError
from craig_cli.evaluation.curve import curve_of
from tests.naive import deep as naive


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((4000, 6)) * [1.0, 3.0, 0.3, 1.0, 1.0, 10.0]
    chance = 1.0 / (1.0 + np.exp(-(rows @ [1.0, -0.5, 2.0, 0.0, 0.7, 0.05] - 2.0)))
    return rows, (rng.random(4000) < chance).astype(float)


def test_equal_weights_are_those_of_equal_groups_of_nearby_rows(data):
    rows, labels = data
    coreset = select_coreset(rows, labels, size=200, weights="equal")
    assert (coreset.metadata["algorithm"], coreset.metadata["weights"]) == ("strata", "equal")
    for entry in coreset.metadata["classes"]:
        chosen = labels[coreset.index] == entry["label"]
        assert chosen.sum() == entry["quota"]
        assert np.allclose(coreset.weight[chosen], entry["count"] / entry["quota"], rtol=1e-12)
    assert len(set(coreset.index.tolist())) == 200
    assert coreset.weight.sum() == pytest.approx(len(rows))


def test_rows_of_equal_weight_are_nearest_to_the_means_of_their_strata(data):
    """Beside strata cut by sorting, in tests/naive."""
    rows, labels = (each[:300] for each in data)  # of more rows than 256 a direction is that of a sample
    coreset = select_coreset(rows, labels, size=30, weights="equal")
    assert coreset.metadata["exemplar"] == "medoid"
    for entry in coreset.metadata["classes"]:
        members = np.flatnonzero(labels == entry["label"])
        expected = set()
        for group in naive.strata(rows[members], np.ones(len(members)), entry["quota"]):
            each = members[sorted(group)]
            expected.add(each[np.argmin(((rows[each] - rows[each].mean(axis=0)) ** 2).sum(axis=1))])
        assert expected == set(coreset.index[labels[coreset.index] == entry["label"]].tolist())


def test_rows_of_equal_weight_may_be_random_ones_of_the_same_strata(data):
    rows, labels = data
    ways = [{}, {"exemplar": "member"}, {"exemplar": "member", "seed": 1}]
    found = [select_coreset(rows, labels, size=200, weights="equal", **way) for way in ways]
    assert [each.metadata["exemplar"] for each in found] == ["medoid", "member", "member"]
    assert len({tuple(sorted(each.index)) for each in found}) == 3
    assert found[0].epsilon[-1] < min(each.epsilon[-1] for each in found[1:])


def test_equal_weights_are_not_ranked(data):
    """Whichever rows stand for the strata, their order is not the greedy's."""
    coreset = select_coreset(*data, size=30, weights="equal")
    assert not curve_of(coreset)["ranked"]


def test_equal_weights_have_a_true_epsilon(data):
    """||sum_i x_i - sum_j gamma_j x_j|| in each class is at most the sum of distances that epsilon stands for."""
    rows, labels = data
    for seed in range(5):
        coreset = select_coreset(rows, labels, fraction=0.05, weights="equal", seed=seed)
        error = rows.sum(axis=0) - coreset.weight @ rows[coreset.index]
        assert 0 < np.linalg.norm(error) <= coreset.epsilon[-1]


def test_equal_weights_are_nearer_to_the_rows_than_random_ones(data):
    rows, labels = data

    def distances(**plan):
        chosen = [select_coreset(rows, labels, fraction=0.05, seed=seed, **plan).index for seed in range(5)]
        return [cdist(rows, rows[index]).min(axis=1).mean() for index in chosen]

    assert max(distances(weights="equal")) < min(distances(algorithm="random"))


@pytest.mark.parametrize(
    "plan, expected", [({"algorithm": "lazy"}, "found lazy"), ({"epsilon": 10.0, "fraction": None}, "epsilon needs")]
)
def test_equal_weights_do_not_go_with_everything(data, plan, expected):
    with pytest.raises(UsageError, match=expected):
        select_coreset(*data, **({"fraction": 0.1, "weights": "equal"} | plan))
