"""The rows that are selected from together: each class, or all of them, arranged for distances and bounds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import scipy.sparse as sp

from craig_cli.dataset import Dataset, is_csr
from craig_cli.registry import METRICS, load
from craig_cli.scaling import LABELS, MOST_COLUMNS_KEPT, Scaling, fit_scaling, scaling_for
from craig_cli.selection.algorithms.strata import masses
from craig_cli.selection.at_model import AtModel
from craig_cli.selection.bounds import (
    FEATURE_DISTANCE,
    GRADIENT_NORM,
    gradient_bounds,
    gradient_constants,
)
from craig_cli.selection.classes import Part
from craig_cli.selection.distances.inverted_index import occurring_columns
from craig_cli.selection.distances.space import Space, build_space
from craig_cli.selection.duplicates import representatives
from craig_cli.selection.plan import Plan

MOST_DUPLICATES = 0.98  # equal rows are merged where that leaves fewer than this share of the rows


@dataclass(frozen=True)
class Group:
    """The rows selected from together.

    label      the class, or None for all rows
    rows       (m,) int64 rows of the data set; of equal rows only the first
    twins      (t,) int64 rows of the data set that are equal to one of those, twin_of its index in ``rows``,
               twin_multiplicity what each counts
    space      the rows with the metric of their features, in which epsilon is measured
    search     what the algorithm works in: the same, or the rows at a model
    influence  of the rows at a model, all together (algorithms/strata.py), 1 without one
    constants  (m,) float64 c_i times the multiplicity, see bounds.py
    steepest   (m,) float64 bound of ||grad f_i||, or None where epsilon is in feature distance
    """

    label: float | None
    rows: np.ndarray
    twins: np.ndarray
    twin_of: np.ndarray
    twin_multiplicity: np.ndarray
    space: Space
    search: Space
    influence: float
    constants: np.ndarray
    steepest: np.ndarray | None

    @property
    def n_rows(self) -> int:
        return len(self.rows) + len(self.twins)

    @property
    def mass(self) -> float:
        return float(self.space.multiplicity.sum())

    @property
    def farthest(self) -> float:
        """No two gradients of rows of the group differ by more than this (bounds.py)."""
        return self.space.diameter * float((self.constants / self.space.multiplicity).max())


def scaled_features(dataset: Dataset, scale: str) -> tuple[np.ndarray | sp.csr_matrix, Scaling]:
    """(features, the scaling that distances see them in): of very many sparse columns only those that occur."""
    rows = dataset.features
    if not is_csr(rows) or dataset.n_features <= MOST_COLUMNS_KEPT:
        return rows, scaling_for(dataset, scale)
    features, indices = occurring_columns(rows), rows.indices
    named = lambda column: dataset.column_text(int(np.unique(indices)[column]))  # noqa: E731
    return features, fit_scaling(scale, features, dataset.multiplicity, named)


def build_groups(
    dataset: Dataset,
    features: np.ndarray | sp.csr_matrix,
    parts: list[Part],
    plan: Plan,
    *,
    scaling: Scaling | None = None,
    block: int | None = None,
    merge: bool = False,
    at: AtModel | None = None,
) -> tuple[list[Group], str]:
    """(the groups, the units of epsilon).

    features      (n, d) of which the distances are, scaled by ``scaling`` when a class has its turn, for memory is dear
    plan          its metric, scale, loss and radius are what distances and bounds go by
    merge         for greedy algorithms: of equal rows keep the first, with the multiplicities of all
    at            the rows at a model: greedy algorithms search among their vectors, strata are of equal ones
    """
    multiplicity = dataset.counts
    column, label_unit = _label_column(dataset.labels, plan.scale) if plan.is_regression else (None, 1.0)
    constants, steepest = _constants(dataset, features, plan, scaling, label_unit)
    groups = []
    for label, members in parts:
        source = _source(features, members, scaling, column)
        part = source() if callable(source) else source
        unique, twins, twin_of, counts = _merged(part, multiplicity[members], merge)
        kept = members[unique]
        if len(twins):
            part, source = part[unique], partial(_taken, features, kept, scaling, column)
        influence = 1.0 if at is None else float(masses(at.influence[kept], counts).sum())
        space = build_space(source, plan.metric, counts, block if at is None or not merge else None, made=part)
        del part  # before the next class has its own
        search = space
        if at is not None:  # made when a class has its turn: of all classes they would be twice the data
            vectors = partial(at.vectors, kept)
            search = build_space(vectors, "euclidean", counts, block) if merge else replace(space, vectors=vectors)
        group = Group(
            label=label,
            rows=kept,
            twins=members[twins],
            twin_of=twin_of,
            twin_multiplicity=multiplicity[members[twins]],
            space=space,
            search=search,
            influence=influence,
            constants=constants[kept] * counts,
            steepest=None if steepest is None else steepest[kept],
        )
        groups.append(group)
    return groups, FEATURE_DISTANCE if plan.radius is None else GRADIENT_NORM


def _constants(
    dataset: Dataset, features, plan: Plan, scaling: Scaling | None, label_unit: float
) -> tuple[np.ndarray, np.ndarray | None]:
    """(what a distance of each row is multiplied by, bound of each row's gradient), (n,); no radius: (1, None)."""
    if plan.radius is None:
        return np.ones(dataset.n_rows), None
    assert plan.loss is not None
    rows = features if scaling is None else scaling.apply(features)
    stretch = load(METRICS, plan.metric).euclidean(rows.shape[1] + plan.is_regression)
    constants = gradient_constants(rows, dataset.labels, plan.loss, plan.radius, label_unit, stretch)
    return constants, gradient_bounds(rows, dataset.labels, plan.loss, plan.radius)


def _source(features, members: np.ndarray, scaling: Scaling | None, column: np.ndarray | None):
    """The rows ``members`` as distances take them, or what makes them; no copy of all rows as they are."""
    as_they_are = column is None and (scaling is None or scaling.factor is None)
    if as_they_are and len(members) == features.shape[0]:
        return features
    return partial(_taken, features, members, scaling, column)


def _taken(features, members: np.ndarray, scaling: Scaling | None, column: np.ndarray | None):
    """The rows ``members``, scaled, of a regression with their labels, the ``column`` (n,), as one more coordinate."""
    part = features[members]
    if scaling is not None:
        part = scaling.apply(part) if sp.issparse(part) else scaling.apply(part, out=part)
    if column is None:
        return part
    more = column[members, None]
    return sp.hstack([part, more], format="csr") if sp.issparse(part) else np.column_stack([part, more])


def _merged(part, multiplicity: np.ndarray, merge: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(unique, twins, twin_of, counts): of equal rows the first, the others and their indices, what each one counts."""
    everything = np.arange(part.shape[0])
    first = representatives(part) if merge else everything
    unique = np.flatnonzero(first == everything)
    if len(unique) > MOST_DUPLICATES * len(first):
        unique = first = everything
    twins = np.flatnonzero(first != everything)
    position = np.zeros(len(first), dtype=np.int64)
    position[unique] = np.arange(len(unique))
    counts = np.bincount(position[first], weights=multiplicity, minlength=len(unique))
    return unique, twins, position[first[twins]], counts


def _label_column(labels: np.ndarray, scale: str) -> tuple[np.ndarray, float]:
    """The label as one more coordinate, scaled as the features are: (column (n,), what 1 in it stands for)."""
    scaling = fit_scaling(scale, labels[:, None], named=LABELS)
    unit = 1.0 if scaling.factor is None else 1.0 / float(scaling.factor[0])
    return scaling.apply(labels[:, None])[:, 0], unit
