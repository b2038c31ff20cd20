"""What is asked of a training: one ``TrainingPlan``, checked when it is made."""

from __future__ import annotations

import math
from dataclasses import dataclass

from craig_cli.errors import UsageError
from craig_cli.registry import DEFAULT_L2, LOSSES, OPTIMIZERS, ORDERS, PRECONDITIONS, SCALES, TASKS, TUNERS, load
from craig_cli.scaling import Scaling

DEFAULT_TOL = 1e-8
PATIENCE = 5
# name -> (low, whether it may be that)
_RANGES = {
    "step": (0, False),
    "decay": (0, False),
    "epochs": (1, True),
    "l2": (0, True),
    "radius": (0, False),
    "batch_size": (1, True),
    "tol": (0, True),
    "patience": (1, True),
    "refine": (0, True),
    "seed": (0, True),
    "threads": (1, True),
}


@dataclass(frozen=True)
class TrainingPlan:
    """Everything that is asked of a training, besides the data.

    loss          name in the registry; "auto": logistic for two classes, multinomial for more, squared for numbers
    task          whether the labels are classes or numbers; "auto" as they look (``dataset.has_classes``)
    step, decay   a0 and b (or tau) of schedules.py; None: chosen from the data
    epochs        passes over the rows; None: ``loop.default_epochs``
    order         of the rows in an epoch; "greedy" is that of their ranks in a coreset
    resample      in (0, 1]: an epoch goes over this share of the rows, drawn anew for each, of weight n / r
    scale         scaling of the columns in whose units the penalty and the radius are measured
    precondition  coordinates the optimizer works in (coordinates.py): same objective, better condition;
                  "none" is equation 20 to the letter
    radius        B of equation 18
    tol           stop when the gradient norm, in the optimizer's coordinates, is at most ``tol`` times that
                  of the zero model; 0 runs all epochs
    patience      epochs without a better loss on validation data after which to stop
    refine        rounds of training on with the gradient of the rows, a coreset, corrected by that of all the data
                  they were selected from (refine.py)
    tune          None, "grid" or "halving": choose step and decay (tuning.py)

    Raises UsageError for options that are wrong or do not go together.
    """

    loss: str = "auto"
    task: str = "auto"
    optimizer: str = "sgd"
    schedule: str = "auto"
    step: float | None = None
    decay: float | None = None
    epochs: int | None = None
    l2: float = DEFAULT_L2
    order: str = "shuffle"
    resample: float | None = None
    intercept: bool = True
    scale: str | Scaling = "none"
    precondition: str = "auto"
    radius: float | None = None
    batch_size: int = 1
    momentum: float = 0.9
    tol: float = DEFAULT_TOL
    patience: int = PATIENCE
    refine: int = 0
    tune: str | None = None
    seed: int = 0
    threads: int | None = None

    def __post_init__(self) -> None:
        _check_names(self)
        _check_numbers(self)
        _check_together(self)


def _check_names(plan: TrainingPlan) -> None:
    choices = {
        "loss": ("auto", *LOSSES),
        "task": TASKS,
        "optimizer": tuple(OPTIMIZERS),
        "order": ORDERS,
        "precondition": PRECONDITIONS,
        "tune": (None, *TUNERS),
    }
    if isinstance(plan.scale, str):
        choices["scale"] = SCALES
    for name, allowed in choices.items():
        if getattr(plan, name) not in allowed:
            listed = ", ".join(str(value) for value in allowed)
            raise UsageError(f"--{name}: expected one of {listed}, found {getattr(plan, name)!r}")


def _check_numbers(plan: TrainingPlan) -> None:
    for name, (low, closed) in _RANGES.items():
        value = getattr(plan, name)
        if value is not None and not (math.isfinite(value) and (value >= low if closed else value > low)):
            range_text = f"{'at least' if closed else 'greater than'} {low}"
            flag = name.replace("_", "-")
            raise UsageError(f"--{flag}: expected a number {range_text}, found {value!r}")
    if not 0 <= plan.momentum < 1:
        raise UsageError(f"--momentum: expected a number from 0 to below 1, found {plan.momentum!r}")


def _check_together(plan: TrainingPlan) -> None:
    method = load(OPTIMIZERS, plan.optimizer)
    if plan.resample is not None:
        if not 0 < plan.resample <= 1:
            raise UsageError(f"--resample: expected a number above 0 and at most 1, found {plan.resample!r}")
        if plan.order != "shuffle":
            raise UsageError(f"--resample: draws the rows of each epoch, found --order {plan.order} too")
        if method.remembers:
            raise UsageError(
                f"--resample: has no meaning for {plan.optimizer}, which remembers the gradients of all rows"
            )
    given = "auto" not in (plan.loss, plan.task)
    if given and load(LOSSES, plan.loss).is_regression != (plan.task == "regression"):
        raise UsageError(f"--task: the {plan.loss} loss is not for {plan.task}")
    if plan.refine and plan.resample is not None:
        raise UsageError("--refine: needs rows that stay the same, found --resample")
    if plan.batch_size > 1 and not method.batches:
        raise UsageError(f"--batch-size: has no meaning for {plan.optimizer}, which steps row by row")
