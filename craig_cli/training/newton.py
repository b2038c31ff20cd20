"""Newton's method with conjugate gradients (Nocedal and Wright, algorithm 7.1), for the rough models of a pilot.

    minimise  (1/n) sum_j gamma_j phi_j(w) + 1/2 sum_k penalty_k w_k^2 + <c, w>

For few columns this is the cheapest way to the optimum there is. The curvature of design.py preconditions: with one
output and dense rows it is the Hessian itself, and a round is a Newton step; with several outputs, sparse or very wide
rows the conjugate gradients make up for what it leaves out. A Hessian serves again for as long as they need few steps.
Of a loss with straight pieces no row bends less than a floor at first: a Hessian of 0 says nothing of how far to go.
"""

from __future__ import annotations

import numpy as np

from craig_cli.registry import LOSSES, load
from craig_cli.training.design import NUDGE, Design, curvature

ROUNDS = 50
STEPS = 60  # of conjugate gradients in a round
FEW = 6
FORCING = 1e-3  # the squared norm of what a round leaves of its equations
SUFFICIENT = 1e-4  # Armijo
SLIGHT = 0.1  # of the mean curvature: a floor that no longer matters
SHORTEST = 1e-6
SHARPNESS = 1e-3  # of what is uncertain of a rough model, or of what the one before had left: trained that far


def newton(design: Design, coef: np.ndarray, tol: float, correction: np.ndarray | None = None) -> np.ndarray:
    """The minimiser (k, d + 1), from ``coef``, to about ``tol`` above the optimum; ``correction`` is c above."""
    correction = np.zeros_like(coef) if correction is None else correction
    margins = design.margins(coef)
    objective = design.objective(coef, margins) + float((correction * coef).sum())
    bent, used = None, STEPS
    loss = load(LOSSES, design.loss)
    floor = loss.lipschitz if loss.straight else 0.0
    for _ in range(ROUNDS):
        gradient = design.mean(design.slopes(margins)) + design.penalty * coef + correction
        bends = design.bends(margins)
        is_slight = floor <= SLIGHT * float(bends.mean())
        bends = np.maximum(bends, floor, out=bends)
        if bent is None or used > FEW or not is_slight:
            bent = curvature(design, bends)
        newton_step = -bent.solve(gradient)
        if is_slight and -0.5 * float((newton_step * gradient).sum()) <= tol:
            break
        step, used = _step(design, margins, bends, bent, gradient)
        slope = float((step * gradient).sum())
        moved = design.margins(step)
        length = 1.0
        while True:
            there, following = coef + length * step, margins + length * moved
            reached = design.objective(there, following) + float((correction * there).sum())
            if reached <= objective + SUFFICIENT * length * slope or length < SHORTEST:
                break
            length /= 2.0
        if not reached < objective:
            break
        floor = 0.1 * floor if length == 1.0 else min(10.0 * floor, loss.lipschitz)
        coef, margins, objective = there, following, reached
    return coef


def _step(design: Design, margins, bends, bent, gradient) -> tuple[np.ndarray, int]:
    """(about -H^-1 gradient, steps it took)."""
    step = np.zeros_like(gradient)
    rest = -gradient
    image = bent.solve(rest)
    way = image
    size = first = float((rest * image).sum())
    for number in range(1, STEPS + 1):
        product = design.mean(_bent_margins(design, margins, bends, design.margins(way))) + design.penalty * way
        along = float((way * product).sum())
        if not along > 0.0:  # no curvature left that rounding does not hide
            return (step if number > 1 else way), number
        length = size / along
        step = step + length * way
        rest = rest - length * product
        image = bent.solve(rest)
        following = float((rest * image).sum())
        if following <= FORCING * first:
            break
        way = image + following / size * way
        size = following
    return step, number


def _bent_margins(design: Design, margins, bends, direction) -> np.ndarray:
    """The second derivative of phi times ``direction`` (n, k)."""
    if margins.shape[1] == 1:
        return bends * direction
    nudge = NUDGE / max(float(np.abs(direction).max()), 1e-300)
    return (design.slopes(margins + nudge * direction) - design.slopes(margins - nudge * direction)) / (2.0 * nudge)
