"""The optimum of the objective on all rows, to which models are compared.

    minimise  F(w, b) = (1/n) sum_i m_i phi(y_i, <w, x_i> + b) + l2/2 ||w||^2,     w in the units of --scale

The gradient of F by (w, b), in these units and from the rows as they were read, has a norm of at most TOLERANCE there.
Where the units of the data are so large that float64 cannot tell such a gradient from zero, TOLERANCE times the norm
at the zero model has to do. Both are checked, so an optimum that comes from a file need not be trusted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from craig_cli.artifacts.model import Model, provenance, with_encoding
from craig_cli.dataset import Dataset
from craig_cli.errors import DataError
from craig_cli.evaluation.pointwise import encode_targets, losses, slopes
from craig_cli.registry import SCALES
from craig_cli.scaling import Scaling, scaling_for
from craig_cli.training.design import build_design
from craig_cli.training.newton import newton

TOLERANCE = 1e-9
CHUNK = 1024  # rows summed at a time, so that rounding does not grow with their number


@dataclass(frozen=True)
class Objective:
    """What is minimised: loss, its classes, l2, the name of the scaling, and whether there is an intercept."""

    loss: str
    classes: tuple[float, ...]
    n_features: int
    l2: float
    scale: str
    intercept: bool

    @staticmethod
    def of(model: Model, name: str = "the model") -> Objective:
        """The objective that ``model`` was trained for, by its settings. Raises DataError where they are unknown."""
        scale = model.optimizer.get("scale", "none")
        if scale not in SCALES:
            raise DataError(f"{name}: expected a scale among {', '.join(SCALES)}, found another; it has no reference")
        intercept = model.optimizer.get("intercept", True) is not False
        return Objective(model.loss, model.classes, model.n_features, model.l2, scale, intercept)

    def scaling(self, dataset: Dataset) -> Scaling:
        """The scaling in whose units the penalty is measured, fitted to all rows."""
        return scaling_for(dataset, self.scale)


@dataclass(frozen=True)
class Measured:
    """The objective at a model and the norm of its gradient, there and at the zero model."""

    loss: float
    l2_term: float
    gradient_norm: float
    zero_norm: float

    @property
    def objective(self) -> float:
        return self.loss + self.l2_term

    @property
    def limit(self) -> float:
        """The largest gradient norm of an optimum."""
        return TOLERANCE * max(1.0, self.zero_norm)


def measure(model: Model, objective: Objective, dataset: Dataset, name: str = "the model") -> Measured:
    """``objective`` at ``model``. Raises DataError for features and labels that the model does not know."""
    dataset = dataset.with_features(model.n_features, name)
    scaling = objective.scaling(dataset)
    coef = model.coef if scaling.factor is None else model.coef / scaling.factor
    nothing = Model(model.loss, model.classes, 0.0 * model.coef, 0.0 * model.intercept, 0.0)
    loss, gradient = _loss_and_gradient(model, objective, dataset, scaling, name)
    _, at_zero = _loss_and_gradient(nothing, objective, dataset, scaling, name)
    gradient[..., : model.n_features] += objective.l2 * coef
    return Measured(
        loss=loss,
        l2_term=0.5 * objective.l2 * float(np.sum(coef**2)),
        gradient_norm=float(np.linalg.norm(gradient)),
        zero_norm=float(np.linalg.norm(at_zero)),
    )


def optimum(dataset: Dataset, objective: Objective, progress: Callable[[int, int], None] | None = None) -> Model:
    """The model that minimises ``objective`` on ``dataset``.

    Its settings say how good it is: objective, gradient_norm, and above_minimum, what the last step but one was above
    the minimum by the Newton decrement. Raises DataError where it cannot be found: for labels other than the
    objective's classes, and for an objective without a minimum.
    """
    dataset = dataset.with_features(objective.n_features, "the model")
    design = build_design(dataset, objective.loss, objective.l2, scale=objective.scale, intercept=objective.intercept)
    if design.classes != objective.classes:
        raise DataError(
            f"{dataset.name}: expected rows of all {len(objective.classes)} classes of the model and no others, to "
            f"find the optimum, found {len(design.classes)} classes"
        )
    best = newton(design, np.zeros((design.n_outputs, design.width)), progress=progress)
    settings = {"name": "newton", "steps": best.rounds, "scale": objective.scale, "intercept": objective.intercept}
    model = replace(design.model(best.coef, objective.l2), optimizer=settings, data=provenance(dataset.sources))
    reached = measure(model, objective, dataset)
    if not reached.gradient_norm <= reached.limit:
        raise DataError(
            f"{dataset.name}: expected an optimum with a gradient norm of at most {reached.limit:.2g}, found "
            f"{reached.gradient_norm:.3g} after {best.rounds} Newton steps; a larger l2 makes it well determined"
        )
    model.optimizer.update(facts(reached), above_minimum=best.above)
    return with_encoding(model, dataset.encoding)


def facts(measured: Measured) -> dict:
    """What an optimum's file says of it."""
    return {
        "l2_term": measured.l2_term,
        "objective": measured.objective,
        "gradient_norm": measured.gradient_norm,
    }


def _loss_and_gradient(model: Model, objective: Objective, dataset: Dataset, scaling: Scaling, name: str):
    """(mean loss, its gradient (d + 1,) or (k, d + 1) by (w, b) in the units of the scaling)."""
    weight = dataset.counts
    targets = encode_targets(model, dataset, name)
    margin = model.decision(dataset.features)
    loss = float(np.sum(losses(model, margin, targets) * weight) / weight.sum())
    slope = slopes(model, margin, targets).reshape(dataset.n_rows, -1) * (weight / weight.sum())[:, None]
    if sp.issparse(dataset.features):
        linear = np.asarray(scaling.apply(dataset.features).T @ slope).T
    else:
        parts = []
        for start in range(0, dataset.n_rows, CHUNK):
            part = slice(start, start + CHUNK)
            parts.append(slope[part].T @ scaling.apply(dataset.features[part]))
        linear = np.sum(parts, axis=0)
    gradient = np.zeros((slope.shape[1], dataset.n_features + 1))
    gradient[:, :-1] = linear
    if objective.intercept:
        gradient[:, -1] = slope.sum(axis=0)
    return loss, gradient if model.coef.ndim == 2 else gradient[0]
