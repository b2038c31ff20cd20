"""Dates and times as days since the first of the training data; times of day and durations as days."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from craig_cli.formats.arrow import to_numpy
from craig_cli.tables import number
from craig_cli.tables.kind import Block, Kind
from craig_cli.tables.storage import TIME as TIMES
from craig_cli.tables.storage import unwrapped

DAY = 86_400_000_000  # microseconds


def fit(values: pa.ChunkedArray) -> dict:
    """The first of them, the mean, and whether any is missing."""
    micros, there = _microseconds(values)
    since = str(np.datetime64(int(micros[there].min()), "us")) if _is_date(unwrapped(values).type) else None
    facts = {"since": since}
    return facts | number.fit(_days(micros, there, since))


def encode(values: pa.ChunkedArray, facts: dict) -> list[Block]:
    return number.encode(_days(*_microseconds(values), facts["since"]), facts)


def _days(micros: np.ndarray, there: np.ndarray, since: str | None) -> np.ndarray:
    origin = 0 if since is None else int(np.datetime64(since, "us").astype(np.int64))
    return np.where(there, (micros - origin) / DAY, np.nan)


def _is_date(kind: pa.DataType) -> bool:
    return pa.types.is_date(kind) or pa.types.is_timestamp(kind)


def _microseconds(column: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """(microseconds int64, whether there is one), (n,) each; of a date and of a timestamp since 1970 in UTC."""
    column = unwrapped(column)
    kind = column.type
    if pa.types.is_null(kind):
        return np.zeros(len(column), np.int64), np.zeros(len(column), bool)
    if _is_date(kind):
        target = pa.timestamp("us", getattr(kind, "tz", None))
    else:
        target = pa.duration("us") if pa.types.is_duration(kind) else pa.time64("us")
    if pa.types.is_time32(kind):
        column = column.cast(pa.time32("ms"))
    # Nanoseconds may be cut off; what is beyond microseconds in 64 bits, the year 294,000, is an error.
    whole = column.cast(target, safe=getattr(kind, "unit", "s") != "ns").cast(pa.int64())
    return to_numpy(whole.fill_null(0)), to_numpy(whole.is_valid()).astype(bool)


def check(facts: dict) -> bool:
    since = facts.get("since")
    try:
        usable = since is None or (isinstance(since, str) and not np.isnat(np.datetime64(since, "us")))
    except ValueError:
        return False
    return usable and number.check(facts)


def says(facts: dict) -> str:
    since = "" if facts["since"] is None else f" since {facts['since'].removesuffix('T00:00:00.000000')}"
    return f"days{since}; missing: {facts['mean']:.6g}" + (" and an indicator" if facts["missing"] else "")


TIME = Kind(reads=(TIMES,), names=number.names, encode=encode, check=check, says=says)
