"""What a model is worth on a data set: its loss, its objective, and its error rate or RMSE and R2.

loss       (1/n) sum_i phi(y_i, <w, x_i> + b), over the rows as often as they count
objective  loss + lambda/2 ||w||^2

All of it is made of sums over rows, which may come in pieces. Every sum over a piece is numpy's own pairwise sum, and
those of the pieces are added exactly, so the numbers do not depend on the number of threads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from craig_cli.artifacts.model import Model
from craig_cli.dataset import Dataset, label_in_words, labels_in_words
from craig_cli.errors import DataError
from craig_cli.evaluation.pointwise import check_label_names, encode_targets, losses
from craig_cli.training.labels import class_codes

MOST_UNKNOWN = 0.01  # of the rows may be of classes that the model does not know; of more, it is other data
TOGETHER = 1 << 16  # rows whose places are looked up at a time


def evaluate(model: Model, dataset: Dataset, name: str = "the model") -> dict:
    """The metrics of ``model`` on ``dataset`` as plain values; None where a metric is not defined.

    Always: rows, loss, l2_term, objective. With classes: error_rate, per_class (label, rows, error_rate);
    with two of them: auc; for a loss that is a likelihood: log_loss. Regression: rmse, r2. ``name`` is what
    to call the model in a message.

    Where a few rows are of classes the model does not know (a rare one, which a subset missed), they are errors, there
    is no loss, and "unknown" has their number and that of their classes. Raises DataError where it is more than
    MOST_UNKNOWN of the rows, and for features the model does not know.
    """
    tally = Tally(model, name)
    tally.add(dataset)
    return tally.metrics()


class Tally:
    """The metrics of ``model`` on rows that come in pieces: see ``evaluate``."""

    def __init__(self, model: Model, name: str = "the model") -> None:
        self.model, self.name = model, name
        self.parts: Classes | Numbers = Classes(model) if model.classes else Numbers()
        self.unknown = Unknown()
        self.rows = 0
        self.weight: list[float] = []  # of each piece, in all
        self.loss: list[float] = []

    def add(self, piece: Dataset) -> None:
        """Rows that follow those before. Raises DataError for features and for kinds of labels it does not know."""
        model = self.model
        piece = _booleans_as_numbers(piece).with_features(model.n_features, self.name)
        self.rows += piece.n_rows
        if model.classes:
            check_label_names(model, piece, self.name)
            known = np.isin(piece.labels, model.classes)
            if not known.all():
                self.unknown.add(piece, ~known)
                piece = piece.take(np.flatnonzero(known))
            if piece.n_rows == 0:
                return
        weight = piece.counts
        margin = model.decision(piece.features)
        targets = encode_targets(model, piece, self.name)
        self.weight.append(float(np.sum(weight)))
        self.loss.append(float(np.sum(losses(model, margin, targets) * weight)))
        self.parts.add(margin, piece, weight)

    def metrics(self) -> dict:
        """Of all rows so far."""
        unknown, model = self.unknown, self.model
        if unknown.rows > MOST_UNKNOWN * self.rows:
            first = label_in_words(next(iter(unknown.classes)))
            raise DataError(
                f"{unknown.data}: expected labels that {self.name} knows ({labels_in_words(model.labels)}), "
                f"found {first} in {unknown.rows} row(s)"
            )
        weight, l2_term = math.fsum(self.weight), penalty(model)
        loss = None if unknown.rows else math.fsum(self.loss) / weight
        objective = None if loss is None or l2_term is None else loss + l2_term
        result: dict[str, Any] = {"rows": self.rows, "loss": loss, "l2_term": l2_term, "objective": objective}
        result |= self.parts.metrics(weight)
        if model.loss in ("logistic", "multinomial"):
            result["log_loss"] = loss
        if unknown.rows:
            whole = weight + math.fsum(unknown.weight)
            result["error_rate"] = (weight * result["error_rate"] + math.fsum(unknown.weight)) / whole
            result |= {"auc": None} if "auc" in result else {}
            result["per_class"] += [
                {"label": label, "rows": rows, "error_rate": 1.0} for label, rows in unknown.in_order()
            ]
            result["unknown"] = {"classes": len(unknown.classes), "rows": unknown.rows}
        return result


class Tallies:
    """Those of several models, by name, on the same rows."""

    def __init__(self, models: dict[str, Model]) -> None:
        self.tallies = {name: Tally(model, name) for name, model in models.items()}

    def add(self, piece: Dataset) -> None:
        for tally in self.tallies.values():
            tally.add(piece)

    def metrics(self) -> dict[str, dict]:
        return {name: tally.metrics() for name, tally in self.tallies.items()}


@dataclass
class Unknown:
    """The rows of classes that the model has never seen.

    They are errors, whatever it says of them; it has no loss there, so the data has none either.
    """

    data: str = ""
    rows: int = 0
    weight: list[float] = field(default_factory=list)
    classes: dict = field(default_factory=dict)  # label -> rows, by their first row

    def add(self, piece: Dataset, unknown: np.ndarray) -> None:
        """Those that are ``unknown``, (n,) bool, of a piece."""
        self.data = self.data or piece.name
        self.rows += int(np.count_nonzero(unknown))
        self.weight.append(float(piece.counts[unknown].sum()))
        values, first, counts = np.unique(piece.labels[unknown], return_index=True, return_counts=True)
        for place in np.argsort(first):
            label = piece.label_value(values[place])
            self.classes[label] = self.classes.get(label, 0) + int(counts[place])

    def in_order(self) -> list[tuple]:
        """(label, rows), ascending; text after numbers."""
        return sorted(self.classes.items(), key=lambda item: (isinstance(item[0], str), item[0]))


class Classes:
    """Errors of each class, and for two of them the margins, of which the AUC is a matter of order."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.rows = np.zeros(len(model.classes), np.int64)
        self.weight, self.wrong = np.zeros(len(model.classes)), np.zeros(len(model.classes))
        self.margins: tuple[list, list] = [], []  # of negative and of positive rows, (margin, weight or None)

    def add(self, margin: np.ndarray, piece: Dataset, weight: np.ndarray) -> None:
        codes = class_codes(self.model.classes, piece, "the model", self.model.labels)
        predicted = (margin > 0).astype(np.int64) if margin.ndim == 1 else np.argmax(margin, axis=1)
        number = len(self.rows)
        self.rows += np.bincount(codes, minlength=number)
        self.weight += np.bincount(codes, weight, number)
        self.wrong += np.bincount(codes, weight * (predicted != codes), number)
        if margin.ndim == 1:
            for code, kept in enumerate(self.margins):
                own = codes == code
                kept.append((margin[own], None if piece.multiplicity is None else weight[own]))

    def metrics(self, weight: float) -> dict:
        """error_rate, per_class, and auc of two; ``weight`` is that of all rows."""
        per_class = [
            {"label": label, "rows": int(rows), "error_rate": float(wrong / mass) if rows else None}
            for label, rows, mass, wrong in zip(self.model.labels, self.rows, self.weight, self.wrong)
        ]
        result = {"error_rate": float(self.wrong.sum()) / weight, "per_class": per_class}
        if self.model.coef.ndim == 1:
            result["auc"] = auc(*map(_joined, self.margins))
        return result


def _joined(kept: list) -> tuple[np.ndarray, np.ndarray | None]:
    """(margins, weights or None where all are 1) of all pieces, which are given up."""
    weighted = any(weight is not None for _, weight in kept)
    weights = [np.ones(len(margin)) if weight is None else weight for margin, weight in kept] if weighted else None
    margins = np.concatenate([margin for margin, _ in kept]) if kept else np.empty(0)
    kept.clear()
    return margins, None if weights is None else np.concatenate(weights)


def auc(negative: tuple[np.ndarray, np.ndarray | None], positive: tuple[np.ndarray, np.ndarray | None]) -> float | None:
    """Probability that a positive row's margin is above a negative row's, ties counting half.

    negative, positive  (margins, which are sorted in place, their weights or None where all are 1). None where there
    is only one class.
    """
    (below, below_weight), (above, above_weight) = _sorted(*negative), _sorted(*positive)
    pairs = _total(below, below_weight) * _total(above, above_weight)
    if not pairs > 0:
        return None
    before = None if below_weight is None else np.concatenate([[0.0], np.cumsum(below_weight)])
    sums = []
    for first in range(0, len(above), TOGETHER):
        some = above[first : first + TOGETHER]
        ends = [np.searchsorted(below, some, side) for side in ("left", "right")]
        lower, upper = ends if before is None else (before[end] for end in ends)
        half = 0.5 * (lower + upper)  # of the negative rows below, and half of those that are equal
        sums.append(float(np.sum(half if above_weight is None else half * above_weight[first : first + TOGETHER])))
    return math.fsum(sums) / pairs


def _sorted(margin: np.ndarray, weight: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
    if weight is None:
        margin.sort()
        return margin, None
    order = np.argsort(margin, kind="stable")
    return margin[order], weight[order]


def _total(margin: np.ndarray, weight: np.ndarray | None) -> float:
    return float(len(margin) if weight is None else weight.sum())


class Numbers:
    """Squared errors, and the variance of the labels, merged piece by piece (Chan, Golub and LeVeque 1979)."""

    def __init__(self) -> None:
        self.squares: list[float] = []
        self.weight, self.mean, self.spread = 0.0, 0.0, 0.0  # of the labels; sum of squares about the mean

    def add(self, margin: np.ndarray, piece: Dataset, weight: np.ndarray) -> None:
        labels = piece.labels
        self.squares.append(float(np.sum((margin - labels) ** 2 * weight)))
        own = float(np.sum(weight))
        mean = float(np.sum(labels * weight) / own)
        apart, whole = mean - self.mean, self.weight + own
        self.spread += float(np.sum((labels - mean) ** 2 * weight)) + apart**2 * self.weight * own / whole
        self.mean, self.weight = self.mean + apart * own / whole if self.weight else mean, whole

    def metrics(self, weight: float) -> dict:
        """rmse and r2; ``weight`` is that of all rows."""
        mean_square, variance = math.fsum(self.squares) / weight, self.spread / weight
        return {"rmse": math.sqrt(mean_square), "r2": 1.0 - mean_square / variance if variance > 0 else None}


def _booleans_as_numbers(dataset: Dataset) -> Dataset:
    """Labels that are false and true as the numbers 0 and 1, of which a piece may have only one."""
    names = dataset.label_names
    if names is None or not all(isinstance(name, bool) for name in names):
        return dataset
    assert dataset.encoding is not None
    labels = np.array(names, dtype=np.float64)[dataset.labels.astype(np.int64)]
    return replace(dataset, labels=labels, encoding=replace(dataset.encoding, labels=None))


def penalty(model: Model) -> float | None:
    """lambda/2 ||w||^2 in the units of training; None where the model was scaled and does not record it."""
    recorded = model.optimizer.get("l2_term")
    if isinstance(recorded, (int, float)):
        return float(recorded)
    if model.optimizer.get("scale", "none") != "none":
        return None
    return 0.5 * model.l2 * float(np.sum(model.coef**2))
