"""Selection against slow, obvious versions of itself, and the promises of the coreset's columns."""

import numpy as np
import pytest
import scipy.sparse as sp

from craig_cli import jit
from craig_cli.errors import DataError, UsageError
from craig_cli.registry import ALGORITHMS, METRICS, SCALES, load
from craig_cli.selection.algorithms import lazy, lazy_dense, lazy_sparse
from craig_cli.selection.distances import inverted_index as sparse
from craig_cli.selection.distances.assignment import arrange_points, nearest_of
from craig_cli.selection.distances.cells import build_cells, ruler_of
from craig_cli.selection.distances.space import build_space
from tests.naive import selection as naive
from tests.paper import GREEDY, LAYOUTS, paper_coreset


def _random(rng):
    return rng.standard_normal((500, 7))


def _clustered(rng):
    return rng.standard_normal((20, 5))[rng.integers(0, 20, 400)] + 0.05 * rng.standard_normal((400, 5))


def _duplicated(rng):
    return rng.standard_normal((60, 5))[rng.integers(0, 60, 300)]


def _one_hot(rng):
    return np.eye(6)[rng.integers(0, 6, (350, 3))].reshape(350, -1)


def _grid(rng):
    return rng.integers(1, 5, (300, 3)).astype(float)


def _wide(rng):
    return rng.standard_normal((150, 40)) * np.linspace(0.01, 3, 40)


def _constant(rng):
    return np.ones((100, 3))


def _single(rng):
    return rng.standard_normal((1, 3))


KINDS = [_random, _clustered, _duplicated, _one_hot, _grid, _wide, _constant, _single]


@pytest.mark.parametrize(("metric", "layout"), LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__[1:])
def test_exact_greedy_makes_the_picks_of_naive_greedy(kind, metric, layout):
    rows = naive.prepared(kind(np.random.default_rng(0)), metric)
    budget = (len(rows) + 1) // 2
    ones = np.ones(len(rows))
    if layout is np.array:
        arranged = build_cells(rows, load(METRICS, metric), len(rows))
        greedy = lazy_dense.start(arranged, ones)
    else:
        arranged = sparse.build_index(sp.csr_matrix(rows), load(METRICS, metric), len(rows))
        greedy = lazy_sparse.start(arranged, ones)
    greedy.extend(budget)
    # Both see distances on the same grid, so that equal gains are equal; it is finer than 1e-11 of the diameter.
    distances = np.rint(naive.distance_matrix(rows, metric) / arranged.quantum) * arranged.quantum
    picks, gains = naive.greedy(distances, budget)
    if layout is np.array or metric == "manhattan" or kind not in (_one_hot, _duplicated, _grid):
        assert np.array_equal(greedy.picks, picks)
    # A cosine of sparse rows is rounded on its way through products: ties may go either way, gains may not.
    assert np.allclose(greedy.gains, gains, rtol=1e-9, atol=1e-9 * len(rows))


def test_multiplicities_are_repeated_rows():
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((200, 4))
    counts = rng.integers(1, 5, 200)
    weighted = paper_coreset(rows, size=30, multiplicity=counts, algorithm="lazy")
    repeated_rows = np.repeat(rows, counts, axis=0)
    repeated = paper_coreset(repeated_rows, size=30, algorithm="lazy")
    assert np.array_equal(rows[weighted.index], repeated_rows[repeated.index])
    assert np.array_equal(weighted.weight, repeated.weight)
    assert np.allclose(weighted.epsilon, repeated.epsilon, rtol=1e-12)


def test_a_coreset_of_a_coreset_stands_for_all_rows():
    rng = np.random.default_rng(2)
    rows = rng.standard_normal((600, 4))
    first = paper_coreset(rows, size=120)
    second = paper_coreset(rows[first.index], size=30, multiplicity=first.weight)
    assert second.weight.sum() == 600
    direct = paper_coreset(rows, size=30)
    distances = naive.distance_matrix(rows)
    loss = distances[:, first.index[second.index]].min(axis=1).sum()
    assert loss < 1.1 * distances[:, direct.index].min(axis=1).sum()


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(3)
    rows = rng.standard_normal((900, 5)) * [1.0, 1.0, 0.5, 2.0, 0.1]
    rows[700:760] = rows[:60]
    labels = np.where(rng.random(900) < 0.25, 7.0, -1.0)
    labels[700:760] = labels[:60]
    return rows, labels


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("layout", [np.array, sp.csr_matrix], ids=["dense", "sparse"])
def test_every_algorithm_keeps_the_contract(algorithm, layout, data):
    rows, labels = data
    options = {"algorithm": algorithm, "block_size": 128, "seed": 5}
    coreset = paper_coreset(layout(rows), labels, fraction=0.1, **options)
    assert len(coreset) == 90
    assert len(np.unique(coreset.index)) == 90
    assert np.array_equal(coreset.rank, np.arange(90))
    assert coreset.weight.sum() == pytest.approx(900, abs=1e-9)
    assert coreset.weight.min() >= 1.0 or algorithm not in GREEDY
    if algorithm != "random-uniform":  # which has nothing to do with classes
        for label, quota in ((-1.0, np.sum(labels == -1)), (7.0, np.sum(labels == 7))):
            mine = labels[coreset.index] == label
            assert coreset.weight[mine].sum() == pytest.approx(quota, abs=1e-9)
            assert abs(mine.sum() - 0.1 * quota) < 1
        assert np.isinf(coreset.epsilon[0])
    assert np.isfinite(coreset.epsilon[1:]).all()
    assert (np.diff(coreset.epsilon[1:]) <= 0).all()
    again = paper_coreset(layout(rows), labels, fraction=0.1, threads=1, **options)
    for column in ("index", "weight", "epsilon"):
        assert np.array_equal(getattr(again, column), getattr(coreset, column))


@pytest.mark.parametrize("algorithm", GREEDY)
@pytest.mark.parametrize("layout", [np.array, sp.csr_matrix], ids=["dense", "sparse"])
def test_epsilon_is_the_loss_of_every_prefix(algorithm, layout, data):
    rows, labels = data
    coreset = paper_coreset(layout(rows), labels, fraction=0.1, algorithm=algorithm, block_size=128)
    for size in (2, 3, 10, 45, 90):
        expected = 0.0
        for label in (-1.0, 7.0):
            members = np.flatnonzero(labels == label)
            picked = np.flatnonzero(np.isin(members, coreset.index[:size]))
            expected += naive.distance_matrix(rows[members])[:, picked].min(axis=1).sum()
        # The distance of a near-duplicate is a difference of nearly equal numbers in sparse data.
        assert expected * (1 - 1e-12) <= coreset.epsilon[size - 1] <= expected * (1 + 1e-6)


@pytest.mark.parametrize("metric", [name for name in METRICS if load(METRICS, name).sparse])
def test_sparse_rows_find_the_nearest_of_picks_from_anywhere(metric):
    """Picks that are other rows, a few of them among these, in which columns neither lot has."""
    generator = np.random.default_rng(0)
    rows = np.round(generator.standard_normal((300, 40)), 2) * (generator.random((300, 40)) < 0.2)
    rows[:, 7], rows[:, 0] = 0.0, 1.0
    picks = np.concatenate([rows[250:], rows[:9]])
    rows, own = rows[:250], np.full(250, -1)
    own[:9] = np.arange(50, 59)
    prepare = load(METRICS, metric).prepare or (lambda rows: rows)
    ruler = ruler_of(prepare(rows), load(METRICS, metric), 300.0)
    seen, points = (prepare(sp.csr_matrix(each)) for each in (rows, picks))
    arranged, points = sparse.list_rows(seen, ruler), sparse.arrange_points(points, ruler, [30])
    (first, found), change = sparse.nearest_of(arranged, points, np.ones(250), 2.0**-30, own)
    distances = naive.to_nearest(naive.prepared(rows, metric), naive.prepared(picks, metric), metric)
    assert np.array_equal(found[:9], np.arange(50, 59)) and first.max() < 30
    earlier = naive.DISTANCES[metric](naive.prepared(rows, metric) - naive.prepared(picks, metric)[first])
    least = naive.to_nearest(naive.prepared(rows, metric), naive.prepared(picks, metric)[:30], metric)
    np.testing.assert_allclose(earlier, least, atol=1e-12)
    chosen = naive.DISTANCES[metric](naive.prepared(rows, metric) - naive.prepared(picks, metric)[found])
    np.testing.assert_allclose(chosen, distances, atol=1e-12)
    total = change.sum() * 2.0**-30
    assert distances.sum() <= total <= distances.sum() * (1 + 1e-6) + 250 * 2.0**-30


@pytest.mark.parametrize("algorithm", GREEDY)
def test_weights_count_the_rows_nearest_to_each_element(algorithm, data):
    rows, labels = data
    coreset = paper_coreset(rows, labels, fraction=0.1, algorithm=algorithm, block_size=128)
    weight = np.zeros(len(rows))
    for label in (-1.0, 7.0):
        members = np.flatnonzero(labels == label)
        ranked = coreset.index[labels[coreset.index] == label]
        distances = naive.distance_matrix(rows)[np.ix_(members, ranked)]
        np.add.at(weight, ranked[np.argmin(distances, axis=1)], 1.0)
    assert np.array_equal(weight[coreset.index], coreset.weight)


@pytest.mark.parametrize("algorithm", GREEDY)
def test_greedy_beats_random_and_swaps_lower_the_loss(algorithm, data):
    rows, labels = data
    options = {"algorithm": algorithm, "block_size": 256}
    plain = paper_coreset(rows, labels, size=100, swaps=0, **options).epsilon[-1]
    swapped = paper_coreset(rows, labels, size=100, swaps=4, **options).epsilon[-1]
    random = paper_coreset(rows, labels, size=100, algorithm="random")
    distances = sum(
        naive.distance_matrix(rows[labels == label])[:, np.isin(np.flatnonzero(labels == label), random.index)]
        .min(axis=1)
        .sum()
        for label in (-1.0, 7.0)
    )
    assert swapped < plain < 0.95 * distances


def test_partition_is_close_to_exact_greedy():
    rng = np.random.default_rng(4)
    rows = rng.standard_normal((4000, 6))
    exact = paper_coreset(rows, size=400, algorithm="lazy").epsilon[-1]
    blocks = paper_coreset(rows, size=400, algorithm="partition", block_size=512).epsilon[-1]
    assert blocks < 1.04 * exact


def test_partition_takes_few_picks_from_a_pool():
    rng = np.random.default_rng(5)
    rows = rng.standard_normal((40_000, 3))
    few = paper_coreset(rows, size=20, algorithm="partition", block_size=64)
    assert len(few) == 20
    random = paper_coreset(rows, size=20, algorithm="random")
    nearest = np.linalg.norm(rows[:, None] - rows[random.index][None], axis=2).min(axis=1).sum()
    assert few.epsilon[-1] < 0.9 * nearest


@pytest.mark.parametrize("algorithm", GREEDY)
def test_epsilon_gives_the_smallest_prefix_that_reaches_it(algorithm, data):
    rows, labels = data
    options = {"algorithm": algorithm, "block_size": 128, "swaps": 0}
    target = paper_coreset(rows, labels, fraction=0.2, **options).epsilon[120]
    coreset = paper_coreset(rows, labels, epsilon=float(target), **options)
    assert coreset.epsilon[-1] <= target < coreset.epsilon[-2]
    assert coreset.weight.sum() == 900
    if algorithm == "lazy":
        assert len(coreset) == 121
    everything = paper_coreset(rows, labels, epsilon=0.0, **options)
    assert everything.epsilon[-1] == 0.0


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_all_rows_are_their_own_exemplars(algorithm, data):
    rows, labels = data
    coreset = paper_coreset(rows, labels, fraction=1.0, algorithm=algorithm, block_size=128)
    assert np.array_equal(np.sort(coreset.index), np.arange(900))
    assert np.allclose(coreset.weight, 1.0)
    assert coreset.epsilon[-1] == 0.0


def test_equal_rows_are_merged_and_come_back_last(data):
    # 60 rows occur twice: with 870 picks all of the 840 different rows come first, whatever twins there are.
    rows, labels = data
    coreset = paper_coreset(rows, labels, size=870, algorithm="lazy")
    assert len(np.unique(rows[coreset.index[:840]], axis=0)) == 840
    assert coreset.weight.sum() == 900


def test_the_random_baseline_weighs_each_class_evenly(data):
    rows, labels = data
    coreset = paper_coreset(rows, labels, fraction=0.1, algorithm="random", seed=1)
    for label in (-1.0, 7.0):
        mine = labels[coreset.index] == label
        assert np.allclose(coreset.weight[mine], np.sum(labels == label) / mine.sum())
    other = paper_coreset(rows, labels, fraction=0.1, algorithm="random", seed=2)
    assert not np.array_equal(coreset.index, other.index)


def test_random_uniform_does_not_heed_classes(data):
    rows, labels = data
    shares = []
    for seed in range(40):
        coreset = paper_coreset(rows, labels, size=90, algorithm="random-uniform", seed=seed)
        assert len(np.unique(coreset.index)) == 90
        assert np.allclose(coreset.weight, 10.0)
        shares.append((labels[coreset.index] == 7.0).mean())
    n, p = 900, (labels == 7.0).mean()
    spread = np.sqrt(p * (1 - p) / 90 * (1 - 90 / n))  # of a sample without replacement
    assert abs(np.mean(shares) - p) < 4 * spread / np.sqrt(40)
    assert 0.6 * spread < np.std(shares) < 1.6 * spread  # not each class's share, as random has it
    again = paper_coreset(rows, labels, size=90, algorithm="random-uniform", seed=39)
    assert np.array_equal(again.index, coreset.index)
    with pytest.raises(UsageError, match="needs classes, which random-uniform does not heed"):
        paper_coreset(rows, labels, size=90, algorithm="random-uniform", loss="logistic", radius=1.0)


@pytest.mark.parametrize("algorithm", ["random", "random-uniform"])
def test_random_rows_that_count_several_times(algorithm):
    """Weighted sums over random rows are those over all rows on average, whatever the multiplicities are."""
    rng = np.random.default_rng(11)
    rows = rng.standard_normal((400, 1))
    counts = np.where(rows[:, 0] > 0, 5.0, 1.0)
    labels = (rng.random(400) < 0.3).astype(float)
    sums = []
    for seed in range(200):
        coreset = paper_coreset(rows, labels, size=100, algorithm=algorithm, multiplicity=counts, seed=seed)
        assert coreset.weight.sum() == pytest.approx(counts.sum())
        sums.append(coreset.weight @ rows[coreset.index, 0])
    exact = counts @ rows[:, 0]
    assert abs(np.mean(sums) / exact - 1) < 4 * np.std(sums) / exact / np.sqrt(200) + 0.01


def test_regression_selects_on_rows_and_targets_together():
    rng = np.random.default_rng(6)
    rows = np.zeros((50, 1))
    targets = np.repeat([0.0, 10.0], 25) + 0.01 * rng.standard_normal(50)
    coreset = paper_coreset(rows, targets, size=2, loss="squared")
    assert sorted(targets[coreset.index] > 5) == [False, True]
    assert np.array_equal(coreset.weight, [25, 25])
    assert len(coreset.metadata["classes"]) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "expected one of fraction, size, epsilon and sizes, found none"),
        ({"fraction": 0.1, "size": 3}, "found fraction and size"),
        ({"fraction": 0.0}, "above 0 and at most 1"),
        ({"fraction": float("nan")}, "above 0 and at most 1"),
        ({"size": 901}, "at most the 900 rows"),
        ({"size": 1}, "one a class"),
        ({"epsilon": -1.0}, "0 or more"),
        ({"fraction": 0.1, "algorithm": "magic"}, "expected one of auto, lazy"),
        ({"fraction": 0.1, "radius": 1.0}, "expected a loss"),
        ({"fraction": 0.1, "radius": 1.0, "loss": "logistic", "metric": "cosine"}, "euclidean"),
        # Rows of one place and different labels have distance 0 and gradients that point apart.
        ({"fraction": 0.1, "radius": 1.0, "loss": "logistic", "per_class": False}, "needs classes"),
        ({"epsilon": 1.0, "algorithm": "random"}, "greedy order"),
        ({"fraction": 0.1, "memory_limit": 1000}, "memory limit"),
        ({"fraction": 0.1, "delta": 1.5}, "delta"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(arguments, message, data):
    with pytest.raises(UsageError, match=message):
        paper_coreset(*data, **arguments)


def test_a_metric_that_sparse_rows_do_not_have_is_refused(data):
    with pytest.raises(UsageError, match="chebyshev distances are of dense rows, found sparse ones"):
        paper_coreset(sp.csr_matrix(data[0]), data[1], size=9, metric="chebyshev")


def test_labels_that_are_no_classes_are_refused():
    rows = np.random.default_rng(0).standard_normal((50, 2))
    with pytest.raises(DataError, match="at least two classes"):
        paper_coreset(rows, np.ones(50), size=5)
    with pytest.raises(DataError, match="regression targets"):
        paper_coreset(rows, rows[:, 0], size=5, loss="logistic")
    with pytest.raises(DataError, match="found inf"):
        paper_coreset(np.full((50, 2), np.inf), np.ones(50), size=5)
    with pytest.raises(DataError, match="nan or inf"):
        paper_coreset(rows, np.full(50, np.nan), size=5)
    assert len(paper_coreset(rows, np.ones(50), size=5, per_class=False)) == 5


def test_progress_runs_from_nothing_to_everything(data):
    seen = []
    paper_coreset(*data, fraction=0.1, algorithm="lazy", progress=lambda done, total: seen.append(done / total))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


@pytest.mark.parametrize("scale", SCALES)
def test_a_huge_feature_number_costs_nothing(scale):
    rows = sp.csr_matrix(([1.0, 2.0, 3.0], ([0, 1, 2], [2**31 - 2, 5, 2**31 - 2])), shape=(3, 2**31 - 1))
    few = sp.csr_matrix(([1.0, 2.0, 3.0], ([0, 1, 2], [1, 0, 1])))
    coreset = paper_coreset(rows, size=2, scale=scale)
    assert np.array_equal(coreset.epsilon, paper_coreset(few, size=2, scale=scale).epsilon)
    assert coreset.epsilon[-1] > 0.0
    if scale == "none":
        assert coreset.epsilon[-1] == pytest.approx(2.0)


@pytest.mark.parametrize("metric", METRICS)
def test_assignment_finds_the_nearest_pick_of_every_row(metric):
    """Clouds apart, clouds far from the origin, and rows that are equal: enough picks for several levels of bunches."""
    rng = np.random.default_rng(5)
    centres = 3.0 * rng.standard_normal((12, 17))
    rows = centres[rng.integers(0, 12, 700)] + rng.standard_normal((700, 17)) + 40.0
    rows[500:520] = rows[100]
    picks = rng.permutation(700)[:400]
    constants = rng.random(700) + 0.5
    nearest, loss = build_space(rows, metric, np.ones(700)).assign(picks, constants, 2.0**-42)
    distances = naive.distance_matrix(naive.prepared(rows, metric), metric)[:, picks]
    distances[picks, np.arange(400)] = -1.0  # a pick is its own, whatever duplicates it has
    assert np.array_equal(nearest[picks], np.arange(400))
    assert np.allclose(distances[np.arange(700), nearest], distances.min(axis=1), rtol=1e-9, atol=1e-12)
    curve = constants @ np.maximum(np.minimum.accumulate(distances, axis=1), 0.0)
    assert np.all(loss >= curve * (1 - 1e-12))
    assert np.allclose(loss, curve, rtol=1e-6)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_nearest_of_each_prefix_is_found_on_the_way_to_that_of_all(threads):
    """As of each prefix by itself, wherever it ends: at a first pick, within a level, twice, and where a level does."""
    rng = np.random.default_rng(6)
    rows = rng.standard_normal((900, 3))
    picks, cells = rng.permutation(900)[:500], build_cells(rows, load(METRICS, "euclidean"), 900.0)
    place = np.argsort(cells.order)
    ends = (1, 2, 64, 70, 70, 200, 499)
    jit.set_threads(threads)
    points = arrange_points(cells.rows[place[picks]], cells.metric, ends)
    nearest, change = nearest_of(cells, points, np.ones(900), 2.0**-40)
    assert points.ends.tolist() == [1, 2, 64, 70, 200, 499, 500]
    distances = naive.distance_matrix(rows)[:, picks]
    for end, found in zip(points.ends, nearest):
        assert np.array_equal(found, distances[:, :end].argmin(axis=1))
        alone = nearest_of(cells, arrange_points(cells.rows[place[picks[:end]]], cells.metric), np.ones(900), 2.0**-40)
        assert np.array_equal(found, alone[0][0]) and np.array_equal(change[:end], alone[1])


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("count", [1, 2, 33, 128])
def test_greedy_among_few_rows_is_greedy_among_many(metric, count, monkeypatch):
    """On all distances or cell by cell: the same picks and gains to the bit, of equal rows and of rows that count 0."""
    rng = np.random.default_rng(count)
    rows = np.round(rng.standard_normal((200, 5)), 1)
    arranged = build_space(rows, metric, np.ones(200), 64).arranged
    few, weights = rng.permutation(200)[:count], rng.integers(0, 4, count) * 0.25
    plain = lazy.greedy_among(arranged, few, weights + (weights.sum() == 0), count)
    monkeypatch.setattr(lazy, "FEW", 0)
    cell_by_cell = lazy.greedy_among(arranged, few, weights + (weights.sum() == 0), count)
    assert np.array_equal(plain[0], cell_by_cell[0])
    assert np.array_equal(plain[1], cell_by_cell[1])
