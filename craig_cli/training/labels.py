"""Labels as the losses take them: -1 and 1 of two classes, the class's position of more, numbers of a regression."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from craig_cli.dataset import Dataset, class_values, has_classes, labels_in_words
from craig_cli.errors import DataError
from craig_cli.training.losses import Loss


def guess_loss(labels: np.ndarray, task: str = "auto") -> str:
    """The loss for ``labels`` (n,): of two classes logistic, of more multinomial, of numbers squared.

    ``task`` "auto" goes by ``dataset.has_classes``. One class gets "logistic" too, whose check then says what is
    missing.
    """
    return loss_of_classes(len(np.unique(labels))) if has_classes(labels, task) else "squared"


def loss_of_classes(count: int) -> str:
    """The loss for so many classes."""
    return "logistic" if count <= 2 else "multinomial"


def encode_labels(loss: Loss, dataset: Dataset) -> tuple[tuple[float, ...], np.ndarray]:
    """(classes, targets (n,) float64); a regression has no classes and keeps its labels.

    Raises DataError for labels that the loss does not take.
    """
    if loss.is_regression:
        return (), np.ascontiguousarray(dataset.labels, dtype=np.float64)
    classes, codes = class_values(dataset.labels)
    check_classes(loss, classes, dataset.name, dataset.label_text)
    return tuple(classes.tolist()), targets_of(codes, loss.labels == "many")


def check_classes(loss: Loss, classes: np.ndarray, name: str, text_of: Callable[[float], str]) -> None:
    """Raise DataError where the data called ``name`` has ``classes`` (k,) that the loss does not take."""
    if len(classes) == 1:
        raise DataError(f"{name}: expected labels of at least two classes, found only {text_of(classes[0])}")
    if loss.labels == "two" and len(classes) != 2:
        shown = ", ".join(map(text_of, classes[:3])) + (", ..." if len(classes) > 3 else "")
        raise DataError(f"{name}: the {loss.name} loss expects two classes, found {len(classes)} labels ({shown})")
    if loss.labels == "many" and (classes != np.rint(classes)).any():
        odd = classes[classes != np.rint(classes)][0]
        raise DataError(f"{name}: the {loss.name} loss expects whole numbers as class labels, found {odd:g}")


def encode_known(
    classes: Sequence[float], many: bool, dataset: Dataset, owner: str, names: Sequence | None = None
) -> np.ndarray:
    """The targets (n,) where the classes are known, none for a regression; ``many`` for a loss of a margin a class.

    Raises DataError as ``class_codes``.
    """
    return targets_of(class_codes(classes, dataset, owner, names), many) if len(classes) else dataset.labels


def class_codes(classes: Sequence[float], dataset: Dataset, owner: str, names: Sequence | None = None) -> np.ndarray:
    """Positions of the labels among the ``classes``, which may have ``names``: (n,) int64.

    Raises DataError for a label that is none of those that ``owner`` knows.
    """
    known = np.asarray(classes)
    codes = np.minimum(np.searchsorted(known, dataset.labels), len(known) - 1)
    wrong = np.flatnonzero(known[codes] != dataset.labels)
    if len(wrong):
        names = [dataset.label_value(each) for each in classes] if names is None else names
        raise DataError(
            f"{dataset.name}: expected labels that {owner} knows ({labels_in_words(names)}), "
            f"found {dataset.label_text(dataset.labels[wrong[0]])} in {len(wrong)} row(s)"
        )
    return codes


def targets_of(codes: np.ndarray, many: bool) -> np.ndarray:
    """The targets (n,) float64 of rows of these classes (n,); ``many`` for a loss of a margin a class."""
    return codes.astype(np.float64) if many else 2.0 * codes - 1.0
