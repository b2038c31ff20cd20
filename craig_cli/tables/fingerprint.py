"""The content of columns as one fingerprint, however a file holds it: compressed, in pieces, text as dictionaries.

That of a column is the sum of mix(value) * odd(row) modulo 2^64, which can be made piece by piece in any order. Numbers
count as float64, times as microseconds, text by its characters without space around it; all that is missing is one
value. Columns go by name, so their order does not count. It tells data that was changed or mixed up, as a checksum
does; it is no protection against somebody who wants it to be the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from craig_cli.formats.pipeline import Workers

PREFIX = "rows:"
MISSING = np.array([np.nan]).view(np.uint64)
CELLS_TOGETHER = 8192  # so that they stay in the cache from one step to the next
_HALF = np.uint64(32)
_ODD = np.uint64(0x9E3779B97F4A7C15)
_ROW, _MIX = np.uint64(0xD1342543DE82EF95), np.uint64(0xAF251AF3B0F025B5)


@dataclass(frozen=True)
class Bits:
    """A column as uint64: ``bits`` (n,) themselves, or with ``codes`` (n,) positions in them, whose last is MISSING."""

    bits: np.ndarray
    codes: np.ndarray | None = None


Values: TypeAlias = np.ndarray | Bits  # (n,) or (n, w) numbers, nan as numpy has it where one is missing


class Fingerprint:
    """Of the rows of one input from row ``first`` on, which are added piece by piece."""

    def __init__(self, workers: Workers, first: int = 0) -> None:
        self._workers = workers
        self._first = first
        self.rows = 0
        self._sums: dict[str, int] = {}

    def add(self, columns: Mapping[str, Values], n_rows: int) -> None:
        """The next ``n_rows`` rows of all columns."""
        vectors = {
            name: values for name, values in columns.items() if isinstance(values, np.ndarray) and values.ndim > 1
        }
        flat = [name for name in columns if name not in vectors]
        parts = [flat[start :: self._workers.threads] for start in range(self._workers.threads)]
        first = self._first + self.rows
        totals = [(name, _sum_of_vectors(values, first)) for name, values in vectors.items()]
        for names, sums in zip(parts, self._workers.map(lambda part: _sums(columns, part, first, n_rows), parts)):
            totals += zip(names, sums)
        self._add(totals, n_rows)

    def join(self, other: Fingerprint) -> None:
        """Add rows that another has, wherever they are in the input."""
        self._add(other._sums.items(), other.rows)

    def _add(self, totals: Iterable[tuple[str, int]], n_rows: int) -> None:
        for name, total in totals:
            self._sums[name] = (self._sums.get(name, 0) + total) % 2**64
        self.rows += n_rows

    def columns(self, names: Iterable[str]) -> dict[str, str]:
        """Name -> fingerprint of each column."""
        return {name: f"{self._sums[name]:016x}" for name in sorted(set(names) & self._sums.keys())}


def of_all(columns: Mapping[str, str], n_rows: int) -> str:
    """The fingerprint of ``n_rows`` rows from those of their columns."""
    lines = "".join(sorted(f"{bits} {name}\n" for name, bits in columns.items()))
    return PREFIX + hashlib.sha256(f"{n_rows}\n{lines}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


def bits_of_text(values: list[str]) -> np.ndarray:
    """(len(values) + 1,) uint64, the last those of a missing one."""
    lengths = np.fromiter(map(len, values), np.int64, len(values))
    letters = np.frombuffer("".join(values).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    ends = np.cumsum(lengths)
    positions = np.arange(len(letters)) - np.repeat(ends - lengths, lengths)
    letters += np.uint64(1)
    letters *= _multipliers(0, int(lengths.max(initial=0)))[positions]
    totals = np.concatenate([np.zeros(1, np.uint64), np.cumsum(letters, dtype=np.uint64)])
    bits = totals[ends] - totals[ends - lengths]
    bits *= _ODD
    bits ^= bits >> _HALF
    return np.concatenate([bits, MISSING])


def bits_of_whole(values: np.ndarray, exact: int) -> np.ndarray:
    """(n,) uint64 of integers of which some are beyond ``exact``, where float64 ends: those count by their own bits."""
    beyond = (values > exact) | (values < -exact)
    return np.where(beyond, values.astype(np.uint64), values.astype(np.float64).view(np.uint64))


def mixed(bits: np.ndarray) -> np.ndarray:
    """(n,) uint64, each bit of which depends on all (the end of SplitMix64, Steele, Lea and Flood 2014)."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def _multipliers(first: int, count: int) -> np.ndarray:
    """(count,) uint64, odd and without a pattern, of the rows from ``first``."""
    factors = np.arange(first, first + count, dtype=np.uint64)
    for factor in (_ROW, _MIX):
        factors *= factor
        factors ^= factors >> _HALF
    return factors | np.uint64(1)


def _sums(columns: Mapping[str, Values], names: list[str], first: int, n_rows: int) -> list[int]:
    totals = [0] * len(names)
    numbers, shifted = np.empty(CELLS_TOGETHER), np.empty(CELLS_TOGETHER, np.uint64)
    for begin in range(0, n_rows, CELLS_TOGETHER):
        end = min(begin + CELLS_TOGETHER, n_rows)
        row = _multipliers(first + begin, end - begin)
        sums, half = numbers[: end - begin], shifted[: end - begin]
        bits = sums.view(np.uint64)
        for number, name in enumerate(names):
            values = columns[name]
            if not isinstance(values, Bits):
                np.add(values[begin:end], 0.0, out=sums)  # of -0.0 as well it makes 0.0
            elif values.codes is None:
                bits[:] = values.bits[begin:end]
            else:
                np.take(values.bits, values.codes[begin:end], out=bits, mode="wrap")  # MISSING is -1
            bits *= _ODD
            np.right_shift(bits, _HALF, out=half)
            bits ^= half
            bits *= row
            totals[number] += int(bits.sum())
    return totals


def _sum_of_vectors(values: np.ndarray, first: int) -> int:
    n_rows, width = values.shape
    total, column = 0, _multipliers(1 << 32, width)
    together = max(1, CELLS_TOGETHER // max(width, 1))
    for begin in range(0, n_rows, together):
        bits = (values[begin : begin + together] + 0.0).astype(np.float64, copy=False).view(np.uint64)
        bits *= _ODD
        bits ^= bits >> _HALF
        bits *= column
        total += int((bits.sum(axis=1, dtype=np.uint64) * _multipliers(first + begin, len(bits))).sum())
    return total
