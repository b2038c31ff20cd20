"""Rows and weights and no more: what a rough model is trained on, for which bounds and ranks are of no interest."""

from __future__ import annotations

import numpy as np

from craig_cli.dataset import Dataset
from craig_cli.guided.influence import Influence
from craig_cli.selection.algorithms import strata
from craig_cli.selection.algorithms.uniform import RandomOrder
from craig_cli.selection.at_model import AtModel
from craig_cli.selection.classes import class_parts
from craig_cli.selection.groups import build_groups
from craig_cli.selection.plan import Plan
from craig_cli.selection.quotas import class_quotas, group_quotas


def draw_random(
    dataset: Dataset, size: int, *, loss: str | None = None, per_class: bool = True, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """(rows (size,) int64 positions in ``dataset``, weights (size,) float64) of random rows of each class."""
    parts = [rows for _, rows in class_parts(dataset, loss, None, per_class)]
    counts = dataset.counts
    capacity = np.array([len(rows) for rows in parts])
    quotas = class_quotas(np.array([counts[rows].sum() for rows in parts]), size, capacity)
    generator = np.random.default_rng(seed)
    orders = [RandomOrder(counts[rows], generator) for rows in parts]
    for order, quota in zip(orders, quotas):
        order.extend(int(quota))
    places = [rows[order.picks] for rows, order in zip(parts, orders)]
    return np.concatenate(places), np.concatenate([order.weights for order in orders])


def draw_strata(
    dataset: Dataset,
    size: int,
    influence: Influence,
    *,
    loss: str | None = None,
    per_class: bool = True,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """The same of strata of equal influence at a model."""
    vectors = influence.vectors
    groups, _ = build_groups(
        dataset,
        vectors,
        class_parts(dataset, loss, None, per_class),
        Plan(),  # no loss: the vectors know of the targets
        at=AtModel(vectors),
    )
    generator = np.random.default_rng(seed)
    orders = [strata.at_vectors(group.search, generator) for group in groups]
    for order, quota in zip(orders, group_quotas(groups, size, by_influence=1.0)):
        order.extend(int(quota))
    places = [group.rows[order.picks] for group, order in zip(groups, orders)]
    return np.concatenate(places), np.concatenate([order.weights for order in orders])
