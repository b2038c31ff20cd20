"""Columns ``rank`` (of a coreset), ``weight`` (if any), ``label``, ``x1`` .. ``xd``, as CSV and as Parquet.

Rows of a coreset are in greedy order, so that the first k are its first k picks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from craig_cli.errors import DataError
from craig_cli.exporters import Exporter, Rows
from craig_cli.exporters.text import chunks
from craig_cli.formats.arrow import to_arrow
from craig_cli.formats.roles import with_roles

MOST_COLUMNS = 20_000  # a table of more would be mostly zeros, and its columns cost more than its numbers


def write_csv(rows: Rows, stream: BinaryIO) -> None:
    """A header line, then one row a line; numbers as short as they can be."""
    schema = _schema(rows)
    stream.write((",".join(schema.names) + "\n").encode("ascii"))
    options = pa.csv.WriteOptions(include_header=False)
    for batch in _batches(rows, schema):
        pa.csv.write_csv(batch, stream, options)


def write_parquet(rows: Rows, stream: BinaryIO) -> None:
    """One Parquet file; the same rows give the same bytes."""
    schema = _schema(rows)
    with pq.ParquetWriter(stream, schema, compression="zstd") as writer:
        for batch in _batches(rows, schema):
            writer.write_batch(batch)


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


CSV = Exporter(write_csv, suffix=".weighted.csv", greedy=True, advice=advice)
PARQUET = Exporter(write_parquet, suffix=".weighted.parquet", greedy=True, binary=True, advice=advice)
