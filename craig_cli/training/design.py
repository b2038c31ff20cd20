"""A data set as second-order methods want it, standardised columns and a last one of ones, and its curvature.

    H_o = (1/n) sum_i gamma_i (d^2 phi_i / d m_o^2) x_i x_i^T + diag(penalty)        for each output o

Of several outputs only these blocks on the diagonal are taken. They are whole Cholesky factors where the rows are
dense and no wider than WIDEST, else diagonals, so that time and memory stay near-linear in the data. To precondition
with, one block for all outputs, scaled for each, serves about as well for a fraction of the time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy.linalg
import scipy.sparse as sp

from craig_cli.artifacts.model import Model
from craig_cli.dataset import Dataset, is_csr
from craig_cli.jit import njit
from craig_cli.registry import LOSSES, load
from craig_cli.scaling import Scaling, scaling_for
from craig_cli.training.labels import encode_labels
from craig_cli.training.losses import second_derivatives, to_slopes, value

WIDEST = 2048
NARROW = 64  # columns, up to which all outputs are inverted in one call: the calls would take longer than the sums
CHUNK = 16_384  # rows at a time
HESSIAN_WORK = 5e10  # products; for more than that every second row, or every third, ... has to do
FLOOR = 1e-9  # of the mean curvature of the data, where it has none
MOST_UNITS = 1e100  # of a column for one of another scaling; of more the square is none in float64


@dataclass(frozen=True)
class Design:
    """rows (n, width) dense or CSR; targets (n,) as the loss takes them; counts (n,) multiplicities.

    The width is d + 1, the last column 1, or d where there is no intercept. Coefficients in it are (k, width); penalty
    (width,) is that of l2/2 ||w||^2 in the units of ``scale``.
    """

    rows: np.ndarray | sp.csr_matrix
    targets: np.ndarray
    counts: np.ndarray
    penalty: np.ndarray
    loss: str
    classes: tuple[float, ...]
    scaling: Scaling
    scale: str = "none"
    intercept: bool = True

    @property
    def n_outputs(self) -> int:
        return len(self.classes) if load(LOSSES, self.loss).labels == "many" else 1

    @property
    def width(self) -> int:
        return len(self.penalty)

    def take(self, index: np.ndarray | slice, weights: np.ndarray) -> Design:
        """The rows ``index``, counted ``weights`` times."""
        return replace(self, rows=self.rows[index], targets=self.targets[index], counts=weights)

    def of(self, features: np.ndarray | sp.csr_matrix, targets: np.ndarray, counts: np.ndarray) -> Design:
        """The same of other rows, dense or CSR: features (m, d) in raw units, targets and counts (m,)."""
        if is_csr(features):
            rows = self.scaling.apply(features)
            ones = np.ones((rows.shape[0], 1))
            rows = sp.hstack([rows, ones], format="csr") if self.intercept else rows
            return replace(self, rows=rows, targets=targets, counts=counts)
        rows = np.ones((len(features), self.width))
        self.scaling.apply(features, out=rows[:, : features.shape[1]])
        return replace(self, rows=rows, targets=targets, counts=counts)

    def margins(self, coef: np.ndarray) -> np.ndarray:
        """(n, k), C-contiguous as the kernels want them."""
        return np.ascontiguousarray(self.rows @ coef.T)

    def values(self, margins: np.ndarray) -> np.ndarray:
        """phi of each row, (n,)."""
        return loss_values(load(LOSSES, self.loss).code, self.targets, margins)

    def slopes(self, margins: np.ndarray) -> np.ndarray:
        """d phi / d margin, (n, k)."""
        return loss_slopes(load(LOSSES, self.loss).code, self.targets, margins)

    def second_derivatives(self, slopes: np.ndarray) -> np.ndarray:
        """d^2 phi / d margin_o^2 of each output o, (n, k), by the slopes there (n, k), C-contiguous."""
        return second_derivatives(load(LOSSES, self.loss).code, slopes.ravel()).reshape(slopes.shape)

    def mean(self, slopes: np.ndarray) -> np.ndarray:
        """(k, width) the weighted mean over the rows of slope times row: the gradient without the penalty."""
        shares = self.counts / self.counts.sum()
        return np.ascontiguousarray((self.rows.T @ (slopes * shares[:, None])).T)

    def objective(self, coef: np.ndarray, margins: np.ndarray) -> float:
        """The weighted mean loss plus the penalty."""
        loss = float(self.counts @ self.values(margins) / self.counts.sum())
        return loss + 0.5 * float((self.penalty * coef * coef).sum())

    def dispersion(self, slopes: np.ndarray) -> float:
        """1 for classes; for a regression sum phi'^2 / sum phi'' (Huber 1964), of the squared loss the mean square.

        slopes  (n, k). At the optimum of a model that fits, gradients have covariance dispersion * H.
        """
        loss = load(LOSSES, self.loss)
        if not loss.is_regression:
            return 1.0
        bent = float(self.counts @ self.second_derivatives(slopes)[:, 0])
        return float(self.counts @ slopes[:, 0] ** 2) / max(bent, float(self.counts.max()))

    def coefficients(self, coef: np.ndarray, intercept) -> np.ndarray:
        """(k, width) from a model in raw units."""
        inside, constant = self.scaling.from_raw(np.atleast_2d(coef), np.atleast_1d(intercept))
        return np.column_stack([inside, constant]) if self.intercept else inside

    def raw(self, coef: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(coef (k, d), intercept (k,)) in raw units, the inverse of ``coefficients``."""
        if not self.intercept:
            return self.scaling.to_raw(coef, np.zeros(len(coef)))
        return self.scaling.to_raw(coef[:, :-1], coef[:, -1])

    def model(self, coef: np.ndarray, l2: float) -> Model:
        """The same as a model, of penalty ``l2``."""
        raw, intercept = self.raw(coef)
        single = self.n_outputs == 1
        return Model(
            loss=self.loss,
            classes=self.classes,
            coef=raw[0] if single else raw,
            intercept=float(intercept[0]) if single else intercept,
            l2=l2,
            optimizer={"name": "newton"} | ({} if self.scale == "none" else {"scale": self.scale}),
        )


def build_design(
    dataset: Dataset,
    loss: str,
    l2: float,
    targets: np.ndarray | None = None,
    classes=(),
    scale: str = "none",
    intercept: bool = True,
) -> Design:
    """The design of ``dataset``; ``targets`` and ``classes`` are those of its labels where they are not given.

    The penalty is that of a model trained with ``scale``: l2/2 ||w||^2 of w in the units of the scaled columns.
    """
    if targets is None:
        classes, targets = encode_labels(load(LOSSES, loss), dataset)
    scaling = scaling_for(dataset, "standard")
    trained = scaling if scale == "standard" else scaling_for(dataset, scale)
    if not intercept:  # the margins are 0 where those of a model trained with ``scale`` are
        scaling = replace(scaling, shift=np.zeros(dataset.n_features) if trained.shift is None else trained.shift)
    design = blank_design(scaling, trained, loss, l2, tuple(classes), intercept)
    return design.of(dataset.features, targets, dataset.counts)


def blank_design(
    scaling: Scaling, trained: Scaling, loss: str, l2: float, classes: tuple[float, ...], intercept: bool = True
) -> Design:
    """A design without rows, of columns brought by ``scaling`` and of models penalised in the units of ``trained``."""
    units = 1.0 if trained.factor is None else trained.factor
    assert scaling.factor is not None
    lengths = np.minimum(scaling.factor / units, MOST_UNITS)  # with which a column has no say in any case
    penalty = np.append(l2 * lengths**2, np.zeros(int(intercept)))
    none = np.empty(0)
    return Design(np.empty((0, len(penalty))), none, none, penalty, loss, classes, scaling, trained.name, intercept)


@dataclass(frozen=True)
class Curvature:
    """H_o = C_o C_o^T of each output: factors of shape (w, w), lower, or the roots of diagonals, (w,)."""

    factors: list[np.ndarray]

    @property
    def kind(self) -> str:
        return "hessian" if self.factors[0].ndim == 2 else "diagonal"

    def lower(self, output: int, vectors: np.ndarray) -> np.ndarray:
        """C^-1 times (w,) or (w, q)."""
        return self._apply(output, vectors, "N")

    def lift(self, output: int, vectors: np.ndarray) -> np.ndarray:
        """C^-T times (w,) or (w, q): rows times it are H^(-1/2) rows, up to a rotation."""
        return self._apply(output, vectors, "T")

    def solve(self, gradient: np.ndarray) -> np.ndarray:
        """H^-1 times (k, w)."""
        if len(gradient) > 1 and self.kind == "hessian":  # a call for each of many outputs takes longer than its sums
            inverses = self._inverses
            return (inverses.transpose(0, 2, 1) @ (inverses @ gradient[:, :, None]))[:, :, 0]
        return np.stack([self.lift(o, self.lower(o, part)) for o, part in enumerate(gradient)])

    @cached_property
    def _inverses(self) -> np.ndarray:
        """(k, w, w) C_o^-1."""
        if len(self.factors[0]) <= NARROW:
            return np.linalg.inv(np.stack(self.factors))
        identity = np.eye(len(self.factors[0]))
        return np.stack([self.lower(output, identity) for output in range(len(self.factors))])

    def _apply(self, output: int, vectors: np.ndarray, transposed: str) -> np.ndarray:
        factor = self.factors[output]
        if factor.ndim == 1:
            return vectors / (factor if vectors.ndim == 1 else factor[:, None])
        return scipy.linalg.solve_triangular(factor, vectors, lower=True, trans=transposed, check_finite=False)


@dataclass(frozen=True)
class Pooled:
    """About the same of many outputs for the price of one: H_o = scale_o C C^T, C (w, w) lower, scale (k,)."""

    factor: np.ndarray
    scale: np.ndarray

    def solve(self, gradient: np.ndarray) -> np.ndarray:
        """H^-1 times (k, w)."""
        return scipy.linalg.cho_solve((self.factor, True), gradient.T, check_finite=False).T / self.scale[:, None]


def stride_of(design: Design, n_rows: int) -> int:
    """Every how many-th of so many rows, dense or sparse as the design's, make a curvature; of diagonals all do."""
    if is_csr(design.rows) or design.width > WIDEST:
        return 1
    return max(1, int(np.ceil(n_rows * design.n_outputs * design.width**2 / HESSIAN_WORK)))


def curvature(design: Design, second: np.ndarray) -> Curvature:
    """The curvature of the objective where the second derivatives of the loss are ``second`` (n, k).

    Of every second row, or every third, ... where all are more than HESSIAN_WORK.
    """
    stride = stride_of(design, len(second))
    if stride > 1:
        design, second = design.take(slice(None, None, stride), design.counts[::stride]), second[::stride]
    weights = second * (design.counts / design.counts.sum())[:, None]
    return factored(moments(design.rows, weights), design.penalty)


def preconditioner(design: Design, second: np.ndarray) -> Curvature | Pooled:
    """The curvature, or where a Hessian for each of some outputs takes long, about it."""
    if design.n_outputs == 1 or is_csr(design.rows) or not NARROW < design.width <= WIDEST:
        return curvature(design, second)
    scale = design.counts @ second / design.counts.sum()
    mean = max(float(scale.mean()), 1e-300)
    pooled = replace(design, penalty=design.penalty / mean)
    factor = curvature(pooled, second.mean(axis=1, keepdims=True) / mean).factors[0]
    return Pooled(factor, np.maximum(scale, FLOOR * mean))


def moments(rows: np.ndarray | sp.csr_matrix, weights: np.ndarray) -> np.ndarray:
    """(k, w, w) sum_i weights_i x_i x_i^T of rows (n, w) and each column of weights (n, k), or diagonals (k, w)."""
    width = rows.shape[1]
    if is_csr(rows) or width > WIDEST:
        squares = rows.multiply(rows).tocsr() if is_csr(rows) else rows * rows
        return np.asarray(squares.T @ weights).T
    hessians = np.zeros((weights.shape[1], width, width))
    for output, total in enumerate(hessians):
        for start in range(0, len(weights), CHUNK):
            scaled = rows[start : start + CHUNK] * np.sqrt(weights[start : start + CHUNK, output, None])
            total += scaled.T @ scaled
    return hessians


def factored(hessians: np.ndarray, penalty: np.ndarray) -> Curvature:
    """The curvature whose Hessians without the penalty (w,) are these ``moments``.

    Raises LinAlgError where they are no curvature of anything.
    """
    factors = []
    for each in hessians:
        bent = each if each.ndim == 1 else np.diagonal(each)
        # Not of the penalties: that of a column in units of 1e-8 alone would be above all curvature of the others.
        least = FLOOR * max(float(bent.mean()) or float(penalty.mean()), 1e-300)
        factors.append(np.sqrt(each + penalty + least) if each.ndim == 1 else _lower(each, penalty + least))
    return Curvature(factors)


def _lower(hessian: np.ndarray, ridge: np.ndarray) -> np.ndarray:
    return np.linalg.cholesky(hessian + np.diag(ridge))


@njit
def loss_values(loss, targets, margins):
    """phi of each row; ``margins`` (n, k), ``loss`` its code."""
    values = np.empty(len(targets))
    for row in range(len(targets)):
        values[row] = value(loss, targets[row], margins[row])
    return values


@njit
def loss_slopes(loss, targets, margins):
    """d phi / d margin of each row, (n, k)."""
    slopes = margins.copy()
    for row in range(len(targets)):
        to_slopes(loss, targets[row], slopes[row])
    return slopes
