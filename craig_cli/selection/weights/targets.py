"""Calibrating the weights of a selection: to the gradient at a model, or to the mean of each class's features."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from craig_cli.dataset import Dataset
from craig_cli.errors import UsageError
from craig_cli.selection.at_model import AtModel
from craig_cli.selection.groups import Group
from craig_cli.selection.weights.calibrate import calibrate

PICKS_A_MOMENT = 10
MOST_MOMENTS = 2048  # totals that weights are calibrated to without a model


def calibrated_weights(
    dataset: Dataset,
    groups: list[Group],
    picks: list[np.ndarray],
    before: list[np.ndarray],
    at: AtModel | None,
) -> tuple[list[np.ndarray], dict]:
    """(weights of each group's picks, what was asked for and left over), from the weights ``before``."""
    counts = dataset.counts
    which = np.repeat(np.arange(len(groups)), [len(part) for part in picks])
    rows = np.concatenate([group.rows[part] for group, part in zip(groups, picks)])
    sums = np.array([group.mass for group in groups])
    most = None
    if at is not None and at.gradients is not None:
        vectors, totals = at.gradients.of(rows), at.gradients.totals
    elif at is not None:
        vectors, totals = at.influence[rows], counts @ at.influence
    else:
        # Totals that tell little of the model; with few picks for each they would only unsettle the weights.
        vectors, totals = _class_moments(dataset, groups, rows, which, counts)
        most = len(rows) // PICKS_A_MOMENT - len(groups)
    return calibrated(before, sums, vectors, totals, most, "class means" if at is None else "the model")


def calibrated(
    before: list[np.ndarray], sums: np.ndarray, vectors, totals: np.ndarray, most: int | None, at: str
) -> tuple[list[np.ndarray], dict]:
    """As ``calibrate``, of the weights ``before`` of each group's picks, to sum to ``sums`` (k,); with facts."""
    which = np.repeat(np.arange(len(before)), [len(part) for part in before])
    after, left, asked = calibrate(np.concatenate(before), which, sums, vectors, totals, most)
    ends = np.cumsum([len(part) for part in before])[:-1]
    return np.split(after, ends), {"totals": asked, "left": left, "at": at}


def _class_moments(dataset: Dataset, groups, rows, which, counts) -> tuple[np.ndarray, np.ndarray]:
    """First moments of the features, each class for itself: (vectors of the picks, totals over all rows)."""
    width = dataset.n_features
    if width * len(groups) > MOST_MOMENTS:
        raise UsageError(
            f"calibrated weights: {width} features in {len(groups)} classes are too many; give a model to go by"
        )
    chosen = dataset.features[rows]
    chosen = chosen.toarray() if sp.issparse(chosen) else chosen
    vectors = np.zeros((len(rows), width * len(groups)))
    totals = []
    for number, group in enumerate(groups):
        vectors[which == number, number * width : (number + 1) * width] = chosen[which == number]
        everyone = np.concatenate([group.rows, group.twins])
        totals.append(np.asarray(counts[everyone] @ dataset.features[everyone]).ravel())
    unit = np.abs(vectors).max(axis=0)
    unit[unit == 0.0] = 1.0
    return vectors / unit, np.concatenate(totals) / unit
