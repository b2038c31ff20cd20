"""The parts of the data that rows are selected from: each class, or all rows together."""

from __future__ import annotations

import numpy as np

from craig_cli.dataset import Dataset, class_values, label_in_words
from craig_cli.errors import DataError, UsageError
from craig_cli.registry import LOSSES, load

Part = tuple[float | None, np.ndarray]  # (label, rows (m,) int64)


def is_regression(loss: str | None) -> bool:
    """True for a loss that has no classes."""
    return loss is not None and load(LOSSES, loss).is_regression


def check_classes(dataset: Dataset) -> None:
    """Raise DataError where all labels are the same."""
    if dataset.labels.min() == dataset.labels.max():
        raise only_one_class(dataset.name, dataset.label_value(dataset.labels[0]))


def only_one_class(name: str, label: float | str | int | bool) -> DataError:
    """What to raise of the data of this name, all of whose rows have this label."""
    return DataError(
        f"{name}: expected at least two classes, found only the label {label_in_words(label)}; "
        "give --no-per-class to select from all rows together"
    )


def class_parts(dataset: Dataset, loss: str | None, radius: float | None, per_class: bool) -> list[Part]:
    """(label, rows) of each class, or (None, all rows) where there are no classes."""
    if is_regression(loss) or not per_class:
        if radius is not None and not is_regression(loss):
            raise UsageError(f"radius: the bound for the {loss} loss needs classes, found no-per-class")
        return [(None, np.arange(dataset.n_rows))]
    check_classes(dataset)
    classes, codes = class_values(dataset.labels)
    return [(float(label), np.flatnonzero(codes == code)) for code, label in enumerate(classes)]
