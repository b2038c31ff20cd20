"""Tables: the columns of a table as they were, with ``craig_weight`` and ``craig_rank`` (of a coreset).

The encoded form, and what there is of data that was no table: columns ``rank``, ``weight`` (if any), ``label``, ``x1``
.. ``xd``. Rows of a coreset are in greedy order, so that the first k are its first k picks.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq

from craig_cli.errors import DataError
from craig_cli.exporters import Exporter, Rows
from craig_cli.exporters.text import chunks
from craig_cli.formats.arrow import to_arrow
from craig_cli.formats.messages import first_line, printable, quoted
from craig_cli.formats.roles import ORIGINAL, with_roles
from craig_cli.tables.storage import OTHER, content_of, flattened, is_text

MOST_COLUMNS = 20_000  # a table of more would be mostly zeros, and its columns cost more than its numbers


def write_csv(rows: Rows, stream: BinaryIO) -> None:
    """A header line, then one row a line; numbers as short as they can be."""
    if rows.original is not None:
        pa.csv.write_csv(_for_text(_original(rows)), stream)
        return
    schema = _schema(rows)
    stream.write((",".join(schema.names) + "\n").encode("ascii"))
    options = pa.csv.WriteOptions(include_header=False)
    for batch in _batches(rows, schema):
        pa.csv.write_csv(batch, stream, options)


def write_parquet(rows: Rows, stream: BinaryIO) -> None:
    """One Parquet file; the same rows give the same bytes."""
    if rows.original is not None:
        with _refusals("Parquet"):
            pq.write_table(_for_parquet(_original(rows)), stream, compression="zstd")
        return
    schema = _schema(rows)
    with pq.ParquetWriter(stream, schema, compression="zstd") as writer:
        for batch in _batches(rows, schema):
            writer.write_batch(batch)


def write_feather(rows: Rows, stream: BinaryIO) -> None:
    """One Arrow IPC file, which is Feather."""
    if rows.original is not None:
        table = _original(rows)
    else:
        schema = _schema(rows)
        table = pa.Table.from_batches(list(_batches(rows, schema)), schema)
    with _refusals("Feather"):
        pyarrow.feather.write_feather(table.combine_chunks(), stream, compression="zstd")


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
            found = printable(str(field.type)[:60])
            raise DataError(f"column {quoted(field.name)}: expected what a line of CSV can hold, found {found}")
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
    for first, chunk in chunks(rows.features):
        dense = chunk.toarray() if hasattr(chunk, "toarray") else chunk
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
