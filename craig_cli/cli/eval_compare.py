"""The part of ``craig eval`` that compares training on chosen rows with training on all: ``--compare``."""

from __future__ import annotations

import functools
import itertools
import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import click

from craig_cli.cli import options
from craig_cli.cli.options import Integer, Number, Share, note
from craig_cli.cli.tables import Part, table
from craig_cli.registry import DEFAULT_L2, RECIPES

SIZES = ("1%", "5%", "10%")
SEEDS = 3
WITHIN = 0.01

_OPTIONS = {
    "compare": click.option(
        "--compare",
        is_flag=True,
        help="Without models: train on rows of DATA chosen in several ways and on all of it, and say how many are "
        "enough. A fifth of the rows is held out first, to judge by, or --test is.",
    ),
    "sizes": click.option(
        "--sizes",
        type=options.Amounts(),
        metavar="K|P%,...",
        show_default="1%,5%,10%; those of --coreset",
        help="With --compare: how many rows, or what share of those to train on.",
    ),
    "seeds": click.option(
        "--seeds",
        type=Integer(1),
        metavar="N",
        show_default=f"{SEEDS}",
        help="With --compare: trainings of each way and size, with seeds from --seed on.",
    ),
    "purposes": click.option(
        "--for",
        "purposes",
        type=click.Choice(list(RECIPES)),
        multiple=True,
        show_default="all; all but linear with --trainer, none with --coreset",
        help="With --compare: ways of craig select to choose rows, beside random rows; repeat it. distance is the "
        "paper's construction.",
    ),
    "test": click.option("--test", type=click.Path(), metavar="FILE", help="With --compare: judge by these rows."),
    "trainer": click.option(
        "--trainer",
        metavar="COMMAND",
        show_default="craig's linear model, at its optimum",
        help="With --compare: a shell command that trains on the CSV file $CRAIG_TRAIN, with weights in craig_weight, "
        "judges by $CRAIG_TEST, and prints a number last, the lower the better.",
    ),
    "within": click.option(
        "--within",
        type=Share(0),
        metavar="X|P%",
        show_default=f"{WITHIN}",
        help="With --compare: rows are enough where their number is at most this share above that of all rows.",
    ),
    "scale": click.option(
        "--scale",
        type=click.Choice(options.SCALES),
        show_default="none",
        help="With --compare: scaling of the features, to choose rows and for the linear model's penalty.",
    ),
    "l2": click.option(
        "--l2", type=Number(0), metavar="L", show_default=f"{DEFAULT_L2:g}", help="With --compare: the penalty."
    ),
    "task": click.option(
        "--task",
        type=click.Choice(options.TASKS),
        show_default="auto",
        help="With --compare: whether the labels are classes or numbers.",
    ),
}


def compare_options(command: Callable) -> Callable:
    """What goes with ``--compare``: the command gets ``compare``, a dict of it, or None without ``--compare``."""

    @functools.wraps(command)
    def collect(*args, **params):
        options = {name: params.pop(name) for name in _OPTIONS}
        given = [name for name, value in options.items() if value not in (None, (), False) and name != "compare"]
        if not options.pop("compare"):
            if given:
                raise click.UsageError(f"--{'for' if given[0] == 'purposes' else given[0]}: goes with --compare")
            return command(*args, compare=None, **params)
        return command(*args, compare=options, **params)

    for option in reversed(_OPTIONS.values()):
        collect = option(collect)
    return collect


def run(asked: dict, dataset, test, coresets: dict, reading: dict, loss, seed: int, threads, form) -> Part:
    """The comparison on ``dataset``, judged by ``test`` where there is one.

    asked  what ``compare_options`` collected; coresets: name -> Coreset of ``dataset``, whose sizes are compared
    """
    import numpy as np

    from craig_cli.evaluation import compare as lib
    from craig_cli.evaluation.verdict import judge, sentences

    rows, kept = np.arange(dataset.n_rows), np.arange(dataset.n_rows)
    test_rows = None
    if test is not None:
        test_rows = np.arange(test.n_rows)
    elif coresets:
        note("judged by the rows that the coreset was selected from; --test FILE would judge by others")
        test, test_rows = dataset, rows
    else:
        kept, test_rows = lib.held_out(dataset, asked["task"] or "auto")
        test = dataset.take(test_rows)
    # Rows are counted from here on as those of the training data.
    train = dataset if len(kept) == dataset.n_rows else replace(dataset.take(kept), rows=None, sources=())
    if asked["scale"] in (None, "none"):
        options.note_uneven_ranges(train, "the widest decide the distance")
    seeds = range(seed, seed + (asked["seeds"] or SEEDS))
    shared: dict[str, Any] = {"scale": asked["scale"] or "none", "task": asked["task"] or "auto"}
    shared |= {"loss": loss, "l2": DEFAULT_L2 if asked["l2"] is None else asked["l2"]}
    trainer: lib.Trainer
    with ExitStack() as stack:
        if asked["trainer"] is None:
            linear = trainer = lib.Linear(train, test, **shared)
            if linear.unknown:
                note(f"{test.name}: {linear.unknown} row(s) of classes that no training row has are left out")
        else:
            from craig_cli.cli.eval_trainer import Command

            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="craig-"))
            trainer = Command(asked["trainer"], train, test, kept, test_rows, reading["label"], folder)
        recipes = functools.partial(_recipes, asked, bool(coresets), shared | {"threads": threads})
        sizes = _sizes(asked, train, coresets)
        there = [lib.stored(os.path.basename(name), each) for name, each in coresets.items()]
        for way, size in itertools.product(there, sizes):  # a size that one lacks is refused before any training
            way.choose(size, 0)
        ways = recipes(train) + there
        whole, runs = _trained(train, trainer, ways, recipes, sizes, seeds)
    within = WITHIN if asked["within"] is None else asked["within"]
    verdict = judge(whole, runs, within)
    score = "loss" if asked["trainer"] is None else "score"
    said = sentences(verdict, train.n_rows, within, score)
    values = _values(verdict, train.n_rows, test.n_rows, score, within, list(seeds), said)
    picture = None
    if form is not None:
        from craig_cli.evaluation.plots import plot_sizes

        picture = plot_sizes(verdict, train.n_rows, score, form)
    head = f"{train.n_rows:,} rows of {dataset.name} to train on, judged by {test.n_rows:,}"
    text = _table(verdict, train.n_rows, score) + "\n\n" + "\n".join(said)
    return Part({"compare": values}, text, [head], picture)


def _recipes(asked: dict, coresets: bool, shared: dict, train) -> list:
    """Random rows, and what ``--for`` names; without, all that suits the trainer, beside ``coresets`` nothing."""
    from craig_cli.evaluation import compare as lib

    purposes = list(dict.fromkeys(asked["purposes"]))
    if not purposes and not coresets:
        purposes = [name for name, recipe in RECIPES.items() if not (recipe.always and asked["trainer"] is not None)]
    return [lib.recipe(train, name, shared) for name in (lib.RANDOM, *purposes)]


def _sizes(asked: dict, train, coresets: dict) -> list[int]:
    """Ascending numbers of rows; those of which each class cannot have one are left out, with a note."""
    import numpy as np

    from craig_cli.amounts import amount_of, in_words, rows_of
    from craig_cli.dataset import has_classes
    from craig_cli.errors import DataError

    n_rows = train.n_rows
    if asked["sizes"] is None and coresets:
        common = [{*map(len, coreset.sizes), len(coreset)} for coreset in coresets.values()]
        sizes = sorted(set.intersection(*common))
        if not sizes:
            raise DataError("--coreset: expected coresets of a size in common, found none; select them with --sizes")
    else:
        sizes = sorted({rows_of(amount_of(each), n_rows) for each in asked["sizes"] or SIZES})
    classes = len(np.unique(train.labels)) if has_classes(train.labels, train.task(asked["task"] or "auto")) else 1
    usable = [size for size in sizes if classes <= size <= n_rows]
    for size in sizes:
        if size not in usable:
            expected = f"the {classes} classes" if size < classes else f"the {n_rows:,} rows to train on"
            note(f"size {in_words(size, n_rows)} is left out: {'fewer' if size < classes else 'more'} than {expected}")
    if not usable:
        raise click.UsageError(f"--sizes: expected sizes from {classes} to {n_rows}, found none")
    return usable


def _trained(train, trainer, ways, recipes, sizes, seeds) -> tuple[list, list]:
    """(the runs on all rows, lists of the runs of each size and way)."""
    from craig_cli.compiling import Ahead
    from craig_cli.evaluation import compare as lib

    with Ahead(None, note) as ahead:
        ahead.needs("select any dense partition")
        lib.warm_up(train, recipes, sizes, trainer)
    with options.progress_bar("compare", "training") as progress:
        total, done = (len(sizes) * len(ways) + 1) * len(seeds), itertools.count(len(seeds))

        def tick() -> None:
            if progress is not None:
                progress(next(done), total)

        whole = lib.train_all(train, trainer, seeds)
        repeatable = isinstance(trainer, lib.Linear) or len(whole) < len(seeds)
        runs = [lib.train_on(way, size, trainer, seeds, repeatable, tick) for size in sizes for way in ways]
    return whole, runs


def _table(verdict, n_rows: int, score: str) -> str:
    from craig_cli.evaluation.compare import ALL
    from craig_cli.evaluation.verdict import share

    whole, lines = verdict.whole, [verdict.whole, *verdict.lines]
    words = {-1: "better", 0: "within noise", 1: "worse", None: None}
    base = abs(whole.score)
    return table(
        [
            ("rows", [line.size for line in lines]),
            ("of all", [share(line.size, n_rows) for line in lines]),
            ("chosen by", ["-" if line.way == ALL else line.way for line in lines]),
            (score, [line.score for line in lines]),
            ("above all", [None, *(_percent(line.score - whole.score, base) for line in lines[1:])]),
            ("error rate", [line.values.get("error_rate") for line in lines]),
            ("RMSE", [line.values.get("rmse") for line in lines]),
            ("above optimum", [line.values.get("residual") for line in lines]),
            ("than random", [words[line.against] for line in lines]),
            ("select s", [None if line.select_seconds is None else f"{line.select_seconds:.3g}" for line in lines]),
            ("train s", [f"{line.train_seconds:.3g}" for line in lines]),
        ]
    )


def _percent(gap: float, base: float) -> str | None:
    if not base > 0.0:
        return None
    share = round(100.0 * gap / base, 4)
    return f"{share:+.0f} %" if abs(share) >= 10.0 else f"{share:+.2g} %"


def _values(verdict, n_rows: int, n_test: int, score: str, within: float, seeds: list, said: list[str]) -> dict:
    """What --json has of it."""
    from dataclasses import asdict

    enough = verdict.enough
    return {
        "rows": n_rows,
        "test_rows": n_test,
        "score": score,
        "seeds": seeds,
        "within": within,
        "all_rows": {key: value for key, value in asdict(verdict.whole).items() if key not in ("against", "noise")},
        "lines": [asdict(line) for line in verdict.lines],
        "enough": None if enough is None else {"way": enough.way, "size": enough.size},
        "in_words": said,
    }
