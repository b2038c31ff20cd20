"""Numbers, booleans and decimals, as they are; a missing one is the mean, and 1 in an indicator column."""

from __future__ import annotations

import numpy as np

from craig_cli.tables.kind import Block, Kind, OneHot, is_finite
from craig_cli.tables.storage import NUMBER as NUMBERS


def fit(values: np.ndarray) -> dict:
    """The mean of those that are there, and whether any is missing."""
    missing = np.isnan(values)
    any_missing = bool(missing.any())
    return {"mean": float(np.mean(values[~missing] if any_missing else values)), "missing": any_missing}


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
