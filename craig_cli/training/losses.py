"""The losses phi(y, m) of a margin m = <w, x> + b, and their slopes d phi / d m.

name             phi(y, m)                                                   y            L     G
logistic         log(1 + exp(-y m))                                          -1 or 1      1/4   1
multinomial      log sum_o exp(m_o) - m_y, one margin o a class              class        1/2   sqrt(2)
squared          (m - y)^2 / 2                                               any number   1     none
huber            (m - y)^2 / 2 up to |m - y| = 1, then |m - y| - 1/2         any number   1     1
squared-hinge    max(0, 1 - y m)^2 / 2                                       -1 or 1      1     none
smoothed-hinge   0 from y m = 1 on, (1 - y m)^2 / 2 down to y m = 0,         -1 or 1      1     1
                 then 1/2 - y m

L is the Lipschitz constant of the slope and G bounds its norm; both enter the bound on gradient differences
(equation 9) and the step sizes. The smoothed hinge is Rennie's, with the quadratic piece one wide. Huber's loss
(1964) turns straight where a residual is 1 in the units of the labels as they are read: labels divided by s have it
turn at s.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from craig_cli.jit import inner, njit
from craig_cli.training import loss_differences as differences

# Kernels take the loss as one of these numbers: numba caches an if/elif, but no function as an argument.
_LOGISTIC, _MULTINOMIAL, _SQUARED, _SQUARED_HINGE, _SMOOTHED_HINGE, _HUBER = range(6)


@dataclass(frozen=True)
class Loss:
    """A loss: all that is particular to it, but for its branch in the kernels below.

    name         as registered; code: its number in kernels
    labels       it takes: "two" classes, "many", or "numbers", a regression
    lipschitz    L above; slope_bound: G, inf where the slope has no bound of its own
    difference   of two losses of a row, to more digits than each has (loss_differences.py)
    liblinear    the solver whose predictions are those of this loss
    slope_within (radius, norm) -> G for ||(w, b)|| <= radius and rows of at most that norm; None where G is enough
    straight     whether it has straight pieces, whose second derivative of 0 says nothing of how far to go
    has_unit     whether its shape depends on the units of a regression's labels, so that they cannot be standardised
    """

    name: str
    code: int
    labels: str
    lipschitz: float
    slope_bound: float
    difference: Callable
    liblinear: str
    slope_within: Callable[[float, np.ndarray], np.ndarray] | None = None
    straight: bool = False
    has_unit: bool = False

    @property
    def is_regression(self) -> bool:
        return self.labels == "numbers"

    def constants(self, radius: float, norm) -> tuple:
        """(G, L) of a loss of classes for all ||(w, b)|| <= ``radius`` and rows of at most ``norm``."""
        slope = self.slope_bound if self.slope_within is None else self.slope_within(radius, norm)
        return slope, self.lipschitz


LOGISTIC = Loss("logistic", _LOGISTIC, "two", 0.25, 1.0, differences.logistic, "L2R_LR")
MULTINOMIAL = Loss("multinomial", _MULTINOMIAL, "many", 0.5, math.sqrt(2.0), differences.multinomial, "MCSVM_CS")
SQUARED = Loss("squared", _SQUARED, "numbers", 1.0, math.inf, differences.squared, "L2R_L2LOSS_SVR")
SQUARED_HINGE = Loss(
    "squared-hinge",
    _SQUARED_HINGE,
    "two",
    1.0,
    math.inf,
    differences.squared_hinge,
    "L2R_L2LOSS_SVC",
    slope_within=lambda radius, norm: 1.0 + radius * norm,
)
SMOOTHED_HINGE = Loss(
    "smoothed-hinge", _SMOOTHED_HINGE, "two", 1.0, 1.0, differences.smoothed_hinge, "L2R_L2LOSS_SVC", straight=True
)
HUBER = Loss("huber", _HUBER, "numbers", 1.0, 1.0, differences.huber, "L2R_L2LOSS_SVR", straight=True, has_unit=True)


# Kernels avoid what numba would have to compile from its own library first (max, min, copies, whole-array
# assignments): that is two seconds of the first run.


@inner
def _largest(margins):
    largest = margins[0]
    for output in range(1, margins.size):
        if margins[output] > largest:
            largest = margins[output]
    return largest


@inner
def value(loss, label, margins):
    """phi(label, margins); ``margins`` (k,), where k = 1 but for the multinomial loss."""
    if loss == _MULTINOMIAL:
        largest = _largest(margins)
        total = 0.0
        for output in range(margins.size):
            total += math.exp(margins[output] - largest)
        return math.log(total) + largest - margins[int(label)]
    if loss == _SQUARED:
        return 0.5 * (margins[0] - label) * (margins[0] - label)
    if loss == _HUBER:
        residual = abs(margins[0] - label)
        return 0.5 * residual * residual if residual < 1.0 else residual - 0.5
    agreement = label * margins[0]
    if loss == _LOGISTIC:
        return math.log1p(math.exp(-abs(agreement))) + (-agreement if agreement < 0.0 else 0.0)
    if loss not in (_SQUARED_HINGE, _SMOOTHED_HINGE):
        return math.nan
    short = 1.0 - agreement if agreement < 1.0 else 0.0
    if loss == _SMOOTHED_HINGE and short > 1.0:
        return short - 0.5
    return 0.5 * short * short


@inner
def to_slopes(loss, label, margins):
    """Replace ``margins`` (k,) by the slopes d phi / d margin."""
    if loss == _MULTINOMIAL:
        largest = _largest(margins)
        total = 0.0
        for output in range(margins.size):
            margins[output] = math.exp(margins[output] - largest)
            total += margins[output]
        for output in range(margins.size):
            margins[output] /= total
        margins[int(label)] -= 1.0
    elif loss == _SQUARED:
        margins[0] -= label
    elif loss == _HUBER:
        residual = margins[0] - label
        if abs(residual) > 1.0:
            residual = 1.0 if residual > 0.0 else -1.0
        margins[0] = residual
    elif loss == _LOGISTIC:
        margins[0] = -label / (1.0 + math.exp(label * margins[0]))
    elif loss in (_SQUARED_HINGE, _SMOOTHED_HINGE):
        agreement = label * margins[0]
        short = 1.0 - agreement if agreement < 1.0 else 0.0
        if loss == _SMOOTHED_HINGE and short > 1.0:
            short = 1.0
        margins[0] = -label * short
    else:
        margins[0] = math.nan


@inner
def second_derivative(loss, slope):
    """The second derivative of phi in one of the margins, which its slope there determines; nan for no loss at all."""
    if loss in (_LOGISTIC, _MULTINOMIAL):
        return abs(slope) * (1.0 - abs(slope))
    if loss == _SQUARED:
        return 1.0
    if loss == _SQUARED_HINGE:
        return 1.0 if slope != 0.0 else 0.0
    if loss == _SMOOTHED_HINGE:
        return 1.0 if 0.0 < abs(slope) < 1.0 else 0.0
    if loss == _HUBER:
        return 1.0 if abs(slope) < 1.0 else 0.0
    return math.nan


@njit
def second_derivatives(loss, slopes):
    """The same of each row's slope (n,)."""
    derivatives = np.empty(len(slopes))
    for row in range(len(slopes)):
        derivatives[row] = second_derivative(loss, slopes[row])
    return derivatives


def slope_changes(
    loss: Loss, targets: np.ndarray, slopes: np.ndarray, second: np.ndarray, changes: np.ndarray
) -> np.ndarray:
    """(n, k) by how much the ``slopes`` (n, k) change, to first order, with ``changes`` (n, k) of the margins.

    second  (n, k) second derivatives in each of the margins: of one margin a row that is all there is to know
    """
    if loss.labels != "many":
        return second * changes
    shares = slopes.copy()
    shares[np.arange(len(shares)), targets.astype(np.int64)] += 1.0
    return shares * (changes - (shares * changes).sum(axis=1, keepdims=True))


@inner
def error(loss, label, margins):
    """1 where the margins (k,) predict another class than ``label``, else 0; of a regression (m - y)^2."""
    if loss in (_SQUARED, _HUBER):
        return (margins[0] - label) * (margins[0] - label)
    if loss in (_LOGISTIC, _SQUARED_HINGE, _SMOOTHED_HINGE):
        return 0.0 if (margins[0] > 0.0) == (label > 0.0) else 1.0
    if loss != _MULTINOMIAL:
        return math.nan
    predicted = 0
    for output in range(1, margins.size):
        if margins[output] > margins[predicted]:
            predicted = output
    return 0.0 if predicted == int(label) else 1.0
