"""How far the optimum on a coreset may be from the optimum on all rows: theorems 1 and 2 of the paper.

The paper's f is the sum over the n rows, ours is the mean, so its strong convexity is mu = n * l2, and its
epsilon is that of the coreset file as it stands. For a step alpha_k = alpha/k^tau, 0 < tau < 1, as k grows,

    theorem 1   ||w_k - w*||^2 <= 2 epsilon R / mu^2
    theorem 2   ||w_k - w*||   <= 2 epsilon / mu           (smooth losses, which all of ours are)

R bounds the norm of the coreset's gradient, R / mu the distance to w* (equations 47 to 50): R = min(mu d0,
n C) for the distance d0 at the start and the largest gradient norm C of a row. The text of theorem 1
divides R by mu once more, which has not the units of a squared distance.

Strong convexity by itself gives half of theorem 2: where the coreset's gradient is 0 the full gradient is
at most epsilon, so

    ||w_S - w*|| <= epsilon / mu        F(w_S) - F(w*) <= epsilon^2 / (2 n mu)

All of it takes epsilon in gradient norm (a coreset selected with --radius), a w* inside that ball, and no
intercept, which is not penalised and in which the objective is not strongly convex. l2 is small as a rule,
and the bounds large.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from craig_cli.errors import UsageError


@dataclass(frozen=True)
class Neighbourhood:
    """theorem1: bound on ||w - w*||^2 (None without R); theorem2 and strong_convexity: on ||w - w*||;
    objective: on F(w) - F(w*), of the mean objective.
    """

    theorem1: float | None
    theorem2: float
    strong_convexity: float
    objective: float


def neighbourhood(
    epsilon: float,
    n: float,
    l2: float,
    *,
    distance: float | None = None,
    gradient: float | None = None,
) -> Neighbourhood:
    """What the theorems predict for a coreset of ``n`` rows with bound ``epsilon``, in gradient norm.

    distance  d0 = ||w_0 - w*|| where training starts; the radius B bounds it from w_0 = 0
    gradient  C, the largest norm of a row's gradient: G * max ||x|| + l2 * B

    Without either, theorem 1 says nothing. Raises UsageError for numbers that cannot be.
    """
    if not (epsilon >= 0 and n > 0 and l2 >= 0):
        raise UsageError(f"theory: expected epsilon, l2 of 0 or more and n above 0, found {epsilon}, {l2}, {n}")
    mu = n * l2
    if mu == 0:
        return Neighbourhood(None, math.inf, math.inf, math.inf)
    bounds = [] if distance is None else [mu * distance]
    if gradient is not None:
        bounds.append(n * gradient)
    return Neighbourhood(
        theorem1=2 * epsilon * min(bounds) / mu**2 if bounds else None,
        theorem2=2 * epsilon / mu,
        strong_convexity=epsilon / mu,
        objective=epsilon**2 / (2 * n * mu),
    )
