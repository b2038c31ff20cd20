"""One training run: the set-up that several runs on the same rows share, and the loop over the epochs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from craig_cli.amounts import per_cent
from craig_cli.artifacts.model import Model
from craig_cli.dataset import Dataset
from craig_cli.errors import DataError, UsageError
from craig_cli.jit import available_threads
from craig_cli.registry import LOSSES, OPTIMIZERS, load
from craig_cli.scaling import fit_scaling
from craig_cli.training.labels import guess_loss
from craig_cli.training.limits import check_squares
from craig_cli.training.monitor import Monitor, build_monitor
from craig_cli.training.objective import evaluate
from craig_cli.training.optimizers import Optimizer
from craig_cli.training.orders import Visits, arrange, block_of, draw_epoch, epoch_order, plan_visits
from craig_cli.training.plan import TrainingPlan
from craig_cli.training.problem import Problem, build_problem
from craig_cli.training.schedules import steps_of

LEAST_EPOCHS, LEAST_EPOCHS_UNROTATED = 20, 30
FAR_FROM_DONE = 0.03  # of the gradient's norm at the zero model, at the end: a note says so
AT_THE_BALL = 0.99  # of the radius: a longer w is held back by it
LEAST_VISITS, MOST_EPOCHS = 1_000_000, 1000


@dataclass(frozen=True)
class Setup:
    """All that several trainings on the same rows share."""

    loss: str
    problem: Problem
    visits: Visits
    optimizer: Optimizer
    options: dict
    start: np.ndarray
    order: str
    epochs: int
    seed: int
    threads: int
    tol: float
    patience: int
    seconds: float
    validation: Problem | None
    monitors: tuple[Monitor, ...] = ()
    resample: float | None = None
    warm: bool = False
    scale: str = "none"

    @property
    def epoch_visits(self) -> int:
        """Visits to rows in an epoch."""
        share = 1.0 if self.resample is None else self.resample
        return max(1, round(share * len(self.visits)))

    def auto_steps(self) -> tuple[float, float]:
        """(first, last) alpha that the optimizer asks for on this data."""
        batch = self.options["batch_size"]
        return self.optimizer.auto_steps(self.problem, self.visits, batch, self.epochs * self.epoch_visits / batch)


def default_epochs(n_rows: int, kind: str = "full") -> int:
    """20 in coordinates of ``kind`` full, else 30; or what makes a million visits to rows, at most 1000.

    Small data needs more passes and has the time.
    """
    least = LEAST_EPOCHS if kind == "full" else LEAST_EPOCHS_UNROTATED
    return min(MOST_EPOCHS, max(least, math.ceil(LEAST_VISITS / n_rows)))


def prepare(
    dataset: Dataset,
    weights: np.ndarray | None,
    plan: TrainingPlan,
    *,
    rank: np.ndarray | None = None,
    init: Model | None = None,
    validation: Dataset | None = None,
    monitor: Sequence[Dataset] = (),
) -> Setup:
    """The rows in the optimizer's coordinates, and what else does not depend on the step."""
    threads = plan.threads or available_threads()
    dataset, gamma, rank = _weighted(dataset, weights, rank)
    loss = guess_loss(dataset.labels, dataset.task(plan.task)) if plan.loss == "auto" else plan.loss
    the_loss = load(LOSSES, loss)
    check_squares(dataset, plan.scale, the_loss.is_regression)

    def build(rows: Dataset, weights: np.ndarray, arrangement: np.ndarray | None) -> Problem:
        scaling = plan.scale
        if isinstance(scaling, str):
            scaling = fit_scaling(scaling, rows.features, weights, dataset.column_text)
        return build_problem(
            rows, weights, the_loss, plan.l2, plan.intercept, scaling, plan.precondition, threads, arrangement
        )

    warm = _two_rows(dataset.labels)
    build(dataset.take(warm), gamma[warm], None)  # so that the clock below does not count compilation
    began = time.perf_counter()
    problem = build(dataset, gamma, arrange(plan.order, len(gamma), rank, np.random.default_rng(plan.seed)))
    method = load(OPTIMIZERS, plan.optimizer)
    # "none" asks for the paper's own steps, one a row.
    split = problem.coordinates.kind != "none"
    visits = plan_visits(problem.gamma, problem.curvature, split)
    seconds = time.perf_counter() - began
    rows_an_epoch = problem.n_rows if plan.resample is None else math.ceil(plan.resample * problem.n_rows)
    start = np.zeros((problem.n_outputs, problem.n_columns))
    if init is not None:
        start = _warm_start(problem, init, loss, dataset)
    return Setup(
        loss=loss,
        problem=problem,
        visits=visits,
        optimizer=method,
        options={
            "batch_size": plan.batch_size,
            "momentum": plan.momentum,
            "radius": (plan.radius or 0.0) / problem.label_scale,
            "threads": threads,
        },
        start=start,
        order=plan.order,
        epochs=plan.epochs or default_epochs(rows_an_epoch, problem.coordinates.kind),
        seed=plan.seed,
        threads=threads,
        tol=plan.tol,
        patience=plan.patience,
        seconds=seconds,
        validation=None if validation is None else problem.on(validation),
        monitors=tuple(build_monitor(problem, rows, threads) for rows in monitor),
        resample=plan.resample,
        warm=init is not None,
        scale=plan.scale if isinstance(plan.scale, str) else plan.scale.name,
    )


@dataclass(frozen=True)
class Result:
    """coef (k, columns) in the optimizer's coordinates, the history, and the schedule that was in force.

    ``kept`` is the line of the history that measured ``coef``.
    """

    coef: np.ndarray
    history: list[dict]
    kept: dict
    notes: list[str]
    first_step: float
    decay: float | None


class _Watch:
    """Measures coef (k, columns), which goes on changing, and keeps what was the best on validation data."""

    def __init__(self, setup: Setup, coef: np.ndarray, seconds: float, follow: Callable[[np.ndarray], None] | None):
        self._setup, self._coef, self._follow = setup, coef, follow
        self.seconds, self.evaluations = seconds, 0
        self.history: list[dict] = []
        self.best: dict = {}  # the line of the history that measured best_coef
        self.best_coef = coef
        self.norm = math.inf

    def measure(self, epoch: int, alpha: float | None) -> None:
        """Add a line to the history. Raises DataError for an objective that diverges."""
        setup, problem, coef = self._setup, self._setup.problem, self._coef
        objective, gradient = evaluate(problem, coef, setup.threads)
        line = {
            "epoch": epoch,
            "seconds": round(self.seconds, 6),
            "gradient_evaluations": self.evaluations,
            "objective": objective * problem.label_scale**2,
            "gradient_norm": problem.gradient_norm(gradient),
            "step": alpha,
        }
        if setup.validation is not None:
            loss, _ = evaluate(setup.validation, coef, setup.threads)
            line["validation_loss"] = loss * problem.label_scale**2
        if setup.monitors:
            line["monitor"] = [monitor.measure(coef, setup.threads) for monitor in setup.monitors]
        if self._follow is not None:
            self._follow(coef)
        self.norm = float(np.linalg.norm(gradient))
        if epoch > 0 and not (math.isfinite(line["objective"]) and math.isfinite(self.norm)):
            worst = line["objective"]
            raise DataError(f"the objective became {worst:g} in epoch {epoch} at step {alpha:g}; lower --step")
        self.history.append(line)
        if epoch == 0 or (setup.validation is not None and line["validation_loss"] < self.best["validation_loss"]):
            self.best, self.best_coef = line, coef.copy()

    def is_stale(self) -> bool:
        """True where the loss of the validation data has not improved for too long."""
        waited = self.history[-1]["epoch"] - self.best["epoch"]
        return self._setup.validation is not None and waited >= self._setup.patience

    def outcome(self) -> tuple[np.ndarray, dict, list[str]]:
        """(coef, its line of the history, notes)."""
        if self._setup.validation is not None:
            return (
                self.best_coef,
                self.best,
                [f"the model is that of epoch {self.best['epoch']}, the best on the validation data"],
            )
        first, last = self.history[0]["objective"], self.history[-1]["objective"]
        rose = last > first * (1 + 1e-9)
        notes = [f"the objective rose from {first:.6g} to {last:.6g}; lower --step"] if rose else []
        start, end = self.history[0]["gradient_norm"], self.history[-1]["gradient_norm"]
        if not rose and self.history[0]["epoch"] == 0 and not self._setup.warm and end > FAR_FROM_DONE * start:
            notes.append(self._far_in_words(end / start))
        return self._coef, self.history[-1], notes

    def _far_in_words(self, left: float) -> str:
        """What it means that ``left`` of the norm of the gradient is there at the end."""
        setup, norm = self._setup, float(np.sqrt(self._setup.problem.ball @ (self._coef**2).sum(axis=0)))
        text = f"the gradient still has {per_cent(left)} of the norm it began with, "
        if setup.options["radius"] > 0.0 and norm >= AT_THE_BALL * setup.options["radius"]:
            return text + "as the radius holds the model back: without it the objective would go on falling"
        text += "so this is no optimum: "
        if setup.scale == "none":
            text += "more --epochs, another --step, or --scale standard for columns of very different ranges"
        else:
            text += "more --epochs, or another --step"
        if load(LOSSES, setup.loss).has_unit:
            text += f"; to the {setup.loss} loss a residual of 1 is large: divide the labels by what is"
        return text


def train(
    setup: Setup,
    schedule: str,
    step: float | None,
    decay: float | None,
    *,
    epochs: int | None = None,
    measured: bool = True,
    progress: Callable[[int, int], None] | None = None,
    follow: Callable[[np.ndarray], None] | None = None,
) -> Result:
    """Run the optimizer of ``setup`` with one schedule. Raises DataError for an objective that diverges.

    measured  False: only the start and the end have a line in the history, where nothing depends on those between
    follow    called with coef (k, columns), which goes on changing, at the start and after each epoch
    """
    problem, visits, method = setup.problem, setup.visits, setup.optimizer
    first, last = setup.auto_steps()
    step = first if step is None else step
    # The schedule is laid out for all the epochs, of which ``epochs`` may be only the first.
    steps, decay = steps_of(schedule, step, decay, setup.epochs, last)
    rng = np.random.default_rng([setup.seed, 1])  # not the numbers that arranged the rows
    block = block_of(problem.data.nbytes)
    # The first start and run compile, or load, what the clock must not count.
    method.run(problem, visits, method.start(problem, visits, setup.start.copy(), setup.options), visits.rows[:0], step)
    began = time.perf_counter()
    state = method.start(problem, visits, setup.start.copy(), setup.options)
    coef = state.coef
    watch = _Watch(setup, coef, setup.seconds + time.perf_counter() - began, follow)
    enough = setup.tol * np.linalg.norm(evaluate(problem, np.zeros_like(coef), setup.threads)[1])
    watch.measure(0, None)
    measured = measured or setup.tol > 0.0 or setup.validation is not None
    epochs = min(epochs or len(steps), len(steps))
    for epoch, alpha in enumerate(steps[:epochs], start=1):
        if watch.norm <= enough:
            break
        began = time.perf_counter()
        if setup.resample is None:
            rows = epoch_order(setup.order, visits, rng, block)
        else:
            rows = draw_epoch(visits, setup.epoch_visits, rng)
        watch.evaluations += method.run(problem, visits, state, rows, alpha)
        watch.seconds += time.perf_counter() - began
        if measured or epoch == epochs or not np.isfinite(coef).all():
            watch.measure(epoch, alpha)
        if progress is not None:
            progress(epoch, len(steps))
        if watch.is_stale():
            break
    coef, kept, notes = watch.outcome()
    return Result(coef, watch.history, kept, notes, step, decay)


def _weighted(dataset: Dataset, weights, rank) -> tuple[Dataset, np.ndarray, np.ndarray | None]:
    """The rows with a weight above 0, their weights, and their indices among those that stay."""
    if weights is None:
        weights = dataset.counts
    gamma = np.ascontiguousarray(weights, dtype=np.float64)
    if gamma.shape != (dataset.n_rows,):
        raise UsageError(f"weights: expected {dataset.n_rows} numbers, found shape {gamma.shape}")
    if not np.isfinite(gamma).all() or (gamma < 0).any():
        raise DataError("weights: expected finite numbers of 0 or more, found another")
    kept = np.flatnonzero(gamma > 0)
    if len(kept) == 0:
        raise DataError("weights: expected a positive one, found all zero")
    if len(kept) < len(gamma):
        dataset, gamma = dataset.take(kept), gamma[kept]
        rank = None if rank is None else np.asarray(rank)[kept]
    if rank is not None:
        rank = np.argsort(np.argsort(rank, kind="stable"), kind="stable")
    return dataset, gamma, rank


def _two_rows(labels: np.ndarray) -> np.ndarray:
    """One row and one with another label."""
    others = np.flatnonzero(labels != labels[0])
    return np.array([0, others[0] if len(others) else 0])


def _warm_start(problem: Problem, init: Model, loss: str, dataset: Dataset) -> np.ndarray:
    if init.loss != loss or init.classes != problem.classes:
        raise DataError(f"--init: expected a {loss} model of the same classes, found a {init.loss} model of others")
    if init.n_features > dataset.n_features:
        raise DataError(f"--init: expected {dataset.n_features} features, found a model of {init.n_features}")
    coef = np.zeros((problem.n_outputs, dataset.n_features))
    coef[:, : init.n_features] = init.coef
    return problem.from_model(coef, np.atleast_1d(np.asarray(init.intercept, dtype=np.float64)))
