"""Columns that may be other than what they are taken for, which a note says: dates as text, and identifiers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import islice

import numpy as np

from craig_cli.formats.messages import listed, printable, quoted

LOOKED_AT, MOST_OTHERS = 1000, 0.1  # of the different values of a text; share of those that are no dates
LEAST_ROWS = 20  # of fewer, numbers may be all different by chance
AS_DATES = "as columns of dates (in CSV: 2024-12-31) they are days"
_DAY, _YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:\d{4}|\d{2})"
_TWO_DAY, _TWO_MONTH = r"(?:0[1-9]|[12]\d|3[01])", r"(?:0[1-9]|1[0-2])"
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DATES = (
    rf"\d{{4}}([-/.]){_DAY}\1{_DAY}",
    rf"{_DAY}([-/.]){_DAY}\2\d{{4}}",
    rf"(?:{_TWO_MONTH}([-/.]){_TWO_DAY}\3|{_TWO_DAY}([-/.]){_TWO_MONTH}\4)\d\d|\d\d([-/.]){_TWO_MONTH}\5{_TWO_DAY}",
    rf"{_DAY}[ -]?{_MONTH}[ ,-]*{_YEAR}",
    rf"{_MONTH} {_DAY},? \d{{4}}",
)
DATE = re.compile(rf"(?:{'|'.join(_DATES)})(?:[T ,]+\d\d?:\d\d.*)?", re.IGNORECASE)
IDENTIFIER = re.compile(r"(.*[_\-. ])?[iI][dD]|.*[a-z]I[dD]")


def look_like_dates(values: Iterable[str]) -> bool:
    """Whether the different values of a text are dates, such as 31/12/2024, most of them."""
    first = list(islice(values, LOOKED_AT))
    return sum(DATE.fullmatch(value) is None for value in first) <= MOST_OTHERS * len(first) if first else False


class Counting:
    """What the numbers of a column are, told piece by piece.

    whole  whether all of them are whole; counts: whether they go up by one from row to row
    """

    def __init__(self) -> None:
        self.whole = self.counts = True
        self._next: int | None = None

    def add(self, numbers: np.ndarray) -> None:
        """Those (n,) of the next rows."""
        self.whole = self.whole and numbers.dtype.kind in "iu"
        if not (self.whole and self.counts and len(numbers)):
            return
        first, last = int(numbers[0]), int(numbers[-1])
        follows = self._next in (None, first) and last - first == len(numbers) - 1
        self.counts = follows and bool((np.diff(numbers) == 1).all())
        self._next = last + 1


def is_identifier(name: str, counting: Counting, values: np.ndarray) -> bool:
    """Whether the numbers (n,) of a column are all different and whole, and count the rows or are called so."""
    if not counting.whole or len(values) < LEAST_ROWS:
        return False
    return counting.counts or (IDENTIFIER.fullmatch(name) is not None and len(np.unique(values)) == len(values))


def notes(dates: Sequence[str], identifiers: Sequence[str]) -> list[str]:
    """A line on columns that are dates, taken as text, and one on those that are identifiers, taken as numbers."""
    lines = []
    if dates:
        lines.append(f"{_quoted(dates)}: dates, taken as text; {AS_DATES}")
    if identifiers:
        they = "they are" if len(identifiers) > 1 else "it is"
        lines.append(
            f"{_quoted(identifiers)}: whole numbers that are all different, as identifiers are; "
            f"--exclude {','.join(printable(name[:40]) for name in identifiers[:12])} if {they}"
        )
    return lines


def _quoted(names: Sequence[str]) -> str:
    return listed([quoted(name) for name in names])
