"""What rows are selected by at a model: their influence there, and where wanted their features beside it.

Distances between influence vectors are distances between gradients at the model (equation 6), which is what a linear
model feels of a row, and all that it feels. Other trainers see the features too. In the joint space of both,

    J_i = (h_i / mean ||h||,  share * x_i / mean ||x||),        x centred, of a regression with the target beside it,

rows are near each other that pull alike and look alike: the paper's distance, hedged with that of the features. With
||h_i|| / mean ||h|| to a power below 1 in place of itself, rows that the model has very wrong stand out less. So do
values far from the mean of their column, v deviations, which count as v / sqrt(1 + (v / REACH)^2): columns with heavy
tails would else have most of the picks far out. A column of two values, such as one of a category, has no tail.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from craig_cli.dataset import Dataset
from craig_cli.scaling import CHUNK, LABELS, Scaling, column_range, fit_scaling, scaling_for
from craig_cli.selection.distances.inverted_index import sketch

UNEVEN = (
    30.0  # deviations of columns that differ by more than this, the tenths at both ends aside, are no units to go by
)
REACH = 5.0  # deviations that no value counts more than
TWO_VALUES = 1.0 + 1e-6  # times its variance, which no other column's (high - mean) (mean - low) is as little as


@dataclass(frozen=True)
class AtModel:
    """Rows at a model.

    influence  (n, q) influence vectors, or gradients at the model as they are
    gradients  where those are a sketch, the whole of them for weights to be calibrated to (weights/targets.py)
    cost       of (rows, weights): the objective of all rows at the model that those train, where it can be had
    beside     the features that distances go by as well, or None
    quotas     classes get picks by their influence to this power, and by their rows to the rest of 1
    """

    influence: np.ndarray
    gradients: Any = None
    cost: Callable[[np.ndarray, np.ndarray], float] | None = None
    beside: Beside | None = None
    quotas: float = 1.0

    @property
    def width(self) -> int:
        """Numbers of a row's vector."""
        return self.influence.shape[1] + (0 if self.beside is None else self.beside.width)

    def vectors(self, rows: np.ndarray) -> np.ndarray:
        """(m, width) float64: what the ``rows`` (m,) are near to each other by."""
        if self.beside is None:
            return self.influence[rows]
        vectors = np.empty((len(rows), self.width))
        for start in range(0, len(rows), CHUNK):  # no second copy of the data
            part = rows[start : start + CHUNK]
            targets = None if self.beside.targets is None else self.beside.targets[part]
            features = self.beside.features[part]
            self.beside.joint.fill(self.influence[part], features, targets, vectors[start : start + CHUNK])
        return vectors


@dataclass(frozen=True)
class Shrunk:
    """Columns of features centred and in units, of which what is far out is shrunk.

    reach  (d,) in those units, that no value counts more than; infinite where none is shrunk. None: nowhere
    """

    scaling: Scaling
    reach: np.ndarray | None = None

    def apply(self, features: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """(n, d) float64 of the ``features`` (n, d), in ``out``."""
        columns = self.scaling.apply(features, out=out)
        if self.reach is not None:
            for start in range(0, len(columns), CHUNK):
                part = columns[start : start + CHUNK]
                part /= np.sqrt(1.0 + np.square(part / self.reach))
        return columns

    def times(self, length: float) -> Shrunk:
        """The same with all columns as many times as long."""
        return Shrunk(self.scaling.times(length), None if self.reach is None else self.reach * length)


@dataclass(frozen=True)
class Joint:
    """What brings influence vectors and features of any rows into the joint space.

    columns  the features (d,), with mean 0 and their share of the space
    target   of the targets of a regression likewise, else None
    unit     mean norm of an influence vector, whose norm counts to a ``power``
    """

    columns: Shrunk
    target: Scaling | None
    unit: float
    power: float = 1.0

    def fill(self, influence: np.ndarray, features: np.ndarray, targets: np.ndarray | None, out: np.ndarray) -> None:
        """Write rows of the space, (m, q + d) or with targets (m,) one more, into ``out``, from influence (m, q)."""
        width, beside = influence.shape[1], influence.shape[1] + features.shape[1]
        out[:, :width] = self._damped(influence)
        self.columns.apply(features, out=out[:, width:beside])
        if self.target is not None and targets is not None:
            self.target.apply(targets[:, None], out=out[:, beside:])

    def _damped(self, influence: np.ndarray) -> np.ndarray:
        """The influence vectors in units of their mean norm."""
        if self.power == 1.0:
            return influence / self.unit
        norms = np.sqrt(np.einsum("ij,ij->i", influence, influence)) / self.unit
        return influence * (np.maximum(norms, 1e-12) ** (self.power - 1.0) / self.unit)[:, None]


@dataclass(frozen=True)
class Beside:
    """The features (n, d), of sparse data a sketch, and of a regression the targets (n,), for the joint space."""

    features: np.ndarray
    targets: np.ndarray | None
    joint: Joint

    @property
    def width(self) -> int:
        return self.features.shape[1] + (self.targets is not None)


def joint(
    dataset: Dataset, influence: np.ndarray, share: float, scale: str, is_regression: bool, power: float = 1.0
) -> Beside:
    """The features beside ``influence`` (n, q), of ``share`` times its weight, in the units of ``scale``.

    Where ``scale`` is "none" columns of uneven deviations are standardised: which units they are in says nothing.
    """
    counts, features = dataset.counts, dataset.features
    total = counts.sum()
    standard = scaling_for(dataset, "standard")
    chosen = units_of(scale, standard, scaling_for(dataset, scale))
    if sp.issparse(features):
        features = sketch(chosen.apply(features))
        columns = Shrunk(Scaling("joint", counts @ features / total, np.ones(features.shape[1])))
    else:
        columns = shrunk(standard, chosen, *column_range(features))
    targets = dataset.labels if is_regression else None
    target = None if targets is None else fit_scaling("standard", targets[:, None], dataset.multiplicity, LABELS)
    parts = columns, target
    size = float(counts @ norms(*parts, features, targets) / total)
    return Beside(features, targets, measured(*parts, size, influence, counts, share, power))


def units_of(scale: str, standard: Scaling, chosen: Scaling) -> Scaling:
    """``chosen``, the scaling ``scale`` of some columns; but of uneven ones, where that is "none", the standard one."""
    assert standard.factor is not None
    return standard if scale == "none" and _uneven(1.0 / standard.factor) else chosen


def shrunk(standard: Scaling, chosen: Scaling, low: np.ndarray, high: np.ndarray) -> Shrunk:
    """Dense columns from ``low`` to ``high`` (d,), whose ``standard`` scaling is this, in the units of ``chosen``.

    Which of them have two values their variance says (Bhatia and Davis 2000): that of any other is less than
    (high - mean) (mean - low).
    """
    assert standard.shift is not None and standard.factor is not None
    mean = standard.shift
    factor = np.ones(len(mean)) if chosen.factor is None else chosen.factor
    two = ((high - mean) * standard.factor) * ((mean - low) * standard.factor) <= TWO_VALUES
    return Shrunk(Scaling("joint", mean, factor), np.where(two, np.inf, REACH * factor / standard.factor))


def norms(columns: Shrunk, target: Scaling | None, features: np.ndarray, targets) -> np.ndarray:
    """(n,) of features (n, d) and targets (n,) that are brought to the same units."""
    squares = np.zeros(len(features)) if target is None else target.apply(targets[:, None])[:, 0] ** 2
    for start in range(0, len(features), CHUNK):
        part = columns.apply(features[start : start + CHUNK])
        squares[start : start + CHUNK] += np.einsum("ij,ij->i", part, part)
    return np.sqrt(squares)


def measured(
    columns: Shrunk, target: Scaling | None, size: float, influence: np.ndarray, counts, share: float, power: float
) -> Joint:
    """The joint space in which the features have ``share`` times the weight of the influence.

    columns, target  centre features and targets and bring them to the same units, in which ``size`` is their mean norm
    influence        (n, q) of the rows that its mean norm is taken of, which count ``counts`` (n,)
    """
    length = share / max(size, 1e-300)
    unit = float(counts @ np.sqrt(np.einsum("ij,ij->i", influence, influence)) / counts.sum())
    target = None if target is None else target.times(length)
    return Joint(columns.times(length), target, unit if unit > 0.0 else 1.0, power)


def _uneven(deviations: np.ndarray) -> bool:
    some = np.sort(deviations)
    tenth = len(some) // 10
    low, middle, high = some[tenth], some[len(some) // 2], some[-1]
    return bool(high > UNEVEN * middle or some[-1 - tenth] > UNEVEN * low)
