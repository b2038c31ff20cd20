"""From a data set, and perhaps a coreset of it, to the rows that an exporter writes."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from craig_cli.artifacts.coreset import Coreset
from craig_cli.dataset import Dataset, has_classes
from craig_cli.errors import DataError, UsageError
from craig_cli.exporters import Exporter, Rows
from craig_cli.formats.arrow import to_arrow


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
    scale, ratio = normalize, float(weight.mean())
    if normalize == "auto":
        equal = coreset is not None and coreset.facts.weights == "equal"
        scale = "none" if equal else exporter.scale
    if scale != "sum":
        weight = weight / ratio if scale == "mean" else np.ones_like(weight)
    return Rows(dataset.features, dataset.labels, weight, rank, scale, ratio, original=table)


def with_categories(rows: Rows, names: tuple[str, ...] | None) -> Rows:
    """``rows`` with the columns ``names``, x1 .. xd, as categories. Raises UsageError for others."""
    width = rows.features.shape[1]  # of sparse rows perhaps 2^31, so nothing here goes over all of them
    columns = []
    for name in names or ():
        number = int(name[1:]) if re.fullmatch(r"x[1-9][0-9]{0,9}", name) else 0
        if not 1 <= number <= width:
            raise UsageError(f"--categorical: expected names among x1 to x{width}, found {name!r}")
        columns.append(number - 1)
    return replace(rows, categorical=tuple(columns))


def number_labels(
    rows: Rows, coreset: Coreset | None, exporter: Exporter, task: str, names: tuple | None = None
) -> tuple[Rows, dict]:
    """(the rows with their labels as the trainer wants them, {label: number} or nothing where they are kept).

    ``names`` has the values whose positions the labels are, where they are no numbers: a target that takes them as they
    are gets the positions.

    ``task`` is "classification", "regression" or "auto", which goes by the labels as ``craig train`` does.
    Raises DataError for labels that are no classes.
    """
    if names is not None and exporter.labels is None:
        return rows, {} if rows.original is not None else {name: float(code) for code, name in enumerate(names)}
    if exporter.labels is None or task == "regression":
        return rows, {}
    recorded = _recorded_classes(coreset) if names is None else [float(code) for code in range(len(names))]
    if not recorded and not has_classes(rows.labels, task):
        return rows, {}
    classes = np.union1d(rows.labels, recorded)
    try:
        numbers = exporter.labels(classes)
    except DataError as error:
        raise DataError(f"{error}; --task regression keeps it") from error
    labels = numbers[np.searchsorted(classes, rows.labels)]
    shown = classes.tolist() if names is None else [names[int(code)] for code in classes]
    return replace(rows, labels=labels), dict(zip(shown, numbers.tolist()))


def _recorded_classes(coreset: Coreset | None) -> list[float]:
    """All labels of the data, not only those of the coreset's rows."""
    labels = () if coreset is None else coreset.facts.labels
    return [float(label) for label in labels if isinstance(label, float) and np.isfinite(label)]
