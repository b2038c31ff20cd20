"""CSV and TSV, by pyarrow's own reader, with types as in Parquet.

Empty fields are missing, and so are ?, NA and nan where all else is numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from craig_cli.dataset import Dataset
from craig_cli.errors import DataError
from craig_cli.formats.addresses import open_file
from craig_cli.formats.choose import Asked
from craig_cli.formats.content import Content
from craig_cli.formats.parquet import table_of
from craig_cli.formats.sniff import Dialect, dialect_of
from craig_cli.formats.table import TableInput, pieces_of_tables, read_tables, refusals

_NUMBER = re.compile("u?int|float|double")  # a type of Arrow
MISSING = [*dict.fromkeys((*pa.csv.ConvertOptions().null_values, "?", " ?"))]


def look(
    content: Content,
    kept: bytearray | None,
    delimiter: str | None = None,
    header: bool | None = None,
    text: Sequence[str] = (),
) -> TableInput:
    """The table: all of it is read, as its types are known at its end; columns ``text`` hold no numbers."""
    shown = content.shown
    head = bytes(kept[: 1 << 16]) if kept is not None else content.head
    if not head:
        raise DataError(f"{shown}: expected CSV data, found an empty file")
    table = _table(content.path, shown, kept, dialect_of(shown, head, delimiter, header), text)
    return TableInput(shown, "CSV", table.schema, len(table), partial(_pieces, table))


def _pieces(table: pa.Table, columns, wanted, threads: int):
    if len(table) and wanted(0, len(table)):
        yield 0, table if columns is None else table.select(columns)


def _table(path: str, shown: str, kept: bytearray | None, dialect: Dialect, text: Sequence[str]) -> pa.Table:
    convert = pa.csv.ConvertOptions(
        null_values=MISSING,
        column_types=dict.fromkeys(dialect.text, pa.string()),
        decimal_point=dialect.decimal_point,
    )
    with refusals(shown, "CSV"):
        simple = True
        try:
            table = _read(path, kept, dialect, convert, simple)
        except pa.ArrowInvalid:
            simple = False
            table = _read(path, kept, dialect, convert, simple)
        digits = [each.name for each in table.schema if each.name in text and _NUMBER.match(str(each.type))]
        if digits:
            convert.column_types = {**convert.column_types, **dict.fromkeys(digits, pa.string())}
            table = _read(path, kept, dialect, convert, simple)
    table = _with_all_digits(table, partial(_read, path, kept, dialect, simple=simple), convert)
    for number, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            column = table.column(number)
            empty = pc.equal(column, "")
            if pc.any(empty).as_py():
                table = table.set_column(number, field, pc.if_else(empty, pa.scalar(None, field.type), column))
    return table


def _with_all_digits(table: pa.Table, read: Callable[..., pa.Table], convert: pa.csv.ConvertOptions) -> pa.Table:
    """``table`` with whole numbers from 2^63 on, such as hashes, as uint64: pyarrow takes them for floats."""
    for number, field in enumerate(table.schema):
        if pa.types.is_float64(field.type) and (pc.max(table.column(number)).as_py() or 0) >= 2**63:
            options = pa.csv.ConvertOptions(
                null_values=convert.null_values, include_columns=[field.name], column_types={field.name: pa.uint64()}
            )
            try:
                column = read(convert=options).column(0)
            except pa.ArrowInvalid:  # not all of them are whole
                continue
            table = table.set_column(number, pa.field(field.name, pa.uint64()), column)
    return table


def _read(
    path: str, kept: bytearray | None, dialect: Dialect, convert: pa.csv.ConvertOptions, simple: bool
) -> pa.Table:
    """``simple``: in threads, cut at line ends. Else fields may have these, and an error has the number of its row."""
    reading = pa.csv.ReadOptions(use_threads=simple, column_names=dialect.names, skip_rows=1 if dialect.header else 0)
    parse = pa.csv.ParseOptions(delimiter=dialect.delimiter, newlines_in_values=not simple)
    source = pa.BufferReader(kept) if kept is not None else open_file(path)
    with source:
        return pa.csv.read_csv(source, reading, parse, convert)


def read(
    contents: Iterable[Content],
    *,
    asked: Asked,
    rows: np.ndarray | None,
    threads: int,
    delimiter: str | None = None,
    header: bool | None = None,
) -> Dataset:
    """The rows of all ``contents`` as one Dataset; see ``craig_cli.formats.read_dataset``."""
    return read_tables(contents, _look_of(asked, delimiter, header), asked, rows, threads)


def pieces(
    contents: Iterable[Content],
    *,
    asked: Asked,
    threads: int,
    delimiter: str | None = None,
    header: bool | None = None,
) -> Iterator[Dataset]:
    """The same, a file at a time; see ``craig_cli.formats.pieces_of``."""
    return pieces_of_tables(contents, _look_of(asked, delimiter, header), asked, threads)


def _look_of(asked: Asked, delimiter: str | None, header: bool | None) -> Callable[..., TableInput]:
    """``look``, where what has to be text by a known encoding, such as 007, is no number."""
    text, encoding = [], asked.encoding
    if encoding is not None:
        text = [column.name for column in encoding.columns if column.kind in ("category", "text")]
        if asked.label and encoding.labels and all(isinstance(label, str) for label in encoding.labels):
            text.append(asked.label)
    return partial(look, delimiter=delimiter, header=header, text=text)


def write(stream: BinaryIO, features: np.ndarray, labels: np.ndarray) -> None:
    """Write features (n, d) and labels (n,) as columns x1..xd and "label"."""
    pa.csv.write_csv(table_of(features, labels), stream)
