"""What may be asked of a selection: the names that are known, and how much to select."""

from __future__ import annotations

import numpy as np

from craig_cli.dataset import Dataset
from craig_cli.errors import UsageError
from craig_cli.registry import ALGORITHMS, EXEMPLARS, LOSSES, METRICS, SCALES, WEIGHTS


def check_names(*, algorithm="auto", exemplar=None, metric, scale, loss, radius, weights) -> None:
    """Raise UsageError for a name that is not known, or a radius without what it takes."""
    choices = {
        "algorithm": (algorithm, ("auto", *ALGORITHMS)),
        "exemplar": (exemplar, (None, *EXEMPLARS)),
        "metric": (metric, METRICS),
        "scale": (scale, SCALES),
        "loss": (loss, (None, *LOSSES)),
        "weights": (weights, (None, *WEIGHTS)),
    }
    for what, (value, allowed) in choices.items():
        if value not in allowed:
            names = ", ".join(str(name) for name in allowed if name is not None)
            raise UsageError(f"{what}: expected one of {names}, found {value!r}")
    if radius is not None:
        if loss is None:
            raise UsageError("radius: expected a loss to go with it (--loss), found none")
        if not (0.0 < radius < np.inf):
            raise UsageError(f"radius: expected a positive number, found {radius:g}")
        if metric != "euclidean":
            raise UsageError(f"radius: the bound on the gradient holds for the euclidean metric, found {metric}")


def planned_size(dataset: Dataset, fraction: float | None, size: int | None, epsilon: float | None = None) -> int:
    """The number of elements that a fraction or a size asks for, 0 for an epsilon; raises UsageError."""
    given = {"fraction": fraction, "size": size, "epsilon": epsilon}
    if sum(value is not None for value in given.values()) != 1:
        found = " and ".join(name for name, value in given.items() if value is not None) or "none"
        raise UsageError(f"expected one of fraction, size and epsilon, found {found}")
    if fraction is not None:
        if not 0.0 < fraction <= 1.0:
            raise UsageError(f"fraction: expected a number above 0 and at most 1, found {fraction:g}")
        return max(1, round(fraction * dataset.n_rows))
    if size is not None:
        if size < 1:
            raise UsageError(f"size: expected at least 1, found {size}")
        if size > dataset.n_rows:
            raise UsageError(f"size: expected at most the {dataset.n_rows} rows of {dataset.name}, found {size}")
        return int(size)
    if not epsilon >= 0.0:
        raise UsageError(f"epsilon: expected a number of 0 or more, found {epsilon:g}")
    return 0
