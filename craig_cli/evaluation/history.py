"""Training runs beside each other: residual and error against seconds and against gradient evaluations.

A history that was written with ``craig train --monitor`` carries the objective on all rows and the error on test rows
at each epoch; these are what is compared. Without, there is the objective of the rows that were trained on, which for
a coreset is another function.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

ERRORS = ("error_rate", "rmse")


@dataclass(frozen=True)
class Run:
    """One history as arrays over its epochs, (e,) float64; ``seconds`` with the offset.

    objective  on the data ``measured_on``, or on the training rows where that is None
    error      error rate or RMSE (``error_kind``) on the data ``error_on``; None where nothing was monitored
    """

    name: str
    epoch: np.ndarray
    seconds: np.ndarray
    evaluations: np.ndarray
    objective: np.ndarray
    measured_on: str | None
    error: np.ndarray | None
    error_kind: str | None
    error_on: str | None
    offset: float = 0.0

    def residual(self, optimum: float) -> np.ndarray:
        """(e,) objective - optimum; of nearly equal numbers, so good to about 1e-13 of the objective."""
        return self.objective - optimum


def run_of(name: str, lines: list[dict], offset: float = 0.0, data: str | None = None) -> Run:
    """The history ``lines`` (artifacts/history.py) as a Run.

    Of several monitored data sets the objective is that of the one called ``data``, or else the first; the error is
    that of the last.
    """
    monitored = [line.get("monitor") or [] for line in lines]
    names = [each["data"] for each in monitored[0]]
    main = names.index(data) if data in names else 0
    error_kind = next((kind for kind in ERRORS if names and kind in monitored[0][-1]), None)
    objective = [each[main]["objective"] if names else line["objective"] for each, line in zip(monitored, lines)]
    return Run(
        name=name,
        epoch=np.array([line["epoch"] for line in lines]),
        seconds=np.array([line["seconds"] for line in lines], dtype=np.float64) + offset,
        evaluations=np.array([line["gradient_evaluations"] for line in lines], dtype=np.float64),
        objective=np.array(objective, dtype=np.float64),
        measured_on=names[main] if names else None,
        error=None if error_kind is None else np.array([each[-1][error_kind] for each in monitored], np.float64),
        error_kind=error_kind,
        error_on=names[-1] if error_kind else None,
        offset=offset,
    )


def summary(run: Run, optimum: float | None) -> dict:
    """The run's last epoch and its whole curve, as plain values; residuals where the ``optimum`` is known."""
    curve = {
        "epoch": _plain(run.epoch),
        "seconds": _plain(run.seconds),
        "gradient_evaluations": _plain(run.evaluations),
        "objective": _plain(run.objective),
        "residual": None if optimum is None else _plain(run.residual(optimum)),
        "error": None if run.error is None else _plain(run.error),
    }
    last = {key: None if values is None else values[-1] for key, values in curve.items()}
    return {
        "history": run.name,
        "offset": run.offset,
        "objective_on": run.measured_on or "training rows",
        "error_on": run.error_on,
        "error_kind": run.error_kind,
        **last,
        "seconds_to_within": _reached(run, optimum),
        "curve": curve,
    }


def _plain(numbers: np.ndarray) -> list:
    return [value if math.isfinite(value) else None for value in numbers.tolist()]


def _reached(run: Run, optimum: float | None) -> dict | None:
    """Seconds until the residual is at most each power of ten that it gets below."""
    if optimum is None:
        return None
    seconds = {}
    residual = run.residual(optimum)
    for power in range(0, -13, -1):
        below = np.flatnonzero(residual <= 10.0**power)
        if len(below) == 0 or not math.isfinite(residual[below[0]]):
            break
        seconds[f"1e{power}"] = float(run.seconds[below[0]])
    return seconds
