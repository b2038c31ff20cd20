"""How far a model is from the optimum: F(w) - F(w*) and ||w - w*||, for objectives that are nearly equal.

    F(w) = (1/n) sum_i m_i phi(y_i, <w, x_i> + b) + l2/2 ||w||^2,       n = sum m_i, w in the units of --scale

Subtracting two means leaves the rounding of both. Here every row's own difference is formed from the difference of
the two margins, delta_i = <w - w*, x_i> + b - b*, by a formula that keeps its digits, such as

    log(1 + e^-m) - log(1 + e^-m*) = log(1 + expm1(-delta) / (1 + e^m*)),

and the n differences are added exactly (math.fsum). The error is then a few units in the last place of the mean of
|phi'| |delta|, which vanishes with the residual itself: below 1e-10 for every loss of classes with margins up to 1e5,
and below 1e-10 of the objective for the squared loss, whose size is that of the labels squared.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from craig_cli.artifacts.model import Model
from craig_cli.dataset import Dataset, labels_in_words
from craig_cli.errors import DataError
from craig_cli.evaluation.pointwise import encode_targets, losses
from craig_cli.registry import LOSSES, load
from craig_cli.scaling import Scaling

LARGEST = 1.0  # differences of margins beyond which the two losses are subtracted as they are


@dataclass(frozen=True)
class Residual:
    """residual: F(w) - F(w*). distance: ||w - w*|| in the units of the scaling, without the intercept, whose
    difference is intercept_distance (a norm for multinomial models). Both models are taken in those units.
    """

    residual: float
    distance: float
    intercept_distance: float


def residual(model: Model, reference: Model, dataset: Dataset, scaling: Scaling, name: str = "the model") -> Residual:
    """``model`` against ``reference``, by the objective of ``model`` (its loss and l2) on ``dataset``.

    ``scaling`` is the one in whose units the penalty is measured, fitted to ``dataset``. Raises DataError where the
    two are no models of one kind, and for features or labels that they do not know.
    """
    check_kind(model, reference, name)
    dataset = dataset.with_features(model.n_features, name)
    targets = encode_targets(model, dataset, name)
    weight = dataset.counts
    margins, others = model.decision(dataset.features), reference.decision(dataset.features)
    shift = model.intercept - reference.intercept
    delta = np.asarray(dataset.features @ (model.coef - reference.coef).T) + shift
    rows = loss_differences(model, margins, others, delta, targets)
    mean = math.fsum(rows * weight) / math.fsum(weight)
    factor = 1.0 if scaling.factor is None else scaling.factor
    apart, both = (model.coef - reference.coef) / factor, (model.coef + reference.coef) / factor
    penalty = 0.5 * model.l2 * math.fsum((apart * both).ravel())
    # Of the scaled models, whose intercepts are the margins at the scaling's origin.
    between = np.asarray(shift if scaling.shift is None else shift + (model.coef - reference.coef) @ scaling.shift)
    if between.ndim:
        between = between - between.mean()  # the same number for all classes changes nothing
    return Residual(mean + penalty, float(np.linalg.norm(apart)), float(np.linalg.norm(between)))


def check_kind(model: Model, reference: Model, name: str = "the model") -> None:
    """Raise DataError unless the two have the same loss, classes and number of features."""
    expected, kind = (
        f"{each.loss} loss, {each.n_features} features and {_listed(each.labels)}" for each in (model, reference)
    )
    if expected != kind or model.labels != reference.labels:
        raise DataError(f"the reference: expected a model as {name} is, of {expected}, found one of {kind}")


def _listed(classes: tuple) -> str:
    return f"classes {labels_in_words(classes)}" if classes else "no classes"


def loss_differences(model: Model, margins, others, delta, targets) -> np.ndarray:
    """(n,) phi(margins) - phi(others), where delta = margins - others is known to more digits than they are.

    margins, others, delta  (n,), or (n, k) for a multinomial model; targets (n,) as ``encode_targets`` has them
    """
    plain = losses(model, margins, targets) - losses(model, others, targets)
    near = np.abs(delta) <= LARGEST
    near = near if near.ndim == 1 else near.all(axis=1)
    plain[near] = load(LOSSES, model.loss).difference(margins[near], others[near], delta[near], targets[near])
    return plain
