"""Strata and no more: what a pilot is trained on, for which bounds, ranks and a file are of no interest."""

from __future__ import annotations

import numpy as np

from craig_cli.dataset import Dataset
from craig_cli.selection.algorithms import begin_strata
from craig_cli.selection.groups import build_groups, class_parts, scaled_rows
from craig_cli.selection.moments import calibrated_weights
from craig_cli.selection.quotas import group_quotas


def draw_strata(
    dataset: Dataset,
    size: int,
    *,
    loss: str | None = None,
    per_class: bool = True,
    found=None,
    calibrated: bool = True,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """(rows (size,) int64 positions in ``dataset``, weights (size,) float64) of strata, class by class.

    found       influence.Influence at a model, for strata of equal influence; None: strata of the raw features
    calibrated  to the gradient at that model, or else to the means of the classes
    """
    vectors, gradients = (None, None) if found is None else (found.vectors, found.gradients)
    groups, _ = build_groups(
        dataset,
        scaled_rows(dataset, "none")[0] if vectors is None else vectors,
        class_parts(dataset, loss, None, per_class),
        metric="euclidean",
        scale="none",
        loss=loss if vectors is None else None,  # the vectors know of the targets
        radius=None,
        influence=vectors,
    )
    generator = np.random.default_rng(seed)
    orders = [begin_strata(group.search, None, generator, None) for group in groups]
    for order, quota in zip(orders, group_quotas(groups, size, by_influence=vectors is not None)):
        order.extend(int(quota))
    picks, weights = [order.picks for order in orders], [order.weights for order in orders]
    if calibrated:
        weights, _ = calibrated_weights(dataset, groups, picks, weights, vectors, gradients)
    return np.concatenate([group.rows[part] for group, part in zip(groups, picks)]), np.concatenate(weights)
