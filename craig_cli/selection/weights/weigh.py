"""Which row stands for each cluster and what it weighs: counts, or weights that match the gradient at a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from craig_cli.dataset import Dataset
from craig_cli.selection.at_model import AtModel
from craig_cli.selection.groups import Group
from craig_cli.selection.plan import Plan
from craig_cli.selection.weights.clusters import Clusters, draw_members, represented
from craig_cli.selection.weights.targets import calibrated_weights

TRUSTED = 0.1  # of weights that leave more, what a model costs that is trained with them says whether they are any good


@dataclass(frozen=True)
class Weighed:
    """The clusters of each group with their exemplars, and how those came about.

    own          weights (r,) of each group's exemplars, None where they are the counts
    calibration  what ``calibrated_weights`` says of them, None of counts
    """

    clusters: list[Clusters]
    own: Sequence[np.ndarray | None]
    exemplar: str
    weights: str | None
    calibration: dict | None = None


def weigh(
    dataset: Dataset,
    groups: list[Group],
    clusters: list[Clusters],
    own: Sequence[np.ndarray | None],
    plan: Plan,
    at: AtModel | None,
    grid: float,
    generator: np.random.Generator,
) -> Weighed:
    """The weights of ``clusters``, whose exemplars are the picks; ``own`` are those of an algorithm that has its own.

    at  the rows at the model that ``plan`` weighs by. Fitted weights that do not match the gradient there give way to
        counts, or the algorithm's own, where those train the better model.
    """
    exemplar, weights = plan.exemplar, plan.weights
    if weights == "equal":  # the strata's own rows, whichever those are
        own = [np.full(len(each.exemplars), each.counts.sum() / len(each.exemplars)) for each in clusters]
        return Weighed(clusters, own, exemplar or "medoid", weights)
    if exemplar == "member":
        members = [draw_members(group, each, generator) for group, each in zip(groups, clusters)]
        clusters = _represented(groups, clusters, members, grid)
    plain = Weighed(clusters, own, exemplar or "medoid", "count")
    if weights == "count":
        return plain
    before = [each.counts if weight is None else weight for each, weight in zip(clusters, own)]
    exemplars = [each.exemplars for each in clusters]
    moved, facts = calibrated_weights(dataset, groups, exemplars, before, at)
    weighed = Weighed(clusters, moved, plain.exemplar, weights, facts)
    rows = np.concatenate([group.rows[part] for group, part in zip(groups, exemplars)])

    def cost(each: list[np.ndarray]) -> float:
        assert at is not None and at.cost is not None  # fitted ones, as the plan has it
        return at.cost(rows, np.concatenate(each))

    return weighed if are_trusted(weights, facts) or cost(moved) <= cost(before) else plain


def are_trusted(weights: str | None, facts: dict) -> bool:
    """Whether weights that were moved need not be compared with those before. ``facts`` of ``calibrated_weights``."""
    return weights == "calibrated" or facts["left"] <= TRUSTED


def _represented(groups: list[Group], clusters: list[Clusters], members, grid: float) -> list[Clusters]:
    of_groups = []
    for group, each, part in zip(groups, clusters, members):
        of_groups.append(represented(group, each, part, grid))
        group.space.arrangement.release()
    return of_groups
