"""The encoding of a table the slow and obvious way, a value at a time, of plain Python values."""

from __future__ import annotations

import collections
import datetime

MOST_VALUES = 32


def number(values: list) -> list[list[float]]:
    """The columns that numbers and booleans become, None for one that is missing."""
    there = [float(value) for value in values if value is not None]
    mean = sum(there) / len(there)
    columns = [[mean if value is None else float(value) for value in values]]
    if len(there) < len(values):
        columns.append([float(value is None) for value in values])
    return columns


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
