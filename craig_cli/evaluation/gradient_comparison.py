"""Figure 2 of the paper: the gradient error of a coreset beside that of random subsets of its size, and epsilon.

    || sum_i m_i grad f_i(w) - sum_{j in S} gamma_j grad f_j(w) ||  /  max_w || sum_i m_i grad f_i(w) ||

at points w along a training path on all rows, and at points drawn uniformly from the ball ||(w, b)|| <= radius, all in
the space the coreset was selected in (gradient_error.py). Random subsets are stratified, with weights n_c / r_c.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from craig_cli.artifacts.coreset import Coreset
from craig_cli.artifacts.model import Model
from craig_cli.dataset import Dataset, class_values
from craig_cli.errors import DataError
from craig_cli.evaluation.gradient_error import GradientProbe, gradient, norm_of, random_points
from craig_cli.evaluation.pointwise import encode_targets, slopes
from craig_cli.selection.quotas import class_quotas
from craig_cli.training.fit import fit

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Errors:
    """Gradient errors at p points.

    norm, full_norm  (p,) ||(w, b)|| of the points, and the norm of the full gradient there
    error            (p,) of the coreset
    random           (s, p) of the random subsets
    bounded          (p,) bool: the coreset's epsilon speaks of the point, and was checked there
    """

    norm: np.ndarray
    full_norm: np.ndarray
    error: np.ndarray
    random: np.ndarray
    bounded: np.ndarray


@dataclass(frozen=True)
class Comparison:
    """The errors of one coreset along the ``path`` and in the ``ball`` of this ``radius``, as they are.

    epsilon is the coreset's bound, in gradient norm, or None where it has no such.
    """

    path: Errors
    ball: Errors
    radius: float
    epsilon: float | None

    @property
    def largest_full_norm(self) -> float:
        """What the figure divides by."""
        return float(max(self.path.full_norm.max(), self.ball.full_norm.max(initial=0.0)))


def training_path(dataset: Dataset, loss: str, epochs: int, seed: int = 0, threads: int | None = None) -> list[Model]:
    """The zero model and that after each of ``epochs`` epochs of training on all rows with the defaults of train."""
    points: list[tuple[np.ndarray, np.ndarray]] = []

    def follow(coef: np.ndarray, intercept: np.ndarray) -> None:
        points.append((coef.copy(), intercept.copy()))

    last = fit(dataset, loss=loss, epochs=epochs, seed=seed, threads=threads, follow=follow).model
    single = last.coef.ndim == 1
    return [
        Model(last.loss, last.classes, coef[0] if single else coef, float(constant[0]) if single else constant, last.l2)
        for coef, constant in points
    ]


def compare(
    coreset: Coreset,
    dataset: Dataset,
    path: Sequence[Model],
    *,
    points: int,
    radius: float | None = None,
    subsets: int = 5,
    seed: int = 0,
    progress: Progress | None = None,
) -> Comparison:
    """Measure ``coreset`` of ``dataset`` along ``path`` and at ``points`` random points.

    radius  of the ball; None is the coreset's own, or else the largest norm on the path

    Raises DataError as GradientProbe does, and where the coreset's bound is broken at any of the points.
    """
    probe = GradientProbe(coreset, dataset)
    model = path[0]
    placed = [probe.scaling.from_raw(each.coef, each.intercept) for each in path]
    if radius is None:
        radius = probe.radius if probe.radius is not None else max(norm_of(*parameters) for parameters in placed)
    shape = (*model.coef.shape[:-1], model.coef.shape[-1] + 1)
    drawn = random_points(np.random.default_rng(seed), points, shape, radius)
    everywhere = [(f"epoch {epoch} of the path", *parameters) for epoch, parameters in enumerate(placed)]
    everywhere += [(f"random point {number}", point[..., :-1], point[..., -1]) for number, point in enumerate(drawn)]
    targets = encode_targets(model, dataset, "the model")
    chosen = [(coreset.index, coreset.weight)]
    chosen += [
        random_subset(dataset, bool(model.classes), len(coreset), np.random.default_rng([seed, number]))
        for number in range(subsets)
    ]
    rows = []
    for number, (name, coef, intercept) in enumerate(everywhere):
        slope = slopes(model, np.asarray(probe.features @ coef.T) + intercept, targets)
        full = gradient(probe.features, slope, probe.full_weight)
        errors = [
            float(np.linalg.norm(full - gradient(probe.features[index], slope[index], weight)))
            for index, weight in chosen
        ]
        norm, full_norm = norm_of(coef, intercept), float(np.linalg.norm(full))
        bounded = probe.check_bound(errors[0], full_norm, norm, model.loss, name) is not None
        rows.append((norm, full_norm, bounded, *errors))
        if progress is not None:
            progress(number + 1, len(everywhere))
    table = np.array(rows, dtype=np.float64).T
    ends = (slice(None, len(path)), slice(len(path), None))
    along, inside = (
        Errors(table[0, part], table[1, part], table[3, part], table[4:, part], table[2, part] > 0) for part in ends
    )
    return Comparison(along, inside, float(radius), probe.bound if model.loss == probe.loss else None)


def random_subset(
    dataset: Dataset, per_class: bool, size: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """(index, weight): ``size`` uniform rows, of each class its share; each class's weights sum to what it counts.

    Rows that count several times weigh as often as their like. Raises DataError for a size below one a class.
    """
    counts = dataset.counts
    classes, codes = class_values(dataset.labels) if per_class else (np.zeros(1), np.zeros(dataset.n_rows, np.int64))
    if size < len(classes):
        raise DataError(f"{dataset.name}: expected a coreset of at least one element a class, found {size}")
    members = [np.flatnonzero(codes == code) for code in range(len(classes))]
    masses = np.array([counts[rows].sum() for rows in members])
    quotas = class_quotas(masses, size, np.array([len(rows) for rows in members]))
    index, weight = [], []
    for rows, quota, mass in zip(members, quotas, masses):
        picked = generator.choice(rows, int(quota), replace=False)
        index.append(picked)
        weight.append(counts[picked] * (mass / counts[picked].sum()))
    return np.concatenate(index), np.concatenate(weight)
