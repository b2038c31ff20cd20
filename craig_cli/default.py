"""What is selected where nothing else is asked for: medoids of clusters, weighed at a model of the clusters' own.

The rows are exemplars of the features, which serve whatever is trained on them by distance (a kernel SVM). But a medoid
is a biased stand-in for its cluster, and for a linear model trained to convergence medoids with counts can lose to
random rows. So the weights are moved as little as possible until the gradient at a rough model is the one of all rows
(calibrate.py). That model is trained on a random member of each cluster with the counts as weights, which is unbiased,
and once more on the members calibrated at the first.

It takes picks enough to match the gradient in every direction. With fewer, the members are the exemplars, and
with too few to train a model at all, they keep the counts: unbiased, they do not lose to random rows either way.

The construction of the paper, medoids with counts, has the smaller epsilon. It is what an epsilon is reached with, and
``exemplar="medoid", weights="count"`` asks for it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from craig_cli.artifacts.coreset import Coreset
from craig_cli.artifacts.model import Model
from craig_cli.at_model import facts_at
from craig_cli.dataset import Dataset, class_values, from_arrays
from craig_cli.errors import DataError, UsageError
from craig_cli.evaluation.influence import Influence, influence_at
from craig_cli.selection.arguments import planned_size
from craig_cli.selection.groups import REGRESSION_LOSSES
from craig_cli.selection.select import UNRANKED, select_dataset
from craig_cli.training.design import Design, build_design
from craig_cli.training.fit import DEFAULT_L2
from craig_cli.training.newton import newton

SHARPNESS = 1e-3  # a model is trained to this share of what can be told of it, or of what the one before had left
PICKS_A_TOTAL = 10  # with fewer, the gradient is not matched in every direction
PICKS_A_PARAMETER = 2  # with fewer, the model of the coreset says more of its rows than of the data


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

    exemplar  None: "medoid" for an epsilon, and with fitted weights of picks enough to match all of the gradient; else
              "member", for the greedy algorithms
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
        guide = _OwnModel(dataset, loss, l2, seed, note)
    if exemplar is None and greedy:
        size = planned_size(dataset, options.get("fraction"), options.get("size"))
        enough = guide is not None and size >= PICKS_A_TOTAL * (guide.parameters + guide.classes)
        exemplar = None if enough else "member"
    options |= {"algorithm": algorithm, "exemplar": exemplar, "weights": weights, "loss": loss, "per_class": per_class}
    options |= {"epsilon": epsilon, "influence": influence, "seed": seed, "threads": threads, "note": note}
    coreset = select_dataset(dataset, guide=guide, **options)
    if guide is not None and guide.found is not None:
        coreset.metadata["at"] = {"model": None, **facts_at(coreset, dataset, guide.model, guide.found)}
    return coreset


class _OwnModel:
    """Called with rows and weights: the influence of all rows at the model trained on them, or None."""

    def __init__(self, dataset: Dataset, loss: str | None, l2: float, seed: int, note):
        self._dataset, self._l2, self._seed, self._note = dataset, l2, seed, note
        labels = len(class_values(dataset.labels)[0])
        self._loss = loss or ("logistic" if labels <= 2 else "multinomial")
        self.classes = 1 if self._loss in REGRESSION_LOSSES else labels
        self.parameters = (labels if self._loss == "multinomial" else 1) * (dataset.n_features + 1)
        self._design: Design | None = None
        self._coef: np.ndarray | None = None
        self.model: Model | None = None
        self.found: Influence | None = None

    def __call__(self, index: np.ndarray, weights: np.ndarray) -> Influence | None:
        """index (r,) int64 rows of the data set, weights (r,) float64."""
        if self.parameters * PICKS_A_PARAMETER > len(index):
            return self._leave(f"{self.parameters:,} parameters are too many for", index)
        try:
            coef, found = self._train(index, weights)
        except (DataError, np.linalg.LinAlgError) as error:
            return self._leave(f"no model could be trained ({error}) on", index)
        if found.dimension * PICKS_A_PARAMETER > len(index):
            return self._leave(f"some {found.dimension:,.0f} effective parameters are too many for", index)
        self._coef, self.found = coef, found
        self.model = self._design.model(coef, self._l2)
        return found

    def _train(self, index: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, Influence]:
        if self._design is None:
            self._design = build_design(self._dataset, self._loss, self._l2)
            self._coef = np.zeros((self._design.n_outputs, self._design.width))
        left = self._design.width / len(index) if self.found is None else self.found.decrement
        coef = newton(self._design.take(index, weights), self._coef, SHARPNESS * left)
        return coef, influence_at(self._design, coef, self._seed, vectors=False)

    def _leave(self, why: str, index: np.ndarray) -> None:
        if self._note is not None and self.found is None:
            self._note(f"weights are counts: {why} {len(index):,} picks")
