"""Rounds of refinement against a slow and obvious twin, their guard, and what the history says of them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import scipy.sparse as sp

from craig_cli.dataset import from_arrays
from craig_cli.errors import UsageError
from craig_cli.registry import LOSSES, OPTIMIZERS
from craig_cli.training import refine
from craig_cli.training.fit import fit
from tests.conftest import SAMPLE
from tests.naive import training as naive

L2 = 1e-2


def _data(loss: str = "logistic", rows: int = 600, columns: int = 5, sparse: bool = False):
    rng = np.random.default_rng(3)
    matrix = rng.normal(size=(rows, columns))
    if sparse:
        matrix = sp.csr_matrix(matrix * (rng.random(matrix.shape) < 0.5))
    scores = np.asarray(matrix @ rng.normal(size=(columns, 3)))
    if loss in naive.REGRESSIONS:
        labels = 50 + 7 * scores[:, 0] + 3 * rng.normal(size=rows)
    elif loss == "multinomial":
        labels = np.argmax(scores + rng.gumbel(size=scores.shape), axis=1).astype(float)
    else:
        labels = np.where(scores[:, 0] + rng.logistic(size=rows) > 0, 1.0, -1.0)
    return from_arrays(matrix, labels)


def _coreset(dataset, size: int, seed: int = 0):
    rows = np.sort(np.random.default_rng(seed).permutation(dataset.n_rows)[:size])
    return rows, np.random.default_rng(seed).uniform(1, 3, size)


def _full(loss, dataset, model, l2=L2) -> float:
    return naive.objective(loss, dataset.features, dataset.labels, model.coef, model.intercept, l2)


def _passes(history: list[dict]) -> list[dict]:
    return [line for line in history if line.get("all_rows")]


@pytest.mark.parametrize("kind", ["full", "sparse", "understated"])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_round_is_that_of_the_naive_twin(loss, kind, monkeypatch):
    """In coordinates of any kind; and where the coreset understates a curvature, in those of the data."""
    understated = 1.1 if kind == "understated" else np.inf
    monkeypatch.setattr(refine, "UNDERSTATED", understated)
    monkeypatch.setattr(refine, "INNER", 1e-9)
    dataset = _data(loss, sparse=kind == "sparse")
    rows, weights = _coreset(dataset, 200)
    if kind == "understated":
        rows = rows[np.abs(dataset.features[rows, 1]) < 0.8]
        weights = weights[: len(rows)]
    precondition = {"full": "full", "sparse": "diagonal", "understated": "none"}[kind]
    settings = {"loss": loss, "optimizer": "saga", "l2": L2, "epochs": 3000, "precondition": precondition}
    part = dataset.take(rows)
    first = fit(part, weights, **settings).model
    coef, intercept = first.coef, first.intercept
    for rounds in (1, 2):
        coef, intercept = naive.refined(
            loss, dataset.features, dataset.labels, L2, rows, weights, coef, intercept, understated
        )
        found = fit(part, weights, refine=rounds, all_rows=dataset, **settings)
        assert all(line["accepted"] for line in _passes(found.history))
        np.testing.assert_allclose(np.atleast_2d(found.model.coef), coef, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(np.atleast_1d(found.model.intercept), intercept, rtol=1e-4, atol=1e-5)
    best = naive.optimum(loss, dataset.features, dataset.labels, L2)[0]
    assert _full(loss, dataset, found.model) - best < 0.3 * (_full(loss, dataset, first) - best)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("options", [{}, {"batch_size": 4}, {"radius": 0.7}], ids=["", "batch", "radius"])
def test_every_optimizer_refines(optimizer, options):
    if options.get("batch_size") and optimizer in ("saga", "svrg"):
        pytest.skip("no batches")
    dataset = _data()
    rows, weights = _coreset(dataset, 100)
    settings = {"optimizer": optimizer, "l2": L2, **options}
    plain = fit(dataset.take(rows), weights, **settings)
    found = fit(dataset.take(rows), weights, refine=2, all_rows=dataset, **settings)
    best = _full("logistic", dataset, fit(dataset, l2=L2, optimizer="saga", **{**options, "batch_size": 1}).model)
    before, after = (_full("logistic", dataset, fitted.model) - best for fitted in (plain, found))
    assert after < 0.05 * before + 1e-5
    if "radius" in options:
        assert np.linalg.norm(found.model.coef) <= 0.7 * (1 + 1e-9)


def test_the_history_counts_passes_and_rounds():
    dataset = _data()
    rows, weights = _coreset(dataset, 100)
    settings = {"precondition": "none", "epochs": 3, "tol": 0.0, "l2": L2, "schedule": "constant", "step": 0.01}
    found = fit(dataset.take(rows), weights, refine=2, all_rows=dataset, monitor=[dataset], **settings)
    assert [line["round"] for line in found.history] == [0] * 5 + [1] * 4 + [2] * 4
    assert [line["epoch"] for line in found.history] == [0, 1, 2, 3, 3, 4, 5, 6, 6, 7, 8, 9, 9]
    counts = np.array([line["gradient_evaluations"] for line in found.history])
    # A pass over 600 rows; a round looks at the coreset once before its epochs.
    assert np.diff(counts).tolist() == [100, 100, 100, 600, 200, 100, 100, 600, 200, 100, 100, 600]
    seconds = [line["seconds"] for line in found.history]
    assert seconds == sorted(seconds)
    plain = fit(dataset.take(rows), weights, **settings).history
    for line, bare in zip(found.history, plain):
        assert all(line[key] == bare[key] for key in bare if key != "seconds")
    for line in _passes(found.history):
        assert line["step"] is None
        assert line["objective"] == pytest.approx(line["monitor"][0]["objective"], rel=1e-12)
    assert found.kept == _passes(found.history)[-1]
    assert found.kept["objective"] == pytest.approx(_full("logistic", dataset, found.model), rel=1e-12)
    assert json.loads(json.dumps(found.history, allow_nan=False)) == found.history


def test_it_never_gets_worse():
    """Few rows of odd weights, from a small corner of the data: what a round says of all rows is often wrong."""
    dataset = _data(columns=12)
    order = np.argsort(dataset.features[:, 0])
    refused = 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        rows = np.sort(rng.choice(order[:150], 30, replace=False))
        while len(np.unique(dataset.labels[rows])) < 2:
            rows = np.sort(rng.choice(order[:150], 30, replace=False))
        weights = rng.pareto(1.0, 30) + 0.01
        found = fit(dataset.take(rows), weights, refine=4, all_rows=dataset, optimizer="saga", l2=1e-4, seed=seed)
        passes = _passes(found.history)
        kept = [line["objective"] for line in passes if line["accepted"]]
        assert kept == sorted(kept, reverse=True) and len(set(kept)) == len(kept)
        assert found.kept["objective"] == min(line["objective"] for line in passes) == kept[-1]
        assert _full("logistic", dataset, found.model, 1e-4) == pytest.approx(kept[-1], rel=1e-9)
        assert kept[-1] < kept[0]
        worse = [line["round"] for line in passes if not line["accepted"]]
        refused += len(worse)
        for number in set(worse):
            assert any(note.startswith(f"round {number}: the objective of all rows") for note in found.notes)
    assert refused > 0


def test_the_way_back_is_the_minimum_of_the_cubic():
    """F(x) = x^4 - x from 0 to 2: the cubic with its values and slopes at both ends."""

    def point(x):
        return refine._Point(np.array([[x]]), x**4 - x, np.array([[4 * x**3 - 1]]), None, {})

    share = refine._way_back(point(0.0), point(2.0))
    cubic = np.polynomial.Polynomial([0.0, -1.0, -4.0, 4.0])  # 0, 14 and slopes -1, 31 at 0 and 2
    assert (cubic(2.0), cubic.deriv()(2.0)) == (14.0, 31.0)
    assert cubic.deriv()(2 * share) == pytest.approx(0.0, abs=1e-12)
    assert refine._way_back(point(2.0), point(3.0)) is None  # uphill from the start


def test_columns_that_the_coreset_does_not_have():
    """Its rows say nothing of them; steps there are as short as all rows ask for."""
    rng = np.random.default_rng(0)
    matrix = (rng.random((3000, 40)) < np.geomspace(0.5, 2e-3, 40)).astype(float)
    labels = (matrix @ rng.normal(size=40) + rng.logistic(size=3000) > 0).astype(float)
    dataset = from_arrays(sp.csr_matrix(matrix), labels)
    rows = rng.permutation(3000)[:300]
    assert (matrix[rows].sum(axis=0) == 0).any()
    best = naive.optimum("logistic", dataset.features, dataset.labels, 1e-4)[0]
    for precondition in ("full", "diagonal"):
        settings = {"optimizer": "saga", "l2": 1e-4, "precondition": precondition}
        passes = _passes(fit(dataset.take(rows), refine=4, all_rows=dataset, **settings).history)
        assert passes[-1]["objective"] - best < 0.05 * (passes[0]["objective"] - best)


def test_the_same_at_any_number_of_threads():
    dataset = _data(rows=9000)
    rows, weights = _coreset(dataset, 500)
    one, two = (
        fit(dataset.take(rows), weights, refine=2, all_rows=dataset, optimizer="saga", threads=threads)
        for threads in (1, 3)
    )
    np.testing.assert_array_equal(one.model.coef, two.model.coef)
    assert [line["objective"] for line in one.history] == [line["objective"] for line in two.history]


def test_options_that_do_not_go_together():
    dataset = _data(sparse=True)
    part = dataset.take(np.arange(100))
    common = {"refine": 1, "all_rows": dataset}
    with pytest.raises(UsageError, match=r"--refine: on sparse rows needs --optimizer saga or svrg, .* found sgd"):
        fit(part, precondition="diagonal", **common)
    with pytest.raises(UsageError, match="--refine: needs a coreset"):
        fit(part, refine=1)
    with pytest.raises(UsageError, match=r"--refine: .* found --validation"):
        fit(part, validation=dataset, **common)
    with pytest.raises(UsageError, match=r"--refine: .* found --resample"):
        fit(part, resample=0.5, **common)


def test_train_refine(craig):
    data = SAMPLE / "binary.libsvm"
    craig.ok("select", data, "--fraction", "0.1", "--algorithm", "strata", "-q", "-o", "c")
    craig.ok("train", data, "--optimizer", "saga", "-q", "-o", "full")
    run = ("train", data, "--coreset", "c", "--optimizer", "saga", "--refine", "2", "--history", "h")
    result = craig.ok(*run, "--json", "-o", "m")
    assert "objective of all rows: " in result.stderr
    found = json.loads(craig.ok("eval", "full", "m", data, "--json").text)["models"]
    assert found[1]["objective"] == pytest.approx(json.loads(result.text)["objective"], rel=1e-9)
    plain = json.loads(craig.ok(*run[:-4], "--json", "-o", "plain", "--history", "p", "--monitor", data).text)
    before = plain["monitor"][0]["objective"] - found[0]["objective"]
    assert 0 <= found[1]["objective"] - found[0]["objective"] < 0.05 * before
    model = json.loads((craig.folder / "m").read_text())
    assert model["optimizer"]["refine"] == 2 and model["coreset"]["size"] == 300
    # Reading all rows or only those of the coreset is the same training.
    history = [json.loads(line) for line in (craig.folder / "h").read_text().splitlines()]
    plain = [json.loads(line) for line in (craig.folder / "p").read_text().splitlines()]
    assert [line["objective"] for line in history[: len(plain)]] == [line["objective"] for line in plain]
    bad = craig("train", data, "--refine", "1", "-q", "-o", "bad")
    assert bad.status == 2 and "--refine: corrects a coreset's gradient" in bad.error
    other = craig("train", SAMPLE / "multiclass.libsvm", "--coreset", "c", "--refine", "1", "-q", "-o", "bad")
    assert other.status == 1 and "was selected from other data" in other.error
