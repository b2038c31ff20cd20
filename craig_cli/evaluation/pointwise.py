"""The loss of each row under a model and its slope in the margin, for any registered loss."""

from __future__ import annotations

import numpy as np

from craig_cli.artifacts.model import Model
from craig_cli.dataset import Dataset
from craig_cli.errors import DataError
from craig_cli.registry import LOSSES, load
from craig_cli.training.design import loss_slopes, loss_values


def losses(model: Model, margins: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """phi of each row, (n,); margins (n,) or (n, k) as ``Model.decision`` gives them, targets (n,)."""
    return loss_values(load(LOSSES, model.loss).code, targets, _two_dimensional(margins))


def slopes(model: Model, margins: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """d phi / d margin of each row, of the shape of ``margins``."""
    found = loss_slopes(load(LOSSES, model.loss).code, targets, _two_dimensional(margins))
    return found.reshape(margins.shape)


def encode_targets(model: Model, dataset: Dataset, name: str) -> np.ndarray:
    """The labels (n,) float64 as the losses take them: -1 and 1 for two classes, the position for more.

    Raises DataError for a label that is none of the classes of the model, which the message calls ``name``.
    """
    if not model.classes:
        return dataset.labels
    codes = class_codes(model, dataset, name)
    return codes.astype(np.float64) if model.coef.ndim == 2 else 2.0 * codes - 1.0


def class_codes(model: Model, dataset: Dataset, name: str) -> np.ndarray:
    """Positions of the labels among the model's classes, (n,) int64; raises like ``encode_targets``."""
    classes = np.asarray(model.classes)
    codes = np.minimum(np.searchsorted(classes, dataset.labels), len(classes) - 1)
    wrong = np.flatnonzero(classes[codes] != dataset.labels)
    if len(wrong):
        known = ", ".join(f"{label:g}" for label in classes[:10]) + (", ..." if len(classes) > 10 else "")
        raise DataError(
            f"{dataset.name}: expected labels that {name} knows ({known}), "
            f"found {dataset.labels[wrong[0]]:g} in {len(wrong)} row(s)"
        )
    return codes


def _two_dimensional(margins: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(margins.reshape(len(margins), -1))
