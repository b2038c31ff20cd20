"""Scaling of the features: x' = (x - shift) * factor, one factor a column.

none      as they are
minmax    each column to [0, 1]
standard  each column to mean 0 and standard deviation 1
unit      all columns divided by the largest row norm, so that ||x|| <= 1 (as the paper assumes below equation 83)

All four are affine in x, so a model trained on x' folds back to the raw input exactly, and no distance but the cosine
feels the shift. Sparse data is never shifted, which would fill it: its zeros stay zeros.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from craig_cli.dataset import Dataset, is_csr
from craig_cli.errors import DataError

CHUNK = 8192  # rows at a time
MOST_COLUMNS_KEPT = 10_000  # of a scaling in a coreset's metadata
TINY = 1e-130  # values of less, and what they differ by, may have no squares in float64
ROUNDING = 1e-12  # of the square of its mean: a sparse column of less variance is constant
UNEVEN = 100.0  # ranges that differ by more than this get a note
Named = Callable[[int], str]
LABELS: Named = lambda column: "labels"  # noqa: E731
MOST_RANGES = 1_000_000  # of more features the ranges are not looked at
SPREADS = {"minmax": "range", "standard": "deviation", "unit": "norm"}  # what a column is divided by


@dataclass(frozen=True)
class Scaling:
    """shift (d,) and factor (d,) float64 of x' = (x - shift) * factor; both None for no scaling at all."""

    name: str
    shift: np.ndarray | None = None
    factor: np.ndarray | None = None

    def apply(self, features: np.ndarray | sp.csr_matrix, out: np.ndarray | None = None) -> np.ndarray | sp.csr_matrix:
        """The scaled copy of ``features`` (n, d), of dense ones in ``out``; the same object where nothing is scaled."""
        if self.factor is None or self.shift is None:
            return features
        if is_csr(features):
            scaled = features.copy()
            scaled.data = features.data * self.factor[features.indices]
            return scaled
        scaled = np.empty(features.shape) if out is None else out
        for start in range(0, len(features), CHUNK):  # fresh memory, of which there is no more than has to be, is dear
            part = scaled[start : start + CHUNK]
            np.subtract(features[start : start + CHUNK], self.shift, out=part)
            part *= self.factor
        return scaled

    def times(self, length: float) -> Scaling:
        """The same with all columns as many times as long."""
        assert self.factor is not None
        return Scaling(self.name, self.shift, self.factor * length)

    def facts(self, n_features: int) -> dict:
        """What a coreset's metadata says of it, so that training has the scaling of all rows without reading them.

        Nothing where there is none, or of more than MOST_COLUMNS_KEPT features.
        """
        if self.factor is None or self.shift is None or n_features > MOST_COLUMNS_KEPT:
            return {}
        return {"scaling": {"shift": self.shift.tolist(), "factor": self.factor.tolist()}}

    def to_raw(self, coef: np.ndarray, intercept):
        """(coef, intercept) of a model on x' -> the same model on x; coef (d,) or (k, d), intercept () or (k,)."""
        if self.factor is None:
            return coef, intercept
        raw = coef * self.factor
        return raw, intercept - raw @ self.shift

    def from_raw(self, coef: np.ndarray, intercept):
        """The inverse of ``to_raw``."""
        if self.factor is None:
            return coef, intercept
        return coef / self.factor, intercept + coef @ self.shift


def scaling_of(facts: dict, name: str) -> Scaling | None:
    """The scaling ``name`` of all rows as ``Scaling.facts`` put it into a coreset's metadata; None if it did not."""
    recorded = facts.get("scaling")
    if facts.get("scale") != name or not isinstance(recorded, dict):
        return None
    try:
        shift, factor = (np.array(recorded[key], dtype=np.float64) for key in ("shift", "factor"))
    except (KeyError, TypeError, ValueError):
        return None
    usable = shift.shape == factor.shape == (facts.get("features"),) and (factor > 0).all()
    return Scaling(name, shift, factor) if usable and np.isfinite(shift).all() and np.isfinite(factor).all() else None


def scaling_for(dataset: Dataset, name: str) -> Scaling:
    """The scaling ``name`` of the features of ``dataset``. Raises DataError as ``scaling_by``."""
    return fit_scaling(name, dataset.features, dataset.multiplicity, dataset.column_text)


def fit_scaling(
    name: str,
    features: np.ndarray | sp.csr_matrix,
    multiplicity: np.ndarray | None = None,
    named: Named | None = None,
) -> Scaling:
    """The scaling ``name`` of these features (n, d); rows count ``multiplicity`` times in mean and deviation.

    Raises DataError as ``scaling_by``.
    """
    if name == "none":
        return Scaling(name)
    n_features = features.shape[1]
    sparse = is_csr(features)
    shift = np.zeros(n_features)
    if name == "unit":
        if is_csr(features):
            squares = features.multiply(features).sum(axis=1)
        else:
            squares = np.einsum("ij,ij->i", features, features)
        largest = np.sqrt(np.max(np.asarray(squares), initial=0.0))
        return scaling_by(name, shift, np.full(n_features, largest), lambda: column_range(features), named)
    if name == "minmax":
        low, high = column_range(features)
        spread = high - low
        if not sparse:
            shift = low
    else:
        mean, spread = _mean_and_deviation(features, multiplicity)
        if not sparse:
            shift = mean
    return scaling_by(name, shift, spread, lambda: column_range(features), named)


def scaling_by(
    name: str,
    shift: np.ndarray,
    spread: np.ndarray,
    ranges: Callable[[], tuple[np.ndarray, np.ndarray]],
    named: Named | None = None,
) -> Scaling:
    """The scaling that takes ``shift`` (d,) off and divides by ``spread`` (d,), but by 1 what is the same in all rows.

    ranges  the (least, greatest) values of each column, (d,) each; named: what to call a column, by its number

    Raises DataError for values so large that there is no such spread.
    """
    beyond = ~(np.isfinite(shift) & np.isfinite(spread))
    if beyond.any():
        low, high = ranges()
        largest = np.where(beyond, np.maximum(high, -low), -1.0)
        column = int(np.argmax(largest))
        where = f"feature {column + 1}" if named is None else named(column)
        hint = "" if name == "minmax" else "; --scale minmax, and of select --for distance"
        raise DataError(
            f"{where}: expected values whose {SPREADS[name]} fits in float64, found ones like {largest[column]:g}{hint}"
        )
    # What is less than the smallest normal number has no inverse.
    return Scaling(name, shift, 1.0 / np.where(spread >= np.finfo(np.float64).tiny, spread, 1.0))


def column_range(features: np.ndarray | sp.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """(least, greatest) value of each column, (d,) each; a sparse matrix's zeros count."""
    if is_csr(features):
        return features.min(axis=0).toarray().ravel(), features.max(axis=0).toarray().ravel()
    return features.min(axis=0), features.max(axis=0)


def uneven_ranges(dataset: Dataset, so: str) -> list[str]:
    """``on_uneven_ranges`` of the features of ``dataset``."""
    if dataset.n_features > MOST_RANGES:
        return []
    return on_uneven_ranges(*column_range(dataset.features), so)


def on_uneven_ranges(low: np.ndarray, high: np.ndarray, so: str) -> list[str]:
    """What to note of columns from ``low`` to ``high``, (d,) each, whose ranges differ so much that ``so``; or none."""
    spread = (high / 2 - low / 2)[high > low]  # halves, as the difference may be beyond float64
    if not len(spread) or spread.max() / UNEVEN <= spread.min():
        return []
    times = min(spread.max() / max(spread.min(), 1e-300), 1e12)
    return [f"feature ranges differ {times:.0f} times, so {so}; consider --scale standard"]


def _mean_and_deviation(features, multiplicity) -> tuple[np.ndarray, np.ndarray]:
    weights = np.ones(features.shape[0]) if multiplicity is None else multiplicity
    mean, variance = _moments(features, weights)
    deviation = np.sqrt(np.maximum(variance, 0.0))
    small = np.flatnonzero(variance < TINY**2)
    if len(small):
        tiny, exponent = _tiny(features[:, small])
        small = small[tiny]
    if len(small):
        lifted = _moments(_times_power(features[:, small], -exponent), weights)[1]
        deviation[small] = np.ldexp(np.sqrt(np.maximum(lifted, 0.0)), exponent)
    return mean, deviation


def _tiny(features) -> tuple[np.ndarray, np.ndarray]:
    """(positions of the columns whose squares may be none in float64, the power of 2 that each of them is below)"""
    low, high = column_range(features)
    largest = np.maximum(high, -low)
    tiny = np.flatnonzero((largest > 0.0) & (largest < TINY))
    return tiny, np.frexp(largest[tiny])[1]


def _times_power(features, exponent: np.ndarray):
    """Each column times 2 to its ``exponent``, which rounds nothing."""
    if not is_csr(features):
        return np.ldexp(features, exponent)
    lifted = features.copy()
    lifted.data = np.ldexp(features.data, exponent[features.indices])
    return lifted


def _moments(features, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(mean, variance) of each column, (d,) each, of which rounding may leave a variance below 0."""
    total = weights.sum()
    mean = np.asarray(features.T @ weights).ravel() / total
    if is_csr(features):
        variance = np.asarray(features.multiply(features).T @ weights).ravel() / total - mean**2
        # Rounding leaves a constant column with a variance of about the unit in the last place of its square.
        variance[variance < ROUNDING * mean**2] = 0.0
        return mean, variance
    variance = np.zeros(features.shape[1])
    for start in range(0, features.shape[0], CHUNK):  # no second copy of the data
        part = features[start : start + CHUNK] - mean
        variance += weights[start : start + CHUNK] @ (part * part)
    variance /= total
    variance[np.ptp(features, axis=0) == 0] = 0.0
    return mean, variance
