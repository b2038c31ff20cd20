"""Arrow IPC files (Feather) and streams, by pyarrow's own reader."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.feather

from craig_cli.dataset import Dataset
from craig_cli.formats.addresses import is_address, open_file
from craig_cli.formats.choose import Asked
from craig_cli.formats.content import Content
from craig_cli.formats.parquet import table_of
from craig_cli.formats.table import TableInput, pieces_of_tables, read_tables, refusals

FILE, STREAM, FIRST_FEATHER = b"ARROW1", b"\xff\xff\xff\xff", b"FEA1"
MAGICS = (FILE, STREAM, FIRST_FEATHER)


@contextlib.contextmanager
def _opened(path: str, shown: str, kept: bytearray | None = None) -> Iterator[Any]:
    """The reader of a stream or a file; of the first version of Feather, which has none, the source."""
    with contextlib.ExitStack() as stack, refusals(shown, "Arrow"):
        source = stack.enter_context(pa.BufferReader(kept) if kept is not None else _mapped(path))
        magic = bytes(source.read(8))
        source.seek(0)
        if magic.startswith(FIRST_FEATHER):
            yield source
        else:
            yield stack.enter_context((pa.ipc.open_stream if magic.startswith(STREAM) else pa.ipc.open_file)(source))


@contextlib.contextmanager
def _batches(path: str, shown: str, kept: bytearray | None) -> Iterator[tuple[pa.Schema, list[pa.RecordBatch]]]:
    with _opened(path, shown, kept) as reader:
        if isinstance(reader, pa.NativeFile):
            table = pyarrow.feather.read_table(reader)
            yield table.schema, table.to_batches()
        elif isinstance(reader, pa.RecordBatchStreamReader):
            yield reader.schema, list(reader)
        else:
            yield reader.schema, [reader.get_batch(number) for number in range(reader.num_record_batches)]


def _mapped(path: str) -> pa.NativeFile:
    return open_file(path) if is_address(path) else pa.memory_map(path, "rb")


def schema_of(path: str, shown: str) -> pa.Schema | None:
    """Of a file on disk, without a look at its rows; None of the first version of Feather."""
    with _opened(path, shown) as reader:
        return None if isinstance(reader, pa.NativeFile) else reader.schema


def look(content: Content, kept: bytearray | None) -> TableInput:
    """Schema and number of rows; the columns of a file on disk are mapped, not read."""
    with _batches(content.path, content.shown, kept) as (schema, batches):
        n_rows = sum(len(batch) for batch in batches)
    return TableInput(content.shown, "Arrow", schema, n_rows, partial(_pieces, content.path, content.shown, kept))


def _pieces(path: str, shown: str, kept: bytearray | None, columns, wanted, threads: int):
    with _batches(path, shown, kept) as (schema, batches):
        first = 0
        for batch in batches:
            batch.validate(full=True)  # what is damaged may point anywhere
            if len(batch) and wanted(first, first + len(batch)):
                table = pa.Table.from_batches([batch], schema)
                yield first, table if columns is None else table.select(columns)
            first += len(batch)


def read(contents: Iterable[Content], *, asked: Asked, rows: np.ndarray | None, threads: int) -> Dataset:
    """The rows of all ``contents`` as one Dataset; see ``craig_cli.formats.read_dataset``."""
    return read_tables(contents, look, asked, rows, threads)


def pieces(contents: Iterable[Content], *, asked: Asked, threads: int) -> Iterator[Dataset]:
    """The same, a piece at a time; see ``craig_cli.formats.pieces_of``."""
    return pieces_of_tables(contents, look, asked, threads)


def write(stream: BinaryIO, features: np.ndarray, labels: np.ndarray) -> None:
    """Write features (n, d) and labels (n,) as columns x1..xd and "label"."""
    pyarrow.feather.write_feather(table_of(features, labels), stream)
