"""The weighted objective and its gradient over all rows, in the coordinates the optimizers work in.

    F(w) = (1/r) sum_j g_j phi(y_j, <w, x_j>) + 1/2 sum_k penalty_k w_k^2        (equation 1 with weights)

plus a linear function of w where a correction is in force (refine.py), for r rows whose weights g_j have mean 1.
The rows are cut into blocks that depend on nothing but r; a block is one kernel call, and the blocks' sums are added
in order, so the result is the same at any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from craig_cli.jit import njit
from craig_cli.training.losses import to_slopes, value
from craig_cli.training.rows import add, dot, span

_ROWS_A_BLOCK = 4096
_MOST_BLOCKS = 16


def map_blocks(work: Callable[[int, int], object], n_rows: int, threads: int) -> list:
    """[work(start, stop) for each block of rows], in the order of the blocks, on ``threads`` threads."""
    blocks = max(1, min(_MOST_BLOCKS, n_rows // _ROWS_A_BLOCK))
    ends = [n_rows * block // blocks for block in range(blocks + 1)]
    if threads < 2 or blocks == 1:
        return [work(start, stop) for start, stop in pairwise(ends)]
    with ThreadPoolExecutor(min(threads, blocks)) as pool:
        return list(pool.map(work, ends[:-1], ends[1:]))


def evaluate(problem, coef: np.ndarray, threads: int = 1, slopes: np.ndarray | None = None, loss: bool = True):
    """(objective, gradient) at ``coef`` (k, columns): a float and an array of the same shape.

    ``slopes`` (r, k), where given, receives d phi / d margin of each row. Without ``loss`` the objective is that of the
    penalty alone, and the time it takes is saved.
    """
    if slopes is None:
        slopes = np.empty((0, coef.shape[0]))

    def block(start, stop):
        part = np.zeros_like(coef)
        total = _accumulate(
            *problem.rows, problem.gamma, problem.loss, start, stop, coef, part, slopes, np.empty(len(coef)), loss
        )
        return total, part

    parts = map_blocks(block, problem.n_rows, threads)
    total = sum(part[0] for part in parts) / problem.n_rows
    gradient = np.add.reduce([part[1] for part in parts]) / problem.n_rows
    penalised = problem.penalty * coef
    total, gradient = float(total + 0.5 * (penalised * coef).sum()), gradient + penalised
    if problem.linear is not None:
        return total + problem.constant + float((problem.linear * coef).sum()), gradient + problem.linear
    return total, gradient


@njit
def _accumulate(data, indices, indptr, labels, gamma, loss, start, stop, coef, gradient, slopes, margins, summed):
    n_outputs, n_columns = coef.shape
    total = 0.0
    for row in range(start, stop):
        lo, hi = span(indices, indptr, row, n_columns)
        for output in range(n_outputs):
            margins[output] = dot(data, indices, lo, hi, coef[output])
        if summed:
            total += gamma[row] * value(loss, labels[row], margins)
        to_slopes(loss, labels[row], margins)
        for output in range(n_outputs):
            add(data, indices, lo, hi, gamma[row] * margins[output], gradient[output])
        if slopes.shape[0] > 0:
            for output in range(n_outputs):
                slopes[row, output] = margins[output]
    return total
