"""Training on some of the rows instead of all: ways of choosing them beside each other, on data of one's own.

Some rows are held out before anything else, by their classes and the same every time. From the others every way chooses
so many, a trainer makes a model of them, and the model gets a number on the rows held out, the lower the better: the
mean loss of a linear model at its optimum, or whatever the user's own trainer prints. All is paired: a seed draws the
same rows of a way whatever it is compared with, and all models are judged by the same rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from craig_cli.artifacts.coreset import Coreset
from craig_cli.artifacts.model import Model
from craig_cli.dataset import Dataset, class_values, has_classes
from craig_cli.errors import DataError
from craig_cli.evaluation.metrics import evaluate
from craig_cli.evaluation.pointwise import encode_targets, losses
from craig_cli.evaluation.reference import Objective
from craig_cli.evaluation.residual import residual
from craig_cli.guided.policy import select_for
from craig_cli.guided.samples import draw_random
from craig_cli.registry import RECIPES
from craig_cli.scaling import scaling_for
from craig_cli.selection.plan import Plan
from craig_cli.training.design import build_design
from craig_cli.training.labels import guess_loss
from craig_cli.training.newton import newton

HELD_OUT = 0.2  # of the rows of each class
LEAST_ROWS = 10
RANDOM, ALL = "random", "all rows"


@dataclass(frozen=True)
class Judged:
    """What a trainer says of a model: score, the lower the better; seconds, without those of judging where they can be
    told apart; values to show; losses (m,) of the rows held out, or None where they are not known.
    """

    score: float
    seconds: float
    values: dict = field(default_factory=dict)
    losses: np.ndarray | None = None


@dataclass(frozen=True)
class Run:
    """One training on ``size`` rows that ``way`` chose with ``seed``, in so many seconds, None if not known."""

    way: str
    size: int
    seed: int
    judged: Judged
    select_seconds: float | None


@dataclass(frozen=True)
class Way:
    """A way of choosing rows: ``choose(size, seed)`` gives (rows (r,) int64 of the training data, weights (r,)).

    fixed  it is the same for every seed; known: it was there before, so that there is no time it takes
    """

    name: str
    choose: Callable[[int, int], tuple[np.ndarray, np.ndarray]]
    fixed: bool = False
    known: bool = False


# Called with (rows (r,) int64 of the training data, weights (r,), way, seed).
Trainer = Callable[[np.ndarray, np.ndarray, str, int], Judged]


def held_out(dataset: Dataset, task: str = "auto") -> tuple[np.ndarray, np.ndarray]:
    """(rows to train on, rows held out), int64, both ascending: HELD_OUT of each class, but never its last row.

    Raises DataError for fewer than LEAST_ROWS rows.
    """
    if dataset.n_rows < LEAST_ROWS:
        raise DataError(f"{dataset.name}: expected at least {LEAST_ROWS} rows to compare on, found {dataset.n_rows}")
    generator = np.random.default_rng(0)  # whatever the seed is: all that is ever compared is judged by these
    classes = has_classes(dataset.labels, dataset.task(task))
    codes = class_values(dataset.labels)[1] if classes else np.zeros(dataset.n_rows, dtype=np.int64)
    order = generator.permutation(dataset.n_rows)
    order = order[np.argsort(codes[order], kind="stable")]
    counts = np.bincount(codes)
    place = np.arange(dataset.n_rows) - np.repeat(np.cumsum(counts) - counts, counts)
    out = place < np.repeat(np.minimum(np.rint(HELD_OUT * counts), counts - 1), counts)
    return np.sort(order[~out]), np.sort(order[out])


class Linear:
    """This project's linear model, at its optimum on the rows, judged by its mean loss on the rows held out.

    Its penalty is in the units of ``scale`` of all training rows. Of each model also the ``residual`` on those, what
    their objective is above its optimum.
    """

    def __init__(self, train: Dataset, test: Dataset, *, loss: str | None, l2: float, scale: str, task: str) -> None:
        """Raises DataError for labels that the loss does not take, and for a test set of none of their classes."""
        loss = loss or guess_loss(train.labels, train.task(task))
        self.design = build_design(train, loss, l2, scale=scale)
        classes = self.design.classes
        self.objective = Objective(loss, classes, train.n_features, l2, scale, True)
        self.scaling = scaling_for(train, scale)
        # The labels are numbers here, and only compared with each other.
        train, test = replace(train, encoding=None), replace(test, encoding=None)
        self.train = train
        known = np.isin(test.labels, classes) if classes else np.ones(test.n_rows, dtype=bool)
        if not known.any():
            raise DataError(f"{test.name}: expected rows of the classes of {train.name}, found none")
        self.unknown = int((~known).sum())  # of classes that no training row has: errors of every model alike
        self.test = test.take(np.flatnonzero(known)).with_features(train.n_features, train.name)
        self.best: Model | None = None

    def fit(self, rows: np.ndarray, weights: np.ndarray) -> Model:
        """The model that is optimal on the ``rows`` (r,) int64 of the training data with ``weights`` (r,)."""
        start = np.zeros((self.design.n_outputs, self.design.width))
        return self.design.model(newton(self.design.take(rows, weights), start).coef, self.objective.l2)

    def __call__(self, rows: np.ndarray, weights: np.ndarray, way: str, seed: int) -> Judged:
        began = time.perf_counter()
        model = self.fit(rows, weights)
        seconds = time.perf_counter() - began
        self.best = model if self.best is None else self.best  # all rows come first
        test = self.test
        measured = evaluate(model, test)
        values = {key: measured[key] for key in ("error_rate", "rmse", "auc") if measured.get(key) is not None}
        if way != ALL:
            values["residual"] = residual(model, self.best, self.train, self.scaling).residual
        each = losses(model, model.decision(test.features), encode_targets(model, test, "the model"))
        return Judged(measured["loss"], seconds, values, each * (test.counts / test.counts.mean()))


def recipe(dataset: Dataset, purpose: str, asked: dict) -> Way:
    """The way to choose rows that a recipe is (``random``: random rows of each class); ``asked`` as a Plan takes it."""

    def choose(size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        plan = Plan(size=size, seed=seed, **asked)
        if purpose == RANDOM:  # without a bound, which would take longer than to draw them
            numbers = plan.is_regression or not has_classes(dataset.labels, dataset.task(plan.task))
            return draw_random(dataset, size, loss="squared" if numbers else None, seed=seed)
        plan = replace(plan, purpose=purpose)
        coreset = select_for(dataset, plan)
        return coreset.index, coreset.weight

    # Medoids with counts: nothing in them is random.
    fixed = purpose != RANDOM and RECIPES[purpose].exemplar == "medoid" and RECIPES[purpose].weights == "count"
    return Way(purpose, choose, fixed)


def stored(name: str, coreset: Coreset) -> Way:
    """The sizes that a coreset has."""

    def choose(size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        one = coreset.at_size(size, name)
        return one.index, one.weight

    return Way(name, choose, fixed=True, known=True)


def warm_up(dataset: Dataset, ways: Callable[[Dataset], list[Way]], sizes: list[int], trainer: Trainer) -> None:
    """Load, or compile, what the ways and this project's trainer need, on a part of the data: not to be measured."""
    rows, weights = recipe(dataset, RANDOM, {}).choose(sizes[-1], 0)
    part = replace(dataset.take(rows), rows=None)
    for way in ways(part):
        way.choose(sizes[0], 0)
    if isinstance(trainer, Linear):
        trainer.fit(rows, weights)


def train_all(dataset: Dataset, trainer: Trainer, seeds: Iterable[int]) -> list[Run]:
    """A run for each seed on all rows; a single one where the second gives the number of the first."""
    runs: list[Run] = []
    for seed in seeds:
        judged = trainer(np.arange(dataset.n_rows), dataset.counts, ALL, seed)
        runs.append(Run(ALL, dataset.n_rows, seed, judged, None))
        if isinstance(trainer, Linear) or (len(runs) == 2 and runs[0].judged.score == runs[1].judged.score):
            return runs[:1]
    return runs


def train_on(
    way: Way,
    size: int,
    trainer: Trainer,
    seeds: Iterable[int],
    repeatable: bool,
    tick: Callable[[], None] = lambda: None,
) -> list[Run]:
    """A run for each seed on ``size`` rows that ``way`` chooses.

    repeatable  the trainer gives the same rows the same number, so a fixed way needs one run only
    tick        called before each run
    """
    runs: list[Run] = []
    chosen, select_seconds = None, None
    for seed in seeds:
        tick()
        if runs and way.fixed and repeatable:
            runs.append(replace(runs[0], seed=seed))
            continue
        if chosen is None or not way.fixed:
            began = time.perf_counter()
            chosen = way.choose(size, seed)
            select_seconds = None if way.known else time.perf_counter() - began
        runs.append(Run(way.name, size, seed, trainer(*chosen, way.name, seed), select_seconds))
    return runs
