"""JSON as the standard has it: no NaN, no Infinity, and no 1e999 that would become one."""

from __future__ import annotations

import json
import math


def loads(raw: bytes | str):
    """The value that ``raw`` says. Raises ValueError or RecursionError where that is nothing."""
    return json.loads(raw, parse_constant=_finite, parse_float=_finite)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a finite number")
    return number
