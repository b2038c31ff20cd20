"""What can be refused at a glance at the first input, before anything that takes time is begun."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa

from craig_cli.errors import UsageError
from craig_cli.formats import addresses, opened
from craig_cli.formats.choose import Asked, check_label
from craig_cli.formats.content import STDIN, Content
from craig_cli.formats.sniff import dialect_of


def check_first(paths: Sequence[str], reading: dict, gradients: bool = False, streamed: bool = False) -> None:
    """Raise DataError where the first input is not there, or is a table without the label or the weight asked for.

    reading, gradients  as ``formats.read_dataset`` takes them
    streamed            they are to be read in pieces: UsageError where they cannot

    A pipe, which can be read once, passes, but where all is to be read in pieces.
    """
    for path in paths:
        if path == STDIN or (addresses.exists(path) and not addresses.are_files([path])):
            if not streamed:
                return
            from craig_cli.formats.pieces import ONCE_ONLY

            raise UsageError(f"{addresses.shown(path)}: {ONCE_ONLY}")
    with opened(paths, reading.get("format")) as (kind, contents, shown):
        content = next(contents)
        if streamed:
            _check_streamed(paths, kind, content, reading)
        schema = _schema(kind, content, shown, reading)
        if schema is not None:
            check_label(shown, schema, replace(Asked.of(reading), gradients=gradients))


def _check_streamed(paths: Sequence[str], kind: str, content: Content, reading: dict) -> None:
    if kind == "libsvm":
        from craig_cli.formats.text_pieces import check_text

        check_text(paths, content.shown, reading)
    else:
        from craig_cli.formats.pieces import check_input

        check_input(kind, content, reading)


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
