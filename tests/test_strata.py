"""Strata, calibrated weights and influence vectors: unbiased, exact where they say so, and better than random."""

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse as sp

from craig_cli import jit
from craig_cli.artifacts.model import Model
from craig_cli.dataset import from_arrays
from craig_cli.errors import DataError, UsageError
from craig_cli.guided.influence import influence
from craig_cli.guided.policy import select_for
from craig_cli.selection.algorithms.strata import Strata, masses, stratify
from craig_cli.selection.distances import simd
from craig_cli.selection.distances.space import build_space
from craig_cli.selection.plan import Plan
from craig_cli.selection.weights.calibrate import HIGHEST, LOWEST, _Dual, calibrate
from tests.naive import selection as naive
from tests.paper import LAYOUTS, paper_coreset

L2 = 1e-3


def _logistic(rows, labels, weights):
    """(objective, optimum) of the weighted logistic regression with an intercept, by L-BFGS."""
    signs = np.where(labels > 0, 1.0, -1.0)
    extended = np.column_stack([rows, np.ones(len(rows))])
    total = weights.sum()

    def objective(model):
        margins = signs * (extended @ model)
        slopes = -signs * weights / (1.0 + np.exp(margins))
        value = weights @ np.logaddexp(0.0, -margins) / total + 0.5 * L2 * model[:-1] @ model[:-1]
        return value, extended.T @ slopes / total + L2 * np.append(model[:-1], 0.0)

    start = np.zeros(extended.shape[1])
    options = {"maxiter": 2000, "ftol": 1e-15, "gtol": 1e-10}
    return objective, scipy.optimize.minimize(objective, start, jac=True, method="L-BFGS-B", options=options).x


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((4000, 6)) * [1.0, 3.0, 0.3, 1.0, 1.0, 10.0]
    chance = 1.0 / (1.0 + np.exp(-(rows @ [1.0, -0.5, 2.0, 0.0, 0.7, 0.05] - 2.0)))
    return rows, (rng.random(4000) < chance).astype(float)


class _Rows:
    def __init__(self, multiplicity):
        self.multiplicity = multiplicity


def test_strata_have_equal_mass_and_the_draw_is_unbiased():
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((500, 3)) * rng.exponential(size=(500, 1))
    counts = rng.integers(1, 4, 500).astype(float)
    mass = masses(vectors, counts)
    estimates, sizes = [], []
    for seed in range(400):
        strata = Strata(vectors, mass, _Rows(counts), np.random.default_rng(seed))
        strata.extend(40)
        assert len(np.unique(strata.picks)) == 40
        assert strata.weights.sum() == pytest.approx(counts.sum())
        estimates.append(strata.weights @ vectors[strata.picks])
        sizes.append(mass[strata.picks] * strata.weights / counts[strata.picks])
    truth = counts @ vectors
    error = np.std(estimates, axis=0) / np.sqrt(400)
    assert (np.abs(np.mean(estimates, axis=0) - truth) < 5 * error + 0.01 * np.abs(vectors).sum(axis=0)).all()
    assert np.median(sizes) == pytest.approx(mass.sum() / 40, rel=0.2)


@pytest.mark.parametrize(("n_rows", "size"), [(200, 9), (200, 200), (3000, 150), (3000, 64)])
def test_strata_cover_all_rows_along_the_main_direction_at_any_number_of_threads(n_rows, size):
    rng = np.random.default_rng(3)
    vectors = rng.standard_normal((n_rows, 11)) * np.append(np.arange(1.0, 11.0), 30.0)
    mass = rng.exponential(size=n_rows) + 0.5
    found = []
    for threads in (1, 2):
        jit.set_threads(threads)
        order = np.arange(n_rows)
        found.append((stratify(vectors, mass, order, size), order))
    jit.set_threads(None)
    strata, order = found[0]
    assert np.array_equal(strata, found[1][0]) and np.array_equal(order, found[1][1])
    assert np.array_equal(np.sort(order), np.arange(n_rows))
    assert strata[0, 0] == 0 and strata[-1, 1] == n_rows
    assert np.array_equal(strata[1:, 0], strata[:-1, 1])
    assert (strata[:, 1] > strata[:, 0]).all()
    # The first cut: half of the strata, about half of the mass, and apart along the widest direction.
    middle = strata[size // 2, 0]
    left, right = order[:middle], order[middle:]
    assert mass[left].sum() / mass.sum() == pytest.approx((size // 2) / size, abs=mass.max() / mass.sum() + 1e-9) or (
        size == n_rows
    )
    widest = np.linalg.svd(vectors - vectors.mean(axis=0))[2][0]
    gap = abs(vectors[left].mean(axis=0) @ widest - vectors[right].mean(axis=0) @ widest)
    assert gap > 0.8 * np.std(vectors @ widest)


@jit.njit
def dot(left, right):
    return simd.dot(left, right)


@pytest.mark.parametrize("width", [1, 7, 8, 9, 54, 64])
def test_the_dot_product_of_vectors(width):
    left, right = np.random.default_rng(width).standard_normal((2, width))
    assert dot(left, right) == pytest.approx(float(np.sum(left * right)), rel=1e-12, abs=1e-12)


def test_strata_estimate_better_than_uniform_rows():
    rng = np.random.default_rng(2)
    vectors = rng.standard_normal((3000, 4)) + rng.integers(0, 5, (3000, 1))
    ones = np.ones(3000)
    errors = {"strata": [], "uniform": []}
    for seed in range(30):
        strata = Strata(vectors, masses(vectors, ones), _Rows(ones), np.random.default_rng(seed))
        strata.extend(100)
        uniform = rng.permutation(3000)[:100]
        errors["strata"].append(np.linalg.norm(strata.weights @ vectors[strata.picks] - vectors.sum(axis=0)))
        errors["uniform"].append(np.linalg.norm(30.0 * vectors[uniform].sum(axis=0) - vectors.sum(axis=0)))
    assert np.median(errors["strata"]) < 0.5 * np.median(errors["uniform"])


@pytest.mark.parametrize("direct", [0, 1024])  # totals up to which steps are exact
def test_calibrated_weights_solve_the_problem_they_say(direct, monkeypatch):
    monkeypatch.setattr("craig_cli.selection.weights.calibrate.DIRECT", direct)
    rng = np.random.default_rng(3)
    weights = rng.exponential(size=120) + 0.5
    groups = rng.integers(0, 2, 120)
    vectors = rng.standard_normal((120, 3))
    group_totals = np.bincount(groups, weights=weights) * [1.02, 0.98]
    totals = weights @ vectors + 2.0
    found, left, asked = calibrate(weights, groups, group_totals, vectors, totals)
    assert asked == 5
    assert left < 1e-6
    assert np.allclose(np.bincount(groups, weights=found), group_totals)
    assert np.allclose(found @ vectors, totals)
    ratio = found / weights
    assert ratio.min() >= LOWEST and ratio.max() <= HIGHEST

    constraint = np.column_stack([groups == 0, groups == 1, vectors]).astype(float)
    target = np.concatenate([group_totals, totals])
    slow = scipy.optimize.minimize(
        lambda w: ((w - weights) ** 2 / weights).sum(),
        weights,
        jac=lambda w: 2.0 * (w - weights) / weights,
        constraints={"type": "eq", "fun": lambda w: w @ constraint - target, "jac": lambda w: constraint.T},
        method="SLSQP",
        options={"maxiter": 200, "ftol": 1e-14},
    )
    assert np.allclose(found, slow.x, rtol=1e-4)


def test_newtons_method_finds_weights_that_are_mostly_at_their_bounds(monkeypatch):
    """There plain steps get stuck between the pieces of the dual; the slow way there is L-BFGS to the end."""
    rng = np.random.default_rng(7)
    weights, groups = rng.exponential(size=300) + 0.5, np.repeat([0, 1, 2], 100)
    vectors = rng.standard_t(2, (300, 100)) * np.geomspace(1.0, 1e-2, 100)
    group_totals = np.bincount(groups, weights=weights)
    dual = _Dual(weights, groups, group_totals, vectors, weights @ vectors + 40.0 * rng.standard_normal(100))
    slow = dual.weights_at(dual._descend(np.zeros(103)))
    monkeypatch.setattr(_Dual, "_descend", None)
    point = dual.solve()
    found = dual.weights_at(point)
    at_bounds = (found <= LOWEST * weights * (1 + 1e-9)) | (found >= HIGHEST * weights * (1 - 1e-9))
    assert at_bounds.mean() > 0.5
    assert np.linalg.norm(dual._gradient(point, dual.forward(point))) < 1e-7 * np.linalg.norm(dual.target)
    assert np.allclose(found, slow, rtol=1e-3)
    assert dual._value(point, dual.forward(point)) <= 0.0


def test_what_cannot_be_matched_is_reported_and_never_turns_negative():
    rng = np.random.default_rng(4)
    weights = np.ones(200)
    vectors = rng.standard_normal((200, 2))
    found, left, _ = calibrate(weights, np.zeros(200, dtype=int), np.array([200.0]), vectors, np.array([1e6, 0.0]))
    assert left > 0.5
    assert found.min() > 0
    assert found.sum() == pytest.approx(200.0)
    # Few picks need not be asked for many totals.
    few = (np.ones(50), np.zeros(50, dtype=int), np.array([50.0]), rng.standard_normal((50, 40)), np.zeros(40))
    _, _, asked = calibrate(*few, most=4)
    assert asked == 5


def test_influence_is_the_gradient_in_the_curvature(data):
    rows, labels = data
    model = Model("logistic", (0.0, 1.0), np.array([0.5, -0.2, 1.0, 0.1, 0.3, 0.02]), -1.0, L2)
    found = influence(model, from_arrays(rows, labels))
    assert found.kind == "exact"
    signs = 2.0 * labels - 1.0
    extended = np.column_stack([rows, np.ones(len(rows))])
    chance = 1.0 / (1.0 + np.exp(signs * (extended @ np.append(model.coef, model.intercept))))
    gradients = -(signs * chance)[:, None] * extended
    hessian = (extended * (chance * (1 - chance))[:, None]).T @ extended / len(rows)
    hessian += np.diag(np.append(np.full(6, L2), 0.0))
    # Any root of the inverse will do: inner products are what is defined.
    expected = gradients[:50] @ np.linalg.solve(hessian, gradients[:50].T)
    assert np.allclose(found.vectors[:50] @ found.vectors[:50].T, expected, rtol=1e-5, atol=1e-6)
    sketch = influence(model, from_arrays(sp.csr_matrix(rows), labels))
    assert sketch.kind == "sketch"
    assert sketch.vectors.shape[0] == len(rows)
    with pytest.raises(DataError, match="expected a model of 3 features"):
        influence(model, from_arrays(rows[:, :3], labels))


def _residual(rows, labels, coreset):
    objective, best = _logistic(rows, labels, np.ones(len(rows)))
    _, found = _logistic(rows[coreset.index], labels[coreset.index], coreset.weight)
    return objective(found)[0] - objective(best)[0]


def test_a_pilot_beats_random_by_far(data):
    rows, labels = data
    random, piloted = [], []
    for seed in range(5):
        chosen = paper_coreset(rows, labels, fraction=0.1, algorithm="random", seed=seed)
        random.append(_residual(rows, labels, chosen))
        plan = Plan(fraction=0.1, l2=L2, purpose="linear", seed=seed)
        coreset = select_for(from_arrays(rows, labels), plan)
        assert coreset.weight.min() > 0
        for label in (0.0, 1.0):
            mine = labels[coreset.index] == label
            assert coreset.weight[mine].sum() == pytest.approx((labels == label).sum(), rel=1e-9)
        piloted.append(_residual(rows, labels, coreset))
    assert np.median(piloted) < 0.02 * np.median(random)


@pytest.mark.parametrize("layout", [np.array, sp.csr_matrix], ids=["dense", "sparse"])
def test_pilots_of_other_losses_and_layouts(layout):
    rng = np.random.default_rng(5)
    rows = rng.standard_normal((1200, 5))
    for labels, loss in (
        (rng.integers(0, 3, 1200).astype(float), "multinomial"),
        (rows @ np.arange(5.0) + rng.standard_normal(1200), "squared"),
    ):
        dataset = from_arrays(layout(rows), labels)
        coreset = select_for(dataset, Plan(size=120, purpose="linear"))
        again = select_for(dataset, Plan(size=120, purpose="linear", threads=1))
        assert coreset.metadata["at"]["loss"] == loss
        assert len(coreset) == 120
        assert coreset.weight.sum() == pytest.approx(1200)
        assert np.array_equal(coreset.index, again.index)
        assert np.array_equal(coreset.weight, again.weight)


@pytest.mark.parametrize("algorithm", ["lazy", "partition", "strata", "random"])
def test_calibrated_to_class_means_without_a_model(algorithm, data):
    rows, labels = data
    coreset = paper_coreset(rows, labels, size=300, algorithm=algorithm, weights="calibrated")
    for label in (0.0, 1.0):
        mine = labels[coreset.index] == label
        means = coreset.weight[mine] @ rows[coreset.index[mine]]
        assert np.allclose(means, rows[labels == label].sum(axis=0), rtol=1e-5, atol=1e-3)
    assert (np.diff(coreset.epsilon[1:]) <= 0).all()


def test_options_that_do_not_go_together(data):
    rows, labels = data
    with pytest.raises(UsageError, match="strata"):
        paper_coreset(rows, labels, epsilon=10.0, algorithm="strata")
    with pytest.raises(UsageError, match="calibrated"):
        paper_coreset(rows, labels, epsilon=10.0, algorithm="lazy", weights="calibrated")


def test_few_picks_do_not_follow_a_rough_model_of_many_parameters():
    rng = np.random.default_rng(6)
    rows = sp.random(1500, 3000, 0.02, random_state=1, format="csr")
    labels = (rng.random(1500) < 0.4).astype(float)
    notes = []
    coreset = select_for(from_arrays(rows, labels), Plan(fraction=0.1, purpose="linear"), note=notes.append)
    assert any("150 picks cannot follow it" in line for line in notes)
    assert "at" not in coreset.metadata
    assert coreset.metadata["weights"] == "count"
    assert coreset.weight.sum() == pytest.approx(1500)


@pytest.mark.parametrize(("metric", "layout"), LAYOUTS.values(), ids=LAYOUTS)
def test_each_row_is_assigned_to_its_own_stratum(layout, metric):
    rng = np.random.default_rng(7)
    rows = rng.standard_normal((300, 4)) * (rng.random((300, 4)) < 0.7)
    rows[:, 0] += 1.0
    space = build_space(layout(rows), metric, np.ones(300))
    strata = Strata(rows, np.ones(300), space, np.random.default_rng(0))
    strata.extend(30)
    constants, grid = rng.random(300) + 0.5, 2.0**-30
    nearest, losses = strata.assign(strata.picks, constants, grid)
    assert np.array_equal(nearest[strata.picks], np.arange(30))
    assert (np.bincount(nearest, minlength=30) == 10).all()
    those = naive.prepared(rows, metric)
    expected = constants @ naive.DISTANCES[metric](those - those[strata.picks[nearest]])
    assert (losses == losses[0]).all()
    assert expected - 1e-9 <= losses[0] <= expected + 300 * grid + 1e-9
    # No assignment does better than the nearest picks.
    assert losses[0] >= space.assign(strata.picks, constants, grid)[1][-1] - 300 * grid
