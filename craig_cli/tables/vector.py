"""Lists of numbers, all of one length: a column for each place."""

from __future__ import annotations

import numpy as np

from craig_cli.tables.kind import Block, Kind
from craig_cli.tables.storage import VECTOR as VECTORS


def names(column: str, facts: dict) -> list[str]:
    return [f"{column}[{element}]" for element in range(facts["width"])]


def encode(values: np.ndarray, facts: dict) -> list[Block]:
    return [values]


def check(facts: dict) -> bool:
    return type(facts.get("width")) is int and 0 <= facts["width"] < 2**31


def says(facts: dict) -> str:
    return f"{facts['width']} numbers"


VECTOR = Kind(reads=(VECTORS,), names=names, encode=encode, check=check, says=says)
