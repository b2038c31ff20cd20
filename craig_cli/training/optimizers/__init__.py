"""The optimizers, one file each. An ``Optimizer`` is what such a file registers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Optimizer:
    """An incremental gradient method.

    start      start(problem, visits, coef, options) -> state, a record whose ``coef`` (k, columns) is changed
               in place
    run        run(problem, visits, state, order, step) -> row gradients computed: one epoch over the rows
               ``order``
    auto_steps auto_steps(problem, visits, batch_size, n_steps) -> (first, last) alpha, from the data
    batches    whether ``batch_size`` means anything to it
    remembers  whether it keeps row gradients from one epoch to the next, so that all epochs go over the same rows
    options    its own options with their defaults, such as momentum=0.9
    """

    name: str
    start: Callable
    run: Callable
    auto_steps: Callable
    batches: bool = True
    remembers: bool = False
    options: tuple[tuple[str, float], ...] = ()
