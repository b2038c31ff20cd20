"""Nesterov's momentum (1983), in the form of Sutskever, Martens, Dahl and Hinton (2013), in the frame of momentum.py:

    v <- beta v + (1 - beta) g_j grad phi_j(w),      w <- P(w - alpha (beta v + (1 - beta) g_j grad phi_j(w)
                                                                     + g_j penalty * w))

so that a step goes where the velocity is about to lead.
"""

from __future__ import annotations

from functools import partial

from craig_cli.training.optimizers import Optimizer, momentum, sgd

NESTEROV = Optimizer(
    "nesterov", partial(momentum.start, ahead=True), momentum.run, sgd.auto_steps, options=momentum.OPTIONS
)
