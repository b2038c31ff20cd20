"""Projection onto ||w|| <= B, equation 18.

In the optimizers' coordinates the ball is an ellipsoid sum_k q_k w_k^2 <= B^2, q_k = 1/spread_k^2 (0 for the
intercept, which is free), and the nearest point in the metric D of the step (D = 1 but for adagrad and adam)
is

    z_k = w_k / (1 + nu q_k / D_k)        with the nu >= 0 that puts it on the boundary

found by Newton's method on 1/||z(nu)|| - 1/B, which is concave, and linear where all q are alike.
Of a multinomial model, ||w|| is the Frobenius norm.
"""

from __future__ import annotations

import math

from craig_cli.jit import inner


@inner
def project(coef, ball, metric, radius):
    """Project ``coef`` (k, columns) in place; ``metric`` (k, columns) is D, or None for 1."""
    if _norm_square(coef, ball) <= radius * radius:
        return
    multiplier = 0.0
    for _ in range(50):
        square = 0.0
        fall = 0.0
        for output in range(coef.shape[0]):
            for k in range(coef.shape[1]):
                ratio = ball[k] if metric is None else ball[k] / metric[output, k]
                shrink = 1.0 / (1.0 + multiplier * ratio)
                inside = coef[output, k] * shrink
                part = ball[k] * inside * inside
                square += part
                fall += part * ratio * shrink
        if square <= radius * radius * (1.0 + 1e-14) or fall <= 0.0:
            break
        multiplier += square * (math.sqrt(square) / radius - 1.0) / fall
    for output in range(coef.shape[0]):
        for k in range(coef.shape[1]):
            ratio = ball[k] if metric is None else ball[k] / metric[output, k]
            coef[output, k] /= 1.0 + multiplier * ratio


@inner
def _norm_square(coef, ball):
    total = 0.0
    for output in range(coef.shape[0]):
        for k in range(coef.shape[1]):
            total += ball[k] * coef[output, k] * coef[output, k]
    return total
