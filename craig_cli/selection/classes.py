"""The parts of the data that rows are selected from: each class, or all rows together."""

from __future__ import annotations

import numpy as np

from craig_cli.dataset import Dataset, class_values
from craig_cli.errors import DataError, UsageError
from craig_cli.registry import LOSSES, load

Part = tuple[float | None, np.ndarray]  # (label, rows (m,) int64)


def is_regression(loss: str | None) -> bool:
    """True for a loss that has no classes."""
    return loss is not None and load(LOSSES, loss).is_regression


def class_parts(dataset: Dataset, loss: str | None, radius: float | None, per_class: bool) -> list[Part]:
    """(label, rows) of each class, or (None, all rows) where there are no classes."""
    if is_regression(loss) or not per_class:
        if radius is not None and not is_regression(loss):
            raise UsageError(f"radius: the bound for the {loss} loss needs classes, found no-per-class")
        return [(None, np.arange(dataset.n_rows))]
    classes, codes = class_values(dataset.labels)
    if len(classes) == 1:
        raise DataError(
            f"{dataset.name}: expected at least two classes, found only the label {dataset.label_text(classes[0])}; "
            "give --no-per-class to select from all rows together"
        )
    return [(float(label), np.flatnonzero(codes == code)) for code, label in enumerate(classes)]
