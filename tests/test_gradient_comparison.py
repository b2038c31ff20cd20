"""Figure 2: errors along the path and in the ball, against gradients from their definition; the random subsets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from craig_cli.artifacts.coreset import Coreset
from craig_cli.dataset import from_arrays
from craig_cli.errors import DataError
from craig_cli.evaluation.gradient_comparison import compare, random_subset, training_path
from craig_cli.scaling import fit_scaling
from craig_cli.selection.plan import Plan
from craig_cli.selection.select import select_dataset
from craig_cli.training.fit import fit
from tests.naive.training import REGRESSIONS

N, D = 200, 4


def data_for(loss: str = "logistic", sparse: bool = False, counts: bool = False):
    rng = np.random.default_rng(0)
    features = rng.normal(1.0, 2.0, (N, D)) * (rng.random((N, D)) < 0.7)
    signal = features @ [1.0, -1.0, 0.5, 0.0] + rng.normal(size=N)
    labels = {"multinomial": np.digitize(signal, [0.0, 2.0]).astype(float), "squared": signal, "huber": signal}.get(
        loss, np.where(signal > 0, 1.0, -1.0)
    )
    return from_arrays(
        sp.csr_matrix(features) if sparse else features, labels, rng.integers(1, 4, N).astype(float) if counts else None
    )


def slopes_of(model, features, labels):
    """d phi / d margin (n, k), from the definitions."""
    margin = features @ np.atleast_2d(model.coef).T + np.atleast_1d(model.intercept)
    if model.loss == "multinomial":
        share = np.exp(margin - margin.max(axis=1, keepdims=True))
        return share / share.sum(axis=1, keepdims=True) - (labels[:, None] == np.array(model.classes))
    if model.loss == "squared":
        return margin - labels[:, None]
    if model.loss == "huber":
        return np.clip(margin - labels[:, None], -1, 1)
    return 1 / (1 + np.exp(-margin)) - (labels[:, None] > 0)


@pytest.mark.parametrize("loss", ["logistic", "multinomial", "squared", "huber"])
@pytest.mark.parametrize(
    "scale, sparse, counts", [("none", False, True), ("standard", False, False), ("unit", True, True)]
)
def test_agrees_with_gradients_from_their_definition(loss, scale, sparse, counts):
    data = data_for(loss, sparse, counts)
    coreset = select_dataset(data, Plan.paper(size=30, loss=loss, radius=5.0, scale=scale, algorithm="lazy"))
    path = training_path(data, loss, 3)
    found = compare(coreset, data, path, points=4, subsets=3, seed=7)

    dense = data.features.toarray() if sparse else data.features
    scaled = fit_scaling(scale, data.features, data.multiplicity).apply(data.features)
    scaled = scaled.toarray() if sparse else scaled
    rows = np.column_stack([scaled, np.ones(N)])
    multiplicity = np.ones(N) if data.multiplicity is None else data.multiplicity
    scaling = fit_scaling(scale, data.features, data.multiplicity)
    for place, model in enumerate(path):
        coef, intercept = scaling.from_raw(model.coef, model.intercept)
        point = np.column_stack([np.atleast_2d(coef), np.atleast_1d(intercept)])
        assert found.path.norm[place] == pytest.approx(np.linalg.norm(point, 2))
        slope = slopes_of(model, dense, data.labels)
        full = (slope * multiplicity[:, None]).T @ rows
        part = (slope[coreset.index] * coreset.weight[:, None]).T @ rows[coreset.index]
        assert found.path.full_norm[place] == pytest.approx(np.linalg.norm(full), rel=1e-9)
        assert found.path.error[place] == pytest.approx(np.linalg.norm(full - part), rel=1e-9)
        for number in range(3):
            index, weight = random_subset(data, loss not in REGRESSIONS, 30, np.random.default_rng([7, number]))
            part = (slope[index] * weight[:, None]).T @ rows[index]
            assert found.path.random[number, place] == pytest.approx(np.linalg.norm(full - part), rel=1e-9)
    # The bound holds wherever it speaks, and is what the coreset says.
    assert found.epsilon == coreset.epsilon[-1]
    assert found.radius == 5.0
    assert found.ball.bounded.all() == (loss != "multinomial" or found.ball.norm.max() <= 5.0)
    for errors in (found.path, found.ball):
        assert (errors.error[errors.bounded] <= found.epsilon).all()
        np.testing.assert_array_equal(errors.bounded, errors.norm <= 5.0)
    assert found.ball.error.shape == (4,)
    assert found.ball.random.shape == (3, 4)
    assert found.largest_full_norm == max(found.path.full_norm.max(), found.ball.full_norm.max())


def test_the_path_is_that_of_train():
    data = data_for()
    path = training_path(data, "logistic", 4, seed=3)
    assert len(path) == 5
    assert not path[0].coef.any()
    last = fit(data, loss="logistic", epochs=4, seed=3).model
    np.testing.assert_array_equal(path[-1].coef, last.coef)
    assert path[-1].intercept == last.intercept
    assert len({model.coef.tobytes() for model in path}) == 5


def test_all_rows_have_no_error_and_a_broken_bound_is_loud():
    data = data_for()
    facts = {"n": N, "units": "gradient norm", "loss": "logistic", "radius": 50.0}
    everything = Coreset(np.arange(N), np.ones(N), np.arange(N), np.zeros(N), facts)
    path = training_path(data, "logistic", 2)
    found = compare(everything, data, path, points=3, subsets=0)
    assert found.path.error.max() < 1e-12 * found.largest_full_norm
    assert found.path.bounded.all()
    wrong = replace(everything, weight=np.where(np.arange(N) % 2, 2.0, 0.0))
    with pytest.raises(DataError, match="the coreset's bound is broken at epoch 0 of the path"):
        compare(wrong, data, path, points=0, subsets=0)
    with pytest.raises(DataError, match="bound is broken"):
        compare(wrong, data, path[:1], points=3, subsets=0)


def test_random_subsets_weigh_what_their_classes_count():
    data = data_for("multinomial", counts=True)
    index, weight = random_subset(data, True, 40, np.random.default_rng(0))
    assert len(set(index)) == len(index) == 40
    for label in np.unique(data.labels):
        chosen = data.labels[index] == label
        total = data.multiplicity[data.labels == label].sum()
        assert weight[chosen].sum() == pytest.approx(total)
        assert chosen.sum() == pytest.approx(40 * total / data.total, abs=1)
    plain = data_for()
    index, weight = random_subset(plain, True, 20, np.random.default_rng(0))
    for label in (-1.0, 1.0):
        chosen = plain.labels[index] == label
        np.testing.assert_allclose(weight[chosen], (plain.labels == label).sum() / chosen.sum())
    with pytest.raises(DataError, match="at least one element a class, found 2"):
        random_subset(data, True, 2, np.random.default_rng(0))


def test_random_subsets_are_unbiased():
    data = data_for()
    total = np.zeros(N)
    for number in range(2000):
        index, weight = random_subset(data, True, 20, np.random.default_rng(number))
        total[index] += weight
    np.testing.assert_allclose(total / 2000, 1.0, atol=0.35)
    assert np.mean(total / 2000) == pytest.approx(1.0)
