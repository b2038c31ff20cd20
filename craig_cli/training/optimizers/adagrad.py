"""Adagrad (Duchi, Hazan and Singer 2011), for each coordinate, with d = g_j grad f_j of the row or batch:

    s <- s + d^2,        w <- P(w - alpha d / (sqrt(s) + tiny))

in the frame of adaptive.py.
"""

from __future__ import annotations

from craig_cli.training.optimizers import Optimizer
from craig_cli.training.optimizers.adaptive import ADAGRAD_CODE, runner, start


def auto_steps(problem, visits, batch_size: int, n_steps: int) -> tuple[float, float]:
    """The first step moves a margin by about 10, whatever the data's units; the rest as measured."""
    first = 10.0 / problem.row_width
    return first, 0.03 * first


ADAGRAD = Optimizer("adagrad", start, runner(ADAGRAD_CODE), auto_steps)
