"""The step saga and svrg share. With s_j the slope of phi_j where row j was remembered, a visit to row j does

    w <- P(w - alpha * (g_j/m_j (phi'_j(w) - s_j) x_j + mean + penalty * w)),    mean = average of g_j s_j x_j

over the visits of an epoch (orders.py), whose noise vanishes at the optimum, so that alpha can stay as it is.
svrg remembers all rows at the start of an epoch; saga updates what it remembers of row j, and the mean, as
it goes.

Of sparse data, a column moves by the mean and the penalty at every step though no row touches it. What was
missed in t steps is made up for when a row next does: w <- (w - t alpha mean) / (1 + t alpha penalty), one
implicit step, which is stable for any t and stands still exactly at the optimum.
"""

from __future__ import annotations

import numpy as np

from craig_cli.jit import njit
from craig_cli.training.losses import to_slopes
from craig_cli.training.objective import evaluate
from craig_cli.training.projection import project
from craig_cli.training.rows import AHEAD, SUMS, add, dot, fetch, span


def auto_steps(problem, visits, batch_size: int, n_steps: int) -> tuple[float, float]:
    """1 / (2 * stiffest visit), and it stays."""
    step = 0.5 / visits.stiffest
    return step, step


def start(problem, visits, coef, options) -> dict:
    shape = (problem.n_rows, problem.n_outputs)
    return {
        "coef": coef,
        "mean": np.zeros_like(coef),
        "slopes": np.zeros(shape),
        "settled": np.zeros(problem.n_columns, np.int64),
        "margins": np.empty(problem.n_outputs),
        "radius": options["radius"],
        "threads": options["threads"],
        "every": problem.steps_a_projection(1),
    }


def remember(problem, visits, state) -> int:
    """Take the slopes of all rows, and their mean, at the coefficients as they are; returns their number."""
    coef = state["coef"]
    _, gradient = evaluate(problem, coef, state["threads"], state["slopes"])
    # Averages here are over visits, of which there may be more than rows.
    state["mean"][:] = (gradient - problem.penalty * coef) * (problem.n_rows / len(visits))
    return problem.n_rows


def epoch(problem, visits, state, order, step: float, update: bool) -> int:
    _epoch(
        *problem.rows,
        problem.gamma,
        visits.share,
        order,
        problem.loss,
        problem.penalty * (problem.n_rows / len(visits)),
        problem.ball,
        step,
        len(visits),
        update,
        state["radius"],
        state["every"],
        state["coef"],
        state["mean"],
        state["slopes"],
        state["settled"],
        state["margins"],
    )
    return len(order)


@njit
def _epoch(
    data,
    indices,
    indptr,
    labels,
    gamma,
    share,
    order,
    loss,
    penalty,
    ball,
    step,
    n_visits,
    update,
    radius,
    every,
    coef,
    mean,
    slopes,
    settled,
    margins,
):
    n_outputs, n_columns = coef.shape
    time = 0
    for turn in range(order.size):
        if turn + AHEAD < order.size:
            fetch(data, indices, indptr, order[turn + AHEAD], n_columns)
        row = order[turn]
        lo, hi = span(indices, indptr, row, n_columns)
        _catch_up(indices, lo, hi, time, step, penalty, mean, settled, coef)
        for output in range(n_outputs):
            margins[output] = dot(data, indices, lo, hi, coef[output])
        to_slopes(loss, labels[row], margins)
        for output in range(n_outputs):
            change = margins[output] - slopes[row, output]
            change_of_mean = 0.0
            if update:
                slopes[row, output] = margins[output]
                change_of_mean = gamma[row] * change / n_visits
            scale = -step * share[row] * change
            _move(data, indices, lo, hi, step, penalty, scale, change_of_mean, coef[output], mean[output])
        time += 1
        if radius > 0.0 and (time % every == 0 or time == order.size):
            _catch_up_all(indices, time, step, penalty, mean, settled, coef)
            time = 0
            project(coef, ball, None, radius)
    _catch_up_all(indices, time, step, penalty, mean, settled, coef)


@njit(fastmath=SUMS)
def _move(data, indices, lo, hi, step, penalty, scale, change_of_mean, vector, mean):
    if indices is None:
        values = data[lo:hi]
        for k in range(values.size):
            vector[k] += scale * values[k] - step * (mean[k] + penalty[k] * vector[k])
            mean[k] += change_of_mean * values[k]
    else:
        add(data, indices, lo, hi, scale, vector)
        if change_of_mean != 0.0:
            add(data, indices, lo, hi, change_of_mean, mean)


@njit
def _catch_up(indices, lo, hi, time, step, penalty, mean, settled, coef):
    if indices is not None:
        for position in range(lo, hi):
            k = indices[position]
            missed = step * (time - settled[k])
            if missed > 0.0:
                shrink = 1.0 / (1.0 + missed * penalty[k])
                for output in range(coef.shape[0]):
                    coef[output, k] = (coef[output, k] - missed * mean[output, k]) * shrink
            settled[k] = time


@njit
def _catch_up_all(indices, time, step, penalty, mean, settled, coef):
    if indices is not None:
        for k in range(penalty.size):
            missed = step * (time - settled[k])
            shrink = 1.0 / (1.0 + missed * penalty[k])
            for output in range(coef.shape[0]):
                coef[output, k] = (coef[output, k] - missed * mean[output, k]) * shrink
            settled[k] = 0
