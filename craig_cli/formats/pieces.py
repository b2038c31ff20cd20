"""Parquet data piece by piece, as often as it takes: what is read when it does not fit the memory.

Pieces are of a size that goes by the width of the rows alone and end with their row group, so that sums over pieces
are the same whoever reads them.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.sparse as sp

from craig_cli.dataset import Source
from craig_cli.errors import DataError, UsageError
from craig_cli.formats import addresses, opened, parquet
from craig_cli.formats.choose import Asked, Chosen, choose
from craig_cli.formats.content import Content
from craig_cli.formats.pipeline import Workers
from craig_cli.formats.state import State
from craig_cli.formats.table import TableInput, declared_in, refusals, source_of, sources_of, weights_in
from craig_cli.tables.assemble import DENSE_CELLS_PER_NONZERO
from craig_cli.tables.encoding import Encoding, Label
from craig_cli.tables.fingerprint import Fingerprint, Values
from craig_cli.tables.fitting import Seen, fit_columns, suspects_of
from craig_cli.tables.gather import Features
from craig_cli.tables.labels import Labels
from craig_cli.tables.storage import PLAIN, TEXT, flat_fields, flattened
from craig_cli.tables.suspects import Counting

TEXTS = 32  # numbers that take as much as a value of text, about, on its way to the others
QUARTERS = 4
ONCE_ONLY = "--stream reads files, more than once; found what can be read once only"
NARROW = {pa.float32(), pa.float16(), pa.bool_(), pa.int8(), pa.int16(), pa.uint8(), pa.uint16()}  # exact in float32


@dataclass(frozen=True)
class Piece:
    """Rows that follow each other: the number of the first, features (m, d) float32 or float64, labels (m,) float64.

    Of sparse text the features are CSR.

    names   values whose positions the labels are, or None where they are numbers
    weight  (m,) float64, or None where each counts as one row
    widths  columns of the features for each column of the table
    place   (input, row): which of the inputs it is of, and the number of its first row in that
    values  name -> values of the features and the label, as a fingerprint takes them
    counting  name -> whether the numbers of a column may be identifiers
    """

    first: int
    features: np.ndarray | sp.csr_matrix
    labels: np.ndarray
    names: tuple[Label, ...] | None
    weight: np.ndarray | None
    widths: list[int]
    place: tuple[int, int]
    values: dict[str, Values]
    counting: dict[str, Counting] = field(default_factory=dict)


@dataclass(frozen=True)
class Read:
    """Rows of a Parquet file as they are in it, with first and place as a ``Piece`` has them."""

    table: pa.Table
    first: int
    place: tuple[int, int]


Result = TypeVar("Result")


@dataclass(frozen=True)
class Pieces:
    """Parquet files as one ground set of ``n_rows``, opened anew for each pass over them.

    encoding  by which the features become numbers, None where they are taken as they are
    unfitted  whether there has to be one and is none yet; then only what is ``seen`` can be had
    suspects  notes on columns that may be other than what they are taken for; None where nobody looked yet
    density   of some encoded rows, how many numbers are not zero, where that makes them sparse; else None
    """

    inputs: list[TableInput]
    states: list[State]
    chosen: Chosen
    encoding: Encoding | None = field(default=None, kw_only=True)
    unfitted: bool = field(default=False, kw_only=True)
    suspects: list[str] | None = field(default=None, kw_only=True)
    density: float | None = field(default=None, kw_only=True)

    @property
    def n_rows(self) -> int:
        return sum(one.n_rows for one in self.inputs)

    @property
    def shown(self) -> str:
        return self.inputs[0].shown

    @property
    def width(self) -> int:
        """Columns of the features; lists, of which no encoding says how long they are, count as one."""
        return len(self.chosen.features) if self.encoding is None else self.encoding.width

    @property
    def as_they_are(self) -> bool:
        """Whether the features are the numbers in the columns."""
        return self.encoding is None or self.encoding.is_plain

    @property
    def number_bytes(self) -> int:
        """Of a feature, at most: 4 where all pieces are of float32, as they are of float32 and narrow integers."""
        if not self.as_they_are:
            return 8
        kinds = {
            one.whole_schema.field(self.chosen.tops[name]).type
            for one in self.inputs
            for name in self.chosen.features
            if self.chosen.tops[name] in one.whole_schema.names
        }
        return 4 if pa.float32() in kinds and kinds <= NARROW else 8

    @property
    def is_sparse(self) -> bool:
        return self.density is not None

    @property
    def packages(self) -> int:
        """Bytes of memory of what has to be imported to read them."""
        return addresses.PACKAGES if any(addresses.is_address(state.path) for state in self.states) else 0

    @property
    def numbers(self) -> int:
        """How many of ``number_bytes`` a row takes on average."""
        return self.width if self.density is None else math.ceil(1.5 * self.density) + 1

    def sources(self, contents: Mapping[int, Fingerprint]) -> tuple[Source, ...]:
        """The inputs, by number, whose rows have these fingerprints."""
        chosen = self.chosen
        all_of_them = [contents.get(number, Fingerprint(Workers(1))) for number in range(len(self.inputs))]
        return sources_of(
            self.inputs, all_of_them, [*chosen.features, *([] if chosen.label is None else [chosen.label])]
        )

    def __call__(
        self, start: int = 0, labels: tuple[Label, ...] | None = None, stop: int | None = None
    ) -> Iterator[Piece]:
        """The pieces that begin at row ``start`` or later, before the row group that begins at ``stop`` or later.

        Labels are positions in ``labels`` where these are given. Raises DataError for an input that is no longer what
        it was.
        """
        return self.each(lambda piece: piece, Workers(1), start, labels, stop)

    def each(
        self,
        function: Callable[[Piece], Result],
        workers: Workers,
        start: int = 0,
        labels: tuple[Label, ...] | None = None,
        stop: int | None = None,
    ) -> Iterator[Result]:
        """``function`` of each of these pieces, in order; what is read becomes pieces in the ``workers``."""
        return workers.map(lambda read: function(self._piece(read, labels)), self._read(start, stop))

    def seen(self, workers: Workers, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, dict[str, Seen]]]:
        """(rows, what is to be seen in the columns) of each piece, likewise."""

        def look(read: Read) -> tuple[int, dict[str, Seen]]:
            table = self._whole(read)
            features = Features(self.chosen.features, self.chosen.contents, len(table), set(), Workers(1))
            with refusals(self.inputs[read.place[0]].shown, "Parquet"):
                features.append(self.inputs[read.place[0]].shown, table, lambda row: read.first + row)
                return len(table), features.seen()

        return workers.map(look, self._read(start, stop))

    def beginning(self, wanted: bool) -> np.ndarray | sp.csr_matrix:
        """The first rows as they would be in memory without all others: encoded, and sparse where that is smaller."""
        with contextlib.closing(self._read(0, None)) as reading:
            read = next(reading)
        table, shown, chosen = self._whole(read), self.inputs[0].shown, self.chosen
        features = Features(chosen.features, chosen.contents, len(table), declared_in(self.inputs), Workers(1))
        with refusals(shown, "Parquet"):
            features.append(shown, table, lambda row: row)
            return features.finish(shown, None, wanted, left_out=False)[0]

    def fitted(self, seen: dict[str, Seen], wanted: bool) -> tuple[Encoding, list[str]]:
        """The encoding of columns in which this has been seen in all rows, and the suspects among them.

        wanted  they were asked for by name, so there are none
        """
        encoding = fit_columns(self.shown, self.chosen.contents, seen, wanted, declared_in(self.inputs))
        return encoding, [] if wanted else suspects_of(encoding, seen)

    def encoded(self, encoding: Encoding, suspects: list[str] | None = None) -> Pieces:
        """The same with features by ``encoding``, of which columns that it left out are none."""
        chosen = replace(self.chosen, features=[column.name for column in encoding.columns])
        pieces = replace(self, chosen=chosen, encoding=encoding, unfitted=False, suspects=suspects)
        return replace(pieces, density=pieces._density())

    def _density(self) -> float | None:
        """By the first piece of each quarter of the rows: the same whoever asks."""
        rows = nonzeros = 0
        for start in range(0, 0 if self.as_they_are else self.n_rows, max(1, self.n_rows // QUARTERS)):
            with contextlib.closing(self._read(start, None)) as reading:
                read = next(reading, None)
            if read is not None:
                features = self._piece(read, None).features
                rows, nonzeros = rows + len(features), nonzeros + int(np.count_nonzero(features))
        return nonzeros / rows if self.width * rows > DENSE_CELLS_PER_NONZERO * nonzeros else None

    def _read(self, start: int, stop: int | None) -> Generator[Read, None, None]:
        first, stop = 0, self.n_rows if stop is None else stop
        for number, (one, state) in enumerate(zip(self.inputs, self.states)):
            if start < first + one.n_rows and first < stop:
                self._check(one.shown, state)
                yield from self._of(number, first, start, stop)
                self._check(one.shown, state)
            first += one.n_rows

    def groups(self) -> list[int]:
        """The first row of each row group."""
        starts, first = [], 0
        for one, state in zip(self.inputs, self.states):
            with parquet.opened(state.path, one.shown) as file:
                for group in range(file.num_row_groups):
                    starts.append(first)
                    first += file.metadata.row_group(group).num_rows
        return starts

    def from_anywhere(self) -> Pieces:
        """The same for a process that works in another folder."""
        return replace(self, states=[state.from_anywhere() for state in self.states])

    def _check(self, shown: str, state: State) -> None:
        if State.of(state.path) != state:
            raise DataError(f"{shown}: changed while it was read; run again")

    def _of(self, number: int, begin: int, start: int, stop: int) -> Iterator[Read]:
        """Those of an input, which begins at row ``begin`` of the data."""
        one, first = self.inputs[number], begin
        tops = list(dict.fromkeys(self.chosen.tops[name] for name in self.chosen.all))
        own = [name for name in tops if name in one.schema.names]
        with parquet.opened(self.states[number].path, one.shown) as file:
            for group in range(file.num_row_groups):
                end = first + file.metadata.row_group(group).num_rows
                if start < end and first < stop:
                    for batch in file.iter_batches(self._rows(file, group, own), row_groups=[group], columns=own):
                        if first >= start and len(batch):
                            yield Read(pa.Table.from_batches([batch]), first, (number, first - begin))
                        first += len(batch)
                first = end

    def _rows(self, file: pq.ParquetFile, group: int, columns: list[str]) -> int:
        if self.as_they_are and not self.unfitted:
            return parquet.rows_of_piece(file)
        width = self.numbers
        if self.unfitted:  # of the values of each text that may all differ
            width += TEXTS * sum(self.chosen.contents[name] == TEXT for name in self.chosen.features)
        return parquet.rows_of_piece(file, width, group, columns)

    def _whole(self, read: Read) -> pa.Table:
        """What was read, flat, with the columns that the path says."""
        one, table = self.inputs[read.place[0]], read.table
        for name, value in (one.fixed or {}).items():
            if name not in one.schema.names:
                table = table.append_column(name, pa.repeat(value, len(table)))
        return flattened(table)

    def _piece(self, read: Read, names: tuple[Label, ...] | None) -> Piece:
        with refusals(self.inputs[read.place[0]].shown, "Parquet"):
            return self._of_table(self._whole(read), read.first, read.place, names)

    def _of_table(self, table: pa.Table, first: int, place: tuple[int, int], names) -> Piece:
        one, chosen, size = self.inputs[place[0]], self.chosen, len(table)

        def where(row: int) -> int:
            return first + row

        features = Features(chosen.features, chosen.contents, size, set(), Workers(1), narrow=self.as_they_are)
        values = features.append(one.shown, table, where)
        matrix, widths = features.matrix, features.widths
        if self.encoding is not None and not self.as_they_are:
            dense = not self.is_sparse
            matrix, _ = features.finish(one.shown, self.encoding, wanted=False, left_out=False, dense=dense)
            matrix = matrix if dense else sp.csr_matrix(matrix)
            widths = [len(column.names) for column in self.encoding.columns]
        labels, weight = np.zeros(size), None
        if chosen.label is not None:
            gathered = Labels(chosen.label, size)
            values[chosen.label] = gathered.append(one.shown, table.column(chosen.label), where)
            labels, names = gathered.finish(one.shown, names)
        if chosen.weight is not None:
            weight = weights_in(one.shown, chosen.weight, table.column(chosen.weight), where)
        assert matrix is not None
        return Piece(first, matrix, labels, names, weight, widths, place, values, features.counting)


def check_input(kind: str, content: Content, reading: dict) -> None:
    """Raise UsageError for an input of tables, or a way to read it, that goes with reading into memory only."""
    if kind != "parquet" or not content.whole_file:
        what = f"{kind} data" if kind != "parquet" else f"{content.compression or 'a pipe'} around Parquet"
        raise UsageError(f"{content.shown}: --stream reads Parquet and LIBSVM files so far, found {what}")
    for name in ("weight_file", "delimiter", "header", "zero_based"):
        if reading.get(name) is not None:
            raise UsageError(f"--stream: does not go with --{name.replace('_', '-')} so far")


def open_pieces(paths: Sequence[str], **reading) -> Pieces:
    """The inputs of ``paths``, which are to be Parquet files that can be read again.

    reading  as ``formats.read_dataset`` takes it. Raises UsageError for what only reading into memory can do.
    """
    asked = Asked.of(reading)
    inputs, states = [], []
    with opened(paths, reading.get("format")) as (kind, contents, _):
        for content in contents:
            check_input(kind, content, reading)
            one = parquet.look(content, None)
            inputs.append(replace(one, source=source_of(content, None, one.n_rows), fixed=content.fixed or None))
            states.append(State.of(content.path))
    chosen = choose([(one.shown, one.whole_schema) for one in inputs], asked)
    everywhere = set.intersection(*({name for name, *_ in flat_fields(one.whole_schema)} for one in inputs))
    plain = all(chosen.contents[name] in PLAIN and name in everywhere for name in chosen.features)
    pieces = Pieces(inputs, states, chosen, unfitted=not plain, suspects=None if asked.features is None else [])
    if pieces.n_rows == 0:
        raise DataError(f"{pieces.shown}: expected at least one row, found none")
    return pieces
