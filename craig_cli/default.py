"""What is selected where nothing else is asked for: medoids of clusters, weighed at a model of the clusters' own.

The rows are exemplars of the features, which serve whatever is trained on them by distance (a kernel SVM). But a medoid
is a biased stand-in for its cluster, and for a linear model trained to convergence medoids with counts can lose to
random rows. So the weights are moved as little as possible until the gradient at a rough model (rough_model.py) is the
one of all rows (calibrate.py): as far as that can be, the optimum of the coreset is that model. Where the medoids' best
weights leave some of the gradient over, a random member of each cluster stands for it instead, which is unbiased. Where
neither match it, which takes some picks for each parameter, models are trained on both, with fitted weights and with
counts, and what costs all rows least is taken. Where the data has too few rows to train a model, members keep counts.

Picking the rows at the model, as --pilot does, brings a linear model nearer still. But it picks those that the model
has wrong, which is the last thing that a kernel SVM should be given.

The construction of the paper, medoids with counts, has the smaller epsilon. It is what an epsilon is reached with, and
``exemplar="medoid", weights="count"`` asks for it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from craig_cli.artifacts.coreset import Coreset
from craig_cli.dataset import Dataset, class_values, from_arrays
from craig_cli.errors import DataError, UsageError
from craig_cli.registry import DEFAULT_L2
from craig_cli.selection.arguments import planned_size
from craig_cli.selection.groups import REGRESSION_LOSSES
from craig_cli.selection.select import UNRANKED, select_dataset

LEAST_ROWS_A_PARAMETER = 2  # of a sample, or its model says more of those rows than of the data
ROUNDS = 4  # of training the rough model, at most


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
    weights   "count", "calibrated", or "fitted": calibrated at a rough model of all rows; None: counts for an epsilon
              and for strata and random, calibrated where there are influence vectors, else fitted
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
        picks = planned_size(dataset, options.get("fraction"), options.get("size"), epsilon)
        guide = _Guide(dataset, loss, l2, picks, seed, note)
    elif exemplar is None and greedy:
        exemplar = "member"
    options |= {"algorithm": algorithm, "exemplar": exemplar, "weights": weights, "loss": loss, "per_class": per_class}
    options |= {"epsilon": epsilon, "influence": influence, "seed": seed, "threads": threads, "note": note}
    coreset = select_dataset(dataset, guide=guide, **options)
    if guide is not None and coreset.metadata["weights"] == "fitted":
        coreset.metadata["at"] = {"model": None, **guide.facts(coreset)}
    elif guide is not None and guide.rough is not None and note is not None:
        note(f"weights are counts: {len(coreset):,} picks do not span the gradient of the model")
    return coreset


class _Guide:
    """Called, it trains the rough model and returns the influence of all rows at it, or None."""

    def __init__(self, dataset: Dataset, loss: str | None, l2: float, picks: int, seed: int, note):
        self._dataset, self._l2, self._picks, self._seed, self._note = dataset, l2, picks, seed, note
        self._loss = loss or ("logistic" if len(class_values(dataset.labels)[0]) <= 2 else "multinomial")
        self.rough = None

    def __call__(self):
        from craig_cli.rough_model import rough_model, sample_size  # loads solvers that nothing else here needs

        dataset = self._dataset
        outputs = len(class_values(dataset.labels)[0]) if self._loss == "multinomial" else 1
        parameters = outputs * (dataset.n_features + 1)
        rows = sample_size(dataset.n_rows, parameters, self._picks)
        try:
            if LEAST_ROWS_A_PARAMETER * parameters > rows:
                raise DataError(f"{parameters:,} parameters are too many for {dataset.n_rows:,} rows")
            self.rough = rough_model(
                dataset, self._loss, self._l2, picks=self._picks, rounds=ROUNDS, vectors=False, seed=self._seed
            )
        except (DataError, np.linalg.LinAlgError) as error:
            if self._note is not None:
                self._note(f"weights are counts, as there is no model to fit them at: {error}")
            return None
        return self.rough.found

    def cost(self, rows: np.ndarray, weights: np.ndarray) -> float:
        """The objective of all rows at the model that is optimal on ``rows`` (r,) int64 with ``weights`` (r,)."""
        from craig_cli.training.newton import SHARPNESS, newton

        design, objective = self.rough.design, self.rough.found.objective
        coef = newton(design.take(rows, weights), self.rough.coef, SHARPNESS * objective)
        return design.objective(coef, design.margins(coef))

    def facts(self, coreset: Coreset) -> dict:
        """What the metadata says of the model."""
        from craig_cli.at_model import facts_at

        model = self.rough.design.model(self.rough.coef, self._l2)
        return facts_at(coreset, self._dataset, model, self.rough.found)
