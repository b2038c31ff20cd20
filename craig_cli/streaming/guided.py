"""Selecting at a rough model what is read in pieces: the joint space before rows are routed, and weights at the end.

What in memory guided/policy.py and selection/weights/weigh.py do, from sums over the pieces and the picks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import scipy.sparse as sp

from craig_cli.artifacts.coreset import Coreset
from craig_cli.dataset import column_in_words, label_in_words, stacked
from craig_cli.evaluation.gradient_error import norm_of
from craig_cli.guided.influence import lift_of
from craig_cli.guided.policy import tell_why, too_far
from craig_cli.guided.provenance import facts_of
from craig_cli.guided.rough_model import LEAST, sample_size, sharp, trained
from craig_cli.registry import LOSSES, RECIPES, load
from craig_cli.scaling import LABELS, Scaling
from craig_cli.selection.algorithms.strata import whole_mass
from craig_cli.selection.at_model import Shrunk, measured, shrunk, units_of
from craig_cli.selection.bounds import gradient_bounds
from craig_cli.selection.distances.inverted_index import sketch
from craig_cli.selection.merge import Part, moved_bounds
from craig_cli.selection.plan import Plan
from craig_cli.selection.quotas import shares_of
from craig_cli.selection.weights.targets import calibrated
from craig_cli.selection.weights.weigh import are_trusted
from craig_cli.streaming.frame import Frame, sample_of, space_of
from craig_cli.streaming.leaves import Job
from craig_cli.streaming.rough import Features, InPieces, Labelled, Pass, Rough, joined, placed
from craig_cli.streaming.route import pulls_of
from craig_cli.streaming.scratch import Scratch
from craig_cli.streaming.survey import Survey
from craig_cli.streaming.tree import grow
from craig_cli.streaming.view import Matrix
from craig_cli.training.design import Design, blank_design
from craig_cli.training.labels import check_classes, loss_of_classes
from craig_cli.training.newton import SHARPNESS, newton

# Weights of each group's picks, or None for those that they came with; and what the metadata says of them.
Weighed = tuple[list[np.ndarray] | None, dict]
SAMPLE = 1 << 25  # bytes of the rows that a rough model is trained on; LEAST in any case
FEWEST = 500  # of those rows, though they be more than half of all
COPIES = 6  # of them


def sample_rows(n_rows: int, numbers: int, width: int, picks: int) -> int:
    """Of ``width`` features, which take so many ``numbers``, to train a rough model on for so many picks.

    In any memory the same.
    """
    wanted = min(sample_size(width + 1, picks), n_rows // 2)
    return min(_most(numbers), max(min(FEWEST, n_rows), wanted))


def _most(numbers: int) -> int:
    return max(LEAST, SAMPLE // (8 * (numbers + 1)))


def sample_bytes(rows: int, numbers: int) -> float:
    """What training on them takes."""
    return 8.0 * rows * (numbers + 1) * COPIES


def everyone_of(frame: Frame, survey: Survey, plan: Plan, by_pass: Pass) -> InPieces:
    """All rows, with those of the sample to train on. Raises DataError for labels that the loss does not take."""
    loss = frame.loss or loss_of_classes(len(frame.values))
    classes: tuple[float, ...] = ()
    if not load(LOSSES, loss).is_regression:
        values = range(len(frame.values)) if frame.named else frame.values
        classes = tuple(float(value) for value in values if value is not None)
        text_of = lambda value: label_in_words(frame.label_value(value))  # noqa: E731
        check_classes(load(LOSSES, loss), np.array(classes), frame.name, text_of)
    named = partial(column_in_words, name=frame.name, encoding=frame.encoding)
    scalings = survey.features.scaling("standard", named), survey.features.scaling(plan.scale, named)
    design = blank_design(*scalings, loss, plan.l2, classes)
    if survey.features.sparse:
        design = replace(design, rows=sp.csr_matrix(design.rows))
    return InPieces(design, by_pass, frame.n_rows, plan.seed, _drawn(frame, survey), _features(survey, plan, design))


def _features(survey: Survey, plan: Plan, design: Design) -> Features:
    standard = survey.features.scaling("standard")
    chosen = units_of(plan.scale, standard, survey.features.scaling(plan.scale))
    target = None if design.classes else survey.labels.scaling("standard", LABELS)
    if survey.features.sparse:
        mean = sketch(chosen.apply(sp.csr_matrix(survey.features.mean[None])))[0]
        return Features(Shrunk(Scaling("joint", mean, np.ones(len(mean)))), target, chosen)
    return Features(shrunk(standard, chosen, survey.features.low, survey.features.high), target, None)


def _drawn(frame: Frame, survey: Survey) -> Labelled:
    """The sample, and of a class that has no row there its first; the rows of a class count what all of it counts.

    Of wide rows, whose lists were not known to be long before they were read, only some.
    """
    rows = sum(len(part[1]) for part in survey.parts)
    numbers = 3 * sum(part[0].nnz for part in survey.parts) // (2 * rows) if survey.features.sparse else frame.width
    some = slice(None, None, -(-rows // _most(numbers)))
    features, labels, codes = (each[some] for each in sample_of(survey, frame.values))
    counts = np.concatenate([part[3] for part in survey.parts])[some]
    for place in np.flatnonzero(np.bincount(codes, minlength=len(frame.values)) == 0):
        features = stacked([features, survey.firsts[frame.values[place]][0]])
        labels, codes, counts = np.append(labels, float(place)), np.append(codes, place), np.append(counts, 1.0)
    share = frame.masses / np.bincount(codes, weights=counts, minlength=len(frame.values))
    return Labelled(0, features, labels, counts * share[codes])


def at_rough_model(
    rows: InPieces,
    frame: Frame,
    survey: Survey,
    plan: Plan,
    picks: int,
    leaf_rows: Callable[[int], int],
    note: Callable[[str], None] | None,
) -> Frame:
    """The frame with the joint space to search in; as it was, and a note, where no model is any good.

    leaf_rows  (width) -> rows of a leaf
    """
    recipe, design, drawn = RECIPES[plan.purpose], rows.design, rows.drawn
    assert drawn is not None
    try:
        if len(drawn.labels) == rows.n_rows:  # to the optimum, as in memory
            start = np.zeros((design.n_outputs, design.width))
            coef = newton(placed(design, drawn), start, sharp(design, rows.n_rows, picks)).coef
            state, rounds = rows.state(coef), 1
        else:
            state, rounds = trained(rows, len(drawn.labels), picks, plan.rounds)
        why = too_far(design, picks, state.left, state.objective)
    except np.linalg.LinAlgError as error:
        why = str(error)
    if why:
        tell_why(note, why)
        return frame
    assert state.curvature is not None and recipe.features is not None and rows.features is not None
    lift = lift_of(design, state.curvature, plan.seed)
    sample = placed(design, drawn)
    influence = lift.vectors(sample.rows, sample.slopes(sample.margins(state.coef)))
    beside = rows.features.columns, rows.features.target, state.size
    joint = measured(*beside, influence, drawn.counts, recipe.features, recipe.power)
    rough = Rough(design, state, lift, joint, rounds, rows.features.sketched)
    coordinates = rough.rows(drawn.features, drawn.labels)
    space = space_of(rough, survey, frame.values, coordinates)
    codes = drawn.labels.astype(np.int64) if design.classes else np.zeros(len(drawn.labels), dtype=np.int64)
    leaves = [-(-int(size) // leaf_rows(coordinates.shape[1])) for size in frame.sizes]
    return replace(frame, search=space, tree=grow(coordinates, codes, leaves))


def shares(frame: Frame, plan: Plan, folder: Scratch) -> np.ndarray:
    """(k,) in proportion to which groups get picks: as their rows count, or at a model by their influence as well."""
    if not isinstance(frame.search.view, Rough):
        return frame.masses
    norms, weighted, *_ = pulls_of(folder).T
    sums = zip(weighted.tolist(), (norms / frame.sizes).tolist(), frame.masses.tolist())
    return shares_of(frame.masses, np.array([whole_mass(*each) for each in sums]), RECIPES[plan.purpose].quotas)


def norms_of(frame: Frame, folder: Scratch) -> np.ndarray:
    """(k,) mean norms of the rows of each group where they are searched at a model; without one zeros."""
    if not isinstance(frame.search.view, Rough):
        return np.zeros(len(frame.sizes))
    return pulls_of(folder)[:, 3] / frame.sizes


@dataclass(frozen=True)
class Chosen:
    """What stands for the rows of a group, in greedy order.

    rows (r,) int64 of the data, their features (r, d) and labels (r,) as views take them; counts (r,) of their clusters
    losses   (r,) bound of each prefix with counts, the last one with these; gains (r,)
    largest  c_i of a row of the group
    own      (r,) weights of an algorithm that has its own, else None
    """

    rows: np.ndarray
    features: Matrix
    labels: np.ndarray
    counts: np.ndarray
    losses: np.ndarray
    gains: np.ndarray
    largest: float
    own: np.ndarray | None = None

    @property
    def weights(self) -> np.ndarray:
        """Before any are moved."""
        return self.counts if self.own is None else self.own


def weighed(rows: InPieces, rough: Rough, frame: Frame, plan: Plan, sizes: list[list[Chosen]]) -> list[Weighed]:
    """The weights of each size.

    Models are trained with weights that are in doubt and with those before; one pass says which cost all rows less.
    """
    if plan.weights == "count":
        return [(None, {"weights": "count"}) for _ in sizes]
    weights = plan.weights or "fitted"
    found: list[Weighed] = []
    doubtful, coefs = [], []
    for chosen in sizes:
        labels = np.concatenate([each.labels for each in chosen])
        features = stacked([each.features for each in chosen]).astype(np.float64)
        picks = placed(rough.design, Labelled(0, features, labels, np.ones(len(labels))))
        slopes = picks.slopes(picks.margins(rough.state.coef))
        before = [each.weights for each in chosen]
        moved, facts = calibrated(before, frame.masses, rough.whole(picks, slopes), rough.totals, None, "the model")
        if not are_trusted(weights, facts):
            doubtful.append(len(found))
            coefs += [_trained(rough, replace(picks, counts=np.concatenate(each))) for each in (moved, before)]
        found.append((moved, {"weights": weights, "calibration": facts}))
    costs = rows.objectives(coefs) if coefs else []
    for place, ours, theirs in zip(doubtful, costs[::2], costs[1::2]):
        if ours > theirs:
            found[place] = None, {"weights": "count"}
    return found


def cost_of(rows: InPieces, rough: Rough, coreset: Coreset) -> float:
    """The objective of all rows at the model that is optimal on a coreset of them; two passes."""
    order = np.argsort(coreset.index)
    index = coreset.index[order]

    def chosen(part: Labelled) -> Labelled:
        begin, end = np.searchsorted(index, [part.first, part.first + len(part.labels)])
        kept = index[begin:end] - part.first
        return Labelled(part.first, part.features[kept], part.labels[kept], coreset.weight[order[begin:end]])

    return rows.objectives([_trained(rough, placed(rough.design, joined(list(rows.by_pass(chosen)))))])[0]


def _trained(rough: Rough, picks: Design) -> np.ndarray:
    """The coefficients of the model that is optimal on the ``picks``."""
    return newton(picks, rough.state.coef, SHARPNESS * rough.state.objective).coef


def provenance(
    rough: Rough, frame: Frame, plan: Plan, chosen: list[Chosen], weights: list[np.ndarray], squares: float
) -> dict:
    """What the metadata says of the model, as ``guided.provenance.facts_at``.

    squares  the sum of the squared norms of the influence vectors of all rows
    """
    state, design = rough.state, rough.design
    labels, features = (stacked([getattr(each, key) for each in chosen]) for key in ("labels", "features"))
    picks = placed(design, Labelled(0, features.astype(np.float64), labels, np.concatenate(weights)))
    slopes = picks.slopes(picks.margins(state.coef))
    full = state.mean * state.total
    difference = full - picks.mean(slopes) * picks.counts.sum()
    whole = rough.whole(picks, slopes)
    left = rough.totals - whole.T @ picks.counts
    model = rough.model(plan.l2)
    scaling = frame.view.scaling
    error = {
        "error": float(np.linalg.norm(_in_units(design, scaling, difference))),
        "full_norm": float(np.linalg.norm(_in_units(design, scaling, full))),
        "influence": float(np.linalg.norm(left)),
        "norm": norm_of(*scaling.from_raw(model.coef, model.intercept)),
    }
    distance = {"curvature": rough.curvature.kind, "vectors": rough.lift.kind, "width": rough.lift.width}
    dimension = squares / state.total / max(state.dispersion, 1e-300)
    facts = {"model": None, "pilot": rough.rounds, "features": RECIPES[plan.purpose].features, "decrement": state.left}
    return facts | facts_of(model, distance, dimension, error)


def _in_units(design: Design, scaling: Scaling, gradient: np.ndarray) -> np.ndarray:
    """A sum of gradients (k, w) in the columns of the design, in those that ``scaling`` makes of the features."""
    raw = gradient[:, :-1] / design.scaling.factor + design.scaling.shift * gradient[:, -1:]
    if scaling.factor is not None:
        raw = (raw - scaling.shift * gradient[:, -1:]) * scaling.factor
    return np.column_stack([raw, gradient[:, -1:]])


def part_of(frame: Frame, job: Job, group: int, chosen: Chosen, weights: np.ndarray | None) -> Part:
    """What was selected from a group, with these weights or those that it came with."""
    weights = chosen.own if weights is None else weights
    if weights is None:
        return Part(chosen.rows, chosen.counts, chosen.losses)
    steepest = None
    if job.bound is not None:
        rows = frame.features.view.rows(chosen.features, chosen.labels)[:, : frame.width]
        steepest = gradient_bounds(rows, chosen.labels, job.bound.loss, job.bound.radius)
    excess = chosen.counts - weights
    farthest, mass = job.features.rulers[group].diameter * chosen.largest, float(frame.masses[group])
    bounds = moved_bounds(chosen.losses, excess, mass, farthest, steepest, job.grid, ranked=chosen.own is None)
    return Part(chosen.rows, weights, bounds)
