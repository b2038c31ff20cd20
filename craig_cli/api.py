"""The rest of the commands for arrays: training, evaluating, and a sampler in the form of imbalanced-learn."""

from __future__ import annotations

import numpy as np

from craig_cli.artifacts.coreset import Coreset
from craig_cli.artifacts.model import Model
from craig_cli.dataset import from_arrays
from craig_cli.selection.select import select_coreset


def train_model(features, labels, *, coreset: Coreset | None = None, sample_weight=None, **asked) -> Model:
    """A linear model of all rows, or of those of ``coreset``, as ``craig train`` makes it.

    features       (n, d) array-like or scipy sparse matrix; labels (n,)
    coreset        selected from these rows; or sample_weight (n,) numbers of 0 or more, not both
    asked          what a ``TrainingPlan`` takes: loss, l2, optimizer, epochs, scale, seed, ...

    Raises UsageError and DataError, ValueErrors both, for what cannot be.
    """
    from craig_cli.errors import UsageError
    from craig_cli.training.fit import fit

    if coreset is None:
        return fit(from_arrays(features, labels), sample_weight, **asked).model
    if sample_weight is not None:
        raise UsageError("expected one of coreset and sample_weight, found both")
    rows, chosen, weight = coreset.take(features, labels)
    return fit(from_arrays(rows, chosen), weight, rank=coreset.rank, **asked).model


def evaluate_model(model: Model, features, labels) -> dict:
    """The metrics of ``model`` on rows (n, d) and labels (n,): see ``evaluation.metrics.evaluate``."""
    from craig_cli.evaluation.metrics import evaluate

    return evaluate(model, from_arrays(features, labels))


class CoresetSampler:
    """A coreset in the form of imbalanced-learn's samplers: ``fit_resample(X, y)`` returns rows and labels.

    asked      what ``select_coreset`` takes: fraction, size or epsilon, purpose, ...
    normalize  "sum" or "mean", the scale of the weights, see ``Coreset.take``

    After it, ``sample_weight_`` (r,) has the weights of the rows, ``sample_indices_`` (r,) their numbers, ``coreset_``
    the coreset.
    """

    def __init__(self, *, normalize: str = "sum", **asked) -> None:
        self.normalize, self.asked = normalize, asked

    def fit_resample(self, features, labels):
        """(rows (r, d), labels (r,)) of the coreset, of the kind they were."""
        self.coreset_ = select_coreset(features, labels, **self.asked)
        rows, chosen, self.sample_weight_ = self.coreset_.take(features, np.asarray(labels), normalize=self.normalize)
        self.sample_indices_ = self.coreset_.index
        return rows, chosen
