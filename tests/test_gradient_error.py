"""The measured gradient error: against finite differences of the loss, and against hand-made bounds."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from craig_cli.artifacts.coreset import Coreset
from craig_cli.artifacts.model import Model
from craig_cli.dataset import from_arrays
from craig_cli.errors import DataError
from craig_cli.evaluation.gradient_error import GradientProbe, random_points
from craig_cli.evaluation.metrics import evaluate
from craig_cli.registry import SCALES
from craig_cli.scaling import fit_scaling

RNG = np.random.default_rng(5)
N = 40
FEATURES = RNG.normal(1.0, 2.0, size=(N, 3)) * (RNG.random((N, 3)) < 0.7)
CLASSES = {"logistic": (0.0, 1.0), "multinomial": (0.0, 1.0, 2.0), "squared": (), "huber": ()}


def model_for(loss: str) -> Model:
    shape = (3,) if loss == "multinomial" else ()
    return Model(loss, CLASSES[loss], RNG.normal(size=(*shape, 3)), RNG.normal(size=shape)[()], l2=0.0)


def labels_for(loss: str) -> np.ndarray:
    return RNG.integers(0, len(CLASSES[loss]), N).astype(float) if CLASSES[loss] else RNG.normal(size=N)


def coreset_of(index, weight, bound=np.inf, **facts) -> Coreset:
    index = np.asarray(index)
    epsilon = np.full(len(index), bound)
    return Coreset(index, np.asarray(weight, dtype=float), np.arange(len(index)), epsilon, {"n": N, **facts})


def total_loss(model: Model, features, labels, weight, point) -> float:
    """sum_i weight_i phi_i at ``point``, which holds (w, b)."""
    moved = Model(model.loss, model.classes, point[..., :-1], point[..., -1], l2=0.0)
    keep = weight > 0
    data = from_arrays(features[keep], labels[keep], weight[keep])
    return evaluate(moved, data)["loss"] * weight.sum()


@pytest.mark.parametrize("loss", CLASSES)
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("sparse", [False, True])
def test_agrees_with_finite_differences(loss, scale, sparse):
    model, labels = model_for(loss), labels_for(loss)
    features = sp.csr_matrix(FEATURES) if sparse else FEATURES
    index = np.array([3, 17, 22, 30])
    weight = np.array([10.0, 5.0, 20.0, 5.0])
    found = GradientProbe(coreset_of(index, weight, scale=scale), from_arrays(features, labels)).at_model(model)

    scaling = fit_scaling(scale, features)
    scaled = scaling.apply(features)
    coef, intercept = scaling.from_raw(model.coef, model.intercept)
    point = np.concatenate([coef, np.asarray(intercept)[..., None]], axis=-1)
    chosen = np.zeros(N)
    chosen[index] = weight
    full = np.empty(point.size)
    subset = np.empty(point.size)
    for k in range(point.size):
        step = np.zeros(point.size)
        step[k] = 1e-5
        ahead, behind = point + step.reshape(point.shape), point - step.reshape(point.shape)
        full[k], subset[k] = (
            (total_loss(model, scaled, labels, w, ahead) - total_loss(model, scaled, labels, w, behind)) / 2e-5
            for w in (np.ones(N), chosen)
        )
    assert found.full_norm == pytest.approx(np.linalg.norm(full), rel=1e-4, abs=1e-6)
    assert found.error == pytest.approx(np.linalg.norm(full - subset), rel=1e-4, abs=1e-6)
    assert found.per_row == pytest.approx(found.error / N)
    assert found.relative == pytest.approx(found.error / found.full_norm)
    assert found.epsilon is None


def test_all_rows_have_no_error():
    model, labels = model_for("logistic"), labels_for("logistic")
    everything = coreset_of(np.arange(N), np.ones(N), 0.0, units="gradient norm", loss="logistic", radius=1e9)
    found = GradientProbe(everything, from_arrays(FEATURES, labels)).at_model(model)
    assert found.error == 0.0
    assert found.epsilon == 0.0


def test_multiplicities_count_in_the_full_gradient():
    model, labels = model_for("logistic"), labels_for("logistic")
    twice = np.full(N, 2.0)
    probe = GradientProbe(coreset_of(np.arange(N), twice), from_arrays(FEATURES, labels, twice))
    assert probe.at_model(model).error == 0.0
    assert probe.at_model(model).per_row == 0.0


def bounded(bound: float, **changes) -> Coreset:
    facts = {"units": "gradient norm", "loss": "logistic", "radius": 100.0} | changes
    return coreset_of([0, 1], [N / 2, N / 2], bound, **facts)


def test_a_broken_bound_is_an_error():
    probe = GradientProbe(bounded(1e-3), from_arrays(FEATURES, labels_for("logistic")))
    with pytest.raises(DataError, match=r"bound is broken at m\.json: expected a gradient error of at most 0\.001"):
        probe.at_model(model_for("logistic"), "m.json")
    with pytest.raises(DataError, match="bound is broken at a random point"):
        probe.at_random(model_for("logistic"), 5, radius=1.0)


@pytest.mark.parametrize(
    "changes", [{"units": "feature distance"}, {"loss": "squared"}, {"radius": 1e-3}, {"radius": None}]
)
def test_a_bound_that_does_not_speak_of_the_model_is_not_compared(changes):
    probe = GradientProbe(bounded(1e-3, **changes), from_arrays(FEATURES, labels_for("logistic")))
    assert probe.at_model(model_for("logistic")).epsilon is None


def test_a_bound_that_holds_is_reported():
    probe = GradientProbe(bounded(1e6), from_arrays(FEATURES, labels_for("logistic")))
    assert probe.at_model(model_for("logistic")).epsilon == 1e6
    assert [each.epsilon for each in probe.at_random(model_for("logistic"), 3, radius=1.0)] == [1e6] * 3


def test_a_model_on_the_ball_is_in_it_however_it_is_rounded():
    model, dataset = model_for("logistic"), from_arrays(FEATURES, labels_for("logistic"))
    norm = GradientProbe(bounded(1e6), dataset).at_model(model).norm
    assert GradientProbe(bounded(1e6, radius=norm * (1 - 1e-15)), dataset).at_model(model).epsilon == 1e6
    assert GradientProbe(bounded(1e6, radius=norm * (1 - 1e-6)), dataset).at_model(model).epsilon is None


def test_another_width_is_one_line():
    probe = GradientProbe(bounded(1e6), from_arrays(FEATURES[:, :2], labels_for("logistic")))
    with pytest.raises(DataError, match=r"m\.json: expected a model of 2 features, found 3"):
        probe.at_model(model_for("logistic"), "m.json")


def test_other_columns_of_the_same_file_are_other_data():
    data = from_arrays(FEATURES, labels_for("logistic"), np.full(N, 2.0))
    with pytest.raises(DataError, match="give the --weight-column"):
        GradientProbe(bounded(1e6), data)
    with pytest.raises(DataError, match="expected the 5 features"):
        GradientProbe(bounded(1e6, features=5), from_arrays(FEATURES, labels_for("logistic")))


def test_random_points_fill_the_ball():
    points = np.array(list(random_points(np.random.default_rng(0), 2000, (2,), 3.0)))
    norms = np.linalg.norm(points, axis=1)
    assert norms.max() <= 3.0
    # In the plane a quarter of the ball lies within half its radius.
    assert np.mean(norms < 1.5) == pytest.approx(0.25, abs=0.04)
    np.testing.assert_allclose(points.mean(axis=0), 0.0, atol=0.15)
