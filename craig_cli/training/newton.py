"""Newton's method with conjugate gradients (Nocedal and Wright, algorithm 7.1): rough models, and the optimum itself.

    minimise  F(w) = (1/n) sum_j gamma_j phi_j(w) + 1/2 sum_k penalty_k w_k^2 + <c, w>

For few columns this is the cheapest way to the optimum there is. The curvature of design.py preconditions: with one
output and dense rows it is the Hessian itself, and a round is a Newton step; with several outputs, sparse or very wide
rows the conjugate gradients make up for what it leaves out. A Hessian serves again for as long as they need few steps.
Of a loss with straight pieces no row has a second derivative below a floor at first: a Hessian of 0 says nothing of how
far to go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from craig_cli.registry import LOSSES, load
from craig_cli.training.design import Curvature, Design, Pooled, preconditioner
from craig_cli.training.losses import slope_changes

ROUNDS = 200
STEPS = 60  # of conjugate gradients in a round
FEW = 6
FORCING = 1e-3  # the squared norm of what a round leaves of its equations
SUFFICIENT = 1e-4  # Armijo
ROUNDING = 1e-13  # of the objective: below that it cannot be seen to fall
SLIGHT = 0.1  # of the mean curvature: a floor that no longer matters
SHORTEST = 1e-10
SHARPNESS = 1e-3  # of what is uncertain of a rough model, or of what the one before had left: trained that far


@dataclass(frozen=True)
class Minimum:
    """coef (k, width), the rounds it took, and by Newton's decrement how far F was above its minimum before the last.

    ``above`` is inf where there was none.
    """

    coef: np.ndarray
    rounds: int
    above: float


def newton(
    design: Design,
    coef: np.ndarray,
    tol: float = 0.0,
    correction: np.ndarray | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Minimum:
    """The minimiser, from ``coef`` (k, width), to about ``tol`` above the minimum; ``correction`` is c above.

    With ``tol`` 0 as exactly as float64 can tell: on until F does not fall and the gradient is not halved any more.
    """
    correction = np.zeros_like(coef) if correction is None else correction
    loss = load(LOSSES, design.loss)
    margins = design.margins(coef)
    objective = design.objective(coef, margins) + float((correction * coef).sum())
    best, least, above, number = coef, np.inf, np.inf, 0
    bent, used = None, STEPS
    floor = loss.lipschitz if loss.straight else 0.0
    while number < ROUNDS:
        slopes = design.slopes(margins)
        gradient = design.mean(slopes) + design.penalty * coef + correction
        second = design.second_derivatives(slopes)
        is_slight = floor <= SLIGHT * float(second.mean())
        second = np.maximum(second, floor, out=second)
        if bent is None or used > FEW or not is_slight:
            bent = preconditioner(design, second)
        decrement = 0.5 * float((gradient * bent.solve(gradient)).sum())
        norm = float(np.linalg.norm(gradient))
        unseen = ROUNDING * (1.0 + abs(objective))
        if is_slight and (decrement <= tol or (decrement <= unseen and norm > 0.5 * least)):
            break
        best, least = coef, norm
        step, used = _step(design, slopes, second, bent, gradient)
        slope = float((step * gradient).sum())
        moved = design.margins(step)
        length = 1.0
        while length > SHORTEST:
            there, following = coef + length * step, margins + length * moved
            reached = design.objective(there, following) + float((correction * there).sum())
            if reached <= objective + SUFFICIENT * length * slope + unseen:
                break
            length /= 2.0
        else:
            break
        floor = 0.1 * floor if length == 1.0 else min(10.0 * floor, loss.lipschitz)
        coef, margins, objective, above = there, following, reached, -0.5 * slope
        number += 1
        if progress is not None:
            progress(number, ROUNDS)
    return Minimum(coef if norm <= least else best, number, max(above, 0.0))


def _step(
    design: Design, slopes: np.ndarray, second: np.ndarray, bent: Curvature | Pooled, gradient: np.ndarray
) -> tuple[np.ndarray, int]:
    """(about -H^-1 gradient, steps of conjugate gradients that it took)."""
    step = np.zeros_like(gradient)
    rest = -gradient
    image = bent.solve(rest)
    direction = image
    size = first = float((rest * image).sum())
    for number in range(1, STEPS + 1):
        changes = slope_changes(load(LOSSES, design.loss), design.targets, slopes, second, design.margins(direction))
        product = design.mean(changes) + design.penalty * direction
        along = float((direction * product).sum())
        if not along > 0.0:  # no curvature left that rounding does not hide
            return (step if number > 1 else direction), number
        length = size / along
        step = step + length * direction
        rest = rest - length * product
        image = bent.solve(rest)
        following = float((rest * image).sum())
        if following <= FORCING * first:
            break
        direction = image + following / size * direction
        size = following
    return step, number
