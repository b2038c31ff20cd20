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

    The other arguments are those of ``select_dataset``. Fitted weights fall back from medoids to members, and to counts
    where there is no model.
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


def _fitted(dataset, groups, clusters, members, exemplar: str | None, guide: Callable, grid: float) -> Weighed:
    found = guide()
    counts = [each.counts for each in clusters]

    def calibrated(chosen):
        return calibrated_weights(dataset, groups, chosen, counts, found.vectors, found.gradients)

    if found is not None and exemplar != "member":
        own, facts = calibrated([each.exemplars for each in clusters])
        if exemplar == "medoid" or facts["left"] <= MOST_LEFT:
            return Weighed(clusters, own, "medoid", "fitted", facts)
    if exemplar == "medoid":
        return Weighed(clusters, [None] * len(groups), "medoid", "count")
    clusters = _represented(groups, clusters, members, grid)
    if found is None:
        return Weighed(clusters, [None] * len(groups), "member", "count")
    own, facts = calibrated(members)
    return Weighed(clusters, own, "member", "fitted", facts)


def _represented(groups: list[Group], clusters: list[Clusters], members, grid: float) -> list[Clusters]:
    return [represented(group, each, part, grid) for group, each, part in zip(groups, clusters, members)]
