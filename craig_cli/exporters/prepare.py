"""From a data set, and perhaps a coreset of it, to the rows that an exporter writes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from craig_cli.artifacts.coreset import Coreset
from craig_cli.dataset import Dataset, look_like_classes
from craig_cli.errors import DataError, UsageError
from craig_cli.exporters import Exporter, Rows
from craig_cli.exporters.known import Known
from craig_cli.formats.arrow import to_arrow

if TYPE_CHECKING:
    from craig_cli.formats.originals import Originals


@dataclass(frozen=True)
class Prepared:
    """What an exporter writes, and what there is to say of it.

    pieces    Rows that follow each other
    weight    sum of their weights as they are written
    scale, ratio  as Rows have them; numbered: label -> the number that the trainer gets for it, empty where it is kept
    """

    pieces: Iterable[Rows]
    n_rows: int
    n_features: int
    weight: float
    scale: str
    ratio: float
    numbered: dict


@dataclass(frozen=True)
class Asked:
    """What a user asks of an export beside the target."""

    normalize: str = "auto"
    task: str = "auto"
    categorical: tuple[str, ...] | None = None
    known: Known | None = None  # what the rows are to be written like

    @property
    def task_or_known(self) -> str:
        """The task, that of ``known`` where none is given."""
        return self.known.task if self.task == "auto" and self.known is not None else self.task


def of_rows(dataset: Dataset, coreset: Coreset | None, exporter: Exporter, asked: Asked) -> Prepared:
    """All rows of ``dataset``, or with a coreset its rows, which ``dataset`` then has, in the order of the data.

    Raises DataError for labels that are no classes, UsageError for columns that are not there.
    """
    rows = weighted_rows(dataset, coreset, exporter, asked.normalize)
    n_rows, width = rows.features.shape
    rows = replace(rows, categorical=_categories(width, asked.categorical))
    labels, recorded = np.unique(rows.labels), _recorded_classes(coreset)
    if asked.known is not None:
        asked.known.check(map(dataset.label_value, labels.tolist()), width)
        recorded = _numbers(asked.known.classes)
    numbering = _numbering(labels, n_rows, recorded, exporter, asked.task_or_known, dataset.label_names)
    weight = float(rows.weight.sum())
    if numbering is not None and numbering.numbers is not None:
        rows = replace(rows, labels=numbering(rows.labels))
    shown = {} if numbering is None or rows.original is not None else numbering.shown
    return Prepared([rows], n_rows, width, weight, rows.scale, rows.ratio, shown)


def two_sums(weight: np.ndarray) -> tuple[float, float]:
    """The sum, and what rounding took of it: however numbers are cut into pieces, their sum is the same."""
    numbers = weight.tolist()
    whole = math.fsum(numbers)
    return whole, math.fsum([*numbers, -whole])


class Survey:
    """What has to be known of all rows before the first is written; ``known``: what they are to be written like."""

    def __init__(self, known: Known | None = None) -> None:
        self.known = known
        self.n_rows, self.width = 0, 0
        self.names: dict = {}
        self._weights: list[float] = []
        self._labels: list[np.ndarray] = []

    def add(self, piece: Dataset) -> None:
        self.n_rows += piece.n_rows
        self.width = max(self.width, piece.n_features)
        if piece.multiplicity is None:
            self._weights.append(float(piece.n_rows))
        else:
            self._weights += two_sums(piece.multiplicity)
        values = np.unique(piece.labels)
        self._labels.append(values)
        if piece.label_names is not None:
            self.names |= dict.fromkeys(map(piece.label_value, values.tolist()))

    @property
    def total(self) -> float:
        """The sum of all weights."""
        return math.fsum(self._weights)

    @property
    def labels(self) -> np.ndarray:
        """(k,) those that differ, ascending; of labels with names the positions in ``label_names``."""
        names = self.label_names
        return np.unique(np.concatenate(self._labels)) if names is None else np.arange(float(len(names)))

    @property
    def label_names(self) -> tuple | None:
        if self.known is not None and self.known.label_names is not None:
            return self.known.label_names
        return tuple(sorted(self.names)) if self.names else None

    def check(self) -> None:
        """Raise DataError for labels and features that are not those of ``known``."""
        if self.known is not None:
            self.known.check(self.names or self.labels.tolist(), self.width)


def of_pieces(pieces: Iterable[Dataset], survey: Survey, exporter: Exporter, asked: Asked) -> Prepared:
    """All rows of data of which ``survey`` has seen every piece, and which comes again with all its label names.

    Raises DataError as ``of_rows``.
    """
    survey.check()
    ratio = survey.total / survey.n_rows
    scale = exporter.scale if asked.normalize == "auto" else asked.normalize
    names = survey.label_names
    recorded = () if asked.known is None else _numbers(asked.known.classes)
    numbering = _numbering(survey.labels, survey.n_rows, recorded, exporter, asked.task_or_known, names)
    categorical = _categories(survey.width, asked.categorical)

    def rows() -> Iterator[Rows]:
        for piece in pieces:
            labels = piece.labels if numbering is None else numbering(piece.labels)
            yield Rows(piece.features, labels, _scaled(piece.counts, scale, ratio), None, scale, ratio, categorical)

    weight = survey.total if scale == "sum" else float(survey.n_rows)
    shown = {} if numbering is None else numbering.shown
    return Prepared(rows(), survey.n_rows, survey.width, weight, scale, ratio, shown)


def weighted_rows(dataset: Dataset, coreset: Coreset | None, exporter: Exporter, normalize: str) -> Rows:
    """The rows of ``dataset`` with their weights: gamma with the sum n, or with ``normalize`` "mean" gamma r / n.

    "auto" is the scale of the target, or "none" of a coreset whose weights are equal: all of them 1, and no column.

    With a coreset ``dataset`` has the coreset's rows only, in the order of the data; without one the weights are
    the multiplicities. A target of greedy order gets the rows of a coreset in that order.
    """
    table = dataset.original() if exporter.original and dataset.original is not None else None
    if coreset is None:
        weight = dataset.counts
        rank = None
    else:
        place = np.argsort(coreset.index)
        weight, rank = coreset.weight[place], coreset.rank[place]
        if exporter.greedy:
            order = np.argsort(rank)
            dataset, weight, rank = dataset.take(order), weight[order], rank[order]
            table = None if table is None else table.take(to_arrow(order))
    scale, ratio = normalize, float(weight.mean()) if coreset is not None else math.fsum(weight) / len(weight)
    if normalize == "auto":
        equal = coreset is not None and coreset.facts.weights == "equal"
        scale = "none" if equal else exporter.scale
    return Rows(dataset.features, dataset.labels, _scaled(weight, scale, ratio), rank, scale, ratio, original=table)


def of_tables(originals: Originals, exporter: Exporter, asked: Asked) -> Prepared:
    """All rows of tables with the columns that they have."""
    weights = originals.weights
    total = float(originals.n_rows) if weights is None else math.fsum(weights)
    ratio, scale = total / originals.n_rows, exporter.scale if asked.normalize == "auto" else asked.normalize

    def rows() -> Iterator[Rows]:
        for first, table in originals:
            end = first + len(table)
            weight = _scaled(np.ones(len(table)) if weights is None else weights[first:end], scale, ratio)
            yield Rows(np.empty((len(table), 0)), np.empty(0), weight, None, scale, ratio, original=table)

    weight = total if scale == "sum" else float(originals.n_rows)
    return Prepared(rows(), originals.n_rows, originals.columns, weight, scale, ratio, {})


def _scaled(weight: np.ndarray, scale: str, ratio: float) -> np.ndarray:
    if scale == "sum":
        return weight
    return weight / ratio if scale == "mean" else np.ones_like(weight)


def _categories(width: int, names: tuple[str, ...] | None) -> tuple[int, ...]:
    """The columns ``names``, x1 .. xd, which hold categories, from 0. Raises UsageError for others.

    Of sparse rows there are perhaps 2^31, so nothing here goes over all of them.
    """
    columns = []
    for name in names or ():
        number = int(name[1:]) if re.fullmatch(r"x[1-9][0-9]{0,9}", name) else 0
        if not 1 <= number <= width:
            raise UsageError(f"--categorical: expected names among x1 to x{width}, found {name!r}")
        columns.append(number - 1)
    return tuple(columns)


@dataclass(frozen=True)
class Numbering:
    """``numbers`` (k,) for the labels ``classes`` (k,), ascending; None where labels stay. ``shown``: for people."""

    classes: np.ndarray
    numbers: np.ndarray | None
    shown: dict = field(default_factory=dict)

    def __call__(self, labels: np.ndarray) -> np.ndarray:
        return labels if self.numbers is None else self.numbers[np.searchsorted(self.classes, labels)]


def _numbering(
    labels: np.ndarray, n_rows: int, recorded: Sequence[float], exporter: Exporter, task: str, names: tuple | None
) -> Numbering | None:
    """How the target wants the labels of ``n_rows`` rows, of which ``labels`` are those that differ; None: as they are.

    ``recorded`` are those that there are in the data that a coreset or a model was made from.
    ``names`` has the values whose positions the labels are, where they are no numbers: a target that takes them as they
    are gets the positions.

    ``task`` is "classification", "regression" or "auto", which goes by the labels as ``craig train`` does.
    Raises DataError for labels that are no classes.
    """
    if names is not None and exporter.labels is None:
        return Numbering(labels, None, {name: float(code) for code, name in enumerate(names)})
    if exporter.labels is None or task == "regression":
        return None
    recorded = recorded if names is None else [float(code) for code in range(len(names))]
    if not recorded and task == "auto" and not look_like_classes(labels, n_rows):
        return None
    classes = np.union1d(labels, recorded)
    try:
        numbers = exporter.labels(classes)
    except DataError as error:
        raise DataError(f"{error}; --task regression keeps it") from error
    shown = classes.tolist() if names is None else [names[int(code)] for code in classes]
    return Numbering(classes, numbers, dict(zip(shown, numbers.tolist())))


def _recorded_classes(coreset: Coreset | None) -> list[float]:
    """All labels of the data, not only those of the coreset's rows."""
    return _numbers(() if coreset is None else coreset.facts.labels)


def _numbers(labels: Iterable) -> list[float]:
    return [float(label) for label in labels if isinstance(label, float) and np.isfinite(label)]
