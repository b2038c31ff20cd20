"""Options that have no effect beside others: a note for each, and none where they have one."""

from __future__ import annotations

import importlib

import pytest

from craig_cli.cli import COMMANDS
from craig_cli.cli.ignored import RULES
from tests.conftest import SAMPLE

BINARY = SAMPLE / "binary.libsvm"
SMALL = "small.libsvm"


@pytest.fixture
def small(craig):
    (craig.folder / SMALL).write_text("".join(f"{row % 2} 1:{row} 2:{row * row % 7}\n" for row in range(60)))
    return craig


def ignored(result) -> list[str]:
    """The options that the notes name."""
    return sorted(line.split()[0] for line in result.stderr.splitlines() if " has no effect: " in line)


def test_the_table_names_parameters_that_there_are():
    for name, rules in RULES.items():
        module, _, attribute = COMMANDS[name].partition(":")
        there = {each.name for each in getattr(importlib.import_module(module), attribute).params}
        assert {rule.parameter for rule in rules} <= there


@pytest.mark.parametrize(
    "asked, expected",
    [
        (
            "--algorithm random --for linear --delta .2 --block-size 9 --swaps 1 --rounds 3 --l2 .1",
            ["--block-size", "--delta", "--for", "--l2", "--rounds", "--swaps"],
        ),
        ("--for distance --rounds 3 --l2 .1 --swaps 1 --block-size 9", ["--l2", "--rounds"]),
        ("--for distance --algorithm stochastic --delta .2 --block-size 9", ["--block-size"]),
        ("--for linear --no-per-class --rounds 3", ["--for", "--rounds"]),
        ("--for linear --rounds 3 --l2 .1 --swaps 1", ["--swaps"]),
        ("--for any --rounds 3 --l2 .1 --swaps 1 --block-size 9", []),
        ("--weights equal --block-size 9", ["--block-size"]),
        ("--algorithm random", []),
    ],
)
def test_of_select(small, asked, expected):
    result = small.ok("select", SMALL, "--size", "12", *asked.split(), "-o", "c", "--json")
    assert ignored(result) == expected
    assert ignored(small.ok("select", SMALL, "--size", "12", *asked.split(), "-o", "c", "-q")) == []


@pytest.mark.parametrize(
    "asked, why",
    [
        ("--metric cosine", "rows are selected at a model; --for distance goes by it"),
        ("--metric cosine --for linear", "rows are selected at a model; --for distance goes by it"),
        ("--metric cosine --algorithm random", "rows are drawn at random"),
        ("--metric cosine --for distance", None),
        ("--metric cosine --no-per-class", None),
        ("--for linear", None),
    ],
)
def test_of_a_metric_that_measures_epsilon_alone(small, asked, why):
    result = small.ok("select", SMALL, "--size", "12", *asked.split(), "-o", "c")
    said = [line for line in result.stderr.splitlines() if line.startswith("--metric ")]
    assert said == ([] if why is None else [f"--metric is for epsilon alone: {why}"])


def test_of_select_at_a_model_and_at_gradients(small):
    small.ok("train", SMALL, "--epochs", "2", "-o", "m", "-q")
    at = small.ok("select", SMALL, "--size", "12", "--at", "m", "--l2", ".1", "--rounds", "2", "-o", "c")
    assert ignored(at) == ["--l2", "--rounds"]
    (small.folder / "g.csv").write_text("g,h\n" + "".join(f"{row % 7},{row % 5}\n" for row in range(60)))
    by_gradients = ("select", "g.csv", "--gradients", "--size", "12", "--delta", ".2", "-o", "c")
    assert ignored(small.ok(*by_gradients)) == ["--delta"]


@pytest.mark.parametrize(
    "asked, expected",
    [
        ("--momentum .5 --schedule constant --decay .5 --patience 3", ["--decay", "--momentum", "--patience"]),
        (f"--optimizer nesterov --momentum .5 --decay .5 --patience 3 --validation {SMALL}", []),
    ],
)
def test_of_train(small, asked, expected):
    assert ignored(small.ok("train", SMALL, "--epochs", "2", *asked.split(), "-o", "m")) == expected


def test_of_eval_and_export(trained, tmp_path):
    measured = ("eval", "full.json", BINARY, "--coreset", "c.parquet", "--radius", "3")
    assert ignored(trained.ok(*measured)) == ["--radius"]
    assert ignored(trained.ok(*measured, "--points", "1")) == []
    export = ("--normalize", "sum", "--task", "classification", "-o", tmp_path / "out")
    assert ignored(trained.ok("export", "full.json", "--to", "liblinear", *export)) == ["--normalize", "--task"]
    assert ignored(trained.ok("export", BINARY, "--to", "vw", *export)) == []


def test_of_columns_that_a_coreset_was_selected_by(craig):
    data = (SAMPLE / "people.csv", "--label", "paid", "--algorithm", "random", "--size", "60", "-q")
    craig.ok("select", *data, "--exclude", "since", "-o", "c")
    train = ("train", SAMPLE / "people.csv", "--label", "paid", "--coreset", "c", "--epochs", "1", "-o", "m")
    assert ignored(craig.ok(*train, "--exclude", "since")) == []
    assert ignored(craig.ok(*train, "--exclude", "since,age")) == ["--exclude"]
    assert ignored(craig.ok(*train, "--features", "age")) == ["--features"]
    assert ignored(craig.ok(*train, "--numeric-only")) == ["--numeric-only"]
