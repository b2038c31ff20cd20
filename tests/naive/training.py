"""The objective in a few plain lines of numpy, in raw units, and its optimum by scipy's L-BFGS or a Newton
method.
"""

from __future__ import annotations

import numpy as np
import scipy.optimize
import scipy.sparse as sp

REGRESSIONS = ("squared", "huber")


def phi(loss: str, labels: np.ndarray, margins: np.ndarray) -> np.ndarray:
    """phi of each row; ``labels`` -1/1, class numbers (multinomial) or values; ``margins`` (n, k)."""
    m = margins[:, 0]
    if loss == "logistic":
        return np.logaddexp(0.0, -labels * m)
    if loss == "squared":
        return (m - labels) ** 2 / 2
    if loss == "huber":
        return np.where(abs(m - labels) <= 1.0, (m - labels) ** 2 / 2, abs(m - labels) - 0.5)
    if loss == "multinomial":
        return np.logaddexp.reduce(margins, axis=1) - margins[np.arange(len(labels)), labels.astype(int)]
    short = np.maximum(0.0, 1.0 - labels * m)
    if loss == "squared-hinge":
        return short**2 / 2
    return np.where(short <= 1.0, short**2 / 2, short - 0.5)


def slope(loss: str, labels: np.ndarray, margins: np.ndarray) -> np.ndarray:
    """d phi / d margins, (n, k)."""
    m = margins[:, 0]
    if loss == "multinomial":
        p = np.exp(margins - np.logaddexp.reduce(margins, axis=1)[:, None])
        p[np.arange(len(labels)), labels.astype(int)] -= 1.0
        return p
    if loss == "logistic":
        one = -labels * np.exp(-np.logaddexp(0.0, labels * m))
    elif loss == "squared":
        one = m - labels
    elif loss == "huber":
        one = np.clip(m - labels, -1.0, 1.0)
    else:
        short = np.maximum(0.0, 1.0 - labels * m)
        one = -labels * (np.minimum(short, 1.0) if loss == "smoothed-hinge" else short)
    return one[:, None]


def encode(loss: str, labels: np.ndarray) -> tuple[np.ndarray, int]:
    """(labels as phi takes them, number of outputs)."""
    if loss in REGRESSIONS:
        return labels, 1
    classes, codes = np.unique(labels, return_inverse=True)
    return (codes.astype(float), len(classes)) if loss == "multinomial" else (2.0 * codes - 1.0, 1)


def objective(loss, features, labels, coef, intercept, l2, gamma=None) -> float:
    """(1/n) sum gamma_j phi_j + l2/2 ||w||^2 of a model in the units of ``features``."""
    coef = np.atleast_2d(coef)
    gamma = np.ones(len(labels)) if gamma is None else gamma
    codes, _ = encode(loss, labels)
    margins = np.asarray(features @ coef.T) + np.atleast_1d(intercept)
    return float(gamma @ phi(loss, codes, margins) / gamma.sum() + l2 / 2 * (coef**2).sum())


def optimum(loss, features, labels, l2, gamma=None, intercept=True) -> tuple[float, np.ndarray, np.ndarray]:
    """(objective, coef (k, d), intercept (k,)) at the minimum, by L-BFGS on whitened columns.

    The columns are whitened only so that L-BFGS gets to the bottom: the objective is the one above.
    """
    n, d = features.shape
    gamma = np.ones(n) if gamma is None else gamma
    codes, k = encode(loss, labels)
    dense = features.toarray() if sp.issparse(features) else features
    centre = np.average(dense, axis=0, weights=gamma) if intercept else np.zeros(d)
    centred = dense - centre
    values, vectors = np.linalg.eigh((centred * gamma[:, None]).T @ centred / gamma.sum() + 4 * l2 * np.eye(d))
    basis = vectors / np.sqrt(np.maximum(values, 1e-12 * values.max()))
    white = centred @ basis
    spread = np.std(labels) if loss in REGRESSIONS else 1.0
    scale = spread * spread

    def parts(flat):
        v = flat.reshape(k, d + 1)
        return v[:, :d] @ basis.T * spread, v[:, d] * spread * intercept

    def function(flat):
        w, b = parts(flat)
        margins = white @ flat.reshape(k, d + 1)[:, :d].T * spread + b
        loss_value = gamma @ phi(loss, codes, margins) / gamma.sum()
        s = slope(loss, codes, margins) * gamma[:, None] / gamma.sum()
        by_v = s.T @ white + l2 * w @ basis
        gradient = np.hstack([by_v, intercept * s.sum(axis=0)[:, None]]) * spread
        return (loss_value + l2 / 2 * (w**2).sum()) / scale, gradient.ravel() / scale

    start = np.zeros(k * (d + 1))
    if loss in REGRESSIONS and intercept:
        start[-1] = labels.mean() / spread
    found = scipy.optimize.minimize(
        function,
        start,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 20000, "maxfun": 40000, "ftol": 1e-16, "gtol": 1e-10},
    )
    w, b = parts(found.x)
    return found.fun * scale, w, b - w @ centre


def refined(loss, features, labels, l2, rows, gamma, coef, intercept, understated=np.inf) -> tuple:
    """One round of refinement from ``coef`` (k, d), ``intercept`` (k,): the minimum of the coreset's objective (rows,
    gamma) plus a linear function that makes its gradient there that of all rows, and plus a quadratic where its second
    derivatives (by differences) are too small by more than a factor ``understated``. By BFGS.
    """
    codes, k = encode(loss, labels)
    x = np.column_stack([features.toarray() if sp.issparse(features) else features, np.ones(len(labels))])
    penalty = np.append(np.full(x.shape[1] - 1, l2), 0.0)

    def parts(flat, x, codes, gamma):
        w = flat.reshape(k, -1)
        margins = x @ w.T
        value = gamma @ phi(loss, codes, margins) / gamma.sum() + 0.5 * (penalty * w * w).sum()
        slopes = slope(loss, codes, margins) * gamma[:, None] / gamma.sum()
        return value, (slopes.T @ x + penalty * w).ravel()

    start = np.column_stack([np.atleast_2d(coef), np.atleast_1d(intercept)]).ravel()
    everything = (x, codes, np.ones(len(labels)))
    coreset = (x[rows], codes[rows], gamma)

    def second(which):
        steps = 1e-6 * np.eye(len(start))
        return np.array(
            [(parts(start + e, *which)[1] - parts(start - e, *which)[1]) @ e / 2e-12 for e in steps]
        ).reshape(k, -1)

    there, here = second(everything), second(coreset)
    lacking = np.where(there - penalty > understated * here, there - here, 0.0).max(axis=0)
    lacking = np.tile(lacking, k)
    linear = parts(start, *everything)[1] - parts(start, *coreset)[1]

    def function(flat):
        value, gradient = parts(flat, *coreset)
        away = flat - start
        return value + linear @ flat + 0.5 * lacking @ away**2, gradient + linear + lacking * away

    found = scipy.optimize.minimize(function, start, jac=True, method="BFGS", options={"gtol": 1e-9, "maxiter": 5000})
    w = found.x.reshape(k, -1)
    return w[:, :-1], w[:, -1]
