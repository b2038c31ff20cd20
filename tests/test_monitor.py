"""Following a model on other rows: what the history says of them, and that training does not notice."""

from __future__ import annotations

import json

import numpy as np
import pytest

from craig_cli.dataset import from_arrays
from craig_cli.errors import DataError
from craig_cli.evaluation.metrics import evaluate as metrics_of
from craig_cli.registry import LOSSES
from craig_cli.training.fit import fit
from tests.conftest import SAMPLE
from tests.naive import training as naive
from tests.test_optimizers import data


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_monitor_measures_the_model_and_changes_nothing(loss, sparse):
    dataset, weights = data(loss, sparse)
    rng = np.random.default_rng(0)
    other = from_arrays(dataset.features[50:], dataset.labels[50:], rng.integers(1, 4, 200).astype(float))
    settings = {"loss": loss, "epochs": 3, "l2": 1e-2, "optimizer": "saga"}
    found = fit(dataset, weights, monitor=[dataset, other], **settings)
    plain = fit(dataset, weights, **settings)
    np.testing.assert_array_equal(found.model.coef, plain.model.coef)
    for line, bare in zip(found.history, plain.history, strict=True):
        assert [entry["data"] for entry in line["monitor"]] == ["data", "data"]
        assert all(line[key] == bare[key] for key in bare if key != "seconds")
    assert found.kept is found.history[-1]
    for rows, measured in zip((dataset, other), found.kept["monitor"]):
        model, counts = found.model, rows.multiplicity
        parts = (rows.features, rows.labels, model.coef, model.intercept)
        expected = metrics_of(model, rows)
        key = "rmse" if loss in naive.REGRESSIONS else "error_rate"
        assert set(measured) == {"data", "loss", "objective", key}
        assert measured[key] == pytest.approx(expected[key], rel=1e-9)
        assert measured["loss"] == pytest.approx(naive.objective(loss, *parts, 0.0, counts), rel=1e-9)
        assert measured["objective"] == pytest.approx(naive.objective(loss, *parts, 1e-2, counts), rel=1e-9)


def test_the_objective_is_in_the_units_of_the_scale():
    """With ``--scale`` the penalty is of the scaled model, on the monitored rows as on those of the training."""
    dataset, _ = data("logistic", False)
    found = fit(dataset, scale="standard", l2=0.1, epochs=5, monitor=[dataset])
    for line in found.history:
        assert line["monitor"][0]["objective"] == pytest.approx(line["objective"], rel=1e-12)


def test_the_kept_line_is_that_of_the_best_epoch():
    dataset, _ = data("logistic", False)
    held_out = dataset.take(np.arange(40))
    found = fit(dataset.take(np.arange(40, 80)), validation=held_out, monitor=[held_out], optimizer="saga", l2=0.0)
    assert found.kept["validation_loss"] == min(line["validation_loss"] for line in found.history)
    assert found.kept["monitor"][0]["loss"] == pytest.approx(found.kept["validation_loss"], rel=1e-12)


def test_labels_that_the_model_does_not_know():
    dataset, _ = data("logistic", False)
    with pytest.raises(DataError, match="expected labels that the model knows"):
        fit(dataset, monitor=[from_arrays(dataset.features, dataset.labels + 9)])


def test_a_coreset_followed_on_all_rows_and_on_test_data(craig):
    train, test = SAMPLE / "binary.libsvm", SAMPLE / "binary.test.libsvm"
    craig.ok("select", train, "--fraction", "0.1", "--algorithm", "random", "-q", "-o", "c")
    run = ("train", train, "--coreset", "c", "--epochs", "2", "-o", "m", "--history", "h", "--monitor", train)
    result = craig.ok(*run, "--monitor", test, "--json")
    history = [json.loads(line) for line in (craig.folder / "h").read_text().splitlines()]
    assert [[entry["data"] for entry in line["monitor"]] for line in history] == [
        ["binary.libsvm", "binary.test.libsvm"]
    ] * 3
    measured = json.loads(result.text)["monitor"]
    assert measured == history[-1]["monitor"]
    for path, found in zip((train, test), measured):
        expected = json.loads(craig.ok("eval", "m", path, "--json").text)["models"][0]
        for key in ("loss", "objective", "error_rate"):
            assert found[key] == pytest.approx(expected[key], rel=1e-9)
    assert "on binary.test.libsvm: loss" in craig.ok(*run, "--monitor", test).stderr
    # All rows, followed on themselves.
    craig.ok("train", train, "--epochs", "2", "-o", "m", "--history", "h", "--monitor", train)
    line = json.loads((craig.folder / "h").read_text().splitlines()[-1])
    assert line["monitor"][0]["objective"] == pytest.approx(line["objective"], rel=1e-12)
    bad = craig("train", train, "--monitor", SAMPLE / "regression.libsvm", "-q", "-o", "bad")
    assert bad.status == 1 and "expected labels that the model knows" in bad.error
    assert not (craig.folder / "bad").exists()
