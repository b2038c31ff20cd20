"""Text that repeats: a column of its own for each of the most frequent values, one for the rest, one for missing.

A value that the training data has not is the rest; where that had no rest it is a row of zeros. An empty text is
missing, and space around a value does not count.
"""

from __future__ import annotations

import heapq

import numpy as np

from craig_cli.tables.counts import Counts
from craig_cli.tables.kind import Block, Kind, OneHot
from craig_cli.tables.storage import NUMBER, TEXT
from craig_cli.tables.texts import Texts

MOST_VALUES = 32  # with a column of their own


def fit(seen: Counts) -> dict:
    """The most frequent values, the more frequent first, and whether there are others and missing ones."""
    most = heapq.nsmallest(MOST_VALUES, seen.counts.items(), key=lambda item: (-item[1], item[0]))
    chosen = [value for value, _ in most]
    return {"values": chosen, "rest": seen.different > len(chosen), "missing": seen.there < seen.rows}


def names(column: str, facts: dict) -> list[str]:
    more = [f"{column} is another"] * facts["rest"] + [f"{column} is missing"] * facts["missing"]
    return [f"{column}={value}" for value in facts["values"]] + more


def encode(texts: Texts, facts: dict) -> list[Block]:
    n_values = len(facts["values"])
    codes_of = {value: code for code, value in enumerate(facts["values"])}
    rest = n_values if facts["rest"] else -1
    missing = n_values + facts["rest"] if facts["missing"] else -1
    columns = np.array([*(codes_of.get(value, rest) for value in texts.values), missing], dtype=np.int16)
    return [OneHot(columns[texts.codes], n_values + facts["rest"] + facts["missing"])]  # MISSING is the last


def check(facts: dict) -> bool:
    values = facts.get("values")
    return (
        isinstance(values, list)
        and all(isinstance(value, str) for value in values)
        and len(set(values)) == len(values)
        and isinstance(facts.get("rest"), bool)
        and isinstance(facts.get("missing"), bool)
    )


def says(facts: dict) -> str:
    more = ["the rest"] * facts["rest"] + ["missing"] * facts["missing"]
    return f"one of {len(facts['values'])} values" + (f", {' or '.join(more)}" if more else "")


CATEGORY = Kind(reads=(TEXT, NUMBER), names=names, encode=encode, check=check, says=says)
