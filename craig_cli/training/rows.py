"""Rows inside kernels, dense and sparse through the same few functions: each optimizer is written once.

Row i is data[lo:hi] in the columns indices[lo:hi]. For dense data ``indices`` is None and the columns are
all of them in order; numba compiles a version for each and leaves out the branch that cannot be taken, so
the dense version is as fast as one written for dense data alone.

Shrinking by the penalty is due on every coordinate at every step. Dense data does so as it goes. Sparse data
keeps a clock, the sum of the rates so far, and settles a coordinate's debt when a row next touches it, by an
implicit step w <- w / (1 + penalty * due), which is stable for any debt; or the debts of all coordinates at once,
now and then, where they stay small.
"""

from __future__ import annotations

from craig_cli.jit import inner, prefetch

# Sums may be split over vector lanes; nothing else of IEEE arithmetic is given up (nan and inf must survive).
SUMS = {"reassoc", "contract", "nsz"}

AHEAD = 8  # rows between the one that is asked for and the one that is read
_MOST_LINES = 16


@inner
def span(indices, indptr, row, n_columns):
    """(lo, hi) of ``row``."""
    if indices is None:
        return row * n_columns, (row + 1) * n_columns
    return indptr[row], indptr[row + 1]


@inner
def fetch(data, indices, indptr, row, n_columns):
    """Ask for ``row`` to be brought into the cache."""
    lo, hi = span(indices, indptr, row, n_columns)
    if hi > lo + 8 * _MOST_LINES:
        hi = lo + 8 * _MOST_LINES
    for position in range(lo, hi, 8):
        prefetch(data, position)
    prefetch(data, hi - 1)  # the row may reach into one cache line more
    if indices is not None:
        for position in range(lo, hi, 16):
            prefetch(indices, position)
        prefetch(indices, hi - 1)


@inner(fastmath=SUMS)
def dot(data, indices, lo, hi, vector):
    """<x, vector> for the row at lo:hi."""
    total = 0.0
    values = data[lo:hi]
    if indices is None:
        for k in range(values.size):
            total += values[k] * vector[k]
    else:
        columns = indices[lo:hi]
        for position in range(values.size):
            total += values[position] * vector[columns[position]]
    return total


@inner(fastmath=SUMS)
def add(data, indices, lo, hi, scale, vector):
    """vector += scale * x."""
    values = data[lo:hi]
    if indices is None:
        for k in range(values.size):
            vector[k] += scale * values[k]
    else:
        columns = indices[lo:hi]
        for position in range(values.size):
            vector[columns[position]] += scale * values[position]


@inner(fastmath=SUMS)
def shrink_and_add(data, indices, lo, hi, rate, penalty, scale, vector):
    """vector <- (1 - rate * penalty) * vector + scale * x; of sparse data the latter only, see ``settle``."""
    if indices is None:
        values = data[lo:hi]
        for k in range(values.size):
            vector[k] += scale * values[k] - rate * penalty[k] * vector[k]
    else:
        add(data, indices, lo, hi, scale, vector)


@inner
def settle(indices, lo, hi, clock, settled, penalty, coef):
    """Sparse data only: the penalty that fell due on the columns of the row at lo:hi since last time."""
    if indices is not None:
        for position in range(lo, hi):
            k = indices[position]
            due = penalty[k] * (clock - settled[k])
            if due > 0.0:
                for output in range(coef.shape[0]):
                    coef[output, k] /= 1.0 + due
            settled[k] = clock


@inner
def shrink_all(due, penalty, coef):
    """coef <- coef / (1 + due * penalty)"""
    for output in range(coef.shape[0]):
        vector = coef[output]
        for k in range(vector.size):
            vector[k] /= 1.0 + due * penalty[k]


@inner
def settle_all(indices, clock, settled, penalty, coef):
    """Sparse data only: the same for every column, and set the clock's marks back to zero."""
    if indices is not None:
        for k in range(penalty.size):
            due = penalty[k] * (clock - settled[k])
            for output in range(coef.shape[0]):
                coef[output, k] /= 1.0 + due
            settled[k] = 0.0
