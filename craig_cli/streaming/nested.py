"""Nested coresets of what leaves picked: what stands for the rows of a class at each size, and the order of all.

As selection/nested.py has them. One pass over the leaves serves all sizes: a row's nearest pick of each prefix is found
on the way to that of all, and where clusters or strata are united, a row is of the union that its own became part of.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from craig_cli.artifacts.coreset import Coreset
from craig_cli.artifacts.nested import Size
from craig_cli.selection.merge import Part, Selection, merge
from craig_cli.selection.nested import entry_of, inherited, merged_order, order_of, unite
from craig_cli.selection.quotas import class_quotas, merge_orders
from craig_cli.streaming import near
from craig_cli.streaming.leaves import Job
from craig_cli.streaming.view import Matrix


@dataclass(frozen=True)
class Level:
    """What stands for the rows of a class at one size.

    elements  (q,) int64 which of the whole, of each of its clusters one
    clusters  (r,) int64 which of these each cluster of the whole is part of
    own       (q,) weights of an algorithm that has its own, else None
    """

    elements: np.ndarray
    clusters: np.ndarray
    own: np.ndarray | None

    def arranged(self, order: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """((r,) place in the ``order`` of what stands for each cluster of the whole, own weights in it)"""
        position = np.empty(len(order), dtype=np.int64)
        position[order] = np.arange(len(order))
        now = position[self.elements]
        own = None if self.own is None else self.own[np.argsort(now)]
        return now[self.clusters], own


def levels_of(
    ends: list[int],
    mass: np.ndarray,
    own: np.ndarray | None,
    whole: float,
    parents: Callable[[int, int], np.ndarray],
    generator: np.random.Generator,
) -> list[Level]:
    """Those of the sizes ``ends``, all different, where clusters of some ``mass`` (r,), ``whole`` in all, are united.

    parents  (place of the size in ``ends``, clusters of the next one) -> (clusters,) of which union each is part
    """
    levels = [Level(np.arange(ends[-1]), np.arange(ends[-1]), own)]
    for place in reversed(range(len(ends) - 1)):
        above = levels[0]
        parent = parents(place, ends[place + 1])
        drawn, total = unite(parent, mass, generator)
        own = None if above.own is None else inherited(above.own, mass, drawn, total, whole)
        levels.insert(0, Level(above.elements[drawn], parent[above.clusters], own))
        mass = total
    return levels


def prefixes_of(ends: list[int]) -> list[Level]:
    """Those of picks that are nearest to rows in each prefix themselves."""
    every = np.arange(ends[-1])
    return [Level(every[:end], np.minimum(every, end - 1), None) for end in ends]  # to later ones no row is nearest


def first_picks(job: Job, group: int, coordinates: Matrix, ends: list[int]) -> Callable[[int, int], np.ndarray]:
    """``parents`` of clusters that go to the nearest of the first picks; ``coordinates`` (r, d') of all picks."""
    ruler, ones = job.search.rulers[group], np.ones(coordinates.shape[0])
    arranged = near.in_order(coordinates, ruler, float(job.masses[group]), job.block, is_sorted=False)
    nearest, _ = near.nearest_of(arranged, near.points_of(coordinates, ruler, ends), ones, 1.0, np.full(len(ones), -1))

    def parents(place: int, count: int) -> np.ndarray:
        parent = nearest[place][:count].copy()
        parent[: ends[place]] = np.arange(ends[place])  # of equal picks too each stays its own
        return parent

    return parents


def order_in(levels: list[Level]) -> np.ndarray:
    """(r,) the elements of the whole in the order of a class."""
    return order_of([level.elements for level in levels])


def quotas_of(shares: np.ndarray, sizes: list[int], capacity: np.ndarray) -> list[np.ndarray]:
    """Picks of each class for each of the ``sizes``, ascending; no class has fewer in a larger one."""
    quotas: list[np.ndarray] = []
    for size in reversed(sizes):
        quotas.insert(0, class_quotas(shares, size, quotas[0] if quotas else capacity))
    return quotas


def selections_of(
    parts: list[list[Part]], gains: list[np.ndarray], masses: np.ndarray, quotas: list[np.ndarray]
) -> list[Selection]:
    """The classes' ``parts`` of each size as one; ``gains`` and ``masses`` (k,) of the classes, of the largest size."""
    if len(parts) == 1:
        return [merge(parts[0], *merge_orders([part.rows for part in parts[0]], gains, masses))]
    which, position = merged_order(masses, gains, quotas)
    counts = [int(quota.sum()) for quota in quotas]
    return [merge(each, which[:count], position[:count]) for each, count in zip(parts, counts)]


def with_sizes(coreset: Coreset, selections: list[Selection], told: list[dict]) -> Coreset:
    """The ``coreset``, which is the last of the ``selections``, with the others; ``told``: of the weights of each."""
    entries = [entry_of(each, facts["weights"], facts.get("calibration")) for each, facts in zip(selections, told)]
    smaller = tuple(Size(each.weight, entry) for each, entry in zip(selections[:-1], entries))
    return replace(coreset, metadata=coreset.metadata | {"sizes": entries}, sizes=smaller)
