"""The coreset that a selection makes, with what its metadata says of the data and the classes."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from craig_cli.artifacts.coreset import Coreset
from craig_cli.artifacts.model import provenance
from craig_cli.dataset import Source
from craig_cli.selection.merge import Selection
from craig_cli.tables.encoding import Encoding, Label
from craig_cli.version import __version__


class Described(Protocol):
    """What a coreset says of its data: a Dataset, or what is known of one that is not in memory."""

    @property
    def n_rows(self) -> int: ...
    @property
    def total(self) -> float: ...
    @property
    def n_features(self) -> int: ...
    @property
    def encoding(self) -> Encoding | None: ...
    @property
    def sources(self) -> tuple[Source, ...]: ...
    @property
    def rows(self) -> np.ndarray | None: ...
    def label_value(self, label: float) -> Label | float: ...


def coreset_of(
    dataset: Described,
    classes: list[tuple[float | None, int]],
    selection: Selection,
    settings: dict,
    bound_constant: float,
) -> Coreset:
    """The coreset of ``selection``.

    classes         (label, number of rows) of each class, or (None, all rows); settings: how it was selected
    bound_constant  the largest constant of a row, by which distances were multiplied
    """
    metadata = {
        "version": __version__,
        "n": dataset.n_rows,
        "total": dataset.total,
        "features": dataset.n_features,
        "size": len(selection.index),
        "classes": [
            {
                "label": None if label is None else dataset.label_value(label),
                "count": count,
                "quota": size,
                "epsilon": end,
            }
            for (label, count), size, end in zip(classes, selection.sizes, selection.class_epsilon)
        ],
        **settings,
        **({} if dataset.encoding in (None, Encoding()) else {"encoding": dataset.encoding.facts()}),
        "bound_constant": bound_constant,
        "inputs": provenance(dataset.sources),
    }
    return Coreset(
        index=selection.index if dataset.rows is None else dataset.rows[selection.index],
        weight=selection.weight,
        rank=np.arange(len(selection.index)),
        epsilon=selection.epsilon,
        metadata=metadata,
    )
