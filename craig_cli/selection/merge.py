"""All groups' picks as one greedy order, with weights and the bound of every prefix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from craig_cli.selection.groups import Group
from craig_cli.selection.quotas import merge_orders
from craig_cli.selection.weights.clusters import Clusters


@dataclass(frozen=True)
class Selection:
    """index, weight, epsilon (r,) of all groups together; sizes and class_epsilon of each group."""

    index: np.ndarray
    weight: np.ndarray
    epsilon: np.ndarray
    sizes: list[int]
    class_epsilon: list[float]


@dataclass(frozen=True)
class Part:
    """What was selected from one group, in greedy order.

    rows     (r,) int64 rows of the data set, the last ``extra`` of them twins of others
    weights  (r,) float64
    bounds   (r - extra,) float64 bound of each prefix, never rising
    """

    rows: np.ndarray
    weights: np.ndarray
    bounds: np.ndarray
    extra: int = 0


def part_of(
    group: Group, clusters: Clusters, weights: np.ndarray | None, grid: float, extra: int = 0, ranked: bool = True
) -> Part:
    """The part of a group; ``weights`` (r,) are None where they are the clusters' counts.

    ``extra`` twins, equal to rows that are picked already, follow with nothing to gain. The bound of a prefix is its
    bound with counts as weights where the picks are ``ranked``; else with any weights of the same sum.
    """
    bounds = clusters.losses
    if weights is not None:
        steepest = None if group.steepest is None else group.steepest[clusters.exemplars]
        excess = clusters.counts - weights
        bounds = moved_bounds(clusters.losses, excess, group.mass, group.farthest, steepest, grid, ranked)
    own = (clusters.counts if weights is None else weights).copy()
    # Twins take their share of the weight of the row that they equal.
    originals = np.argsort(clusters.exemplars)[group.twin_of[:extra]]
    shares = group.twin_multiplicity[:extra] * (own[originals] / clusters.counts[originals])
    np.subtract.at(own, originals, shares)
    return Part(
        rows=np.concatenate([group.rows[clusters.exemplars], group.twins[:extra]]),
        weights=np.concatenate([own, shares]),
        bounds=bounds,
        extra=extra,
    )


def moved_bounds(
    losses: np.ndarray,
    excess: np.ndarray,
    mass: float,
    farthest: float,
    steepest: np.ndarray | None,
    grid: float,
    ranked: bool = True,
) -> np.ndarray:
    """(r,) bounds where the weights are not the counts but sum to the same (bounds.py), never rising.

    losses    (r,) of the counts; excess: (r,) by how much those are above the weights
    mass      what the rows count; farthest: no two gradients of theirs differ by more
    steepest  (r,) bounds of the gradients of the picks, where there are such
    """
    anything = mass * farthest  # no more than everything has to move
    moved = np.maximum(excess, 0.0).sum() * farthest
    if steepest is not None:
        anything = min(anything, 2.0 * mass * float(steepest.max()))
        moved = min(moved, float(np.abs(excess) @ steepest))
    bounds = losses + (0.0 if ranked else anything)
    bounds[-1] = losses[-1] + moved
    return np.ceil(np.maximum(bounds, bounds[-1]) / grid) * grid


def merge_by_gain(groups: list[Group], parts: list[Part], gains: list[np.ndarray]) -> Selection:
    """The parts as one, by falling marginal ``gains``, those of each part's picks."""
    padded = [np.concatenate([gain, np.zeros(part.extra)]) for gain, part in zip(gains, parts)]
    masses = np.array([group.mass for group in groups])
    return merge(parts, *merge_orders([part.rows for part in parts], padded, masses))


def merge(parts: list[Part], which: np.ndarray, position: np.ndarray) -> Selection:
    """The parts as one, in the order in which element t is ``position[t]`` of part ``which[t]``."""
    starts = np.cumsum([0, *(len(part.rows) for part in parts[:-1])])
    order = starts[which] + position
    changes = [np.concatenate([np.diff(part.bounds, prepend=0.0), np.zeros(part.extra)]) for part in parts]
    epsilon = np.cumsum(np.concatenate(changes)[order])  # whole multiples of the grid: exact
    complete = max(int(np.flatnonzero(which == number)[0]) for number in range(len(parts)))
    epsilon[:complete] = np.inf  # until every group has an element
    return Selection(
        index=np.concatenate([part.rows for part in parts])[order],
        weight=np.concatenate([part.weights for part in parts])[order],
        epsilon=epsilon,
        sizes=[len(part.rows) for part in parts],
        class_epsilon=[float(part.bounds[-1]) for part in parts],
    )
