"""From feature distances to a bound on the gradient error.

For f_i(w) = phi(y_i, <w, x_i>), |phi'| <= G, phi' L-Lipschitz in the margin and ||w|| <= B,

    || grad f_i(w) - grad f_j(w) ||  <=  (G + L B ||x_i||) ||x_i - x_j||

for two rows of one label. (The paper's equations 81-84 drop G. The row whose norm counts may be either of the two;
taking i, the one that is represented, makes the constant belong to the row.) For the losses of a regression, which have
L = 1, with r_i = min(G, B ||x_i|| + |y_i|), the largest residual that still counts, and X = max ||x||,

    || grad f_i(w) - grad f_j(w) ||  <=  r_i ||x_i - x_j|| + X (B ||x_i - x_j|| + |y_i - y_j|)

which by Cauchy-Schwarz is at most c_i times the distance of the rows (x, y). Rows are extended by a 1 and w by the
intercept, so the bound covers models with an intercept; it is then part of the ball.

Weights gamma_j that are not the numbers n_j of rows assigned to j add the gradients of the difference,

    || sum_j (n_j - gamma_j) grad f_j(w) ||  <=  sum_j |n_j - gamma_j| max_w || grad f_j(w) ||

or, as both sum to the same, what has to move times the greatest distance of two gradients, whichever is less.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from craig_cli.dataset import is_csr
from craig_cli.registry import LOSSES, load
from craig_cli.selection.distances.metrics import check_fits

FEATURE_DISTANCE = "feature distance"
GRADIENT_NORM = "gradient norm"


def row_norms(features: np.ndarray | sp.csr_matrix) -> np.ndarray:
    """(n,) norms of the rows, each extended by a 1."""
    if is_csr(features):
        squares = np.asarray(features.multiply(features).sum(axis=1)).ravel()
    else:
        squares = np.einsum("ij,ij->i", features, features)
    return np.sqrt(squares + 1.0)


def gradient_constants(
    features: np.ndarray | sp.csr_matrix,
    labels: np.ndarray,
    loss: str,
    radius: float,
    label_unit: float,
    stretch: float = 1.0,
    largest: float | None = None,
) -> np.ndarray:
    """(n,) float64 c_i with || grad f_i(w) - grad f_j(w) || <= c_i d_ij for all ||(w, b)|| <= ``radius``.

    d_ij is a distance of the features (n, d), or for the loss of a regression of the rows (features, labels /
    label_unit), of which ``stretch`` times is no less than the Euclidean one (``Metric.euclidean``). ``largest`` is
    the greatest norm (``row_norms``) of all rows where these are some.
    """
    norms = row_norms(features)
    largest = float(norms.max()) if largest is None else largest
    the_loss = load(LOSSES, loss)
    if the_loss.is_regression:
        residual = np.minimum(the_loss.slope_bound, radius * norms + np.abs(labels))
        return stretch * np.hypot(residual + largest * radius, largest * label_unit)
    slope, curvature = the_loss.constants(radius, largest)
    return stretch * (slope + curvature * radius * norms)


def gradient_bounds(features: np.ndarray | sp.csr_matrix, labels: np.ndarray, loss: str, radius: float) -> np.ndarray:
    """(n,) float64, what || grad f_i(w) || cannot exceed for all ||(w, b)|| <= ``radius``: max |phi'_i| ||x_i||."""
    norms = row_norms(features)
    the_loss = load(LOSSES, loss)
    if the_loss.is_regression:
        return np.minimum(the_loss.slope_bound, radius * norms + np.abs(labels)) * norms
    return the_loss.constants(radius, norms)[0] * norms


def exact_grid(total: float) -> float:
    """A power of two such that whole multiples of it, up to ``total`` in all, add up exactly in float64.

    Raises DataError for a total beyond float64, which the distances of huge features have.
    """
    if total == 0:
        return 1.0
    check_fits(np.log2(total))
    return 2.0 ** int(np.ceil(np.log2(total) - 51))
