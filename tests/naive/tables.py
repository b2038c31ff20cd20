"""The encoding of a table the slow and obvious way, a value at a time, of plain Python values."""

from __future__ import annotations

import collections
import datetime
import fractions
import hashlib
import math
import struct

MOST_VALUES = 32


def number(values: list) -> list[list[float]]:
    """The columns that numbers and booleans become, None for one that is missing."""
    there = [float(value) for value in values if value is not None]
    mean = sum(there) / len(there)
    columns = [[mean if value is None else float(value) for value in values]]
    if len(there) < len(values):
        columns.append([float(value is None) for value in values])
    return columns


def mean(values: list[float]) -> float:
    """The exact one, rounded once, of those that are no nan."""
    there = [fractions.Fraction(value) for value in values if not math.isnan(value)]
    return float(sum(there) / len(there))


def time(values: list[datetime.date | None]) -> list[list[float]]:
    """Days since the first."""
    first = min(value for value in values if value is not None)
    return number([None if value is None else (value - first) / datetime.timedelta(days=1) for value in values])


def category(values: list[str | None]) -> list[list[float]]:
    """A column for each of the most frequent values, one for the rest, one for what is missing."""
    values = [None if value is None or not value.strip() else value.strip() for value in values]
    counts = collections.Counter(value for value in values if value is not None)
    order = sorted(counts, key=lambda value: (-counts[value], value))
    chosen, rest = order[:MOST_VALUES], order[MOST_VALUES:]
    columns = [[float(value == each) for value in values] for each in chosen]
    if rest:
        columns.append([float(value in rest) for value in values])
    if None in values:
        columns.append([float(value is None) for value in values])
    return columns


def _odd(row: int) -> int:
    for factor in (0xD1342543DE82EF95, 0xAF251AF3B0F025B5):
        row = row * factor % 2**64
        row ^= row >> 32
    return row | 1


def _mixed(bits: int) -> int:
    bits = bits * 0x9E3779B97F4A7C15 % 2**64
    return bits ^ bits >> 32


def bits(value: float | str | None) -> int:
    """What a value counts as in a fingerprint: a number as float64, a text by its letters."""
    if isinstance(value, str):
        return _mixed(sum((ord(letter) + 1) * _odd(place) for place, letter in enumerate(value)) % 2**64)
    return int.from_bytes(struct.pack("<d", math.nan if value is None else value), "little")


def fingerprint(columns: dict[str, list[float | str | None]]) -> str:
    """That of the columns, row by row."""
    lines = []
    for name, values in columns.items():
        total = sum(_mixed(bits(value)) * _odd(row) for row, value in enumerate(values)) % 2**64
        lines.append(f"{total:016x} {name}\n")
    text = f"{len(values)}\n{''.join(sorted(lines))}"
    return "rows:" + hashlib.sha256(text.encode()).hexdigest()[:32]
