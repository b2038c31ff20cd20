"""What is selected where nothing else is asked for: medoids of clusters, weighed at a model of the clusters' own.

The rows are exemplars of the features, which serve whatever is trained on them by distance (a kernel SVM). But a medoid
is a biased stand-in for its cluster, and for a linear model trained to convergence medoids with counts can lose to
random rows. So the weights are moved as little as possible until the gradient at a rough model is the one of all rows
(calibrate.py). That model is trained on a random member of each cluster with the counts as weights, which is unbiased,
and once more on the members calibrated at the first.

It takes picks enough to match the gradient in every direction, and medoids that reach far enough out for that. Where
there are fewer, or where the medoids' best weights leave some of the gradient over, the members are the exemplars, and
with too few to train a model at all, or to match half of its gradient, they keep the counts, which are unbiased.

The construction of the paper, medoids with counts, has the smaller epsilon. It is what an epsilon is reached with, and
``exemplar="medoid", weights="count"`` asks for it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from craig_cli.artifacts.coreset import Coreset
from craig_cli.dataset import Dataset, from_arrays
from craig_cli.errors import UsageError
from craig_cli.registry import DEFAULT_L2
from craig_cli.selection.arguments import planned_size
from craig_cli.selection.groups import REGRESSION_LOSSES
from craig_cli.selection.select import UNRANKED, select_dataset

PICKS_A_TOTAL = 10  # with fewer, the gradient is not matched in every direction


def select_coreset(
    features,
    labels=None,
    *,
    fraction: float | None = None,
    size: int | None = None,
    epsilon: float | None = None,
    multiplicity=None,
    **options,
) -> Coreset:
    """Select a coreset of arrays: ``index``, ``weight``, ``rank`` and ``epsilon``, all (r,), in greedy order.

    features      (n, d) array-like or scipy sparse matrix
    labels        (n,) class labels, or targets with ``loss="squared"``; None for rows without labels
    fraction      or size or epsilon: one of them says how much to select
    multiplicity  (n,) positive numbers, how many rows each row stands for
    options       those of ``select_by_default``: algorithm, exemplar, weights, metric, scale, loss, radius, ...

    Raises UsageError (a ValueError) for arguments that make no sense and DataError (a ValueError) for such data.
    """
    dataset = from_arrays(features, labels, multiplicity)
    if labels is None:
        options["per_class"] = False
    return select_by_default(dataset, fraction=fraction, size=size, epsilon=epsilon, **options)


def select_by_default(
    dataset: Dataset,
    *,
    algorithm: str = "auto",
    exemplar: str | None = None,
    weights: str | None = None,
    loss: str | None = None,
    per_class: bool = True,
    epsilon: float | None = None,
    influence: np.ndarray | None = None,
    l2: float = DEFAULT_L2,
    seed: int = 0,
    threads: int | None = None,
    note: Callable[[str], None] | None = None,
    **options,
) -> Coreset:
    """``select_dataset`` with what is not said filled in.

    exemplar  None: "medoid" for an epsilon, and with fitted weights that match all of the gradient; else "member", for
              the greedy algorithms
    weights   "count", "calibrated", or "fitted": calibrated at a model trained on members of the clusters; None: counts
              for an epsilon and for strata and random, calibrated where there are influence vectors, else fitted
    l2        penalty of the model of fitted weights, whose loss is ``loss`` or what suits the labels

    The metadata's "at" speaks of that model; raises as ``select_dataset``.
    """
    greedy = algorithm not in UNRANKED and epsilon is None
    labelled = per_class or loss in REGRESSION_LOSSES
    if weights is None:
        weights = "calibrated" if influence is not None else "fitted" if greedy and labelled else "count"
    guide = None
    if weights == "fitted":
        if not labelled:
            raise UsageError("weights: fitted ones need labels to fit a model to, found no-per-class")
        from craig_cli.own_model import OwnModel  # loads solvers that nothing else here needs

        guide = OwnModel(dataset, loss, l2, seed, note)
    if exemplar is None and greedy:
        size = planned_size(dataset, options.get("fraction"), options.get("size"))
        enough = guide is not None and size >= PICKS_A_TOTAL * (guide.parameters + guide.classes)
        exemplar = None if enough else "member"
    options |= {"algorithm": algorithm, "exemplar": exemplar, "weights": weights, "loss": loss, "per_class": per_class}
    options |= {"epsilon": epsilon, "influence": influence, "seed": seed, "threads": threads, "note": note}
    coreset = select_dataset(dataset, guide=guide, **options)
    if guide is not None and coreset.metadata["weights"] == "fitted":
        coreset.metadata["at"] = {"model": None, **guide.facts(coreset)}
    return coreset
