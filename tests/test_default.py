"""What is selected where nothing else is said: better than random rows on any data, and where it cannot, counts."""

import functools
from dataclasses import replace

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse as sp
import scipy.spatial
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from craig_cli import reweight_coreset, select_coreset
from craig_cli.artifacts.coreset import read_coreset
from craig_cli.dataset import from_arrays
from craig_cli.errors import UsageError
from craig_cli.guided.policy import select_for
from craig_cli.guided.rough_model import rough_model
from craig_cli.registry import DEFAULT_L2, RECIPES
from craig_cli.selection.at_model import AtModel, joint
from craig_cli.selection.plan import Plan
from craig_cli.selection.select import select_dataset
from craig_cli.selection.weights.calibrate import HIGHEST, LOWEST
from craig_cli.selection.weights.weigh import TRUSTED
from craig_cli.training.design import build_design
from craig_cli.training.newton import newton
from tests.benchmarks.kinds import uneven
from tests.conftest import SAMPLE
from tests.paper import paper_coreset

L2 = 1e-3


def _optimum(rows, labels, weights):
    """(objective, its optimum) of the weighted logistic or, for other than two labels, ridge regression."""
    extended = np.column_stack([rows, np.ones(len(rows))])
    total = weights.sum()
    penalty = np.append(np.full(rows.shape[1], L2), 0.0)
    classes = np.unique(labels)
    signs = np.where(labels == classes[-1], 1.0, -1.0)

    def objective(model):
        margins = extended @ model
        if len(classes) == 2:
            value, slopes = np.logaddexp(0.0, -signs * margins), -signs / (1.0 + np.exp(signs * margins))
        else:
            value, slopes = 0.5 * (margins - labels) ** 2, margins - labels
        gradient = extended.T @ (weights * slopes) / total + penalty * model
        return weights @ value / total + 0.5 * penalty @ model**2, gradient

    options = {"maxiter": 3000, "ftol": 1e-15, "gtol": 1e-9}
    start = np.zeros(extended.shape[1])
    return objective, scipy.optimize.minimize(objective, start, jac=True, method="L-BFGS-B", options=options).x


def _labels(rows, rng, share=0.5):
    score = rows @ rng.standard_normal(rows.shape[1]) + rng.logistic(size=len(rows))
    return (score > np.quantile(score, 1.0 - share)).astype(float)


def _balanced(rng):
    rows = rng.standard_normal((3000, 6)) * [1.0, 3.0, 0.3, 1.0, 1.0, 5.0]
    return rows, _labels(rows, rng)


def _rare(rng):
    rows = rng.standard_normal((4000, 5))
    return rows, _labels(rows, rng, 0.03)


def _one_hot(rng):
    rows = np.concatenate([np.eye(6)[rng.integers(0, 6, 3000)] for _ in range(4)], axis=1)
    return rows, _labels(rows, rng)


def _heavy_tails(rng):
    rows = rng.standard_t(3, (3000, 5)) @ rng.standard_normal((5, 5))
    return rows, rows @ rng.standard_normal(5) + rng.standard_normal(3000)


SETS = [_balanced, _rare, _one_hot, _heavy_tails]


@functools.cache
def _beside_random(make):
    """(rows, labels, what is asked for, the residual of a coreset, the median one of random rows) of a set."""
    rows, labels = make(np.random.default_rng(0))
    objective, best = _optimum(rows, labels, np.ones(len(rows)))

    def residual(coreset):
        assert coreset.weight.sum() == pytest.approx(len(rows))
        _, found = _optimum(rows[coreset.index], labels[coreset.index], coreset.weight)
        return objective(found)[0] - objective(best)[0]

    options = {"fraction": 0.15, "loss": "squared" if make is _heavy_tails else None, "l2": L2}
    random = [residual(paper_coreset(rows, labels, algorithm="random", seed=seed, **options)) for seed in range(5)]
    return rows, labels, options, residual, np.median(random)


@pytest.mark.parametrize("make", SETS, ids=lambda make: make.__name__[1:])
@pytest.mark.parametrize("layout", [np.array, sp.csr_matrix], ids=["dense", "sparse"])
def test_the_default_beats_random_for_converged_models(make, layout):
    rows, labels, options, residual, random = _beside_random(make)
    default = [residual(select_coreset(layout(rows), labels, seed=seed, **options)) for seed in range(3)]
    assert max(default) < 0.5 * random
    assert np.median(default) < 0.2 * random


def test_the_joint_space_is_that_of_influence_and_features():
    rng = np.random.default_rng(8)
    rows = np.column_stack([rng.standard_normal(500) + 7.0, rng.standard_t(2, 500), 5.0 * (rng.random(500) < 0.03)])
    counts = rng.integers(1, 4, 500).astype(float)
    influence, labels = rng.standard_normal((500, 4)), rng.standard_normal(500)
    dataset = from_arrays(rows, labels, counts)

    def mean_norm(vectors):
        return counts @ np.linalg.norm(vectors, axis=1) / counts.sum()

    def centred(columns):
        return columns - counts @ columns / counts.sum()

    looks = centred(rows)
    for column in range(2):  # the last has two values
        reach = 5.0 * np.sqrt(counts @ looks[:, column] ** 2 / counts.sum())
        for row in range(500):
            looks[row, column] /= np.sqrt(1.0 + (looks[row, column] / reach) ** 2)
    assert np.abs(centred(rows)[:, 1]).max() > 1.5 * np.abs(looks[:, 1]).max()
    target = centred(labels[:, None])
    target /= np.sqrt(counts @ target**2 / counts.sum())
    for regression, features in ((False, looks), (True, np.column_stack([looks, target]))):
        for power in (1.0, 0.5):
            norms = np.linalg.norm(influence, axis=1, keepdims=True)
            damped = influence / norms * (norms / mean_norm(influence)) ** power
            expected = np.column_stack([damped, 2.0 * features / mean_norm(features)])
            at = AtModel(influence, beside=joint(dataset, influence, 2.0, "none", regression, power))
            assert np.allclose(at.vectors(np.arange(500)), expected)
        assert np.array_equal(at.vectors(np.array([7, 3])), at.vectors(np.arange(500))[[7, 3]])
        assert at.width == expected.shape[1]


@pytest.mark.parametrize("layout", [np.array, sp.csr_matrix], ids=["dense", "sparse"])
def test_units_of_uneven_columns_say_nothing(layout):
    rng = np.random.default_rng(9)
    rows, labels = rng.standard_normal((900, 4)) + 3.0, np.arange(900) % 2
    uneven = rows * [1.0, 1e3, 1e-3, 1.0]
    influence = rng.standard_normal((900, 2))
    first = joint(from_arrays(layout(uneven), labels), influence, 1.0, "none", False)
    second = joint(from_arrays(layout(uneven * [1e4, 1.0, 1.0, 1e-3]), labels), influence, 1.0, "none", False)
    found = [AtModel(influence, beside=each).vectors(np.arange(900)) for each in (first, second)]
    assert np.allclose(*found)


def test_the_weights_are_those_of_the_clusters_within_the_bounds():
    rows, labels = _balanced(np.random.default_rng(1))
    default = select_coreset(rows, labels, fraction=0.1)
    dataset = from_arrays(rows, labels)
    rough = rough_model(dataset, "logistic", 1e-5, picks=300, rounds=6)
    recipe = RECIPES["any"]
    beside = joint(dataset, rough.influence.vectors, recipe.features, "none", False, recipe.power)
    at = AtModel(rough.influence.vectors, beside=beside, quotas=recipe.quotas)
    counts = select_dataset(dataset, Plan(fraction=0.1, algorithm="partition", weights="count"), at=at)
    assert np.array_equal(default.index, counts.index)
    assert np.array_equal(counts.weight, np.rint(counts.weight))
    facts = default.metadata
    assert (facts["exemplar"], facts["weights"], facts["algorithm"]) == ("member", "fitted", "partition")
    ratio = default.weight / counts.weight
    assert not np.allclose(ratio, 1.0)
    assert ratio.min() >= LOWEST * 0.99 and ratio.max() <= HIGHEST * 1.01
    assert (np.diff(default.epsilon[1:]) <= 0).all()
    assert default.epsilon[-1] >= paper_coreset(rows, labels, fraction=0.1).epsilon[-1]
    assert facts["at"]["loss"] == "logistic"
    assert facts["at"]["gradient_error"]["error"] < 0.05 * facts["at"]["gradient_error"]["full_norm"] + 1.0
    again = select_coreset(rows, labels, fraction=0.1, threads=1)
    for column in ("index", "weight", "epsilon"):
        assert np.array_equal(getattr(again, column), getattr(default, column))
    assert again.metadata == default.metadata


@pytest.mark.parametrize(
    ("rows", "labels", "size"),
    [
        ([[0.0], [1.0]], [0, 1], 2),
        ([[0.0], [1.0], [2.0]], [5, 5, 7], 2),  # a class with one row
        (np.arange(40.0)[:, None], np.arange(40) >= 20, 10),  # separable
        (np.ones((60, 3)), np.arange(60) % 2, 10),  # nothing to tell the classes by
        (np.zeros((60, 3)), np.arange(60) % 3, 30),
        (np.random.default_rng(0).standard_normal((60, 200)), np.arange(60) % 2, 20),  # more columns than rows
        (np.random.default_rng(0).standard_normal((300, 2)), np.r_[np.zeros(299), 1], 100),  # one positive
        (np.arange(300.0)[:, None] * 1e150, np.arange(300) % 2, 100),
    ],
)
def test_small_and_odd_data(rows, labels, size):
    rows, labels = np.array(rows), np.array(labels, dtype=float)
    coreset = select_coreset(rows, labels, size=size)
    assert len(np.unique(coreset.index)) == size
    assert coreset.weight.min() > 0
    for label in np.unique(labels):
        assert coreset.weight[labels[coreset.index] == label].sum() == pytest.approx((labels == label).sum())
    assert (np.diff(coreset.epsilon[np.isfinite(coreset.epsilon)]) <= 0).all()


@pytest.mark.parametrize("purpose", ["any", "linear"])
def test_a_model_of_too_many_parameters_is_not_followed(purpose):
    rng = np.random.default_rng(6)
    rows = rng.standard_normal((400, 250))
    notes = []
    coreset = select_coreset(rows, _labels(rows, rng), size=40, purpose=purpose, note=notes.append)
    assert coreset.metadata["weights"] == "count"
    assert coreset.metadata["exemplar"] == ("member" if purpose == "any" else None)
    assert "at" not in coreset.metadata
    assert any("selected by their features" in line for line in notes)
    unlabelled = select_coreset(rows, size=40)
    assert unlabelled.metadata["weights"] == "count"


@functools.cache
def _wide(seed):
    """(rows, labels, the objective, its least value)"""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((3000, 12))
    labels = _labels(rows, rng)
    objective, best = _optimum(rows, labels, np.ones(3000))
    return rows, labels, objective, objective(best)[0]


@pytest.mark.parametrize("picks_a_parameter", [2, 3])
def test_few_picks_are_no_worse_than_random_rows(picks_a_parameter):
    """Once 39 picks for 13 parameters ended half as far again from the optimum as random rows."""
    residuals = {"any": [], "random": []}
    for seed in range(5):
        rows, labels, objective, least = _wide(seed)
        for way, asked in (("any", {}), ("random", {"algorithm": "random"})):
            coreset = select_coreset(rows, labels, size=13 * picks_a_parameter, l2=L2, seed=seed, **asked)
            _, found = _optimum(rows[coreset.index], labels[coreset.index], coreset.weight)
            residuals[way].append(objective(found)[0] - least)
    assert np.median(residuals["any"]) <= np.median(residuals["random"])


@pytest.mark.parametrize("seed", range(3))
def test_where_no_weights_match_the_gradient_the_better_ones_are_taken(seed):
    rng = np.random.default_rng(seed)
    rows = np.concatenate([np.eye(9)[rng.integers(0, 9, 3000)] for _ in range(6)], axis=1)
    labels = _labels(rows, rng, 0.2)
    objective, _ = _optimum(rows, labels, np.ones(len(rows)))
    dataset, plan = from_arrays(rows, labels), Plan(size=70, algorithm="partition", l2=L2)
    rough = rough_model(dataset, "logistic", L2, picks=70, rounds=6)
    at = AtModel(
        rough.influence.vectors,
        rough.influence.gradients,
        beside=joint(dataset, rough.influence.vectors, 2.0, "none", False),
    )

    def cost(rows_, weights):
        return objective(_optimum(rows[rows_], labels[rows_], weights)[1])[0]

    ways = [select_dataset(dataset, replace(plan, weights=weights), at=at) for weights in ("count", "calibrated")]
    costs = [cost(way.index, way.weight) for way in ways]
    assert ways[1].metadata["calibration"]["left"] > TRUSTED
    chosen = select_dataset(dataset, replace(plan, weights="fitted"), at=replace(at, cost=cost))
    assert cost(chosen.index, chosen.weight) == min(costs)
    assert chosen.metadata["weights"] == ("count" if costs[0] < costs[1] else "fitted")


@pytest.mark.parametrize("exemplar", ["medoid", "member"])
def test_weights_at_their_bounds_leave_as_little_as_can_be(exemplar):
    """Few picks for the parameters of one-hot columns: many weights end at a bound, where steps can get stuck."""
    rng = np.random.default_rng(3)
    rows = np.concatenate([np.eye(9)[rng.integers(0, 9, 4000)] for _ in range(6)], axis=1)
    labels = _labels(rows, rng, 0.3)
    dataset = from_arrays(rows, labels)
    rough = rough_model(dataset, "logistic", 1e-5, picks=120, rounds=4)
    vectors, goal = rough.influence.vectors, rough.influence.vectors.sum(axis=0)
    at = AtModel(vectors, beside=joint(dataset, vectors, 2.0, "none", False))
    plan = Plan(size=120, exemplar=exemplar)
    plain, fitted = (select_dataset(dataset, replace(plan, weights=each), at=at) for each in ("count", "calibrated"))
    assert np.array_equal(plain.index, fitted.index)
    ratio = fitted.weight / plain.weight
    assert ((ratio < 1.01 * LOWEST) | (ratio > 0.99 * HIGHEST)).mean() > 0.05
    classes = np.column_stack([labels == 0, labels == 1]) * 1e3  # whose sums are matched whatever it costs

    def left(weights):
        return np.linalg.norm(goal - weights @ vectors[plain.index])

    design = np.concatenate([vectors[plain.index].T, classes[plain.index].T])
    whole = np.concatenate([goal, classes.sum(axis=0)])
    bounds = (plain.weight * LOWEST, plain.weight * HIGHEST)
    best = scipy.optimize.lsq_linear(design, whole, bounds, tol=1e-14, max_iter=2000)
    assert left(best.x) <= left(fitted.weight) < 1.25 * left(best.x) + 0.02 * left(plain.weight)
    assert fitted.metadata["calibration"]["left"] == pytest.approx(left(fitted.weight) / left(plain.weight), rel=1e-3)


def test_what_fitted_weights_do_not_go_with():
    rows, labels = _balanced(np.random.default_rng(3))
    for options, message in (
        ({"algorithm": "random"}, "found random"),
        ({"purpose": "distance", "algorithm": "lazy"}, "found lazy"),
        ({"influence": rows}, "found a model to select at"),
        ({"per_class": False}, "found no-per-class"),
    ):
        with pytest.raises(UsageError, match=message):
            select_coreset(rows, labels, size=60, weights="fitted", **options)
    with pytest.raises(UsageError, match="found an epsilon to reach"):
        select_coreset(rows, labels, epsilon=60.0, weights="fitted")


@functools.cache
def _apart():
    """(rows, labels, distances of the rows of one label, inf of others)"""
    rows, labels = _balanced(np.random.default_rng(4))
    distances = scipy.spatial.distance.cdist(rows, rows)
    distances[labels[:, None] != labels[None, :]] = np.inf
    return rows, labels, distances


@pytest.mark.parametrize("way", ["default", "member", "strata"])
def test_a_prefix_is_a_better_use_of_its_rows_than_a_random_order(way):
    """Each prefix counted anew covers the data better than as many elements drawn from the same coreset."""
    rows, labels, distances = _apart()
    options = {"default": {}, "member": {"exemplar": "member"}, "strata": {"algorithm": "strata"}}[way]
    coreset = select_coreset(rows, labels, size=240, **options)
    rng = np.random.default_rng(5)
    for size in (40, 100, 180):
        prefix = reweight_coreset(coreset, rows, labels, weights="count", size=size)
        assert np.array_equal(prefix.index, coreset.index[:size])
        assert prefix.epsilon[-1] <= coreset.epsilon[size - 1] * (1 + 1e-9)
        random = [distances[:, rng.permutation(coreset.index)[:size]].min(axis=1).sum() for _ in range(20)]
        assert distances[:, prefix.index].min(axis=1).sum() < (1.0 if way != "strata" else 1.02) * np.median(random)


def test_the_command_without_options_is_the_default(craig):
    craig.ok("select", SAMPLE / "binary.libsvm", "--fraction", "0.1", "-o", "a.parquet", "-q")
    explicit = ("--exemplar", "member", "--weights", "fitted", "--algorithm", "partition")
    craig.ok("select", SAMPLE / "binary.libsvm", "--fraction", "0.1", *explicit, "-o", "b.parquet", "-q")
    a, b = (read_coreset(craig.folder / name) for name in ("a.parquet", "b.parquet"))
    assert np.array_equal(a.index, b.index)
    assert np.array_equal(a.weight, b.weight)
    assert a.metadata["at"]["gradient_error"]["holds_for"] == "this model only"
    craig.ok("select", SAMPLE / "binary.libsvm", "--epsilon", "5000", "-o", "c.parquet", "-q")
    assert read_coreset(craig.folder / "c.parquet").metadata["weights"] == "count"


@functools.cache
def _of_uneven_columns(seed, before, scale):
    """(the data set, standardised ``before`` or not, its design, the optimum)"""
    rng = np.random.default_rng(seed)
    plain = rng.standard_normal((4000, 4))
    labels = (plain @ [1.0, -1.0, 0.5, 0.7] + rng.logistic(size=4000) > 0).astype(float)
    rows = plain * [1.0, 1e4, 1e-2, 10.0]
    if before:
        rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    dataset = from_arrays(rows, labels)
    design = build_design(dataset, "logistic", DEFAULT_L2, scale=scale)
    return dataset, design, newton(design, np.zeros((1, design.width)), 1e-16).coef


@pytest.mark.parametrize("purpose", ["any", "linear"])
@pytest.mark.parametrize("fraction", [0.01, 0.05, 0.1])
def test_scaled_columns_do_as_well_as_columns_that_were_scaled_before(purpose, fraction):
    """Once the penalty of the rough model was in raw units, whatever --scale the coreset was to be trained with."""

    def residual(seed, before):
        scale = "none" if before else "standard"
        dataset, design, best = _of_uneven_columns(seed, before, scale)
        coreset = select_for(dataset, Plan(fraction=fraction, scale=scale, seed=seed, purpose=purpose))
        found = newton(design.take(coreset.index, coreset.weight), best, 1e-16).coef
        return design.objective(found, design.margins(found)) - design.objective(best, design.margins(best))

    inside, before = (np.median([residual(seed, way) for seed in range(3)]) for way in (False, True))
    assert inside < 3.0 * before + 1e-12
    assert inside < 1e-6


def test_boosting_on_uneven_columns_is_better_than_on_random_rows():
    """A table in units from 1e-3 to 1e5, 7 % positives, trees on 5 % of it; by their ranking of rows not seen."""
    rows, labels, unseen, expected, _ = uneven()
    areas: dict[str, list[float]] = {"auto": [], "random": []}
    for seed in range(3):
        for algorithm, found in areas.items():
            coreset = select_coreset(rows, labels, fraction=0.05, algorithm=algorithm, seed=seed)
            trees = HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=8, early_stopping=False)
            trees.fit(rows[coreset.index], labels[coreset.index], coreset.weight / coreset.weight.mean())
            found.append(roc_auc_score(expected, trees.predict_proba(unseen)[:, 1]))
    assert np.mean(areas["auto"]) > np.mean(areas["random"])
