"""``fit`` as a whole: weights, seeds, scaling, stopping, warm starts, tuning, and what it refuses."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import scipy.sparse as sp

from craig_cli.artifacts.model import write_model
from craig_cli.dataset import Dataset, from_arrays
from craig_cli.errors import DataError, UsageError
from craig_cli.registry import OPTIMIZERS, ORDERS, SCALES, SCHEDULES, load
from craig_cli.scaling import fit_scaling
from craig_cli.training.fit import fit
from craig_cli.training.loop import default_epochs
from craig_cli.training.orders import draw_epoch, plan_visits
from craig_cli.training.theory import neighbourhood
from tests.naive import training as naive


def _binary(rows: int = 200, columns: int = 6, seed: int = 0, sparse: bool = False) -> Dataset:
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(rows, columns)) * np.geomspace(0.1, 10, columns) + 1
    if sparse:
        matrix = sp.csr_matrix(matrix * (rng.random(matrix.shape) < 0.4))
    scores = np.asarray(matrix @ (rng.normal(size=columns) / np.geomspace(0.1, 10, columns)))
    return from_arrays(matrix, np.where(scores - scores.mean() + rng.logistic(size=rows) > 0, 1.0, -1.0))


def _bytes(model, folder) -> bytes:
    write_model(folder / "model.json", model)
    return (folder / "model.json").read_bytes()


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("precondition", ["auto", "none"])
def test_weights_are_repeated_rows(sparse, precondition):
    dataset = _binary(80, sparse=sparse)
    weights = np.random.default_rng(1).integers(0, 4, size=80)
    repeated = dataset.take(np.repeat(np.arange(80), weights))
    settings = {"optimizer": "svrg", "l2": 1e-2, "precondition": precondition, "scale": "standard"}
    one = fit(dataset, weights.astype(float), **settings)
    two = fit(repeated, **settings)
    by_multiplicity = fit(dataclasses.replace(dataset, multiplicity=weights.astype(float)), **settings)
    np.testing.assert_allclose(one.model.coef, two.model.coef, atol=1e-6)
    np.testing.assert_allclose(one.model.coef, by_multiplicity.model.coef, atol=1e-12)
    assert one.history[-1]["objective"] == pytest.approx(two.history[-1]["objective"], abs=1e-9)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_weights_are_relative(optimizer, tmp_path):
    """Twice the weights is the same problem, to the last step."""
    dataset = _binary()
    weights = np.random.default_rng(2).integers(1, 9, size=dataset.n_rows).astype(float)
    one = fit(dataset, weights, optimizer=optimizer, epochs=5)
    two = fit(dataset, 2 * weights, optimizer=optimizer, epochs=5)
    assert _bytes(one.model, tmp_path) == _bytes(two.model, tmp_path)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_same_seed_same_bytes_at_any_number_of_threads(optimizer, sparse, tmp_path):
    dataset = _binary(9000, sparse=sparse)  # more than one block of rows
    fits = [fit(dataset, optimizer=optimizer, epochs=3, threads=threads, seed=5) for threads in (1, 2, 3)]
    assert len({_bytes(found.model, tmp_path) for found in fits}) == 1
    plain = [[{**entry, "seconds": 0} for entry in found.history] for found in fits]
    assert plain[0] == plain[1] == plain[2]
    other = fit(dataset, optimizer=optimizer, epochs=3, seed=6)
    assert _bytes(other.model, tmp_path) != _bytes(fits[0].model, tmp_path)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_scale_is_training_on_scaled_data_folded_back(scale, sparse):
    dataset = _binary(sparse=sparse)
    scaling = fit_scaling(scale, dataset.features)
    scaled = dataclasses.replace(dataset, features=scaling.apply(dataset.features))
    settings = {"optimizer": "saga", "l2": 1e-2}
    raw = fit(dataset, scale=scale, **settings).model
    expected = scaling.to_raw(*_pair(fit(scaled, **settings).model))
    np.testing.assert_allclose(raw.coef, expected[0], rtol=1e-5)
    assert raw.intercept == pytest.approx(expected[1], rel=1e-5)
    by_object = fit(dataset, scale=scaling, **settings).model
    np.testing.assert_allclose(raw.coef, by_object.coef, rtol=1e-9)


def _pair(model):
    return model.coef, model.intercept


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("loss", ["logistic", "squared"])
def test_no_intercept(loss, sparse):
    dataset = _binary(sparse=sparse)
    model = fit(dataset, loss=loss, intercept=False, optimizer="svrg", l2=1e-3).model
    best, coef, _ = naive.optimum(loss, dataset.features, dataset.labels, 1e-3, intercept=False)
    assert model.intercept == 0
    np.testing.assert_allclose(model.coef, coef[0], rtol=1e-4, atol=1e-5)
    assert naive.objective(loss, dataset.features, dataset.labels, model.coef, 0.0, 1e-3) - best < 1e-8


def test_ridge_and_logistic_coefficients_are_those_of_scikit_learn():
    linear = pytest.importorskip("sklearn.linear_model")
    dataset = _binary(500)
    n = dataset.n_rows
    ours = fit(dataset, optimizer="saga", l2=1e-3).model
    theirs = linear.LogisticRegression(C=1 / (1e-3 * n), tol=1e-10, max_iter=10000)
    theirs.fit(dataset.features, dataset.labels)
    np.testing.assert_allclose(ours.coef, theirs.coef_[0], rtol=1e-4, atol=1e-4)
    assert ours.intercept == pytest.approx(theirs.intercept_[0], abs=1e-4)
    values = dataset.features @ np.arange(1.0, 7.0) + np.random.default_rng(0).normal(size=n)
    ours = fit(from_arrays(dataset.features, values), optimizer="saga", l2=1e-3).model
    ridge = linear.Ridge(alpha=1e-3 * n).fit(dataset.features, values)
    np.testing.assert_allclose(ours.coef, ridge.coef_, rtol=1e-4, atol=1e-4)
    assert ours.intercept == pytest.approx(ridge.intercept_, abs=1e-4)


def test_raw_columns_of_any_scale_converge_with_defaults():
    """Columns from 1e-3 to 1e6 with large means: plain SGD would need 10^18 steps."""
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(400, 5)) * np.array([1e-3, 1, 1e2, 1e4, 1e6]) + np.array([5, 0, 1e3, 1e6, 1e7])
    dataset = from_arrays(matrix, 3e5 + 1e5 * rng.normal(size=400) + matrix @ [1e7, 5e4, 300, 4, 0.03])
    best = naive.optimum("squared", dataset.features, dataset.labels, 1e-5)[0]
    assert fit(dataset).history[-1]["objective"] / best - 1 < 1e-4


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("optimizer", ["sgd", "saga", "svrg"])
def test_every_order_converges(order, optimizer):
    dataset = _binary()
    best = naive.optimum("logistic", dataset.features, dataset.labels, 1e-3)[0]
    rank = np.random.default_rng(3).permutation(dataset.n_rows)
    found = fit(dataset, order=order, rank=rank, optimizer=optimizer, l2=1e-3).history[-1]["objective"]
    assert found - best < 1e-3


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_schedule_goes_down(schedule):
    history = fit(_binary(), schedule=schedule, epochs=30).history
    assert history[-1]["objective"] < history[0]["objective"]
    assert [entry["epoch"] for entry in history] == list(range(31))


def test_equation_20_to_the_letter():
    """precondition="none" with a given step is the paper's update, row by row, in the order asked for."""
    dataset = _binary(30)
    gamma = np.random.default_rng(4).integers(1, 9, size=30).astype(float)
    model = fit(
        dataset,
        gamma,
        precondition="none",
        order="cyclic",
        schedule="power",
        step=0.01,
        decay=0.5,
        epochs=3,
        l2=0.1,
    ).model
    weight, intercept = np.zeros(6), 0.0
    for epoch in range(3):
        for x, y, g in zip(dataset.features, dataset.labels, gamma / gamma.mean()):
            slope = naive.slope("logistic", np.array([y]), np.array([[x @ weight + intercept]]))[0, 0]
            rate = 0.01 / (epoch + 1) ** 0.5 * g
            weight, intercept = weight - rate * (slope * x + 0.1 * weight), intercept - rate * slope
    np.testing.assert_allclose(model.coef, weight, rtol=1e-10)
    assert model.intercept == pytest.approx(intercept, rel=1e-10)


def test_equation_18_to_the_letter():
    dataset = _binary(30)
    model = fit(
        dataset, precondition="none", order="cyclic", schedule="constant", step=0.05, epochs=3, radius=0.2
    ).model
    weight, intercept = np.zeros(6), 0.0
    for _ in range(3):
        for x, y in zip(dataset.features, dataset.labels):
            slope = naive.slope("logistic", np.array([y]), np.array([[x @ weight + intercept]]))[0, 0]
            weight, intercept = weight - 0.05 * (slope * x + 1e-5 * weight), intercept - 0.05 * slope
            weight *= min(1.0, 0.2 / np.linalg.norm(weight))
    np.testing.assert_allclose(model.coef, weight, rtol=1e-10)
    assert model.intercept == pytest.approx(intercept, rel=1e-10)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_one_heavy_row_does_not_hold_the_others_back(optimizer):
    """A weight a thousand times the others' would force a step a thousand times smaller on all of them."""
    dataset = _binary(500)
    weights = np.ones(500)
    weights[7] = 1000.0
    best = naive.optimum("logistic", dataset.features, dataset.labels, 1e-3, weights)[0]
    history = fit(dataset, weights, optimizer=optimizer, l2=1e-3, epochs=200).history
    assert history[-1]["objective"] - best < (1e-6 if optimizer in ("saga", "svrg") else 1e-3)


def test_history_counts_what_was_done():
    dataset = _binary()
    history = fit(dataset, precondition="none", epochs=4).history
    assert [entry["gradient_evaluations"] for entry in history] == [0, 200, 400, 600, 800]
    assert history[0]["step"] is None
    assert history[0]["objective"] == pytest.approx(np.log(2))
    seconds = [entry["seconds"] for entry in history]
    assert seconds == sorted(seconds)
    assert json.loads(json.dumps(history, allow_nan=False)) == history
    svrg = fit(dataset, precondition="none", optimizer="svrg", epochs=3).history  # a full gradient for two
    assert [entry["gradient_evaluations"] for entry in svrg] == [0, 400, 600, 1000]


@pytest.mark.parametrize("optimizer", [name for name in OPTIMIZERS if not load(OPTIMIZERS, name).remembers])
def test_resampled_rows(optimizer, tmp_path):
    """An epoch of --resample computes as many gradients as one on a coreset of that size, and goes to the optimum
    of all rows."""
    dataset = _binary(1000)
    settings = {"optimizer": optimizer, "resample": 0.1, "l2": 1e-2}
    found = fit(dataset, precondition="none", epochs=3, **settings)
    assert [line["gradient_evaluations"] for line in found.history] == [0, 100, 200, 300]
    assert found.model.optimizer["resample"] == 0.1
    again = fit(dataset, precondition="none", epochs=3, threads=1, **settings)
    other = fit(dataset, precondition="none", epochs=3, seed=1, **settings)
    assert _bytes(again.model, tmp_path) == _bytes(found.model, tmp_path) != _bytes(other.model, tmp_path)
    best = naive.optimum("logistic", dataset.features, dataset.labels, 1e-2)[0]
    assert fit(dataset, **settings).history[-1]["objective"] - best < 2e-3


def test_drawn_rows_are_uniform_and_new_in_each_epoch():
    gamma = np.ones(50)
    gamma[3] = 40.0  # is visited several times
    visits = plan_visits(gamma, np.ones(50), True)
    rng = np.random.default_rng(0)
    counts = np.zeros(50)
    for _ in range(2000):
        rows = draw_epoch(visits, 20, rng)
        assert len(rows) == 20
        counts += np.bincount(rows, minlength=50)
    times = np.bincount(visits.rows)
    assert times[3] > 3
    expected = 2000 * 20 * times / len(visits)
    assert np.abs(counts - expected).max() < 5 * np.sqrt(expected.max())


def test_the_gradient_norm_is_the_users():
    dataset = _binary()
    for scale in ("none", "minmax"):
        history = fit(dataset, scale=scale, epochs=1).history
        features = fit_scaling(scale, dataset.features).apply(dataset.features)
        slopes = -0.5 * dataset.labels / dataset.n_rows  # of the zero model
        expected = np.hypot(np.linalg.norm(features.T @ slopes), slopes.sum())
        assert history[0]["gradient_norm"] == pytest.approx(expected, rel=1e-9)


def test_tol_stops_and_progress_reports():
    seen = []
    dataset = _binary()
    short = fit(dataset, optimizer="saga", tol=1e-3, l2=1e-2, progress=lambda done, total: seen.append((done, total)))
    epochs = short.history[-1]["epoch"]
    assert epochs < default_epochs(dataset.n_rows)
    assert seen == [(k + 1, default_epochs(dataset.n_rows)) for k in range(epochs)]
    assert len(fit(dataset, optimizer="saga", tol=0.0, epochs=100).history) == 101


@pytest.mark.parametrize("loss", ["logistic", "squared", "multinomial"])
@pytest.mark.parametrize("scale", ["none", "standard"])
def test_init_starts_where_the_model_is(loss, scale):
    dataset = _binary()
    first = fit(dataset, loss=loss, optimizer="saga", l2=1e-2, scale=scale)
    again = fit(dataset, loss=loss, optimizer="saga", l2=1e-2, scale=scale, init=first.model)
    assert again.history[0]["objective"] == pytest.approx(first.history[-1]["objective"], rel=1e-12)
    assert len(again.history) == 1  # nothing left to do
    np.testing.assert_allclose(again.model.coef, first.model.coef, rtol=1e-9)


def test_init_of_another_kind():
    dataset = _binary()
    model = fit(dataset, epochs=2).model
    with pytest.raises(DataError, match="--init: expected a squared model"):
        fit(dataset, loss="squared", init=model)
    with pytest.raises(DataError, match="--init: expected 3 features, found a model of 6"):
        fit(from_arrays(dataset.features[:, :3], dataset.labels), init=model)


@pytest.mark.parametrize("loss", ["logistic", "squared", "multinomial"])
def test_early_stopping_keeps_the_best_epoch(loss):
    dataset, held_out = _binary(40, 20), _binary(2000, 20, seed=0)
    found = fit(dataset, loss=loss, optimizer="saga", l2=1e-6, validation=held_out, patience=3)
    losses = [entry["validation_loss"] for entry in found.history]
    best = int(np.argmin(losses))
    assert len(losses) == best + 1 + 3
    assert f"epoch {best}" in found.notes[0]
    measured = naive.objective(loss, held_out.features, held_out.labels, found.model.coef, found.model.intercept, 0.0)
    assert measured == pytest.approx(losses[best], rel=1e-9)


def test_validation_with_unknown_labels():
    dataset = _binary()
    other = from_arrays(dataset.features, dataset.labels + 5)
    with pytest.raises(DataError, match="expected labels that the model knows"):
        fit(dataset, validation=other)


@pytest.mark.parametrize("tune", ["grid", "halving"])
@pytest.mark.parametrize("schedule", ["auto", "exponential", "constant"])
@pytest.mark.parametrize("tol", [1e-4, 0.0])  # of 0, tries are measured in the end alone
def test_tuning_is_deterministic_and_no_worse(tune, schedule, tol, tmp_path):
    dataset = _binary()
    settings = {"precondition": "none", "schedule": schedule, "epochs": 9, "tol": tol}
    plain = fit(dataset, **settings)
    one = fit(dataset, tune=tune, threads=1, **settings)
    two = fit(dataset, tune=tune, threads=3, **settings)
    assert _bytes(one.model, tmp_path) == _bytes(two.model, tmp_path)
    tries, again = one.history[0]["tries"], two.history[0]["tries"]
    for entry in (*tries, *again):
        assert (entry.pop("seconds") is None) == (entry["score"] is None)
    assert tries == again
    pairs = 20 if schedule == "exponential" else 5  # with so few steps, auto is constant
    assert sum(entry["epochs"] == tries[0]["epochs"] for entry in tries) == pairs
    if tune == "grid":
        assert one.history[-1]["objective"] <= plain.history[-1]["objective"]
        best = min(entry["score"] for entry in tries if entry["score"] is not None)
        assert one.history[-1]["objective"] == best
    else:
        assert [entry["epochs"] for entry in tries] == sorted(entry["epochs"] for entry in tries)


def test_tuning_on_validation_data():
    dataset, held_out = _binary(60, 12), _binary(500, 12, seed=0)
    found = fit(dataset, tune="grid", epochs=12, validation=held_out)
    best = min(entry["score"] for entry in found.history[0]["tries"] if entry["score"] is not None)
    assert min(entry["validation_loss"] for entry in found.history) == best


def test_tuning_with_nothing_to_choose():
    with pytest.raises(UsageError, match="--tune: nothing to choose"):
        fit(_binary(), tune="grid", step=0.1, decay=0.9, schedule="exponential")


@pytest.mark.parametrize("loss", ["squared", "squared-hinge"])
def test_divergence_is_one_line(loss):
    with pytest.raises(DataError, match=r"the objective became (inf|nan) in epoch \d+ at step .*; lower --step$"):
        fit(_binary(), loss=loss, step=1e6, precondition="none", schedule="constant", epochs=200)


def test_tuning_where_every_step_diverges():
    dataset = _binary()
    with pytest.raises(DataError, match="diverged at every step"):
        fit(dataset, loss="squared", step=1e6, precondition="none", tune="grid", epochs=200)


def test_a_rising_objective_gets_a_note():
    found = fit(_binary(), step=1e4, precondition="none", schedule="constant", epochs=3)
    assert "lower --step" in found.notes[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": "greedy"}, "--order greedy: needs a coreset"),
        ({"resample": 0.1, "optimizer": "saga"}, "--resample: has no meaning for saga"),
        ({"resample": 0.1, "order": "cyclic"}, "--resample: draws the rows of each epoch, found --order cyclic"),
        ({"resample": 1.5}, "--resample: expected a number above 0 and at most 1, found 1.5"),
        ({"optimizer": "saga", "batch_size": 4}, "--batch-size: has no meaning for saga"),
        ({"optimizer": "warp"}, "--optimizer: expected one of sgd"),
        ({"loss": "warp"}, "--loss: expected one of auto, logistic"),
        ({"scale": "warp"}, "--scale: expected one of none"),
        ({"epochs": 0}, "--epochs: expected a number at least 1, found 0"),
        ({"step": -1.0}, "--step: expected a number greater than 0, found -1.0"),
        ({"l2": float("nan")}, "--l2: expected a number at least 0, found nan"),
        ({"radius": 0.0}, "--radius: expected a number greater than 0, found 0.0"),
        ({"momentum": 1.0}, "--momentum: expected a number from 0 to below 1, found 1.0"),
        ({"weights": np.ones(3)}, "weights: expected 200 numbers"),
    ],
)
def test_options_that_are_wrong(options, message):
    with pytest.raises(UsageError) as caught:
        fit(_binary(), **options)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.zeros(200), "weights: expected a positive one, found all zero"),
        (np.full(200, -1.0), "weights: expected finite numbers of 0 or more"),
        (np.full(200, np.nan), "weights: expected finite numbers of 0 or more"),
    ],
)
def test_weights_that_are_wrong(weights, message):
    with pytest.raises(DataError, match=message):
        fit(_binary(), weights)


def test_one_class_only():
    dataset = _binary()
    with pytest.raises(DataError, match="expected labels of at least two classes, found only 1"):
        fit(from_arrays(dataset.features, np.ones(200)))
    keep = dataset.labels == 1
    with pytest.raises(DataError, match="expected labels of at least two classes"):
        fit(dataset, keep.astype(float))  # the other class has weight 0


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_data_at_the_edge(optimizer):
    """Constant columns, no rows to speak of, no features that vary, more columns than rows."""
    rng = np.random.default_rng(0)
    for features in (np.zeros((4, 3)), np.ones((4, 1)), rng.normal(size=(4, 300)), sp.csr_matrix((4, 300)),
                     sp.random(4, 300, density=0.1, random_state=0)):  # fmt: skip
        for loss in ("logistic", "squared"):
            found = fit(from_arrays(features, np.array([0.0, 1, 0, 1])), loss=loss, optimizer=optimizer, epochs=20)
            assert np.isfinite(found.model.coef).all()
            assert found.history[-1]["objective"] <= found.history[0]["objective"] + 1e-9
    constant = fit(from_arrays(rng.normal(size=(9, 2)), np.full(9, 5.0)), loss="squared", optimizer=optimizer)
    assert constant.model.intercept == pytest.approx(5.0)
    assert fit(from_arrays(rng.normal(size=(9, 2)), np.arange(9) % 2), l2=0.0, optimizer=optimizer, epochs=5)


def test_theory():
    found = neighbourhood(epsilon=3.0, n=100, l2=0.5, distance=2.0, gradient=10.0)
    mu = 50.0
    assert found.theorem2 == 2 * 3.0 / mu
    assert found.theorem1 == 2 * 3.0 * min(mu * 2.0, 100 * 10.0) / mu**2
    assert found.objective == 3.0**2 / (2 * 100 * mu)
    assert neighbourhood(3.0, 100, 0.5).theorem1 is None
    assert neighbourhood(3.0, 100, 0.0).theorem2 == np.inf
    with pytest.raises(UsageError):
        neighbourhood(-1.0, 100, 0.5)


def test_theory_holds_for_a_weighted_subset():
    """The optimum on any weighted subset is as near as its gradient error there says."""
    dataset = _binary(300)
    rows = np.arange(0, 300, 3)
    l2 = 0.05
    full = naive.optimum("logistic", dataset.features, dataset.labels, l2, intercept=False)
    part = dataset.take(rows)
    chosen = fit(part, np.full(100, 3.0), l2=l2, intercept=False, optimizer="saga").model
    slopes = naive.slope("logistic", dataset.labels, (dataset.features @ chosen.coef)[:, None])[:, 0]
    gradients = slopes[:, None] * dataset.features
    epsilon = np.linalg.norm(gradients.sum(axis=0) - 3 * gradients[rows].sum(axis=0))
    predicted = neighbourhood(epsilon, 300, l2)
    assert np.linalg.norm(chosen.coef - full[1][0]) <= predicted.strong_convexity <= predicted.theorem2
    value = naive.objective("logistic", dataset.features, dataset.labels, chosen.coef, 0.0, l2)
    assert 0 <= value - full[0] <= predicted.objective
