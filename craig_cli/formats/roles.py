"""What a table that ``craig export`` wrote says of its columns, in its schema: which is the weight and which the rank.

Read again, they are not features: the weight counts rows, as a ``--weight-column`` does, and the rank is left out.
``weights`` says whether the weights count rows of the data ("sum") or have mean 1 ("mean"), ``mean_weight`` how many
rows of the data one stands for on average, n / r: a weight of mean 1 times this counts rows.
"""

from __future__ import annotations

import json

import pyarrow as pa

KEY = b"craig"
KIND = "table"
ORIGINAL = {"weight": "craig_weight", "rank": "craig_rank"}  # beside the columns of a table as they were


def with_roles(schema: pa.Schema, scale: str, ratio: float, **roles: str) -> pa.Schema:
    """``schema`` with what its columns are, such as ``weight="weight"``, and what the weights are."""
    facts = json.dumps({"kind": KIND, **roles, "weights": scale, "mean_weight": ratio})
    return schema.with_metadata({**(schema.metadata or {}), KEY: facts.encode()})


def roles_of(schema: pa.Schema) -> dict[str, str]:
    """Role -> column, of those the schema has; empty for a table of anybody else.

    Where there is no metadata, as in CSV, the names that ``craig export`` gives tell them.
    """
    if KEY not in (schema.metadata or {}):
        return {role: name for role, name in ORIGINAL.items() if name in schema.names}
    try:
        recorded = json.loads((schema.metadata or {}).get(KEY, b"{}"))
    except (ValueError, RecursionError):
        return {}
    if not isinstance(recorded, dict) or recorded.get("kind") != KIND:
        return {}
    return {role: name for role, name in recorded.items() if role in ("weight", "rank") and name in schema.names}
