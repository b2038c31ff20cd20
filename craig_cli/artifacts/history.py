"""The history of a training run: JSON lines, one object an epoch."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from craig_cli.artifacts import strict_json
from craig_cli.artifacts.files import STDIO, write_bytes
from craig_cli.errors import DataError, os_error

LARGEST = 1e300  # JSON has whole numbers that float64 has not
KEYS = ("epoch", "seconds", "gradient_evaluations", "objective", "gradient_norm", "step")


def write_history(path: str | os.PathLike, epochs: Iterable[dict]) -> None:
    """Write one line an epoch, all or nothing.

    ``seconds`` is kernel time after compilation; ``gradient_evaluations`` counts single-row gradients so far;
    ``objective`` and ``gradient_norm`` are of the weighted training rows at the end of the epoch. Besides KEYS, where
    they were asked for: ``validation_loss``; ``monitor``, a list of {"data": name, "loss": mean loss, "objective":
    loss + l2/2 ||w||^2, "error_rate" or "rmse"}, one for each data set, measured outside the clock.

    With ``--refine`` each line has its ``round``, 0 for the training on the coreset, whose epochs count on. In later
    rounds ``objective`` and ``gradient_norm`` are of the corrected objective. Each pass over all rows has a line of its
    own, without a step: ``all_rows`` true, ``objective`` and ``gradient_norm`` those of all rows, ``accepted``, and
    where it went back ``share`` of the way of its round.
    """
    lines = "".join(json.dumps(epoch, allow_nan=False) + "\n" for epoch in epochs)
    write_bytes(path, lambda stream: stream.write(lines.encode()))


def read_history(path: str | os.PathLike) -> list[dict]:
    """Read and check a history (``-`` is standard input), one dict an epoch. Raises DataError where it is not one."""
    try:
        raw = sys.stdin.buffer.read() if os.fspath(path) == STDIO else Path(path).read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except OSError as error:
        raise os_error(error, path, "read") from error
    lines: list[dict] = []
    for number, text in enumerate(raw.splitlines(), start=1):
        try:
            line = strict_json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}:{number}: expected one JSON object an epoch, found something else") from error
        if not isinstance(line, dict) or any(key not in line for key in KEYS):
            raise DataError(f"{path}:{number}: expected an epoch with {', '.join(KEYS)}, found something else")
        numbers = [line[key] for key in KEYS if not (key == "step" and line[key] is None)]
        if not all(_is_number(value) for value in numbers):
            raise DataError(f"{path}:{number}: expected numbers in {', '.join(KEYS)}, found something else")
        _check_monitor(path, number, line, lines[0] if lines else line)
        lines.append(line)
    if not lines:
        raise DataError(f"{path}: expected a history with at least one epoch, found an empty file")
    return lines


def _check_monitor(path: str | os.PathLike, number: int, line: dict, first: dict) -> None:
    """Every epoch measures the same on the same data sets."""
    monitor = line.get("monitor", [])
    valid = isinstance(monitor, list) and all(
        isinstance(each, dict)
        and isinstance(each.get("data"), str)
        and "objective" in each
        and all(value is None or _is_number(value) for key, value in each.items() if key != "data")
        for each in monitor
    )
    if not valid or [_measured(each) for each in monitor] != [_measured(each) for each in first.get("monitor", [])]:
        raise DataError(f"{path}:{number}: expected the same monitored data in every epoch, found something else")


def _measured(monitored: dict) -> tuple:
    return monitored["data"], sorted(monitored)


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < LARGEST
