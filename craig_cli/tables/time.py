"""Dates and times as days since the first of the training data; times of day and durations as days."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from craig_cli.formats.arrow import to_numpy
from craig_cli.tables import number
from craig_cli.tables.fingerprint import MISSING, Bits
from craig_cli.tables.kind import Block, Kind
from craig_cli.tables.storage import TIME as TIMES

DAY = 86_400_000_000  # microseconds


class Times:
    """A column of times, piece by piece, as microseconds; of a date and of a timestamp since 1970 in UTC."""

    def __init__(self, n_rows: int) -> None:
        self.micros, self.there = np.zeros(n_rows, np.int64), np.zeros(n_rows, bool)  # whether there is one
        self.filled = 0
        self.of: str | None = None  # "date", "time" or "duration"

    def read(self, column: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
        """(microseconds int64, whether there is one), (n,) each."""
        kind = column.type
        if pa.types.is_null(kind):
            return np.zeros(len(column), np.int64), np.zeros(len(column), bool)
        of = "date" if _is_date(kind) else "duration" if pa.types.is_duration(kind) else "time"
        if self.of is not None:
            _check_alike(self.of, of)
        self.of = of
        if of == "date":
            target = pa.timestamp("us", getattr(kind, "tz", None))
        else:
            target = pa.duration("us") if of == "duration" else pa.time64("us")
        if pa.types.is_time32(kind):
            column = column.cast(pa.time32("ms"))
        # Nanoseconds may be cut off; what is beyond microseconds in 64 bits, the year 294,000, is an error.
        whole = column.cast(target, safe=getattr(kind, "unit", "s") != "ns").cast(pa.int64())
        if not whole.null_count:
            return to_numpy(whole), np.ones(len(whole), bool)
        return to_numpy(whole.fill_null(0)), to_numpy(whole.is_valid()).astype(bool)

    def seen(self) -> Span:
        """What of the column has been seen."""
        rows, there = self.filled, self.there[: self.filled]
        if not there.any():
            return Span(rows)
        # Where there is none micros are 0; 64 bits have room for no sum of more.
        micros = self.micros[:rows]
        total = (int((micros >> 32).sum()) << 32) + int((micros & 0xFFFFFFFF).sum())
        some = micros if there.all() else micros[there]
        return Span(rows, len(some), total, int(some.min()), int(some.max()), self.of)

    def keep(self, micros: np.ndarray, there: np.ndarray) -> None:
        """Those of the next rows of the column."""
        rows = slice(self.filled, self.filled + len(micros))
        self.micros[rows], self.there[rows] = micros, there
        self.filled += len(micros)


@dataclass
class Span:
    """What of a column of times has been seen: ``rows``, those that are ``there``, and of these in microseconds the
    ``total``, the first and the last.
    """

    rows: int = 0
    there: int = 0
    total: int = 0
    first: int = 0
    last: int = 0
    of: str | None = None

    def add(self, other: Span) -> None:
        """That of more rows. Raises ArrowInvalid for times of another kind."""
        self.rows += other.rows
        if self.there and other.there:
            _check_alike(self.of, other.of)
            self.first, self.last = min(self.first, other.first), max(self.last, other.last)
        elif other.there:
            self.first, self.last, self.of = other.first, other.last, other.of
        self.there += other.there
        self.total += other.total


def _check_alike(one: str | None, other: str | None) -> None:
    if one != other:
        raise pa.ArrowInvalid("expected times of one kind, found dates, times of day or durations together")


def bits(micros: np.ndarray, there: np.ndarray) -> Bits:
    """What a fingerprint makes of them."""
    return Bits(np.where(there, micros.view(np.uint64), MISSING))


def fit(seen: Span) -> dict:
    """The first of them, the mean, rounded once, and whether any is missing."""
    since = str(np.datetime64(seen.first, "us")) if seen.of == "date" else None
    total = seen.total - (0 if since is None else seen.there * seen.first)
    return {"since": since, "mean": total / (seen.there * DAY), "missing": seen.there < seen.rows}


def encode(times: Times, facts: dict) -> list[Block]:
    return number.encode(_days(times, facts["since"]), facts)


def _days(times: Times, since: str | None) -> np.ndarray:
    origin = 0 if since is None else int(np.datetime64(since, "us").astype(np.int64))
    days = (times.micros - origin) / DAY
    days[~times.there] = np.nan
    return days


def _is_date(kind: pa.DataType) -> bool:
    return pa.types.is_date(kind) or pa.types.is_timestamp(kind)


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
