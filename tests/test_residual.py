"""Residuals: differences of nearly equal objectives, against sums in exact and in longer arithmetic."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp

from craig_cli.artifacts.model import Model
from craig_cli.dataset import from_arrays
from craig_cli.errors import DataError
from craig_cli.evaluation.residual import residual
from craig_cli.registry import LOSSES, SCALES
from craig_cli.scaling import fit_scaling

ACCURACY = 1e-10
N, D = 400, 5
CLASSES = {"multinomial": (0.0, 1.0, 2.0), "squared": (), "huber": ()}
LONG = np.longdouble

needs_long_double = pytest.mark.skipif(
    np.finfo(LONG).eps > 1e-18, reason="np.longdouble is no longer than float64 on this machine"
)


def problem(loss: str, seed: int = 0, unit: float = 1.0):
    """(features, labels, counts, a model near the middle of them) with columns far from zero mean."""
    rng = np.random.default_rng(seed)
    features = rng.normal(3.0, 2.0, (N, D)) * unit
    classes = CLASSES.get(loss, (-1.0, 1.0))
    labels = rng.choice(classes, N) if classes else rng.normal(size=N) * 10
    shape = (3,) if loss == "multinomial" else ()
    coef = rng.normal(size=(*shape, D)) / unit
    intercept = rng.normal(size=shape)[()]
    counts = rng.integers(1, 4, N).astype(float)
    return features, labels, counts, Model(loss, classes, coef, intercept, l2=0.01)


def moved(model: Model, size: float, seed: int = 1) -> Model:
    rng = np.random.default_rng(seed)
    intercept = model.intercept + size * rng.normal(size=np.shape(model.intercept))
    return replace(model, coef=model.coef * (1 + size * rng.normal(size=model.coef.shape)), intercept=intercept)


def long_objective(model: Model, features, labels, counts, factor):
    """The objective in np.longdouble, from its definition."""
    coef, intercept = LONG(model.coef), LONG(model.intercept)
    margin = (LONG(features)[:, None, :] * np.atleast_2d(coef)).sum(axis=2) + np.atleast_1d(intercept)
    if model.loss == "multinomial":
        rows = np.log(np.exp(margin).sum(axis=1)) - margin[np.arange(N), labels.astype(int)]
    elif model.loss == "squared":
        rows = (margin[:, 0] - LONG(labels)) ** 2 / 2
    elif model.loss == "huber":
        apart = abs(margin[:, 0] - LONG(labels))
        rows = np.where(apart > 1, apart - LONG(0.5), apart**2 / 2)
    else:
        agreement = labels * margin[:, 0]
        short = np.maximum(0, 1 - agreement)
        rows = {
            "logistic": np.log1p(np.exp(-agreement)),
            "squared-hinge": short**2 / 2,
            "smoothed-hinge": np.where(short > 1, short - LONG(0.5), short**2 / 2),
        }[model.loss]
    return (rows * LONG(counts)).sum() / LONG(counts).sum() + LONG(model.l2) / 2 * ((coef / LONG(factor)) ** 2).sum()


@needs_long_double
@pytest.mark.parametrize("size", [1.0, 1e-3, 1e-6, 1e-9])
@pytest.mark.parametrize("loss", LOSSES)
def test_agrees_with_long_doubles(loss, size):
    features, labels, counts, reference = problem(loss)
    model = moved(reference, size)
    found = residual(model, reference, from_arrays(features, labels, counts), fit_scaling("none", features))
    one, other = (long_objective(each, features, labels, counts, 1.0) for each in (model, reference))
    error = abs(float(one - other) - found.residual)
    assert error <= ACCURACY * 1e-3
    # Far better than asked: it vanishes with the residual, down to what the long doubles can tell.
    assert error <= 1e-12 * abs(float(one - other)) + 10 * np.finfo(LONG).eps * max(1.0, float(abs(one)))
    assert found.distance == pytest.approx(np.linalg.norm(model.coef - reference.coef))


def exact_residual(model: Model, reference: Model, features, labels) -> float:
    """Of the squared loss, in rational numbers: no rounding at all."""

    def total(each: Model) -> Fraction:
        coef, constant = [Fraction(value) for value in each.coef], Fraction(float(each.intercept))
        rows = Fraction(0)
        for row, label in zip(features, labels):
            margin = sum((w * Fraction(x) for w, x in zip(coef, row)), constant)
            rows += (margin - Fraction(label)) ** 2
        return rows / (2 * len(labels)) + Fraction(each.l2) / 2 * sum(w * w for w in coef)

    return float(total(model) - total(reference))


@pytest.mark.parametrize("size", [1e-2, 1e-6, 1e-10])
def test_the_squared_loss_agrees_with_rational_numbers(size):
    features, labels, _, reference = problem("squared", unit=1e3)
    features, labels = features[:50], labels[:50]
    model = moved(reference, size)
    found = residual(model, reference, from_arrays(features, labels), fit_scaling("none", features))
    exact = exact_residual(model, reference, features, labels)
    assert abs(found.residual - exact) <= ACCURACY * 1e-3
    assert found.residual == pytest.approx(exact, rel=1e-9)


def test_two_means_subtracted_would_not_do():
    # What the module is there for: the story of its first lines, told by the numbers.
    features, labels, _, reference = problem("squared", unit=1e3)
    features, labels = features[:50], labels[:50] + 1e6
    reference = replace(reference, intercept=reference.intercept + 1e6)
    model = moved(reference, 1e-13)
    margins = [each.decision(features) for each in (model, reference)]
    naive = np.mean((margins[0] - labels) ** 2) / 2 - np.mean((margins[1] - labels) ** 2) / 2
    exact = exact_residual(model, reference, features, labels)
    found = residual(model, reference, from_arrays(features, labels), fit_scaling("none", features)).residual
    assert abs(found - exact) < 1e-2 * abs(naive - exact)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("scale", SCALES)
def test_sparse_and_dense_and_every_scaling(loss, scale):
    features, labels, counts, reference = problem(loss)
    features = features * (np.random.default_rng(2).random((N, D)) < 0.5)
    model = moved(reference, 1e-2)
    for rows in (features, sp.csr_matrix(features)):
        scaling = fit_scaling(scale, rows, counts)
        found = residual(model, reference, from_arrays(rows, labels, counts), scaling)
        factor = np.ones(D) if scaling.factor is None else scaling.factor
        one, other = (long_objective(each, features, labels, counts, factor) for each in (model, reference))
        assert found.residual == pytest.approx(float(one - other), rel=1e-9, abs=1e-14)
        first, second = (scaling.from_raw(each.coef, each.intercept) for each in (model, reference))
        assert found.distance == pytest.approx(np.linalg.norm(first[0] - second[0]))
        apart = first[1] - second[1]
        apart = apart - np.mean(apart) if loss == "multinomial" else apart
        assert found.intercept_distance == pytest.approx(np.linalg.norm(np.atleast_1d(apart)))


@pytest.mark.parametrize("loss", ["logistic", "multinomial"])
def test_margins_that_overflow(loss):
    features, labels, counts, reference = problem(loss)
    model = replace(reference, coef=reference.coef * 1e4)
    found = residual(model, reference, from_arrays(features, labels, counts), fit_scaling("none", features))
    assert math.isfinite(found.residual)
    back = residual(reference, model, from_arrays(features, labels, counts), fit_scaling("none", features))
    assert back.residual == pytest.approx(-found.residual)


def test_a_model_is_no_way_from_itself():
    features, labels, counts, model = problem("logistic")
    found = residual(model, model, from_arrays(features, labels, counts), fit_scaling("none", features))
    assert (found.residual, found.distance, found.intercept_distance) == (0.0, 0.0, 0.0)


def test_another_kind_of_model_is_no_reference():
    features, labels, counts, model = problem("logistic")
    data = from_arrays(features, labels, counts)
    for other in (replace(model, loss="squared-hinge"), replace(model, classes=(0.0, 1.0))):
        with pytest.raises(DataError, match=r"the reference: expected a model as m\.json is, of logistic loss"):
            residual(model, other, data, fit_scaling("none", features), "m.json")
