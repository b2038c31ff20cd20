"""Parquet: a piece of a row group at a time, however large the groups are; of texts a whole one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from craig_cli.dataset import Dataset
from craig_cli.errors import DataError
from craig_cli.formats.addresses import WIDEST, is_address, open_file
from craig_cli.formats.arrow import to_arrow
from craig_cli.formats.choose import Asked
from craig_cli.formats.content import Content
from craig_cli.formats.table import TableInput, pieces_of_tables, read_tables, refusals

PIECE = 1 << 24  # bytes of a piece, had it float64 in all columns of the file
MOST, LEAST = 65_536, 1024  # rows of one
AHEAD = 1 << 18  # bytes read at a time of each column: else all of a row group would be, as it lies in the file
FAR = 1 << 26  # bytes at an address, where each time takes long: of row groups that are read as a whole, or a time


@contextlib.contextmanager
def opened(path: str, shown: str, kept: bytearray | None = None, coded: Sequence[str] = ()) -> Iterator[pq.ParquetFile]:
    """The file ``path``, or of what is none on disk its content ``kept``; ``coded`` columns come as dictionaries."""
    with contextlib.ExitStack() as stack, refusals(shown, "Parquet"):
        source = stack.enter_context(pa.BufferReader(kept) if kept is not None else open_file(path))
        ahead, footer, at_once = AHEAD, None, False
        if is_address(path):
            footer = pq.read_metadata(source)
            ahead = min(WIDEST, max(AHEAD, FAR // max(1, footer.num_columns)))
            at_once = all(_bytes_of(footer.row_group(group)) <= FAR for group in range(footer.num_row_groups))
        file = pq.ParquetFile(
            source, metadata=footer, read_dictionary=list(coded), buffer_size=ahead, pre_buffer=at_once
        )
        yield stack.enter_context(file)


def _bytes_of(group: pq.RowGroupMetaData) -> int:
    return sum(group.column(number).total_compressed_size for number in range(group.num_columns))


def rows_of_piece(file: pq.ParquetFile, width: int = 0, group: int | None = None, columns: Sequence[str] = ()) -> int:
    """By the width of the file alone, so that the pieces are the same whoever reads them.

    width    of the matrix that its columns become
    columns  of which the bytes in the row group ``group`` count as well, where there are texts, which may be long
    """
    room = 8 * max(1, len(file.schema.names), width)
    if group is not None:
        parts = file.metadata.row_group(group)
        each = [parts.column(number) for number in range(parts.num_columns)]
        size = sum(one.total_uncompressed_size for one in each if one.path_in_schema.split(".")[0] in columns)
        room = max(room, size // max(1, parts.num_rows))
    return min(MOST, max(LEAST, PIECE // room))


def look(content: Content, kept: bytearray | None) -> TableInput:
    """What the footer says of the input."""
    shown = content.shown
    if not content.head:
        raise DataError(f"{shown}: expected Parquet data, found an empty file")
    with opened(content.path, shown, kept) as file:
        schema, n_rows = file.schema_arrow, file.metadata.num_rows
        counted = sum(file.metadata.row_group(group).num_rows for group in range(file.num_row_groups))
    if n_rows != counted:
        raise DataError(f"{shown}: damaged: says {n_rows} rows in all, and {counted} in its parts")
    texts = {each.name for each in schema if pa.types.is_string(each.type) or pa.types.is_large_string(each.type)}
    return TableInput(shown, "Parquet", schema, n_rows, partial(_pieces, content.path, shown, kept, texts))


def _pieces(path: str, shown: str, kept: bytearray | None, texts: set[str], columns, wanted, threads: int):
    """Texts among ``columns`` come as dictionaries, which saves taking the file's apart: one for each row group, which
    a piece of it would bring along again.
    """
    coded = [] if columns is None else [name for name in columns if name in texts]
    with opened(path, shown, kept, coded) as file:
        first = 0
        for group in range(file.num_row_groups):
            end = first + file.metadata.row_group(group).num_rows
            if wanted(first, end) and coded:
                yield first, file.read_row_group(group, columns=columns, use_threads=threads > 1)
            elif wanted(first, end):
                reading = {"row_groups": [group], "columns": columns, "use_threads": threads > 1}
                for batch in file.iter_batches(rows_of_piece(file), **reading):
                    yield first, pa.Table.from_batches([batch])
                    first += len(batch)
            first = end


def read(contents: Iterable[Content], *, asked: Asked, rows: np.ndarray | None, threads: int) -> Dataset:
    """The rows of all ``contents`` as one Dataset; see ``craig_cli.formats.read_dataset``."""
    return read_tables(contents, look, asked, rows, threads)


def pieces(contents: Iterable[Content], *, asked: Asked, threads: int) -> Iterator[Dataset]:
    """The same, a piece at a time; see ``craig_cli.formats.pieces_of``."""
    return pieces_of_tables(contents, look, asked, threads)


def write(
    stream: BinaryIO,
    features: np.ndarray,
    labels: np.ndarray,
    label: str = "label",
    weight: np.ndarray | None = None,
) -> None:
    """Write features (n, d), labels and weights (n,) as columns x1..xd, ``label`` and "weight"."""
    pq.write_table(table_of(features, labels, label, weight), stream)


def table_of(features, labels, label: str = "label", weight=None) -> pa.Table:
    """The table that ``write`` writes."""
    dense = features.toarray() if hasattr(features, "toarray") else np.asarray(features)
    columns = {f"x{j + 1}": to_arrow(dense[:, j]) for j in range(dense.shape[1])}
    columns[label] = to_arrow(np.asarray(labels))
    if weight is not None:
        columns["weight"] = to_arrow(np.asarray(weight))
    return pa.table(columns)
