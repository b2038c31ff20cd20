"""Every registered loss with every registered optimizer, on dense and sparse rows, against the reference
optimum."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import scipy.sparse as sp

from craig_cli.dataset import from_arrays
from craig_cli.registry import LOSSES, OPTIMIZERS, load
from craig_cli.scaling import Scaling
from craig_cli.training.fit import fit
from craig_cli.training.objective import evaluate
from craig_cli.training.problem import build_problem
from tests.naive import training as naive

L2 = 1e-3
EXACT = ("saga", "svrg")


@functools.cache
def data(loss: str, sparse: bool, rows: int = 250, columns: int = 12):
    """Columns of very different spread, correlated, with a mean; labels with noise; weights of mean far
    from 1."""
    rng = np.random.default_rng(7)
    if sparse:
        matrix = sp.random(rows, columns, density=0.3, format="csr", random_state=3)
        matrix.data = rng.normal(size=matrix.nnz)
    else:
        matrix = rng.normal(size=(rows, columns)) @ (np.eye(columns) + 0.3 * rng.normal(size=(columns, columns)))
        matrix = matrix * np.geomspace(0.1, 100, columns) + np.geomspace(1, 1000, columns)
    scores = np.asarray(
        matrix @ (rng.normal(size=(columns, 3)) / np.std(np.asarray(matrix @ np.eye(columns)), axis=0)[:, None])
    )
    scores = (scores - scores.mean(axis=0)) / scores.std(axis=0)
    kind = load(LOSSES, loss).labels
    if kind == "two":
        labels = np.where(2 * scores[:, 0] + rng.logistic(size=rows) > 0, 4.0, 2.0)
    elif kind == "many":
        labels = np.argmax(2 * scores + rng.gumbel(size=scores.shape), axis=1) + 1.0
    else:
        labels = 500.0 + 40.0 * scores[:, 0] + 10.0 * rng.normal(size=rows)
    weights = rng.integers(1, 6, size=rows).astype(float)
    weights[:3] = 60.0  # a few heavy ones
    return from_arrays(matrix, labels), weights


@functools.cache
def reference(loss: str, sparse: bool) -> float:
    dataset, weights = data(loss, sparse)
    return naive.optimum(loss, dataset.features, dataset.labels, L2, weights)[0]


@functools.cache
def reference_on_a_ball(sparse: bool) -> tuple[float, float]:
    """(half the norm of the optimum, the optimum of the logistic loss on the ball of that radius).

    It is that of a larger penalty: the one whose optimum has this norm.
    """
    dataset, weights = data("logistic", sparse)
    rows = (dataset.features, dataset.labels)
    radius = 0.5 * np.linalg.norm(naive.optimum("logistic", *rows, L2, weights)[1])
    low, high = L2, 1e4
    for _ in range(60):
        middle = np.sqrt(low * high)
        _, coef, intercept = naive.optimum("logistic", *rows, middle, weights)
        low, high = (middle, high) if np.linalg.norm(coef) > radius else (low, middle)
    return radius, naive.objective("logistic", *rows, coef, intercept, L2, weights)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("precondition", ["none", "diagonal", "full"])
def test_gradient_against_finite_differences(loss, sparse, precondition):
    dataset, weights = data(loss, sparse)
    problem = build_problem(dataset, weights, load(LOSSES, loss), L2, True, Scaling("none"), precondition)
    rng = np.random.default_rng(0)
    coef = 0.01 * rng.normal(size=(problem.n_outputs, problem.n_columns)) / np.sqrt(problem.smoothness)
    _, gradient = evaluate(problem, coef)
    direction = rng.normal(size=coef.shape) / np.sqrt(problem.smoothness)
    step = 1e-5
    rise = evaluate(problem, coef + step * direction)[0] - evaluate(problem, coef - step * direction)[0]
    assert rise / (2 * step) == pytest.approx((gradient * direction).sum(), rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("precondition", ["none", "diagonal", "full"])
def test_the_objective_is_the_users_in_any_coordinates(loss, sparse, precondition):
    dataset, weights = data(loss, sparse)
    problem = build_problem(dataset, weights, load(LOSSES, loss), L2, True, Scaling("none"), precondition)
    coef = 0.3 * np.random.default_rng(1).normal(size=(problem.n_outputs, problem.n_columns))
    raw, intercept = problem.to_model(coef)
    expected = naive.objective(loss, dataset.features, dataset.labels, raw, intercept, L2, weights)
    assert evaluate(problem, coef)[0] * problem.label_scale**2 == pytest.approx(expected, rel=1e-9)
    np.testing.assert_allclose(problem.from_model(raw, intercept), coef, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_defaults_reach_the_optimum(optimizer, loss, sparse):
    dataset, weights = data(loss, sparse)
    model = fit(dataset, weights, loss=loss, optimizer=optimizer, l2=L2, threads=1).model
    found = naive.objective(loss, dataset.features, dataset.labels, model.coef, model.intercept, L2, weights)
    best = reference(loss, sparse)
    scale = best if loss == "squared" else 1.0
    assert (found - best) / scale < (1e-6 if optimizer in EXACT else 1e-3)
    assert found > best - 1e-7 * scale


@pytest.mark.parametrize("precondition", ["none", "diagonal"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_truly_sparse_steps_reach_the_optimum(optimizer, precondition):
    """Small data is made dense inside by default, so the lazy updates of sparse rows are asked for here."""
    dataset, weights = data("logistic", True)
    model = fit(dataset, weights, optimizer=optimizer, l2=L2, precondition=precondition, threads=1, epochs=1500).model
    found = naive.objective("logistic", dataset.features, dataset.labels, model.coef, model.intercept, L2, weights)
    assert found - reference("logistic", True) < (1e-6 if optimizer in EXACT else 1e-3)


@pytest.mark.parametrize("optimizer", [name for name in OPTIMIZERS if name != "adam"])  # lazy where sparse
@pytest.mark.parametrize("batch_size", [1, 7])
@pytest.mark.parametrize("options", [{}, {"radius": 0.4}], ids=["", "radius"])
def test_sparse_rows_are_stepped_like_dense_ones(optimizer, batch_size, options):
    """The same rows held densely and sparsely: a few epochs of small steps must end at nearly the same model.

    The lazy penalty is an implicit step and the dense one explicit, so they differ by the square of the step.
    """
    if batch_size > 1 and not load(OPTIMIZERS, optimizer).batches:
        pytest.skip("no batches")
    dataset, weights = data("logistic", True)
    dense = from_arrays(dataset.features.toarray() + 0.0, dataset.labels)
    step = 1e-3 if optimizer == "adagrad" else 1e-2
    settings = {
        "optimizer": optimizer, "batch_size": batch_size, "precondition": "none", "schedule": "constant",
        "step": step, "epochs": 3, "l2": 0.01, "threads": 1, **options,
    }  # fmt: skip
    one = fit(dataset, weights, **settings).model
    two = fit(dense, weights, **settings).model
    assert np.linalg.norm(one.coef - two.coef) < 0.03 * np.linalg.norm(two.coef)


@pytest.mark.parametrize("optimizer", [name for name in OPTIMIZERS if load(OPTIMIZERS, name).batches])
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_batches_reach_the_optimum(optimizer, sparse):
    dataset, weights = data("multinomial", sparse)
    model = fit(dataset, weights, optimizer=optimizer, l2=L2, batch_size=16, threads=1).model
    found = naive.objective("multinomial", dataset.features, dataset.labels, model.coef, model.intercept, L2, weights)
    assert found - reference("multinomial", sparse) < 2e-3


@pytest.mark.parametrize("optimizer", ["momentum", "nesterov"])
def test_more_momentum_reaches_the_optimum(optimizer):
    dataset, weights = data("logistic", False)
    model = fit(dataset, weights, optimizer=optimizer, momentum=0.95, l2=L2, threads=1).model
    found = naive.objective("logistic", dataset.features, dataset.labels, model.coef, model.intercept, L2, weights)
    assert found - reference("logistic", False) < 1e-3


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_projection_finds_the_optimum_on_the_ball(optimizer, sparse):
    dataset, weights = data("logistic", sparse)
    radius, best = reference_on_a_ball(sparse)
    model = fit(dataset, weights, optimizer=optimizer, l2=L2, radius=radius, threads=1).model
    assert np.linalg.norm(model.coef) <= radius * (1 + 1e-9)
    found = naive.objective("logistic", dataset.features, dataset.labels, model.coef, model.intercept, L2, weights)
    assert found - best < 1e-3
