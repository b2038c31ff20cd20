"""The rough model: near the optimum of all rows, on easy data and where a few rows hold the curvature."""

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse as sp

from craig_cli.dataset import from_arrays
from craig_cli.guided.rough_model import rough_model, sample_size
from craig_cli.guided.samples import draw_random, draw_strata
from tests.naive import training as naive

L2 = 1e-4


def _objective(rows, labels, weights, loss):
    """(function of the raw parameters (k * (d + 1),) to value and gradient, number of them), written out in numpy."""
    extended = np.column_stack([rows, np.ones(len(rows))])
    classes = np.unique(labels)
    outputs = len(classes) if loss == "multinomial" else 1
    penalty = np.append(np.full(rows.shape[1], L2), 0.0)
    share = weights / weights.sum()
    hot = labels[:, None] == classes
    signs = np.where(labels == classes[-1], 1.0, -1.0)

    def function(flat):
        coef = flat.reshape(outputs, -1)
        margins = extended @ coef.T
        if loss == "multinomial":
            values = np.logaddexp.reduce(margins, axis=1) - margins[hot]
            slopes = np.exp(margins - np.logaddexp.reduce(margins, axis=1)[:, None]) - hot
        elif loss == "logistic":
            values = np.logaddexp(0.0, -signs * margins[:, 0])
            slopes = (-signs / (1.0 + np.exp(signs * margins[:, 0])))[:, None]
        elif loss == "huber":
            apart = margins - labels[:, None]
            values, slopes = naive.phi(loss, labels, margins), np.clip(apart, -1.0, 1.0)
        else:
            values, slopes = 0.5 * (margins[:, 0] - labels) ** 2, margins - labels[:, None]
        gradient = (slopes * share[:, None]).T @ extended + penalty * coef
        return share @ values + 0.5 * float((penalty * coef * coef).sum()), gradient.ravel()

    return function, outputs * extended.shape[1]


def _above(dataset, rows, labels, weights, loss, **options):
    """(residual of the zero model, that of the rough model, the rough model)."""
    function, size = _objective(rows, labels, weights, loss)
    found = {"maxiter": 5000, "maxfun": 5000, "ftol": 1e-15, "gtol": 1e-10}
    best = scipy.optimize.minimize(function, np.zeros(size), jac=True, method="L-BFGS-B", options=found)
    rough = rough_model(dataset, loss, L2, **{"picks": 100} | options)
    coef, intercept = rough.design.raw(rough.coef)
    value = function(np.column_stack([coef, intercept]).ravel())[0]
    assert rough.influence.objective == pytest.approx(value, rel=1e-9)
    return function(np.zeros(size))[0] - best.fun, value - best.fun, rough


@pytest.mark.parametrize("layout", [np.array, sp.csr_matrix], ids=["dense", "sparse"])
def test_a_column_in_tiny_units_is_as_if_it_were_not_there(layout):
    """Its penalty is beyond all curvature of the data, of which a share is added everywhere."""
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((4000, 6))
    labels = (rows @ generator.standard_normal(6) + generator.logistic(size=4000) > 0).astype(float)
    models = []
    for unit in (0.0, 1e-9, 1e-20, 1e-140, 1e-170):
        dataset = from_arrays(layout(rows * [unit, 1.0, 1.0, 1.0, 1.0, 1.0]), labels)
        models.append(rough_model(dataset, "logistic", L2, picks=100, rounds=6))
    near, same = (1e-4, 1e-9) if layout is np.array else (0.05, 1e-3)  # of sparse rows it ends sooner or later
    for model in models[1:]:
        np.testing.assert_allclose(model.coef[:, 1:], models[0].coef[:, 1:], rtol=near, atol=near)
        assert model.influence.objective == pytest.approx(models[0].influence.objective, rel=same)
        assert 5.0 < model.influence.dimension < 8.0


@pytest.mark.parametrize("loss", ["logistic", "multinomial", "squared", "huber"])
@pytest.mark.parametrize("layout", [np.array, sp.csr_matrix], ids=["dense", "sparse"])
def test_samples_come_close_to_the_optimum_of_all_rows(loss, layout, monkeypatch):
    monkeypatch.setattr("craig_cli.guided.rough_model.EVERYONE", 0)
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((20_000, 6)) * [1.0, 3.0, 0.3, 1.0, 1.0, 5.0]
    score = rows @ rng.standard_normal(6) + rng.logistic(size=20_000)
    labels = score if loss in naive.REGRESSIONS else np.digitize(score, [0.0] if loss == "logistic" else [-2.0, 2.0])
    counts = rng.integers(1, 4, 20_000).astype(float)
    dataset = from_arrays(layout(rows), labels.astype(float), counts)
    residuals = [_above(dataset, rows, labels, counts, loss, rounds=rounds)[1] for rounds in (1, 2, 3)]
    zero, last, rough = _above(dataset, rows, labels, counts, loss, rounds=4)
    assert residuals[0] < 0.05 * zero
    assert residuals[1] < 0.1 * residuals[0]
    # It stops where all rows do not say more of the truth.
    dispersion = rough.influence.dispersion
    assert last <= residuals[-1] + 1e-12 < 0.1 * dispersion * rough.coef.size / (2 * counts.sum())


@pytest.mark.parametrize("loss", ["logistic", "multinomial", "squared", "huber"])
@pytest.mark.parametrize("layout", [np.array, sp.csr_matrix], ids=["dense", "sparse"])
@pytest.mark.parametrize("columns", [3, 70])
def test_few_rows_are_trained_on_to_their_optimum(loss, layout, columns):
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((1200, columns)) * rng.exponential(size=columns)
    score = rows @ rng.standard_normal(columns) + 3.0 * rng.logistic(size=1200)
    labels = score if loss in naive.REGRESSIONS else np.digitize(score, [0.0] if loss == "logistic" else [-2.0, 2.0])
    counts = rng.integers(1, 4, 1200).astype(float)
    dataset = from_arrays(layout(rows), labels.astype(float), counts)
    zero, last, rough = _above(dataset, rows, labels, counts, loss, rounds=4, picks=1200)
    assert abs(last) < 1e-3 * zero
    assert rough.rounds == 1


@pytest.mark.parametrize("unit", [1.0, 1e3, 1e5])
def test_the_optimum_of_a_loss_with_straight_pieces_is_found_from_far_away(unit):
    """Where all rows are on a straight piece at first, with no second derivative."""
    rng = np.random.default_rng(4)
    rows = rng.standard_normal((3000, 3))
    labels = unit * (5.0 + rows @ [1.0, 2.0, 3.0] + rng.standard_t(2, 3000))
    rough = rough_model(from_arrays(rows, labels), "huber", L2, picks=100, rounds=6)
    best = naive.optimum("huber", rows, labels, L2)[0]
    assert best * (1 - 1e-8) <= rough.influence.objective <= best * (1 + 1e-3)
    assert np.isfinite(rough.influence.dispersion) and np.isfinite(rough.influence.dimension)


def test_strata_help_where_a_few_rows_hold_the_curvature(monkeypatch):
    """3 rows in 1,000 are positive: 10 of a small sample, which say little of what 150 of all rows say."""
    monkeypatch.setattr("craig_cli.guided.rough_model.LEAST", 3000)
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((50_000, 20)) * rng.exponential(size=20)
    score = rows @ rng.standard_normal(20) + rng.logistic(size=50_000)
    labels = (score > np.quantile(score, 0.997)).astype(float)
    sizes = []

    def drawn(dataset, size, *args, **how):
        sizes.append(size)
        return draw_strata(dataset, size, *args, **how)

    monkeypatch.setattr("craig_cli.guided.rough_model.draw_strata", drawn)
    given = (from_arrays(rows, labels), rows, labels, np.ones(50_000), "logistic")
    _, last, rough = _above(*given, rounds=8)
    assert 1500 in sizes
    assert last < 1e-6
    again = _above(*given, rounds=8)[2]
    assert np.array_equal(again.coef, rough.coef)


def test_a_random_sample_counts_for_all_rows_of_each_class():
    rng = np.random.default_rng(2)
    labels = np.repeat([0.0, 1.0, 2.0], [900, 90, 10])
    counts = rng.integers(1, 5, 1000).astype(float)
    dataset = from_arrays(rng.standard_normal((1000, 2)), labels, counts)
    rows, weights = draw_random(dataset, 100, seed=3)
    assert len(np.unique(rows)) == 100
    for label in np.unique(labels):
        assert weights[labels[rows] == label].sum() == pytest.approx(counts[labels == label].sum())
    assert len(draw_random(dataset, 100, per_class=False)[0]) == 100


def test_the_sample_grows_with_parameters_and_picks():
    assert sample_size(5, 10) == 16_000
    assert sample_size(1000, 10) == 64_000
    assert sample_size(5, 100_000) == 200_000
