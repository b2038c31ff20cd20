"""Calibrated weights: moved as little as possible, so that known totals come out right.

    minimise  1/2 sum_j (g_j - gamma_j)^2 / gamma_j  +  1/(2 rho) || t - sum_j g_j f_j ||^2

over 1/3 <= g_j / gamma_j <= 3, with t = sum_i m_i f_i of all rows, and the weights of each class keeping their sum
(Deville and Saerndal 1992; the soft version is Chambers' ridge calibration, 1996). With f_j the influence vectors at a
model, the weighted gradient there is the full one. The solution is g_j = gamma_j clip(1 + <lambda, f_j>), where lambda
minimises the dual, strongly convex and of quadratic pieces: up to DIRECT totals by Newton's method with exact steps.
Where many weights end at their bounds it gets stuck between the pieces. Then it starts again with a large rho, which
hardly moves a weight, and rho falls in stages, with steps as long as the dual falls along them. Beyond DIRECT totals
by L-BFGS (Liu and Nocedal 1989), which needs no more than products with the f_j, so that these are never written down.

rho is small, the smaller the more picks there are for each total: what can be matched, is. It keeps weights from going
to their bounds for directions that the picks hardly span, which matters where there are about as many totals as picks.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg
from scipy.sparse.linalg import LinearOperator, aslinearoperator

LOWEST, HIGHEST = 1.0 / 3.0, 3.0
SOFTNESS = 1e-3  # rho for as many totals as picks, in units of the mean eigenvalue of sum_j gamma_j f_j f_j^T
CLASS_SOFTNESS = 1e-12  # the same of the classes' sums
DIRECT = 1024  # totals
ROUNDS = 50  # of Newton's method
STAGES = 4.0 ** np.arange(8, -1, -1)  # times rho
STEPS, LAST_STEPS = 3, 200  # in each of them, and in the last
EVALUATIONS = 400  # of the dual and its gradient by L-BFGS, and of up to DIRECT totals, where they cost less,
MORE = 4000
MEMORY = 10  # steps that it goes by
TOLERANCE = 1e-7  # of the dual's gradient, relative to that at the start
DAMPING = 1e-12  # of the mean eigenvalue of an exact step's matrix
DAMPINGS = 4  # tries, each with a thousand times as much
SUFFICIENT = 1e-4  # Armijo


def calibrate(
    weights: np.ndarray,
    groups: np.ndarray,
    group_totals: np.ndarray,
    vectors: np.ndarray | LinearOperator,
    totals: np.ndarray,
    most: int | None = None,
) -> tuple[np.ndarray, float, int]:
    """(weights, error left over, totals asked for): new weights (r,), of ratio LOWEST to HIGHEST to the old ones.

    groups        (r,) int64, the class of each pick; group_totals (k,) what their weights are to sum to
    vectors       (r, q) f_j of the picks, an array or a LinearOperator; totals (q,) their sum over all rows
    most          ask only for that many principal directions of an array, each in units of its own spread
    error left    norm of what is not matched of the totals asked for, relative to its norm before
    """
    if most is not None:
        directions = _leading(weights, vectors, most)
        vectors, totals = vectors @ directions, totals @ directions
    dual = _Dual(weights, groups, group_totals, vectors, totals)
    calibrated = dual.weights_at(dual.solve())
    # The class sums exactly, whatever is left of the rest.
    sums = np.bincount(groups, weights=calibrated, minlength=len(group_totals))
    calibrated = calibrated * (group_totals / sums)[groups]
    before = dual.left_by(weights)
    return calibrated, dual.left_by(calibrated) / before if before > 0.0 else 0.0, len(totals) + len(group_totals)


class _Dual:
    """The dual in lambda = (one number for each total, one for each class), totals in units of their mean spread."""

    def __init__(self, weights, groups, group_totals, vectors: np.ndarray | LinearOperator, totals):
        self.written = None
        if vectors.shape[1] <= DIRECT:
            self.written = vectors @ np.eye(vectors.shape[1]) if isinstance(vectors, LinearOperator) else vectors
            vectors = self.written
        vectors = aslinearoperator(vectors)
        self.weights, self.groups, self.vectors = weights, groups, vectors
        mass = weights.sum()
        signs = np.random.default_rng(0).choice((-1.0, 1.0), vectors.shape[1])
        spread = weights @ vectors.matvec(signs) ** 2 / mass / max(1, len(totals))  # Hutchinson's trace
        self.unit = 1.0 / np.sqrt(spread) if spread > 0.0 else 1.0
        self.class_unit = np.sqrt(mass / group_totals)
        self.target = np.concatenate([totals * self.unit, group_totals * self.class_unit])
        softness = SOFTNESS * min(1.0, len(totals) / len(weights)) ** 3
        self.ridge = mass * np.repeat([softness, CLASS_SOFTNESS], [len(totals), len(group_totals)])
        if self.written is not None:
            self.free, self.matrix = np.zeros(len(weights)), np.zeros((len(self.target), len(self.target)))

    def forward(self, direction: np.ndarray) -> np.ndarray:
        """<direction, f_j> of each pick, (r,)."""
        cut = self.vectors.shape[1]
        return self.vectors.matvec(direction[:cut] * self.unit) + (direction[cut:] * self.class_unit)[self.groups]

    def backward(self, values: np.ndarray) -> np.ndarray:
        """sum_j values_j f_j, (q + k,)."""
        sums = np.bincount(self.groups, weights=values, minlength=len(self.class_unit))
        return np.concatenate([self.vectors.rmatvec(values) * self.unit, sums * self.class_unit])

    def left_by(self, weights: np.ndarray) -> float:
        """Norm of what these weights leave of the totals."""
        return float(np.linalg.norm(self.target - self.backward(weights)))

    def weights_at(self, point: np.ndarray) -> np.ndarray:
        return self.weights * np.clip(1.0 + self.forward(point), LOWEST, HIGHEST)

    def solve(self) -> np.ndarray:
        start = np.zeros(len(self.target))
        return self._descend(start) if self.written is None else self._newton(start)

    def _newton(self, point: np.ndarray) -> np.ndarray:
        reach: np.ndarray = np.zeros(len(self.weights))  # forward(point)
        value = 0.0
        first = None
        for _ in range(ROUNDS):
            gradient = self._gradient(point, reach)
            size = float(np.linalg.norm(gradient))
            first = size if first is None else first
            if size <= TOLERANCE * first:
                return point
            step = self._exact(self._free(reach), -gradient)
            if step is None:
                break
            moved = self.forward(step)
            slope = float(gradient @ step)
            length = 1.0
            while True:
                following = self._value(point + length * step, reach + length * moved)
                if following <= value + SUFFICIENT * length * slope or length < 1e-4:
                    break
                length /= 2.0
            if not following < value:
                break
            point, reach, value = point + length * step, reach + length * moved, following
        staged = self._in_stages()
        return self._descend(point) if staged is None else staged

    def _in_stages(self) -> np.ndarray | None:
        """Newton's method in stages of a falling ridge; None where it does not get there."""
        whole, of_totals = self.ridge, np.arange(len(self.target)) < self.vectors.shape[1]
        point, reach = np.zeros(len(self.target)), np.zeros(len(self.weights))
        enough = TOLERANCE * float(np.linalg.norm(self._gradient(point, reach)))
        try:
            for scale in STAGES:
                self.ridge = np.where(of_totals, scale, 1.0) * whole
                for _ in range(STEPS if scale > 1.0 else LAST_STEPS):
                    gradient = self._gradient(point, reach)
                    if np.linalg.norm(gradient) <= enough:
                        break
                    step = self._exact(self._free(reach), -gradient)
                    if step is None:
                        return None
                    moved = self.forward(step)
                    length = self._least_along(step, reach, moved, float(gradient @ step))
                    point, reach = point + length * step, reach + length * moved
            return point if np.linalg.norm(self._gradient(point, reach)) <= enough else None
        finally:
            self.ridge = whole

    def _free(self, reach: np.ndarray) -> np.ndarray:
        """(r,) the weights, but 0 where one is beyond its bounds."""
        ratio = 1.0 + reach
        return self.weights * ((ratio >= LOWEST) & (ratio <= HIGHEST))

    def _least_along(self, step: np.ndarray, reach: np.ndarray, moved: np.ndarray, slope: float) -> float:
        """How many times a ``step``, along which the dual falls with ``slope``, it is least: there its slope is 0.

        The slope is made of straight pieces, which meet where a weight comes to its bound or leaves it.
        """
        moves = np.flatnonzero(moved)
        bounds = (np.array([[LOWEST], [HIGHEST]]) - 1.0 - reach[moves]) / moved[moves]
        leaves, arrives = bounds.max(axis=0), bounds.min(axis=0)
        bend = self.weights[moves] * moved[moves] ** 2
        at, more = np.concatenate([arrives, leaves]), np.concatenate([bend, -bend])
        ahead = np.flatnonzero(at > 0.0)
        ahead = ahead[np.argsort(at[ahead], kind="stable")]
        bends = (self.ridge * step) @ step + bend[(arrives <= 0.0) & (leaves > 0.0)].sum()
        bends = bends + np.concatenate([[0.0], np.cumsum(more[ahead])])
        knots = np.concatenate([[0.0], at[ahead]])
        slopes = slope + np.concatenate([[0.0], np.cumsum(bends[:-1] * np.diff(knots))])
        piece = max(0, int(np.searchsorted(slopes, 0.0)) - 1)
        return float(knots[piece] - slopes[piece] / max(bends[piece], 1e-300))

    def _descend(self, point: np.ndarray) -> np.ndarray:
        from scipy.optimize import minimize

        def dual(point: np.ndarray) -> tuple[float, np.ndarray]:
            reach = self.forward(point)
            return self._value(point, reach), self._gradient(point, reach)

        slightest = TOLERANCE * float(np.abs(dual(point)[1]).max())
        most = EVALUATIONS if self.written is None else MORE
        limits = {"maxfun": most, "maxiter": most, "maxcor": MEMORY, "gtol": slightest, "ftol": 0.0}
        return minimize(dual, point, jac=True, method="L-BFGS-B", options=limits).x

    def _gradient(self, point: np.ndarray, reach: np.ndarray) -> np.ndarray:
        """Of the dual at a ``point`` with that ``reach``."""
        ratio = np.clip(1.0 + reach, LOWEST, HIGHEST)
        return self.backward(self.weights * ratio) - self.target + self.ridge * point

    def _value(self, point: np.ndarray, reach: np.ndarray) -> float:
        """The dual less its value at 0: sum_j gamma_j psi(<lambda, f_j>) - <lambda, t> + rho/2 ||lambda||^2."""
        inside = np.clip(reach, LOWEST - 1.0, HIGHEST - 1.0)
        psi = reach + inside * (reach - 0.5 * inside)  # the integral of clip(1 + reach)
        return float(self.weights @ psi - point @ self.target + 0.5 * (self.ridge * point) @ point)

    def _exact(self, free: np.ndarray, right: np.ndarray) -> np.ndarray | None:
        """(sum_j free_j f_j f_j^T + ridge)^-1 right, None where rounding hides it.

        From step to step only a few weights reach a bound or leave it.
        """
        gained, lost = np.flatnonzero(free > self.free), np.flatnonzero(free < self.free)
        self.matrix += self._gram(gained) - self._gram(lost)
        self.free = free
        damping = DAMPING * np.trace(self.matrix) / len(right)
        for _ in range(DAMPINGS):
            try:
                factor = scipy.linalg.cho_factor(self.matrix + np.diag(self.ridge + damping), check_finite=False)
            except np.linalg.LinAlgError:
                damping *= 1e3
            else:
                return scipy.linalg.cho_solve(factor, right, check_finite=False)
        return None

    def _gram(self, picks: np.ndarray) -> np.ndarray:
        """sum_j weights_j f_j f_j^T over some of the picks."""
        assert self.written is not None
        classes = np.zeros((len(picks), len(self.class_unit)))
        classes[np.arange(len(picks)), self.groups[picks]] = self.class_unit[self.groups[picks]]
        vectors = np.column_stack([self.written[picks] * self.unit, classes])
        return (vectors * self.weights[picks, None]).T @ vectors


def _leading(weights: np.ndarray, vectors: np.ndarray, most: int) -> np.ndarray:
    """(q, at most ``most``) principal directions of the weighted vectors, scaled to unit spread."""
    if most <= 0:
        return np.zeros((vectors.shape[1], 0))
    values, directions = np.linalg.eigh((vectors * weights[:, None]).T @ vectors / weights.sum())
    keep = np.flatnonzero(values > 1e-12 * max(values[-1], 1e-300))[::-1][:most]
    return directions[:, keep] / np.sqrt(values[keep])
