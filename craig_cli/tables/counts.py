"""How often each value of a column of text is there, in as much memory as one allows.

Where that is too little for all values the most frequent stay, with counts that are too low by at most rows / values
that there is room for (Misra and Gries 1982, merged as in Agarwal et al. 2012). How many values differ is then counted
by their hashes: of 2^20 hashes those of the lower half stay, then those of the lower quarter, and so on (Wegman's
adaptive sampling, Flajolet 1990), which is off by about one in a thousand, or of fewer hashes by more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import islice

import numpy as np

from craig_cli.tables.fingerprint import bits_of_text, mixed
from craig_cli.tables.suspects import LOOKED_AT
from craig_cli.tables.texts import Texts

MOST, LEAST = 1 << 20, 1 << 14  # different values that are counted exactly, of one column and where there are many
OF_A_VALUE = 128  # bytes of one beside its characters


class Counts:
    """Of the values of ``rows`` rows, of which ``there`` have one; those of ``columns`` may take ``room`` bytes."""

    def __init__(self, room: float = math.inf, columns: int = 1) -> None:
        self.rows = self.there = 0
        self.counts: dict[str, int] = {}
        self._room, self._size = room / columns, 0
        self._most = max(LEAST, MOST // columns)
        self._hashes: Hashes | None = None  # of all values, where not all are in counts
        self._first: list[str] | None = None  # values, when some were let go

    @classmethod
    def of(cls, texts: Texts) -> Counts:
        """Of the rows that were kept."""
        seen, values, codes = cls(), texts.values, texts.codes
        _, *counts = np.bincount(codes + 1, minlength=len(values) + 1).tolist()  # MISSING is -1
        seen.counts = {value: count for value, count in zip(values, counts) if count}
        seen.rows, seen.there = len(codes), sum(counts)
        return seen

    def add(self, other: Counts) -> None:
        """Those of more rows, of which all values are there."""
        self.rows += other.rows
        self.there += other.there
        for value, count in other.counts.items():
            before = self.counts.get(value)
            if before is None:
                self._size += OF_A_VALUE + len(value)
            self.counts[value] = count + (before or 0)
        if self._hashes is not None:
            self._hashes.add(other.counts)
        if self._size > self._room:
            self._hashes = self._hashes or Hashes(self.counts, self._most)
            self._drop()

    def _drop(self) -> None:
        """All but the most frequent values, which take half of the room."""
        self._first = self._first or self.first
        order = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))
        size, kept = 0, 0
        while size + OF_A_VALUE + len(order[kept][0]) <= self._room / 2:
            size += OF_A_VALUE + len(order[kept][0])
            kept += 1
        less = order[kept][1]
        self.counts = {value: count - less for value, count in order[:kept] if count > less}
        self._size = sum(OF_A_VALUE + len(value) for value in self.counts)

    @property
    def first(self) -> list[str]:
        """Some values, of which there are enough the first LOOKED_AT."""
        return self._first or list(islice(self.counts, LOOKED_AT))

    @property
    def different(self) -> int:
        """How many values there are."""
        return len(self.counts) if self._hashes is None else min(self.there, self._hashes.different)

    @property
    def words(self) -> float:
        """Of a value, on average over those that differ."""
        if self._hashes is not None:
            return self._hashes.words
        return sum(len(value.split()) for value in self.counts) / len(self.counts)


class Hashes:
    """Those of different ``values`` below a limit, at most ``most``, with the number of words in each."""

    def __init__(self, values: Iterable[str], most: int = MOST) -> None:
        self._most = most
        self._halved = 0  # how often the limit was
        self._hashes, self._words = np.empty(0, np.uint64), np.empty(0, np.int64)
        self._waiting: list[tuple[np.ndarray, np.ndarray]] = []
        self._count = 0  # of those that wait
        self.add(values)

    def add(self, values: Iterable[str]) -> None:
        texts = list(values)
        hashes = mixed(bits_of_text(texts)[:-1])
        kept = np.flatnonzero(self._below(hashes))
        words = np.fromiter((len(texts[number].split()) for number in kept.tolist()), np.int64, len(kept))
        self._waiting.append((hashes[kept], words))
        self._count += len(kept)
        if self._count > self._most:
            self._settle()

    def _below(self, hashes: np.ndarray) -> np.ndarray:
        return hashes >> np.uint64(64 - self._halved) == 0 if self._halved else np.ones(len(hashes), bool)

    def _settle(self) -> None:
        hashes = np.concatenate([self._hashes, *(hashes for hashes, _ in self._waiting)])
        words = np.concatenate([self._words, *(words for _, words in self._waiting)])
        self._hashes, first = np.unique(hashes, return_index=True)
        self._words = words[first]
        self._waiting, self._count = [], 0
        while len(self._hashes) > self._most:
            self._halved += 1
            kept = self._below(self._hashes)
            self._hashes, self._words = self._hashes[kept], self._words[kept]

    @property
    def different(self) -> int:
        """How many values there are, about."""
        self._settle()
        return len(self._hashes) << self._halved

    @property
    def words(self) -> float:
        self._settle()
        return float(self._words.mean())
