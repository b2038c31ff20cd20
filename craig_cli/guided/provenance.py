"""What a coreset's metadata says of the model that it was selected at, under "at".

Epsilon speaks of every model in a ball, by distances of features. At the one model that rows and weights were chosen
for, the gradient error can be measured, and is far smaller; it says nothing of any other model.
"""

from __future__ import annotations

import hashlib

import numpy as np

from craig_cli.artifacts.coreset import Coreset
from craig_cli.artifacts.model import Model, model_text
from craig_cli.dataset import Dataset
from craig_cli.evaluation.gradient_error import GradientProbe
from craig_cli.guided.influence import Influence

HOLDS = "this model only"


def facts_at(coreset: Coreset, dataset: Dataset, model: Model, influence: Influence, name: str = "the model") -> dict:
    """Which model it is, how distances between gradients were made there, and the gradient error measured there.

    fingerprint  SHA-256 of the model as a file
    distance     of ``influence.Influence``: which curvature, and whether the vectors are whole or a sketch
    error        || sum_i m_i grad f_i - sum_j gamma_j grad f_j ||, as ``craig eval MODEL DATA --coreset`` has it
    influence    the same in the metric of the influence vectors, || H^(-1/2) (...) ||
    """
    measured = GradientProbe(coreset, dataset).at_model(model, name)
    if influence.gradients is None:
        counts = dataset.counts
        difference = counts @ influence.vectors - coreset.weight @ influence.vectors[coreset.index]
    else:
        difference = influence.gradients.totals - influence.gradients.of(coreset.index).rmatvec(coreset.weight)
    distance = {"curvature": influence.curvature, "vectors": influence.kind, "width": influence.width}
    error = {"error": measured.error, "full_norm": measured.full_norm, "influence": float(np.linalg.norm(difference))}
    return facts_of(model, distance, influence.dimension, {**error, "norm": measured.norm})


def facts_of(model: Model, distance: dict, dimension: float, error: dict) -> dict:
    """The same of what was measured; ``error``: "error", "full_norm", "influence" and "norm" of the model."""
    return {
        "loss": model.loss,
        "l2": model.l2,
        "fingerprint": hashlib.sha256(model_text(model).encode()).hexdigest(),
        "distance": distance,
        "dimension": dimension,
        "gradient_error": {**error, "holds_for": HOLDS},
    }
