"""What a table that ``craig export`` wrote says of its columns, in its schema: which is the weight and which the rank.

Read again, they are not features: the weight counts rows, as a ``--weight-column`` does, and the rank is left out.
"""

from __future__ import annotations

import json

import pyarrow as pa

KEY = b"craig"
KIND = "table"


def with_roles(schema: pa.Schema, **roles: str) -> pa.Schema:
    """``schema`` with what its columns are, such as ``weight="weight"``."""
    return schema.with_metadata({KEY: json.dumps({"kind": KIND, **roles}).encode()})


def roles_of(schema: pa.Schema) -> dict[str, str]:
    """Role -> column, of those the schema has; empty for a table of anybody else."""
    try:
        found = json.loads((schema.metadata or {}).get(KEY, b"{}"))
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict) or found.get("kind") != KIND:
        return {}
    return {role: name for role, name in found.items() if role in ("weight", "rank") and name in schema.names}
