"""Fit a linear model to weighted rows by incremental gradient: problem (1) of the paper with weights,

    minimise  (1/n) sum_j gamma_j phi(y_j, <w, x_j> + b) + l2/2 ||w||^2        n = sum gamma_j

over ||w|| <= B where a radius is given. All rows with gamma = 1 is plain training; a coreset's rows with its
weights is the method of the paper. Same data, options and seed give the same bytes, at any number of threads.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from craig_cli.artifacts.model import Model
from craig_cli.dataset import Dataset
from craig_cli.errors import DataError, UsageError
from craig_cli.registry import LOSSES, OPTIMIZERS, ORDERS, PRECONDITIONS, SCALES, TUNERS, load
from craig_cli.scaling import Scaling, fit_scaling
from craig_cli.training.losses import guess_loss
from craig_cli.training.objective import evaluate
from craig_cli.training.optimizers import Optimizer
from craig_cli.training.orders import Visits, epoch_order, plan_visits
from craig_cli.training.problem import Problem, build_problem
from craig_cli.training.schedules import steps_of

DEFAULT_L2 = 1e-5
DEFAULT_TOL = 1e-8
LEAST_EPOCHS, LEAST_VISITS, MOST_EPOCHS = 20, 1_000_000, 1000
PATIENCE = 5


@dataclass(frozen=True)
class Fit:
    """A trained model, its history (artifacts/history.py; its epoch 0 is the start) and notes for people."""

    model: Model
    history: list[dict]
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Setup:
    """All that several trainings on the same rows share."""

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

    def auto_steps(self) -> tuple[float, float]:
        """(first, last) alpha that the optimizer asks for on this data."""
        batch = self.options["batch_size"]
        return self.optimizer.auto_steps(
            self.problem, self.visits, batch, self.epochs * len(self.visits) / batch
        )


def default_epochs(n_rows: int) -> int:
    """20, or what makes a million visits to rows, at most 1000: small data needs more, and has the time."""
    return min(MOST_EPOCHS, max(LEAST_EPOCHS, math.ceil(LEAST_VISITS / n_rows)))


def fit(
    dataset: Dataset,
    weights: np.ndarray | None = None,
    *,
    loss: str = "auto",
    optimizer: str = "sgd",
    schedule: str = "auto",
    step: float | None = None,
    decay: float | None = None,
    epochs: int | None = None,
    l2: float = DEFAULT_L2,
    order: str = "shuffle",
    rank: np.ndarray | None = None,
    intercept: bool = True,
    scale: str | Scaling = "none",
    precondition: str = "auto",
    radius: float | None = None,
    batch_size: int = 1,
    momentum: float = 0.9,
    nesterov: bool = False,
    tol: float = DEFAULT_TOL,
    init: Model | None = None,
    validation: Dataset | None = None,
    patience: int = PATIENCE,
    tune: str | None = None,
    seed: int = 0,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Fit:
    """Train on ``dataset`` with ``weights`` gamma (r,), by default its multiplicities, or 1.

    loss          name in the registry; "auto": two distinct labels logistic, 3 to 20 whole numbers
                  multinomial, else squared
    step, decay   a0 and b (or tau) of schedules.py; None: chosen from the data
    epochs        passes over the rows; None: ``default_epochs``
    rank          (r,) place of each row in the greedy order of its coreset, for order="greedy"
    scale         scaling of the columns in whose units the penalty and the radius are measured
    precondition  coordinates the optimizer works in (coordinates.py): same objective, better condition;
                  "none" is equation 20 to the letter
    radius        B of equation 18
    tol           stop when the gradient norm, in the optimizer's coordinates, is at most ``tol`` times that
                  of the zero model; 0 runs all epochs
    validation    stop when its loss has not improved for ``patience`` epochs, and keep the best epoch's model
    tune          None, "grid" or "halving": choose step and decay (tuning.py)
    progress      called as progress(epochs done, epochs in all) after each epoch

    Raises UsageError for options that are wrong or do not go together, DataError for labels the loss does not
    take and for an objective that diverges.
    """
    _check_options(locals())
    setup = prepare(
        dataset,
        weights,
        loss=loss,
        optimizer=optimizer,
        epochs=epochs,
        l2=l2,
        order=order,
        rank=rank,
        intercept=intercept,
        scale=scale,
        precondition=precondition,
        radius=radius,
        batch_size=batch_size,
        momentum=momentum,
        nesterov=nesterov,
        tol=tol,
        init=init,
        validation=validation,
        patience=patience,
        seed=seed,
        threads=threads,
    )
    tries = []
    if tune is not None:
        from craig_cli.training.tuning import choose_step

        step, decay, tries = choose_step(setup, tune, schedule, step, decay)
    result = train(setup, schedule, step, decay, progress=progress)
    coef, constant = setup.problem.to_model(result.coef)
    if not (np.isfinite(coef).all() and np.isfinite(constant).all()):
        raise DataError(f"{dataset.name}: the model has no finite coefficients; lower --step or use --scale")
    single = setup.problem.n_outputs == 1
    settings = {
        "name": optimizer,
        "schedule": schedule,
        "step": result.first_step,
        "decay": result.decay,
        "epochs": result.history[-1]["epoch"],
        "order": order,
        "batch_size": batch_size,
        **{name: setup.options[name] for name, _ in setup.optimizer.options},
        "scale": scale if isinstance(scale, str) else scale.name,
        "precondition": setup.problem.coordinates.kind,
        "intercept": intercept,
        "radius": radius,
        "seed": seed,
    }
    model = Model(
        loss=loss if loss != "auto" else guess_loss(dataset.labels),
        classes=setup.problem.classes,
        coef=coef[0] if single else coef,
        intercept=float(constant[0]) if single else constant,
        l2=l2,
        optimizer=settings,
    )
    if tries:
        result.history[0]["tries"] = tries
    return Fit(model, result.history, result.notes)


def _check_options(options: dict) -> None:
    choices = {
        "loss": ("auto", *LOSSES),
        "optimizer": tuple(OPTIMIZERS),
        "order": ORDERS,
        "precondition": PRECONDITIONS,
        "tune": (None, *TUNERS),
    }
    if isinstance(options["scale"], str):
        choices["scale"] = SCALES
    for name, allowed in choices.items():
        if options[name] not in allowed:
            listed = ", ".join(str(value) for value in allowed)
            raise UsageError(f"--{name}: expected one of {listed}, found {options[name]!r}")
    for name, low, closed in (
        ("step", 0, False),
        ("decay", 0, False),
        ("epochs", 1, True),
        ("l2", 0, True),
        ("radius", 0, False),
        ("batch_size", 1, True),
        ("tol", 0, True),
        ("patience", 1, True),
        ("seed", 0, True),
        ("threads", 1, True),
    ):
        value = options[name]
        if value is not None and not (math.isfinite(value) and (value >= low if closed else value > low)):
            range_text = f"{'at least' if closed else 'greater than'} {low}"
            flag = name.replace("_", "-")
            raise UsageError(f"--{flag}: expected a number {range_text}, found {value!r}")
    if not 0 <= options["momentum"] < 1:
        raise UsageError(f"--momentum: expected a number from 0 to below 1, found {options['momentum']!r}")
    if options["order"] == "greedy" and options["rank"] is None:
        raise UsageError("--order greedy: needs a coreset, whose ranks are that order")
    if options["batch_size"] > 1 and not load(OPTIMIZERS, options["optimizer"]).batches:
        raise UsageError(f"--batch-size: has no meaning for {options['optimizer']}, which steps row by row")
    if options["nesterov"] and options["optimizer"] != "momentum":
        raise UsageError("--nesterov: needs --optimizer momentum")


def prepare(
    dataset: Dataset,
    weights: np.ndarray | None,
    *,
    loss: str,
    optimizer: str,
    epochs: int | None,
    l2: float,
    order: str,
    rank: np.ndarray | None,
    intercept: bool,
    scale: str | Scaling,
    precondition: str,
    radius: float | None,
    init: Model | None,
    tol: float,
    validation: Dataset | None,
    patience: int,
    seed: int,
    threads: int | None,
    **options,
) -> Setup:
    """The rows in the optimizer's coordinates, and what else does not depend on the step."""
    from craig_cli.jit import available_threads

    threads = threads or available_threads()
    dataset, gamma, rank = _weighted(dataset, weights, rank)
    if loss == "auto":
        loss = guess_loss(dataset.labels)
    the_loss = load(LOSSES, loss)

    def build(rows: Dataset, weights: np.ndarray) -> Problem:
        scaling = fit_scaling(scale, rows.features, weights) if isinstance(scale, str) else scale
        return build_problem(rows, weights, the_loss, l2, intercept, scaling, precondition, threads)

    warm = _two_rows(dataset.labels)
    build(dataset.take(warm), gamma[warm])  # so that the clock below does not count compilation
    began = time.perf_counter()
    problem = build(dataset, gamma)
    method = load(OPTIMIZERS, optimizer)
    # "none" asks for the paper's own steps, one a row.
    split = problem.coordinates.kind != "none"
    visits = plan_visits(problem.gamma, problem.curvature, split, rank if order == "greedy" else None)
    seconds = time.perf_counter() - began
    start = np.zeros((problem.n_outputs, problem.n_columns))
    if init is not None:
        start = _warm_start(problem, init, loss, dataset)
    return Setup(
        problem=problem,
        visits=visits,
        optimizer=method,
        options={**options, "radius": (radius or 0.0) / problem.label_scale, "threads": threads},
        start=start,
        order=order,
        epochs=epochs or default_epochs(problem.n_rows),
        seed=seed,
        threads=threads,
        tol=tol,
        patience=patience,
        seconds=seconds,
        validation=None if validation is None else problem.on(validation),
    )


@dataclass(frozen=True)
class Result:
    """coef (k, columns) in the optimizer's coordinates, the history, and the schedule that was in force."""

    coef: np.ndarray
    history: list[dict]
    notes: list[str]
    first_step: float
    decay: float | None


def train(
    setup: Setup,
    schedule: str,
    step: float | None,
    decay: float | None,
    *,
    epochs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Result:
    """Run the optimizer of ``setup`` with one schedule. Raises DataError for an objective that diverges."""
    problem, visits, method = setup.problem, setup.visits, setup.optimizer
    first, last = setup.auto_steps()
    step = first if step is None else step
    # The schedule is laid out for all the epochs, of which ``epochs`` may be only the first.
    steps, decay = steps_of(schedule, step, decay, setup.epochs, last)
    rng = np.random.default_rng(setup.seed)
    state = method.start(problem, visits, setup.start.copy(), setup.options)
    coef = state["coef"]
    method.run(
        problem, visits, state, visits.rows[:0], step
    )  # compiles, or loads, what the clock must not count

    def entry(epoch: int, alpha: float | None) -> tuple[dict, float]:
        objective, gradient = evaluate(problem, coef, setup.threads)
        found = {
            "epoch": epoch,
            "seconds": round(seconds, 6),
            "gradient_evaluations": evaluations,
            "objective": objective * problem.label_scale**2,
            "gradient_norm": problem.gradient_norm(gradient),
            "step": alpha,
        }
        if setup.validation is not None:
            loss, _ = evaluate(setup.validation, coef, setup.threads)
            found["validation_loss"] = loss * problem.label_scale**2
        return found, float(np.linalg.norm(gradient))

    seconds, evaluations = setup.seconds, 0
    enough = setup.tol * np.linalg.norm(evaluate(problem, np.zeros_like(coef), setup.threads)[1])
    found, norm = entry(0, None)
    history = [found]
    best, best_coef = history[0], coef.copy()
    for epoch, alpha in enumerate(steps[:epochs], start=1):
        if norm <= enough:
            break
        rows = epoch_order(setup.order, visits, rng)
        began = time.perf_counter()
        evaluations += method.run(problem, visits, state, rows, alpha)
        seconds += time.perf_counter() - began
        found, norm = entry(epoch, alpha)
        history.append(found)
        objective = found["objective"]
        if not (math.isfinite(objective) and math.isfinite(norm)):
            raise DataError(
                f"the objective became {objective:g} in epoch {epoch} at step {alpha:g}; lower --step"
            )
        if progress is not None:
            progress(epoch, len(steps))
        if setup.validation is not None:
            if found["validation_loss"] < best["validation_loss"]:
                best, best_coef = found, coef.copy()
            elif epoch - best["epoch"] >= setup.patience:
                break
    notes = []
    if setup.validation is not None:
        coef = best_coef
        notes.append(f"the model is that of epoch {best['epoch']}, the best on the validation data")
    elif history[-1]["objective"] > history[0]["objective"] * (1 + 1e-9):
        first, last = history[0]["objective"], history[-1]["objective"]
        notes.append(f"the objective rose from {first:.6g} to {last:.6g}; lower --step")
    return Result(coef, history, notes, step, decay)


def _weighted(dataset: Dataset, weights, rank) -> tuple[Dataset, np.ndarray, np.ndarray | None]:
    """The rows with a weight above 0, their weights, and their places among those that stay."""
    if weights is None:
        weights = np.ones(dataset.n_rows) if dataset.multiplicity is None else dataset.multiplicity
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
        raise DataError(
            f"--init: expected a {loss} model of the same classes, found a {init.loss} model of others"
        )
    if init.n_features > dataset.n_features:
        raise DataError(f"--init: expected {dataset.n_features} features, found a model of {init.n_features}")
    coef = np.zeros((problem.n_outputs, dataset.n_features))
    coef[:, : init.n_features] = init.coef
    return problem.from_model(coef, np.atleast_1d(np.asarray(init.intercept, dtype=np.float64)))
