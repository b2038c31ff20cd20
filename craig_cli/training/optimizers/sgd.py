"""Incremental gradient, "SGD", equation 20 with the projection P of equation 18:

    w <- P(w - alpha_k * g_j * grad f_j(w))        f_j = phi_j + l2/2 ||w||^2

with g_j = gamma_j / mean gamma, so that alpha does not depend on the size of the data. With a batch of
several rows the step is along the mean of their g_j grad f_j, all at the same w.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from craig_cli.jit import njit
from craig_cli.training.losses import to_slopes
from craig_cli.training.optimizers import Optimizer
from craig_cli.training.projection import project
from craig_cli.training.rows import AHEAD, add, dot, fetch, settle, settle_all, shrink_all, shrink_and_add, span

_SMALL_DEBT = 0.1  # of penalty on sparse rows may wait: the share by which a coefficient is behind when a row asks
_LONGEST_WAIT = 16  # times as long as what makes settling all columns as dear as the steps between


def auto_steps(problem, visits, batch_size: int, n_steps: int) -> tuple[float, float]:
    """(first, last) alpha of the auto schedule.

    The first is 1 / the largest curvature of a step: of one row, or of a batch, at most stiffest/size +
    smoothness. The last still contracts by a factor of about e^-20 in n_steps where all directions are
    alike ("full"); where the flat ones take long steps to the end, it is at least a share of the first that
    did best on covtype, ijcnn1 and sparse text.
    """
    first = 1.0 / (visits.stiffest if batch_size == 1 else visits.stiffest / batch_size + problem.smoothness)
    last = 20.0 / (problem.lipschitz * n_steps)
    if problem.coordinates.kind != "full":
        last = max(last, (0.003 if problem.indices is None else 0.03) * first)
    return first, min(first, last)


@dataclass
class State:
    """touched (columns,) share of the rows that touch each; slopes (batch, k); drift (k, columns) or None."""

    coef: np.ndarray
    touched: np.ndarray
    settled: np.ndarray
    slopes: np.ndarray
    drift: np.ndarray | None
    batch: int
    radius: float
    every: int


def start(problem, visits, coef, options) -> State:
    touched = np.ones(problem.n_columns)
    if problem.indices is not None:
        touched = np.bincount(problem.indices, minlength=problem.n_columns) / problem.n_rows
    return State(
        coef=coef,
        touched=touched,
        settled=np.zeros(problem.n_columns),
        slopes=np.empty((options["batch_size"], problem.n_outputs)),
        drift=None if problem.linear is None else problem.drift(len(visits)),
        batch=options["batch_size"],
        radius=options["radius"],
        every=problem.steps_a_projection(options["batch_size"]),
    )


def run(problem, visits, state: State, order, step) -> int:
    # With a radius, the projection says when all columns are settled.
    every, lazy = state.every, True
    if problem.indices is not None and not state.radius:
        wait = _longest_wait(step * problem.penalty, state.touched)
        lazy = wait < every
        every = every if lazy else int(min(wait, _LONGEST_WAIT * every))
    facts = (problem.loss, problem.penalty, problem.ball, step, state.radius, every, lazy)
    given = (*problem.rows, visits.share, order, *facts, state.coef, state.settled, state.slopes)
    if state.batch == 1 and problem.n_outputs == 1 and state.drift is None:
        _row_by_row(*given)
    else:
        _in_batches(*given, state.batch, state.drift)
    return len(order)


def _longest_wait(due: np.ndarray, touched: np.ndarray) -> float:
    """The most steps t with t due_k min(1, t p_k) <= _SMALL_DEBT for every column k, ``due`` (columns,) a step.

    A debt does no harm before a row asks for the column, and in t steps t p_k rows do.
    """
    due, touched = np.maximum(due, 1e-300), np.maximum(touched, 1e-300)
    waits = np.maximum(_SMALL_DEBT / due, np.sqrt(_SMALL_DEBT / due / touched))
    return float(waits.min(initial=np.inf))


@njit
def _row_by_row(
    data, indices, indptr, labels, share, order, loss, penalty, ball, step, radius, every, lazy, coef, settled, slopes
):
    """``_in_batches`` of one row and one output, without what only the others need: a fifth of the time."""
    vector, margins = coef[0], slopes[0]
    clock = 0.0
    left = every
    for turn in range(order.size):
        if turn + AHEAD < order.size:
            fetch(data, indices, indptr, order[turn + AHEAD], vector.size)
        row = order[turn]
        lo, hi = span(indices, indptr, row, vector.size)
        if lazy:
            settle(indices, lo, hi, clock, settled, penalty, coef)
        margins[0] = dot(data, indices, lo, hi, vector)
        to_slopes(loss, labels[row], margins)
        due = step * share[row]
        clock += due
        shrink_and_add(data, indices, lo, hi, due, penalty, -due * margins[0], vector)
        left -= 1
        if left > 0:
            continue
        left = every
        if radius > 0.0:
            settle_all(indices, clock, settled, penalty, coef)
            clock = 0.0
            project(coef, ball, None, radius)
        elif not lazy:
            shrink_all(clock, penalty, coef)
            clock = 0.0
    settle_all(indices, clock, settled, penalty, coef)
    if radius > 0.0:
        project(coef, ball, None, radius)


@njit
def _in_batches(
    data,
    indices,
    indptr,
    labels,
    share,
    order,
    loss,
    penalty,
    ball,
    step,
    radius,
    every,
    lazy,
    coef,
    settled,
    slopes,
    batch,
    drift,
):
    """``lazy``: of sparse rows, the penalty is settled as columns are touched; else of all every ``every`` steps,
    which saves a look-up an entry."""
    n_outputs, n_columns = coef.shape
    clock = 0.0
    for first in range(0, order.size, batch):
        last = first + batch if first + batch < order.size else order.size
        due = 0.0
        for turn in range(first, last):
            if turn + AHEAD < order.size:
                fetch(data, indices, indptr, order[turn + AHEAD], n_columns)
            row = order[turn]
            lo, hi = span(indices, indptr, row, n_columns)
            if lazy:
                settle(indices, lo, hi, clock, settled, penalty, coef)
            margins = slopes[turn - first]
            for output in range(n_outputs):
                margins[output] = dot(data, indices, lo, hi, coef[output])
            to_slopes(loss, labels[row], margins)
            due += share[row]
        rate = step / (last - first)
        due *= rate
        clock += due
        for turn in range(first, last):
            row = order[turn]
            lo, hi = span(indices, indptr, row, n_columns)
            for output in range(n_outputs):
                scale = -rate * share[row] * slopes[turn - first, output]
                shrink_and_add(data, indices, lo, hi, due, penalty, scale, coef[output])
            due = 0.0  # the whole batch's, with its first row
        if drift is not None:  # of dense rows only
            for output in range(n_outputs):
                add(drift[output], None, 0, n_columns, -step, coef[output])
        if radius > 0.0 and ((first // batch) % every == 0 or last == order.size):
            settle_all(indices, clock, settled, penalty, coef)
            clock = 0.0
            project(coef, ball, None, radius)
        elif not lazy and (first // batch) % every == every - 1:
            shrink_all(clock, penalty, coef)
            clock = 0.0
    settle_all(indices, clock, settled, penalty, coef)


SGD = Optimizer("sgd", start, run, auto_steps)
