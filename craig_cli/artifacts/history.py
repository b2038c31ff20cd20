"""The history of a training run: JSON lines, one object an epoch."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable

from craig_cli.artifacts.files import write_bytes

KEYS = ("epoch", "seconds", "gradient_evaluations", "objective", "gradient_norm", "step")


def write_history(path: str | os.PathLike, epochs: Iterable[dict]) -> None:
    """Write one line an epoch, all or nothing.

    ``seconds`` is kernel time after compilation; ``gradient_evaluations`` counts single-row gradients so far;
    ``objective`` and ``gradient_norm`` are of the weighted training rows at the end of the epoch. Besides KEYS, where
    they were asked for: ``validation_loss``; ``monitor``, a list of {"data": name, "loss": mean loss, "objective":
    loss + l2/2 ||w||^2, "error_rate" or "rmse"}, one for each data set, measured outside the clock.
    """
    lines = "".join(json.dumps(epoch, allow_nan=False) + "\n" for epoch in epochs)
    write_bytes(path, lambda stream: stream.write(lines.encode()))
