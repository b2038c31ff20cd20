"""``craig eval``: one table for several models, the gradient error against epsilon, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from craig_cli.artifacts.coreset import read_coreset, write_coreset
from craig_cli.artifacts.model import read_model, write_model
from tests.conftest import SAMPLE

DATA = SAMPLE / "binary.libsvm"
TEST = SAMPLE / "binary.test.libsvm"


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
        ((), 2, "expected models and data, or --coreset or --history"),
        (("full.json",), 2, "expected data after the models"),
        (("full.json", DATA, "--reference", "absent"), 1, "absent: no such file"),
        (("full.json", DATA, "--reference", "many.json"), 1, "the reference: expected a model as full.json is"),
        (("full.json", TEST, "--plot", "a.png"), 2, "--plot: expected --history, or --coreset without models"),
        (("full.json", DATA, "--coreset", "c.parquet", "--path-epochs", "3"), 2, "--path-epochs: is for --coreset and"),
        (("full.json", DATA, "--coreset", "c.parquet", "--coreset", "c.parquet"), 2, "one at a time with models"),
        (("--coreset", "c.parquet", "--points", "3"), 2, "--points needs --coreset and its data"),
        ((TEST, "--coreset", "c.parquet"), 1, "c.parquet: was selected from other data"),
        (("--coreset", "c.parquet", "--plot", "a.pdf"), 2, "expected a name that ends in .png or .svg"),
        (("--coreset", "c.parquet", "--plot", "no/a.png"), 1, "no such folder"),
        (("--coreset", "c.parquet", "--history", "full.jsonl"), 2, "expected one of them"),
        (("--history", "full.json"), 1, "expected one JSON object an epoch"),
        (("--history", "full.jsonl", "--offset", "1", "--offset", "2"), 2, "one for each --history, 1, found 2"),
        (("--history", "full.jsonl", "--offset", "-1"), 2, "expected a number at least 0"),
        (("--history", "full.jsonl", "--reference", "auto"), 2, "--reference auto: needs a model"),
        (("--history", "full.jsonl", "--reference", "full.json"), 1, "expected a model that says its objective"),
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


def test_a_model_after_the_data_is_told_where_models_go(trained, craig):
    result = craig("eval", DATA, trained.folder / "full.json", "--coreset", trained.folder / "c.parquet")
    assert result.status == 1
    assert "full.json: expected LIBSVM, CSV, Parquet or Arrow data, found JSON" in result.error
    assert "MODEL... DATA..." in result.error


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


def reference_of(trained, *args) -> tuple[list[dict], str]:
    result = trained.ok("eval", *args, "--reference", "auto", "--json")
    return [entry["reference"] for entry in models(result)], result.stderr


def test_the_optimum_is_found_once_and_never_trusted(trained, craig):
    for name in ("full.json", "small.json"):
        (craig.folder / name).write_bytes((trained.folder / name).read_bytes())
    (first, small), said = reference_of(craig, "full.json", "small.json", DATA)
    assert 0 < first["residual"] < small["residual"]
    assert first["gradient_norm"] < 1e-9
    assert first["file"] == small["file"]
    kept = craig.folder / first["file"]
    assert f"kept in {kept.name}" in said
    text = kept.read_bytes()
    (again, _), said = reference_of(craig, "full.json", "small.json", DATA)
    assert again == first
    assert "kept in" not in said

    optimum = read_model(kept)
    for damage in (
        lambda: kept.write_bytes(text[:-40]),
        lambda: kept.write_bytes(b""),
        lambda: write_model(kept, replace(optimum, coef=optimum.coef * 1.001)),
        lambda: write_model(kept, replace(optimum, l2=1.0)),
        lambda: write_model(kept, read_model(trained.folder / "many.json")),
    ):
        damage()
        (again,), said = reference_of(craig, "full.json", DATA)
        assert again == first
        assert "kept in" in said
        assert kept.read_bytes() == text


def test_other_data_and_other_objectives_have_references_of_their_own(trained, craig):
    (craig.folder / "full.json").write_bytes((trained.folder / "full.json").read_bytes())
    write_model(craig.folder / "stiff.json", replace(read_model(craig.folder / "full.json"), l2=0.1))
    (full, stiff), _ = reference_of(craig, "full.json", "stiff.json", DATA)
    (test,), said = reference_of(craig, "full.json", TEST)
    assert len({full["file"], stiff["file"], test["file"]}) == 3
    assert full["objective"] < stiff["objective"]
    assert "full.json: was trained on other data than binary.test.libsvm, whose optimum this is" in said


def test_where_nothing_can_be_kept_it_goes_on_without(trained, craig):
    (craig.folder / "full.json").write_bytes((trained.folder / "full.json").read_bytes())
    (expected,), _ = reference_of(craig, "full.json", DATA)
    (craig.folder / expected["file"]).unlink()
    (craig.folder / expected["file"]).mkdir()
    (found,), said = reference_of(craig, "full.json", DATA)
    assert found == {**expected, "file": None}
    assert "kept in" not in said
    piped = craig.ok(
        "eval", "-", DATA, "--reference", "auto", "--json", stdin=(craig.folder / "full.json").read_bytes()
    )
    assert models(piped)[0]["reference"] == {**expected, "file": None}


def test_a_given_model_as_reference(trained):
    full, small = models(trained.ok("eval", "full.json", "small.json", DATA, "--reference", "full.json", "--json"))
    assert full["reference"]["residual"] == full["reference"]["distance"] == 0.0
    assert small["reference"]["residual"] == pytest.approx(small["objective"] - full["objective"], abs=1e-12)
    assert "above optimum" in trained.ok("eval", "small.json", DATA, "--reference", "full.json").text


def test_the_epsilon_curve_of_a_coreset_alone(craig):
    craig.ok("select", DATA, "--fraction", "0.1", "--for", "distance", "-o", "c.parquet")
    coreset = read_coreset(craig.folder / "c.parquet")
    (found,) = json.loads(craig.ok("eval", "--coreset", "c.parquet", "--json").text)["curves"]
    sizes = found["curve"]["size"]
    assert found["curve"]["epsilon"] == [coreset.epsilon[size - 1] for size in sizes]
    assert (sizes[0], sizes[-1], found["size"], found["n"]) == (2, len(coreset), len(coreset), 3000)
    assert found["epsilon"] == coreset.epsilon[-1]
    assert found["knee_epsilon"] == coreset.epsilon[found["knee"] - 1]
    result = craig.ok("eval", "--coreset", "c.parquet")
    (marked,) = [line for line in result.text.splitlines() if "the bound flattens" in line]
    assert marked.split()[0] == str(found["knee"])


def test_histories_beside_each_other(trained):
    args = ("--history", "full.jsonl", "--history", "small.jsonl", "--offset", "0", "--offset", "1.5", "--json")
    found = json.loads(trained.ok("eval", "full.json", DATA, "--reference", "auto", *args).text)
    lines = [
        [json.loads(line) for line in (trained.folder / name).read_text().splitlines()]
        for name in ("full.jsonl", "small.jsonl")
    ]
    optimum = found["models"][0]["reference"]["objective"]
    assert found["optimum"] == optimum
    for entry, epochs, offset in zip(found["histories"], lines, (0.0, 1.5)):
        on_train = [epoch["monitor"][0]["objective"] for epoch in epochs]
        assert entry["curve"]["seconds"] == [epoch["seconds"] + offset for epoch in epochs]
        assert entry["curve"]["residual"] == [objective - optimum for objective in on_train]
        assert entry["error"] == epochs[-1]["monitor"][1]["error_rate"]
        assert (entry["objective_on"], entry["error_on"]) == ("binary.libsvm", "binary.test.libsvm")
    # Of the same optimum: as its file says, and on data.
    file = found["models"][0]["reference"]["file"]
    for data in ((), (DATA,)):
        same = json.loads(trained.ok("eval", *data, "--reference", file, *args).text)
        assert same["optimum"] == pytest.approx(optimum, rel=1e-14)
    table = trained.ok("eval", "--history", "full.jsonl").text
    assert "gradient evaluations" in table
    assert "above optimum" not in table


def test_plots_of_histories_and_curves(trained, craig):
    pytest.importorskip("matplotlib", reason="the extra 'plot' is not installed")
    coreset = trained.folder / "c.parquet"
    for args in (
        ("--history", trained.folder / "full.jsonl"),
        ("--coreset", coreset),
        (DATA, "--coreset", coreset, "--path-epochs", "2", "--points", "2"),
    ):
        for ending, start in ((".svg", b"<?xml"), (".png", b"\x89PNG")):
            craig.ok("eval", *args, "--plot", "a" + ending)
            assert (craig.folder / ("a" + ending)).read_bytes().startswith(start)
    refused = craig("eval", "--history", "a.png", "--plot", "a.png")
    assert refused.status == 2
    assert "is also an input" in refused.error.replace("-o", "--plot")


def test_gradient_errors_without_a_model(trained, craig):
    args = ("--coreset", "c.parquet", "--points", "4", "--path-epochs", "3", "--random-subsets", "2")
    result = trained.ok("eval", DATA, *args, "--json")
    values = json.loads(result.text)
    (found,) = values["gradients"]
    assert (values["rows"], values["loss"], values["random_subsets"]) == (3000, "logistic", 2)
    assert (found["size"], found["radius"]) == (300, 20.0)
    unit, epsilon = found["largest_full_norm"], read_coreset(trained.folder / "c.parquet").epsilon[-1]
    assert unit == max(found["path"]["full_norm"] + found["ball"]["full_norm"])
    assert (found["epsilon"], found["relative_epsilon"]) == (epsilon, pytest.approx(epsilon / unit))
    for part, points in (("path", 4), ("ball", 4)):
        errors = found[part]
        assert errors["points"] == points == len(errors["error"]) == len(errors["norm"])
        assert max(errors["error"]) <= epsilon
        assert errors["coreset"]["max"] == pytest.approx(max(errors["error"]) / unit)
        assert errors["coreset"]["median"] == pytest.approx(np.median(errors["error"]) / unit)
        assert errors["random"]["max"] == pytest.approx(max(map(max, errors["random_error"])) / unit)
    # The same at a model: the path starts at the zero model.
    zero = replace(read_model(trained.folder / "full.json"), coef=np.zeros(12), intercept=0.0)
    write_model(craig.folder / "zero.json", zero)
    (entry,) = models(
        craig.ok("eval", "zero.json", DATA, "--coreset", trained.folder / "c.parquet", "--points", "4", "--json")
    )
    assert entry["gradient"]["error"] == pytest.approx(found["path"]["error"][0])
    assert entry["gradient"]["random"]["worst"]["error"] == pytest.approx(max(found["ball"]["error"]))
    again = trained.ok("eval", DATA, *args, "--json", "--threads", "1")
    assert again.text == result.text


def test_several_coresets_in_one_table_and_one_picture(trained, craig):
    craig.ok("select", DATA, "--size", "50", "--algorithm", "random", "-q", "-o", "r.parquet")
    args = (DATA, "--coreset", trained.folder / "c.parquet", "--coreset", "r.parquet", "--path-epochs", "2")
    result = craig.ok("eval", *args, "--points", "0", "--random-subsets", "1")
    assert [line.split()[1] for line in result.text.splitlines()[1:]] == ["300", "50"]
    assert "logistic loss" in result.stderr


def test_a_bound_broken_along_the_path_fails_loudly(trained, craig):
    coreset = read_coreset(trained.folder / "c.parquet")
    write_coreset(craig.folder / "broken", replace(coreset, epsilon=coreset.epsilon * 1e-9))
    result = craig("eval", DATA, "--coreset", "broken", "--path-epochs", "1", "-q")
    assert result.status == 1
    assert "the coreset's bound is broken at epoch 0 of the path" in result.error
    assert result.stdout == b""
