"""From the columns of the training data to their encoding: which kind, which values, and what can say nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from craig_cli.errors import DataError
from craig_cli.formats.messages import first_line, printable, quoted
from craig_cli.tables import category, number, text, time
from craig_cli.tables.category import MOST_VALUES
from craig_cli.tables.counts import Counts
from craig_cli.tables.encoding import Column, Encoding
from craig_cli.tables.number import Numbers
from craig_cli.tables.storage import NOTHING, NUMBER, TEXT, TIME
from craig_cli.tables.suspects import AS_DATES, Counting, look_like_dates, notes
from craig_cli.tables.texts import Texts
from craig_cli.tables.time import Span, Times

WORDS_OF_A_SENTENCE = 4.0  # on average, in text that is no category
OF_AN_IDENTIFIER = 0.9  # of the rows have values of their own


@dataclass
class Lists:
    """What of a column of lists has been seen: that all are so long."""

    width: int

    def add(self, other: Lists) -> None:
        """Those of more rows. Raises ArrowInvalid for others."""
        if other.width != self.width:
            raise pa.ArrowInvalid(f"expected {self.width} numbers, as in the rows before, found {other.width}")


Seen: TypeAlias = Numbers | Span | Counts | Lists  # what a column is fitted by, of rows that may be added up


def seen_in(values: np.ndarray | Texts | Times, counting: Counting | None) -> Seen:
    """What is to be seen in a column: numbers (n,), contiguous, or lists of them (n, w), texts or times."""
    if isinstance(values, Texts):
        return Counts.of(values)
    if isinstance(values, Times):
        return values.seen()
    return Numbers.of(values, counting) if values.ndim == 1 else Lists(values.shape[1])


def add_seen(shown: str, whole: dict[str, Seen], more: dict[str, Seen]) -> None:
    """Add to the ``whole`` what has been seen in the columns of more rows. Raises DataError where they do not fit."""
    for name, each in more.items():
        try:
            if name in whole:
                whole[name].add(each)  # type: ignore[arg-type]
            else:
                whole[name] = each
        except pa.ArrowException as error:
            raise DataError(f"{shown}: column {quoted(name)}: {first_line(error)}") from error


def fit_columns(
    shown: str, contents: dict[str, str], seen: dict[str, Seen], wanted: bool, declared: set[str]
) -> Encoding:
    """The encoding of columns, by what they hold (``storage.content_of``) and what was ``seen`` in them, in order.

    ``wanted``: they were asked for by name, so they are features also where they look like identifiers. ``declared``:
    those that their writer called categories. Raises DataError where none can be a feature.
    """
    columns, left_out = [], {}
    for name, each in seen.items():
        fitted = "no value in any row" if contents[name] == NOTHING else _fit(name, each, wanted, name in declared)
        if isinstance(fitted, Column):
            columns.append(fitted)
        else:
            left_out[name] = fitted
    if not columns:
        whys = "; ".join(f"{printable(name[:40])}: {why}" for name, why in left_out.items())
        raise DataError(f"{shown}: expected columns that can be features, found none ({whys[:200]})")
    return Encoding(tuple(columns), left_out)


def suspects_of(encoding: Encoding, seen: dict[str, Seen]) -> list[str]:
    """Notes on columns of the encoding that may be other than what they are taken for, by what was ``seen``."""
    dates, identifiers = [], []
    for name in (column.name for column in encoding.columns):
        each = seen.get(name)
        if isinstance(each, Counts) and look_like_dates(each.first):
            dates.append(name)
        elif isinstance(each, Numbers) and each.counting is not None and each.counting.is_identifier:
            identifiers.append(name)
    return notes(dates, identifiers)


def _fit(name: str, seen: Seen, wanted: bool, declared: bool) -> Column | str:
    """The column, or why it is left out."""
    if isinstance(seen, Lists):
        return Column(name, "vector", {"width": seen.width})
    if not seen.there:
        return "no value in any row"
    if isinstance(seen, Numbers):
        return Column(name, NUMBER, number.fit(seen))
    if isinstance(seen, Span):
        one = seen.there == seen.rows and seen.first == seen.last
        return "one value in all rows" if one else Column(name, TIME, time.fit(seen))
    return _fit_text(name, seen, wanted, declared)


def _fit_text(name: str, seen: Counts, wanted: bool, declared: bool) -> Column | str:
    different, there = seen.different, seen.there
    if different == 1 and there == seen.rows:
        return "one value in all rows"
    if different > MOST_VALUES and not declared:
        if seen.words >= WORDS_OF_A_SENTENCE:
            return Column(name, TEXT, text.fit(missing=there < seen.rows))
        if different > OF_AN_IDENTIFIER * there and not wanted:
            if look_like_dates(seen.first):
                return f"{different:,} different dates as text; {AS_DATES}"
            return f"{different:,} different values in {there:,} rows, as an identifier has"
    return Column(name, "category", category.fit(seen))
