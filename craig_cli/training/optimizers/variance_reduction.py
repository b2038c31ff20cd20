"""The step saga and svrg share. With s_j the slope of phi_j where row j was remembered, a visit to row j does

    w <- P(w - alpha * (g_j/m_j (phi'_j(w) - s_j) x_j + mean + penalty * w)),    mean = average of g_j s_j x_j

over the visits of an epoch (orders.py), whose noise vanishes at the optimum, so that alpha can stay as it is.
svrg remembers all rows at the start of an epoch; saga updates what it remembers of row j, and the mean, as
it goes.

Of sparse data, a column moves by the mean and the penalty at every step though no row touches it. Sparse SAGA
(Leblond, Pedregosa and Lacoste-Julien 2017) moves it when a row does, by the inverse of the share p_k of visits that
do: the same in expectation and over an epoch,

    w_k <- w_k - a_k (mean_k + penalty_k w_k),      a_k = (alpha/p_k) / (1 + penalty_k alpha/p_k)

which is implicit in the penalty, stable for any p_k, and stands still exactly at the optimum. All that a step needs
of a column lies in one cache line. Under a radius the optimum has mean + penalty w != 0, so there what was missed in t
steps is made up for to the letter: w <- (w - t alpha mean) / (1 + t alpha penalty) when a row next touches it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from craig_cli.jit import inner, njit
from craig_cli.training.losses import to_slopes
from craig_cli.training.objective import evaluate
from craig_cli.training.projection import project
from craig_cli.training.rows import AHEAD, SUMS, add, dot, fetch, span

# What the sparse steps keep of a column, side by side.
_COEF, _MEAN, _RATE, _PENALTY = range(4)
_PARTS = 4


def auto_steps(problem, visits, batch_size: int, n_steps: int) -> tuple[float, float]:
    """1 / (2 * stiffest visit), and it stays."""
    step = 0.5 / visits.stiffest
    return step, step


@dataclass
class State:
    """What the two keep.

    mean     (k, columns) average over the visits of an epoch of g_j s_j x_j; slopes (r, k): the s_j
    touched  (columns,) visits that touch each, and ``table`` (k, columns, _PARTS), of sparse rows without a radius
    settled  (columns,) steps that a column has been moved by
    epochs   that there were: of svrg since the start, of saga whether the slopes are remembered
    """

    coef: np.ndarray
    mean: np.ndarray
    slopes: np.ndarray
    settled: np.ndarray
    margins: np.ndarray
    radius: float
    threads: int
    every: int
    touched: np.ndarray | None = None
    table: np.ndarray | None = None
    epochs: int = 0


def start(problem, visits, coef, options) -> State:
    state = State(
        coef=coef,
        mean=np.zeros_like(coef),
        slopes=np.zeros((problem.n_rows, problem.n_outputs)),
        settled=np.zeros(problem.n_columns, np.int64),
        margins=np.empty(problem.n_outputs),
        radius=options["radius"],
        threads=options["threads"],
        every=problem.steps_a_projection(1),
    )
    if problem.indices is not None and not options["radius"]:
        state.touched = np.zeros(problem.n_columns)
        _count(problem.indices, problem.indptr, visits.rows, state.touched)
        state.table = _aligned((problem.n_outputs, problem.n_columns, _PARTS))
    return state


def remember(problem, visits, state) -> int:
    """Take the slopes of all rows, and their mean, at the coefficients as they are; returns their number."""
    coef = state.coef
    _, gradient = evaluate(problem, coef, state.threads, state.slopes, loss=False)
    # Averages here are over visits, of which there may be more than rows.
    state.mean[:] = (gradient - problem.penalty * coef) * (problem.n_rows / len(visits))
    return problem.n_rows


def epoch(problem, visits, state, order, step: float, update: bool) -> int:
    if state.table is not None:
        return _sparse_epoch(problem, visits, state, order, step, update)
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
        state.radius,
        state.every,
        state.coef,
        state.mean,
        state.slopes,
        state.settled,
        state.margins,
    )
    return len(order)


def _sparse_epoch(problem, visits, state, order, step: float, update: bool) -> int:
    coef, mean, table, touched = state.coef, state.mean, state.table, state.touched
    penalty = problem.penalty * (problem.n_rows / len(visits))
    rate = np.divide(step * len(visits), touched, out=np.zeros_like(touched), where=touched > 0)
    table[..., _COEF] = coef
    table[..., _MEAN] = mean
    table[..., _RATE] = rate / (1.0 + rate * penalty)
    table[..., _PENALTY] = penalty
    _sparse_steps(
        *problem.rows, problem.gamma, visits.share, order, problem.loss, step, len(visits), update, table,
        state.slopes, state.margins,
    )  # fmt: skip
    # No row has anything to say of a column that none touches: it has the penalty only, and a correction's mean.
    way = len(order) * step
    coef[...] = np.where(touched > 0, table[..., _COEF], (coef - way * mean) / (1.0 + way * penalty))
    mean[...] = table[..., _MEAN]
    return len(order)


def _aligned(shape: tuple[int, ...]) -> np.ndarray:
    """Zeros that start at a cache line."""
    size = int(np.prod(shape))
    room = np.zeros(size + 8)
    start = -room.ctypes.data % 64 // 8
    return room[start : start + size].reshape(shape)


@njit
def _count(indices, indptr, rows, touched):
    """touched (columns,) += how often the visits ``rows`` touch each column."""
    for turn in range(rows.size):
        for position in range(indptr[rows[turn]], indptr[rows[turn] + 1]):
            touched[indices[position]] += 1.0


@njit
def _sparse_steps(
    data, indices, indptr, labels, gamma, share, order, loss, step, n_visits, update, table, slopes, margins
):
    n_outputs, n_columns, _ = table.shape
    for turn in range(order.size):
        if turn + AHEAD < order.size:
            fetch(data, indices, indptr, order[turn + AHEAD], n_columns)
        row = order[turn]
        lo, hi = indptr[row], indptr[row + 1]
        for output in range(n_outputs):
            margins[output] = _dot_in_table(data, indices, lo, hi, table[output])
        to_slopes(loss, labels[row], margins)
        for output in range(n_outputs):
            change = margins[output] - slopes[row, output]
            change_of_mean = 0.0
            if update:
                slopes[row, output] = margins[output]
                change_of_mean = gamma[row] * change / n_visits
            _move_in_table(data, indices, lo, hi, -step * share[row] * change, change_of_mean, table[output])


@inner(fastmath=SUMS)
def _dot_in_table(data, indices, lo, hi, table):
    total = 0.0
    values, columns = data[lo:hi], indices[lo:hi]
    for position in range(values.size):
        total += values[position] * table[columns[position], _COEF]
    return total


@inner(fastmath=SUMS)
def _move_in_table(data, indices, lo, hi, scale, change_of_mean, table):
    values, columns = data[lo:hi], indices[lo:hi]
    for position in range(values.size):
        k = columns[position]
        coef, mean = table[k, _COEF], table[k, _MEAN]
        pull = mean + table[k, _PENALTY] * coef
        table[k, _COEF] = coef - table[k, _RATE] * pull + scale * values[position]
        table[k, _MEAN] = mean + change_of_mean * values[position]


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


@inner(fastmath=SUMS)
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


@inner
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


@inner
def _catch_up_all(indices, time, step, penalty, mean, settled, coef):
    if indices is not None:
        for k in range(penalty.size):
            missed = step * (time - settled[k])
            shrink = 1.0 / (1.0 + missed * penalty[k])
            for output in range(coef.shape[0]):
                coef[output, k] = (coef[output, k] - missed * mean[output, k]) * shrink
            settled[k] = 0
