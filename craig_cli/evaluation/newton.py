"""Newton's method on a training problem: where does the objective have its minimum, as exactly as float64 can tell?

Each step solves H v = grad F by Cholesky where the Hessian H is small, else by conjugate gradients, preconditioned by
the Hessian's blocks on the diagonal (dense data) or by its diagonal (sparse data); a backtracking line search makes it
converge from the zero model. The slopes of the rows give their second derivatives: s (1 - s) for the logistic loss
with |slope| s, p_a (1[a = b] - p_b) for the multinomial loss, and 0 or 1 for the losses made of parabolas.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.linalg
import scipy.sparse as sp

from craig_cli.training.losses import Loss, second_derivatives
from craig_cli.training.objective import evaluate, map_blocks
from craig_cli.training.problem import Problem

MOST_STEPS = 200
PATIENCE = 30  # steps that may pass without the gradient norm being halved
DIRECT = 2048  # unknowns up to which the Hessian is factorised
CHUNK = 8192
DAMPING = 1e-12  # of the mean curvature: directions that neither data nor penalty determine stay where they are
ARMIJO = 1e-4
ROUNDING = 1e-13  # of the objective
CG_TOLERANCE, CG_STEPS = 1e-4, 2000


def minimise(
    problem: Problem,
    loss: Loss,
    tolerance: float,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[np.ndarray, int, float]:
    """(coef (k, columns), steps taken, g^T H^-1 g / 2 before the last one: what F was above its minimum).

    It ends where ``problem.gradient_norm`` is at most ``tolerance`` and another step does not halve it any more, or
    where nothing helps; who calls has to look.
    """
    hessian = _Hessian(problem, loss, threads)
    slopes = np.empty((problem.n_rows, problem.n_outputs))
    coef: np.ndarray = np.zeros((problem.n_outputs, problem.n_columns))
    value, gradient = evaluate(problem, coef, threads, slopes)
    best, above, waited, steps = np.inf, np.inf, 0, 0
    # Where every row is on a straight piece H says nothing of how far to go: at first no row bends less than L.
    floor = loss.lipschitz if loss.straight else 0.0
    while steps < MOST_STEPS:
        norm = problem.gradient_norm(gradient)
        waited = waited + 1 if norm > 0.5 * best else 0
        best = min(best, norm)
        if norm == 0.0 or waited > (0 if norm <= tolerance else PATIENCE):
            break
        direction = -hessian.solve(slopes, gradient, floor)
        descent = float((gradient * direction).sum())
        length = 1.0
        while length > 1e-10:
            moved = coef + length * direction
            moved_value, moved_gradient = evaluate(problem, moved, threads, slopes)
            if moved_value <= value + ARMIJO * length * descent + ROUNDING * (1.0 + abs(value)):
                break
            length *= 0.5
        else:
            break
        coef, value, gradient, above = moved, moved_value, moved_gradient, -0.5 * descent
        floor = 0.1 * floor if length == 1.0 else min(loss.lipschitz * (floor > 0.0), 10.0 * floor)
        steps += 1
        if progress is not None:
            progress(steps, MOST_STEPS)
    return coef, steps, max(above, 0.0)


class _Hessian:
    """H of a Problem at a point that is given by the slopes of its rows, for systems H v = g."""

    def __init__(self, problem: Problem, loss: Loss, threads: int) -> None:
        self.problem, self.code, self.threads = problem, loss.code, threads
        shape = (problem.n_rows, problem.n_columns)
        self.dense = problem.indices is None
        self.rows: np.ndarray | sp.csr_matrix
        if self.dense:
            self.rows = problem.data.reshape(shape)
        else:
            rows = sp.csr_matrix((problem.data, problem.indices.view(np.int32), problem.indptr), shape=shape)
            self.rows, self.transposed = rows, rows.T.tocsr()
        self.gamma = problem.gamma / problem.n_rows

    def solve(self, slopes: np.ndarray, gradient: np.ndarray, floor: float = 0.0) -> np.ndarray:
        """v (k, columns) with H v = gradient; of one margin, no row's second derivative is taken below ``floor``."""
        direct = self.dense and gradient.size <= DIRECT
        if gradient.shape[0] == 1:
            weights = self.gamma * np.maximum(second_derivatives(self.code, np.ascontiguousarray(slopes[:, 0])), floor)
            if direct:
                return _cholesky(self._gram(weights) + np.diag(self.problem.penalty), gradient)(gradient)
            product = self._times(lambda images: weights[:, None] * images)
        else:
            share = slopes.copy()
            share[np.arange(len(share)), self.problem.labels.astype(np.int64)] += 1.0
            share = np.clip(share, 0.0, 1.0)
            if direct:
                return _cholesky(self._multinomial(share), gradient)(gradient)
            weights = self.gamma * (share * (1.0 - share)).mean(axis=1)
            product = self._times(
                lambda images: (self.gamma[:, None] * share) * (images - (share * images).sum(axis=1, keepdims=True))
            )
        return _conjugate_gradients(product, gradient, self._preconditioner(weights, gradient))

    def _gram(self, weights: np.ndarray) -> np.ndarray:
        """sum_i weights_i x_i x_i^T of dense rows, (columns, columns)."""

        def block(start, stop):
            total = np.zeros((self.problem.n_columns,) * 2)
            for low in range(start, stop, CHUNK):
                part = self.rows[low : min(stop, low + CHUNK)]
                total += (part * weights[low : low + len(part), None]).T @ part
            return total

        return np.add.reduce(map_blocks(block, self.problem.n_rows, self.threads))

    def _multinomial(self, share: np.ndarray) -> np.ndarray:
        """The whole Hessian, outputs outside and columns inside."""
        outputs, columns = share.shape[1], self.problem.n_columns
        whole = np.zeros((outputs, columns, outputs, columns))
        for a in range(outputs):
            for b in range(a + 1):
                block = self._gram(self.gamma * share[:, a] * ((a == b) - share[:, b]))
                whole[a, :, b] = whole[b, :, a] = block
            whole[a, :, a] += np.diag(self.problem.penalty)
        return whole.reshape(outputs * columns, -1)

    def _times(self, second_order):
        """v -> H v, by ``second_order``: the change of the slopes (r, k) that a change of the margins (r, k) brings."""

        def block(start, stop, v):
            part = slice(start, stop)
            return self.rows[part] @ v.T

        def product(v: np.ndarray) -> np.ndarray:
            if not self.dense:
                return np.asarray(self.transposed @ second_order(self.rows @ v.T)).T + self.problem.penalty * v
            n_rows = self.problem.n_rows
            images = np.concatenate(map_blocks(lambda start, stop: block(start, stop, v), n_rows, self.threads))
            changes = second_order(images)
            sums = map_blocks(lambda start, stop: changes[start:stop].T @ self.rows[start:stop], n_rows, self.threads)
            return np.add.reduce(sums) + self.problem.penalty * v

        return product

    def _preconditioner(self, weights: np.ndarray, gradient: np.ndarray):
        """About H^-1: the same for each output, with the curvature of their mean."""
        penalty = self.problem.penalty
        if self.dense and len(penalty) <= DIRECT:
            return _cholesky(self._gram(weights) + np.diag(penalty), gradient[:1])
        if self.dense:
            diagonal = np.einsum("i,ij,ij->j", weights, self.rows, self.rows)
        else:
            diagonal = np.asarray(self.transposed.multiply(self.transposed) @ weights).ravel()
        diagonal = diagonal + penalty
        diagonal = diagonal + DAMPING * max(float(diagonal.mean()), 1e-300)
        return lambda v: v / diagonal


def _cholesky(matrix: np.ndarray, like: np.ndarray):
    """v of the shape of ``like``, or a stack of such -> matrix^-1 v, damped as little as it takes."""
    damping = DAMPING * max(float(np.trace(matrix)) / len(matrix), 1e-300)
    while True:
        try:
            factor = scipy.linalg.cho_factor(matrix + damping * np.eye(len(matrix)), lower=True, check_finite=False)
            break
        except np.linalg.LinAlgError:
            damping *= 100.0
    width = like.size
    return lambda v: scipy.linalg.cho_solve(factor, v.reshape(-1, width).T, check_finite=False).T.reshape(v.shape)


def _conjugate_gradients(product, goal: np.ndarray, precondition) -> np.ndarray:
    """v with product(v) = goal, to CG_TOLERANCE of the goal's norm; every sum in a fixed order."""
    found = np.zeros_like(goal)
    left = goal.copy()
    direction = towards = precondition(left)
    size = float((left * towards).sum())
    enough = CG_TOLERANCE**2 * float((goal * goal).sum())
    for _ in range(CG_STEPS):
        image = product(direction)
        along = float((direction * image).sum())
        if not along > 0.0:
            break
        found += size / along * direction
        left -= size / along * image
        if float((left * left).sum()) <= enough:
            break
        towards = precondition(left)
        size, before = float((left * towards).sum()), size
        direction = towards + size / before * direction
    return found if found.any() else precondition(goal)
