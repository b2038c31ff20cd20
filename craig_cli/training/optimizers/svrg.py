"""SVRG (Johnson and Zhang 2013) on weighted rows: a full gradient each epoch, then steps around it.

The slopes at that point are kept, one number a row and output, so that a step computes one gradient and not
two.
"""

from __future__ import annotations

from craig_cli.training.optimizers import Optimizer, variance_reduction


def run(problem, visits, state, order, step) -> int:
    evaluations = variance_reduction.remember(problem, visits, state) if len(order) else 0
    return evaluations + variance_reduction.epoch(problem, visits, state, order, step, update=False)


SVRG = Optimizer("svrg", variance_reduction.start, run, variance_reduction.auto_steps, batches=False, remembers=True)
