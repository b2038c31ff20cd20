"""Step sizes alpha_k of epoch k = 0, 1, ...

constant      a0
exponential   a0 * b^k                 (section 5.1: "often worked better")
k-inverse     a0 / (1 + b k)           (section 5.1)
power         a0 / (k + 1)^tau         (theorems 1 and 2)
auto          a0 / (1 + b k)^2, b such that the last epoch has the step that the optimizer asks for

auto lies between k-inverse, which is best where the curvature is known exactly and very slow where it was
taken for too large, and exponential, which is safe and spends most epochs at steps whose noise hides what
they gain.
"""

from __future__ import annotations

import math

from craig_cli.errors import UsageError
from craig_cli.registry import SCHEDULES

DEFAULT_DECAY = {"exponential": 0.8, "k-inverse": 1.0, "power": 0.75}
DECAYS_TO_TRY = {
    "exponential": (0.8, 0.9, 0.65, 0.5),
    "k-inverse": (1.0, 0.3, 3.0, 10.0),
    "power": (0.75, 0.5, 1.0, 1.5),
}


def steps_of(
    schedule: str, first: float, decay: float | None, epochs: int, last: float
) -> tuple[list[float], float | None]:
    """(alpha_k for k < ``epochs``, the decay in force). Raises UsageError for a decay that is none."""
    if schedule not in SCHEDULES:
        raise UsageError(f"--schedule: expected one of {', '.join(SCHEDULES)}, found {schedule!r}")
    if schedule == "auto":
        if decay is None:
            decay = (math.sqrt(max(1.0, first / last)) - 1.0) / max(1, epochs - 1)
        return [first / (1.0 + decay * k) ** 2 for k in range(epochs)], decay
    if schedule == "constant":
        return [first] * epochs, None
    decay = DEFAULT_DECAY[schedule] if decay is None else decay
    if not decay > 0 or (schedule == "exponential" and decay > 1):
        most = " and at most 1" if schedule == "exponential" else ""
        raise UsageError(f"--decay: expected a number above 0{most} for the {schedule} schedule, found {decay:g}")
    if schedule == "exponential":
        return [first * decay**k for k in range(epochs)], decay
    if schedule == "k-inverse":
        return [first / (1.0 + decay * k) for k in range(epochs)], decay
    return [first / (k + 1) ** decay for k in range(epochs)], decay
