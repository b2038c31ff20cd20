"""How each row pulls at a model: its gradient there, measured in the model's own curvature.

    h_i = H^(-1/2) grad f_i(w),     H = (1/n) sum_i phi''_i (x_i, 1)(x_i, 1)^T + l2 I

Moving the weight of row i moves the optimum by H^-1 grad f_i, so distances between the h_i are distances between what
rows do to the model (equation 6 is stated in the gradient space at a point w; H makes that space free of the units of
the features). Up to EXACT columns the vectors are whole. Beyond, and for multinomial models, whose gradient is a
matrix, they are a random-sign sketch of SKETCH numbers (Johnson and Lindenstrauss) with H taken as block diagonal, and
as diagonal where the data is sparse or wider than WIDEST.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.sparse as sp

from craig_cli.artifacts.model import Model
from craig_cli.dataset import Dataset
from craig_cli.errors import DataError
from craig_cli.evaluation.pointwise import encode_targets, slopes
from craig_cli.scaling import fit_scaling

EXACT = 256
WIDEST = 2048
SKETCH = 128
CHUNK = 16_384  # rows at a time
FLOOR = 1e-9  # of the mean curvature, where the data has none
NUDGE = 1e-4  # of a margin, for the second derivative of the loss


@dataclass(frozen=True)
class Influence:
    """vectors (n, q) float64: h_i, or their sketch; kind: "exact" or "sketch"; curvature: "hessian", or its "diagonal".

    dimension: the mean of ||h_i||^2. At the optimum of a model that fits, it is the effective number of parameters
    (gradients have covariance H there); at a rough model it is larger, so it also tells a pilot that is no guide.
    """

    vectors: np.ndarray
    kind: str
    dimension: float
    curvature: str = "hessian"


def influence(model: Model, dataset: Dataset, name: str = "the model", seed: int = 0) -> Influence:
    """The influence vectors of all rows at ``model``. Raises DataError where model and data do not fit."""
    if model.n_features != dataset.n_features:
        raise DataError(f"{name}: expected a model of {dataset.n_features} features, found {model.n_features}")
    targets = encode_targets(model, dataset, name)
    # Standardised columns, so that the Cholesky factor is of a matrix in good condition; h does not feel it.
    scaling = fit_scaling("standard", dataset.features, dataset.multiplicity)
    coef, intercept = scaling.from_raw(np.atleast_2d(model.coef), np.atleast_1d(model.intercept))
    rows = scaling.apply(dataset.features)
    margins = np.asarray(rows @ coef.T) + intercept
    slope = slopes(model, margins, targets)
    bend = (slopes(model, margins + NUDGE, targets) - slopes(model, margins - NUDGE, targets)) / (2.0 * NUDGE)
    if slope.shape[1] > 1:  # the diagonal of the second derivative needs one margin moved at a time
        for k in range(slope.shape[1]):
            step = np.zeros(slope.shape[1])
            step[k] = NUDGE
            moved = slopes(model, margins + step, targets) - slopes(model, margins - step, targets)
            bend[:, k] = moved[:, k] / (2.0 * NUDGE)
    counts = np.ones(dataset.n_rows) if dataset.multiplicity is None else dataset.multiplicity
    penalty = np.append(np.full(dataset.n_features, model.l2), 0.0)
    if scaling.factor is not None:
        penalty[:-1] *= scaling.factor**2
    width = dataset.n_features + 1
    whole = slope.shape[1] == 1 and width <= EXACT and not sp.issparse(rows)
    size = width if whole else min(SKETCH, width * slope.shape[1])
    vectors = np.zeros((dataset.n_rows, size))
    generator = np.random.default_rng(seed)
    for k in range(slope.shape[1]):
        weights = np.maximum(bend[:, k], 0.0) * counts / counts.sum()
        if whole:
            projection = np.eye(width)
        else:
            projection = generator.choice((-1.0, 1.0), (width, size)) / np.sqrt(size)
        lifted = _inverse_root(rows, weights, penalty)(projection)
        for start in range(0, dataset.n_rows, CHUNK):
            part = rows[start : start + CHUNK]
            images = np.asarray(part @ lifted[:-1]) + lifted[-1]
            vectors[start : start + CHUNK] += slope[start : start + CHUNK, k, None] * images
    dimension = float(np.einsum("ij,ij,i->", vectors, vectors, counts) / counts.sum())
    curvature = "diagonal" if _diagonal(rows, width) else "hessian"
    return Influence(vectors, "exact" if whole else "sketch", dimension, curvature)


def _diagonal(rows, width: int) -> bool:
    return sp.issparse(rows) or width > WIDEST


def _inverse_root(rows, weights: np.ndarray, penalty: np.ndarray):
    """v (d + 1, q) -> C^-T v with C C^T = H of one output: (x, 1) times it is H^(-1/2) (x, 1) up to a rotation."""
    width = len(penalty)
    if _diagonal(rows, width):
        squares = rows.multiply(rows) if sp.issparse(rows) else rows * rows
        diagonal = np.append(np.asarray(squares.T @ weights).ravel(), weights.sum()) + penalty
        diagonal = diagonal + FLOOR * max(diagonal.mean(), 1e-300)
        return lambda v: v / np.sqrt(diagonal)[:, None]
    hessian = np.diag(penalty)
    for start in range(0, len(weights), CHUNK):
        part = rows[start : start + CHUNK]
        extended = np.column_stack([part, np.ones(len(part))])
        hessian += (extended * weights[start : start + CHUNK, None]).T @ extended
    hessian[np.diag_indices(width)] += FLOOR * max(np.trace(hessian) / width, 1e-300)
    factor = np.linalg.cholesky(hessian)
    return lambda v: scipy.linalg.solve_triangular(factor, v, lower=True, trans="T")
