"""Tables of any format as one Dataset: numbers in a matrix that is allocated once, the rest encoded.

A format gives a ``TableInput`` for each input. Rows come in pieces, so the peak of memory is about the matrix and one
piece, and whatever columns there are that are no numbers.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pyarrow as pa

from craig_cli.dataset import Dataset, Source
from craig_cli.errors import CraigError, DataError, OtherDataError
from craig_cli.formats import addresses
from craig_cli.formats.arrow import to_arrow
from craig_cli.formats.choose import Asked, Chosen, choose
from craig_cli.formats.columns import vector_of
from craig_cli.formats.content import Content
from craig_cli.formats.messages import first_line, quoted
from craig_cli.formats.pipeline import Workers
from craig_cli.formats.restart import NotInPieces
from craig_cli.formats.roles import roles_of
from craig_cli.formats.unify import in_schema, unified
from craig_cli.tables.encoding import Encoding
from craig_cli.tables.fingerprint import Fingerprint, Values, of_all
from craig_cli.tables.gather import Features
from craig_cli.tables.labels import Labels
from craig_cli.tables.storage import PLAIN, flat_fields, flattened, is_dictionary, without_views

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
    source: Source | None = None
    fixed: dict[str, pa.Scalar] | None = None

    @property
    def whole_schema(self) -> pa.Schema:
        """With the columns of the path, of which the file's own win."""
        schema = self.schema
        for name, value in (self.fixed or {}).items():
            if name not in schema.names:
                schema = schema.append(pa.field(name, value.type))
        return schema

    def tables(self, columns: list[str] | None, wanted: Callable[[int, int], bool], threads: int):
        """``pieces`` with the columns of the path."""
        own = None if columns is None else [name for name in columns if name in self.schema.names]
        for begin, table in self.pieces(own, wanted, threads):
            for name, value in (self.fixed or {}).items():
                if name not in self.schema.names and (columns is None or name in columns):
                    table = table.append_column(name, pa.repeat(value, len(table)))
            yield begin, table


Look = Callable[[Content, bytearray | None], TableInput]  # the second the content of what is no file on disk


def read_tables(
    contents: Iterable[Content], look: Look, asked: Asked, rows: np.ndarray | None, threads: int
) -> Dataset:
    """The rows of all ``contents`` as one Dataset; ``look`` makes a TableInput of each, without its source."""
    inputs = look_at_all(contents, look)
    chosen = choose([(one.shown, one.whole_schema) for one in inputs], asked)
    n_rows = _check_rows(inputs, rows)
    tops = list(dict.fromkeys(chosen.tops[name] for name in chosen.all))
    with Workers(threads) as workers:
        target = Target(len(rows) if rows is not None else n_rows, chosen, asked, declared_in(inputs), workers)
        first, fingerprints = 0, []
        for one in inputs:
            fingerprints.append(Fingerprint(workers))
            _read_one(one, tops, first, rows, target, fingerprints[-1], threads)
            first += one.n_rows
        dataset = target.finish(inputs[0].shown)
    pa.default_memory_pool().release_unused()  # of pieces that were read, which it would keep to the end
    if asked.original:
        dataset = replace(dataset, original=partial(original_rows, inputs, rows, threads))
    used = [column.name for column in dataset.encoding.columns] if dataset.encoding is not None else []
    names = [*(used or chosen.features), *([] if chosen.label is None else [chosen.label])]
    return replace(dataset, rows=rows, sources=sources_of(inputs, fingerprints, names))


def declared_in(inputs: list[TableInput]) -> set[str]:
    """The columns that their writer called categories."""
    return {name for one in inputs for name, _, kind in flat_fields(one.whole_schema) if is_dictionary(kind)}


def _read_one(
    one: TableInput, tops: list[str], first: int, rows, target: Target, fingerprint: Fingerprint, threads: int
) -> None:
    """The rows of an input, which follow row ``first`` of the data; no piece of it is kept."""
    with refusals(one.shown, one.what):
        for begin, table in one.tables(tops, lambda begin, end: True, threads):
            kept = _within(rows, first + begin, len(table))
            fingerprint.add(target.append(one.shown, first + begin, flattened(table), kept), len(table))
    if fingerprint.rows != one.n_rows:
        raise DataError(f"{one.shown}: expected {one.n_rows} rows, as the file says, found {fingerprint.rows}")


def pieces_of_tables(contents: Iterable[Content], look: Look, asked: Asked, threads: int) -> Iterator[Dataset]:
    """The rows of all ``contents``, as many at a time as the format gives; their sources only name the input.

    Raises NotInPieces where an encoding would have to be fitted to all of them.
    """
    inputs = look_at_all(contents, look)
    chosen = choose([(one.shown, one.whole_schema) for one in inputs], asked)
    _check_rows(inputs, None)
    fitted = asked.encoding is not None and bool(asked.encoding.columns)
    if not fitted and any(chosen.contents[name] not in PLAIN for name in chosen.features):
        raise NotInPieces
    tops = list(dict.fromkeys(chosen.tops[name] for name in chosen.all))
    first = 0
    with Workers(threads) as workers:
        for one in inputs:
            assert one.source is not None
            with refusals(one.shown, one.what):
                for begin, table in one.tables(tops, lambda begin, end: True, threads):
                    if len(table):
                        target = Target(len(table), chosen, asked, declared_in(inputs), workers)
                        target.append(one.shown, first + begin, flattened(table), None)
                        piece = target.finish(one.shown) if fitted else target.as_it_is(one.shown)
                        yield replace(piece, sources=(one.source,))
            first += one.n_rows


def _within(rows: np.ndarray | None, first: int, count: int) -> np.ndarray | None:
    """Of ascending row numbers those of ``count`` rows from ``first``, as positions in these; None where all are."""
    return None if rows is None else rows[slice(*np.searchsorted(rows, (first, first + count)))] - first


def original_rows(inputs: list[TableInput], rows: np.ndarray | None, threads: int) -> pa.Table:
    """The rows, all or those, with all columns as they are, but for weight and rank of a table that craig wrote."""
    parts = [table for _, table in original_pieces(inputs, rows, threads)]
    return pa.concat_tables(parts).unify_dictionaries()


def original_pieces(inputs: list[TableInput], rows: np.ndarray | None, threads: int) -> Iterator[tuple[int, pa.Table]]:
    """The same in pieces, of one schema: (first row, table)."""
    schema = unified(
        [without_views(pa.Table.from_batches([], one.whole_schema)).schema for one in inputs], inputs[0].shown
    )
    own = roles_of(inputs[0].whole_schema).values()
    names, first = [name for name in schema.names if name not in own], 0
    for one in inputs:

        def wanted(begin: int, end: int, first: int = first) -> bool:
            kept = _within(rows, first + begin, end - begin)
            return kept is None or len(kept) > 0

        with refusals(one.shown, one.what):
            for begin, table in one.tables(None, wanted, threads):
                kept = _within(rows, first + begin, len(table))
                table = without_views(table)
                table = in_schema(table if kept is None else table.take(to_arrow(kept)), schema)
                yield first + begin, table.select(names).replace_schema_metadata(inputs[0].schema.metadata)
        first += one.n_rows


def look_at_all(contents: Iterable[Content], look: Look) -> list[TableInput]:
    """The inputs; the fingerprint of their content is made as it is read."""
    inputs = []
    for content in contents:
        kept = None if content.whole_file else content.read_all()
        one = look(content, kept)
        if not 0 <= one.n_rows < MOST_ROWS:
            raise DataError(f"{one.shown}: damaged: says {one.n_rows} rows")
        source = source_of(content, kept, one.n_rows)
        inputs.append(replace(one, source=source, fixed=content.fixed or None))
    return inputs


def _check_rows(inputs: list[TableInput], rows: np.ndarray | None) -> int:
    n_rows = sum(one.n_rows for one in inputs)
    if n_rows == 0:
        raise DataError(f"{inputs[0].shown}: expected at least one row, found none")
    if rows is not None and rows[-1] >= n_rows:
        raise OtherDataError(f"{inputs[-1].shown}: expected a row {rows[-1]}, found {n_rows} rows in all")
    return n_rows


def source_of(content: Content, kept: bytearray | None, n_rows: int) -> Source:
    """The Source of an input, whose bytes are ``kept`` or in its file; its fingerprint is not known yet."""
    if kept is not None:
        return Source(content.name, len(kept), n_rows, "")
    return Source(content.name, addresses.getsize(content.path), n_rows, "", of_bytes=partial(_of_bytes, content.path))


def sources_of(inputs: list[TableInput], fingerprints: list[Fingerprint], names: Iterable[str]) -> tuple[Source, ...]:
    """The Sources of inputs whose rows have these fingerprints, of which the columns ``names`` count."""
    sources = []
    for one, fingerprint in zip(inputs, fingerprints):
        assert one.source is not None
        columns = fingerprint.columns(names)
        sources.append(replace(one.source, fingerprint=of_all(columns, one.n_rows), columns=columns))
    return tuple(sources)


def _of_bytes(path: str) -> str:
    """The fingerprint that a table had until 0.1.0: of the bytes of its file."""
    digest = hashlib.sha256()
    with addresses.open_binary(path) as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return f"sha256:{digest.hexdigest()}"


@contextlib.contextmanager
def refusals(shown: str, what: str) -> Iterator[None]:
    """Whatever the library that reads it raises becomes one line that names the input."""
    try:
        yield
    except (CraigError, NotInPieces):
        raise
    except MemoryError as error:
        raise DataError(f"{shown}: cannot read as {what}: not enough memory") from error
    except Exception as error:
        raise DataError(f"{shown}: cannot read as {what}: {first_line(error)}") from error


class Target:
    """The arrays of the Dataset, filled piece by piece."""

    def __init__(self, n_rows: int, chosen: Chosen, asked: Asked, declared: set[str], workers) -> None:
        self.chosen, self.asked, self.n_rows = chosen, asked, n_rows
        self.features = Features(chosen.features, chosen.contents, n_rows, declared, workers, asked.gradients)
        self.labels = None if chosen.label is None else Labels(chosen.label, n_rows)
        self.multiplicity = None if chosen.weight is None else np.empty(n_rows)

    @property
    def filled(self) -> int:
        return self.features.filled

    def append(self, shown: str, first: int, table: pa.Table, kept: np.ndarray | None) -> dict[str, Values]:
        """Add the rows of ``table``, which follow row ``first`` of the data, or of them those at positions ``kept``.

        Returns all its rows for a fingerprint.
        """
        if len(table) == 0:
            return {}
        begin, end = self.filled, self.filled + (len(table) if kept is None else len(kept))
        if end > self.n_rows:
            raise DataError(f"{shown}: expected {self.n_rows} rows, as the file says, found more")

        def where(row: int) -> int:
            return first + row

        values: dict[str, Values] = {}
        if self.labels is not None:
            values[self.labels.name] = self.labels.append(shown, table.column(self.labels.name), where, kept)
        weight = self.chosen.weight
        if self.multiplicity is not None and weight is not None:
            self.multiplicity[begin:end] = weights_in(shown, weight, table.column(weight), where, kept)
        return values | self.features.append(shown, table, where, kept)

    def finish(self, shown: str) -> Dataset:
        """The Dataset, without sources."""
        given = self.asked.encoding
        matrix, encoding = self.features.finish(
            shown, given, self.asked.features is not None, bool(self.chosen.left_out)
        )
        labels, names = self._labels(shown)
        if encoding is not None or names is not None:
            encoding = replace(encoding or Encoding(), labels=names)
        if encoding is not None and encoding.columns and given is None:
            encoding = replace(encoding, left_out=self.chosen.left_out | encoding.left_out)
        notes = [*self.chosen.notes, *(left_out_notes(encoding) if given is None else []), *self.features.notes]
        return Dataset(matrix, labels, self.multiplicity, encoding=encoding, notes=tuple(notes))

    def as_it_is(self, shown: str) -> Dataset:
        """The Dataset where all features are numbers; raises NotInPieces for one that is missing."""
        if self.features.missing:
            raise NotInPieces
        labels, names = self._labels(shown)
        encoding = None if names is None else Encoding(labels=names)
        notes = [*self.chosen.notes, *left_out_notes(Encoding(left_out=self.chosen.left_out))]
        assert self.features.matrix is not None
        return Dataset(self.features.matrix, labels, self.multiplicity, encoding=encoding, notes=tuple(notes))

    def _labels(self, shown: str) -> tuple[np.ndarray, tuple | None]:
        """(numbers, or positions in the values that they stand for; these)"""
        given = self.asked.encoding
        if self.labels is None:
            return np.zeros(self.n_rows), None
        return self.labels.finish(shown, None if given is None else given.labels)


def weights_in(shown: str, name: str, column: pa.ChunkedArray, where, kept: np.ndarray | None = None) -> np.ndarray:
    """The weights of all rows of a piece, or of those at positions ``kept``. Raises DataError where one is not above 0.

    ``where`` says which row of the data a row of it is.
    """
    vector = vector_of(shown, name, column, where)
    positions = np.arange(len(vector)) if kept is None else kept
    bad = positions[vector[positions] <= 0]
    if len(bad):
        raise DataError(
            f"{shown}: column {quoted(name)}, row {where(int(bad[0]))} (from 0): "
            f"expected a number greater than 0, found {vector[bad[0]]:g}"
        )
    return vector[positions].astype(np.float64, copy=False)


def left_out_notes(encoding: Encoding | None) -> list[str]:
    """A line on the columns that are no features, by the reason; those that were excluded are known."""
    reasons: dict[str, list[str]] = {}
    for name, why in (encoding.left_out if encoding is not None else {}).items():
        if why != "excluded":
            reasons.setdefault(why, []).append(quoted(name))
    return [f"left out: {', '.join(names[:12])}: {why}" for why, names in reasons.items()]
