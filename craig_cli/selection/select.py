"""Selecting a coreset (the method of section 3): classes, budget, greedy order, weights and the epsilon column."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from craig_cli import jit
from craig_cli.artifacts.coreset import Coreset
from craig_cli.artifacts.model import provenance
from craig_cli.dataset import Dataset
from craig_cli.errors import UsageError
from craig_cli.registry import ALGORITHMS, load
from craig_cli.selection.algorithms import Options
from craig_cli.selection.arguments import check_names, planned_size
from craig_cli.selection.bounds import exact_grid
from craig_cli.selection.clusters import Clusters, cluster
from craig_cli.selection.cover import cover
from craig_cli.selection.groups import REGRESSION_LOSSES, Group, build_groups, class_parts, scaled_features
from craig_cli.selection.memory import check_memory
from craig_cli.selection.merge import Selection, merge_by_gain, part_of
from craig_cli.selection.quotas import group_quotas
from craig_cli.selection.stochastic import DELTA
from craig_cli.selection.swaps import swap_medoids
from craig_cli.selection.vectors import WIDTH
from craig_cli.selection.weigh import weigh
from craig_cli.version import __version__

BLOCK_SIZE = 1024  # rows of a block of the partition algorithm
SWAPS = 1  # rounds of medoid swaps after partition; the second one brings a tenth of what the first does
EXACT_WORK = 1e10  # up to about this many coordinate operations exact greedy takes a second, or some where all is far
WORK_A_SECOND = 2e10
UNRANKED = ("strata", "random", "random-uniform")  # algorithms without a greedy order and with weights of their own
Progress = Callable[[float, float], None]


def select_dataset(
    dataset: Dataset,
    *,
    fraction: float | None = None,
    size: int | None = None,
    epsilon: float | None = None,
    algorithm: str = "auto",
    exemplar: str | None = None,
    metric: str = "euclidean",
    scale: str = "none",
    loss: str | None = None,
    radius: float | None = None,
    per_class: bool = True,
    influence: np.ndarray | None = None,
    gradients=None,
    weights: str = "count",
    guide: Callable | None = None,
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
    exemplar   what stands for the rows of a pick: "medoid", the pick itself, or "member", a random one of them; None
               is the medoid, but a member where fitted weights find no model, or not the gradient with medoids
    metric     "euclidean", "cosine" or "manhattan" distance between rows
    scale      scaling of the features for the distance, see scaling.py
    radius     with ``loss``: epsilon bounds the gradient error for all ||(w, b)|| <= radius; without, it is the sum
               of feature distances
    per_class  select within each class; a regression loss has no classes, and random-uniform does not heed them
    influence  (n, q) float64 influence vectors of the rows at some model: distances, strata and calibrated weights go
               by them; epsilon is in the metric of the features nevertheless
    weights    "count" as the algorithm has them, "calibrated" (calibrate.py) at the model of ``influence`` or else to
               the means of the classes, or "fitted": calibrated by the influence that ``guide`` returns
    guide      called once the clusters are there; it returns an object with ``vectors`` and ``gradients`` as here
               (influence.Influence), or None to leave the counts; guide.cost(rows, weights) is the objective of all
               rows at the model that those train
    gradients  where the influence vectors are a sketch, the whole of them to calibrate to (moments.py)
    block_size rows of a block of the partition algorithm; larger is slower and closer to exact greedy
    swaps      rounds of medoid swaps after the greedy; None is 1 for partition and 0 for the others
    delta      of the stochastic algorithm's guarantee, 1 - 1/e - delta of the optimum in expectation
    memory_limit  bytes the selection may take; None is what the machine has free
    progress   called as progress(done, total); note: told in a line what the user should know
    """
    check_names(
        algorithm=algorithm, exemplar=exemplar, metric=metric, scale=scale, loss=loss, radius=radius, weights=weights
    )
    budget = planned_size(dataset, fraction, size, epsilon)
    jit.set_threads(threads)
    generator = np.random.default_rng(seed)
    if block_size < 1 or not 0.0 < delta < 1.0:
        raise UsageError("expected a block size of at least 1 and a delta between 0 and 1, found others")
    if algorithm == "random-uniform":  # draws from all rows alike
        if radius is not None and loss not in REGRESSION_LOSSES:
            raise UsageError(f"radius: the bound for the {loss} loss needs classes, which random-uniform does not heed")
        per_class = False
    parts = class_parts(dataset, loss, radius, per_class)
    algorithm = _algorithm(algorithm, dataset, parts, influence, note)
    greedy = algorithm not in UNRANKED
    if exemplar is not None and not greedy:
        raise UsageError(f"exemplar: goes with a greedy algorithm, found {algorithm}")
    if weights == "fitted" and (not greedy or influence is not None or guide is None):
        found = (
            algorithm if not greedy else "a model to select at" if influence is not None else "nothing to guide them"
        )
        raise UsageError(f"weights: fitted ones go with a greedy algorithm by features, found {found}")
    if epsilon is not None and (not greedy or weights != "count" or exemplar == "member" or influence is not None):
        found = algorithm if not greedy else f"{weights} weights" if weights != "count" else "members"
        found = "distances at a model" if influence is not None else found
        raise UsageError(f"epsilon needs a greedy order of medoids by features with counts, found {found}; give a size")
    block = -(-block_size // WIDTH) * WIDTH if algorithm == "partition" else None
    by_influence = greedy and influence is not None
    check_memory(dataset, block, memory_limit)
    swaps = (SWAPS if algorithm == "partition" else 0) if swaps is None else swaps
    features, scaling = scaled_features(dataset, scale)
    groups, units = build_groups(
        dataset,
        features,
        parts,
        scaling=scaling,
        metric=metric,
        scale=scale,
        loss=loss,
        radius=radius,
        block=block,
        merge=greedy,  # the others draw from all rows alike
        influence=influence,
        by_influence=by_influence,
    )
    begin = partial(
        load(ALGORITHMS, algorithm), options=Options(block_size=block or WIDTH, delta=delta), generator=generator
    )
    grid = exact_grid(sum(group.mass * group.farthest for group in groups))
    rounds = swaps if greedy else 0
    if epsilon is None:
        quotas = group_quotas(groups, budget, by_influence=algorithm == "strata" and influence is not None)
        picked = _picked(groups, begin, quotas, rounds, grid, progress)
    else:
        orders = [begin(group.search, progress=None) for group in groups]
        covering = cover(groups, orders, epsilon, grid, progress)
        picked = [_finish(*each, rounds, grid) for each in zip(groups, orders, covering)]
        quotas = [len(picks) for picks in covering]
    clusters = [each.clusters for each in picked]
    weighed = weigh(
        dataset,
        groups,
        clusters,
        [each.weights for each in picked],
        exemplar=exemplar,
        weights=weights,
        influence=influence,
        gradients=gradients,
        guide=guide,
        grid=grid,
        generator=generator,
    )
    settings = {"metric": metric, "scale": scale, "loss": loss, "radius": radius, "units": units}
    settings |= {
        "algorithm": algorithm,
        "exemplar": weighed.exemplar if greedy else None,
        "block_size": block,
        "swaps": swaps,
    }
    settings |= {"weights": weighed.weights, "seed": seed}
    settings |= scaling.facts(dataset.n_features)
    if algorithm == "stochastic":
        settings["delta"] = delta
    if weighed.calibration is not None:
        settings["calibration"] = weighed.calibration
    chosen = [
        # Twins of a row that was picked follow it where the quota asks for more than there are different rows.
        part_of(group, each, weight, grid, int(quota) - len(each.exemplars), ranked=greedy)
        for group, each, weight, quota in zip(groups, weighed.clusters, weighed.own, quotas)
    ]
    gains = [each.gains for each in picked]
    return as_coreset(dataset, groups, merge_by_gain(groups, chosen, gains), settings)


@dataclass(frozen=True)
class _Picked:
    """The picks of a group with what they stand for, their gains, and the algorithm's own weights or None."""

    clusters: Clusters
    gains: np.ndarray
    weights: np.ndarray | None


def _picked(
    groups: list[Group], begin, quotas: np.ndarray, swaps: int, grid: float, progress: Progress | None
) -> list[_Picked]:
    report = _Report(progress, float(quotas.sum()))
    found = []
    for group, quota in zip(groups, quotas):
        order = begin(group.search, progress=report.start(int(quota)))
        order.extend(min(int(quota), len(group.rows)), progress=report.picks)
        found.append(_finish(group, order, order.picks, swaps, grid))
        del order  # it holds the group's arrangement, as large as twice its rows
        report.finish(int(quota))
    return found


def _finish(group: Group, order, picks: np.ndarray, swaps: int, grid: float) -> _Picked:
    gains = order.gains[: len(picks)]
    if swaps > 0:
        picks = swap_medoids(group.search, picks, swaps)
    clusters = cluster(group, picks, grid, getattr(order, "assign", None))
    for space in (group.search, group.space):
        space.arrangement.release()
    return _Picked(clusters, gains, getattr(order, "weights", None))


def _algorithm(name: str, dataset: Dataset, parts, influence, note) -> str:
    """``auto``: exact greedy where that takes seconds. Judged by the data alone, so the same on every machine."""
    if name != "auto":
        return name
    if influence is not None:
        cost_of_pair = 12.0 + influence.shape[1]
    elif dataset.is_sparse:
        cost_of_pair = 60.0 + dataset.features.nnz / dataset.n_rows
    else:
        cost_of_pair = 12.0 + dataset.n_features
    work = sum(float(len(members)) ** 2 for _, members in parts) * cost_of_pair
    chosen = "lazy" if work <= EXACT_WORK else "partition"
    if note is not None:
        why = "exact greedy takes a moment"
        if chosen == "partition":
            why = f"exact greedy would take some {max(2.0, work / WORK_A_SECOND):.0f} seconds; --algorithm lazy does it"
        largest = max(len(members) for _, members in parts)
        rows = f"{largest:,} rows" if len(parts) == 1 else f"up to {largest:,} rows a class"
        note(f"algorithm {chosen} for {rows} ({why})")
    return chosen


def as_coreset(dataset: Dataset, groups: list[Group], selection: Selection, settings: dict) -> Coreset:
    """The coreset with its metadata, ``settings`` among it."""
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
