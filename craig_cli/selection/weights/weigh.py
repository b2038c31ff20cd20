"""Which row stands for each cluster and what it weighs: counts, or weights that match the gradient at a model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from craig_cli.dataset import Dataset
from craig_cli.selection.groups import Group
from craig_cli.selection.plan import Plan
from craig_cli.selection.weights.clusters import Clusters, draw_members, represented
from craig_cli.selection.weights.targets import Target, calibrated_weights

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
    plan: Plan,
    target: Target | None,
    grid: float,
    generator: np.random.Generator,
) -> Weighed:
    """The weights of ``clusters``, whose exemplars are the picks; ``own`` are those of an algorithm that has its own.

    target  the totals at the model that ``plan`` weighs by; None where there is no model for fitted weights: then they
            are counts. Else those fall back from medoids to members, and where neither match the gradient, to what
            trains the best model.
    """
    exemplar, weights, members = plan.exemplar, plan.weights, None
    if weights == "equal":  # the strata's own rows, whichever those are
        own = [np.full(len(each.exemplars), each.counts.sum() / len(each.exemplars)) for each in clusters]
        return Weighed(clusters, own, exemplar or "medoid", weights)
    if exemplar == "member" or weights == "fitted":
        members = [draw_members(group, each, generator) for group, each in zip(groups, clusters)]
    if weights == "fitted":
        return _fitted(dataset, groups, clusters, members, exemplar, target, grid)
    if exemplar == "member":
        clusters = _represented(groups, clusters, members, grid)
    if weights == "count":
        return Weighed(clusters, own, exemplar or "medoid", weights)
    before = [each.counts if weight is None else weight for each, weight in zip(clusters, own)]
    exemplars = [each.exemplars for each in clusters]
    own, facts = calibrated_weights(dataset, groups, exemplars, before, target)
    return Weighed(clusters, own, exemplar or "medoid", weights, facts)


def _fitted(dataset, groups, clusters, members, exemplar: str | None, target, grid: float) -> Weighed:
    counts = [each.counts for each in clusters]
    none: list[np.ndarray | None] = [None] * len(groups)

    def calibrated(clusters, exemplar):
        exemplars = [each.exemplars for each in clusters]
        own, facts = calibrated_weights(dataset, groups, exemplars, counts, target)
        return Weighed(clusters, own, exemplar, "fitted", facts)

    medoids = None
    if exemplar != "member":
        medoids = Weighed(clusters, none, "medoid", "count") if target is None else calibrated(clusters, "medoid")
        if exemplar == "medoid" or (target is not None and medoids.calibration["left"] <= MOST_LEFT):
            return medoids
    drawn = _represented(groups, clusters, members, grid)
    if target is None:
        return Weighed(drawn, none, "member", "count")
    fitted = calibrated(drawn, "member")
    if fitted.calibration["left"] <= TRUSTED or exemplar == "member":
        return fitted

    def cost(way: Weighed) -> float:
        rows = [group.rows[each.exemplars] for group, each in zip(groups, way.clusters)]
        return target.cost(np.concatenate(rows), np.concatenate(counts if way.own[0] is None else way.own))

    plain = [Weighed(drawn, none, "member", "count"), Weighed(clusters, none, "medoid", "count")]
    return min((fitted, *plain, medoids), key=cost)


def _represented(groups: list[Group], clusters: list[Clusters], members, grid: float) -> list[Clusters]:
    found = []
    for group, each, part in zip(groups, clusters, members):
        found.append(represented(group, each, part, grid))
        group.space.arrangement.release()
    return found
