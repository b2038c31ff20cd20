"""Selecting at gradients of a network: what a Reselector promises, checked against its slow twin."""

import numpy as np
import pytest

from craig_cli import Reselector, jit
from craig_cli.deep import draw
from craig_cli.deep.reselector import WAYS
from craig_cli.errors import DataError, UsageError
from tests.naive import deep as naive

CLASSES = 4


def gradients(n_rows: int, seed: int = 0, classes: int = CLASSES, sure: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """(labels, p - y) of a network that has most rows right."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n_rows)
    outputs = rng.standard_normal((n_rows, classes))
    outputs[np.arange(n_rows), labels] += sure * rng.exponential(size=n_rows)
    proxies = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    proxies[np.arange(n_rows), labels] -= 1.0
    return labels, proxies.astype(np.float32)


def trained(n_rows: int = 600, **settings) -> Reselector:
    """One that has seen all rows once."""
    labels, proxies = gradients(n_rows)
    reselector = Reselector(labels, **{"fraction": 0.1, **settings})
    reselector.select(0)
    reselector.observe(np.arange(n_rows), proxies)
    return reselector


def test_strata_are_those_of_sorting_and_cutting():
    _, proxies = gradients(240, seed=3)
    mass = np.ones(240)  # where a stratum is full to the last row, it does not matter who counts that row in
    one = draw.draw_strata(proxies, mass, np.zeros(240, dtype=np.int64), 30, np.random.default_rng(0))
    found = {frozenset(np.flatnonzero(one.stratum == place).tolist()) for place in range(30)}
    assert found == {frozenset(members) for members in naive.strata(proxies, mass, 30)}
    assert (one.stratum[one.rows] == np.arange(30)).all()


@pytest.mark.parametrize("correction", [0.0, 0.5, 1.0])
def test_rows_and_weights_are_the_naive_ones(correction):
    labels, proxies = gradients(240, seed=5)
    reselector = Reselector(labels, 0.1, correction=correction, seed=7)
    first, _ = reselector.select(0)
    reselector.observe(first, proxies[first])
    rows, weights = reselector.select(1)
    table, visited = naive.table(labels, CLASSES, [(0, first, proxies[first])])
    np.testing.assert_allclose(reselector.table, table, rtol=1e-6)
    assert (reselector.ages(1) == 1 - visited).all()
    lengths = np.linalg.norm(reselector.table.astype(float), axis=1)
    mass = lengths + 0.5 * lengths.mean() * (1.0 + (1 - visited) * 0.1)
    shares = [mass[labels == label].sum() for label in range(CLASSES)]
    quotas = draw.class_quotas(np.array(shares), 24, np.bincount(labels))
    assert (np.bincount(labels[rows]) == quotas).all()
    cut = draw.draw_strata(reselector.table, mass, labels, 24, np.random.default_rng(1))
    strata = [set(np.flatnonzero(cut.stratum == place).tolist()) for place in range(24)]
    groups = [[members for members in strata if labels[min(members)] == label] for label in range(CLASSES)]
    np.testing.assert_allclose(weights, naive.weights(rows.tolist(), groups, mass, correction), rtol=1e-4)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("correction", [0.0, 1.0])
@pytest.mark.filterwarnings("ignore:a medoid stands for")
def test_every_way_yields_as_many_distinct_rows_with_weights_of_mean_one(way, correction):
    reselector = trained(way=way, correction=correction, multiple_of=16)
    for epoch in range(3):
        rows, weights = reselector.select(epoch)
        assert len(rows) == len(weights) == reselector.size == 64  # of 60, the nearest multiple
        assert len(np.unique(rows)) == 64
        assert rows.dtype == np.int64 and weights.dtype == np.float32
        assert weights.mean() == pytest.approx(1.0, abs=1e-6)
        assert weights.min() > 0.0


def test_unbiased_weights_estimate_the_gradient_of_all_rows_and_better_than_random_rows():
    labels, proxies = gradients(600)
    errors = {}
    for way in ("strata", "random"):
        estimates = []
        for seed in range(300):
            reselector = Reselector(labels, 0.1, correction=1.0, seed=seed, way=way)
            reselector.observe(np.arange(600), proxies)
            rows, weights = reselector.select(1)
            estimates.append(weights @ proxies[rows] * 10)
        gap = np.mean(estimates, axis=0) - proxies.sum(axis=0)
        spread = np.std(estimates, axis=0)
        assert (np.abs(gap) < 5 * spread / np.sqrt(300) + 0.02 * np.abs(proxies).sum(axis=0)).all()
        errors[way] = np.linalg.norm(spread)
    assert errors["strata"] < 0.5 * errors["random"]


def test_the_hardest_rows_are_drawn_most_and_none_is_out_of_reach():
    labels, proxies = gradients(600)
    reselector, drawn = Reselector(labels, 0.1), np.zeros(600)
    for epoch in range(200):
        rows, _ = reselector.select(epoch)
        reselector.observe(rows, proxies[rows])
        drawn[rows] += 1
    hard = np.linalg.norm(proxies, axis=1) > np.quantile(np.linalg.norm(proxies, axis=1), 0.9)
    assert drawn[hard].mean() > 1.5 * drawn[~hard].mean()
    assert drawn.min() > 0
    assert reselector.ages(200).max() < 150


def test_rows_that_another_class_is_given_to_are_seldom_drawn_and_count_for_nothing():
    labels, proxies = gradients(600, sure=4.0)
    doubtful = np.array([max(row) > 0.75 for row in proxies.tolist()])
    assert 0 < doubtful.sum() < 100
    drawn, trusting = np.zeros(600), np.zeros(600)
    for seed in range(40):
        for doubt, counts in ((0.75, drawn), (None, trusting)):
            reselector = Reselector(labels, 0.1, seed=seed, doubt=doubt)
            reselector.observe(np.arange(600), proxies)
            rows, weights = reselector.select(1)
            counts[rows] += 1
            assert weights.mean() == pytest.approx(1.0, abs=1e-6)
            assert ((weights == 0.0) == (doubtful[rows] & (doubt is not None))).all()
    assert 0 < drawn[doubtful].mean() < drawn[~doubtful].mean() < trusting[doubtful].mean()


def test_where_most_rows_are_doubtful_none_is():
    labels, proxies = gradients(600)
    others = (labels + 1) % CLASSES  # so that the network is nearly always wrong
    proxies[np.arange(600), labels] += 1.0
    proxies[np.arange(600), others] -= 1.0
    reselector = Reselector(others, 0.1, doubt=0.5)
    reselector.observe(np.arange(600), proxies)
    assert (proxies.max(axis=1) > 0.5).mean() > 0.5
    assert (reselector.select(1)[1] > 0.0).all()


def test_rows_that_were_not_seen_for_long_are_drawn_more_often():
    labels, proxies = gradients(600)
    old = np.arange(600) < 60
    drawn = []
    for seed in range(40):
        reselector = Reselector(labels, 0.1, seed=seed)
        reselector.observe(np.arange(600), proxies)
        reselector.select(60)
        reselector.observe(np.flatnonzero(~old), proxies[~old])
        rows, _ = reselector.select(61)
        drawn.append(old[rows].mean())
    assert np.mean(drawn) > 0.2  # a tenth of the rows


def test_a_function_of_seed_epoch_and_table_at_any_number_of_threads():
    found = []
    for threads in (1, 2):
        jit.set_threads(threads)
        np.random.seed(threads)  # noqa: NPY002  (a global generator must not matter)
        found.append([trained(3000, seed=3).select(epoch) for epoch in (1, 2)])
    jit.set_threads(None)
    for one, other in zip(*found):
        assert (one[0] == other[0]).all() and (one[1] == other[1]).all()
    assert set(found[0][0][0]) != set(found[0][1][0])
    assert set(trained(seed=4).select(1)[0]) != set(trained(seed=3).select(1)[0])


def test_a_selection_is_frozen_for_its_epochs_and_its_order_is_not():
    reselector = trained(every=3)
    rows, weights = reselector.select(3)
    reselector.observe(rows, np.zeros((len(rows), CLASSES)))
    again = reselector.select(3)
    assert (rows == again[0]).all() and (weights == again[1]).all()
    later = reselector.select(5)
    assert (rows != later[0]).any() and set(rows) == set(later[0])
    assert dict(zip(rows, weights)) == dict(zip(*later))
    assert set(rows) != set(reselector.select(6)[0])


def test_resumes_where_it_was():
    one, other = trained(every=2), trained(every=2)
    one.select(2)
    one.observe(np.arange(10), np.zeros((10, CLASSES)))
    other.load_state_dict(one.state_dict())
    for epoch in (2, 3, 4):
        for mine, its in zip(one.select(epoch), other.select(epoch)):
            assert (mine == its).all()
    assert (one.ages(5) == other.ages(5)).all()
    with pytest.raises(UsageError, match="state: expected one of"):
        trained(every=3).load_state_dict(one.state_dict())


def test_a_state_is_for_the_same_doubt():
    state = trained(doubt=0.75).state_dict()
    resumed = trained(doubt=0.75)
    resumed.load_state_dict(state)
    for doubt in (None, 0.5):
        with pytest.raises(UsageError, match="state: expected one of"):
            trained(doubt=doubt).load_state_dict(state)


def test_processes_that_exchange_news_select_alike():
    labels, proxies = gradients(600)
    ranks = [Reselector(labels), Reselector(labels)]
    for rank, reselector in enumerate(ranks):
        mine, _ = reselector.select(0)
        mine = mine[rank::2]
        reselector.observe(mine, proxies[mine])
    news = [reselector.news() for reselector in ranks]
    assert len(set(news[0][0]) | set(news[1][0])) == 60
    for reselector in ranks:
        reselector.absorb(news)
        assert len(reselector.news()[0]) == 0
    for one, other in zip(ranks[0].select(1), ranks[1].select(1)):
        assert (one == other).all()


def test_medoids_warn_of_heavy_weights():
    labels = np.zeros(400, dtype=int)
    proxies = np.zeros((400, 2), dtype=np.float32)
    proxies[:40, 0] = np.linspace(-1.0, -0.2, 40)
    proxies[:, 1] = -proxies[:, 0]
    reselector = Reselector(labels, 0.05, classes=2, way="medoids", correction=1.0)
    reselector.observe(np.arange(400), proxies)
    with pytest.warns(RuntimeWarning, match="times as many rows as the mean"):
        _, weights = reselector.select(0)
    assert weights.max() > 10.0


def test_more_classes_than_rows_are_drawn_from_together():
    rows, weights = Reselector(np.arange(50), 0.1).select(0)
    assert len(np.unique(rows)) == 5
    assert weights.mean() == pytest.approx(1.0)


def test_wide_rows_are_cut_by_their_sketch():
    _, proxies = gradients(2000, classes=300)
    narrow = draw.narrowed(proxies)
    assert narrow.shape == (2000, draw.SKETCH) and narrow.dtype == np.float32
    lengths = draw.norms(proxies.astype(np.float16))
    np.testing.assert_allclose(lengths, np.linalg.norm(proxies, axis=1), rtol=2e-3, atol=1e-6)
    ratio = np.linalg.norm(narrow, axis=1) / lengths
    assert 0.95 < np.median(ratio) < 1.05


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"labels": []}, "labels: expected whole numbers (n,), found shape (0,)"),
        ({"labels": [0, -1]}, "labels: expected whole numbers from 0 on"),
        ({"labels": [0.5, 1]}, "labels: expected whole numbers from 0 on"),
        ({"fraction": 0}, "fraction: expected a number above 0 and at most 1, found 0"),
        ({"correction": 2}, "correction: expected a number from 0 (equal weights) to 1, found 2"),
        ({"every": 0}, "every: expected a whole number of at least 1, found 0"),
        ({"doubt": 1.0}, "doubt: expected a number of at least 0.5 and below 1, and strata, found 1, strata"),
        (
            {"doubt": 0.75, "way": "random"},
            "doubt: expected a number of at least 0.5 and below 1, and strata, found 0.75",
        ),
        ({"way": "all"}, "way: expected one of strata, medoids, random, found 'all'"),
        ({"classes": 1}, "classes: expected more than the largest label, 1, found 1"),
        ({"multiple_of": 5}, "multiple_of: expected at most the 4 rows there are, found 5"),
    ],
)
def test_settings_that_make_no_sense_are_one_line(settings, line):
    with pytest.raises(UsageError) as error:
        Reselector(**{"labels": [0, 1, 0, 1], **settings})
    assert str(error.value).startswith(line)


@pytest.mark.parametrize(
    ("rows", "values", "line"),
    [
        ([0.0], np.zeros((1, 4)), "rows: expected whole numbers (m,), found float64 of shape (1,)"),
        ([0], np.zeros((1, 3)), "p - y: expected shape (1, 4), found (1, 3)"),
        ([3, 600], np.zeros((2, 4)), "rows: expected numbers from 0 to 599, found 600"),
        ([3, 5], [[0, 0, 0, 0], [0, np.nan, 0, 0]], "p - y of row 5: expected finite numbers, found nan or inf"),
    ],
)
def test_observations_that_do_not_fit_are_one_line_and_change_nothing(rows, values, line):
    reselector = trained()
    before = reselector.table.copy()
    with pytest.raises((UsageError, DataError)) as error:
        reselector.observe(rows, values)
    assert str(error.value) == line
    assert (reselector.table == before).all()
