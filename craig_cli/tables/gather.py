"""Batches of a table -> one matrix: numbers go straight into it, the rest is kept until its encoding is known."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from craig_cli.errors import DataError
from craig_cli.formats.columns import matrix_of, vector_of
from craig_cli.formats.messages import first_line, quoted
from craig_cli.formats.pipeline import Workers
from craig_cli.formats.restart import MissingNumber
from craig_cli.tables.assemble import assembled
from craig_cli.tables.encoding import Column, Encoding
from craig_cli.tables.fingerprint import Values
from craig_cli.tables.fitting import Numbers, Seen, fit_columns, seen_in, suspects_of
from craig_cli.tables.kind import Block
from craig_cli.tables.storage import NOTHING, NUMBER, PLAIN, TEXT, TIME, VECTOR, unwrapped
from craig_cli.tables.suspects import Counting
from craig_cli.tables.texts import Texts
from craig_cli.tables.time import Times, bits

COLUMNS_TOGETHER = 8
ROWS_TOGETHER = 2048  # written into the matrix at a time, so that the lines of it stay in the cache


class Features:
    """The feature columns of ``n_rows`` rows; ``contents`` says what each of ``names`` holds.

    categories  those that their writer called so; narrow: of float16 and float32 the matrix is of that type
    """

    def __init__(
        self,
        names: list[str],
        contents: dict[str, str],
        n_rows: int,
        categories: set[str],
        workers: Workers,
        narrow: bool = False,
    ) -> None:
        self.workers = workers
        self.names, self.contents, self.n_rows, self.narrow = names, contents, n_rows, narrow
        self.categories = categories
        self.plain = [name for name in names if contents[name] in PLAIN]
        self.read = [name for name in names if contents[name] in (*PLAIN, TEXT, TIME)]
        self.texts = {name: Texts() for name in names if contents[name] == TEXT}
        self.times = {name: Times(n_rows) for name in names if contents[name] == TIME}
        self.counting = {name: Counting(name) for name in names if contents[name] == NUMBER}
        self.notes: list[str] = []  # on what a column may be in truth, where the encoding is fitted here
        self.matrix: np.ndarray | None = None  # the widths of lists are known when the first of them are read
        self.filled = 0
        self.missing = False  # whether any number is

    def append(
        self, shown: str, table: pa.Table, where: Callable[[int], int], kept: np.ndarray | None = None
    ) -> dict[str, Values]:
        """Add the rows of ``table``, flat, of which only ``kept`` (positions) where that is given.

        ``where`` says which row of the data a row of it is. Returns all its rows for a fingerprint.
        """
        there = set(table.column_names)
        columns = {
            name: unwrapped(table.column(name)) if name in there else pa.chunked_array([pa.nulls(len(table))])
            for name in self.names
        }
        rows = slice(None) if kept is None else kept

        def add(name: str) -> Values:
            if name in self.texts:
                texts = self.texts[name]
                codes = texts.coded(columns[name])
                texts.keep(codes[rows])
                return texts.bits(codes)
            if name in self.times:
                with _about(shown, name):
                    micros, given = self.times[name].read(columns[name])
                self.times[name].keep(micros[rows], given[rows])
                return bits(micros, given)
            return self._array(shown, name, columns[name], where)

        by_name = dict(zip(self.read, self.workers.map(add, self.read)))
        numbers = [values for values in by_name.values() if isinstance(values, np.ndarray)]
        self._write(shown, [values[rows] for values in numbers], where)
        self.filled += len(table) if kept is None else len(kept)
        return by_name

    def _array(self, shown: str, name: str, column: pa.ChunkedArray, where: Callable[[int], int]) -> np.ndarray:
        if pa.types.is_null(column.type):
            column = column.cast(pa.float64())
        array = matrix_of(shown, name, column, where)
        if name in self.counting:
            self.counting[name].add(array)
        if array.dtype.kind == "f" and array.size and np.isnan(array.min()):
            if self.narrow:
                try:
                    vector_of(shown, name, column, where)
                except DataError as error:
                    raise MissingNumber(str(error)) from error
            self.missing = True
        return array

    def _write(self, shown: str, arrays: list[np.ndarray], where: Callable[[int], int]) -> None:
        widths = [1 if array.ndim == 1 else array.shape[1] for array in arrays]
        if self.matrix is None:
            self._allocate(shown, widths, np.result_type(*arrays) if self.narrow and arrays else np.dtype(np.float64))
        for name, width, expected in zip(self.plain, widths, self.widths):
            if width != expected:
                raise DataError(
                    f"{shown}: column {quoted(name)}, row {where(0)} (from 0): expected {expected} numbers, "
                    f"as in the rows before, found {width}"
                )
        assert self.matrix is not None
        matrix, filled = self.matrix, self.filled

        def write(start: int) -> None:
            stop = min(start + ROWS_TOGETHER, len(arrays[0]))
            part = matrix[filled + start : filled + stop]
            column = 0
            for array, width in zip(arrays, widths):
                if array.ndim == 1:
                    part[:, column] = array[start:stop]
                else:
                    part[:, column : column + width] = array[start:stop]
                column += width

        for _ in self.workers.map(write, range(0, len(arrays[0]) if arrays else 0, ROWS_TOGETHER)):
            pass

    def _allocate(self, shown: str, widths: list[int], dtype: np.dtype) -> None:
        self.widths = widths
        if sum(widths) == 0 and len(self.names) == len(self.plain):
            raise DataError(f"{shown}: expected features, found empty lists")
        starts = np.cumsum([0, *widths]).tolist()
        self.spans = {name: (start, width) for name, start, width in zip(self.plain, starts, widths)}
        kind = dtype if dtype.kind == "f" else np.dtype(np.float64)
        order: Literal["C", "F"] = "F" if self.texts or self.times else "C"  # column by column where it is not the last
        self.matrix = np.empty((self.n_rows, sum(widths)), kind, order)

    def finish(self, shown: str, encoding: Encoding | None, wanted: bool, left_out: bool, dense: bool = False):
        """(matrix, Encoding): by ``encoding``, or one that is fitted where not all columns can stay as they are.

        ``wanted``: the columns were asked for by name; ``left_out``: others are no features, which is to be recorded;
        ``dense``: the matrix is, whatever is in it.
        """
        as_it_is = len(self.names) == len(self.plain) and not self.missing
        if encoding is None or not encoding.columns:
            if as_it_is and not left_out and self.narrow:
                return self.matrix, encoding  # gradients, which no model is trained on
            seen = self.seen()
            encoding = fit_columns(shown, self.contents, seen, wanted, self.categories)
            self.notes = [] if wanted else suspects_of(encoding, seen)
        if (
            as_it_is
            and self.matrix is not None
            and encoding.width == self.matrix.shape[1]
            and self.names == [each.name for each in encoding.columns]
        ):
            return self.matrix, encoding
        return assembled(list(self._blocks(shown, encoding)), self.n_rows, self.workers, dense), encoding

    def _values(self, name: str):
        if name in self.texts or name in self.times:
            return self.texts.get(name) or self.times[name]
        start, width = self.spans[name]
        assert self.matrix is not None
        return self.matrix[:, start] if self.contents[name] == NUMBER else self.matrix[:, start : start + width]

    def seen(self) -> dict[str, Seen]:
        """What is to be seen in each column, by which an encoding is fitted."""

        def look(item) -> Seen:
            name, values = item
            return Numbers(self.n_rows) if values is None else seen_in(values, self.counting.get(name))

        return {
            name: seen
            for items in self._few_together()
            for (name, _), seen in zip(items, self.workers.map(look, items))
        }

    def _few_together(self) -> Iterator[list[tuple[str, Any]]]:
        """(name, values), in order; numbers one after the other in memory, for as long as it takes to the next few.

        A pass over a column of a matrix reads all lines of it, eight columns wide.
        """
        room = np.empty((COLUMNS_TOGETHER, self.n_rows))
        for begin in range(0, len(self.names), COLUMNS_TOGETHER):
            names = self.names[begin : begin + COLUMNS_TOGETHER]
            items: dict[str, Any] = {
                name: None if self.contents[name] == NOTHING else self._values(name) for name in names
            }
            apart = [name for name in names if self.contents[name] == NUMBER and not items[name].flags.c_contiguous]

            def copy(start: int, apart=apart, items=items) -> None:
                rows = slice(start, start + ROWS_TOGETHER)
                for number, name in enumerate(apart):
                    room[number, rows] = items[name][rows]

            for _ in self.workers.map(copy, range(0, self.n_rows, ROWS_TOGETHER) if apart else ()):
                pass
            yield list((items | {name: room[number] for number, name in enumerate(apart)}).items())

    def _blocks(self, shown: str, encoding: Encoding) -> Iterator[Block]:
        def encode(column: Column) -> list[Block]:
            with _about(shown, column.name):
                return column.record.encode(self._as_its_kind(shown, column), column.facts)

        for blocks in self.workers.map(encode, encoding.columns):
            yield from blocks

    def _as_its_kind(self, shown: str, column: Column):
        """The values as the kind takes them, which here may hold nothing, or numbers, where there was text."""
        content = self.contents[column.name]
        values: Any = None if content == NOTHING else self._values(column.name)
        if column.kind == VECTOR:
            width, expected = values.shape[1] if content == VECTOR else 0, column.facts["width"]
            if width != expected:
                raise DataError(
                    f"{shown}: column {quoted(column.name)}: expected {expected} numbers a row, found {width}"
                )
        if content == NOTHING:
            nothing = {NUMBER: lambda: np.full(self.n_rows, np.nan), TIME: lambda: Times(self.n_rows)}
            return nothing.get(column.kind, lambda: Texts(pa.chunked_array([pa.nulls(self.n_rows)])))()
        if content == NUMBER and column.kind != NUMBER:
            return Texts(pa.chunked_array([pa.array(values, mask=np.isnan(values))]))
        return values


@contextlib.contextmanager
def _about(shown: str, name: str) -> Iterator[None]:
    """Whatever the Arrow library raises becomes one line that names input and column."""
    try:
        yield
    except (pa.ArrowException, OverflowError) as error:
        raise DataError(f"{shown}: column {quoted(name)}: {first_line(error)}") from error
