"""SVRG (Johnson and Zhang 2013) on weighted rows: a full gradient now and then, and steps around it.

As they recommend for convex problems, one full gradient serves for two epochs. The slopes at that point are kept, one
number a row and output, so that a step computes one gradient and not two.
"""

from __future__ import annotations

from craig_cli.training.optimizers import Optimizer, variance_reduction

_EPOCHS_A_GRADIENT = 2


def run(problem, visits, state, order, step) -> int:
    evaluations = 0
    if len(order):
        if state.epochs % _EPOCHS_A_GRADIENT == 0:
            evaluations = variance_reduction.remember(problem, visits, state)
        state.epochs += 1
    return evaluations + variance_reduction.epoch(problem, visits, state, order, step, update=False)


SVRG = Optimizer("svrg", variance_reduction.start, run, variance_reduction.auto_steps, batches=False, remembers=True)
