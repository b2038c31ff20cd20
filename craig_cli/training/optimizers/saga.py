"""SAGA (Defazio, Bach and Lacoste-Julien 2014) on weighted rows: remembers each row's last slope.

It keeps one number a row and output. The first epoch starts from the slopes of all rows at the start.
"""

from __future__ import annotations

from craig_cli.training.optimizers import Optimizer, variance_reduction


def run(problem, visits, state, order, step) -> int:
    evaluations = 0
    if state.epochs == 0 and len(order):
        evaluations = variance_reduction.remember(problem, visits, state)
        state.epochs = 1
    return evaluations + variance_reduction.epoch(problem, visits, state, order, step, update=True)


SAGA = Optimizer("saga", variance_reduction.start, run, variance_reduction.auto_steps, batches=False, remembers=True)
