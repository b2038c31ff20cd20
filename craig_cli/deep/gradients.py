"""A coreset from gradients at the current model that a trainer wrote down, such as p - y of a network's last layer.

No model is fitted to them, they are what selection goes by: strata of equal influence, one row from each with weight
1 / p. The gradients are known, so that epsilon is a bound at this model:

    || sum_i g_i - sum_j gamma_j g_j ||  <=  sum_i || g_i - g_pick(i) ||  +  || sum_j (n_j - gamma_j) g_j ||

(equation 5, and the weights that are not the numbers n_j of rows in the strata). Wide gradients stay in float16 or
float32; where something else than strata is asked for, the rows are selected from as features are, in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from craig_cli import jit
from craig_cli.artifacts.coreset import Coreset
from craig_cli.dataset import Dataset, class_values
from craig_cli.deep.draw import Draw, chunks, draw_strata, influence_masses, narrowed, norms, widened
from craig_cli.errors import DataError, UsageError
from craig_cli.selection.bounds import GRADIENT_NORM, exact_grid
from craig_cli.selection.classes import class_parts
from craig_cli.selection.finished import coreset_of
from craig_cli.selection.merge import Part, Selection, merge
from craig_cli.selection.plan import Plan
from craig_cli.selection.quotas import merge_orders


def select_gradients(gradients, labels=None, *, multiplicity=None, **asked) -> Coreset:
    """Select a coreset by the gradients of the rows at the current model.

    gradients     (n, q) floats of any precision, which is kept
    labels        (n,) classes to select within, None for none
    multiplicity  (n,) positive numbers, how many rows each row stands for
    asked         what a ``Plan`` takes: fraction, size or epsilon, seed, threads, ...

    Raises UsageError for arguments that make no sense and DataError for gradients that are not finite.
    """
    matrix = np.ascontiguousarray(gradients)
    matrix = matrix if matrix.dtype.kind == "f" else matrix.astype(np.float64)
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise UsageError(f"gradients: expected a matrix (n, q), found shape {matrix.shape}")
    vectors = {"labels": labels, "multiplicity": multiplicity}
    for name, vector in vectors.items():
        if vector is None:
            continue
        vectors[name] = np.asarray(vector, dtype=np.float64)
        if vectors[name].shape != (len(matrix),):
            raise UsageError(f"{name}: expected {len(matrix)} numbers, found shape {vectors[name].shape}")
    labels = np.zeros(len(matrix)) if labels is None else vectors["labels"]
    return select_at_gradients(Dataset(matrix, labels, vectors["multiplicity"]), Plan(**asked))


def select_at_gradients(
    dataset: Dataset,
    plan: Plan,
    *,
    progress: Callable[[float, float], None] | None = None,
    note: Callable[[str], None] | None = None,
) -> Coreset:
    """The same of a Dataset whose features are the gradients; all labels alike are no classes."""
    for name, plain in (("metric", "euclidean"), ("scale", "none"), ("loss", None), ("radius", None)):
        if getattr(plan, name) != plain:
            raise UsageError(f"{name}: gradients are compared as they are, found {getattr(plan, name)}")
    if plan.sizes is not None:
        raise UsageError("sizes: rows are selected by gradients for one size at a time; give size or fraction")
    if plan.weights == "fitted":
        raise UsageError("weights: no model is fitted to gradients; expected count or calibrated, found fitted")
    plan = replace(plan, per_class=plan.per_class and bool((dataset.labels != dataset.labels[0]).any()))
    by_strata = plan.epsilon is None and plan.algorithm in ("auto", "strata")
    if by_strata and plan.weights != "calibrated":
        return _strata(dataset, plan)
    from craig_cli.selection.at_model import AtModel
    from craig_cli.selection.select import select_dataset  # loads much that strata do without

    _check_finite(dataset, norms(dataset.features))
    dataset = replace(dataset, features=dataset.features.astype(np.float64, copy=False))
    if by_strata:
        plan = replace(plan, algorithm="strata")
        coreset = select_dataset(dataset, plan, at=AtModel(dataset.features), progress=progress, note=note)
    else:
        greedy = plan.method.greedy and plan.exemplar is None
        plan = replace(plan, weights=plan.weights or "count", exemplar="medoid" if greedy else plan.exemplar)
        coreset = select_dataset(dataset, plan, progress=progress, note=note)
    return replace(coreset, metadata=coreset.metadata | {"units": GRADIENT_NORM, "gradients": True})


def _check_finite(dataset: Dataset, lengths: np.ndarray) -> None:
    finite = np.isfinite(lengths)
    if not finite.all():
        raise DataError(
            f"{dataset.name}: row {int(np.argmin(finite))} (from 0): expected finite gradients, found others"
        )


def _strata(dataset: Dataset, plan: Plan) -> Coreset:
    budget = plan.budget(dataset)
    jit.set_threads(plan.threads)
    lengths = norms(dataset.features)
    _check_finite(dataset, lengths)
    parts = class_parts(dataset, None, None, plan.per_class)
    codes = class_values(dataset.labels)[1] if plan.per_class else np.zeros(dataset.n_rows, dtype=np.int64)
    counts = dataset.counts
    generator = np.random.default_rng(plan.seed)
    vectors = narrowed(dataset.features, plan.seed)
    drawn = draw_strata(vectors, influence_masses(lengths) * counts, codes, budget, generator, dataset.multiplicity)
    bounds = _bounds(dataset.features, counts, lengths, codes, drawn)
    selection = _merged(drawn, bounds, np.bincount(codes, weights=counts))
    classes = [(label, len(rows)) for label, rows in parts]
    return coreset_of(dataset, classes, selection, _settings(plan), 1.0)


@dataclass(frozen=True)
class _Bounds:
    """ends (k,) of each class's picks; before (k,) of any weights of that sum; grid: what both are multiples of."""

    ends: np.ndarray
    before: np.ndarray
    grid: float


def _bounds(features, counts: np.ndarray, lengths: np.ndarray, codes: np.ndarray, drawn: Draw) -> _Bounds:
    picks = features[drawn.rows]
    apart = np.empty(len(codes))
    for rows, part in chunks(features):
        difference = part - widened(picks[drawn.stratum[rows]])
        apart[rows] = np.einsum("ij,ij->i", difference, difference)
    ends: np.ndarray = np.bincount(codes, weights=np.sqrt(apart) * counts)
    excess = np.bincount(drawn.stratum, weights=counts) - drawn.weights
    begin = 0
    for stratum, size in enumerate(drawn.sizes):
        picked = slice(begin, begin + size)
        ends[stratum] += np.linalg.norm(excess[picked] @ picks[picked].astype(np.float64))
        begin += size
    longest = np.zeros(len(ends))
    np.maximum.at(longest, codes, lengths)
    before = np.bincount(codes, weights=lengths * counts) + longest * np.bincount(codes, weights=counts)
    grid = exact_grid(float(before.sum() + ends.sum()))
    # A little more than float32 can have rounded away.
    slack = 1.0 + (1e-12 if features.dtype == np.float64 else 1e-5)
    ends, before = (np.ceil(values * slack / grid) * grid for values in (ends, before))
    return _Bounds(ends, np.maximum(before, ends), grid)


def _merged(drawn: Draw, bounds: _Bounds, masses: np.ndarray) -> Selection:
    """All classes' picks in one order, in which any prefix has its share of each class."""
    stops = np.cumsum(drawn.sizes)
    parts, gains = [], []
    for stop, size, end, before in zip(stops, drawn.sizes, bounds.ends, bounds.before):
        picked = slice(stop - size, stop)
        bound = np.full(size, before)
        bound[-1] = end
        parts.append(Part(drawn.rows[picked], drawn.weights[picked], bound))
        gains.append(np.append(np.inf, 1.0 - np.arange(1, size) / size))
    return merge(parts, *merge_orders([part.rows for part in parts], gains, masses))


def _settings(plan: Plan) -> dict:
    """How it was selected, for the metadata."""
    return {
        "metric": plan.metric,
        "scale": plan.scale,
        "loss": None,
        "radius": None,
        "units": GRADIENT_NORM,
        "algorithm": "strata",
        "exemplar": None,
        "block_size": None,
        "swaps": 0,
        "weights": "count",
        "seed": plan.seed,
        "gradients": True,
    }
