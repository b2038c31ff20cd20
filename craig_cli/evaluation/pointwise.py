"""The loss of each row under a model and its slope in the margin, for any registered loss."""

from __future__ import annotations

import numpy as np

from craig_cli.artifacts.model import Model
from craig_cli.dataset import Dataset, labels_in_words
from craig_cli.errors import DataError
from craig_cli.registry import LOSSES, load
from craig_cli.training.design import loss_slopes, loss_values
from craig_cli.training.labels import encode_known


def losses(model: Model, margins: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """phi of each row, (n,); margins (n,) or (n, k) as ``Model.decision`` gives them, targets (n,)."""
    return loss_values(load(LOSSES, model.loss).code, targets, _two_dimensional(margins))


def slopes(model: Model, margins: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """d phi / d margin of each row, of the shape of ``margins``."""
    values = loss_slopes(load(LOSSES, model.loss).code, targets, _two_dimensional(margins))
    return values.reshape(margins.shape)


def encode_targets(model: Model, dataset: Dataset, name: str) -> np.ndarray:
    """The labels (n,) float64 as the loss of ``model`` takes them.

    Raises DataError for a label that is none of its classes; the message calls it ``name``.
    """
    return encode_known(model.classes, model.coef.ndim == 2, dataset, name, model.labels)


def check_label_names(model: Model, dataset: Dataset, name: str) -> None:
    """DataError where labels are positions of names in one of the two and numbers, or others, in the other.

    Booleans are the numbers 0 and 1.
    """
    names = dataset.label_names
    if names is not None and all(isinstance(each, bool) for each in names):
        names = None
    known = None if model.encoding is None else model.encoding.labels
    if names is None and known is not None and all(isinstance(each, bool) for each in known):
        known = None
    if names != known and (names is None or known is None or names[: len(known)] != known):
        label = dataset.label_text(dataset.labels[0])
        raise DataError(
            f"{dataset.name}: expected labels that {name} knows ({labels_in_words(model.labels)}), found {label}"
        )


def _two_dimensional(margins: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(margins.reshape(len(margins), -1))
