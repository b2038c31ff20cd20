"""Selecting at a model that is not there yet: a rough model of all rows, then the real selection at it.

The stages of ``craig select``, ``craig train`` and ``craig select --at`` in one call, for when the stages are of no
interest by themselves. Calibrated at a pilot, the optimum of the coreset is the pilot itself, as far as its weights can
match the gradient; so it is the pilot that has to be good (rough_model.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from craig_cli import jit
from craig_cli.artifacts.coreset import Coreset
from craig_cli.artifacts.model import Model
from craig_cli.dataset import Dataset
from craig_cli.guided.provenance import facts_at
from craig_cli.guided.rough_model import rough_model
from craig_cli.selection.limits import check_memory
from craig_cli.selection.plan import Plan
from craig_cli.selection.select import Progress, select_dataset
from craig_cli.selection.weights.weigh import TRUSTED
from craig_cli.training.labels import guess_loss

PICKS_A_PARAMETER = 2  # with fewer picks, a pilot is not followed where it is FAR above the optimum,
FAR = 0.05  # of its objective, or where calibrating leaves more than is TRUSTED


def select_with_pilot(
    dataset: Dataset, plan: Plan, *, progress: Progress | None = None, note: Callable[[str], None] | None = None
) -> tuple[Coreset, Model]:
    """(coreset, the pilot): ``select_dataset(..., influence=...)`` at a model of the data's own.

    The loss, l2 and rounds of ``plan`` are the pilot's; what it leaves open is strata with calibrated weights. The
    coreset's metadata says under "at" how many rounds there were: 0 where the model has too many parameters for so few
    picks, and they went by their features.

    Raises as ``select_dataset`` and ``encode_labels`` do.
    """
    loss, target = plan.loss or guess_loss(dataset.labels, dataset.task(plan.task)), plan.budget(dataset)
    check_memory(dataset, None, plan.memory_limit)
    jit.set_threads(plan.threads)
    pilot = rough_model(
        dataset,
        loss,
        plan.l2,
        picks=target,
        rounds=plan.rounds,
        vectors=True,
        per_class=plan.per_class,
        scale=plan.scale,
        seed=plan.seed,
        note=note,
    )
    found, number = pilot.found, pilot.rounds
    plan = replace(
        plan,
        fraction=None,
        size=target,
        loss=loss,
        algorithm="strata" if plan.algorithm == "auto" else plan.algorithm,
        weights=plan.weights or "calibrated",
    )
    if plan.exemplar is None and plan.method.greedy:
        plan = replace(plan, exemplar="medoid")
    few = PICKS_A_PARAMETER * found.dimension > target
    coreset = None
    if not (few and found.decrement > FAR * found.objective):
        coreset = select_dataset(
            dataset, plan, influence=found.vectors, gradients=found.gradients, progress=progress, note=note
        )
    followed = coreset is not None
    if coreset is None or (few and coreset.metadata.get("calibration", {"left": 0.0})["left"] > TRUSTED):
        # So few picks cannot determine the model, wherever they are, and the pilot misleads.
        if note is not None:
            note(f"too many parameters for {target:,} picks: selecting by features, not at the pilot")
        number, followed = 0, False
        coreset = select_dataset(dataset, replace(plan, weights="count"), progress=progress, note=note)
    model = pilot.design.model(pilot.coef, plan.l2)
    facts = {"pilot": number, "l2": plan.l2, "dimension": found.dimension, "decrement": found.decrement}
    facts |= facts_at(coreset, dataset, model, found) if followed else {}
    return replace(coreset, metadata=coreset.metadata | {"at": facts}), model
