"""phi(margins) - phi(others) of each row, by formulas that keep the digits of ``delta`` = margins - others.

Each takes (margins, others, delta, targets), (n,) or for a multinomial model (n, k), and returns (n,); why is in
evaluation/residual.py. An entry of training/losses.py names its own.
"""

from __future__ import annotations

import numpy as np


def logistic(margins, others, delta, targets):
    agreement = targets * others
    share = np.exp(-np.logaddexp(0.0, agreement))  # 1 / (1 + e^agreement), without overflow
    return np.log1p(share * np.expm1(-targets * delta))


def multinomial(margins, others, delta, targets):
    rows = np.arange(len(targets))
    share = np.exp(others - others.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    return np.log1p((share * np.expm1(delta)).sum(axis=1)) - delta[rows, targets.astype(np.int64)]


def squared(margins, others, delta, targets):
    return 0.5 * delta * ((margins - targets) + (others - targets))


def huber(margins, others, delta, targets):
    one, other = margins - targets, others - targets
    slope, another = np.clip(one, -1.0, 1.0), np.clip(other, -1.0, 1.0)
    # phi(r) = s r - s^2/2 for the slope s = clip(r); what is not a multiple of delta vanishes unless a kink is between.
    return 0.5 * ((slope + another) * delta + (slope - another) * ((one - slope) + (other - another)))


def _shortfalls(margins, others, delta, targets):
    """max(0, 1 - y m) of both, and their difference, by ``delta`` where both are positive."""
    one, other = np.maximum(0.0, 1.0 - targets * margins), np.maximum(0.0, 1.0 - targets * others)
    return one, other, np.where((one > 0) & (other > 0), -targets * delta, one - other)


def squared_hinge(margins, others, delta, targets):
    one, other, apart = _shortfalls(margins, others, delta, targets)
    return 0.5 * apart * (one + other)


def smoothed_hinge(margins, others, delta, targets):
    one, other, apart = _shortfalls(margins, others, delta, targets)
    quadratic = 0.5 * apart * (np.minimum(one, 1.0) + np.minimum(other, 1.0))
    linear = -targets * delta
    # phi(s) = s^2/2 up to s = 1 and s - 1/2 beyond: between the pieces, each up to its end.
    crossing = np.where(
        one > other, 0.5 * (1.0 - other) * (1.0 + other) + (one - 1.0), -0.5 * (1.0 - one) * (1.0 + one) - (other - 1.0)
    )
    both_linear, both_quadratic = (one >= 1) & (other >= 1), (one <= 1) & (other <= 1)
    return np.where(both_linear, linear, np.where(both_quadratic, quadratic, crossing))
