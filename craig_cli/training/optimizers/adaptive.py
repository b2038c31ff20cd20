"""The frame of the methods that scale each coordinate's step by its past gradients: adagrad, adam.

With d = g_j grad f_j of the row or batch, a method is what it does for a coordinate with d (``_update``, by its code):

    (first, second) <- moments after d,     w <- P(w - alpha direction / metric)

P is the projection in the metric, the one in which the step is a gradient step. Of sparse data a coordinate moves when
a row touches it, with all of the penalty's gradient that fell due since.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from craig_cli.jit import inner, njit
from craig_cli.training.optimizers.batches import add_batch_gradient
from craig_cli.training.projection import project
from craig_cli.training.rows import span

ADAGRAD_CODE, ADAM_CODE = range(2)
B1, B2, TINY = 0.9, 0.999, 1e-10  # decay of adam's moments; what keeps the metric above zero


@dataclass
class State:
    """What goes on changing; all but ``rest`` and ``settled`` (k, columns).

    first, second  moments of d; metric: what a step is divided by; gradient: of the batch, ``drift`` where none is yet
    rest           (2, columns) B1^t and B2^t, the share of the moments that is the zero they started from
    settled        (columns,) penalty that has been paid, in steps
    """

    coef: np.ndarray
    first: np.ndarray
    second: np.ndarray
    metric: np.ndarray
    gradient: np.ndarray
    drift: np.ndarray
    rest: np.ndarray
    settled: np.ndarray
    margins: np.ndarray
    batch: int
    radius: float
    every: int


def start(problem, visits, coef, options) -> State:
    return State(
        coef=coef,
        first=np.zeros_like(coef),
        second=np.zeros_like(coef),
        metric=np.full_like(coef, TINY),
        gradient=problem.drift(len(visits)),
        drift=problem.drift(len(visits)),
        rest=np.ones((2, problem.n_columns)),
        settled=np.zeros(problem.n_columns),
        margins=np.empty(problem.n_outputs),
        batch=options["batch_size"],
        radius=options["radius"],
        every=problem.steps_a_projection(options["batch_size"]),
    )


def runner(code: int):
    """``Optimizer.run`` of the method with this code."""

    def run(problem, visits, state: State, order, step) -> int:
        moments = (state.first, state.second, state.metric, state.rest)
        clock = _epoch(
            code,
            *problem.rows,
            visits.share,
            order,
            problem.loss,
            problem.penalty,
            problem.ball,
            step,
            state.batch,
            state.radius,
            state.every,
            state.coef,
            state.gradient,
            state.drift,
            *moments,
            state.margins,
            state.settled,
        )
        state.settled -= clock  # what is overdue waits for the next epoch
        return len(order)

    return run


@njit
def _epoch(
    code,
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
    first,
    second,
    metric,
    rest,
    margins,
    settled,
):
    n_outputs, n_columns = coef.shape
    clock = 0.0
    for low in range(0, order.size, batch):
        high = low + batch if low + batch < order.size else order.size
        due = add_batch_gradient(data, indices, indptr, labels, share, order, low, high, loss, coef, margins, gradient)
        clock += due
        if indices is None:
            rest[0, 0] *= B1  # the same for all
            rest[1, 0] *= B2
            for output in range(n_outputs):
                _move(
                    code,
                    due,
                    penalty,
                    step,
                    rest,
                    coef[output],
                    gradient[output],
                    drift[output],
                    first[output],
                    second[output],
                    metric[output],
                )
        else:
            for turn in range(low, high):
                begin, end = span(indices, indptr, order[turn], n_columns)
                _move_touched(
                    code,
                    indices,
                    begin,
                    end,
                    clock,
                    penalty,
                    step,
                    rest,
                    coef,
                    gradient,
                    first,
                    second,
                    metric,
                    settled,
                )
        if radius > 0.0 and ((low // batch) % every == 0 or high == order.size):
            project(coef, ball, metric, radius)
    return clock


@inner
def _update(code, d, rest1, rest2, first, second):
    """(first, second, direction, metric) of a coordinate after the gradient ``d``."""
    if code == ADAGRAD_CODE:
        second += d * d
        return first, second, d, math.sqrt(second) + TINY
    first += (1.0 - B1) * (d - first)
    second += (1.0 - B2) * (d * d - second)
    return first, second, first / (1.0 - rest1), math.sqrt(second / (1.0 - rest2)) + TINY


@inner
def _move(code, due, penalty, step, rest, coef, gradient, drift, first, second, metric):
    rest1, rest2 = rest[0, 0], rest[1, 0]
    for k in range(coef.size):
        d = gradient[k] + due * penalty[k] * coef[k]
        gradient[k] = drift[k]
        first[k], second[k], direction, metric[k] = _update(code, d, rest1, rest2, first[k], second[k])
        coef[k] -= step * direction / metric[k]


@inner
def _move_touched(
    code, indices, begin, end, clock, penalty, step, rest, coef, gradient, first, second, metric, settled
):
    for position in range(begin, end):
        k = indices[position]
        if settled[k] < clock:  # once a batch
            rest[0, k] *= B1
            rest[1, k] *= B2
            overdue = (clock - settled[k]) * penalty[k]
            settled[k] = clock
            for output in range(coef.shape[0]):
                d = gradient[output, k] + overdue * coef[output, k]
                gradient[output, k] = 0.0
                first[output, k], second[output, k], direction, metric[output, k] = _update(
                    code, d, rest[0, k], rest[1, k], first[output, k], second[output, k]
                )
                coef[output, k] -= step * direction / metric[output, k]
