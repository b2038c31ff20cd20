"""Which row stands for each cluster and what it weighs: counts, or weights that match the gradient at a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from craig_cli.dataset import Dataset
from craig_cli.selection.clusters import Clusters, draw_members, represented
from craig_cli.selection.groups import Group
from craig_cli.selection.moments import calibrated_weights

MOST_LEFT = 1e-3  # of the gradient's error: of medoids that leave more, the members stand for their clusters instead
TRUSTED = 0.1  # of weights that leave more, what a model costs that is trained with them says whether they are any good


@dataclass(frozen=True)
class Weighed:
    """The clusters of each group with their exemplars, and how those came about.

    own          weights (r,) of each group's exemplars, None where they are the counts
    calibration  what ``calibrated_weights`` says of them, None of counts
    """

    clusters: list[Clusters]
    own: list[np.ndarray | None]
    exemplar: str
    weights: str
    calibration: dict | None = None


def weigh(
    dataset: Dataset,
    groups: list[Group],
    clusters: list[Clusters],
    own: list[np.ndarray | None],
    *,
    exemplar: str | None,
    weights: str,
    influence: np.ndarray | None,
    gradients,
    guide: Callable | None,
    grid: float,
    generator: np.random.Generator,
) -> Weighed:
    """The weights of ``clusters``, whose exemplars are the picks; ``own`` are those of an algorithm that has its own.

    The other arguments are those of ``select_dataset``. Fitted weights fall back from medoids to members; where neither
    match the gradient, to what trains the best model; and to counts where there is none.
    """
    members = None
    if exemplar == "member" or weights == "fitted":
        members = [draw_members(group, each, generator) for group, each in zip(groups, clusters)]
    if weights == "fitted":
        return _fitted(dataset, groups, clusters, members, exemplar, guide, grid)
    if exemplar == "member":
        clusters = _represented(groups, clusters, members, grid)
    if weights == "count":
        return Weighed(clusters, own, exemplar or "medoid", weights)
    before = [each.counts if weight is None else weight for each, weight in zip(clusters, own)]
    exemplars = [each.exemplars for each in clusters]
    own, facts = calibrated_weights(dataset, groups, exemplars, before, influence, gradients)
    return Weighed(clusters, own, exemplar or "medoid", weights, facts)


def _fitted(dataset, groups, clusters, members, exemplar: str | None, guide, grid: float) -> Weighed:
    found = guide()
    counts = [each.counts for each in clusters]
    none = [None] * len(groups)

    def calibrated(clusters, exemplar):
        exemplars = [each.exemplars for each in clusters]
        own, facts = calibrated_weights(dataset, groups, exemplars, counts, found.vectors, found.gradients)
        return Weighed(clusters, own, exemplar, "fitted", facts)

    medoids = None
    if exemplar != "member":
        medoids = Weighed(clusters, none, "medoid", "count") if found is None else calibrated(clusters, "medoid")
        if exemplar == "medoid" or (found is not None and medoids.calibration["left"] <= MOST_LEFT):
            return medoids
    drawn = _represented(groups, clusters, members, grid)
    if found is None:
        return Weighed(drawn, none, "member", "count")
    fitted = calibrated(drawn, "member")
    if fitted.calibration["left"] <= TRUSTED or exemplar == "member":
        return fitted

    def cost(way: Weighed) -> float:
        rows = [group.rows[each.exemplars] for group, each in zip(groups, way.clusters)]
        return guide.cost(np.concatenate(rows), np.concatenate(counts if way.own[0] is None else way.own))

    plain = [Weighed(drawn, none, "member", "count"), Weighed(clusters, none, "medoid", "count")]
    return min((fitted, *plain, medoids), key=cost)


def _represented(groups: list[Group], clusters: list[Clusters], members, grid: float) -> list[Clusters]:
    found = []
    for group, each, part in zip(groups, clusters, members):
        found.append(represented(group, each, part, grid))
        group.space.arrangement.release()
    return found
