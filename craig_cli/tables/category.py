"""Text that repeats: a column of its own for each of the most frequent values, one for the rest, one for missing.

A value that the training data has not is the rest; where that had no rest it is a row of zeros. An empty text is
missing, and space around a value does not count.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from craig_cli.formats.arrow import to_numpy
from craig_cli.tables.kind import Block, Kind, one_hot
from craig_cli.tables.storage import NUMBER, TEXT, as_text

MOST_VALUES = 32  # with a column of their own
MISSING = -1


def values_of(column: pa.ChunkedArray) -> tuple[list[str], np.ndarray]:
    """(different values in the order of their first rows, position in them of each row int64 or MISSING)."""
    if pa.types.is_null(column.type):
        return [], np.full(len(column), MISSING)
    places: dict[str, int] = {}
    codes = []
    for chunk in as_text(column).chunks:
        known = np.array(
            [
                MISSING if value is None or not value.strip() else places.setdefault(value.strip(), len(places))
                for value in chunk.dictionary.to_pylist()
            ]
            + [MISSING]
        )
        codes.append(known[to_numpy(pc.fill_null(chunk.indices, len(known) - 1))])
    return list(places), np.concatenate(codes) if codes else np.empty(0, np.int64)


def fit(values: list[str], codes: np.ndarray) -> dict:
    """The most frequent values, the more frequent first, and whether there are others and missing ones."""
    counts = np.bincount(codes[codes >= 0], minlength=len(values))
    order = sorted((place for place in range(len(values)) if counts[place]), key=lambda k: (-counts[k], values[k]))
    chosen = [values[place] for place in order[:MOST_VALUES]]
    return {"values": chosen, "rest": len(order) > MOST_VALUES, "missing": bool((codes < 0).any())}


def names(column: str, facts: dict) -> list[str]:
    more = [f"{column} is another"] * facts["rest"] + [f"{column} is missing"] * facts["missing"]
    return [f"{column}={value}" for value in facts["values"]] + more


def encode(values: pa.ChunkedArray, facts: dict) -> list[Block]:
    found, codes = values_of(values)
    n_values = len(facts["values"])
    places = {value: place for place, value in enumerate(facts["values"])}
    rest = n_values if facts["rest"] else -1
    missing = n_values + facts["rest"] if facts["missing"] else -1
    columns = np.array([*(places.get(value, rest) for value in found), missing], dtype=np.int64)
    return [one_hot(columns[codes], n_values + facts["rest"] + facts["missing"])]  # MISSING is the last


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
