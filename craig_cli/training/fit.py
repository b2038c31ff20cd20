"""Fit a linear model to weighted rows by incremental gradient: problem (1) of the paper with weights,

    minimise  (1/n) sum_j gamma_j phi(y_j, <w, x_j> + b) + l2/2 ||w||^2        n = sum gamma_j

over ||w|| <= B where a radius is given. All rows with gamma = 1 is plain training; a coreset's rows with its
weights is the method of the paper. Same data, options and seed give the same bytes, at any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from craig_cli.artifacts.model import Model
from craig_cli.dataset import Dataset
from craig_cli.errors import DataError, UsageError
from craig_cli.scaling import Scaling, uneven_ranges
from craig_cli.training.loop import Result, Setup, prepare, train
from craig_cli.training.plan import TrainingPlan
from craig_cli.training.refine import check_refinable
from craig_cli.training.refine import refine as refine_rounds


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
    rank: np.ndarray | None = None,
    init: Model | None = None,
    validation: Dataset | None = None,
    monitor: Sequence[Dataset] = (),
    all_rows: Dataset | None = None,
    progress: Callable[[int, int], None] | None = None,
    follow: Callable[[np.ndarray, np.ndarray], None] | None = None,
    **asked,
) -> Fit:
    """Train on ``dataset`` with ``weights`` gamma (r,), by default its multiplicities, or 1.

    rank          (r,) place of each row in the greedy order of its coreset, for order="greedy"
    init          a model to start from
    validation    stop when its loss has not improved for ``patience`` epochs, and keep the best epoch's model
    monitor       data sets on which the model is measured after each epoch, for the history only (monitor.py)
    all_rows      the data that ``dataset``, a coreset, was selected from, to refine on
    progress      called as progress(epochs done, epochs in all) after each epoch
    follow        called as follow(coef (k, d), intercept (k,)), in raw units, at the start and after each epoch;
                  not in rounds of refinement
    asked         what a ``TrainingPlan`` takes: loss, optimizer, epochs, l2, scale, ...

    Raises UsageError for options that are wrong or do not go together, DataError for labels the loss does not
    take and for an objective that diverges.
    """
    plan = TrainingPlan(**asked)
    if plan.order == "greedy" and rank is None:
        raise UsageError("--order greedy: needs a coreset, whose ranks are that order")
    if plan.refine and all_rows is None:
        raise UsageError("--refine: needs a coreset, and all the rows it was selected from")
    if plan.refine and validation is not None:
        raise UsageError("--refine: keeps what is best on all rows, found --validation too")
    setup = prepare(dataset, weights, plan, rank=rank, init=init, validation=validation, monitor=monitor)
    tries: list[dict] = []
    if plan.refine:
        check_refinable(setup)
    step, decay = plan.step, plan.decay
    if plan.tune is not None:
        from craig_cli.training.tuning import choose_step

        step, decay, tries = choose_step(setup, plan.tune, plan.schedule, step, decay)
    seen = None if follow is None else lambda coef: follow(*setup.problem.to_model(coef))
    share = None if progress is None else lambda done, total: progress(done, total * (1 + plan.refine))
    result = train(setup, plan.schedule, step, decay, progress=share, follow=seen)
    if plan.refine:
        assert all_rows is not None
        result = refine_rounds(setup, all_rows, result, plan.refine, plan.schedule, step, decay, progress)
    if tries:
        result.history[0]["tries"] = tries
    return Fit(_model(dataset, plan, setup, result), result.history, result.kept, result.notes)


def notes_ahead(dataset: Dataset, scale: str | Scaling, l2: float) -> list[str]:
    """What there is to say to people before ``fit`` with this ``scale`` and ``l2``."""
    if scale != "none" or l2 == 0.0:
        return []
    return uneven_ranges(dataset, "the penalty holds the narrow ones back")


def _model(dataset: Dataset, plan: TrainingPlan, setup: Setup, result: Result) -> Model:
    coef, constant = setup.problem.to_model(result.coef)
    if not (np.isfinite(coef).all() and np.isfinite(constant).all()):
        raise DataError(f"{dataset.name}: the model has no finite coefficients; lower --step or use --scale")
    single = setup.problem.n_outputs == 1
    settings = {
        "name": plan.optimizer,
        "schedule": plan.schedule,
        "step": result.first_step,
        "decay": result.decay,
        "epochs": result.history[-1]["epoch"],
        "order": plan.order,
        "batch_size": plan.batch_size,
        **{name: setup.options[name] for name, _ in setup.optimizer.options},
        "scale": plan.scale if isinstance(plan.scale, str) else plan.scale.name,
        "precondition": setup.problem.coordinates.kind,
        "intercept": plan.intercept,
        "radius": plan.radius,
        "seed": plan.seed,
    }
    if plan.refine:
        settings["refine"] = plan.refine
    if plan.resample is not None:
        settings["resample"] = plan.resample
    return Model(
        loss=setup.loss,
        classes=setup.problem.classes,
        coef=coef[0] if single else coef,
        intercept=float(constant[0]) if single else constant,
        l2=plan.l2,
        optimizer=settings,
    )
