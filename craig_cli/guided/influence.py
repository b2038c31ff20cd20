"""How each row pulls at a model: its gradient there, measured in the model's own curvature.

    h_i = H^(-1/2) grad f_i(w),     H = (1/n) sum_i phi''_i (x_i, 1)(x_i, 1)^T + l2 I

Moving the weight of row i moves the optimum by H^-1 grad f_i, so distances between the h_i are distances between what
rows do to the model (equation 6 is stated in the gradient space at a point w; H makes that space free of the units of
the features). Of one output and up to EXACT columns the vectors are whole. Beyond, and for multinomial models, whose
gradient is a matrix, they are a random-sign sketch of SKETCH numbers (Johnson and Lindenstrauss), with H taken as block
diagonal, and as diagonal where the data is sparse or very wide; the whole h_i are then never written down, but
``Gradients`` multiplies with them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator

from craig_cli.artifacts.model import Model
from craig_cli.dataset import Dataset
from craig_cli.errors import DataError
from craig_cli.evaluation.pointwise import encode_targets
from craig_cli.registry import SCALES
from craig_cli.training.design import CHUNK, Curvature, Design, build_design, curvature

AT_ONCE = 1024  # rows, whose images of one output after the other are added up in the cache
EXACT = 256
SKETCH = 128
LIFTS = 3  # times that it is in memory while it is made


@dataclass(frozen=True)
class Gradients:
    """The whole h_i as products: ``totals`` (q,) is their sum over all rows, q = outputs times columns."""

    rows: np.ndarray | sp.csr_matrix
    slopes: np.ndarray
    curvature: Curvature
    totals: np.ndarray

    def of(self, index: np.ndarray) -> LinearOperator:
        """h_i of the rows ``index``, (r, q)."""
        rows, slopes = self.rows[index], self.slopes[index]
        transposed = rows.T.tocsr() if sp.issparse(rows) else rows.T

        def multiply(vector):
            parts = vector.reshape(slopes.shape[1], -1)
            lifted = np.column_stack([self.curvature.lift(o, part) for o, part in enumerate(parts)])
            return ((rows @ lifted) * slopes).sum(axis=1)

        def multiply_all(vectors):
            parts = vectors.reshape(slopes.shape[1], -1, vectors.shape[1])
            return sum((rows @ self.curvature.lift(o, part)) * slopes[:, o, None] for o, part in enumerate(parts))

        def gather(values):
            return whitened(self.curvature, (transposed @ (slopes * values.reshape(-1, 1))).T)

        shape = (len(index), len(self.totals))
        return LinearOperator(shape, matvec=multiply, matmat=multiply_all, rmatvec=gather, dtype=np.float64)


@dataclass(frozen=True)
class Influence:
    """vectors (n, q) float64: h_i, or their sketch; kind: "exact" or "sketch"; curvature: "hessian" or "diagonal".

    width      is q
    gradients  the whole h_i where the vectors are a sketch, else None
    dimension  the mean of ||h_i||^2 by the dispersion. At the optimum of a model that fits, it is the effective number
               of parameters (gradients have covariance dispersion * H there); at a rough model it is larger
    dispersion 1, or for a regression what ``Design.dispersion`` says, for the squared loss the mean square residual
    objective  of all rows at the model, with its l2; decrement: Newton's, about how far that is above the optimum
    slopes     (n, k) d phi / d margin of each row
    """

    vectors: np.ndarray
    width: int
    kind: str
    curvature: str
    gradients: Gradients | None
    dimension: float
    dispersion: float
    objective: float
    decrement: float
    slopes: np.ndarray


@dataclass(frozen=True)
class Lift:
    """What makes influence vectors: for each output C^-T (w, q), or a sketch of its columns."""

    outputs: list[np.ndarray]
    whole: bool

    @property
    def width(self) -> int:
        return self.outputs[0].shape[1]

    @property
    def kind(self) -> str:
        return "exact" if self.whole else "sketch"

    def vectors(self, rows: np.ndarray | sp.csr_matrix, slopes: np.ndarray) -> np.ndarray:
        """(m, q) of rows (m, w) of a design, at which the loss has these slopes (m, k)."""
        vectors = np.zeros((len(slopes), self.width))
        for start in range(0, len(slopes), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            for output, each in enumerate(self.outputs):
                images = np.asarray(rows[part] @ each)
                images *= slopes[part, output, None]
                vectors[part] += images
        return vectors


def lift_of(design: Design, bent: Curvature, seed: int) -> Lift:
    """That of a design where it is bent so."""
    whole = design.n_outputs == 1 and design.width <= EXACT and not sp.issparse(design.rows)
    size = design.width if whole else min(SKETCH, design.width * design.n_outputs)
    generator = np.random.default_rng(seed)
    outputs = []
    for output in range(design.n_outputs):
        signs = np.eye(size) if whole else generator.choice((-1.0, 1.0), (design.width, size)) / np.sqrt(size)
        outputs.append(bent.lift(output, signs))
    return Lift(outputs, whole)


def influence(model: Model, dataset: Dataset, name: str = "the model", seed: int = 0) -> Influence:
    """The influence vectors of all rows at ``model``. Raises DataError where model and data do not fit."""
    if model.n_features != dataset.n_features:
        raise DataError(f"{name}: expected a model of {dataset.n_features} features, found {model.n_features}")
    targets, scale = encode_targets(model, dataset, name), model.optimizer.get("scale")
    scale = scale if scale in SCALES else "none"
    design = build_design(dataset, model.loss, model.l2, targets, model.classes, scale)
    return influence_at(design, design.coefficients(model.coef, model.intercept), seed)


def influence_at(design: Design, coef: np.ndarray, seed: int = 0) -> Influence:
    """The same at ``coef`` (k, d + 1) of a design: one pass over its rows."""
    margins = design.margins(coef)
    slopes = design.slopes(margins)
    second = design.second_derivatives(slopes)
    bent = curvature(design, second)
    mean = design.mean(slopes)
    gradient = mean + design.penalty * coef
    lift = lift_of(design, bent, seed)
    vectors = np.empty((len(slopes), lift.width))
    squares = 0.0
    for start in range(0, len(slopes), CHUNK):
        rows = slice(start, start + CHUNK)
        images = lift.vectors(design.rows[rows], slopes[rows])
        squares += float(design.counts[rows] @ np.einsum("ij,ij->i", images, images))
        vectors[rows] = images
    total = design.counts.sum()
    dispersion = design.dispersion(slopes)
    return Influence(
        vectors=vectors,
        width=lift.width,
        kind=lift.kind,
        curvature=bent.kind,
        gradients=None if lift.whole else Gradients(design.rows, slopes, bent, whitened(bent, mean) * total),
        dimension=squares / total / max(dispersion, 1e-300),
        dispersion=dispersion,
        objective=design.objective(coef, margins),
        decrement=decrement(bent, gradient),
        slopes=slopes,
    )


def decrement(bent: Curvature, gradient: np.ndarray) -> float:
    """Newton's, of a gradient (k, w) with its penalty: about how far the objective is above its optimum."""
    return 0.5 * float((gradient * bent.solve(gradient)).sum())


def whitened(bent: Curvature, gradient: np.ndarray) -> np.ndarray:
    """(k * w,) C^-1 of a gradient (k, w)."""
    return np.concatenate([bent.lower(output, part) for output, part in enumerate(gradient)])
