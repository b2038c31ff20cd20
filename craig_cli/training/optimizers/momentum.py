"""Incremental gradient with momentum (Qian 1999):

    v <- beta v + (1 - beta) g_j grad phi_j(w),      w <- P(w - alpha (v + g_j penalty * w))

With the factor 1 - beta, alpha means what it means for sgd. The penalty acts at once: it carries no noise
to average. Looking ahead (nesterov.py), w moves by beta v + (1 - beta) g_j grad phi_j instead of v.

Of sparse data, a column goes on moving with the velocity it has left though no row touches it; the t steps
it missed are made up for in closed form, alpha v (beta + ... + beta^t), when a row next does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from craig_cli.jit import inner, njit
from craig_cli.training.optimizers import Optimizer, sgd
from craig_cli.training.optimizers.batches import add_batch_gradient
from craig_cli.training.projection import project
from craig_cli.training.rows import settle, settle_all, span

OPTIONS = (("momentum", 0.9),)


@dataclass
class State:
    """velocity, gradient, drift (k, columns); settled and moved (columns,): penalty paid, steps coasted."""

    coef: np.ndarray
    velocity: np.ndarray
    gradient: np.ndarray
    drift: np.ndarray
    margins: np.ndarray
    settled: np.ndarray
    moved: np.ndarray
    batch: int
    beta: float
    ahead: bool
    radius: float
    every: int


def start(problem, visits, coef, options, ahead: bool = False) -> State:
    return State(
        coef=coef,
        velocity=np.zeros_like(coef),
        gradient=problem.drift(len(visits)),
        drift=problem.drift(len(visits)),
        margins=np.empty(problem.n_outputs),
        settled=np.zeros(problem.n_columns),
        moved=np.zeros(problem.n_columns, np.int64),
        batch=options["batch_size"],
        beta=options["momentum"],
        ahead=ahead,
        radius=options["radius"],
        every=problem.steps_a_projection(options["batch_size"]),
    )


def run(problem, visits, state: State, order, step) -> int:
    _epoch(
        *problem.rows,
        visits.share,
        order,
        problem.loss,
        problem.penalty,
        problem.ball,
        step,
        state.beta,
        state.ahead,
        state.batch,
        state.radius,
        state.every,
        state.coef,
        state.velocity,
        state.gradient,
        state.drift,
        state.margins,
        state.settled,
        state.moved,
    )
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
    beta,
    ahead,
    batch,
    radius,
    every,
    coef,
    velocity,
    gradient,
    drift,
    margins,
    settled,
    moved,
):
    n_outputs, n_columns = coef.shape
    clock = 0.0
    time = 0
    for first in range(0, order.size, batch):
        last = first + batch if first + batch < order.size else order.size
        time += 1
        if indices is not None:
            for turn in range(first, last):
                lo, hi = span(indices, indptr, order[turn], n_columns)
                settle(indices, lo, hi, clock, settled, penalty, coef)
                _coast(indices, lo, hi, time - 1, step, beta, ahead, coef, velocity, moved)
        due = step * add_batch_gradient(
            data, indices, indptr, labels, share, order, first, last, loss, coef, margins, gradient
        )
        clock += due
        if indices is None:
            for output in range(n_outputs):
                _move(due, penalty, step, beta, ahead, coef[output], velocity[output], gradient[output], drift[output])
        else:
            for turn in range(first, last):
                lo, hi = span(indices, indptr, order[turn], n_columns)
                _move_touched(indices, lo, hi, time, step, beta, ahead, coef, velocity, gradient, moved)
        if radius > 0.0 and (time % every == 0 or last == order.size):
            _coast_all(indices, time, step, beta, ahead, coef, velocity, moved)
            settle_all(indices, clock, settled, penalty, coef)
            clock = 0.0
            time = 0
            project(coef, ball, None, radius)
    _coast_all(indices, time, step, beta, ahead, coef, velocity, moved)
    settle_all(indices, clock, settled, penalty, coef)


@inner
def _speed(speed, gradient, beta, ahead):
    """(velocity, what w moves by) after a gradient."""
    fresh = (1.0 - beta) * gradient
    speed = beta * speed + fresh
    return speed, (beta * speed + fresh if ahead else speed)


@inner
def _move(due, penalty, step, beta, ahead, coef, velocity, gradient, drift):
    for k in range(coef.size):
        velocity[k], move = _speed(velocity[k], gradient[k], beta, ahead)
        coef[k] -= step * move + due * penalty[k] * coef[k]
        gradient[k] = drift[k]


@inner
def _move_touched(indices, lo, hi, time, step, beta, ahead, coef, velocity, gradient, moved):
    for position in range(lo, hi):
        k = indices[position]
        if moved[k] < time:  # once a batch
            moved[k] = time
            for output in range(coef.shape[0]):
                velocity[output, k], move = _speed(velocity[output, k], gradient[output, k], beta, ahead)
                coef[output, k] -= step * move
                gradient[output, k] = 0.0


@inner
def _coast(indices, lo, hi, time, step, beta, ahead, coef, velocity, moved):
    for position in range(lo, hi):
        k = indices[position]
        if moved[k] < time:
            way, left = _way(time - moved[k], step, beta, ahead)
            moved[k] = time
            for output in range(coef.shape[0]):
                coef[output, k] -= way * velocity[output, k]
                velocity[output, k] *= left


@inner
def _coast_all(indices, time, step, beta, ahead, coef, velocity, moved):
    if indices is not None:
        for k in range(moved.size):
            way, left = _way(time - moved[k], step, beta, ahead)
            moved[k] = 0
            for output in range(coef.shape[0]):
                coef[output, k] -= way * velocity[output, k]
                velocity[output, k] *= left


@inner
def _way(missed, step, beta, ahead):
    """(how far a velocity of 1 goes in the steps missed, what is left of it)."""
    left = math.exp(missed * math.log(beta)) if beta > 0.0 and missed > 0 else 1.0 - (missed > 0)
    way = step * beta * (1.0 - left) / (1.0 - beta)
    return (beta * way if ahead else way), left


MOMENTUM = Optimizer("momentum", start, run, sgd.auto_steps, options=OPTIONS)
