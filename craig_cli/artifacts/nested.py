"""Nested coresets in one coreset file: the first rows of the largest are a coreset too, with weights of their own.

For each smaller size k there is a column ``weight_k`` (float64, null from rank k on) after the four of the contract,
which are those of the largest size, and in the metadata under ``sizes`` an entry for every size, the largest included:

size           k
epsilon        bound on the gradient error of the first k rows with the weights of that size
weights        how those were made, with the ``calibration`` where there was one
quotas, class_epsilon  elements and bound of each class, in the order of ``classes``

Columns, not numbers in the metadata: any reader of Parquet has the weights of a size by name (``WHERE rank < k``), and
nobody has to parse a footer of 100,000 numbers to read the rest.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from craig_cli.amounts import Amount, amount_of, in_words, rows_of
from craig_cli.errors import DataError, UsageError
from craig_cli.formats.arrow import to_numpy


@dataclass(frozen=True)
class Size:
    """A size of a nested coreset: its weights (size,) float64, in greedy order, and its entry in the metadata."""

    weight: np.ndarray
    facts: dict

    def __len__(self) -> int:
        return len(self.weight)


def column_of(size: int) -> str:
    """The column of the weights of a size."""
    return f"weight_{size}"


def with_columns(table: pa.Table, sizes: tuple[Size, ...]) -> pa.Table:
    """``table`` with the weights of the smaller ``sizes``."""
    for each in sizes:
        rest = pa.nulls(len(table) - len(each), pa.float64())
        column = pa.chunked_array([pa.concat_arrays([pa.array(each.weight, pa.float64()), rest])])
        table = table.append_column(pa.field(column_of(len(each)), pa.float64()), column)
    return table


def taken_from(path: str | os.PathLike, table: pa.Table, facts: dict) -> tuple[pa.Table, tuple[Size, ...]]:
    """(the table without the columns of smaller sizes, those sizes). Raises DataError where they are damaged."""
    entries = facts.get("sizes")
    if entries is None:
        return table, ()
    valid = isinstance(entries, list) and all(_is_valid(entry) for entry in entries)
    counts = [entry["size"] for entry in entries] if valid else []
    if not counts or counts[-1] != len(table) or counts != sorted(set(counts)):
        raise DataError(f'{path}: expected ascending sizes up to {len(table)} in the metadata\'s "sizes", found others')
    sizes = []
    for entry in entries[:-1]:
        name = column_of(entry["size"])
        if table.column_names.count(name) != 1 or table.schema.field(name).type != pa.float64():
            raise DataError(f"{path}: expected a column {name} of float64, found none or another")
        column = table.column(name)
        if column[: entry["size"]].null_count or column[entry["size"] :].null_count != len(table) - entry["size"]:
            raise DataError(f"{path}: {name}: expected {entry['size']} weights and then none, found others")
        weight = to_numpy(column[: entry["size"]].combine_chunks())
        if not np.isfinite(weight).all() or (weight < 0).any() or not 0 < weight.sum() < np.inf:
            raise DataError(f"{path}: {name}: expected finite weights of 0 or more, not all 0, found others")
        sizes.append(Size(weight, entry))
        table = table.drop_columns([name])
    return table, tuple(sizes)


def _is_valid(entry) -> bool:
    if not isinstance(entry, dict):
        return False
    numbers = [entry.get("epsilon"), *(entry[key] for key in ("quotas", "class_epsilon") if _is_list(entry.get(key)))]
    return (
        type(entry.get("size")) is int
        and entry["size"] >= 1
        and isinstance(entry.get("weights"), str)
        and isinstance(entry.get("calibration", {}), dict)
        and _is_list(entry.get("quotas"))
        and _is_list(entry.get("class_epsilon"))
        and all(type(each) in (int, float) and math.isfinite(each) and each >= 0 for each in _flat(numbers))
    )


def _is_list(value) -> bool:
    return isinstance(value, list)


def _flat(values):
    for value in values:
        yield from value if isinstance(value, list) else (value,)


def find(coreset, amount: Amount | str, name: str) -> Size | None:
    """The stored size that ``amount`` means, None for the whole coreset. Raises UsageError for one that is not there.

    name  what to call the coreset in the message
    """
    n_rows, known = coreset.metadata.get("n", len(coreset)), [*map(len, coreset.sizes), len(coreset)]
    wanted = rows_of(amount_of(amount), n_rows)
    if wanted == len(coreset):
        return None
    if wanted not in known:
        asked = in_words(wanted, n_rows)
        if len(known) == 1:
            there = in_words(known[0], n_rows)
            raise UsageError(f"size: {name} has one size only, {there}, found {asked}; select --sizes makes several")
        raise UsageError(f"size: {name} has {', '.join(in_words(each, n_rows) for each in known)}, found {asked}")
    return coreset.sizes[known.index(wanted)]


def facts_of(facts: dict, size: Size, whole: int) -> dict:
    """The metadata of a size by itself: as of a selection of that size, and under ``from`` what it was taken from."""
    own = size.facts
    classes = [
        entry | {"quota": quota, "epsilon": bound}
        for entry, quota, bound in zip(facts.get("classes", []), own["quotas"], own["class_epsilon"])
    ]
    of_size = {key: value for key, value in facts.items() if key not in ("sizes", "calibration")}
    of_size |= {"size": len(size), "classes": classes, "weights": own["weights"], "from": {"size": whole}}
    if "calibration" in own:
        of_size["calibration"] = own["calibration"]
    if isinstance(facts.get("at"), dict):  # the gradient error there was measured with the weights of the whole
        of_size["at"] = {key: value for key, value in facts["at"].items() if key != "gradient_error"}
    return of_size
