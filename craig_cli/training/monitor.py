"""Other rows on which a model is followed while it is trained: its loss, objective and error there.

They take no part in the training, which runs as it would without them.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

import numpy as np

from craig_cli.dataset import Dataset
from craig_cli.jit import njit
from craig_cli.training.losses import error, value
from craig_cli.training.objective import map_blocks
from craig_cli.training.problem import Problem
from craig_cli.training.rows import dot, span


@dataclass(frozen=True)
class Monitor:
    """``name`` of the data; ``problem`` has its rows in the optimizer's coordinates, with the user's penalty."""

    name: str
    problem: Problem

    def measure(self, coef: np.ndarray, threads: int) -> dict:
        """What a line of the history says of ``coef`` (k, columns): data, loss, objective, error_rate or rmse.

        Means over the rows as often as they count, in the user's units; None where they are beyond float64.
        """
        problem = self.problem

        def block(start, stop):
            return _measure(*problem.rows, problem.gamma, problem.loss, start, stop, coef, np.empty(len(coef)))

        parts = map_blocks(block, problem.n_rows, threads)
        loss, wrong = (sum(part[which] for part in parts) / problem.n_rows for which in (0, 1))
        scale = problem.label_scale
        measured = {
            "loss": loss * scale**2,
            "objective": (loss + 0.5 * float((problem.penalty * coef * coef).sum())) * scale**2,
        }
        if problem.classes:
            measured["error_rate"] = wrong
        else:
            measured["rmse"] = math.sqrt(wrong) * scale
        return {"data": self.name} | {
            key: number if math.isfinite(number) else None for key, number in measured.items()
        }


def build_monitor(problem: Problem, dataset: Dataset, threads: int) -> Monitor:
    """``dataset`` as a monitor of the model of ``problem``. Raises DataError as ``Problem.on``."""
    return Monitor(os.path.basename(dataset.name), problem.on(dataset, problem.penalty, threads))


@njit
def _measure(data, indices, indptr, labels, gamma, loss, start, stop, coef, margins):
    """(sum of gamma * phi, sum of gamma * error); the error is 0 or 1, of a regression the squared residual."""
    n_outputs, n_columns = coef.shape
    total = 0.0
    wrong = 0.0
    for row in range(start, stop):
        lo, hi = span(indices, indptr, row, n_columns)
        for output in range(n_outputs):
            margins[output] = dot(data, indices, lo, hi, coef[output])
        total += gamma[row] * value(loss, labels[row], margins)
        wrong += gamma[row] * error(loss, labels[row], margins)
    return total, wrong
