"""Adagrad (Duchi, Hazan and Singer 2011), for each coordinate, with d = g_j grad f_j of the row or batch:

    s <- s + d^2,        w <- P(w - alpha d / (sqrt(s) + tiny))

P is the projection in the metric sqrt(s), the one in which the step is a gradient step. Of sparse data a
coordinate moves when a row touches it, with all of the penalty's gradient that fell due since.
"""

from __future__ import annotations

import math

import numpy as np

from craig_cli.jit import njit
from craig_cli.training.optimizers import Optimizer
from craig_cli.training.optimizers.batches import add_batch_gradient
from craig_cli.training.projection import project
from craig_cli.training.rows import span

_TINY = 1e-10


def auto_steps(problem, visits, batch_size: int, n_steps: int) -> tuple[float, float]:
    """The first step moves a margin by about 10, whatever the data's units; the rest as measured."""
    first = 10.0 / problem.row_width
    return first, 0.03 * first


def start(problem, visits, coef, options) -> dict:
    return {
        "coef": coef,
        "squares": np.zeros_like(coef),
        "gradient": problem.drift(len(visits)),
        "drift": problem.drift(len(visits)),
        "metric": np.empty_like(coef),
        "batch": options["batch_size"],
        "radius": options["radius"],
        "every": problem.steps_a_projection(options["batch_size"]),
        "margins": np.empty(problem.n_outputs),
        "settled": np.zeros(problem.n_columns),
    }


def run(problem, visits, state, order, step) -> int:
    clock = _epoch(
        *problem.rows,
        visits.share,
        order,
        problem.loss,
        problem.penalty,
        problem.ball,
        step,
        state["batch"],
        state["radius"],
        state["every"],
        state["coef"],
        state["squares"],
        state["gradient"],
        state["drift"],
        state["metric"],
        state["margins"],
        state["settled"],
    )
    state["settled"] -= clock  # what is overdue waits for the next epoch
    return len(order)


@njit
def _epoch(
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
    batch,
    radius,
    every,
    coef,
    squares,
    gradient,
    drift,
    metric,
    margins,
    settled,
):
    n_outputs, n_columns = coef.shape
    clock = 0.0
    for first in range(0, order.size, batch):
        last = first + batch if first + batch < order.size else order.size
        due = add_batch_gradient(
            data, indices, indptr, labels, share, order, first, last, loss, coef, margins, gradient
        )
        clock += due
        if indices is None:
            for output in range(n_outputs):
                _move(due, penalty, step, coef[output], squares[output], gradient[output], drift[output])
        else:
            for turn in range(first, last):
                lo, hi = span(indices, indptr, order[turn], n_columns)
                _move_touched(indices, lo, hi, clock, penalty, step, coef, squares, gradient, settled)
        if radius > 0.0 and ((first // batch) % every == 0 or last == order.size):
            for output in range(n_outputs):
                for k in range(n_columns):
                    metric[output, k] = math.sqrt(squares[output, k]) + _TINY
            project(coef, ball, metric, radius)
    return clock


@njit
def _move(due, penalty, step, coef, squares, gradient, drift):
    for k in range(coef.size):
        direction = gradient[k] + due * penalty[k] * coef[k]
        gradient[k] = drift[k]
        squares[k] += direction * direction
        coef[k] -= step * direction / (math.sqrt(squares[k]) + _TINY)


@njit
def _move_touched(indices, lo, hi, clock, penalty, step, coef, squares, gradient, settled):
    for position in range(lo, hi):
        k = indices[position]
        if settled[k] < clock:  # once a batch
            overdue = (clock - settled[k]) * penalty[k]
            settled[k] = clock
            for output in range(coef.shape[0]):
                direction = gradient[output, k] + overdue * coef[output, k]
                gradient[output, k] = 0.0
                squares[output, k] += direction * direction
                coef[output, k] -= step * direction / (math.sqrt(squares[output, k]) + _TINY)


ADAGRAD = Optimizer("adagrad", start, run, auto_steps)
