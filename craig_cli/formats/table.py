"""Tables of any format as one Dataset: numbers in a matrix that is allocated once, the rest encoded.

A format gives a ``TableInput`` for each input. Rows come in pieces, so the peak of memory is about the matrix and one
piece, and whatever columns there are that are no numbers.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pyarrow as pa

from craig_cli.dataset import Dataset, Source
from craig_cli.errors import CraigError, DataError, OtherDataError
from craig_cli.formats.arrow import to_arrow
from craig_cli.formats.choose import Asked, Chosen, choose
from craig_cli.formats.columns import vector_of
from craig_cli.formats.content import BLOCK, Content, Fingerprint
from craig_cli.formats.messages import first_line, quoted
from craig_cli.formats.roles import roles_of
from craig_cli.tables.encoding import Encoding
from craig_cli.tables.gather import Features
from craig_cli.tables.labels import Labels
from craig_cli.tables.storage import flattened, without_views

MOST_ROWS = 2**40  # more is damage, and too much even to ask memory for
Pieces = Callable[[list[str] | None, Callable[[int, int], bool], int], Iterator[tuple[int, pa.Table]]]


@dataclass(frozen=True)
class TableInput:
    """An input that was looked at.

    what    the format in a message
    pieces  ``pieces(columns, wanted, threads)``: (first row, table) of each piece of it for which ``wanted(first row,
            end)``; of all columns with None. It opens the input again: a folder may hold more than may be open
    fixed   name -> value of columns that the path of the input says, as folders of partitions do
    """

    shown: str
    what: str
    schema: pa.Schema
    n_rows: int
    pieces: Pieces
    source: Future[Source] | None = None
    fixed: dict[str, pa.Scalar] | None = None

    @property
    def whole_schema(self) -> pa.Schema:
        """With the columns of the path, of which the file's own win."""
        schema = self.schema
        for name, value in (self.fixed or {}).items():
            if name not in schema.names:
                schema = schema.append(pa.field(name, value.type))
        return schema

    def tables(self, columns: list[str] | None, rows: np.ndarray | None, first: int, threads: int):
        """(row numbers, table) of each piece with rows that are wanted; only those rows.

        The row numbers are int64, or the first of them where all rows are wanted. ``first`` is that of the input.
        """

        def numbers(begin: int, end: int):
            if rows is None:
                return None
            return rows[slice(*np.searchsorted(rows, (first + begin, first + end)))]

        def wanted(begin: int, end: int) -> bool:
            return rows is None or len(numbers(begin, end)) > 0

        own = None if columns is None else [name for name in columns if name in self.schema.names]
        for begin, table in self.pieces(own, wanted, threads):
            for name, value in (self.fixed or {}).items():
                if name not in self.schema.names and (columns is None or name in columns):
                    table = table.append_column(name, pa.repeat(value, len(table)))
            if rows is None:
                yield first + begin, table
            else:
                kept = numbers(begin, begin + len(table))
                yield kept, without_views(table).take(to_arrow(kept - first - begin))


Look = Callable[[Content, bytearray | None], TableInput]  # the second the content of what is no file on disk


def read_tables(
    contents: Iterable[Content], look: Look, asked: Asked, rows: np.ndarray | None, threads: int
) -> Dataset:
    """The rows of all ``contents`` as one Dataset; ``look`` makes a TableInput of each, without its source."""
    with ThreadPoolExecutor(1) as hasher:
        inputs = look_at_all(contents, look, hasher)
        chosen = choose([(one.shown, one.whole_schema) for one in inputs], asked)
        n_rows = _check_rows(inputs, rows)
        target = _Target(len(rows) if rows is not None else n_rows, chosen, asked)
        tops = list(dict.fromkeys(chosen.tops[name] for name in chosen.all))
        first = 0
        for one in inputs:
            with refusals(one.shown, one.what):
                for numbers, table in one.tables(tops, rows, first, threads):
                    target.append(one.shown, numbers, flattened(table))
            first += one.n_rows
        if target.filled < target.n_rows:
            expected, found = target.n_rows, target.filled
            raise DataError(f"{inputs[-1].shown}: expected {expected} rows, as the file says, found {found}")
        dataset = target.finish(inputs[0].shown)
        if asked.original:
            dataset = replace(dataset, original=partial(original_rows, inputs, rows, threads))
        sources = tuple(one.source.result() for one in inputs)
    return replace(dataset, rows=rows, sources=sources)


def original_rows(inputs: list[TableInput], rows: np.ndarray | None, threads: int) -> pa.Table:
    """The rows, all or those, with all columns as they are, but for weight and rank of a table that craig wrote."""
    parts, first = [], 0
    for one in inputs:
        with refusals(one.shown, one.what):
            parts += [table for _, table in one.tables(None, rows, first, threads)]
        first += one.n_rows
    try:
        whole = pa.concat_tables(parts, promote_options="permissive").unify_dictionaries()
    except pa.ArrowException as error:
        raise DataError(f"{inputs[0].shown}: cannot be one table with the others: {first_line(error)}") from error
    own = roles_of(inputs[0].whole_schema).values()
    whole = without_views(whole).select([name for name in whole.column_names if name not in own])
    return whole.replace_schema_metadata(inputs[0].schema.metadata)


def look_at_all(contents: Iterable[Content], look: Look, hasher: ThreadPoolExecutor) -> list[TableInput]:
    """The inputs, whose fingerprints are being made meanwhile."""
    inputs = []
    for content in contents:
        kept = None if content.whole_file else content.read_all()
        one = look(content, kept)
        if not 0 <= one.n_rows < MOST_ROWS:
            raise DataError(f"{one.shown}: damaged: says {one.n_rows} rows")
        source = hasher.submit(source_of, content.path, kept, content.name, one.n_rows)
        inputs.append(replace(one, source=source, fixed=content.fixed or None))
    return inputs


def _check_rows(inputs: list[TableInput], rows: np.ndarray | None) -> int:
    n_rows = sum(one.n_rows for one in inputs)
    if n_rows == 0:
        raise DataError(f"{inputs[0].shown}: expected at least one row, found none")
    if rows is not None and rows[-1] >= n_rows:
        raise OtherDataError(f"{inputs[-1].shown}: expected a row {rows[-1]}, found {n_rows} rows in all")
    return n_rows


def source_of(path: str, kept: bytearray | None, name: str, n_rows: int) -> Source:
    """The Source of an input, whose content is ``kept`` or in the file ``path``; DataError where it cannot be read."""
    with Fingerprint(in_thread=False) as fingerprint:
        if kept is not None:
            fingerprint.update(memoryview(kept))
        else:
            try:
                with open(path, "rb") as stream:
                    while block := stream.read(BLOCK):
                        fingerprint.update(memoryview(block))
            except OSError as error:
                raise DataError(f"{path}: cannot read: {error.strerror or error}") from error
        return fingerprint.source(name, n_rows)


@contextlib.contextmanager
def refusals(shown: str, what: str) -> Iterator[None]:
    """Whatever the library that reads it raises becomes one line that names the input."""
    try:
        yield
    except CraigError:
        raise
    except MemoryError as error:
        raise DataError(f"{shown}: cannot read as {what}: not enough memory") from error
    except Exception as error:
        raise DataError(f"{shown}: cannot read as {what}: {first_line(error)}") from error


class _Target:
    """The arrays of the Dataset, filled piece by piece."""

    def __init__(self, n_rows: int, chosen: Chosen, asked: Asked) -> None:
        self.chosen, self.asked, self.n_rows = chosen, asked, n_rows
        self.features = Features(chosen.features, chosen.contents, n_rows, narrow=asked.gradients)
        self.labels = None if chosen.label is None else Labels(chosen.label, n_rows)
        self.multiplicity = None if chosen.weight is None else np.empty(n_rows)

    @property
    def filled(self) -> int:
        return self.features.filled

    def append(self, shown: str, numbers: np.ndarray | int, table: pa.Table) -> None:
        """Add the rows of ``table``, which are ``numbers`` in the ground set (or follow that number)."""
        if len(table) == 0:
            return
        begin, end = self.filled, self.filled + len(table)
        if end > self.n_rows:
            raise DataError(f"{shown}: expected {self.n_rows} rows, as the file says, found more")

        def where(row: int) -> int:
            return numbers + row if isinstance(numbers, int) else int(numbers[row])

        weight = self.chosen.weight
        if self.labels is not None:
            self.labels.append(shown, table.column(self.chosen.label), where)
        if weight is not None:
            vector = vector_of(shown, weight, table.column(weight), where)
            bad = np.flatnonzero(vector <= 0)
            if len(bad):
                raise DataError(
                    f"{shown}: column {quoted(weight)}, row {where(int(bad[0]))} (from 0): "
                    f"expected a number greater than 0, found {vector[bad[0]]:g}"
                )
            self.multiplicity[begin:end] = vector
        self.features.append(shown, table, where)

    def finish(self, shown: str) -> Dataset:
        """The Dataset, without sources."""
        given = self.asked.encoding
        matrix, encoding = self.features.finish(
            shown, given, self.asked.features is not None, bool(self.chosen.left_out)
        )
        labels, names = np.zeros(self.n_rows), None
        if self.labels is not None:
            labels, names = self.labels.finish(shown, None if given is None else given.labels)
        if encoding is not None or names is not None:
            encoding = replace(encoding or Encoding(), labels=names)
        if encoding is not None and encoding.columns and given is None:
            encoding = replace(encoding, left_out=self.chosen.left_out | encoding.left_out)
        notes = [*self.chosen.notes, *(left_out_notes(encoding) if given is None else [])]
        return Dataset(matrix, labels, self.multiplicity, encoding=encoding, notes=tuple(notes))


def left_out_notes(encoding: Encoding | None) -> list[str]:
    """A line on the columns that are no features, by the reason; those that were excluded are known."""
    reasons: dict[str, list[str]] = {}
    for name, why in (encoding.left_out if encoding is not None else {}).items():
        if why != "excluded":
            reasons.setdefault(why, []).append(quoted(name))
    return [f"left out: {', '.join(names[:12])}: {why}" for why, names in reasons.items()]
