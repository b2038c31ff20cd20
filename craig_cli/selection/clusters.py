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
from dataclasses import dataclass

import numpy as np

from craig_cli.selection.assignment import assigned_loss
from craig_cli.selection.groups import Group


@dataclass(frozen=True)
class Clusters:
    """What the picks of a group stand for.

    exemplars (r,) int64 rows of the group, in greedy order
    counts    (r,) float64 what each one's rows count, which is its weight
    losses    (r,) float64 bound of each prefix with its numbers of nearest rows, the last one with ``counts``
    """

    exemplars: np.ndarray
    counts: np.ndarray
    losses: np.ndarray


def cluster(
    group: Group,
    picks: np.ndarray,
    grid: float,
    assign: Callable | None = None,
    exemplar: str = "medoid",
    generator: np.random.Generator | None = None,
) -> Clusters:
    """The clusters of ``picks`` (r,) int64 rows of the group.

    grid      a power of two of which the losses are whole multiples, from ``exact_grid``
    assign    says which pick each row belongs to, as ``Space.assign``; None: the nearest one of the search
    exemplar  "medoid" or "member", which ``generator`` draws
    """
    multiplicity = group.space.multiplicity
    nearest, losses = (assign or group.search.assign)(picks, group.constants, grid)
    counts = np.bincount(nearest, weights=multiplicity, minlength=len(picks))
    by_features = group.search.arrangement is group.space.arrangement
    exemplars = draw_members(nearest, multiplicity, counts, generator) if exemplar == "member" else picks
    if exemplar == "member" or not by_features:
        place = group.space.arrangement
        whole = assigned_loss(place.rows, place.metric, exemplars[nearest], group.constants, grid)
        losses = np.maximum(group.space.assign(exemplars, group.constants, grid)[1], whole)
        losses[-1] = whole
    return Clusters(exemplars, counts, losses)


def draw_members(
    nearest: np.ndarray, multiplicity: np.ndarray, counts: np.ndarray, generator: np.random.Generator
) -> np.ndarray:
    """(r,) int64, of each cluster one row with probability multiplicity / count.

    nearest (n,) int64 the cluster of each row; none is empty
    """
    order = np.argsort(nearest, kind="stable")
    ends = np.searchsorted(nearest[order], np.arange(len(counts)), side="right")
    starts = np.concatenate([[0], ends[:-1]])
    upto = np.cumsum(multiplicity[order])
    before = np.concatenate([[0.0], upto])[starts]
    place = np.searchsorted(upto, before + generator.random(len(counts)) * counts, side="right")
    return order[np.clip(place, starts, ends - 1)]  # rounding must not lead out of the cluster
