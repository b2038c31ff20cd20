"""What can be refused at a glance at the first input, before anything that takes time is begun."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa

from craig_cli.formats import addresses, opened
from craig_cli.formats.choose import Asked, check_label
from craig_cli.formats.content import STDIN, Content
from craig_cli.formats.sniff import dialect_of


def check_first(paths: Sequence[str], reading: dict, gradients: bool = False) -> None:
    """Raise DataError where the first input is not there, or is a table without the label or the weight asked for.

    reading, gradients  as ``formats.read_dataset`` takes them

    A pipe, which can be read once, passes.
    """
    if any(path == STDIN or (addresses.exists(path) and not addresses.are_files([path])) for path in paths):
        return
    with opened(paths, reading.get("format")) as (kind, contents, shown):
        schema = _schema(kind, next(contents), shown, reading)
        if schema is not None:
            check_label(shown, schema, replace(Asked.of(reading), gradients=gradients))


def _schema(kind: str, content: Content, shown: str, reading: dict) -> pa.Schema | None:
    """Of a table; None where there is none, or only all of it would say."""
    if kind == "csv" and content.head:
        dialect = dialect_of(shown, content.head, reading.get("delimiter"), reading.get("header"))
        return pa.schema([pa.field(name, pa.null()) for name in dialect.names])
    if not content.whole_file:
        return None
    if kind == "parquet":
        from craig_cli.formats import parquet  # takes longer to import than LIBSVM text that is small to read

        return replace(parquet.look(content, None), fixed=content.fixed).whole_schema
    if kind == "arrow":
        from craig_cli.formats import ipc

        return ipc.schema_of(content.path, shown)
    return None
