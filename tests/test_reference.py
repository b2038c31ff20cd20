"""The full-data optimum: against scikit-learn, scipy and the normal equations, for every loss and scaling."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse as sp
from sklearn.linear_model import HuberRegressor, LogisticRegression, Ridge

from craig_cli.dataset import from_arrays
from craig_cli.errors import DataError
from craig_cli.evaluation.metrics import evaluate
from craig_cli.evaluation.reference import TOLERANCE, Objective, measure, optimum
from craig_cli.evaluation.residual import residual
from craig_cli.registry import LOSSES, SCALES
from craig_cli.training import design

N, D = 300, 6
CLASSES = {"multinomial": (0.0, 1.0, 2.0), "squared": (), "huber": ()}
L2 = 1e-3


def data_for(loss: str, sparse: bool = False, seed: int = 0):
    rng = np.random.default_rng(seed)
    features = rng.normal(1.0, 2.0, (N, D)) * (rng.random((N, D)) < 0.7)
    features[:, 1] *= 50.0  # columns of different units
    signal = features[:, 0] - features[:, 1] / 50 + rng.normal(size=N)
    labels = {
        "multinomial": np.digitize(signal, [-1.0, 1.0]).astype(float),
        "squared": 100 + 30 * signal,
        "huber": 100 + 30 * signal,
    }.get(loss, np.where(signal > 0, 1.0, -1.0))
    counts = rng.integers(1, 4, N).astype(float)
    return from_arrays(sp.csr_matrix(features) if sparse else features, labels, counts)


def objective_for(loss: str, scale: str = "none", intercept: bool = True, l2: float = L2) -> Objective:
    return Objective(loss, CLASSES.get(loss, (-1.0, 1.0)), D, l2, scale, intercept)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("loss", LOSSES)
def test_no_step_in_any_direction_leads_lower(loss, scale, sparse):
    data, objective = data_for(loss, sparse), objective_for(loss, scale)
    model = optimum(data, objective)
    found = measure(model, objective, data)
    assert found.gradient_norm <= TOLERANCE
    scaling = objective.scaling(data)
    rng = np.random.default_rng(1)
    for size in (1e-4, 1e-1):
        other = replace(
            model,
            coef=model.coef + size * rng.normal(size=model.coef.shape),
            intercept=model.intercept + size * rng.normal(size=np.shape(model.intercept)),
        )
        assert residual(other, model, data, scaling).residual > 0
    # The objective is what evaluate() says for a model that records its penalty.
    said = evaluate(model, data)
    assert said["objective"] == pytest.approx(found.objective, rel=1e-13)
    coef, _ = scaling.from_raw(model.coef, model.intercept)
    assert said["l2_term"] == pytest.approx(L2 / 2 * np.sum(coef**2))


@pytest.mark.parametrize("loss", ["logistic", "multinomial"])
@pytest.mark.parametrize("intercept", [True, False])
def test_agrees_with_scikit_learn(loss, intercept):
    data = data_for(loss)
    model = optimum(data, objective_for(loss, intercept=intercept))
    peer = LogisticRegression(
        C=1 / (L2 * data.total), fit_intercept=intercept, solver="newton-cholesky", tol=1e-12, max_iter=1000
    )
    peer.fit(data.features, data.labels, sample_weight=data.multiplicity)
    found = peer.coef_[0] if loss == "logistic" else peer.coef_
    np.testing.assert_allclose(model.coef, found, rtol=1e-6, atol=1e-8)
    constants = np.atleast_1d(model.intercept)
    spread = peer.intercept_ - peer.intercept_.mean() if loss == "multinomial" else peer.intercept_
    np.testing.assert_allclose(
        constants - constants.mean() if loss == "multinomial" else constants, spread, rtol=1e-6, atol=1e-8
    )


@pytest.mark.parametrize("intercept", [True, False])
def test_ridge_agrees_with_scikit_learn(intercept):
    data = data_for("squared")
    model = optimum(data, objective_for("squared", intercept=intercept))
    peer = Ridge(alpha=L2 * data.total, fit_intercept=intercept, solver="cholesky")
    peer.fit(data.features, data.labels, sample_weight=data.multiplicity)
    np.testing.assert_allclose(model.coef, peer.coef_, rtol=1e-9)
    np.testing.assert_allclose(model.intercept, peer.intercept_, rtol=1e-9)


@pytest.mark.parametrize("loss", ["squared-hinge", "smoothed-hinge"])
def test_the_hinges_agree_with_scipy(loss):
    data = data_for(loss)
    model = optimum(data, objective_for(loss))
    features = np.column_stack([data.features, np.ones(N)])

    def objective(w):
        short = np.maximum(0.0, 1.0 - data.labels * (features @ w))
        if loss == "smoothed-hinge":
            rows, slope = np.where(short > 1, short - 0.5, short**2 / 2), np.minimum(short, 1.0)
        else:
            rows, slope = short**2 / 2, short
        gradient = features.T @ (-data.labels * slope * data.multiplicity) / data.total
        value = (rows * data.multiplicity).sum() / data.total + L2 / 2 * (w[:-1] ** 2).sum()
        return value, gradient + L2 * np.append(w[:-1], 0.0)

    start = np.zeros(D + 1)
    peer = scipy.optimize.minimize(objective, start, jac=True, method="BFGS", options={"gtol": 1e-9, "maxiter": 5000})
    assert model.optimizer["objective"] <= peer.fun + 1e-12
    np.testing.assert_allclose(np.append(model.coef, model.intercept), peer.x, atol=1e-5)
    assert model.optimizer["objective"] == pytest.approx(objective(np.append(model.coef, model.intercept))[0])


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("unit", [0.01, 1.0, 100.0])
def test_huber_agrees_with_scipy(unit, intercept):
    """A loss of one line in numpy, minimised by scipy; labels that are ``unit`` times farther from the line."""
    data = data_for("huber")
    data = from_arrays(data.features, data.labels / 30.0 * unit, data.multiplicity)
    model = optimum(data, objective_for("huber", intercept=intercept))
    features = np.column_stack([data.features / data.features.std(axis=0), np.full(N, float(intercept))])
    penalty = np.append(L2 / data.features.std(axis=0) ** 2, 0.0)

    def objective(w):
        apart = features @ w - data.labels
        rows = np.where(abs(apart) <= 1, apart**2 / 2, abs(apart) - 0.5)
        gradient = features.T @ (np.clip(apart, -1, 1) * data.multiplicity) / data.total
        return (rows * data.multiplicity).sum() / data.total + (penalty * w**2).sum() / 2, gradient + penalty * w

    # From the least squares, and in their units, so that scipy finds it too.
    start = np.linalg.lstsq(features, data.labels)[0]
    peer = scipy.optimize.minimize(objective, start, jac=True, method="BFGS", options={"gtol": 1e-10, "maxiter": 9999})
    found = np.append(model.coef * data.features.std(axis=0), model.intercept)
    np.testing.assert_allclose(found, peer.x, rtol=1e-5, atol=1e-6)
    assert model.optimizer["objective"] == pytest.approx(peer.fun, rel=1e-9)


@pytest.mark.parametrize("epsilon", [1.1, 1.345, 3.0])
def test_huber_agrees_with_scikit_learn_at_its_own_scale(epsilon):
    """HuberRegressor minimises sum_i m_i (s + s H(r_i / s)) + alpha ||w||^2 in s too; with its s ours is the same."""
    data, alpha = data_for("huber"), 0.1
    peer = HuberRegressor(epsilon=epsilon, alpha=alpha, tol=1e-10, max_iter=10_000)
    peer.fit(data.features / [1, 50, 1, 1, 1, 1], data.labels, sample_weight=data.multiplicity)
    turn = epsilon * peer.scale_
    rows = from_arrays(data.features / [1, 50, 1, 1, 1, 1], data.labels / turn, data.multiplicity)
    model = optimum(rows, objective_for("huber", l2=alpha * peer.scale_ / data.total))
    np.testing.assert_allclose(model.coef * turn, peer.coef_, rtol=1e-4, atol=1e-4)
    assert model.intercept * turn == pytest.approx(peer.intercept_, rel=1e-5)


def test_huber_of_small_and_of_large_labels_is_squared_and_median():
    """Residuals all below 1: the squared loss. All far above: least absolute deviations, here a median."""
    data = data_for("huber")
    small = from_arrays(data.features, data.labels / 1e4, data.multiplicity)
    one, other = (optimum(small, objective_for(loss)) for loss in ("huber", "squared"))
    np.testing.assert_allclose(one.coef, other.coef, rtol=1e-9)
    assert one.optimizer["objective"] == pytest.approx(other.optimizer["objective"], rel=1e-9)
    labels = 1e6 * np.random.default_rng(0).standard_exponential(301)
    alone = optimum(from_arrays(np.zeros((301, D)), labels), objective_for("huber"))
    assert alone.intercept == pytest.approx(np.median(labels), abs=1.0)


@pytest.mark.parametrize("loss", ["logistic", "multinomial", "smoothed-hinge"])
@pytest.mark.parametrize("sparse", [False, True])
def test_conjugate_gradients_find_the_same(loss, sparse, monkeypatch):
    # Not --scale standard: it shifts dense columns, but no sparse ones, and so moves the intercept.
    objective = objective_for(loss, "minmax")
    direct = optimum(data_for(loss), objective)
    monkeypatch.setattr(design, "WIDEST", 0)  # diagonals in the place of Hessians
    iterated = optimum(data_for(loss, sparse), objective)
    np.testing.assert_allclose(iterated.coef, direct.coef, rtol=1e-6, atol=1e-9)


def test_what_has_no_optimum_is_one_line():
    data = data_for("logistic")
    with pytest.raises(DataError, match="expected rows of all 3 classes of the model"):
        optimum(data, replace(objective_for("multinomial"), classes=(-1.0, 0.0, 1.0)))


def test_a_scaling_nobody_knows_is_one_line():
    model = optimum(data_for("logistic"), objective_for("logistic"))
    assert Objective.of(model) == objective_for("logistic")
    model.optimizer["scale"] = ["odd"]
    with pytest.raises(DataError, match=r"m\.json: expected a scale among none, minmax, standard, unit"):
        Objective.of(model, "m.json")
