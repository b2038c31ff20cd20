"""Selecting at a model that is not there yet: a small coreset, a rough model, then the real selection at it.

The three stages of ``craig select``, ``craig train`` and ``craig select --at`` in one call, for when the stages are of
no interest by themselves. Each further round trains on the coreset of the round before and selects at that.
"""

from __future__ import annotations

from collections.abc import Callable

from craig_cli.artifacts.coreset import Coreset
from craig_cli.artifacts.model import Model
from craig_cli.dataset import Dataset
from craig_cli.errors import UsageError
from craig_cli.evaluation.influence import influence
from craig_cli.selection.select import planned_size, select_dataset
from craig_cli.training.fit import fit
from craig_cli.training.losses import guess_loss

LEAST = 500  # rows of the first pilot, where there are as many
OPTIMIZER = "saga"


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
            on that coreset; loss and l2 are those of the pilot. Raises as ``select_dataset`` and ``fit`` do.
    """
    if rounds < 1:
        raise UsageError(f"pilot rounds: expected at least 1, found {rounds}")
    loss = loss or guess_loss(dataset.labels)
    target = planned_size(dataset, fraction, size)
    first = min(dataset.n_rows, max(LEAST, target // 2))
    common = {"seed": seed, "threads": threads, "per_class": options.get("per_class", True)}
    chosen = select_dataset(dataset, size=first, algorithm="strata", weights="calibrated", loss=loss, **common)
    for number in range(rounds):
        rows = dataset.take(chosen.index)
        model = fit(rows, chosen.weight, loss=loss, optimizer=OPTIMIZER, l2=l2, seed=seed, threads=threads).model
        if note is not None:
            note(f"pilot {number + 1}: {model.loss} model of {len(chosen.index):,} rows")
        vectors = influence(model, dataset, "the pilot").vectors
        chosen = select_dataset(
            dataset, size=target, loss=loss, influence=vectors, seed=seed, threads=threads, note=note, **options
        )
    return chosen, model
