"""Selecting a coreset (the method of section 3): classes and quotas, picks, clusters, model, weights and bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from craig_cli import jit
from craig_cli.artifacts.coreset import Coreset
from craig_cli.dataset import Dataset
from craig_cli.errors import DataError
from craig_cli.scaling import Scaling
from craig_cli.selection.algorithms import Options
from craig_cli.selection.algorithms.swaps import swap_medoids
from craig_cli.selection.at_model import AtModel
from craig_cli.selection.bounds import exact_grid
from craig_cli.selection.cover import cover
from craig_cli.selection.distances.simd import WIDTH
from craig_cli.selection.finished import coreset_of
from craig_cli.selection.groups import Group, build_groups, scaled_features
from craig_cli.selection.limits import check_memory
from craig_cli.selection.merge import Selection, merge_by_gain, part_of
from craig_cli.selection.nested import Nest, nested
from craig_cli.selection.plan import Plan, resolve
from craig_cli.selection.quotas import group_quotas
from craig_cli.selection.weights.clusters import Clusters, cluster
from craig_cli.selection.weights.weigh import Weighed, weigh

Progress = Callable[[float, float], None]


def select_dataset(
    dataset: Dataset,
    plan: Plan,
    *,
    at: AtModel | None = None,
    progress: Progress | None = None,
    note: Callable[[str], None] | None = None,
) -> Coreset:
    """Select a coreset of ``dataset``; its metadata is complete and ready to be written.

    at         the rows at some model: distances, strata and calibrated weights go by it; epsilon is in the metric of
               the features nevertheless
    progress   called as progress(done, total); note: told in a line what the user should know
    """
    budget = plan.budget(dataset)
    if at is not None and not (finite := np.isfinite(at.influence).all(axis=1)).all():
        raise DataError(f"influence: row {int(np.argmin(finite))} (from 0): expected finite numbers, found nan or inf")
    jit.set_threads(plan.threads)
    generator = np.random.default_rng(plan.seed)
    plan, parts = resolve(plan, dataset, at, note)
    block = -(-plan.block_size // WIDTH) * WIDTH if plan.method.blocks else None
    check_memory(dataset, block, plan.memory_limit, 0 if at is None else at.width)
    features, scaling = scaled_features(dataset, plan.scale)
    groups, units = build_groups(
        dataset,
        features,
        parts,
        plan,
        scaling=scaling,
        block=block,
        merge=plan.method.greedy,  # the others draw from all rows alike
        at=at,
    )
    grid = exact_grid(sum(group.mass * group.farthest for group in groups))
    central = plan.weights == "equal" and plan.exemplar == "medoid"
    options = Options(block_size=block or WIDTH, delta=plan.delta, central=central)
    begin = partial(plan.method.begin, options=options, generator=generator)
    if plan.epsilon is None:
        every_size = _quotas(groups, plan.nested(dataset) or [budget], plan, at)
        picked = _picked(groups, begin, every_size[-1], plan, grid, progress)
    else:
        orders = [begin(group.search, progress=None) for group in groups]
        covering = cover(groups, orders, plan.epsilon, grid, progress)
        picked = [_finish(*each, plan, grid) for each in zip(groups, orders, covering)]
        every_size = [np.array([len(picks) for picks in covering])]
    make = _whole if plan.sizes is None else nested
    made = make(dataset, groups, picked, plan, every_size, at, grid, generator)
    settings = _settings(plan, units, block, made.weighed, scaling, dataset)
    coreset = as_coreset(dataset, groups, made.selection, settings)
    if plan.sizes is not None:
        coreset = replace(coreset, metadata=coreset.metadata | {"sizes": made.facts}, sizes=made.smaller)
    return coreset


def _whole(dataset, groups: list[Group], picked, plan: Plan, quotas, at, grid: float, generator) -> Nest:
    """As ``nested``, of one size only."""
    clusters, own = [each.clusters for each in picked], [each.weights for each in picked]
    weighed = weigh(dataset, groups, clusters, own, plan, at, grid, generator)
    chosen = [
        # Twins of a row that was picked follow it where the quota asks for more than there are different rows.
        part_of(group, each, weight, grid, int(quota) - len(each.exemplars), ranked=plan.method.greedy)
        for group, each, weight, quota in zip(groups, weighed.clusters, weighed.own, quotas[-1])
    ]
    return Nest(weighed, merge_by_gain(groups, chosen, [each.gains for each in picked]), (), [])


def _quotas(groups: list[Group], sizes: list[int], plan: Plan, at: AtModel | None) -> list[np.ndarray]:
    """Picks of each group for each of the ``sizes``, ascending; no group has fewer in a larger one."""
    quotas: list[np.ndarray] = []
    for size in reversed(sizes):
        by_influence = 0.0 if at is None or (at.beside is None and not plan.method.influence) else at.quotas
        quotas.insert(0, group_quotas(groups, size, by_influence, most=quotas[0] if quotas else None))
    return quotas


def _settings(plan: Plan, units: str, block: int | None, weighed: Weighed, scaling: Scaling, dataset: Dataset) -> dict:
    """How it was selected, for the metadata."""
    settings: dict = {"metric": plan.metric, "scale": plan.scale, "loss": plan.loss, "radius": plan.radius}
    settings |= {
        "units": units,
        "for": plan.purpose,
        "algorithm": plan.algorithm,
        "exemplar": weighed.exemplar if plan.method.greedy or plan.exemplar else None,
        "block_size": block,
        "swaps": plan.swaps,
        "weights": weighed.weights,
        "seed": plan.seed,
    }
    settings |= scaling.facts(dataset.n_features)
    settings |= {name: getattr(plan, name) for name in plan.method.options}
    if weighed.calibration is not None:
        settings["calibration"] = weighed.calibration
    return settings


@dataclass(frozen=True)
class _Picked:
    """The picks (r,) of a group with what they stand for, their gains, and the algorithm's own weights or None.

    strata  of those (r,) indices in the order in which neighbours can be united, and (r,) masses; else None
    """

    picks: np.ndarray
    clusters: Clusters
    gains: np.ndarray
    weights: np.ndarray | None
    strata: tuple[np.ndarray, np.ndarray] | None


def _picked(
    groups: list[Group], begin, quotas: np.ndarray, plan: Plan, grid: float, progress: Progress | None
) -> list[_Picked]:
    report = _Report(progress, float(quotas.sum()))
    ordered = []
    for group, quota in zip(groups, quotas):
        order = begin(group.search, progress=report.start(int(quota)))
        order.extend(min(int(quota), len(group.rows)), progress=report.picks)
        ordered.append(_finish(group, order, order.picks, plan, grid))
        del order  # it holds the group's arrangement, as large as twice its rows
        report.finish(int(quota))
    return ordered


def _finish(group: Group, order, picks: np.ndarray, plan: Plan, grid: float) -> _Picked:
    gains = order.gains[: len(picks)]
    if plan.swaps and plan.method.greedy:
        picks = swap_medoids(group.search, picks, plan.swaps)
    clusters = cluster(group, picks, grid, getattr(order, "assign", None), plan.exemplar == "member")
    for space in (group.search, group.space):
        space.arrangement.release()
    return _Picked(picks, clusters, gains, getattr(order, "weights", None), getattr(order, "strata", None))


def as_coreset(dataset: Dataset, groups: list[Group], selection: Selection, settings: dict) -> Coreset:
    """The coreset with its metadata, ``settings`` among it."""
    largest = max(float((group.constants / group.space.multiplicity).max()) for group in groups)
    classes = [(group.label, group.n_rows) for group in groups]
    return coreset_of(dataset, classes, selection, settings, largest)


class _Report:
    """Turns the groups' progress into progress(done, total): one half of a group is its first pass, one its picks."""

    def __init__(self, progress: Progress | None, total: float):
        self._progress = progress
        self._total = total
        self._done = 0.0
        self._quota = 0

    def start(self, quota: int) -> Callable[[float], None] | None:
        self._quota = quota
        progress = self._progress
        if progress is None:
            return None
        return lambda share: progress(self._done + 0.5 * share * quota, self._total)

    def picks(self, count: int) -> None:
        if self._progress is not None:
            self._progress(self._done + 0.5 * (self._quota + count), self._total)

    def finish(self, quota: int) -> None:
        self._done += quota
        if self._progress is not None:
            self._progress(self._done, self._total)
