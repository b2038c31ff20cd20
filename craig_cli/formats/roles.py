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


def with_roles(schema: pa.Schema, scale: str, ratio: float, **roles: str) -> pa.Schema:
    """``schema`` with what its columns are, such as ``weight="weight"``, and what the weights are."""
    return schema.with_metadata(
        {KEY: json.dumps({"kind": KIND, **roles, "weights": scale, "mean_weight": ratio}).encode()}
    )


def roles_of(schema: pa.Schema) -> dict[str, str]:
    """Role -> column, of those the schema has; empty for a table of anybody else."""
    try:
        found = json.loads((schema.metadata or {}).get(KEY, b"{}"))
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict) or found.get("kind") != KIND:
        return {}
    return {role: name for role, name in found.items() if role in ("weight", "rank") and name in schema.names}
