"""Metrics against their definitions and scikit-learn's, with and without multiplicities."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn import metrics as reference

from craig_cli.artifacts.model import Model
from craig_cli.dataset import from_arrays
from craig_cli.errors import DataError
from craig_cli.evaluation.metrics import auc, evaluate

RNG = np.random.default_rng(3)
FEATURES = RNG.normal(size=(60, 4)) * (RNG.random((60, 4)) < 0.6)
REPEATS = RNG.integers(1, 4, size=60)


def binary_model() -> Model:
    return Model("logistic", (-1.0, 3.0), np.array([1.0, -2.0, 0.5, 0.0]), 0.25, l2=0.1)


def multinomial_model() -> Model:
    coef = np.arange(12.0).reshape(3, 4) / 6 - 1
    return Model("multinomial", (1.0, 2.0, 5.0), coef, np.array([0.1, 0.0, -0.3]), l2=0.01)


def squared_model() -> Model:
    return Model("squared", (), np.array([1.0, -2.0, 0.5, 0.0]), 0.25, l2=0.0)


def labels_for(model: Model) -> np.ndarray:
    return np.asarray(model.classes)[RNG.integers(0, len(model.classes), 60)] if model.classes else RNG.normal(size=60)


@pytest.mark.parametrize("make", [binary_model, multinomial_model, squared_model])
def test_dense_sparse_and_repeated_rows_agree(make):
    model = make()
    labels = labels_for(model)
    expected = evaluate(model, from_arrays(np.repeat(FEATURES, REPEATS, axis=0), np.repeat(labels, REPEATS)))
    for features in (FEATURES, sp.csr_matrix(FEATURES)):
        found = evaluate(model, from_arrays(features, labels, REPEATS.astype(float)))
        assert found.keys() == expected.keys()
        for key in found.keys() - {"rows", "per_class"}:
            assert found[key] == pytest.approx(expected[key]), key
        for one, other in zip(found.get("per_class", []), expected.get("per_class", [])):
            assert one["error_rate"] == pytest.approx(other["error_rate"])


def test_binary_agrees_with_scikit_learn():
    model = binary_model()
    labels = labels_for(model)
    found = evaluate(model, from_arrays(FEATURES, labels))
    margin = FEATURES @ model.coef + model.intercept
    probability = 1 / (1 + np.exp(-margin))
    assert found["loss"] == pytest.approx(reference.log_loss(labels, probability, labels=[-1, 3]))
    assert found["log_loss"] == found["loss"]
    assert found["auc"] == pytest.approx(reference.roc_auc_score(labels, margin))
    assert found["error_rate"] == pytest.approx(np.mean(np.where(margin > 0, 3, -1) != labels))
    assert found["objective"] == pytest.approx(found["loss"] + 0.05 * np.sum(model.coef**2))


def test_multinomial_agrees_with_scikit_learn():
    model = multinomial_model()
    labels = labels_for(model)
    found = evaluate(model, from_arrays(FEATURES, labels))
    scores = np.exp(FEATURES @ model.coef.T + model.intercept)
    probability = scores / scores.sum(axis=1, keepdims=True)
    assert found["loss"] == pytest.approx(reference.log_loss(labels, probability, labels=[1, 2, 5]))
    assert "auc" not in found
    recall = reference.recall_score(labels, np.array([1, 2, 5])[probability.argmax(axis=1)], average=None)
    np.testing.assert_allclose([each["error_rate"] for each in found["per_class"]], 1 - recall)


def test_regression_agrees_with_scikit_learn():
    model = squared_model()
    labels = labels_for(model)
    found = evaluate(model, from_arrays(FEATURES, labels))
    predicted = FEATURES @ model.coef + model.intercept
    assert found["r2"] == pytest.approx(reference.r2_score(labels, predicted))
    assert found["rmse"] == pytest.approx(np.sqrt(np.mean((predicted - labels) ** 2)))
    assert found["loss"] == pytest.approx(found["rmse"] ** 2 / 2)


def test_auc_counts_ties_half_and_weights():
    margin = np.array([0.0, 1.0, 1.0, 2.0, 1.0])
    positive = np.array([False, True, False, True, True])
    weight = np.array([2.0, 1.0, 3.0, 1.0, 0.5])
    for given in (weight, None):
        parts = [(margin[rows], None if given is None else given[rows]) for rows in (~positive, positive)]
        expected = reference.roc_auc_score(positive, margin, sample_weight=given)
        assert auc(*parts) == pytest.approx(expected)
    assert auc((np.empty(0), None), (margin, weight)) is None


def test_large_margins_neither_overflow_nor_lose_the_loss():
    data = from_arrays(np.array([[1e4], [-1e4]]), np.array([-1.0, -1.0]))
    found = evaluate(Model("logistic", (-1.0, 1.0), np.array([1.0]), 0.0, l2=0.0), data)
    assert found["loss"] == pytest.approx(5e3)


def test_what_the_data_lacks_is_none():
    one_class = from_arrays(FEATURES, np.full(60, 3.0))
    found = evaluate(binary_model(), one_class)
    assert found["auc"] is None
    assert found["per_class"][0] == {"label": -1.0, "rows": 0, "error_rate": None}
    assert evaluate(squared_model(), one_class)["r2"] is None


def test_unknown_classes_and_features_are_one_line():
    labels = labels_for(binary_model())
    labels[7] = 2.0
    with pytest.raises(DataError, match=r"expected labels that m\.json knows \(-1, 3\), found 2 in 1 row"):
        evaluate(binary_model(), from_arrays(FEATURES, labels), "m.json")
    wide = from_arrays(np.ones((60, 5)), labels_for(binary_model()))
    with pytest.raises(DataError, match=r"at most 4 features, as m\.json has, found 5"):
        evaluate(binary_model(), wide, "m.json")


def test_missing_last_columns_count_as_zero():
    labels = labels_for(binary_model())
    whole = FEATURES.copy()
    whole[:, 3] = 0.0
    narrow = evaluate(binary_model(), from_arrays(sp.csr_matrix(FEATURES[:, :3]), labels))
    assert narrow == evaluate(binary_model(), from_arrays(sp.csr_matrix(whole), labels))
