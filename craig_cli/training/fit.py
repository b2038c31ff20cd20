"""Fit a linear model to weighted rows by incremental gradient: problem (1) of the paper with weights,

    minimise  (1/n) sum_j gamma_j phi(y_j, <w, x_j> + b) + l2/2 ||w||^2        n = sum gamma_j

over ||w|| <= B where a radius is given. All rows with gamma = 1 is plain training; a coreset's rows with its
weights is the method of the paper. Same data, options and seed give the same bytes, at any number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from craig_cli.artifacts.model import Model
from craig_cli.dataset import Dataset
from craig_cli.errors import DataError, UsageError
from craig_cli.registry import DEFAULT_L2, LOSSES, OPTIMIZERS, ORDERS, PRECONDITIONS, SCALES, TUNERS, load
from craig_cli.scaling import Scaling
from craig_cli.training.loop import prepare, train
from craig_cli.training.refine import check_refinable
from craig_cli.training.refine import refine as refine_rounds

DEFAULT_TOL = 1e-8
PATIENCE = 5


@dataclass(frozen=True)
class Fit:
    """A trained model, its history (artifacts/history.py; its epoch 0 is the start) and notes for people.

    ``kept`` is the line of the history that speaks of the model: the last one, unless an earlier model was better.
    """

    model: Model
    history: list[dict]
    kept: dict
    notes: list[str] = field(default_factory=list)


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
    resample: float | None = None,
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
    monitor: Sequence[Dataset] = (),
    patience: int = PATIENCE,
    refine: int = 0,
    all_rows: Dataset | None = None,
    tune: str | None = None,
    seed: int = 0,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    follow: Callable[[np.ndarray, np.ndarray], None] | None = None,
) -> Fit:
    """Train on ``dataset`` with ``weights`` gamma (r,), by default its multiplicities, or 1.

    loss          name in the registry; "auto": two distinct labels logistic, 3 to 20 whole numbers
                  multinomial, else squared
    step, decay   a0 and b (or tau) of schedules.py; None: chosen from the data
    epochs        passes over the rows; None: ``default_epochs``
    rank          (r,) place of each row in the greedy order of its coreset, for order="greedy"
    resample      in (0, 1]: an epoch goes over this share of the rows, drawn anew for each, of weight n / r
    scale         scaling of the columns in whose units the penalty and the radius are measured
    precondition  coordinates the optimizer works in (coordinates.py): same objective, better condition;
                  "none" is equation 20 to the letter
    radius        B of equation 18
    tol           stop when the gradient norm, in the optimizer's coordinates, is at most ``tol`` times that
                  of the zero model; 0 runs all epochs
    validation    stop when its loss has not improved for ``patience`` epochs, and keep the best epoch's model
    monitor       data sets on which the model is measured after each epoch, for the history only (monitor.py)
    refine        rounds of training on with the gradient of ``dataset``, a coreset, corrected by that of ``all_rows``,
                  the data it was selected from (refine.py)
    tune          None, "grid" or "halving": choose step and decay (tuning.py)
    progress      called as progress(epochs done, epochs in all) after each epoch
    follow        called as follow(coef (k, d), intercept (k,)), in raw units, at the start and after each epoch;
                  not in rounds of refinement

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
        resample=resample,
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
        monitor=monitor,
        patience=patience,
        seed=seed,
        threads=threads,
    )
    if refine:
        check_refinable(setup)
    tries = []
    if tune is not None:
        from craig_cli.training.tuning import choose_step

        step, decay, tries = choose_step(setup, tune, schedule, step, decay)
    seen = None if follow is None else lambda coef: follow(*setup.problem.to_model(coef))
    share = progress
    if refine and progress is not None:

        def share(done: int, total: int) -> None:
            progress(done, total * (1 + refine))

    result = train(setup, schedule, step, decay, progress=share, follow=seen)
    if refine:
        result = refine_rounds(setup, all_rows, result, refine, schedule, step, decay, progress)
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
    if refine:
        settings["refine"] = refine
    if resample is not None:
        settings["resample"] = resample
    model = Model(
        loss=setup.loss,
        classes=setup.problem.classes,
        coef=coef[0] if single else coef,
        intercept=float(constant[0]) if single else constant,
        l2=l2,
        optimizer=settings,
    )
    if tries:
        result.history[0]["tries"] = tries
    return Fit(model, result.history, result.kept, result.notes)


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
        ("refine", 0, True),
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
    method = load(OPTIMIZERS, options["optimizer"])
    if options["resample"] is not None:
        if not 0 < options["resample"] <= 1:
            raise UsageError(f"--resample: expected a number above 0 and at most 1, found {options['resample']!r}")
        if options["order"] != "shuffle":
            raise UsageError(f"--resample: draws the rows of each epoch, found --order {options['order']} too")
        if method.remembers:
            raise UsageError(
                f"--resample: has no meaning for {options['optimizer']}, which remembers the gradients of all rows"
            )
    if options["refine"]:
        if options["all_rows"] is None:
            raise UsageError("--refine: needs a coreset, and all the rows it was selected from")
        if options["validation"] is not None:
            raise UsageError("--refine: keeps what is best on all rows, found --validation too")
        if options["resample"] is not None:
            raise UsageError("--refine: needs rows that stay the same, found --resample")
    if options["batch_size"] > 1 and not method.batches:
        raise UsageError(f"--batch-size: has no meaning for {options['optimizer']}, which steps row by row")
    if options["nesterov"] and options["optimizer"] != "momentum":
        raise UsageError("--nesterov: needs --optimizer momentum")
