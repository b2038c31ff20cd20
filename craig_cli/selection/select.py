"""Selecting a coreset (the method of section 3): classes, budget, greedy order, weights and the epsilon column."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import scipy.sparse as sp

from craig_cli import jit
from craig_cli.artifacts.coreset import Coreset
from craig_cli.artifacts.model import provenance
from craig_cli.dataset import Dataset, class_values, from_arrays, has_classes
from craig_cli.errors import DataError, UsageError
from craig_cli.registry import ALGORITHMS, LOSSES, METRICS, SCALES, WEIGHTS, load
from craig_cli.scaling import fit_scaling
from craig_cli.selection.algorithms import Options
from craig_cli.selection.bounds import FEATURE_DISTANCE, GRADIENT_NORM, exact_grid, gradient_constants
from craig_cli.selection.calibrate import calibrate
from craig_cli.selection.duplicates import representatives
from craig_cli.selection.memory import check_memory
from craig_cli.selection.quotas import class_quotas, merge_orders
from craig_cli.selection.space import Space, build_space
from craig_cli.selection.stochastic import DELTA
from craig_cli.selection.strata import masses as strata_masses
from craig_cli.selection.swaps import swap_medoids
from craig_cli.selection.vectors import WIDTH
from craig_cli.version import __version__

REGRESSION_LOSSES = ("squared",)
BLOCK_SIZE = 1024  # rows of a block of the partition algorithm
SWAPS = 1  # rounds of medoid swaps after partition; the second one brings a tenth of what the first does
EXACT_WORK = 1e11  # up to about this many coordinate operations, exact greedy is a matter of seconds
UNRANKED = ("strata", "random", "random-uniform")  # algorithms without a greedy order and with weights of their own
MOST_MOMENTS = 2048  # totals that weights are calibrated to without a model
MOST_DUPLICATES = 0.98  # equal rows are merged where that leaves fewer than this share of the rows
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
    options       those of ``select_dataset``: algorithm, metric, scale, loss, radius, per_class, swaps, seed, ...

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
    rows: np.ndarray  # of the data set; of equal rows only the first
    twins: np.ndarray  # rows of the data set that are equal to one of those
    twin_of: np.ndarray  # and its place in ``rows``
    twin_multiplicity: np.ndarray
    space: Space
    constants: np.ndarray  # c_i times the multiplicity
    order: object = None  # what the algorithm returned: extend(), picks, gains

    @property
    def n_rows(self) -> int:
        return len(self.rows) + len(self.twins)

    @property
    def mass(self) -> float:
        return float(self.space.multiplicity.sum())


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
    influence: np.ndarray | None = None,
    weights: str = "count",
    block_size: int = BLOCK_SIZE,
    swaps: int | None = None,
    delta: float = DELTA,
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
    per_class  select within each class; a regression loss has no classes, and random-uniform does not heed them
    influence  (n, q) float64 influence vectors of the rows at some model: strata and calibrated weights go by them
    weights    "count" as the algorithm has them, or "calibrated" (calibrate.py)
    block_size rows of a block of the partition algorithm; larger is slower and closer to exact greedy
    swaps      rounds of medoid swaps after the greedy; None is 1 for partition and 0 for the others
    delta      of the stochastic algorithm's guarantee, 1 - 1/e - delta of the optimum in expectation
    memory_limit  bytes the selection may take; None is what the machine has free
    progress   called as progress(done, total); note: told in a line what the user should know
    """
    _check_names(algorithm, metric, scale, loss, radius, weights)
    budget = _budget(dataset, fraction, size, epsilon)
    jit.set_threads(threads)
    generator = np.random.default_rng(seed)
    if block_size < 1 or not 0.0 < delta < 1.0:
        raise UsageError("expected a block size of at least 1 and a delta between 0 and 1, found others")
    if algorithm == "random-uniform":  # draws from all rows alike
        if radius is not None and loss not in REGRESSION_LOSSES:
            raise UsageError(f"radius: the bound for the {loss} loss needs classes, which random-uniform does not heed")
        per_class = False
    parts = _parts(dataset, loss, radius, per_class)
    algorithm = _algorithm(algorithm, dataset, parts, note)
    if epsilon is not None and (algorithm in UNRANKED or weights != "count"):
        found = algorithm if algorithm in UNRANKED else f"{weights} weights"
        raise UsageError(f"epsilon needs a greedy order with counts as weights, found {found}; give a size")
    block = -(-block_size // WIDTH) * WIDTH if algorithm == "partition" else None
    check_memory(dataset, scale, block, memory_limit)
    swaps = (SWAPS if algorithm == "partition" else 0) if swaps is None else swaps
    merge = algorithm not in UNRANKED and weights == "count"  # those draw from all rows alike, or weigh them singly
    groups, units = _groups(dataset, parts, metric, scale, loss, radius, block, merge, influence)
    algorithm_options = Options(block_size=block or WIDTH, delta=delta)
    begin = partial(load(ALGORITHMS, algorithm), options=algorithm_options, generator=generator)
    grid = exact_grid(sum(float(group.constants.sum()) * group.space.diameter for group in groups))

    if epsilon is None:
        masses = np.array([group.mass for group in groups])
        if algorithm == "strata" and influence is not None:
            masses = np.array([strata_masses(group.space.vectors, group.space.multiplicity).sum() for group in groups])
        quotas = class_quotas(masses, budget, np.array([group.n_rows for group in groups]))
        report = _Report(progress, float(quotas.sum()))
        picks = []
        for group, quota in zip(groups, quotas):
            group.order = begin(group.space, progress=report.start(int(quota)))
            group.order.extend(min(int(quota), len(group.rows)), progress=report.picks)
            picks.append(group.order.picks)
            report.finish(int(quota))
        extra = [int(quota) - len(part) for quota, part in zip(quotas, picks)]
    else:
        picks = _cover(groups, begin, epsilon, grid, progress)
        extra = [0] * len(groups)
    gains = [group.order.gains[: len(part)] for group, part in zip(groups, picks)]
    if swaps > 0 and algorithm not in UNRANKED:
        picks = [swap_medoids(group.space, part, swaps) for group, part in zip(groups, picks)]
    calibration = None
    own_weights = [getattr(group.order, "weights", None) for group in groups]
    if weights == "calibrated":
        own_weights, calibration = _calibrated(dataset, groups, picks, own_weights, influence, grid)
    selection = _combine(groups, picks, gains, extra, grid, own_weights)
    settings = {"metric": metric, "scale": scale, "loss": loss, "radius": radius, "units": units}
    settings |= {"algorithm": algorithm, "block_size": block, "swaps": swaps, "weights": weights, "seed": seed}
    if algorithm == "stochastic":
        settings["delta"] = delta
    if calibration is not None:
        settings["calibration"] = calibration
    return _coreset(dataset, groups, selection, settings)


@dataclass(frozen=True)
class _Selection:
    index: np.ndarray
    weight: np.ndarray
    epsilon: np.ndarray
    sizes: list[int]
    class_epsilon: list[float]


def _combine(groups: list[_Group], picks, gains, extra, grid: float, own_weights) -> _Selection:
    """All groups' picks as one greedy order, with weights and the bound of every prefix.

    ``extra`` twins of each group, equal to rows that are picked already, follow with nothing to gain.
    ``own_weights`` are those of each group's picks, or None where they are the numbers of nearest rows.
    """
    rows, weights, changes, all_gains, ends = [], [], [], [], []
    for group, part, gain, more, own in zip(groups, picks, gains, extra, own_weights):
        assign = getattr(group.order, "assign", group.space.assign)
        nearest, losses = assign(part, group.constants, grid)
        weight = np.bincount(nearest, weights=group.space.multiplicity, minlength=len(part))
        if own is not None:
            losses = _moved_weights_bound(group, losses, weight, own, grid)
            weight = own
        else:
            weight[np.argsort(part)[group.twin_of[:more]]] -= group.twin_multiplicity[:more]
        rows.append(np.concatenate([group.rows[part], group.twins[:more]]))
        weights.append(np.concatenate([weight, group.twin_multiplicity[:more]]))
        changes.append(np.concatenate([np.diff(losses, prepend=0.0), np.zeros(more)]))
        all_gains.append(np.concatenate([gain, np.zeros(more)]))
        ends.append(float(losses[-1]))
    which, place = merge_orders(rows, all_gains, np.array([group.mass for group in groups]))
    starts = np.cumsum([0, *(len(part) for part in rows[:-1])])
    order = starts[which] + place
    epsilon = np.cumsum(np.concatenate(changes)[order])  # whole multiples of the grid: exact
    epsilon[: len(groups) - 1] = np.inf  # the first picks of all groups come first
    return _Selection(
        index=np.concatenate(rows)[order],
        weight=np.concatenate(weights)[order],
        epsilon=epsilon,
        sizes=[len(part) for part in rows],
        class_epsilon=ends,
    )


def _moved_weights_bound(group: _Group, losses, counts, weights, grid) -> np.ndarray:
    """Bounds of prefixes whose weights are not the numbers of nearest rows, but sum to the same.

    Sending the rows to elements in any proportions gives a valid bound, sum of mass times distance (equation 5 with
    a fractional assignment). Elements that serve more rows than they weigh pass the excess on, over a distance of
    at most the diameter.
    """
    farthest = group.space.diameter * float((group.constants / group.space.multiplicity).max())
    # The weights of a prefix are its own: all that is sure is that no more than everything has to move.
    bound = losses + group.mass * farthest
    bound[-1] = losses[-1] + np.maximum(counts - weights, 0.0).sum() * farthest
    return np.ceil(bound / grid) * grid


def _calibrated(dataset: Dataset, groups, picks, own_weights, influence, grid) -> tuple[list[np.ndarray], dict]:
    """The picks' weights, calibrated at the model of ``influence``, or to the mean of each class's features."""
    before = []
    for group, part, own in zip(groups, picks, own_weights):
        nearest = None if own is not None else group.space.assign(part, group.constants, grid)[0]
        before.append(
            np.bincount(nearest, weights=group.space.multiplicity, minlength=len(part)) if own is None else own
        )
    counts = np.ones(dataset.n_rows) if dataset.multiplicity is None else dataset.multiplicity
    which = np.repeat(np.arange(len(groups)), [len(part) for part in picks])
    rows = np.concatenate([group.rows[part] for group, part in zip(groups, picks)])
    sums = np.array([group.mass for group in groups])
    if influence is not None:
        vectors, totals = influence[rows], counts @ influence
    else:
        vectors, totals = _class_moments(dataset, groups, rows, which, counts)
    after, left, asked = calibrate(np.concatenate(before), which, sums, vectors, totals)
    ends = np.cumsum([len(part) for part in picks])[:-1]
    facts = {"totals": asked, "left": left, "at": "the model" if influence is not None else "class means"}
    return np.split(after, ends), facts


def _class_moments(dataset: Dataset, groups, rows, which, counts) -> tuple[np.ndarray, np.ndarray]:
    """First moments of the features, each class for itself: (vectors of the picks, totals over all rows)."""
    width = dataset.n_features
    if width * len(groups) > MOST_MOMENTS:
        raise UsageError(
            f"calibrated weights: {width} features in {len(groups)} classes are too many; give a model to go by"
        )
    chosen = dataset.features[rows]
    chosen = chosen.toarray() if sp.issparse(chosen) else chosen
    vectors = np.zeros((len(rows), width * len(groups)))
    totals = []
    for number, group in enumerate(groups):
        vectors[which == number, number * width : (number + 1) * width] = chosen[which == number]
        totals.append(np.asarray(counts[group.rows] @ dataset.features[group.rows]).ravel())
    unit = np.abs(vectors).max(axis=0)
    unit[unit == 0.0] = 1.0
    return vectors / unit, np.concatenate(totals) / unit


def _cover(groups, begin, epsilon, grid, progress) -> list[np.ndarray]:
    """The picks of each group in the smallest prefix of the greedy order whose bound is at most ``epsilon``."""
    for group in groups:
        group.order = begin(group.space, progress=None)
        group.order.extend(2)
    goal = None
    threshold = np.inf
    while True:
        picks = [group.order.picks for group in groups]
        gains = [group.order.gains for group in groups]
        selection = _combine(groups, picks, gains, [0] * len(groups), grid, [None] * len(groups))
        reached = float(selection.epsilon[-1])
        goal = reached if goal is None else goal
        if progress is not None and goal > epsilon:
            progress(min(1.0, (goal - reached) / (goal - epsilon)), 1.0)
        exhausted = all(len(part) == len(group.rows) for part, group in zip(picks, groups))
        if reached <= epsilon or exhausted:
            break
        # Every group's picks above a common gain are a prefix of the common order; lower the gain until it is enough.
        threshold = min(threshold, max(float(gain[-1]) for gain in gains if len(gain) > 1)) / 2
        for group in groups:
            group.order.extend(len(group.rows), min_gain=threshold)
    enough = np.flatnonzero(selection.epsilon <= epsilon)
    if len(enough) == 0:
        raise DataError(f"epsilon {epsilon:g}: cannot be reached, all rows together give {selection.epsilon[-1]:g}")
    kept = selection.index[: enough[0] + 1]
    return [part[: int(np.isin(group.rows[part], kept).sum())] for group, part in zip(groups, picks)]


def _parts(dataset: Dataset, loss, radius, per_class) -> list[tuple[float | None, np.ndarray]]:
    """(label, rows) of each class, or (None, all rows) where there are no classes."""
    if loss in REGRESSION_LOSSES or not per_class:
        if radius is not None and loss not in REGRESSION_LOSSES:
            raise UsageError(f"radius: the bound for the {loss} loss needs classes, found no-per-class")
        return [(None, np.arange(dataset.n_rows))]
    if not has_classes(dataset.labels):
        raise DataError(
            f"{dataset.name}: expected class labels, found what looks like regression targets; "
            "give --loss squared, or --no-per-class to leave the labels out"
        )
    classes, codes = class_values(dataset.labels)
    if len(classes) == 1:
        raise DataError(
            f"{dataset.name}: expected at least two classes, found only the label {classes[0]:g}; "
            "give --no-per-class to select from all rows together"
        )
    return [(float(label), np.flatnonzero(codes == code)) for code, label in enumerate(classes)]


def _groups(dataset: Dataset, parts, metric, scale, loss, radius, block, merge, influence) -> tuple[list[_Group], str]:
    multiplicity = np.ones(dataset.n_rows) if dataset.multiplicity is None else dataset.multiplicity
    rows = fit_scaling(scale, dataset.features, dataset.multiplicity).apply(dataset.features)
    constants = np.ones(dataset.n_rows)
    label_unit = 1.0
    regression = loss in REGRESSION_LOSSES
    if regression:
        column, label_unit = _label_column(dataset.labels, scale)
    units = FEATURE_DISTANCE
    if radius is not None:
        constants = gradient_constants(rows, dataset.labels, loss, radius, label_unit)
        units = GRADIENT_NORM
    if regression:
        rows = (
            sp.hstack([rows, column[:, None]], format="csr") if sp.issparse(rows) else np.column_stack([rows, column])
        )
    return [
        _group(label, members, rows, metric, multiplicity, constants, block, merge, influence)
        for label, members in parts
    ], units


def _group(label, members, rows, metric, multiplicity, constants, block, merge, influence) -> _Group:
    part = rows if len(members) == rows.shape[0] else rows[members]
    first = representatives(part) if merge else np.arange(len(members))
    unique = np.flatnonzero(first == np.arange(len(first)))
    if len(unique) > MOST_DUPLICATES * len(first):
        unique = np.arange(len(first))
        first = unique
    twins = np.flatnonzero(first != np.arange(len(first)))
    place = np.zeros(len(first), dtype=np.int64)
    place[unique] = np.arange(len(unique))
    counts = np.bincount(place[first], weights=multiplicity[members], minlength=len(unique))
    if len(twins):
        part = part[unique]
    return _Group(
        label=label,
        rows=members[unique],
        twins=members[twins],
        twin_of=place[first[twins]],
        twin_multiplicity=multiplicity[members[twins]],
        space=replace(
            build_space(part, metric, counts, block), vectors=None if influence is None else influence[members[unique]]
        ),
        constants=constants[members[unique]] * counts,
    )


def _label_column(labels: np.ndarray, scale: str) -> tuple[np.ndarray, float]:
    """The label as one more coordinate, scaled as the features are: (column (n,), what 1 in it stands for)."""
    scaling = fit_scaling(scale, labels[:, None])
    unit = 1.0 if scaling.factor is None else 1.0 / float(scaling.factor[0])
    return scaling.apply(labels[:, None])[:, 0], unit


def _algorithm(name: str, dataset: Dataset, parts, note) -> str:
    """``auto``: exact greedy where that takes seconds. Judged by the data alone, so the same on every machine."""
    if name != "auto":
        return name
    if dataset.is_sparse:
        cost_of_pair = 60.0 + dataset.features.nnz / dataset.n_rows
    else:
        cost_of_pair = 12.0 + dataset.n_features
    work = sum(float(len(members)) ** 2 for _, members in parts) * cost_of_pair
    chosen = "lazy" if work <= EXACT_WORK else "partition"
    if note is not None:
        why = {
            "lazy": "exact greedy takes seconds",
            "partition": f"exact greedy would take some {work / EXACT_WORK * 5:.0f} seconds; --algorithm lazy does it",
        }
        largest = max(len(members) for _, members in parts)
        rows = f"{largest:,} rows" if len(parts) == 1 else f"up to {largest:,} rows a class"
        note(f"algorithm {chosen} for {rows} ({why[chosen]})")
    return chosen


def planned_size(dataset: Dataset, fraction: float | None, size: int | None) -> int:
    """The number of elements that a fraction or a size asks for; raises UsageError as ``select_dataset``."""
    return _budget(dataset, fraction, size, None)


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


def _check_names(algorithm, metric, scale, loss, radius, weights) -> None:
    choices = {
        "algorithm": (algorithm, ("auto", *ALGORITHMS)),
        "metric": (metric, METRICS),
        "scale": (scale, SCALES),
        "loss": (loss, (None, *LOSSES)),
        "weights": (weights, WEIGHTS),
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


def _coreset(dataset: Dataset, groups: list[_Group], selection: _Selection, settings: dict) -> Coreset:
    shares = [group.constants / group.space.multiplicity for group in groups]
    metadata = {
        "version": __version__,
        "n": dataset.n_rows,
        "total": dataset.total,
        "features": dataset.n_features,
        "size": len(selection.index),
        "classes": [
            {"label": group.label, "count": group.n_rows, "quota": size, "epsilon": end}
            for group, size, end in zip(groups, selection.sizes, selection.class_epsilon)
        ],
        **settings,
        "bound_constant": max(float(share.max()) for share in shares),
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
