"""The rough model of rows that are read in pieces, and the joint space of what they do to it and of their features.

As in memory (guided/rough_model.py, guided/influence.py, selection/at_model.py). All that those want of all rows are
sums: a pass over the pieces gives loss, gradient and curvature at a model, and how long the features are, piece after
piece in their order. The mean norm of the influence, which no outlier moves far, is that of the sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

from craig_cli.artifacts.model import Model
from craig_cli.dataset import is_csr, stacked
from craig_cli.guided.influence import Gradients, Lift, decrement, lift_of, whitened
from craig_cli.guided.rough_model import State
from craig_cli.registry import LOSSES, METRICS, load
from craig_cli.scaling import Scaling
from craig_cli.selection.algorithms.strata import LEVERAGE, masses
from craig_cli.selection.at_model import Joint, Shrunk, norms
from craig_cli.selection.distances.inverted_index import sketch
from craig_cli.selection.distances.metrics import Metric
from craig_cli.streaming.scratch import Scratch
from craig_cli.streaming.survey import chance
from craig_cli.streaming.view import Matrix
from craig_cli.training.design import CHUNK, Curvature, Design, factored, moments, stride_of
from craig_cli.training.labels import targets_of

FILE = "rough"


@dataclass(frozen=True)
class Labelled:
    """Rows that follow each other: the number of the first, features (m, d), what they count (m,) float64.

    labels (m,) float64, of a regression its numbers, else the class of each row, by position
    """

    first: int
    features: Matrix
    labels: np.ndarray
    counts: np.ndarray


Pass = Callable[[Callable[[Labelled], Any]], Iterator[Any]]  # of each piece, in their order


def placed(design: Design, part: Labelled) -> Design:
    """The ``design`` of these rows."""
    labels = targets_of(part.labels, load(LOSSES, design.loss).labels == "many") if design.classes else part.labels
    return design.of(part.features, labels, part.counts)


@dataclass(frozen=True)
class Features:
    """Those of rows in a joint space, with their targets, before they get their share of it; as ``Joint`` has them.

    sketched  the scaling of sparse features of which the space has a sketch, else None
    """

    columns: Shrunk
    target: Scaling | None
    sketched: Scaling | None

    def of(self, features: Matrix) -> np.ndarray:
        """(m, d) or their sketch, not yet scaled."""
        return features if self.sketched is None else sketch(self.sketched.apply(features))

    def norms(self, part: Labelled) -> np.ndarray:
        return norms(self.columns, self.target, self.of(part.features.astype(np.float64)), part.labels)


@dataclass(frozen=True)
class InPieces:
    """All ``n_rows`` rows, as ``guided.rough_model.trained`` wants them.

    design    without rows; by_pass: makes a pass over the data; drawn: random rows with weights, to train on
    features  of rows in the joint space, if that is wanted
    """

    design: Design
    by_pass: Pass
    n_rows: int
    seed: int
    drawn: Labelled | None = None
    features: Features | None = None

    def sample(self, size: int) -> Design:
        assert self.drawn is not None
        return placed(self.design, self.drawn)

    def state(self, coef: np.ndarray, sample: Design | None = None) -> State:
        """With the curvature of all rows, or of every second one, or third, ... where that is much work."""
        sums, most = None, 0.0
        for each, largest in self.by_pass(lambda part: (self._sums(coef, part), part.counts.max())):
            sums = each if sums is None else [total + more for total, more in zip(sums, each)]
            most = max(most, float(largest))
        assert sums is not None
        count, loss, gradient, squares, bent, seen, hessians, sizes = sums
        mean = gradient / count
        objective = float(loss / count + 0.5 * (self.design.penalty * coef * coef).sum())
        curvature = factored(hessians / seen, self.design.penalty)
        left = decrement(curvature, mean + self.design.penalty * coef)
        regression = load(LOSSES, self.design.loss).is_regression
        dispersion = float(squares / max(bent, most)) if regression else 1.0
        return State(coef, mean, objective, left, dispersion, float(count), curvature, float(sizes / count))

    def objectives(self, coefs: list[np.ndarray]) -> list[float]:
        """Of all rows at each of these models; one pass."""
        sums: list[float] = [0.0] * (1 + len(coefs))

        def losses(part: Labelled) -> list[float]:
            rows = placed(self.design, part)
            return [rows.counts.sum(), *(rows.counts @ rows.values(rows.margins(coef)) for coef in coefs)]

        for each in self.by_pass(losses):
            sums = [total + more for total, more in zip(sums, each)]
        penalties = [0.5 * (self.design.penalty * coef * coef).sum() for coef in coefs]
        return [float(loss / sums[0] + penalty) for loss, penalty in zip(sums[1:], penalties)]

    def _sums(self, coef: np.ndarray, part: Labelled) -> list:
        rows = placed(self.design, part)
        margins = rows.margins(coef)
        slopes = rows.slopes(margins)
        second = rows.second_derivatives(slopes)
        count = rows.counts.sum()
        stride = slice(None, None, stride_of(rows, self.n_rows))
        weights = second[stride] * rows.counts[stride, None]
        return [
            count,
            rows.counts @ rows.values(margins),
            rows.mean(slopes) * count,
            rows.counts @ slopes[:, 0] ** 2,
            rows.counts @ second[:, 0],
            rows.counts[stride].sum(),
            moments(rows.rows[stride], weights),
            0.0 if self.features is None else rows.counts @ self.features.norms(part),
        ]

    def strata(self, state: State, size: int) -> Design:
        """Each row with a chance by its influence at the model, about ``size`` of them; one pass."""
        assert state.curvature is not None and self.drawn is not None
        lift = lift_of(self.design, state.curvature, self.seed)

        def vectors(part: Labelled) -> tuple[Design, np.ndarray]:
            rows = placed(self.design, part)
            return rows, lift.vectors(rows.rows, rows.slopes(rows.margins(state.coef)))

        sample, images = vectors(self.drawn)
        norms = np.sqrt(np.einsum("ij,ij->i", images, images))
        mean = float(sample.counts @ norms / sample.counts.sum())
        rate = size / masses(images, sample.counts, LEVERAGE, mean).sum()

        def draw(part: Labelled) -> Labelled:
            _, images = vectors(part)
            odds = np.minimum(1.0, rate * masses(images, part.counts, LEVERAGE, mean))
            numbers = np.arange(part.first, part.first + len(odds))
            kept = np.flatnonzero(chance(numbers, self.seed, "strata") < odds)
            return Labelled(0, part.features[kept], part.labels[kept], part.counts[kept] / odds[kept])

        return placed(self.design, joined(list(self.by_pass(draw))))


def joined(parts: list[Labelled]) -> Labelled:
    columns = ([getattr(each, key) for each in parts] for key in ("features", "labels", "counts"))
    return Labelled(0, *map(stacked, columns))


@dataclass(frozen=True)
class Rough:
    """The model of a ``state`` in a ``design`` without rows, trained in ``rounds``, and the joint space there.

    A view of rows, as ``view.View``. Of sparse rows the space has a sketch of features that are ``sketched`` so scaled.
    """

    design: Design
    state: State
    lift: Lift
    joint: Joint
    rounds: int
    sketched: Scaling | None = None

    @property
    def metric(self) -> Metric:
        return load(METRICS, "euclidean")

    @property
    def curvature(self) -> Curvature:
        assert self.state.curvature is not None
        return self.state.curvature

    @property
    def totals(self) -> np.ndarray:
        """(q',) the sum of the whole influence vectors of all rows."""
        return whitened(self.curvature, self.state.mean) * self.state.total

    def rows(self, features: Matrix, labels: np.ndarray) -> np.ndarray:
        """(m, d') float64 of features (m, d) and labels (m,), as ``Labelled`` has them."""
        return self.seen(features, labels)[0]

    def seen(self, features: Matrix, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(the same, (m,) squares of the norms of the influence vectors)"""
        assert self.joint.columns.scaling.factor is not None
        beside = len(self.joint.columns.scaling.factor) + (self.joint.target is not None)
        space, squares = np.empty((len(labels), self.lift.width + beside)), np.empty(len(labels))
        for start in range(0, len(labels), CHUNK):
            part = slice(start, start + CHUNK)
            raw = features[part].astype(np.float64)
            rows = placed(self.design, Labelled(0, raw, labels[part], np.ones(raw.shape[0])))
            influence = self.lift.vectors(rows.rows, rows.slopes(rows.margins(self.state.coef)))
            squares[part] = np.einsum("ij,ij->i", influence, influence)
            shown = raw if self.sketched is None else sketch(self.sketched.apply(raw))
            self.joint.fill(influence, shown, labels[part], space[part])
        return space, squares

    def whole(self, picks: Design, slopes: np.ndarray):
        """What weights of the ``picks`` are calibrated by: their whole influence vectors, an array or an operator."""
        if self.lift.whole:
            return self.lift.vectors(picks.rows, slopes)
        return Gradients(picks.rows, slopes, self.curvature, self.totals).of(np.arange(len(slopes)))

    def model(self, l2: float) -> Model:
        return self.design.model(self.state.coef, l2)

    def save(self, scratch: Scratch) -> None:
        arrays = {"coef": self.state.coef, "mean": self.state.mean, "penalty": self.design.penalty}
        arrays |= {f"factor {place}": each for place, each in enumerate(self.curvature.factors)}
        arrays |= {f"lift {place}": each for place, each in enumerate(self.lift.outputs)}
        scalings = {"design": self.design.scaling, "joint": self.joint.columns.scaling, "target": self.joint.target}
        scalings["sketched"] = self.sketched
        for name, scaling in scalings.items():
            if scaling is not None and scaling.shift is not None and scaling.factor is not None:
                arrays |= {f"{name} shift": scaling.shift, f"{name} factor": scaling.factor}
        if self.joint.columns.reach is not None:
            arrays["joint reach"] = self.joint.columns.reach
        numbers = ("objective", "left", "dispersion", "total", "size")
        scratch.save(
            FILE,
            arrays,
            state={name: getattr(self.state, name) for name in numbers},
            loss=self.design.loss,
            classes=list(self.design.classes),
            scale=self.design.scale,
            whole=self.lift.whole,
            unit=self.joint.unit,
            power=self.joint.power,
            rounds=self.rounds,
            sparse=is_csr(self.design.rows),
        )


def load_rough(scratch: Scratch) -> Rough:
    """What was saved."""
    arrays, facts = scratch.load(FILE)

    def parts(name: str) -> list[np.ndarray]:
        return [arrays[f"{name} {place}"] for place in range(len(arrays["coef"]))]

    def scaling(name: str) -> Scaling:
        return Scaling(name, arrays.get(f"{name} shift"), arrays.get(f"{name} factor"))

    none, sparse = np.empty(0), facts["sparse"]
    shape = 0, arrays["coef"].shape[1]
    blank = sp.csr_matrix(shape) if sparse else np.empty(shape)
    classes = tuple(facts["classes"])
    design = Design(blank, none, none, arrays["penalty"], facts["loss"], classes, scaling("design"), facts["scale"])
    state = State(arrays["coef"], arrays["mean"], **facts["state"], curvature=Curvature(parts("factor")))
    target = scaling("target") if "target shift" in arrays else None
    joint = Joint(Shrunk(scaling("joint"), arrays.get("joint reach")), target, facts["unit"], facts["power"])
    lift = Lift(parts("lift"), facts["whole"])
    return Rough(design, state, lift, joint, facts["rounds"], scaling("sketched") if sparse else None)
