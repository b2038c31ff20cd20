"""One schema for files whose columns differ: what is missing is null, whole numbers widen without losing a digit."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from craig_cli.errors import DataError
from craig_cli.formats.messages import first_line


def unified(schemas: Sequence[pa.Schema], shown: str) -> pa.Schema:
    """A schema that all rows fit. Raises DataError, which begins with ``shown``, where there is none."""
    try:
        return pa.unify_schemas(_with_all_digits(list(schemas)), promote_options="permissive")
    except pa.ArrowException as error:
        raise DataError(f"{shown}: cannot be one table with the others: {first_line(error)}") from error


def in_schema(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """``table`` with the columns of ``schema``, a unified one."""
    for name in table.column_names:
        kind = schema.field(name).type
        if pa.types.is_decimal(kind):  # which whole numbers do not become by themselves
            number = table.schema.get_field_index(name)
            table = table.set_column(number, schema.field(name), table.column(name).cast(kind))
    return pa.concat_tables([pa.Table.from_batches([], schema), table], promote_options="permissive")


def _with_all_digits(schemas: list[pa.Schema]) -> list[pa.Schema]:
    """``schemas``; a column that is uint64 in one and signed in another is decimal in all.

    pyarrow would make int64 of them, which has no room for the large ones.
    """
    kinds: dict[str, set[pa.DataType]] = {}
    for schema in schemas:
        for field in schema:
            kinds.setdefault(field.name, set()).add(field.type)
    for name, types in kinds.items():
        if pa.uint64() in types and any(map(pa.types.is_signed_integer, types)):
            schemas = [_with_type(schema, name, pa.decimal128(20, 0)) for schema in schemas]
    return schemas


def _with_type(schema: pa.Schema, name: str, kind: pa.DataType) -> pa.Schema:
    number = schema.get_field_index(name)
    return schema if number < 0 else schema.set(number, schema.field(number).with_type(kind))
