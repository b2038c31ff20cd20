"""What a coreset's metadata says of how it was selected from data in pieces: as ``selection.select`` has it."""

from __future__ import annotations

from craig_cli.selection.bounds import FEATURE_DISTANCE, GRADIENT_NORM
from craig_cli.selection.plan import Plan
from craig_cli.streaming.frame import Frame


def settings(plan: Plan, frame: Frame, block: int, leaf_rows: int, weights: dict) -> dict:
    """How it was selected. ``plan`` has exemplar and swaps; ``weights``: "weights", and what else is to be said."""
    chosen = {"metric": plan.metric, "scale": plan.scale, "loss": frame.loss, "radius": plan.radius}
    return chosen | {
        "units": FEATURE_DISTANCE if plan.radius is None else GRADIENT_NORM,
        "for": plan.purpose,
        "algorithm": plan.algorithm,
        "exemplar": plan.exemplar,
        "block_size": None if plan.algorithm == "strata" else block,
        "leaf_rows": leaf_rows,
        "swaps": plan.swaps,
        "weights": weights["weights"],
        "seed": plan.seed,
        **frame.view.scaling.facts(frame.width),
        **weights,
    }


def classes_of(frame: Frame) -> list[tuple[float | None, int]]:
    """(label as ``Frame.label_value`` takes it, rows) of each group."""
    return [(_label(frame, value), int(size)) for value, size in zip(frame.values, frame.sizes)]


def _label(frame: Frame, value) -> float | None:
    if value is None or not frame.named:
        return value
    assert frame.labels is not None
    return float(frame.labels.index(value))
