"""From the optimum of a coreset towards that of all rows, at the price of a few passes over them.

A pass over all n rows at the model w_k gives their objective F(w_k) and its gradient g(w_k). A round then trains on
the coreset with its gradient corrected by what it gets wrong there,

    minimise  F_S(w) + <c, w>,     F_S(w) = (1/n) sum_j gamma_j phi_j(w) + l2/2 ||w||^2,     c = g(w_k) - g_S(w_k)

whose gradient at w_k is that of all rows: the idea of SVRG (Johnson and Zhang 2013) on a coreset, and that of DANE
(Shamir, Srebro and Zhang 2014) with a coreset in the place of a machine. Where the coreset's curvature is that of
all rows up to a factor of 1 +- delta, a round brings the distance to their optimum down to about delta times what it
was, and the residual to delta^2.

A column whose curvature at w_k the coreset understates (a rare word that few of its rows have, or only rows of one
label) would leap; what it lacks is given to it as a quadratic around w_k, the diagonal of the difference of Hessians
where it is positive.

The pass after a round is the one before the next, and it is the guard: a model that does not lower F is not kept. It
went too far, so one more pass, or a few, tries the minimum of the cubic through F and its slope at both ends of the
way (Nocedal and Wright, equation 3.59).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from craig_cli.dataset import Dataset
from craig_cli.errors import DataError, UsageError
from craig_cli.jit import njit
from craig_cli.training.loop import Result, Setup, train
from craig_cli.training.losses import second_derivative
from craig_cli.training.objective import evaluate, map_blocks
from craig_cli.training.problem import Problem
from craig_cli.training.rows import span

INNER = 1e-3  # a round trains until its gradient has shrunk to this share: more than a round can bring
UNDERSTATED = 1.1  # a curvature that many times the coreset's is made up for
ROUNDING = 1e-14  # of the objective: a rise by less is no rise

STEPS_BACK = 3  # at most, in a round


@dataclass(frozen=True)
class _Point:
    """A model coef (k, columns), what a pass found there, and its line of the history.

    Of all rows the objective, its gradient (k, columns), and the diagonal of its Hessian (k, columns), that without
    the penalty.
    """

    coef: np.ndarray
    objective: float
    gradient: np.ndarray
    curvature: np.ndarray
    line: dict


class _Passes:
    """Passes over all rows, and the counts of the history so far."""

    def __init__(self, setup: Setup, all_rows: Dataset, first: Result):
        _curvature(setup.problem, np.empty((0, setup.problem.n_outputs)), 0, 0)  # compiled before the clock starts
        began = time.perf_counter()
        self.setup = setup
        self.problem = setup.problem.on(all_rows, setup.problem.penalty, setup.threads)
        self.history = [line | {"round": 0} for line in first.history]
        self.seconds = first.history[-1]["seconds"] + time.perf_counter() - began
        self.evaluations = first.history[-1]["gradient_evaluations"]
        self.epochs = first.history[-1]["epoch"]

    def at(self, coef: np.ndarray, number: int, best: _Point | None, **facts) -> _Point:
        """One pass at ``coef``, and its line; accepted where it is lower than ``best``. DataError beyond float64."""
        began = time.perf_counter()
        objective, gradient, curvature = _at(self.problem, coef, self.setup.threads)
        self.seconds += time.perf_counter() - began
        self.evaluations += self.problem.n_rows
        if not (math.isfinite(objective) and np.isfinite(gradient).all()):
            raise DataError(f"the objective of all rows became {objective:g}; lower --step")
        line = {
            "epoch": self.epochs,
            "seconds": round(self.seconds, 6),
            "gradient_evaluations": self.evaluations,
            "objective": objective * self.problem.label_scale**2,
            "gradient_norm": self.problem.gradient_norm(gradient),
            "step": None,
            "round": number,
            "all_rows": True,
            "accepted": best is None or objective < best.objective,
            **facts,
        }
        if self.setup.monitors:
            line["monitor"] = [monitor.measure(coef, self.setup.threads) for monitor in self.setup.monitors]
        self.history.append(line)
        return _Point(coef, objective, gradient, curvature, line)

    def add(self, result: Result, number: int) -> None:
        """The epochs of a round. Its line for epoch 0 is that of the pass before."""
        for line in result.history[1:]:
            self.history.append(
                line
                | {
                    "epoch": line["epoch"] + self.epochs,
                    "seconds": round(line["seconds"] + self.seconds, 6),
                    "gradient_evaluations": line["gradient_evaluations"] + self.evaluations,
                    "round": number,
                }
            )
        last = result.history[-1]
        self.epochs += last["epoch"]
        self.seconds += last["seconds"]
        self.evaluations += last["gradient_evaluations"]


def check_refinable(setup: Setup) -> None:
    """Raise UsageError where the steps of the optimizer cannot be corrected."""
    if setup.problem.indices is not None and not setup.optimizer.remembers:
        raise UsageError(
            f"--refine: on sparse rows needs --optimizer saga or svrg, whose steps move all columns, found "
            f"{setup.optimizer.name}"
        )


def refine(
    setup: Setup,
    all_rows: Dataset,
    first: Result,
    rounds: int,
    schedule: str,
    step: float | None,
    decay: float | None,
    progress: Callable[[int, int], None] | None = None,
) -> Result:
    """``rounds`` rounds from ``first``, what ``train`` made of the coreset of ``setup``.

    The result's ``kept`` is the pass over all rows at the model that is kept. In its history every line has its
    round, 0 for ``first``, and each pass a line of its own (artifacts/history.py). Rounds end early where the
    gradient of all rows is as small as ``tol`` asks, and where neither a round nor a step back lowers the objective.
    """
    passes = _Passes(setup, all_rows, first)
    zero = _gradient_at_zero(setup.problem, setup)
    best = passes.at(first.coef, 0, None)
    notes = list(first.notes)
    reached = [best.line["objective"]]
    for number in range(1, rounds + 1):
        if np.linalg.norm(best.gradient) <= setup.tol * zero:
            break
        corrected = _corrected(setup, best)
        passes.evaluations += setup.problem.n_rows
        left = max(setup.tol * zero, INNER * float(np.linalg.norm(best.gradient)))
        round_setup = replace(
            setup, problem=corrected, start=best.coef, seconds=0.0, tol=left / _gradient_at_zero(corrected, setup)
        )
        report = None if progress is None else partial(_report, progress, number, rounds + 1)
        try:
            result = train(round_setup, schedule, step, decay, progress=report)
            passes.add(result, number)
            moved = passes.at(result.coef.copy(), number, best)
        except DataError as error:
            notes.append(f"round {number}: {error}; the model is that of the round before")
            break
        if not moved.line["accepted"]:
            if moved.objective - best.objective <= ROUNDING * abs(best.objective):
                break  # as low as it gets
            back, share = _step_back(passes, number, best, moved)
            done = f"went {share:.2g} of the way" if back else "kept the model before it"
            rise = f"from {best.objective:.9g} by {moved.objective - best.objective:.2g}"
            notes.append(f"round {number}: the objective of all rows would have risen {rise}; {done}")
            if back is None:
                break
            moved = back
        best = moved
        reached.append(best.line["objective"])
    notes.append(
        f"objective of all rows: {', '.join(f'{value:.9g}' for value in reached)} after rounds 0 to {len(reached) - 1}"
    )
    return Result(best.coef, passes.history, best.line, notes, first.first_step, first.decay)


def _gradient_at_zero(problem: Problem, setup: Setup) -> float:
    """Norm of the gradient of the zero model, which ``tol`` is a share of."""
    return float(np.linalg.norm(evaluate(problem, np.zeros_like(setup.start), setup.threads)[1]))


def _report(progress: Callable[[int, int], None], number: int, rounds: int, done: int, total: int) -> None:
    progress(done + number * total, total * rounds)


def _corrected(setup: Setup, at: _Point) -> Problem:
    """The coreset's problem, with the value and the gradient of all rows at ``at``, and a quadratic around it."""
    problem = setup.problem
    objective, gradient, curvature = _at(problem, at.coef, setup.threads)
    understated = at.curvature > UNDERSTATED * (curvature + problem.penalty)
    lacking = np.where(understated, at.curvature - curvature, 0.0).max(axis=0)
    # Not more than a step can bear.
    lacking = np.minimum(lacking, setup.visits.stiffest / max(1.0, float(setup.visits.share.max())))
    linear = at.gradient - gradient - lacking * at.coef
    constant = at.objective - objective - float(((linear + 0.5 * lacking * at.coef) * at.coef).sum())
    return replace(problem, penalty=problem.penalty + lacking, linear=linear, constant=constant)


def _at(problem: Problem, coef: np.ndarray, threads: int) -> tuple[float, np.ndarray, np.ndarray]:
    """(objective, gradient, the diagonal of the Hessian without the penalty's) at ``coef``."""
    slopes = np.empty((problem.n_rows, problem.n_outputs))
    objective, gradient = evaluate(problem, coef, threads, slopes)
    parts = map_blocks(partial(_curvature, problem, slopes), problem.n_rows, threads)
    return objective, gradient, np.add.reduce(parts) / problem.n_rows


def _curvature(problem: Problem, slopes: np.ndarray, start: int, stop: int) -> np.ndarray:
    total = np.zeros((problem.n_outputs, problem.n_columns))
    _add_curvature(
        problem.data, problem.indices, problem.indptr, problem.gamma, problem.loss, slopes, start, stop, total
    )
    return total


@njit
def _add_curvature(data, indices, indptr, gamma, loss, slopes, start, stop, total):
    for row in range(start, stop):
        lo, hi = span(indices, indptr, row, total.shape[1])
        for output in range(total.shape[0]):
            scale = gamma[row] * second_derivative(loss, slopes[row, output])
            if scale > 0.0:
                for position in range(lo, hi):
                    k = position - lo if indices is None else indices[position]
                    total[output, k] += scale * data[position] * data[position]


def _step_back(passes: _Passes, number: int, best: _Point, end: _Point) -> tuple[_Point | None, float]:
    """(a point on the way from ``best`` to ``end`` that is lower than ``best``, its share of the way), or None."""
    whole = 1.0
    for _ in range(STEPS_BACK):
        share = _way_back(best, end)
        if share is None:
            break
        whole *= share
        end = passes.at(best.coef + share * (end.coef - best.coef), number, best, share=whole)
        if end.line["accepted"]:
            return end, whole
    return None, whole


def _way_back(start: _Point, end: _Point) -> float | None:
    """Share of the way from ``start`` to ``end`` at which the cubic through both is lowest; None where it is none."""
    way = end.coef - start.coef
    slope, slope_at_end = float((start.gradient * way).sum()), float((end.gradient * way).sum())
    first = slope + slope_at_end + 3.0 * (start.objective - end.objective)
    square = first * first - slope * slope_at_end
    if not (slope < 0.0 and square >= 0.0 and math.isfinite(square)):
        return None
    second = math.sqrt(square)
    share = 1.0 - (slope_at_end + second - first) / (slope_at_end - slope + 2.0 * second)
    return share if 0.0 < share < 1.0 else None
