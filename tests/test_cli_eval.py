"""``craig eval``: one table for several models, the gradient error against epsilon, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from craig_cli.artifacts.coreset import read_coreset, write_coreset
from craig_cli.artifacts.model import read_model, write_model
from tests.conftest import SAMPLE, Craig, made_once

DATA = SAMPLE / "binary.libsvm"
TEST = SAMPLE / "binary.test.libsvm"


@pytest.fixture(scope="module")
def trained(tmp_path_factory, compiled_kernels):
    """A folder with models of the binary data and of the others, and a coreset with its model."""
    with made_once(tmp_path_factory, "trained") as (folder, made):
        if not made:
            _train(Craig(folder).ok)
    return Craig(folder)


def _train(run) -> None:
    run("select", DATA, "--fraction", "0.1", "--loss", "logistic", "--radius", "20", "-o", "c.parquet")
    run("train", DATA, "-o", "full.json")
    run("train", DATA, "--coreset", "c.parquet", "-o", "small.json")
    run("train", SAMPLE / "multiclass.parquet", "-o", "many.json")
    run("train", SAMPLE / "regression.parquet", "--loss", "squared", "-o", "numbers.json")


def models(result) -> list[dict]:
    return json.loads(result.text)["models"]


def test_one_table_for_several_models(trained):
    result = trained.ok("eval", "full.json", "small.json", TEST)
    lines = result.text.splitlines()
    assert lines[0].split()[:4] == ["model", "rows", "loss", "objective"]
    assert [line.split()[:2] for line in lines[1:]] == [["full.json", "3000"], ["small.json", "300"]]
    assert "1,000 rows of binary.test.libsvm" in result.stderr


def test_json_says_the_same_and_more(trained):
    full, small = models(trained.ok("eval", "full.json", "small.json", TEST, "--json"))
    assert full["model"] == "full.json"
    assert full["rows"] == 1000
    assert (full["trained_rows"], small["trained_rows"]) == (3000, 300)
    assert full["objective"] == pytest.approx(full["loss"] + full["l2_term"])
    assert 0.0 < full["error_rate"] < 0.3
    assert 0.5 < full["auc"] < 1.0
    assert sum(entry["rows"] for entry in full["per_class"]) == 1000


def test_training_on_everything_is_best_on_the_training_data(trained):
    full, small = models(trained.ok("eval", "full.json", "small.json", DATA, "--json"))
    assert full["objective"] < small["objective"] < 1.1 * full["objective"]


def test_multiclass_and_regression(trained):
    (many,) = models(trained.ok("eval", "many.json", SAMPLE / "multiclass.test.parquet", "--json"))
    assert many["error_rate"] < 0.35
    assert len(many["per_class"]) == 4
    (numbers,) = models(trained.ok("eval", "numbers.json", SAMPLE / "regression.test.parquet", "--json"))
    assert numbers["r2"] > 0.8
    assert "error_rate" not in numbers
    assert "R2" in trained.ok("eval", "numbers.json", SAMPLE / "regression.test.parquet").text


def test_gradient_error_is_below_epsilon(trained):
    result = trained.ok("eval", "full.json", "small.json", DATA, "--coreset", "c.parquet", "--points", "10", "--json")
    for entry in models(result):
        gradient = entry["gradient"]
        assert gradient["norm"] < 20
        assert 0 < gradient["error"] <= gradient["epsilon"]
        assert gradient["random"]["points"] == 10
        worst = gradient["random"]["worst"]
        assert 0 < worst["error"] <= worst["epsilon"]
    assert "gradient error" in trained.ok("eval", "full.json", DATA, "--coreset", "c.parquet").text


def test_what_the_theorems_predict(trained):
    run = trained.ok
    run("train", DATA, "--coreset", "c.parquet", "--l2", "100", "-o", "stiff.json")
    result = run("eval", "small.json", "stiff.json", DATA, "--coreset", "c.parquet")
    loose, tight = [line for line in result.stderr.splitlines() if line.startswith("theorems 1 and 2")]
    assert "which says nothing: any two models within the radius are at most 40 apart" in loose
    assert "says nothing" not in tight
    for entry, l2 in zip(
        models(run("eval", "small.json", "stiff.json", DATA, "--coreset", "c.parquet", "--json")), (1e-5, 100)
    ):
        theory, epsilon = entry["gradient"]["theory"], entry["gradient"]["epsilon"]
        assert theory["mu"] == pytest.approx(3000 * l2)
        assert theory["theorem2"] == pytest.approx(2 * epsilon / theory["mu"])
        assert theory["theorem1"] == pytest.approx(2 * epsilon * 20 / theory["mu"])
        assert theory["objective"] == pytest.approx(epsilon**2 / (2 * 3000 * theory["mu"]))


@pytest.mark.parametrize("options", [("--loss", "squared-hinge"), ("--l2", "0"), ("--scale", "standard")])
def test_where_the_theorems_say_nothing(trained, craig, options):
    craig.ok("train", DATA, *options, "--epochs", "2", "-o", "other.json")
    result = trained.ok("eval", craig.folder / "other.json", DATA, "--coreset", "c.parquet", "--json")
    assert models(result)[0]["gradient"]["theory"] is None


def test_the_same_numbers_at_any_number_of_threads(trained):
    one, two = (
        trained.ok("eval", "full.json", DATA, "--coreset", "c.parquet", "--json", "--threads", n).text for n in (1, 2)
    )
    assert one == two


def test_a_model_from_standard_input(trained):
    piped = trained.ok("eval", "-", TEST, "--json", stdin=(trained.folder / "full.json").read_bytes())
    named = trained.ok("eval", "full.json", TEST, "--json")
    assert models(piped)[0]["loss"] == models(named)[0]["loss"]


def test_data_from_standard_input(trained):
    piped = trained.ok("eval", "full.json", "-", "--json", stdin=TEST.read_bytes())
    named = trained.ok("eval", "full.json", TEST, "--json")
    assert models(piped) == models(named)


def test_compressed_and_parquet_data_give_the_same(trained):
    text = models(trained.ok("eval", "full.json", TEST, "--json"))
    assert models(trained.ok("eval", "full.json", SAMPLE / "binary.test.parquet", "--json")) == [
        {**text[0], **{key: pytest.approx(text[0][key]) for key in ("loss", "objective", "log_loss", "auc")}}
    ]


@pytest.mark.parametrize(
    "args, status, expected",
    [
        (("full.json",), 2, "expected data after the models"),
        ((DATA, TEST), 1, "expected a model file"),
        (("absent.json", TEST), 1, "absent.json: no such file"),
        (("full.json", "absent.libsvm"), 1, "absent.libsvm"),
        (("-", "-"), 2, "one input only"),
        (("full.json", "-", "--coreset", "-"), 2, "one input only"),
        (("full.json", TEST, "--points", "3"), 2, "--points needs --coreset"),
        (
            ("full.json", SAMPLE / "multiclass.libsvm"),
            1,
            "expected labels that full.json knows (-1, 1), found",
        ),
        (("numbers.json", TEST), 1, "at most 8 features, as numbers.json has, found 12"),
        (("full.json", TEST, "--coreset", "c.parquet"), 1, "was selected from other data"),
        (("full.json", DATA, "--coreset", "full.json"), 1, "expected a coreset file"),
        (("full.json", DATA, "--coreset", "absent"), 1, "absent: no such file"),
    ],
)
def test_what_cannot_be_is_one_line(trained, args, status, expected):
    result = trained("eval", *args, "-q")
    assert result.status == status
    assert expected in result.error
    assert result.stdout == b""


def test_a_damaged_model_is_one_line(trained, craig):
    (craig.folder / "cut.json").write_bytes((trained.folder / "full.json").read_bytes()[:-20])
    result = craig("eval", "cut.json", TEST)
    assert result.status == 1
    assert "cut.json: expected a model file" in result.error


def test_a_broken_bound_fails_loudly(trained, craig):
    coreset = read_coreset(trained.folder / "c.parquet")
    write_coreset(craig.folder / "broken", replace(coreset, epsilon=coreset.epsilon * 1e-9))
    result = craig("eval", trained.folder / "full.json", DATA, "--coreset", "broken", "-q")
    assert result.status == 1
    assert "full.json" in result.error
    assert "bound is broken" in result.error


def test_scaled_training_without_its_penalty_has_no_objective(trained, craig):
    model = read_model(trained.folder / "full.json")
    for settings, expected in (({"scale": "unit"}, None), ({"scale": "unit", "l2_term": 0.5}, 0.5)):
        write_model(craig.folder / "scaled.json", replace(model, optimizer=settings))
        (entry,) = models(craig.ok("eval", "scaled.json", TEST, "--json"))
        assert entry["l2_term"] == expected
