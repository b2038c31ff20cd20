"""Columns that may be other than what they are taken for, which a note says: dates as text, and identifiers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import islice

import numpy as np

from craig_cli.formats.messages import listed, printable, quoted
from craig_cli.tables.fingerprint import mixed

LOOKED_AT, MOST_OTHERS = 1000, 0.1  # of the different values of a text; share of those that are no dates
LEAST_ROWS = 20  # of fewer, numbers may be all different by chance
MOST = 1 << 18  # of which it is remembered that they were there; of more some, by their hashes
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
IDENTIFIER = re.compile(
    r"(.*[_\-. ])?(?:[iI][dD]|uid|UID)(_str)?|.*[a-z]I[dD]"
    r"|(?i:row[_\-. ]?(?:name|number|num|nr|index)s?|index|unnamed: 0)"  # as R, pandas and others write row numbers
)


def look_like_dates(values: Iterable[str]) -> bool:
    """Whether the different values of a text are dates, such as 31/12/2024, most of them."""
    first = list(islice(values, LOOKED_AT))
    return sum(DATE.fullmatch(value) is None for value in first) <= MOST_OTHERS * len(first) if first else False


class Counting:
    """What the numbers of the column ``name`` are, told piece by piece.

    whole  whether all of them are whole; rises, falls: whether each is above, or below, the one of the row before
    """

    def __init__(self, name: str) -> None:
        self.whole = self.rises = self.falls = True
        self.rows = 0
        self._ends: tuple[int, int] | None = None  # the first and the last, while they rise or fall
        self._different = Different() if IDENTIFIER.fullmatch(name) else None

    def add(self, numbers: np.ndarray) -> None:
        """Those (n,) of the next rows."""
        self.rows += len(numbers)
        self.whole = self.whole and numbers.dtype.kind in "iu"
        if not self.whole or not len(numbers):
            return
        if self._different is not None:
            self._different.add(numbers)
        if self.rises or self.falls:
            one, next_one = numbers[:-1], numbers[1:]
            rises, falls = bool((one < next_one).all()), bool((one > next_one).all())
            self._go_on(int(numbers[0]), int(numbers[-1]), rises, falls)

    def join(self, other: Counting) -> None:
        """What another has been told of the rows that follow."""
        self.rows += other.rows
        self.whole = self.whole and other.whole
        if self.whole and self._different is not None and other._different is not None:
            self._different.join(other._different)
        if (self.rises or self.falls) and other._ends is not None:
            self._go_on(*other._ends, other.rises, other.falls)

    def _go_on(self, first: int, last: int, rises: bool, falls: bool) -> None:
        before = self._ends
        self.rises = self.rises and rises and (before is None or before[1] < first)
        self.falls = self.falls and falls and (before is None or before[1] > first)
        self._ends = (first if before is None else before[0]), last

    @property
    def is_identifier(self) -> bool:
        """Whether they are all different and whole: they rise or fall from row to row, or are called so."""
        if not self.whole or self.rows < LEAST_ROWS:
            return False
        return self.rises or self.falls or (self._different is not None and self._different.all)


class Different:
    """Whether whole numbers are all different, in little memory: of many, whether those with the least hashes are."""

    def __init__(self) -> None:
        self._shift = 64  # the hashes that are remembered are below 2 to that
        self._hashes, self._waiting = np.empty(0, np.uint64), [np.empty(0, np.uint64)]
        self._twice = False  # whether one was

    def add(self, numbers: np.ndarray) -> None:
        unsigned = numbers.dtype == np.uint64
        self._wait(mixed(numbers if unsigned else numbers.astype(np.int64).view(np.uint64)))

    def join(self, other: Different) -> None:
        self._twice = self._twice or other._twice
        self._shift = min(self._shift, other._shift)
        self._hashes = self._below(self._hashes)
        for hashes in (other._hashes, *other._waiting):
            self._wait(hashes)

    def _wait(self, hashes: np.ndarray) -> None:
        if self._twice:
            return
        self._waiting.append(self._below(hashes))
        if sum(map(len, self._waiting)) > MOST:
            self._settle()

    def _below(self, hashes: np.ndarray) -> np.ndarray:
        return hashes if self._shift == 64 else hashes[hashes >> np.uint64(self._shift) == 0]

    def _settle(self) -> None:
        hashes = np.sort(np.concatenate([self._hashes, *map(self._below, self._waiting)]))
        self._waiting = []
        self._twice = self._twice or bool((hashes[1:] == hashes[:-1]).any())
        while len(hashes) > MOST:
            self._shift -= 1
            hashes = self._below(hashes)
        self._hashes = np.empty(0, np.uint64) if self._twice else hashes

    @property
    def all(self) -> bool:
        self._settle()
        return not self._twice


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
