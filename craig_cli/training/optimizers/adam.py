"""Adam (Kingma and Ba 2015), for each coordinate, with d = g_j grad f_j of the row or batch:

    m <- b1 m + (1 - b1) d,    v <- b2 v + (1 - b2) d^2,    w <- P(w - alpha m' / (sqrt(v') + tiny))

where m' and v' are m and v over 1 - b1^t and 1 - b2^t, the share of them that is not the zero they started
from. P is the projection in the metric sqrt(v'), the one in which the step is a gradient step.

Of sparse data a coordinate moves when a row touches it, its t counts those times, and its d has all of the
penalty's gradient that fell due since.
"""

from __future__ import annotations

import math

import numpy as np

from craig_cli.jit import njit
from craig_cli.training.optimizers import Optimizer
from craig_cli.training.optimizers.batches import add_batch_gradient
from craig_cli.training.projection import project
from craig_cli.training.rows import span

_B1, _B2, _TINY = 0.9, 0.999, 1e-10


def auto_steps(problem, visits, batch_size: int, n_steps: int) -> tuple[float, float]:
    """The first step moves a margin by about 1, whatever the data's units; the rest as measured."""
    first = 1.0 / problem.row_width
    return first, (3e-4 if problem.coordinates.kind == "full" else 0.02) * first


def start(problem, visits, coef, options) -> dict:
    return {
        "coef": coef,
        "gradient": problem.drift(len(visits)),
        "drift": problem.drift(len(visits)),
        "moments": np.zeros((2, *coef.shape)),
        "metric": np.full_like(coef, _TINY),
        "rest": np.ones((2, problem.n_columns)),
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
        state["gradient"],
        state["drift"],
        state["moments"][0],
        state["moments"][1],
        state["metric"],
        state["rest"],
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
    gradient,
    drift,
    first_moment,
    second_moment,
    metric,
    rest,
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
            rest[0, 0] *= _B1  # b1^t, the same for all
            rest[1, 0] *= _B2
            for output in range(n_outputs):
                _move(
                    due,
                    penalty,
                    step,
                    rest[0, 0],
                    rest[1, 0],
                    coef[output],
                    gradient[output],
                    drift[output],
                    first_moment[output],
                    second_moment[output],
                    metric[output],
                )
        else:
            for turn in range(first, last):
                lo, hi = span(indices, indptr, order[turn], n_columns)
                _move_touched(
                    indices,
                    lo,
                    hi,
                    clock,
                    penalty,
                    step,
                    rest,
                    coef,
                    gradient,
                    first_moment,
                    second_moment,
                    metric,
                    settled,
                )
        if radius > 0.0 and ((first // batch) % every == 0 or last == order.size):
            project(coef, ball, metric, radius)
    return clock


@njit
def _moments(direction, rest1, rest2, first, second):
    """(m, v, m', sqrt(v') + tiny) after a gradient."""
    first += (1.0 - _B1) * (direction - first)
    second += (1.0 - _B2) * (direction * direction - second)
    return first, second, first / (1.0 - rest1), math.sqrt(second / (1.0 - rest2)) + _TINY


@njit
def _move(due, penalty, step, rest1, rest2, coef, gradient, drift, first_moment, second_moment, metric):
    for k in range(coef.size):
        direction = gradient[k] + due * penalty[k] * coef[k]
        gradient[k] = drift[k]
        first_moment[k], second_moment[k], mean, metric[k] = _moments(
            direction, rest1, rest2, first_moment[k], second_moment[k]
        )
        coef[k] -= step * mean / metric[k]


@njit
def _move_touched(
    indices,
    lo,
    hi,
    clock,
    penalty,
    step,
    rest,
    coef,
    gradient,
    first_moment,
    second_moment,
    metric,
    settled,
):
    for position in range(lo, hi):
        k = indices[position]
        if settled[k] < clock:  # once a batch
            rest[0, k] *= _B1
            rest[1, k] *= _B2
            overdue = (clock - settled[k]) * penalty[k]
            settled[k] = clock
            for output in range(coef.shape[0]):
                direction = gradient[output, k] + overdue * coef[output, k]
                gradient[output, k] = 0.0
                first_moment[output, k], second_moment[output, k], mean, metric[output, k] = _moments(
                    direction, rest[0, k], rest[1, k], first_moment[output, k], second_moment[output, k]
                )
                coef[output, k] -= step * mean / metric[output, k]


ADAM = Optimizer("adam", start, run, auto_steps)
