"""New weights for the rows of a coreset that is there already; rows and ranks stay.

A coreset's first k rows are a coreset of size k, but they want weights of their own; and weights that were calibrated
at one model can be calibrated at a better one:

    count       the numbers of rows nearest to each element
    calibrated  the coreset's own weights (of a prefix: in proportion to them, each class keeping its sum), moved so
                that the gradient at a model, or else the mean of each class, is that of all rows (weights/calibrate.py)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from craig_cli import jit
from craig_cli.artifacts.coreset import Coreset
from craig_cli.dataset import Dataset
from craig_cli.errors import DataError, UsageError
from craig_cli.selection.at_model import AtModel
from craig_cli.selection.bounds import exact_grid
from craig_cli.selection.classes import class_parts
from craig_cli.selection.groups import Group, build_groups, scaled_features
from craig_cli.selection.merge import merge, part_of
from craig_cli.selection.plan import Plan, check_distance
from craig_cli.selection.select import as_coreset
from craig_cli.selection.weights.clusters import cluster
from craig_cli.selection.weights.targets import calibrated_weights
from craig_cli.tables.frames import dataset_of

RENEWED = (  # of the metadata
    *("format", "kind", "version", "n", "total", "features", "size", "classes", "bound_constant", "inputs"),
    *("calibration", "at", "encoding", "sizes"),
)


def reweight_coreset(
    coreset: Coreset, features, labels=None, *, multiplicity=None, influence=None, **options
) -> Coreset:
    """``reweight_dataset`` for the arrays that ``coreset`` was selected from, as ``select_coreset`` takes them."""
    dataset = dataset_of(features, labels, multiplicity, coreset.encoding)
    at = None if influence is None else AtModel(np.asarray(influence, dtype=np.float64))
    return reweight_dataset(coreset, dataset, at=at, **options)


def reweight_dataset(
    coreset: Coreset,
    dataset: Dataset,
    *,
    weights: str = "calibrated",
    size: int | None = None,
    at: AtModel | None = None,
    name: str = "the coreset",
    threads: int | None = None,
) -> Coreset:
    """The first ``size`` elements of ``coreset`` (None: all) with new weights and bounds, in the same order.

    weights  "calibrated" or "count"
    at       the rows at the model to calibrate at; None: calibrated to the mean of each class

    Raises DataError where the coreset, which messages call ``name``, cannot have been selected from ``dataset``.
    """
    if weights not in ("calibrated", "count"):
        raise UsageError(f"weights: expected one of count, calibrated, found {weights!r}")
    size = len(coreset) if size is None else size
    if not 1 <= size <= len(coreset):
        raise UsageError(f"size: expected at most the {len(coreset)} elements of {name}, found {size}")
    jit.set_threads(threads)
    plan = _plan(coreset, dataset, name)
    index = coreset.index[:size]
    features, scaling = scaled_features(dataset, plan.scale)
    groups, units = build_groups(
        dataset,
        features,
        class_parts(dataset, plan.loss, plan.radius, plan.per_class),
        plan,
        scaling=scaling,
        at=at,
    )
    which, position, picks = _places(groups, index, dataset.n_rows)
    for group, part in zip(groups, picks):
        if len(part) == 0:
            assert group.label is not None  # of all rows together there is one
            raise UsageError(
                f"size: expected enough elements of {name} for each class to have one, found {size}, "
                f"none of them of class {dataset.label_text(group.label)}"
            )
    grid = exact_grid(sum(group.mass * group.farthest for group in groups))
    clusters = [cluster(group, part, grid) for group, part in zip(groups, picks)]
    own: Sequence[np.ndarray | None] = [None] * len(groups)
    settings = {key: value for key, value in coreset.metadata.items() if key not in RENEWED}
    settings |= {"units": units, "weights": weights, "from": _origin(coreset)}
    if weights == "calibrated":
        before = [coreset.weight[:size][which == number] for number in range(len(groups))]
        if any(part.sum() == 0.0 for part in before):
            raise DataError(f"{name}: expected weights above 0 in each class, found none in one")
        before = [part * (group.mass / part.sum()) for group, part in zip(groups, before)]
        own, settings["calibration"] = calibrated_weights(dataset, groups, picks, before, at)
    parts = [part_of(group, each, weight, grid) for group, each, weight in zip(groups, clusters, own)]
    return as_coreset(dataset, groups, merge(parts, which, position), settings)


def _origin(coreset: Coreset) -> dict:
    """What the weights were before."""
    return {"size": len(coreset), "weights": coreset.facts.weights}


def _plan(coreset: Coreset, dataset: Dataset, name: str) -> Plan:
    """The distance and the classes that ``coreset`` was selected with, from its metadata."""
    facts = coreset.facts
    settings: dict = {"metric": facts.metric, "scale": facts.scale, "loss": facts.loss, "radius": facts.radius}
    try:
        check_distance(**settings)
    except UsageError as error:
        raise DataError(f"{name}: expected the settings it was selected with in its metadata, found others") from error
    features = dataset.n_features if facts.features is None else facts.features
    if facts.n != dataset.n_rows or features != dataset.n_features:
        raise DataError(
            f"{name}: was selected from other data: expected {facts.n} rows of {features} features, "
            f"found {dataset.n_rows} of {dataset.n_features}"
        )
    return Plan(**settings, per_class=facts.labels != (None,))


def _places(groups: list[Group], index: np.ndarray, n_rows: int) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """(group of each element, its position among those of the group, rows of each group in their order)."""
    group_of = np.empty(n_rows, dtype=np.int64)
    row_of = np.empty(n_rows, dtype=np.int64)
    for number, group in enumerate(groups):
        group_of[group.rows] = number
        row_of[group.rows] = np.arange(len(group.rows))
    which = group_of[index]
    position = np.empty(len(index), dtype=np.int64)
    picks = []
    for number in range(len(groups)):
        mine = np.flatnonzero(which == number)
        position[mine] = np.arange(len(mine))
        picks.append(row_of[index[mine]])
    return which, position, picks
