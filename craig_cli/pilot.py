"""Selecting at a model that is not there yet: a small coreset, a rough model, then the real selection at it.

The three stages of ``craig select``, ``craig train`` and ``craig select --at`` in one call, for when the stages are of
no interest by themselves. A pilot is trained on strata of the features; each further one on strata of equal influence
at the one before, calibrated to its gradient, and with its gradient corrected by what calibrating left. So every round
is one pass over the data and a step of Newton's method with a sampled Hessian: the distance to the optimum of all rows
shrinks by a factor of about sqrt(parameters / rows of the pilot). For models of many parameters pilots are therefore
trained on more rows than are asked for in the end. Calibrated at a pilot, the optimum of the coreset is the pilot
itself, as far as its weights can match the gradient; so it is the pilot that has to be good.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from craig_cli import jit
from craig_cli.artifacts.coreset import Coreset
from craig_cli.artifacts.model import Model
from craig_cli.at_model import facts_at
from craig_cli.dataset import Dataset, class_values
from craig_cli.errors import UsageError
from craig_cli.evaluation.influence import Influence, influence_at
from craig_cli.registry import DEFAULT_L2
from craig_cli.selection.arguments import planned_size
from craig_cli.selection.draw import draw_strata
from craig_cli.selection.memory import check_memory
from craig_cli.selection.select import select_dataset
from craig_cli.training.design import Design, build_design
from craig_cli.training.losses import guess_loss
from craig_cli.training.newton import SHARPNESS, newton

ROUNDS = 4  # pilots at most
LEAST = 2000  # rows of a pilot, and ROWS_A_PARAMETER, but of no more than a quarter of the data
ROWS_A_PARAMETER = 16
ENOUGH = 0.01  # of dispersion * dimension / (2 n), by which the optimum of all rows is itself uncertain
PICKS_A_PARAMETER = 2  # with fewer picks, a pilot that is FAR above the optimum is not followed
FAR = 0.05  # of its objective
MOST_MOMENTS = 512  # class means that the rows of the first pilot are calibrated to


def select_with_pilot(
    dataset: Dataset,
    *,
    rounds: int = ROUNDS,
    l2: float = DEFAULT_L2,
    loss: str | None = None,
    fraction: float | None = None,
    size: int | None = None,
    seed: int = 0,
    threads: int | None = None,
    note: Callable[[str], None] | None = None,
    **options,
) -> tuple[Coreset, Model]:
    """(coreset, the last pilot): ``select_dataset(..., influence=...)`` at a model of the data's own.

    rounds  pilots at most; fewer where one is already about as near to the optimum of all rows as that is to the
            truth. loss and l2 are those of the pilot. The coreset's metadata says under "at" how many there were:
            0 where the model has too many parameters for so few picks, and they went by their features instead.

    Raises as ``select_dataset`` and ``encode_labels`` do.
    """
    if rounds < 1:
        raise UsageError(f"pilot rounds: expected at least 1, found {rounds}")
    loss = loss or guess_loss(dataset.labels)
    target = planned_size(dataset, fraction, size)
    design = build_design(dataset, loss, l2)
    rows = _rows_of_a_pilot(dataset, design, target)
    # Calibrated to the means of the classes where they are few enough to be matched.
    classes = 1 if loss == "squared" else len(class_values(dataset.labels)[0])
    rough = {"loss": loss, "per_class": options.get("per_class", True), "seed": seed}
    check_memory(dataset, None, options.get("memory_limit"))
    jit.set_threads(threads)
    place, weights = draw_strata(dataset, rows, calibrated=dataset.n_features * classes <= MOST_MOMENTS, **rough)
    coef = np.zeros((design.n_outputs, design.width))
    correction, tol = None, SHARPNESS * design.width / rows
    best = None
    for number in range(1, rounds + 1):
        coef = newton(design.take(place, weights), coef, tol, correction)
        found = influence_at(design, coef, seed)
        if note is not None:
            note(
                f"pilot {number}: {loss} model of {rows:,} rows, some {found.dimension:.0f} parameters, "
                f"about {found.decrement:.1g} above the optimum"
            )
        if best is not None and not found.objective < best[1].objective:
            break
        best = coef, found
        uncertain = found.dispersion * found.dimension / (2.0 * dataset.total)
        if number == rounds or found.decrement <= ENOUGH * uncertain:
            break
        place, weights = draw_strata(dataset, rows, found=found, **rough)
        correction, tol = _correction(design, found, place, weights), SHARPNESS * found.decrement
    coef, found = best
    at = {"influence": found.vectors, "gradients": found.gradients}
    if PICKS_A_PARAMETER * found.dimension > target and found.decrement > FAR * found.objective:
        # So few picks cannot determine the model, wherever they are, and the pilot misleads.
        if note is not None:
            note(f"too many parameters for {target:,} picks: selecting by features, not at the pilot")
        number, at = 0, {}
        options["weights"] = "count"
    coreset = select_dataset(dataset, size=target, note=note, loss=loss, seed=seed, threads=threads, **at, **options)
    model = design.model(coef, l2)
    facts = {"pilot": number, "l2": l2, "dimension": found.dimension, "decrement": found.decrement}
    coreset.metadata["at"] = facts | (facts_at(coreset, dataset, model, found) if at else {})
    return coreset, model


def _rows_of_a_pilot(dataset: Dataset, design: Design, target: int) -> int:
    wanted = max(LEAST, ROWS_A_PARAMETER * design.width * design.n_outputs)
    return max(min(500, dataset.n_rows), target // 2, min(wanted, dataset.n_rows // 4))


def _correction(design: Design, found: Influence, place: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The mean gradient of all rows less that of the coreset, (k, d + 1)."""
    return design.mean(found.slopes) - design.take(place, weights).mean(found.slopes[place])
