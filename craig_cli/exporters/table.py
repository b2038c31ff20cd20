"""Tables: the columns of a table as they were, with ``craig_weight`` and ``craig_rank`` (of a coreset).

The encoded form, and what there is of data that was no table: columns ``rank``, ``weight`` (if any), ``label``, ``x1``
.. ``xd``. Rows of a coreset are in greedy order, so that the first k are its first k picks.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from craig_cli.errors import DataError
from craig_cli.exporters import Exporter, Rows
from craig_cli.exporters.text import dense_chunks
from craig_cli.formats.arrow import to_arrow
from craig_cli.formats.messages import first_line, printable, quoted
from craig_cli.formats.roles import ORIGINAL, with_roles
from craig_cli.tables.storage import OTHER, content_of, flattened, is_text

CELLS, LEAST_ROWS, MOST_ROWS = 1 << 23, 1024, 1 << 20  # of a row group
FEATHER_ROWS, ALL = 1 << 16, 1 << 62
MOST_COLUMNS = 20_000  # a table of more would be mostly zeros, and its columns cost more than its numbers


def write_csv(pieces: Iterable[Rows], stream: BinaryIO) -> None:
    """A header line, then one row a line; numbers as short as they can be."""
    begun = False
    for rows in pieces:
        if not begun and rows.original is None:
            stream.write((",".join(_schema(rows).names) + "\n").encode("ascii"))
        for table in _tables(rows):
            header = not begun and rows.original is not None
            if len(table):  # an empty piece of a table is written as what came before it
                pa.csv.write_csv(_for_text(table.combine_chunks()), stream, pa.csv.WriteOptions(include_header=header))
                begun = True


def write_parquet(pieces: Iterable[Rows], stream: BinaryIO) -> None:
    """One Parquet file; the same rows give the same bytes."""
    tables = (_for_parquet(table) for rows in pieces for table in _tables(rows))
    with contextlib.ExitStack() as stack, _refusals("Parquet"):
        writer = None
        for table in _regrouped(tables, _rows_of_a_group):
            if writer is None:
                writer = stack.enter_context(pq.ParquetWriter(stream, table.schema, compression="zstd"))
            writer.write_table(table, row_group_size=len(table))


def write_feather(pieces: Iterable[Rows], stream: BinaryIO) -> None:
    """One Arrow IPC file, which is Feather. It has one dictionary of each category, so these are written at the end."""
    tables = (table for rows in pieces for table in _tables(rows))
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with contextlib.ExitStack() as stack, _refusals("Feather"):
        writer = None
        for table in _regrouped(tables, lambda schema: ALL if _has_categories(schema) else FEATHER_ROWS):
            if writer is None:
                writer = stack.enter_context(pa.ipc.new_file(stream, table.schema, options=options))
            writer.write_table(table, max_chunksize=FEATHER_ROWS)


def _tables(rows: Rows) -> Iterator[pa.Table]:
    if rows.original is not None:
        yield _original(rows)
        return
    schema = _schema(rows)
    for batch in _batches(rows, schema):
        yield pa.Table.from_batches([batch])


def _regrouped(tables: Iterable[pa.Table], size_of: Callable[[pa.Schema], int]) -> Iterator[pa.Table]:
    """The same rows in tables of so many, each in one piece: what is written does not depend on how they came."""
    waiting: list[pa.Table] = []
    for table in tables:
        size = size_of(table.schema)
        while (room := size - sum(map(len, waiting))) <= len(table):
            yield _joined([*waiting, table.slice(0, room)])
            waiting, table = [], table.slice(room)
        if len(table):
            waiting.append(table)
    if waiting:
        yield _joined(waiting)


def _joined(tables: list[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()


def _rows_of_a_group(schema: pa.Schema) -> int:
    return min(MOST_ROWS, max(LEAST_ROWS, CELLS // max(1, len(schema))))


def _has_categories(schema: pa.Schema) -> bool:
    return any("dictionary<" in str(field.type) for field in schema)  # at any depth


@contextlib.contextmanager
def _refusals(target: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, NotImplementedError) as error:
        raise DataError(f"cannot be written as {target}: {first_line(error)}") from error


def _original(rows: Rows) -> pa.Table:
    """The columns as they were, and weight and rank."""
    table = rows.original
    assert table is not None
    columns = {} if rows.scale == "none" else {"weight": rows.weight}
    columns |= {} if rows.rank is None else {"rank": rows.rank}
    for role, values in columns.items():
        table = table.append_column(pa.field(ORIGINAL[role], to_arrow(values).type, nullable=False), to_arrow(values))
    schema = with_roles(table.schema, rows.scale, rows.ratio, **{role: ORIGINAL[role] for role in columns})
    return table.replace_schema_metadata(schema.metadata)


def _for_parquet(table: pa.Table) -> pa.Table:
    """Views of text, which pyarrow reads and does not write inside dictionaries, as text."""
    return _cast(table, lambda kind: pa.dictionary(kind.index_type, pa.string(), kind.ordered), is_view_dictionary)


def _for_text(table: pa.Table) -> pa.Table:
    """Categories as their values, structs as their fields. Raises DataError for a column that CSV cannot hold."""
    table = flattened(table)
    for field in table.schema:
        if pa.types.is_nested(field.type) or content_of(field.type) == OTHER:
            type_name = printable(str(field.type)[:60])
            raise DataError(f"column {quoted(field.name)}: expected what a line of CSV can hold, found {type_name}")
    return _cast(table, lambda kind: kind.value_type, pa.types.is_dictionary)


def is_view_dictionary(kind: pa.DataType) -> bool:
    """Whether it is a category whose values are views of text."""
    return pa.types.is_dictionary(kind) and is_text(kind.value_type) and not pa.types.is_string(kind.value_type)


def _cast(table: pa.Table, target: Callable, which: Callable) -> pa.Table:
    for place, field in enumerate(table.schema):
        if which(field.type):
            kind = target(field.type)
            table = table.set_column(place, field.with_type(kind), table.column(place).cast(kind))
    return table


def check_width(n_features: int) -> None:
    """Raise DataError for more columns than a table should have."""
    if n_features > MOST_COLUMNS:
        raise DataError(f"expected at most {MOST_COLUMNS} features for a table, found {n_features}; export to libsvm")


def _schema(rows: Rows) -> pa.Schema:
    n_features = rows.features.shape[1]
    check_width(n_features)
    fields = [] if rows.rank is None else [pa.field("rank", pa.int64(), nullable=False)]
    weighted = [] if rows.scale == "none" else ["weight"]
    names = [*weighted, "label", *(f"x{column + 1}" for column in range(n_features))]
    schema = pa.schema([*fields, *(pa.field(name, pa.float64(), nullable=False) for name in names)])
    return with_roles(
        schema, rows.scale, rows.ratio, **{name: name for name in ("weight", "rank") if name in schema.names}
    )


def _batches(rows: Rows, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    leading_columns = [] if rows.rank is None else [rows.rank]
    leading_columns += [rows.labels] if rows.scale == "none" else [rows.weight, rows.labels]
    for first, dense in dense_chunks(rows.features):
        part = slice(first, first + len(dense))
        leading = [column[part] for column in leading_columns]
        columns = np.ascontiguousarray(dense.T)
        arrays = [to_arrow(column) for column in (*leading, *columns)]
        yield pa.record_batch(arrays, schema=schema)


def advice(ratio: float, scale: str) -> str:
    """For the two kinds of trainers."""
    if scale == "sum":
        return (
            "C, alpha and lambda stay those of all rows; boosters, and trainers that step row by row (saga, SGD, "
            f"Keras, torch), want --normalize mean and C = {ratio:.3g} x"
        )
    return (
        f"a trainer that sums over rows (LogisticRegression, SVC, Ridge) wants C = {ratio:.3g} x, alpha / {ratio:.3g}"
    )


CSV = Exporter(write_csv, suffix=".weighted.csv", greedy=True, advice=advice, original=True)
PARQUET = Exporter(write_parquet, suffix=".weighted.parquet", greedy=True, binary=True, advice=advice, original=True)
FEATHER = Exporter(write_feather, suffix=".weighted.feather", greedy=True, binary=True, advice=advice, original=True)
ENCODED_CSV = replace(CSV, suffix=".encoded.csv", original=False)
ENCODED_PARQUET = replace(PARQUET, suffix=".encoded.parquet", original=False)
