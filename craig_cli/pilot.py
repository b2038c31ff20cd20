"""Selecting at a model that is not there yet: a rough model of all rows, then the real selection at it.

The stages of ``craig select``, ``craig train`` and ``craig select --at`` in one call, for when the stages are of no
interest by themselves. Calibrated at a pilot, the optimum of the coreset is the pilot itself, as far as its weights can
match the gradient; so it is the pilot that has to be good (rough_model.py).
"""

from __future__ import annotations

from collections.abc import Callable

from craig_cli import jit
from craig_cli.artifacts.coreset import Coreset
from craig_cli.artifacts.model import Model
from craig_cli.at_model import facts_at
from craig_cli.dataset import Dataset
from craig_cli.errors import UsageError
from craig_cli.registry import DEFAULT_L2, PILOT_ROUNDS
from craig_cli.rough_model import rough_model
from craig_cli.selection.arguments import planned_size
from craig_cli.selection.memory import check_memory
from craig_cli.selection.select import select_dataset
from craig_cli.selection.weigh import TRUSTED
from craig_cli.training.losses import guess_loss

PICKS_A_PARAMETER = 2  # with fewer picks, a pilot is not followed where it is FAR above the optimum,
FAR = 0.05  # of its objective, or where calibrating leaves more than is TRUSTED


def select_with_pilot(
    dataset: Dataset,
    *,
    rounds: int = PILOT_ROUNDS,
    l2: float = DEFAULT_L2,
    loss: str | None = None,
    fraction: float | None = None,
    size: int | None = None,
    seed: int = 0,
    threads: int | None = None,
    note: Callable[[str], None] | None = None,
    **options,
) -> tuple[Coreset, Model]:
    """(coreset, the pilot): ``select_dataset(..., influence=...)`` at a model of the data's own.

    rounds  of training the pilot, at most; loss and l2 are its own. The coreset's metadata says under "at" how many
            there were: 0 where the model has too many parameters for so few picks, and they went by their features.

    Raises as ``select_dataset`` and ``encode_labels`` do.
    """
    if rounds < 1:
        raise UsageError(f"pilot rounds: expected at least 1, found {rounds}")
    loss = loss or guess_loss(dataset.labels)
    target = planned_size(dataset, fraction, size)
    check_memory(dataset, None, options.get("memory_limit"))
    jit.set_threads(threads)
    per_class = options.get("per_class", True)
    pilot = rough_model(
        dataset, loss, l2, picks=target, rounds=rounds, vectors=True, per_class=per_class, seed=seed, note=note
    )
    found, number = pilot.found, pilot.rounds
    at = {"influence": found.vectors, "gradients": found.gradients}
    given = {"size": target, "loss": loss, "seed": seed, "threads": threads, "note": note}
    few = PICKS_A_PARAMETER * found.dimension > target
    coreset = None
    if not (few and found.decrement > FAR * found.objective):
        coreset = select_dataset(dataset, **given, **at, **options)
    if coreset is None or (few and coreset.metadata.get("calibration", {"left": 0.0})["left"] > TRUSTED):
        # So few picks cannot determine the model, wherever they are, and the pilot misleads.
        if note is not None:
            note(f"too many parameters for {target:,} picks: selecting by features, not at the pilot")
        number, at = 0, {}
        coreset = select_dataset(dataset, **given, **options | {"weights": "count"})
    model = pilot.design.model(pilot.coef, l2)
    facts = {"pilot": number, "l2": l2, "dimension": found.dimension, "decrement": found.decrement}
    coreset.metadata["at"] = facts | (facts_at(coreset, dataset, model, found) if at else {})
    return coreset, model
