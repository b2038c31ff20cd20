"""Clusters of rows around the picks, and the row that stands for each: its medoid, or a random member.

The pick itself (the medoid) is the member that its cluster is nearest to, which makes epsilon small, but it is no fair
sample: it lies further in than its cluster does. A random member, drawn in proportion to the multiplicities and of the
weight of its whole cluster, makes every sum over the exemplars an unbiased estimate of the sum over all rows,

    E sum_j n_j g(x_j) = sum_j n_j sum_{i in C_j} (m_i / n_j) g(x_i) = sum_i m_i g(x_i),

as in stratified sampling with one draw a stratum. Both are assignments of rows to exemplars, so both have a true bound
sum_i c_i d(i, its exemplar) (equation 5); that of members is at most about twice the medoids'.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from craig_cli.selection.distances.assignment import assigned_loss
from craig_cli.selection.groups import Group


@dataclass(frozen=True)
class Clusters:
    """What the picks of a group stand for.

    exemplars (r,) int64 rows of the group, in greedy order
    nearest   (n,) int64 index of the exemplar that stands for each row
    counts    (r,) float64 what each one's rows count, which is its weight
    losses    (r,) float64 bound of each prefix with its numbers of nearest rows, the last one with ``counts``
    """

    exemplars: np.ndarray
    nearest: np.ndarray
    counts: np.ndarray
    losses: np.ndarray


def cluster(
    group: Group, picks: np.ndarray, grid: float, assign: Callable | None = None, by_members: bool = False
) -> Clusters:
    """The clusters of ``picks`` (r,) int64 rows of the group, represented by themselves.

    grid        a power of two of which the losses are whole multiples, from ``exact_grid``
    assign      says which pick each row belongs to, as ``Space.assign``; None: the nearest one of the search
    by_members  others will be drawn to represent them, so that the losses need not be those of the features
    """
    nearest, losses = (assign or group.search.assign)(picks, group.constants, grid)
    counts = np.bincount(nearest, weights=group.space.multiplicity, minlength=len(picks))
    clusters = Clusters(picks, nearest, counts, losses)
    by_features = group.search.arrangement is group.space.arrangement
    return clusters if by_features or by_members else represented(group, clusters, picks, grid)


def represented(group: Group, clusters: Clusters, exemplars: np.ndarray, grid: float) -> Clusters:
    """The same clusters with other ``exemplars`` (r,) int64, one a cluster, and with their bounds."""
    arrangement = group.space.arrangement
    whole = assigned_loss(arrangement.rows, arrangement.metric, exemplars[clusters.nearest], group.constants, grid)
    losses = np.maximum(group.space.assign(exemplars, group.constants, grid)[1], whole)
    losses[-1] = whole
    return replace(clusters, exemplars=exemplars, losses=losses)


def draw_members(group: Group, clusters: Clusters, generator: np.random.Generator) -> np.ndarray:
    """(r,) int64 rows of the group, of each cluster one, with probability multiplicity / count."""
    order = np.argsort(clusters.nearest, kind="stable")
    ends = np.searchsorted(clusters.nearest[order], np.arange(len(clusters.counts)), side="right")
    starts = np.concatenate([[0], ends[:-1]])
    upto = np.cumsum(group.space.multiplicity[order])
    before = np.concatenate([[0.0], upto])[starts]
    chance = generator.random(len(starts)) * clusters.counts
    drawn = np.searchsorted(upto, before + chance, side="right")
    return order[np.clip(drawn, starts, ends - 1)]  # rounding must not lead out of the cluster
