"""The gradient of a batch of rows, for the optimizers that keep more than w for each coordinate."""

from __future__ import annotations

from craig_cli.jit import inner
from craig_cli.training.losses import to_slopes
from craig_cli.training.rows import AHEAD, add, dot, fetch, span


@inner
def add_batch_gradient(data, indices, indptr, labels, share, order, first, last, loss, coef, margins, gradient):
    """gradient += mean over the batch order[first:last] of share_j grad phi_j; returns the mean share.

    The mean share is how much of the penalty's gradient belongs to the step.
    """
    n_outputs, n_columns = coef.shape
    size = last - first
    due = 0.0
    for turn in range(first, last):
        if turn + AHEAD < order.size:
            fetch(data, indices, indptr, order[turn + AHEAD], n_columns)
        row = order[turn]
        lo, hi = span(indices, indptr, row, n_columns)
        for output in range(n_outputs):
            margins[output] = dot(data, indices, lo, hi, coef[output])
        to_slopes(loss, labels[row], margins)
        for output in range(n_outputs):
            add(data, indices, lo, hi, share[row] * margins[output] / size, gradient[output])
        due += share[row]
    return due / size
