"""Numbers, booleans and decimals, as they are; a missing one is the mean, and 1 in an indicator column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from craig_cli.tables.kind import Block, Kind, OneHot, is_finite
from craig_cli.tables.storage import NUMBER as NUMBERS
from craig_cli.tables.suspects import Counting

BINS, BIN, UNIT = 67, 32, 1075  # bin k of a sum counts 2^(BIN k - UNIT), see kernels.add_exactly
TOGETHER = 1 << 30  # values that bins have room for


@dataclass
class Numbers:
    """What of a column has been seen: ``rows``, those that are ``there``, and the exact ``total`` of them / 2^-UNIT.

    counting  whether they may be identifiers, where somebody looked
    """

    rows: int = 0
    there: int = 0
    total: int = 0
    counting: Counting | None = None

    @classmethod
    def of(cls, values: np.ndarray, counting: Counting | None = None) -> Numbers:
        """Of (n,) numbers, nan where one is missing."""
        from craig_cli.tables.kernels import add_exactly

        seen, values = cls(len(values), counting=counting), np.ascontiguousarray(values, dtype=np.float64)
        for start in range(0, len(values), TOGETHER):
            bins = np.zeros(BINS, np.int64)
            seen.there += add_exactly(values[start : start + TOGETHER], bins)
            seen.total += sum(count << (BIN * place) for place, count in enumerate(bins.tolist()))
        return seen

    def add(self, other: Numbers) -> None:
        """Those of more rows."""
        self.rows += other.rows
        self.there += other.there
        self.total += other.total
        if self.counting is not None and other.counting is not None:
            self.counting.join(other.counting)


def fit(seen: Numbers) -> dict:
    """The mean of those that are there, rounded once, and whether any is missing."""
    return {"mean": seen.total / (seen.there << UNIT), "missing": seen.there < seen.rows}


def names(column: str, facts: dict) -> list[str]:
    return [column, f"{column} is missing"] if facts["missing"] else [column]


def encode(values: np.ndarray, facts: dict) -> list[Block]:
    missing = np.isnan(values)
    blocks: list[Block] = [np.where(missing, facts["mean"], values) if missing.any() else values]
    return [*blocks, OneHot.where(missing)] if facts["missing"] else blocks


def check(facts: dict) -> bool:
    return is_finite(facts.get("mean")) and isinstance(facts.get("missing"), bool)


def says(facts: dict) -> str:
    return f"as it is; missing: {facts['mean']:.6g}" + (" and an indicator" if facts["missing"] else "")


NUMBER = Kind(reads=(NUMBERS,), names=names, encode=encode, check=check, says=says)
