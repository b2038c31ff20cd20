"""Classes or numbers: one rule for select, train and export, and what a user is told of it."""

import json

import numpy as np
import pytest

from craig_cli.artifacts.coreset import read_coreset
from craig_cli.dataset import from_arrays, has_classes, task_in_words
from craig_cli.errors import UsageError
from craig_cli.selection.plan import Plan


@pytest.mark.parametrize(
    ("values", "n", "classes"),
    [
        ([0.5, 1.5], 10, True),  # two of anything
        (range(3, 9), 40, True),  # few whole numbers
        (range(1, 27), 2000, True),  # letters: they count through from 1
        (range(26), 2000, True),
        (range(1, 27), 100, False),  # but not with four rows each
        ([*range(1, 28), 29], 4000, False),  # rings of a shell: one is missing
        (range(17, 91), 20000, False),  # ages
        (range(1922, 2012), 20000, False),  # years
        ([0.5, 1, 2], 100, False),
    ],
)
def test_the_rule(values, n, classes):
    labels = np.resize(np.array(list(values), dtype=float), n)
    assert has_classes(labels) is classes
    assert has_classes(labels, "classification") and not has_classes(labels, "regression")


def test_what_might_be_meant_otherwise_is_said():
    assert task_in_words(np.resize(np.arange(26.0), 2000)) == "label: 26 classes; --task regression if they are numbers"
    ages = np.resize(np.arange(17.0, 90.0), 2000)
    assert task_in_words(ages) == "label: regression, 73 values; --task classification for classes"
    assert task_in_words(ages, "regression") is None
    assert task_in_words(np.resize(np.arange(10.0), 2000)) is None


def write(path, labels):
    rng = np.random.default_rng(0)
    features = rng.standard_normal((len(labels), 3))
    rows = (
        f"{label:g} " + " ".join(f"{k + 1}:{value:.6g}" for k, value in enumerate(row))
        for label, row in zip(labels, features)
    )
    path.write_text("\n".join(rows) + "\n")


def test_select_and_train_agree(craig):
    write(craig.folder / "ages.libsvm", np.resize(np.arange(20.0, 60.0), 400))
    told = "label: regression, 40 values; --task classification for classes"
    selected = craig.ok("select", "ages.libsvm", "--size", "60", "-o", "a.coreset.parquet")
    assert told in selected.stderr
    coreset = read_coreset(craig.folder / "a.coreset.parquet")
    assert coreset.metadata["loss"] == "squared"
    assert told in craig.ok("train", "ages.libsvm", "--epochs", "2", "-o", "a.json").stderr
    assert json.loads((craig.folder / "a.json").read_text())["loss"] == "squared"
    craig.ok(
        "select", "ages.libsvm", "--size", "60", "--task", "classification", "--weights", "count", "-o", "c.parquet"
    )
    assert len(read_coreset(craig.folder / "c.parquet").metadata["classes"]) == 40
    # What select took them for holds for the rows it selected, which train alone would take for numbers too.
    craig.ok("train", "ages.libsvm", "--coreset", "c.parquet", "--epochs", "2", "-o", "c.json")
    assert json.loads((craig.folder / "c.json").read_text())["loss"] == "multinomial"


def test_a_task_that_contradicts_the_loss(craig):
    write(craig.folder / "two.libsvm", np.resize([0.0, 1.0], 40))
    for command in (("select", "--size", "4"), ("train",)):
        result = craig(command[0], "two.libsvm", *command[1:], "--loss", "logistic", "--task", "regression")
        assert result.status == 2
        assert "the logistic loss is not for regression" in result.error
    with pytest.raises(UsageError, match="task: expected one of auto"):
        Plan(size=2, task="ranking")


def test_the_plan_of_numbers_has_no_classes():
    from craig_cli.selection.plan import resolve

    features = np.random.default_rng(1).standard_normal((200, 2))
    notes = []
    plan, parts = resolve(Plan(size=20), from_arrays(features, features[:, 0]), note=notes.append)
    assert plan.loss == "squared" and parts[0][0] is None and len(parts) == 1
    assert any(line.startswith("label: regression, as") for line in notes)
