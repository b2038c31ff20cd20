"""Selecting a coreset (the method of section 3): classes, budget, greedy order, weights and the epsilon column."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from craig_cli import jit
from craig_cli.artifacts.coreset import Coreset
from craig_cli.artifacts.model import provenance
from craig_cli.dataset import Dataset, class_values, from_arrays, has_classes
from craig_cli.errors import DataError, UsageError
from craig_cli.registry import ALGORITHMS, LOSSES, METRICS, SCALES, load
from craig_cli.scaling import fit_scaling
from craig_cli.selection.bounds import FEATURE_DISTANCE, GRADIENT_NORM, exact_grid, gradient_constants
from craig_cli.selection.quotas import class_quotas, merge_orders
from craig_cli.selection.space import Space, build_space
from craig_cli.version import __version__

REGRESSION_LOSSES = ("squared",)
Progress = Callable[[float, float], None]


def select_coreset(
    features,
    labels=None,
    *,
    fraction: float | None = None,
    size: int | None = None,
    epsilon: float | None = None,
    multiplicity=None,
    **options,
) -> Coreset:
    """Select a coreset of arrays: ``index``, ``weight``, ``rank`` and ``epsilon``, all (r,), in greedy order.

    features      (n, d) array-like or scipy sparse matrix
    labels        (n,) class labels, or targets with ``loss="squared"``; None for rows without labels
    fraction      or size or epsilon: one of them says how much to select
    multiplicity  (n,) positive numbers, how many rows each row stands for
    options       those of ``select_dataset``: algorithm, metric, scale, loss, radius, per_class, seed, threads

    Raises UsageError (a ValueError) for arguments that make no sense and DataError (a ValueError) for such data.
    """
    dataset = from_arrays(features, labels, multiplicity)
    if labels is None:
        options["per_class"] = False
    return select_dataset(dataset, fraction=fraction, size=size, epsilon=epsilon, **options)


@dataclass
class _Group:
    """The rows selected from together: a class, or all of them."""

    label: float | None
    rows: np.ndarray
    space: Space
    constants: np.ndarray  # c_i times the multiplicity
    mass: float
    order: object = None  # what the algorithm returned: extend(), picks, gains


def select_dataset(
    dataset: Dataset,
    *,
    fraction: float | None = None,
    size: int | None = None,
    epsilon: float | None = None,
    algorithm: str = "auto",
    metric: str = "euclidean",
    scale: str = "none",
    loss: str | None = None,
    radius: float | None = None,
    per_class: bool = True,
    seed: int = 0,
    threads: int | None = None,
    memory_limit: int | None = None,
    progress: Progress | None = None,
    note: Callable[[str], None] | None = None,
) -> Coreset:
    """Select a coreset of ``dataset``; its metadata is complete and ready to be written.

    fraction   in (0, 1], or size (elements), or epsilon (the smallest greedy prefix whose bound is at most that,
               the cover problem of equation 12): exactly one
    algorithm  "auto" or a name in ``registry.ALGORITHMS``
    metric     "euclidean", "cosine" or "manhattan" distance between rows
    scale      scaling of the features for the distance, see scaling.py
    radius     with ``loss``: epsilon bounds the gradient error for all ||(w, b)|| <= radius; without, it is the sum
               of feature distances
    per_class  select within each class; a regression loss has no classes
    progress   called as progress(done, total); note: told in a line what the user should know
    """
    _check_names(algorithm, metric, scale, loss, radius)
    budget = _budget(dataset, fraction, size, epsilon)
    used = jit.set_threads(threads)
    del used
    generator = np.random.default_rng(seed)
    groups, units = _groups(dataset, metric, scale, loss, radius, per_class, note)
    algorithm = _algorithm(algorithm, groups, note)
    begin = load(ALGORITHMS, algorithm)
    if epsilon is not None and algorithm == "random":
        raise UsageError("--epsilon needs an algorithm with a greedy order, found random; give --fraction or --size")
    grid = exact_grid(sum(float(group.constants.sum()) * group.space.diameter for group in groups))

    if epsilon is None:
        masses = np.array([group.mass for group in groups])
        quotas = class_quotas(masses, budget, np.array([group.space.n_rows for group in groups]))
        report = _Report(progress, float(quotas.sum()))
        for group, quota in zip(groups, quotas):
            group.order = begin(group.space, generator, report.start(int(quota)))
            group.order.extend(int(quota), progress=report.picks)
            report.finish(int(quota))
        selection = _combine(groups, [group.order.picks for group in groups], grid, algorithm)
    else:
        selection = _cover(groups, begin, generator, epsilon, grid, algorithm, progress)
    return _coreset(dataset, groups, selection, units, algorithm, metric, scale, loss, radius, seed)


@dataclass(frozen=True)
class _Selection:
    index: np.ndarray
    weight: np.ndarray
    epsilon: np.ndarray
    sizes: list[int]
    class_epsilon: list[float]


def _combine(groups: list[_Group], picks: list[np.ndarray], grid: float, algorithm: str) -> _Selection:
    """All groups' picks as one greedy order, with weights and the bound of every prefix."""
    gains = [group.order.gains[: len(part)] for group, part in zip(groups, picks)]
    rows = [group.rows[part] for group, part in zip(groups, picks)]
    which, place = merge_orders(rows, gains, np.array([group.mass for group in groups]))
    index = np.empty(len(which), dtype=np.int64)
    weight = np.empty(len(which))
    change = np.empty(len(which))
    ends = []
    for number, (group, part) in enumerate(zip(groups, picks)):
        mine = which == number
        nearest, losses = group.space.assign(part, group.constants, grid)
        counts = np.bincount(nearest, weights=group.space.multiplicity, minlength=len(part))
        if algorithm == "random":
            weights = np.full(len(part), group.mass / len(part))
            losses = _shared_weights_bound(group, losses, counts, weights, grid)
        else:
            weights = counts
        index[mine] = rows[number][place[mine]]
        weight[mine] = weights[place[mine]]
        change[mine] = np.diff(losses, prepend=0.0)[place[mine]]
        ends.append(float(losses[-1]))
    epsilon = np.cumsum(change)  # whole multiples of the grid: exact
    epsilon[: len(groups) - 1] = np.inf  # the first picks of all groups come first
    return _Selection(index, weight, epsilon, [len(part) for part in picks], ends)


def _shared_weights_bound(group: _Group, losses, counts, weights, grid) -> np.ndarray:
    """Bounds of prefixes whose elements all weigh the same: what is not at its nearest element is moved there.

    Sending the rows to elements in any proportions gives a valid bound, sum of mass times distance (equation 5 with
    a fractional assignment). Elements that serve more rows than they weigh pass the excess on, over a distance of
    at most the diameter.
    """
    farthest = group.space.diameter * float(group.constants.max() / group.space.multiplicity.min())
    size = np.arange(1, len(losses) + 1)
    ones = group.space.multiplicity.min() == group.space.multiplicity.max() == 1.0
    # Of n rows k are elements themselves and keep their own mass of 1; without that, all of it may have to move.
    excess = group.mass - size * 1.0 if ones else np.full(len(size), group.mass)
    bound = losses + excess * farthest
    bound[-1] = min(bound[-1], losses[-1] + np.maximum(counts - weights, 0.0).sum() * farthest)
    return np.ceil(bound / grid) * grid


def _cover(groups, begin, generator, epsilon, grid, algorithm, progress) -> _Selection:
    """The smallest prefix of the greedy order whose bound is at most ``epsilon``."""
    for group in groups:
        group.order = begin(group.space, generator, None)
    goal = None
    threshold = np.inf
    while True:
        # Every group's picks above a common gain are a prefix of the common order; lower the gain until it is enough.
        for group in groups:
            group.order.extend(group.space.n_rows, min_gain=threshold)
        picks = [group.order.picks for group in groups]
        selection = _combine(groups, picks, grid, algorithm)
        reached = float(selection.epsilon[-1])
        goal = reached if goal is None else goal
        if progress is not None and goal > epsilon:
            progress(min(1.0, (goal - reached) / (goal - epsilon)), 1.0)
        if reached <= epsilon or all(len(part) == group.space.n_rows for part, group in zip(picks, groups)):
            break
        threshold = min(threshold, max(_next_gain(group) for group in groups)) / 2
    enough = np.flatnonzero(selection.epsilon <= epsilon)
    if len(enough) == 0:
        raise DataError(f"epsilon {epsilon:g}: cannot be reached, all rows together give {selection.epsilon[-1]:g}")
    kept = selection.index[: enough[0] + 1]
    prefix = [part[: int(np.isin(group.rows[part], kept).sum())] for group, part in zip(groups, picks)]
    return _combine(groups, prefix, grid, algorithm)


def _next_gain(group: _Group) -> float:
    gains = group.order.gains
    if len(gains) > 1:
        return float(gains[-1])
    return float(group.space.diameter * group.space.multiplicity.sum())


def _groups(dataset: Dataset, metric, scale, loss, radius, per_class, note) -> tuple[list[_Group], str]:
    multiplicity = np.ones(dataset.n_rows) if dataset.multiplicity is None else dataset.multiplicity
    rows = fit_scaling(scale, dataset.features, dataset.multiplicity).apply(dataset.features)
    constants = np.ones(dataset.n_rows)
    label_unit = 1.0
    regression = loss in REGRESSION_LOSSES
    if regression:
        per_class = False
        column, label_unit = _label_column(dataset.labels, scale)
    elif per_class and not has_classes(dataset.labels):
        raise DataError(
            f"{dataset.name}: expected class labels, found what looks like regression targets; "
            "give --loss squared, or --no-per-class to leave the labels out"
        )
    units = FEATURE_DISTANCE
    if radius is not None:
        constants = gradient_constants(rows, dataset.labels, loss, radius, label_unit)
        units = GRADIENT_NORM
    if regression:
        rows = sp.hstack([rows, column[:, None]], format="csr") if sp.issparse(rows) else np.column_stack([rows, column])
    if not per_class:
        space = build_space(rows, metric, multiplicity)
        return [_Group(None, np.arange(dataset.n_rows), space, constants * multiplicity, float(multiplicity.sum()))], units
    classes, codes = class_values(dataset.labels)
    if len(classes) == 1:
        raise DataError(
            f"{dataset.name}: expected at least two classes, found only the label {classes[0]:g}; "
            "give --no-per-class to select from all rows together"
        )
    groups = []
    for code, label in enumerate(classes):
        members = np.flatnonzero(codes == code)
        counts = multiplicity[members]
        space = build_space(rows[members], metric, counts)
        groups.append(_Group(float(label), members, space, constants[members] * counts, float(counts.sum())))
    return groups, units


def _label_column(labels: np.ndarray, scale: str) -> tuple[np.ndarray, float]:
    """The label as one more coordinate, scaled as the features are: (column (n,), what 1 in it stands for)."""
    scaling = fit_scaling(scale, labels[:, None])
    unit = 1.0 if scaling.factor is None else 1.0 / float(scaling.factor[0])
    return scaling.apply(labels[:, None])[:, 0], unit


def _algorithm(name: str, groups: list[_Group], note) -> str:
    return "lazy" if name == "auto" else name


def _budget(dataset: Dataset, fraction, size, epsilon) -> int:
    given = {"fraction": fraction, "size": size, "epsilon": epsilon}
    if sum(value is not None for value in given.values()) != 1:
        found = " and ".join(name for name, value in given.items() if value is not None) or "none"
        raise UsageError(f"expected one of fraction, size and epsilon, found {found}")
    if fraction is not None:
        if not 0.0 < fraction <= 1.0:
            raise UsageError(f"fraction: expected a number above 0 and at most 1, found {fraction:g}")
        return max(1, round(fraction * dataset.n_rows))
    if size is not None:
        if size < 1:
            raise UsageError(f"size: expected at least 1, found {size}")
        if size > dataset.n_rows:
            raise UsageError(f"size: expected at most the {dataset.n_rows} rows of {dataset.name}, found {size}")
        return int(size)
    if not epsilon >= 0.0:
        raise UsageError(f"epsilon: expected a number of 0 or more, found {epsilon:g}")
    return 0


def _check_names(algorithm, metric, scale, loss, radius) -> None:
    choices = {
        "algorithm": (algorithm, ("auto", *ALGORITHMS)),
        "metric": (metric, METRICS),
        "scale": (scale, SCALES),
        "loss": (loss, (None, *LOSSES)),
    }
    for what, (value, allowed) in choices.items():
        if value not in allowed:
            names = ", ".join(str(name) for name in allowed if name is not None)
            raise UsageError(f"{what}: expected one of {names}, found {value!r}")
    if radius is not None:
        if loss is None:
            raise UsageError("radius: expected a loss to go with it (--loss), found none")
        if not (0.0 < radius < np.inf):
            raise UsageError(f"radius: expected a positive number, found {radius:g}")
        if metric != "euclidean":
            raise UsageError(f"radius: the bound on the gradient holds for the euclidean metric, found {metric}")


def _coreset(dataset, groups, selection, units, algorithm, metric, scale, loss, radius, seed) -> Coreset:
    shares = [group.constants / group.space.multiplicity for group in groups]
    metadata = {
        "version": __version__,
        "n": dataset.n_rows,
        "total": dataset.total,
        "features": dataset.n_features,
        "classes": [
            {"label": group.label, "count": group.space.n_rows, "quota": size, "epsilon": end}
            for group, size, end in zip(groups, selection.sizes, selection.class_epsilon)
        ],
        "size": len(selection.index),
        "loss": loss,
        "metric": metric,
        "scale": scale,
        "radius": radius,
        "bound_constant": max(float(share.max()) for share in shares),
        "units": units,
        "algorithm": algorithm,
        "seed": seed,
        "inputs": provenance(dataset.sources),
    }
    return Coreset(
        index=selection.index if dataset.rows is None else dataset.rows[selection.index],
        weight=selection.weight,
        rank=np.arange(len(selection.index)),
        epsilon=selection.epsilon,
        metadata=metadata,
    )


class _Report:
    """Turns the groups' progress into progress(done, total): one half of a group is its first pass, one its picks."""

    def __init__(self, progress: Progress | None, total: float):
        self._progress = progress
        self._total = total
        self._done = 0.0
        self._quota = 0

    def start(self, quota: int) -> Callable[[float], None] | None:
        self._quota = quota
        if self._progress is None:
            return None
        return lambda share: self._progress(self._done + 0.5 * share * quota, self._total)

    def picks(self, count: int) -> None:
        if self._progress is not None:
            self._progress(self._done + 0.5 * (self._quota + count), self._total)

    def finish(self, quota: int) -> None:
        self._done += quota
        if self._progress is not None:
            self._progress(self._done, self._total)
