"""A training problem as the kernels see it: rows in the optimizer's coordinates, labels, weights, penalties.

    F(w) = (1/r) sum_j g_j phi(y_j, <w, x_j>) + 1/2 sum_k penalty_k w_k^2,      g_j = r * gamma_j / sum gamma

and where a correction is in force (refine.py), + <linear, w> + constant.
The intercept is a last column of ones with no penalty. Labels of a regression are standardised, which scales
the objective by a constant and makes every default free of the labels' units; for a loss that has a unit of its own
they are only centred.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from craig_cli.dataset import Dataset, csr_arrays
from craig_cli.jit import njit
from craig_cli.training import coordinates as coords
from craig_cli.training.coordinates import Coordinates
from craig_cli.training.labels import encode_known, encode_labels
from craig_cli.training.losses import Loss

_CHUNK = 8192


@dataclass(frozen=True)
class Problem:
    """What optimizers work on.

    data, indices, indptr  the rows: CSR, or with indices None dense and row-major
    labels, gamma          (r,) float64; gamma has mean 1
    curvature              (r,) float64, L * ||x_j||^2 + max penalty: the Lipschitz constant of grad f_j for
                           g_j = 1
    penalty                (columns,) float64, 0 for the intercept
    ball                   (columns,) float64: ||w||^2 of the user's w is sum_k ball_k w_k^2
    n_outputs              k, the number of margins
    label_shift, label_scale  y = shift + scale * label
    linear                 (k, columns) float64, or None for 0; and the constant, which no step feels
    """

    data: np.ndarray
    indices: np.ndarray | None
    indptr: np.ndarray
    labels: np.ndarray
    gamma: np.ndarray
    curvature: np.ndarray
    penalty: np.ndarray
    ball: np.ndarray
    loss: int
    lipschitz: float
    n_outputs: int
    intercept: bool
    classes: tuple[float, ...]
    coordinates: Coordinates
    label_shift: float = 0.0
    label_scale: float = 1.0
    linear: np.ndarray | None = None
    constant: float = 0.0

    @property
    def n_rows(self) -> int:
        return len(self.labels)

    @property
    def n_columns(self) -> int:
        return len(self.penalty)

    @property
    def rows(self) -> tuple:
        """(data, indices, indptr, labels): the first arguments of every kernel that reads rows."""
        return self.data, self.indices, self.indptr, self.labels

    @property
    def smoothness(self) -> float:
        """An upper bound on the largest eigenvalue of the objective's Hessian."""
        mean = float((self.gamma * self.curvature).mean())
        if self.coordinates.kind != "full":
            return mean
        # Every direction has variance 1 at most there, the constant column 1 exactly.
        return min(mean, self.lipschitz + float(self.penalty.max(initial=0.0)))

    @property
    def row_width(self) -> float:
        """About the mean of ||x||_1: by how much a margin moves when every coefficient moves by 1."""
        squares = float((self.gamma * self.curvature).mean()) / self.lipschitz
        return float(np.sqrt(squares * len(self.data) / self.n_rows))

    def drift(self, n_visits: int) -> np.ndarray:
        """(k, columns) what ``linear`` adds to the gradient of each of ``n_visits`` visits of an epoch."""
        if self.linear is None:
            return np.zeros((self.n_outputs, self.n_columns))
        return self.linear * (self.n_rows / n_visits)

    def steps_a_projection(self, batch_size: int) -> int:
        """Steps between projections: 1; of sparse data so many that projecting costs no more than they."""
        if self.indices is None:
            return 1
        touched = max(1.0, len(self.data) / self.n_rows) * batch_size
        return max(1, round(self.n_columns / touched))

    def on(self, dataset: Dataset, penalty: np.ndarray | None = None, threads: int = 1) -> Problem:
        """The same problem, coordinates and all, on other rows, such as a validation set.

        ``penalty`` (columns,) None is no penalty. Raises DataError for features and labels it does not know.
        """
        if self.classes:
            labels = encode_known(self.classes, self.n_outputs > 1, dataset, "the model")
        else:
            labels = (dataset.labels - self.label_shift) / self.label_scale
        gamma = dataset.counts
        dataset = dataset.with_features(len(self.coordinates.shift), "the training data")
        data, indices, indptr, _ = _inside(self.coordinates, dataset, self.intercept, threads)
        return replace(
            self,
            data=data,
            indices=indices,
            indptr=indptr,
            labels=labels,
            gamma=gamma * (len(gamma) / gamma.sum()),
            penalty=np.zeros_like(self.penalty) if penalty is None else penalty,
            linear=None,
            constant=0.0,
        )

    def to_model(self, coef: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(coef (k, d), intercept (k,)) in raw units, from ``coef`` (k, columns) in these coordinates."""
        weights, constants = self._split(coef)
        raw, constants = self.coordinates.raw(weights, constants)
        return raw * self.label_scale, constants * self.label_scale + self.label_shift

    def from_model(self, coef: np.ndarray, intercept: np.ndarray) -> np.ndarray:
        """The inverse of ``to_model``; an intercept that this problem does not have is dropped."""
        weights, constants = self.coordinates.inside(
            coef / self.label_scale, (intercept - self.label_shift) / self.label_scale
        )
        return np.ascontiguousarray(np.hstack([weights, constants[:, None]]) if self.intercept else weights)

    def gradient_norm(self, gradient: np.ndarray) -> float:
        """||grad|| of the user's objective by (w, b), w in the units of ``--scale``, from that inside."""
        weights, constants = self._split(gradient)
        coordinates = self.coordinates
        weights = weights * coordinates.spread
        if coordinates.rotation is not None:
            weights = np.einsum("ij,kj->ik", weights, coordinates.rotation)
        # The intercept inside is b + <w, (shift - origin) * factor>, so w moves it too.
        weights = weights + constants[:, None] * ((coordinates.shift - coordinates.origin) * coordinates.factor)
        return float(np.sqrt((weights**2).sum() + (constants**2).sum()) * self.label_scale)

    def _split(self, coef: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.intercept:
            return coef[:, :-1], coef[:, -1]
        return coef, np.zeros(len(coef))


def build_problem(
    dataset: Dataset,
    gamma: np.ndarray,
    loss: Loss,
    l2: float,
    intercept: bool,
    scaling,
    precondition: str,
    threads: int = 1,
    arrangement: np.ndarray | None = None,
) -> Problem:
    """The problem of ``dataset`` with weights ``gamma`` (r,) > 0. Raises DataError as ``encode_labels``.

    The problem's row i is row ``arrangement[i]`` of the data, where that is given: an epoch that visits
    rows about in the order in which they lie in memory is three times faster.
    """
    classes, labels = encode_labels(loss, dataset)
    gamma = gamma * (len(gamma) / gamma.sum())
    shift, scale = 0.0, 1.0
    if loss.labels == "numbers":
        labels, shift, scale = _standardise(labels, gamma, intercept, loss.has_unit)
    rows = _raw_rows(dataset)
    kind = coords.choose(precondition, not dataset.is_sparse, dataset.n_rows, dataset.n_features)
    coordinates = coords.fit_coordinates(kind, rows, gamma, scaling, intercept, l2 / loss.lipschitz, threads)
    data, indices, indptr, squares = _inside(coordinates, dataset, intercept, threads, arrangement)
    if arrangement is not None:
        labels, gamma = labels[arrangement], gamma[arrangement]
    ball = 1.0 / coordinates.spread**2
    if intercept:
        ball = np.append(ball, 0.0)
    penalty = l2 * ball
    return Problem(
        data=data,
        indices=indices,
        indptr=indptr,
        labels=labels,
        gamma=gamma,
        curvature=loss.lipschitz * squares + penalty.max(initial=0.0),
        penalty=penalty,
        ball=ball,
        loss=loss.code,
        lipschitz=loss.lipschitz,
        n_outputs=len(classes) if loss.labels == "many" else 1,
        intercept=intercept,
        classes=classes,
        coordinates=coordinates,
        label_shift=shift,
        label_scale=scale,
    )


def _raw_rows(dataset: Dataset) -> tuple:
    if dataset.is_sparse:
        return (*csr_arrays(dataset.features), dataset.n_features)
    return np.ascontiguousarray(dataset.features).reshape(-1), None, np.zeros(1, np.int64), dataset.n_features


def _standardise(
    labels: np.ndarray, gamma: np.ndarray, intercept: bool, has_unit: bool
) -> tuple[np.ndarray, float, float]:
    shift = float(np.mean(labels * gamma)) if intercept else 0.0
    scale = 1.0 if has_unit else float(np.sqrt(np.mean(gamma * (labels - shift) ** 2)))
    if not scale > 1e-12 * np.abs(labels).max(initial=0.0):
        scale = 1.0  # all labels alike
    return (labels - shift) / scale, shift, scale


def _inside(
    coordinates: Coordinates, dataset: Dataset, intercept: bool, threads: int, arrangement: np.ndarray | None = None
):
    """(data, indices, indptr, squared norms) of the rows in these coordinates, with the column of ones."""
    n_rows, n_features = dataset.features.shape
    if coordinates.kind == "full":
        source = np.arange(n_rows) if arrangement is None else arrangement
        dense = coords.full_rows(coordinates, _raw_rows(dataset), source, intercept, threads)
        return dense.reshape(-1), None, np.zeros(1, np.int64), np.einsum("ij,ij->i", dense, dense)
    if not dataset.is_sparse:
        dense = np.ones((n_rows, n_features + intercept))
        for start in range(0, n_rows, _CHUNK):  # so that no other copy of the data is made
            part = slice(start, start + _CHUNK)
            rows = dataset.features[part if arrangement is None else arrangement[part]]
            dense[part, :n_features] = (rows - coordinates.shift) * (coordinates.factor / coordinates.spread)
        return dense.reshape(-1), None, np.zeros(1, np.int64), np.einsum("ij,ij->i", dense, dense)
    source = np.arange(n_rows) if arrangement is None else arrangement
    data, indices, indptr, _ = _raw_rows(dataset)
    starts = np.zeros(n_rows + 1, np.int64)
    np.cumsum(np.diff(indptr)[source] + intercept, out=starts[1:])
    # Kernels would check a signed index for a wrap-around at every entry.
    values, columns = np.empty(starts[-1]), np.empty(starts[-1], np.uint32)
    squares = np.empty(n_rows)
    _sparse_rows(
        data,
        indices,
        indptr,
        source,
        coordinates.factor / coordinates.spread,
        intercept,
        values,
        columns,
        starts,
        squares,
    )
    return values, columns, starts, squares


@njit
def _sparse_rows(data, indices, indptr, source, factor, intercept, values, columns, starts, squares):
    for row in range(source.size):
        lo, hi = indptr[source[row]], indptr[source[row] + 1]
        out = starts[row]
        total = 0.0
        for position in range(lo, hi):
            k = indices[position]
            value = data[position] * factor[k]
            values[out] = value
            columns[out] = k
            total += value * value
            out += 1
        if intercept:
            values[out] = 1.0
            columns[out] = factor.size
            total += 1.0
        squares[row] = total
