"""What a model is worth on a data set: its loss, its objective, and its error rate or RMSE and R2.

loss       (1/n) sum_i phi(y_i, <w, x_i> + b), over the rows as often as they count
objective  loss + lambda/2 ||w||^2

Every sum here is numpy's own pairwise sum, so the numbers do not depend on the number of threads.
"""

from __future__ import annotations

import numpy as np

from craig_cli.artifacts.model import Model
from craig_cli.dataset import Dataset
from craig_cli.evaluation.pointwise import check_label_names, encode_targets, losses
from craig_cli.training.labels import class_codes

MOST_UNKNOWN = 0.01  # of the rows may be of classes that the model does not know; of more, it is other data


def evaluate(model: Model, dataset: Dataset, name: str = "the model") -> dict:
    """The metrics of ``model`` on ``dataset`` as plain values; None where a metric is not defined.

    Always: rows, loss, l2_term, objective. With classes: error_rate, per_class (label, rows, error_rate);
    with two of them: auc; for a loss that is a likelihood: log_loss. Regression: rmse, r2. ``name`` is what
    to call the model in a message.

    Where a few rows are of classes the model does not know (a rare one, which a subset missed), they are errors, there
    is no loss, and "unknown" has their number and that of their classes. Raises DataError where it is more than
    MOST_UNKNOWN of the rows, and for features the model does not know.
    """
    dataset = dataset.with_features(model.n_features, name)
    if model.classes:
        check_label_names(model, dataset, name)
        known = np.isin(dataset.labels, model.classes)
        if 0 < np.count_nonzero(~known) <= MOST_UNKNOWN * dataset.n_rows:
            return _of_what_it_knows(model, dataset, known, name)
    weight = dataset.counts
    margin = model.decision(dataset.features)
    loss = _mean(losses(model, margin, encode_targets(model, dataset, name)), weight)
    l2_term = penalty(model)
    result = {
        "rows": dataset.n_rows,
        "loss": loss,
        "l2_term": l2_term,
        "objective": None if l2_term is None else loss + l2_term,
    }
    if not model.classes:
        return result | _regression(margin, dataset.labels, weight)
    codes = class_codes(model.classes, dataset, name, model.labels)
    result |= _classification(margin, codes, model.labels, weight)
    if model.loss in ("logistic", "multinomial"):
        result["log_loss"] = loss
    return result


def _of_what_it_knows(model: Model, dataset: Dataset, known: np.ndarray, name: str) -> dict:
    """The metrics where some rows, not ``known`` (n,), are of classes that the model has never seen.

    They are errors, whatever it says of them; it has no loss there, so the data has none either.
    """
    weight, labels = dataset.counts, dataset.labels
    found = evaluate(model, dataset.take(np.flatnonzero(known)), name)
    wrong, others = weight[known].sum() * found["error_rate"], weight[~known].sum()
    found |= {"rows": dataset.n_rows, "loss": None, "objective": None, "error_rate": (wrong + others) / weight.sum()}
    found |= {key: None for key in ("auc", "log_loss") if key in found}
    found["per_class"] += [
        {"label": dataset.label_value(label), "rows": int((labels == label).sum()), "error_rate": 1.0}
        for label in np.unique(labels[~known])
    ]
    found["unknown"] = {"classes": len(np.unique(labels[~known])), "rows": int((~known).sum())}
    return found


def penalty(model: Model) -> float | None:
    """lambda/2 ||w||^2 in the units of training; None where the model was scaled and does not record it."""
    recorded = model.optimizer.get("l2_term")
    if isinstance(recorded, (int, float)):
        return float(recorded)
    if model.optimizer.get("scale", "none") != "none":
        return None
    return 0.5 * model.l2 * float(np.sum(model.coef**2))


def auc(margin: np.ndarray, positive: np.ndarray, weight: np.ndarray) -> float | None:
    """Probability that a positive row's margin is above a negative row's, ties counting half.

    margin (n,), positive (n,) bool, weight (n,). None where there is only one class.
    """
    order = np.argsort(margin, kind="stable")
    margin, plus = margin[order], np.where(positive, weight, 0.0)[order]
    minus = np.where(positive, 0.0, weight)[order]
    starts = np.flatnonzero(np.diff(margin, prepend=np.nan) != 0)  # groups of equal margins
    plus, minus = np.add.reduceat(plus, starts), np.add.reduceat(minus, starts)
    below = np.cumsum(minus) - minus
    pairs = plus.sum() * minus.sum()
    return float(np.sum(plus * (below + 0.5 * minus)) / pairs) if pairs > 0 else None


def _classification(margin, codes, classes, weight) -> dict:
    predicted = (margin > 0).astype(np.int64) if margin.ndim == 1 else np.argmax(margin, axis=1)
    wrong = (predicted != codes).astype(np.float64)
    per_class = []
    for position, label in enumerate(classes):
        rows = codes == position
        error = _mean(wrong[rows], weight[rows]) if rows.any() else None
        per_class.append({"label": label, "rows": int(rows.sum()), "error_rate": error})
    result = {"error_rate": _mean(wrong, weight), "per_class": per_class}
    if margin.ndim == 1:
        result["auc"] = auc(margin, codes == 1, weight)
    return result


def _regression(margin, labels, weight) -> dict:
    mean_square = _mean((margin - labels) ** 2, weight)
    variance = _mean((labels - _mean(labels, weight)) ** 2, weight)
    return {
        "rmse": float(np.sqrt(mean_square)),
        "r2": 1.0 - mean_square / variance if variance > 0 else None,
    }


def _mean(numbers: np.ndarray, weight: np.ndarray) -> float:
    return float(np.sum(numbers * weight) / np.sum(weight))
