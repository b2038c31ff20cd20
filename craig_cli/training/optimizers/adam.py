"""Adam (Kingma and Ba 2015), for each coordinate, with d = g_j grad f_j of the row or batch:

    m <- b1 m + (1 - b1) d,    v <- b2 v + (1 - b2) d^2,    w <- P(w - alpha m' / (sqrt(v') + tiny))

where m' and v' are m and v over 1 - b1^t and 1 - b2^t, the share of them that is not the zero they started from, in the
frame of adaptive.py. Of sparse data the t of a coordinate counts the times that a row touched it.
"""

from __future__ import annotations

from craig_cli.training.optimizers import Optimizer
from craig_cli.training.optimizers.adaptive import ADAM_CODE, runner, start


def auto_steps(problem, visits, batch_size: int, n_steps: int) -> tuple[float, float]:
    """The first step moves a margin by about 1, whatever the data's units; the rest as measured."""
    first = 1.0 / problem.row_width
    return first, (3e-4 if problem.coordinates.kind == "full" else 0.02) * first


ADAM = Optimizer("adam", start, runner(ADAM_CODE), auto_steps)
