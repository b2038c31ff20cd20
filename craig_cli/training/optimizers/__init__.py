"""The optimizers, one file each. An ``Optimizer`` is what such a file registers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Optimizer:
    """An incremental gradient method.

    start      start(problem, visits, coef, options) -> state, a dict with "coef" (k, columns), changed in
               place
    run        run(problem, visits, state, order, step) -> row gradients computed: one epoch over the rows
               ``order``
    auto_step  auto_step(problem, visits, batch_size) -> the first step, from the data
    vanishing  whether noise in the gradient asks for steps that go to zero; saga and svrg remove the noise
               instead
    batches    whether ``batch_size`` means anything to it
    options    its own options with their defaults, such as momentum=0.9
    """

    name: str
    start: Callable
    run: Callable
    auto_step: Callable
    vanishing: bool = True
    batches: bool = True
    options: tuple[tuple[str, float], ...] = ()
