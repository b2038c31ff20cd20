"""The commands for arrays: selecting, training, evaluating, and a sampler in the form of imbalanced-learn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from difflib import get_close_matches
from inspect import signature

import numpy as np

from craig_cli.artifacts.coreset import Coreset
from craig_cli.artifacts.model import Model, with_encoding
from craig_cli.selection.at_model import AtModel
from craig_cli.selection.plan import Plan
from craig_cli.selection.select import select_dataset
from craig_cli.tables.frames import dataset_of


def select_coreset(
    features, labels=None, *, multiplicity=None, influence=None, progress=None, note=None, **asked
) -> Coreset:
    """Select a coreset of arrays: ``index``, ``weight``, ``rank`` and ``epsilon``, all (r,), in greedy order.

    features      (n, d) array-like or scipy sparse matrix, in which nan is a missing value (the mean of its column, and
                  1 in one that is added), or a table of pandas, polars or pyarrow, whose columns may be of any kind
    labels        (n,) class labels of any kind, or targets of a regression, or the name of a column of the
                  table; None for rows without labels
    multiplicity  (n,) positive numbers, how many rows each row stands for
    influence     (n, q) influence vectors, or gradients, of the rows at a model to select at
    progress, note  as ``select_dataset``; ``note=print`` says what the command does, such as which columns are left out
    asked         what a ``Plan`` takes: fraction, size, epsilon or sizes (``Coreset.at_size`` has each), purpose
                  ("any", "linear" or "distance"), algorithm, exemplar, weights, metric, scale, loss, ...; a name that
                  is none of them is a TypeError

    Raises UsageError (a ValueError) for arguments that make no sense and DataError (a ValueError) for such data.
    """
    _check_names("select_coreset", asked, Plan)
    dataset = dataset_of(features, labels, multiplicity)
    if labels is None:
        asked["per_class"] = False
    plan = Plan(**asked)
    for text in dataset.notes if note is not None else ():
        note(text)
    if influence is not None:
        at = AtModel(np.asarray(influence, dtype=np.float64))
        return select_dataset(dataset, plan, at=at, progress=progress, note=note)
    from craig_cli.guided.policy import select_for

    return select_for(dataset, plan, progress=progress, note=note)


def _check_names(function: str, asked: Iterable[str], plan: type) -> None:
    """Raise TypeError for an argument that no field of ``plan`` is called like."""
    there = [each.name for each in fields(plan)]
    for name in set(asked) - set(there):
        raise TypeError(f"{function}() got an unexpected argument {name!r}{_meant(name, there)}")


def _meant(name: str, there: list[str]) -> str:
    """The end of a message on an argument that does not exist."""
    known = {"sample_weight": "multiplicity", "pilot": 'purpose="linear"', "for": "purpose", "random_state": "seed"}
    close = get_close_matches(name, there, n=1)
    meant = (known.get(name) if "purpose" in there else None) or (close[0] if close else None)
    return "" if meant is None else f"; did you mean {meant}?"


def train_model(features, labels, *, coreset: Coreset | None = None, sample_weight=None, note=None, **asked) -> Model:
    """A linear model of all rows, or of those of ``coreset``, as ``craig train`` makes it.

    features, labels  as ``select_coreset`` takes them
    coreset        selected from these rows; or sample_weight (n,) numbers of 0 or more, not both
    note           as of ``select_coreset``: what ``craig train`` would say, such as that this is no optimum
    asked          what a ``TrainingPlan`` takes: loss, l2, optimizer, epochs, scale, seed, ...

    Raises UsageError and DataError, ValueErrors both, for what cannot be, TypeError for an argument that is none.
    """
    from craig_cli.errors import UsageError
    from craig_cli.training.fit import fit, notes_ahead
    from craig_cli.training.plan import TrainingPlan

    _check_names("train_model", asked.keys() - signature(fit).parameters.keys(), TrainingPlan)
    rank = None
    if coreset is None:
        dataset = dataset_of(features, labels)
    elif sample_weight is not None:
        raise UsageError("expected one of coreset and sample_weight, found both")
    else:
        rows, chosen, sample_weight = coreset.take(features, labels)
        dataset = dataset_of(rows, labels if isinstance(labels, str) else chosen, encoding=coreset.encoding)
        rank = coreset.rank
    if note is not None:
        ahead = notes_ahead(dataset, asked.get("scale", TrainingPlan.scale), asked.get("l2", TrainingPlan.l2))
        for text in (*dataset.notes, *ahead):
            note(text)
    fitted = fit(dataset, sample_weight, rank=rank, **asked)
    for text in fitted.notes if note is not None else ():
        note(text)
    return with_encoding(fitted.model, dataset.encoding)


def evaluate_model(model: Model, features, labels, *, note=None) -> dict:
    """The metrics of ``model`` on rows (n, d) and labels (n,), or a table: see ``evaluation.metrics.evaluate``.

    note  as of ``train_model``: says which columns of a table the model does not know
    """
    from craig_cli.evaluation.metrics import evaluate

    dataset = dataset_of(features, labels, encoding=model.encoding)
    for text in dataset.notes if note is not None else ():
        note(text)
    return evaluate(model, dataset)


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
        rows, chosen, self.sample_weight_ = self.coreset_.take(features, labels, normalize=self.normalize)
        self.sample_indices_ = self.coreset_.index
        return rows, chosen
