"""Selecting for a purpose: at a rough model of all rows where its recipe wants one, else by features alone.

The rough model (rough_model.py) says how each row pulls at a linear model. Rows are picked in the joint space of that
and of their features (selection/at_model.py), and their weights are moved as little as possible until the gradient at
the model is that of all rows (weights/calibrate.py): as far as that can be, the optimum of the coreset is that model.
What stands for a cluster is a random member of it, so that sums that nobody has thought of come out right as well. The
more of the features there is in the joint space, the more the rows serve other trainers; for linear models little is
enough, and quotas go by the influence of the classes.

Where the weights leave much of the gradient over, which takes few picks for each parameter, models are trained with
them and with plain weights, and where there are very few on rows that go by their features alone as well, and what
costs all rows least is taken. A rough model that is no good for so few picks is left before that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np

from craig_cli import jit
from craig_cli.artifacts.coreset import Coreset
from craig_cli.dataset import Dataset
from craig_cli.guided.influence import EXACT, LIFTS, SKETCH
from craig_cli.guided.provenance import facts_at
from craig_cli.guided.rough_model import RoughModel, few_picks, rough_model
from craig_cli.registry import LOSSES, RECIPES, load
from craig_cli.selection.at_model import AtModel, joint
from craig_cli.selection.classes import check_classes
from craig_cli.selection.limits import check_memory, check_needed
from craig_cli.selection.plan import Plan, algorithm_of, wants_rough_model
from craig_cli.selection.select import Progress, select_dataset
from craig_cli.selection.weights.weigh import TRUSTED
from craig_cli.training.design import Design, build_design
from craig_cli.training.labels import guess_loss
from craig_cli.training.newton import SHARPNESS, newton

SAFE = 5  # picks a parameter, with fewer of which the same by features alone are tried where weights leave much over
FAR = 0.05  # of its objective: few picks do not follow a model that is so far above the optimum


def select_for(
    dataset: Dataset, plan: Plan, *, progress: Progress | None = None, note: Callable[[str], None] | None = None
) -> Coreset:
    """``select_dataset`` as ``plan.purpose`` wants it. At a rough model the loss, l2 and rounds of ``plan`` are the
    model's, and the coreset's metadata says under "at" what it was: "pilot" is the number of its rounds.

    Raises as ``select_dataset`` and ``encode_labels`` do.
    """
    if not wants_rough_model(plan):
        return select_dataset(dataset, plan, progress=progress, note=note)
    recipe, picks = RECIPES[plan.purpose], plan.budget(dataset)
    check_memory(dataset, None, plan.memory_limit)
    if dataset.n_features >= EXACT:  # of sparse rows there may be very many
        columns = 8.0 * LIFTS * SKETCH * dataset.n_features
        what = f"{dataset.name}: a rough model of {dataset.n_features:,} columns"
        check_needed(what, columns, plan.memory_limit, "--for distance")
    jit.set_threads(plan.threads)
    loss = plan.loss or guess_loss(dataset.labels, dataset.task(plan.task))
    if not load(LOSSES, loss).is_regression:
        check_classes(dataset)
    plan = replace(plan, algorithm=algorithm_of(plan))
    rough, why = _trained(dataset, plan, loss, picks)
    if rough is None:
        tell_why(note, why)
        return select_dataset(dataset, replace(plan, weights="count"), progress=progress, note=note)
    influence, is_regression = rough.influence, load(LOSSES, loss).is_regression
    model, parameters = rough.design.model(rough.coef, plan.l2), rough.coef.size
    facts = {"model": None, "pilot": rough.rounds, "features": recipe.features, "decrement": influence.decrement}
    cost = _cost_of(dataset, plan, loss, rough.coef, influence.objective)
    del rough  # its design is as large as the data
    assert recipe.features is not None  # as of all that want a rough model
    beside = joint(dataset, influence.vectors, recipe.features, plan.scale, is_regression, recipe.power)
    at = AtModel(influence.vectors, influence.gradients, cost, beside, recipe.quotas)
    plan = replace(plan, weights=plan.weights or "fitted")
    coreset = select_dataset(dataset, plan, at=at, progress=progress, note=note)
    if plan.weights == "fitted" and is_doubtful(coreset, parameters):
        plain = select_dataset(dataset, replace(plan, weights="count"), progress=progress)
        if cost(*_chosen(plain, dataset)) < cost(*_chosen(coreset, dataset)):
            tell_why(note, cannot_follow(coreset))
            return plain
    return replace(coreset, metadata=coreset.metadata | {"at": facts | facts_at(coreset, dataset, model, influence)})


def _trained(dataset: Dataset, plan: Plan, loss: str, picks: int) -> tuple[RoughModel | None, str]:
    """(the rough model of all rows, "") or (None, why there is none to select at)."""
    try:
        rough = rough_model(
            dataset,
            loss,
            plan.l2,
            picks=picks,
            rounds=plan.rounds,
            per_class=plan.per_class,
            scale=plan.scale,
            seed=plan.seed,
        )
    except np.linalg.LinAlgError as error:
        return None, str(error)
    why = too_far(rough.design, picks, rough.influence.decrement, rough.influence.objective)
    return (None, why) if why else (rough, "")


def too_far(design: Design, picks: int, decrement: float, objective: float) -> str:
    """Why so few picks do not follow a model that is by the ``decrement`` above its optimum; empty where they do."""
    far = few_picks(design, picks) and decrement > FAR * objective
    return f"it has too many parameters for {picks:,} picks" if far else ""


def is_doubtful(coreset: Coreset, parameters: int) -> bool:
    """Whether there are few picks for each of the ``parameters``, and their weights leave much of the gradient over."""
    left = coreset.metadata.get("calibration", {"left": 1.0})["left"]  # all of it where they are counts after all
    return SAFE * parameters > len(coreset) and left > TRUSTED


def cannot_follow(coreset: Coreset) -> str:
    return f"{len(coreset):,} picks cannot follow it"


def _chosen(coreset: Coreset, dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """(positions in the data set, weights) of a coreset of it."""
    if dataset.rows is None:
        return coreset.index, coreset.weight
    order = np.argsort(dataset.rows)
    return order[np.searchsorted(dataset.rows, coreset.index, sorter=order)], coreset.weight


def tell_why(note: Callable[[str], None] | None, why: str) -> None:
    if note is not None:
        note(f"rows are selected by their features, not at a rough model: {why}")


def _cost_of(
    dataset: Dataset, plan: Plan, loss: str, start: np.ndarray, objective: float
) -> Callable[[np.ndarray, np.ndarray], float]:
    """The objective of all rows at the model that is optimal on rows (r,) int64 with weights (r,).

    start  the coefficients of the rough model, where the ``objective`` is that
    """
    design_of = cache(lambda: build_design(dataset, loss, plan.l2, scale=plan.scale))

    def cost(rows: np.ndarray, weights: np.ndarray) -> float:
        design = design_of()
        coef = newton(design.take(rows, weights), start, SHARPNESS * objective).coef
        return design.objective(coef, design.margins(coef))

    return cost
