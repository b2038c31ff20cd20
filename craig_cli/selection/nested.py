"""Nested coresets: one selection whose first rows, at given sizes, are coresets with weights and bounds of their own.

Each size has the quotas of a selection of that size, and is made from the next larger one:

medoids   the first picks of each class. Greedy picks do not depend on how many follow, so these are the rows that a
          selection of that size picks; every row counts for the nearest.
members   the clusters of the larger size are united, each with the first pick that is nearest to its own. Of the rows
          that stood for the parts one stands for the union, drawn in proportion to what they stood for.
strata    the same, where strata are united that lie beside each other in the tree they were cut in.
random    the first rows of their random order.

A row drawn from a part of mass M_p by its mass m, and then the part by M_p, is drawn with (m / M_p) (M_p / M) = m / M:
as if it had been drawn from the union. So members and strata are unbiased at every size, and each size is marginally
what one draw from each of its clusters gives; only the clusters are coarser than they would be by themselves.

Weights are then made for each size as for the whole, but the rows are what they are: no size may change them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from craig_cli.artifacts.nested import Size
from craig_cli.dataset import Dataset
from craig_cli.selection.at_model import AtModel
from craig_cli.selection.distances.assignment import assigned_loss
from craig_cli.selection.groups import Group
from craig_cli.selection.merge import Selection, merge, part_of
from craig_cli.selection.plan import Plan
from craig_cli.selection.weights.clusters import Clusters, cluster, represented
from craig_cli.selection.weights.weigh import Weighed, weigh

NOTHING = 1e-300  # the mass of a pick that equals another


@dataclass(frozen=True)
class Level:
    """What stands for the rows of a group at one size.

    elements    (q,) int64 which elements of the whole, of each cluster one
    clusters  theirs, in the same order; own: weights (q,) of an algorithm that has its own, else None
    """

    elements: np.ndarray
    clusters: Clusters
    own: np.ndarray | None


@dataclass(frozen=True)
class Nest:
    """weighed: the whole; selection: in its order; smaller: the sizes below; facts: of every size, for the metadata."""

    weighed: Weighed
    selection: Selection
    smaller: tuple[Size, ...]
    facts: list[dict]


def nested(
    dataset: Dataset,
    groups: list[Group],
    picked: Sequence,
    plan: Plan,
    quotas: list[np.ndarray],
    at: AtModel | None,
    grid: float,
    generator: np.random.Generator,
) -> Nest:
    """The sizes of a selection.

    picked   of each group picks, clusters, gains, weights and strata, see select.py
    quotas   (k,) elements of each group, for every size in ascending order
    """
    clusters, own = [each.clusters for each in picked], [each.weights for each in picked]
    weighed = weigh(dataset, groups, clusters, own, plan, at, grid, generator)
    levels = []
    for number, (group, each) in enumerate(zip(groups, picked)):
        whole = Level(np.arange(len(each.clusters.exemplars)), weighed.clusters[number], weighed.own[number])
        ranked = [min(int(quota[number]), len(whole.elements)) for quota in quotas]
        levels.append(_levels(group, each, whole, ranked, plan, weighed.exemplar == "member", grid, generator))
    orders = [order_of([level.elements for level in mine]) for mine in levels]
    masses = np.array([group.mass for group in groups])
    gains = [gains_in(order, each.gains) for order, each in zip(orders, picked)]
    which, position = merged_order(masses, gains, quotas)
    selections, facts = [], []
    for number, quota in enumerate(quotas):
        these = [_arranged(group, mine[number], order, plan.method.greedy, grid)
                 for group, mine, order in zip(groups, levels, orders)]  # fmt: skip
        clusters, own = [each.clusters for each in these], [each.own for each in these]
        reweighed = replace(weighed, clusters=clusters, own=own)
        if number < len(quotas) - 1:
            reweighed = _weighed(dataset, groups, reweighed, plan, at, grid, generator)
        parts = [
            part_of(group, each, weight, grid, int(count) - len(each.exemplars), ranked=plan.method.greedy)
            for group, each, weight, count in zip(groups, reweighed.clusters, reweighed.own, quota)
        ]
        count = int(quota.sum())
        selections.append(merge(parts, which[:count], position[:count]))
        facts.append(entry_of(selections[-1], reweighed.weights, reweighed.calibration))
    smaller = [Size(each.weight, entry) for each, entry in zip(selections[:-1], facts)]
    return Nest(weighed, selections[-1], tuple(smaller), facts)


def _levels(
    group: Group, picked, whole: Level, sizes: list[int], plan: Plan, members: bool, grid: float, generator
) -> list[Level]:
    """The levels of a group, the whole last."""
    picks, levels = picked.picks, [whole]
    along, mass = picked.strata or (None, None if not members else whole.clusters.counts)
    for size in reversed(sizes[:-1]):
        above = levels[0]
        if size == len(above.elements):
            levels.insert(0, above)
        elif along is not None:
            assert mass is not None
            level, mass = _united(group, above, neighbours(along, size), mass, generator)
            levels.insert(0, level)
            along = np.arange(size)
        elif members:
            assert mass is not None
            nearest, _ = group.search.assign(picks[:size], group.constants, grid)
            parent = nearest[picks[: len(above.elements)]]
            parent[:size] = np.arange(size)  # of equal rows too each stays its own
            level, mass = _united(group, above, parent, mass, generator)
            levels.insert(0, level)
        else:
            first = cluster(group, picks[:size], grid)
            own = None if above.own is None or plan.method.greedy else _shared(group, picks[:size])
            levels.insert(0, Level(np.arange(size), first, own))
        for space in (group.search, group.space):
            space.arrangement.release()
    return levels


def _shared(group: Group, picks: np.ndarray) -> np.ndarray:
    """Weights of random rows: what they count, brought to the sum of all."""
    counts = group.space.multiplicity[picks]
    return counts * (group.mass / counts.sum())


def _united(
    group: Group, above: Level, parent: np.ndarray, mass: np.ndarray, generator: np.random.Generator
) -> tuple[Level, np.ndarray]:
    """(the level where cluster c of ``above`` has become part of ``parent[c]``, the mass of each of its clusters).

    The row of one part, drawn by its mass, stands for all of them.
    """
    drawn, total = unite(parent, mass, generator)
    nearest = parent[above.clusters.nearest]
    own = None if above.own is None else inherited(above.own, mass, drawn, total, group.mass)
    clusters = Clusters(
        exemplars=above.clusters.exemplars[drawn],
        nearest=nearest,
        counts=np.bincount(nearest, weights=group.space.multiplicity, minlength=len(total)),
        losses=np.zeros(len(total)),  # of prefixes, in an order that is not known yet
    )
    return Level(above.elements[drawn], clusters, own), total


def neighbours(along: np.ndarray, size: int) -> np.ndarray:
    """(r,) which of ``size`` unions each of the strata is part of that lie ``along`` (r,) an order."""
    parent = np.empty(len(along), dtype=np.int64)
    parent[np.argsort(along)] = np.arange(len(along)) * size // len(along)
    return parent


def unite(parent: np.ndarray, mass: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(drawn, total): of each union the part that is drawn, by its mass, and the mass of all its parts.

    parent  (r,) int64 the union that each part, of some ``mass`` (r,), is of
    """
    total = np.bincount(parent, weights=mass)
    # The first of independent exponential times is that of c with probability mass_c / total.
    times = generator.exponential(size=len(mass)) / np.maximum(mass, NOTHING)
    order = np.lexsort((times, parent))
    return order[np.flatnonzero(np.diff(parent[order], prepend=-1))], total


def inherited(own: np.ndarray, mass: np.ndarray, drawn: np.ndarray, total: np.ndarray, whole: float) -> np.ndarray:
    """(q,) weights, ``whole`` in all, of what ``unite`` drew of the unions of parts with weights ``own`` (r,)."""
    weights = own[drawn] * total / mass[drawn]
    return weights * (whole / weights.sum())


def order_of(elements: list[np.ndarray]) -> np.ndarray:
    """(r,) elements of a group in its order: those of the smallest size first, then what the next one adds, ...

    elements  of each size, all r of them last
    """
    first = np.full(len(elements[-1]), len(elements))
    for number in reversed(range(len(elements))):
        first[elements[number]] = number
    return np.argsort(first, kind="stable")


def _arranged(group: Group, level: Level, order: np.ndarray, ranked: bool, grid: float) -> Level:
    """The level with its clusters in the ``order`` of the group."""
    size = len(level.elements)
    position = np.empty(len(order), dtype=np.int64)
    position[order] = np.arange(len(order))
    now = position[level.elements]  # of each cluster; a permutation, as the order has the elements of each level first
    if (now == np.arange(size)).all() and level.clusters.losses.any():
        return level
    before = np.argsort(now)
    clusters = level.clusters
    clusters = Clusters(
        clusters.exemplars[before], now[clusters.nearest], clusters.counts[before], clusters.losses[before]
    )
    own = None if level.own is None else level.own[before]
    if ranked:
        clusters = represented(group, clusters, clusters.exemplars, grid)
    else:
        space = group.space.arrangement
        whole = assigned_loss(space.rows, space.metric, clusters.exemplars[clusters.nearest], group.constants, grid)
        clusters = replace(clusters, losses=np.full(size, whole))
    return Level(order[:size], clusters, own)


def gains_in(order: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """(r,) ``gains`` of elements in this ``order``, of which the first now has the gain inf, and no other."""
    known = np.where(np.isfinite(gains), gains, gains[1] if len(gains) > 1 else 0.0)[order]
    known[0] = np.inf
    return known


def merged_order(
    masses: np.ndarray, gains: list[np.ndarray], quotas: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """(group, position in its order) of each element: size by size, and within what a size adds by falling gain.

    masses  (k,) of the groups; gains: of the elements of each in its order; quotas: (k,) for every size
    """
    segments, keys = [], []
    for number, gain in enumerate(gains):
        count = int(quotas[-1][number])
        ends = np.array([quota[number] for quota in quotas])
        segments.append(np.searchsorted(ends, np.arange(count), side="right"))
        keys.append(np.concatenate([gain, np.zeros(count - len(gain))]))
    which = np.repeat(np.arange(len(masses)), [len(key) for key in keys])
    position = np.concatenate([np.arange(len(key)) for key in keys])
    mass = masses[which]
    order = np.lexsort((which, position, -mass * (position == 0), -np.concatenate(keys), np.concatenate(segments)))
    return which[order], position[order]


def _weighed(dataset, groups, weighed: Weighed, plan: Plan, at: AtModel | None, grid: float, generator) -> Weighed:
    """``found``, the clusters of a smaller size, weighed as the whole is."""
    fixed = replace(plan, exemplar="medoid")  # whatever row stands for a cluster now
    return replace(
        weigh(dataset, groups, weighed.clusters, weighed.own, fixed, at, grid, generator), exemplar=weighed.exemplar
    )


def entry_of(selection: Selection, weights: str | None, calibration: dict | None) -> dict:
    """Of a size, for the metadata; see artifacts/nested.py."""
    facts = {
        "size": len(selection.index),
        "epsilon": float(selection.epsilon[-1]),
        "weights": weights,
        "quotas": selection.sizes,
        "class_epsilon": selection.class_epsilon,
    }
    return facts if calibration is None else facts | {"calibration": calibration}
