"""How many rows are meant: a whole number of them, or a share of the data, such as 500, 0.05 or 5%."""

from __future__ import annotations

import math
from numbers import Integral, Real

from craig_cli.errors import UsageError

Amount = int | float


def amount_of(value: object) -> Amount:
    """A number of rows (int, at least 1) or a share of them (float, above 0 and at most 1) from what was given.

    A float is a share; text is a number of rows, a share such as 0.05, or per cent such as 5%. Raises UsageError.
    """
    if isinstance(value, Integral) and not isinstance(value, bool):
        number: Amount = int(value)
    elif isinstance(value, Real) and not isinstance(value, bool):
        number = float(value)
    else:
        number = _of_text(value) if isinstance(value, str) else math.nan
    if not (1 <= number < 2**63 if isinstance(number, int) else 0.0 < number <= 1.0):
        raise UsageError(f"expected a number of rows or a share of them, such as 500 or 5%, found {str(value)[:40]!r}")
    return number


def share_of(text: str) -> float:
    """The number that a text is, of which 5% is 0.05; nan where it is none."""
    number, per_cent = text.strip(), 1.0
    if number.endswith("%"):
        number, per_cent = number[:-1], 100.0
    try:
        return float(number) / per_cent
    except ValueError:
        return math.nan


def _of_text(text: str) -> Amount:
    share = share_of(text)
    if text.strip().endswith("%") or 0.0 < share < 1.0:
        return share
    try:
        return int(text)
    except ValueError:
        return math.nan


def rows_of(amount: Amount, n_rows: int) -> int:
    """How many of ``n_rows`` an ``amount`` is: at least one; a number of rows is what it is."""
    return amount if isinstance(amount, int) else max(1, round(amount * n_rows))


def per_cent(share: float) -> str:
    """``0.35 %``, ``12 %``: two digits, and never 1e+02."""
    number = 100.0 * share
    return f"{number:.0f} %" if abs(number) >= 9.95 else f"{number:.2g} %"


def in_words(size: int, n_rows: int) -> str:
    """``500 (1 %)``: how many rows, and what share of all."""
    return f"{size:,} ({100 * size / n_rows:.3g} %)"
