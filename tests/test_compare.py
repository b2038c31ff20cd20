"""``craig eval --compare``: rows held out, ways paired by seeds, and what is said of it."""

from __future__ import annotations

import json
import os
import sys

import numpy as np
import pytest

from craig_cli.dataset import from_arrays
from craig_cli.errors import DataError
from craig_cli.evaluation import compare
from craig_cli.evaluation.compare import ALL, RANDOM, Judged, Linear, Run, held_out, train_all
from craig_cli.evaluation.reference import Objective, measure
from craig_cli.evaluation.verdict import judge, paired, sentences
from tests.conftest import SAMPLE

DATA = SAMPLE / "binary.libsvm"
TEST = SAMPLE / "binary.test.libsvm"
N = 1000


def runs(way: str, size: int, scores, losses=None, select: float | None = 1.0, train: float = 0.5) -> list[Run]:
    losses = [None] * len(scores) if losses is None else losses
    return [
        Run(way, size, seed, Judged(s, train, {}, each), select) for seed, (s, each) in enumerate(zip(scores, losses))
    ]


def whole(score: float = 1.0, train: float = 2.0) -> list[Run]:
    return runs(ALL, N, [score], select=None, train=train)


# --- rows held out ------------------------------------------------------------------------------------------


def test_a_fifth_of_each_class_is_held_out_and_never_all_of_it():
    rng = np.random.default_rng(0)
    labels = np.array([0.0] * 600 + [1.0] * 100 + [2.0])
    dataset = from_arrays(rng.standard_normal((701, 2)), labels)
    train, test = held_out(dataset)
    assert sorted([*train, *test]) == list(range(701))
    assert np.bincount(labels[test].astype(int), minlength=3).tolist() == [120, 20, 0]
    again = held_out(dataset)
    np.testing.assert_array_equal(test, again[1])
    numbers = from_arrays(dataset.features, rng.standard_normal(701))
    assert len(held_out(numbers)[1]) == 140
    with pytest.raises(DataError, match="at least 10 rows"):
        held_out(dataset.take(np.arange(9)))


# --- noise --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ours, theirs, beyond",
    [
        ([1.0, 1.1, 0.9], [2.0, 9.0, 3.0], True),  # apart, though the interval is wide
        ([1.0, 1.1, 2.5], [2.0, 9.0, 3.0], False),
        ([1.0, 1.1], [2.0, 9.0], False),  # two seeds that are apart say little
        ([1.0, 1.1], [2.0, 2.1], True),  # the difference is the same in both
        ([1.0, 1.0, 1.0], [1.0, 1.0, 1.0], False),
        ([1.0, 1.1, 1.2, 1.3], [1.1, 1.2, 1.3, 1.41], True),  # paired: they overlap, but each is lower
    ],
)
def test_seeds_tell_a_difference_from_noise(ours, theirs, beyond):
    difference, rows, found = paired(runs("any", 10, ours), runs(RANDOM, 10, theirs))
    assert difference == pytest.approx(np.mean(ours) - np.mean(theirs))
    assert (rows, found) == (None, beyond)


def test_rows_held_out_tell_a_difference_from_noise():
    rng = np.random.default_rng(0)
    base = rng.exponential(size=400)
    for gap, beyond in ((0.5, True), (0.01, False)):
        better = base - gap + 0.5 * rng.standard_normal(400)
        scores = [float(better.mean())] * 3, [float(base.mean())] * 3
        _, noise, found = paired(runs("any", 10, scores[0], [better] * 3), runs(RANDOM, 10, scores[1], [base] * 3))
        assert found == beyond
        assert noise == pytest.approx(1.96 * (better - base).std() / 20)


# --- what is said -------------------------------------------------------------------------------------------


def said(*found: list[Run], within: float = 0.01, score: float = 1.0, train: float = 2.0) -> tuple:
    verdict = judge(whole(score, train), found, within)
    return verdict, " ".join(sentences(verdict, N, within, "score"))


def test_the_fewest_rows_that_are_near_enough():
    verdict, words = said(
        runs(RANDOM, 10, [2.0, 2.1, 2.2]), runs("any", 10, [1.5, 1.5, 1.5]),
        runs(RANDOM, 50, [1.1, 1.2, 1.15]), runs("any", 50, [1.005, 1.004, 1.009]),
        runs(RANDOM, 100, [1.009, 1.009, 0.999]), runs("any", 100, [1.0, 1.0, 1.0]),
    )  # fmt: skip
    assert (verdict.enough.way, verdict.enough.size) == ("any", 50)
    assert "5 % of the rows (50) are enough: chosen by any" in words
    assert "random rows need 10 %" in words
    assert "Better than random rows: any at 1 %, 5 %" in words
    assert "selecting those by any 1 s: it pays from the first training on" in words
    assert [line.against for line in verdict.lines] == [None, -1, None, -1, None, 0]


def test_one_lucky_size_is_not_enough():
    verdict, words = said(
        runs(RANDOM, 10, [2.0, 2.1, 2.2]), runs("any", 10, [0.99, 0.99, 0.99]),
        runs(RANDOM, 50, [1.1, 1.2, 1.15]), runs("any", 50, [1.5, 1.5, 1.4]),
    )  # fmt: skip
    assert verdict.enough is None
    assert "None of these sizes is enough: 1 % of the rows, chosen by any, come nearest" in words
    assert "Worse than random rows: any at 5 %" in words


def test_random_rows_that_will_do_need_no_selection():
    verdict, words = said(runs(RANDOM, 10, [1.001, 1.0, 1.002]), runs("any", 10, [1.0, 1.0, 1.0]))
    assert verdict.enough.way == RANDOM
    assert "nothing has to be selected" in words
    assert "Nothing here differs from random rows by more than the noise" in words
    assert "selecting" not in words


@pytest.mark.parametrize(
    "train, select, expected",
    [(0.4, 1.0, "it never pays"), (0.75, 1.0, "it pays after 4 trainings"), (2.0, 1.0, "from the first training")],
)
def test_what_selection_costs(train, select, expected):
    found = runs(RANDOM, 10, [2.0, 2.1]), runs("any", 10, [1.0, 1.0], select=select)
    assert expected in said(*found, train=train)[1]


def test_one_seed_says_nothing_of_noise():
    verdict, words = said(runs(RANDOM, 10, [2.0]), runs("any", 10, [1.0]))
    assert verdict.lines[1].against is None
    assert "With one seed there is no telling" in words


def test_scores_below_zero_have_a_limit_too():
    verdict, _ = said(runs(RANDOM, 10, [-0.5, -0.6]), runs("any", 10, [-0.895, -0.896]), score=-0.9)
    assert verdict.limit == pytest.approx(-0.891)
    assert verdict.enough.way == "any"


# --- the linear model ---------------------------------------------------------------------------------------


def test_the_linear_model_is_the_optimum_on_all_rows():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((300, 3)) * [1.0, 10.0, 0.1]
    dataset = from_arrays(rows, np.where(rows @ [1.0, 0.1, 5.0] + rng.logistic(size=300) > 0, 2.0, 1.0))
    trainer = Linear(dataset, dataset, loss=None, l2=1e-3, scale="standard", task="auto")
    (run,) = train_all(dataset, trainer, [0, 1, 2])
    found = measure(trainer.best, Objective.of(trainer.best), dataset)
    assert found.gradient_norm <= found.limit
    assert run.judged.score == pytest.approx(found.loss) == run.judged.losses.mean()
    half = trainer(np.arange(0, 300, 2), np.full(150, 2.0), "half", 0)
    assert half.values["residual"] > 0


def test_rows_of_unknown_classes_are_left_out():
    rows, labels = np.arange(20.0)[:, None], np.tile([0.0, 1.0], 10)
    trainer = Linear(
        from_arrays(rows, labels), from_arrays(rows[:4], [0, 1, 7, 7]), loss=None, l2=0.1, scale="none", task="auto"
    )  # fmt: skip
    assert (trainer.unknown, trainer.test.n_rows) == (2, 2)


# --- the command --------------------------------------------------------------------------------------------


def compared(craig, *args) -> dict:
    return json.loads(craig.ok("eval", "--compare", "--json", *args).text)["compare"]


def test_compare_says_how_many_rows_are_enough(craig):
    found = compared(craig, DATA, "--sizes", "5%,10%", "--seeds", "2")
    assert (found["rows"], found["test_rows"], found["seeds"]) == (2400, 600, [0, 1])
    lines = {(line["way"], line["size"]): line for line in found["lines"]}
    assert lines.keys() == {(way, size) for way in ("random", "any", "linear", "distance") for size in (120, 240)}
    for line in lines.values():
        assert len(line["scores"]) == 2
        assert line["values"]["residual"] > 0
        assert line["select_seconds"] > 0
    assert lines["linear", 240]["values"]["residual"] < 0.1 * lines["random", 240]["values"]["residual"]
    assert lines["distance", 240]["scores"][0] == lines["distance", 240]["scores"][1]
    assert lines["random", 240]["scores"][0] != lines["random", 240]["scores"][1]
    assert found["enough"]["way"] != "random"
    assert len(found["in_words"]) >= 3


def test_compare_of_a_coreset_with_its_sizes(craig):
    craig.ok("select", DATA, "--sizes", "5%,10%", "--for", "linear", "-q", "-o", "c.parquet")
    args = ("eval", DATA, "--compare", "--coreset", "c.parquet", "--test", TEST, "--plot", "p.svg")
    result = craig.ok(*args)
    lines = result.text.splitlines()
    assert lines[0].split()[:7] == ["rows", "of", "all", "chosen", "by", "loss", "above"]
    assert [line.split()[0] for line in lines[1:6]] == ["3000", "150", "150", "300", "300"]
    assert "c.parquet at 5 %, 10 %" in result.text
    assert "3,000 rows of binary.libsvm to train on, judged by 1,000" in result.stderr
    pytest.importorskip("matplotlib")
    assert (craig.folder / "p.svg").read_bytes().startswith(b"<?xml")


def test_a_size_that_a_coreset_lacks_is_refused_before_any_training(craig, monkeypatch):
    craig.ok("select", DATA, "--size", "150", "--algorithm", "random", "-q", "-o", "c.parquet")
    monkeypatch.setattr(compare, "warm_up", None)
    result = craig("eval", DATA, "--compare", "--coreset", "c.parquet", "--test", TEST, "--sizes", "10%", "-q")
    assert result.status == 2
    assert "c.parquet has one size only, 150 (5 %), found 300 (10 %)" in result.error


TRAINER = """
import csv, os, sys
train, test = (list(csv.DictReader(open(os.environ[name]))) for name in ("CRAIG_TRAIN", "CRAIG_TEST"))
weights = [float(row["craig_weight"]) for row in train]
assert abs(sum(weights) / len(weights) - float(os.environ["CRAIG_MEAN_WEIGHT"])) < 1e-9 * len(train)
assert len(train) == int(os.environ["CRAIG_SIZE"])
label = os.environ["CRAIG_LABEL"]
share = sum(weight for row, weight in zip(train, weights) if row[label] == "yes") / sum(weights)
print("words")
print(abs(share - sum(row[label] == "yes" for row in test) / len(test)) + 0.001 * int(os.environ["CRAIG_SEED"]))
print()
with open("log", "a") as log:
    print(os.environ["CRAIG_WAY"], len(train), os.environ["CRAIG_SEED"], ",".join(train[0]), file=log)
"""


def test_compare_with_a_trainer_of_ones_own(craig):
    (craig.folder / "trainer.py").write_text(TRAINER)
    people = SAMPLE / "people.csv"
    args = ("--label", "paid", "--sizes", "10%", "--seeds", "2", "--seed", "5", "--for", "distance")
    found = compared(craig, people, *args, "--trainer", f"{sys.executable} trainer.py")
    ran = (craig.folder / "log").read_text().splitlines()
    assert [line.rsplit(" ", 1)[0] for line in ran] == [
        f"{way} {size} {seed}"
        for way, size in (("all rows", 1600), ("random", 160), ("distance", 160))
        for seed in (5, 6)
    ]
    assert ran[0].rsplit(" ", 1)[1] == "person,age,pay,work,town,since,paid,craig_weight"
    assert (found["score"], found["rows"]) == ("score", 1600)
    assert found["all_rows"]["scores"][1] == pytest.approx(found["all_rows"]["scores"][0] + 0.001)
    assert not [name for name in os.listdir(craig.folder) if name.endswith(".csv")]


@pytest.mark.parametrize(
    "command, expected",
    [
        ("echo first >&2; echo 'oh no' >&2; exit 3", "failed on 2400 rows (all rows, seed 0), exit status 3: oh no"),
        ("kill -9 $$", "signal 9: nothing"),
        ("echo fine", "expected a number in the last line of what it prints, found 'fine' on 2400 rows"),
        ("true", "found 'nothing' on 2400 rows"),
        ("echo nan", "expected a number"),
    ],
)
def test_a_trainer_that_fails_is_one_line(craig, command, expected):
    result = craig("eval", DATA, "--compare", "-q", "--trainer", command)
    assert result.status == 1
    assert result.error.startswith("Error: --trainer: ")
    assert expected in result.error


@pytest.mark.parametrize(
    "args, expected",
    [
        (("--compare",), "expected the data to train on"),
        ((DATA, "--seeds", "3"), "--seeds: goes with --compare"),
        ((DATA, "--for", "any"), "--for: goes with --compare"),
        ((DATA, "--compare", "--points", "3"), "--compare: --points does not go with it"),
        ((DATA, "--compare", "--reference", "auto"), "--compare: --reference does not go with it"),
        ((DATA, "--compare", "--sizes", "1"), "expected sizes from 2 to 2400"),
        ((DATA, "--compare", "--sizes", "x"), "such as 500 or 5%"),
    ],
)
def test_what_does_not_go_together_is_one_line(craig, args, expected):
    result = craig("eval", *args, "-q")
    assert result.status == 2
    assert expected in result.error
