"""Selecting at a model that is not there yet: a small coreset, a rough model, then the real selection at it.

The three stages of ``craig select``, ``craig train`` and ``craig select --at`` in one call, for when the stages are of
no interest by themselves. Each further round trains on the coreset of the round before and selects at that.
"""

from __future__ import annotations

from collections.abc import Callable

from craig_cli.artifacts.coreset import Coreset
from craig_cli.artifacts.model import Model
from craig_cli.at_model import facts_at
from craig_cli.dataset import Dataset, class_values
from craig_cli.errors import UsageError
from craig_cli.evaluation.influence import influence
from craig_cli.selection.arguments import planned_size
from craig_cli.selection.moments import MOST_MOMENTS
from craig_cli.selection.select import select_dataset
from craig_cli.training.fit import fit
from craig_cli.training.losses import guess_loss

LEAST = 500  # rows of the first pilot, where there are as many
OPTIMIZER = "saga"
PICKS_A_PARAMETER = 2  # with fewer picks than that for each parameter, a pilot is not followed


def select_with_pilot(
    dataset: Dataset,
    *,
    rounds: int = 2,
    l2: float = 1e-5,
    loss: str | None = None,
    fraction: float | None = None,
    size: int | None = None,
    seed: int = 0,
    threads: int | None = None,
    note: Callable[[str], None] | None = None,
    **options,
) -> tuple[Coreset, Model]:
    """(coreset, the last pilot): ``select_dataset(..., influence=...)`` at a model of the data's own.

    rounds  1: at a model trained on half as many rows from strata of the features; 2: and once more, at a model trained
            on that coreset; loss and l2 are those of the pilot. Where the pilot shows that the model has too many
            parameters for so few picks, rows are selected by their features. The coreset's metadata says so under
            "at". Raises as ``select_dataset`` and ``fit`` do.
    """
    if rounds < 1:
        raise UsageError(f"pilot rounds: expected at least 1, found {rounds}")
    loss = loss or guess_loss(dataset.labels)
    target = planned_size(dataset, fraction, size)
    first = min(dataset.n_rows, max(LEAST, target // 2))
    # Calibrated to the means of the classes where they are few enough to be matched.
    classes = 1 if loss == "squared" else len(class_values(dataset.labels)[0])
    moments = "calibrated" if dataset.n_features * classes <= MOST_MOMENTS else "count"
    rough = {"algorithm": "strata", "loss": loss, "per_class": options.get("per_class", True), "seed": seed}
    chosen = select_dataset(dataset, size=first, weights=moments, threads=threads, **rough)
    for number in range(1, rounds + 1):
        rows = dataset.take(chosen.index)
        model = fit(rows, chosen.weight, loss=loss, optimizer=OPTIMIZER, l2=l2, seed=seed, threads=threads).model
        found = influence(model, dataset, "the pilot")
        if note is not None:
            note(f"pilot {number}: {loss} model of {len(rows.labels):,} rows, some {found.dimension:.0f} parameters")
        if found.dimension * PICKS_A_PARAMETER > target:
            break
        if number < rounds:  # a coreset for the next pilot, which may want more rows than are asked for in the end
            between = max(first, target)
            chosen = select_dataset(
                dataset, size=between, weights="calibrated", influence=found.vectors, threads=threads, **rough
            )
    facts = {"pilot": number, "l2": l2, "dimension": found.dimension}
    if found.dimension * PICKS_A_PARAMETER > target:
        # So few picks cannot determine the model, wherever they are; the pilot, fitted to few rows, misleads.
        if note is not None:
            note(f"too many parameters for {target:,} picks: selecting by features, not at the pilot")
        facts["pilot"] = 0
        options["weights"] = "count"
        found = None
    coreset = select_dataset(
        dataset,
        size=target,
        loss=loss,
        influence=None if found is None else found.vectors,
        seed=seed,
        threads=threads,
        note=note,
        **options,
    )
    if found is not None:
        facts |= facts_at(coreset, dataset, model, found)
    coreset.metadata["at"] = facts
    return coreset, model
