"""How far the coreset's gradient is from the full one, measured (what epsilon of equation 5 bounds).

    error(w, b) = || sum_i m_i grad f_i(w, b) - sum_{j in S} gamma_j grad f_j(w, b) ||

It is measured in the space the coreset was selected in: the features scaled as its metadata says and each row
extended by a 1 for the intercept. The lambda/2 ||w||^2 part is the same on both sides and cancels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from craig_cli.artifacts.coreset import Coreset
from craig_cli.artifacts.model import Model
from craig_cli.dataset import Dataset
from craig_cli.errors import DataError
from craig_cli.evaluation.pointwise import encode_targets, slopes
from craig_cli.registry import SCALES
from craig_cli.scaling import scaling_for

GRADIENT_NORM = "gradient norm"
ROUNDING = 1e-9  # of the norms that are subtracted, and of the radius


@dataclass(frozen=True)
class GradientError:
    """The gradient error at one model.

    error      the norm of the difference; relative: divided by full_norm
    full_norm  norm of the full gradient, sum_i m_i grad f_i
    per_row    error divided by the number of rows
    norm       ||(w, b)|| in the scaled space (the spectral norm for a multinomial model)
    epsilon    the coreset's bound where it speaks of this model: same loss, in gradient norm, norm <= radius;
               else None
    """

    error: float
    full_norm: float
    per_row: float
    norm: float
    epsilon: float | None

    @property
    def relative(self) -> float | None:
        return self.error / self.full_norm if self.full_norm > 0 else None


class GradientProbe:
    """Measures the gradient error of one coreset on its data, for any model; scales the data once."""

    def __init__(self, coreset: Coreset, dataset: Dataset) -> None:
        facts = coreset.facts
        if facts.scale not in SCALES:
            raise DataError("the coreset's metadata: expected a known scale, found another")
        self.dataset = dataset
        self.loss = facts.loss
        self.radius = facts.radius
        bound = float(coreset.epsilon[-1])
        bounded = facts.units == GRADIENT_NORM and np.isfinite(bound) and self.radius is not None
        self.bound = bound if bounded else None
        self.scaling = scaling_for(dataset, facts.scale)
        self.features = self.scaling.apply(dataset.features)
        self.full_weight = dataset.counts
        self.difference = self.full_weight.copy()
        self.difference[coreset.index] -= coreset.weight
        self._check_view(coreset)

    def _check_view(self, coreset: Coreset) -> None:
        """The same file read with other columns is other data too."""
        expected = coreset.facts.features
        if expected is not None and expected != self.dataset.n_features:
            raise DataError(
                f"{self.dataset.name}: expected the {expected} features that the coreset was selected with, "
                f"found {self.dataset.n_features}"
            )
        selected, total = float(coreset.weight.sum()), self.dataset.total
        if abs(selected - total) > 1e-6 * total:
            raise DataError(
                f"{self.dataset.name}: expected rows that count {selected:g}, as the coreset's weights do, "
                f"found {total:g}; give the --weight-column it was selected with"
            )

    def at_model(self, model: Model, name: str = "the model") -> GradientError:
        """The error at ``model`` (in raw units, as models are).

        Raises DataError where the coreset's bound should hold here and does not: then the coreset file or the
        program is wrong, and no number of either can be trusted.
        """
        if model.n_features != self.dataset.n_features:
            raise DataError(f"{name}: expected a model of {self.dataset.n_features} features, found {model.n_features}")
        coef, intercept = self.scaling.from_raw(model.coef, model.intercept)
        return self._measure(model, coef, intercept, encode_targets(model, self.dataset, name), name)

    def at_random(self, model: Model, count: int, radius: float, seed: int = 0) -> list[GradientError]:
        """The errors at ``count`` points drawn uniformly from the ball of this radius in the scaled space.

        ``model`` gives the loss, the classes and the shape. Raises DataError as ``at_model``.
        """
        rng = np.random.default_rng(seed)
        target = encode_targets(model, self.dataset, "the model")
        shape = (*model.coef.shape[:-1], model.coef.shape[-1] + 1)
        errors = []
        for point in random_points(rng, count, shape, radius):
            errors.append(self._measure(model, point[..., :-1], point[..., -1], target, "a random point"))
        return errors

    def check_bound(self, error: float, full_norm: float, norm: float, loss: str, name: str) -> float | None:
        """The coreset's bound where it speaks of a model of this ``norm`` and ``loss``, else None.

        Raises DataError where ``error``, the gradient error there, is above it.
        """
        if self.bound is None or self.radius is None or loss != self.loss:
            return None
        if norm > self.radius * (1 + ROUNDING):  # train --radius ends on the ball, but for that
            return None
        if error > self.bound + ROUNDING * (self.bound + full_norm):
            raise DataError(
                f"the coreset's bound is broken at {name}: expected a gradient error of at most "
                f"{self.bound:.6g}, found {error:.6g}; the coreset is damaged or was made by a faulty version"
            )
        return self.bound

    def _measure(self, model: Model, coef, intercept, target, name: str) -> GradientError:
        margin = np.asarray(self.features @ coef.T) + intercept
        slope = slopes(model, margin, target)
        error = float(np.linalg.norm(gradient(self.features, slope, self.difference)))
        full_norm = float(np.linalg.norm(gradient(self.features, slope, self.full_weight)))
        norm = norm_of(coef, intercept)
        epsilon = self.check_bound(error, full_norm, norm, model.loss, name)
        return GradientError(error, full_norm, error / float(self.full_weight.sum()), norm, epsilon)


def norm_of(coef: np.ndarray, intercept) -> float:
    """||(w, b)||, the spectral norm for a multinomial model."""
    return float(np.linalg.norm(np.concatenate([coef, np.asarray(intercept)[..., None]], axis=-1), 2))


def gradient(features, slope: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """sum_i weight_i slope_i (x_i, 1): (d + 1,), or (k, d + 1) for slopes (n, k)."""
    weighted = slope * (weight if slope.ndim == 1 else weight[:, None])
    if sp.issparse(features):
        linear = np.asarray(features.T @ weighted).T
    else:
        # einsum and not @: BLAS sums in an order that depends on the number of threads
        linear = np.einsum("i...,ij->...j", weighted, features)
    return np.concatenate([linear, weighted.sum(axis=0)[..., None]], axis=-1)


def random_points(rng: np.random.Generator, count: int, shape: tuple[int, ...], radius: float):
    """``count`` arrays of this shape, uniform in the ball ||.||_F <= radius."""
    size = int(np.prod(shape))
    for _ in range(count):
        direction = rng.standard_normal(size)
        length = radius * rng.random() ** (1.0 / size)
        yield (length / np.linalg.norm(direction) * direction).reshape(shape)
