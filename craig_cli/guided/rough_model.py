"""A model near the optimum of all rows, for the price of some passes: what rows are selected and weighed at.

It is trained by Newton's method: of few rows on all of them, to the optimum. Of many rows it is trained on a random
sample, class by class. Then one pass gives the gradient of all rows, and the sample is trained on with its gradient
corrected by the difference,

    minimise  f_S(w) + <grad f(w0) - grad f_S(w0), w>

(the step of DANE, Shamir, Srebro and Zhang 2014, with a sample in place of a machine). The distance to the optimum of
all rows shrinks each time as well as the curvature of the sample is that of all rows, by about
sqrt(parameters / sample). Where that is too little, because a few rows hold most of the curvature (a rare class,
outliers, rare columns), the next sample is one of strata of equal influence at the model so far, which has those rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from craig_cli.dataset import Dataset
from craig_cli.guided.influence import Influence, decrement, influence_at
from craig_cli.guided.samples import draw_random, draw_strata
from craig_cli.training.design import Curvature, Design, build_design, curvature
from craig_cli.training.newton import SHARPNESS, newton

EVERYONE = 4  # all rows where they are no more than so many samples: rounds of samples take as long
LEAST = 16_000  # rows of the sample, and ROWS_A_PARAMETER
ROWS_A_PARAMETER = 64
ROWS_A_PICK = 2  # where many are picked, selecting takes so long that a larger sample costs little
STRATA = 2  # a sample of strata has so many times fewer rows
SLOW = 0.1  # a round that leaves more of the distance is followed by a sample of strata
ENOUGH = 0.01  # of dispersion * parameters / (2 n), by which the optimum of all rows is itself uncertain
PICKS_A_PARAMETER = 2  # with fewer, weights cannot match its gradient:
ENOUGH_OF_FEW = 0.01  # of the same for as many rows as there are picks


@dataclass(frozen=True)
class RoughModel:
    """coef (k, d + 1) in ``design``, trained in ``rounds``; influence: that of all rows there."""

    design: Design
    coef: np.ndarray
    influence: Influence
    rounds: int


def rough_model(
    dataset: Dataset,
    loss: str,
    l2: float,
    *,
    picks: int,
    rounds: int,
    per_class: bool = True,
    scale: str = "none",
    seed: int = 0,
) -> RoughModel:
    """The model after at most ``rounds``, fewer where it is as near to the optimum of all rows as that is to the truth.

    Where all rows are no more than EVERYONE samples it is trained on them all, in one.

    scale    in whose units l2 is a penalty, as in training with it
    picks    rows that will be selected at it

    Raises DataError where the labels do not fit the loss.
    """
    design = build_design(dataset, loss, l2, scale=scale)
    coef, done = np.zeros((design.n_outputs, design.width)), 1
    size = sample_size(coef.size, picks)
    if dataset.n_rows <= EVERYONE * size:
        coef = newton(design, coef, sharp(design, dataset.n_rows, picks)).coef
    else:
        best, done = trained(_InMemory(dataset, design, per_class, seed), size, picks, rounds)
        coef = best.coef
    return RoughModel(design, coef, influence_at(design, coef, seed), done)


@dataclass(frozen=True)
class State:
    """A model (k, w) and what a pass over all rows says of it.

    mean        (k, w) of the gradients, without the penalty
    objective   with it; left: about how far that is above the optimum
    dispersion  of all rows, which count ``total``
    curvature   of all rows, and size: the mean norm of their features in a joint space, where those are known
    """

    coef: np.ndarray
    mean: np.ndarray
    objective: float
    left: float
    dispersion: float
    total: float
    curvature: Curvature | None = None
    size: float = 0.0


class Everyone(Protocol):
    """All rows, wherever they are, as training wants them; ``design`` has their columns, and rows or none."""

    @property
    def design(self) -> Design: ...
    def sample(self, size: int) -> Design:
        """About so many random rows of each class, with weights."""
        ...

    def strata(self, state: State, size: int) -> Design:
        """About so many by their influence at a model."""
        ...

    def state(self, coef: np.ndarray, sample: Design) -> State:
        """One pass over all rows."""
        ...


def trained(everyone: Everyone, size: int, picks: int, rounds: int) -> tuple[State, int]:
    """(the best model, in how many rounds it was trained), from a first sample of ``size`` rows."""
    design = everyone.design
    sample, is_random = everyone.sample(size), True
    coef = np.zeros((design.n_outputs, design.width))
    correction, tol = np.zeros_like(coef), SHARPNESS * design.width / size
    best, done = everyone.state(newton(sample, coef, tol).coef, sample), 1
    slow = False
    for number in range(1, rounds + 1):
        if number > 1:
            state = everyone.state(newton(sample, coef, tol, correction).coef, sample)
            slow = not state.left < SLOW * best.left
            if state.objective < best.objective:
                best, done = state, number
            elif not is_random:  # strata did not help either
                break
        if number == rounds or best.left <= _enough(design, best, picks):
            break
        if slow:
            sample, is_random = everyone.strata(best, max(1, size // STRATA)), False
        coef = best.coef
        correction = best.mean - sample.mean(sample.slopes(sample.margins(coef)))
        tol = SHARPNESS * best.left
    return best, done


@dataclass(frozen=True)
class _InMemory:
    dataset: Dataset
    design: Design
    per_class: bool
    seed: int

    def sample(self, size: int) -> Design:
        loss, per_class = self.design.loss, self.per_class
        return self.design.take(*draw_random(self.dataset, size, loss=loss, per_class=per_class, seed=self.seed))

    def strata(self, state: State, size: int) -> Design:
        influence = influence_at(self.design, state.coef, self.seed)
        loss, per_class = self.design.loss, self.per_class
        return self.design.take(
            *draw_strata(self.dataset, size, influence, loss=loss, per_class=per_class, seed=self.seed)
        )

    def state(self, coef: np.ndarray, sample: Design) -> State:
        """The curvature is that of the sample."""
        design = self.design
        margins = design.margins(coef)
        slopes = design.slopes(margins)
        bent = curvature(sample, sample.second_derivatives(sample.slopes(sample.margins(coef))))
        mean = design.mean(slopes)
        left = decrement(bent, mean + design.penalty * coef)
        objective, dispersion = design.objective(coef, margins), design.dispersion(slopes)
        return State(coef, mean, objective, left, dispersion, float(design.counts.sum()))


def sample_size(parameters: int, picks: int) -> int:
    """Rows of the first sample."""
    return max(LEAST, ROWS_A_PARAMETER * parameters, ROWS_A_PICK * picks)


def sharp(design: Design, n_rows: int, picks: int) -> float:
    """How far above the optimum of all rows a model that is trained on them may be, for so many picks.

    Of one output further digits cost little. Of many they take conjugate gradients, and few picks do not follow them.
    """
    if design.n_outputs == 1:
        return SHARPNESS**2 * design.width / n_rows
    return SHARPNESS * (design.width * design.n_outputs) ** 2 / (n_rows * max(1, min(picks, n_rows)))


def _enough(design: Design, state: State, picks: int) -> float:
    """How far above the optimum of all rows a model for so many picks may be."""
    uncertain = 0.5 * state.dispersion * design.width * design.n_outputs
    exact = ENOUGH * uncertain / state.total
    return max(exact, ENOUGH_OF_FEW * uncertain / picks) if few_picks(design, picks) else exact


def few_picks(design: Design, picks: int) -> bool:
    """Whether there are too few to follow any model."""
    return PICKS_A_PARAMETER * design.width * design.n_outputs > picks
