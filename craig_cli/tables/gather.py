"""Batches of a table -> one matrix: numbers go straight into it, the rest is kept until its encoding is known."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from craig_cli.dataset import is_csr
from craig_cli.errors import DataError
from craig_cli.formats.columns import matrix_of, vector_of
from craig_cli.formats.messages import first_line, printable, quoted
from craig_cli.tables.encoding import Column, Encoding
from craig_cli.tables.fitting import fit_column
from craig_cli.tables.kind import Block
from craig_cli.tables.storage import NOTHING, NUMBER, PLAIN, TEXT, VECTOR, as_text, unwrapped

ROWS_TOGETHER = 2048  # written into the matrix at a time, so that the lines of it stay in the cache
DENSE_CELLS_PER_NONZERO = 8  # as of LIBSVM: of more the matrix is sparse


class Features:
    """The feature columns of ``n_rows`` rows; ``contents`` says what each of ``names`` holds."""

    def __init__(self, names: list[str], contents: dict[str, str], n_rows: int, narrow: bool = False) -> None:
        self.names, self.contents, self.n_rows, self.narrow = names, contents, n_rows, narrow
        self.plain = [name for name in names if contents[name] in PLAIN]
        self.others: dict[str, list[pa.ChunkedArray]] = {name: [] for name in names if contents[name] not in PLAIN}
        self.matrix: np.ndarray | None = None  # the widths of lists are known when the first of them are read
        self.filled = 0
        self.categories: set[str] = set()  # that their writer called so
        self.missing = False  # whether any number is

    def append(self, shown: str, table: pa.Table, where: Callable[[int], int]) -> None:
        """Add the rows of ``table``, flat; ``where`` says which row of the data a row of it is."""
        there = set(table.column_names)
        columns = {
            name: unwrapped(table.column(name)) if name in there else pa.chunked_array([pa.nulls(len(table))])
            for name in self.names
        }
        arrays = [self._array(shown, name, columns[name], where) for name in self.plain]
        self._write(shown, arrays, len(table), where)
        for name, kept in self.others.items():
            if pa.types.is_dictionary(columns[name].type):
                self.categories.add(name)
            kept.append(as_text(columns[name]) if self.contents[name] == TEXT else columns[name])
        self.filled += len(table)

    def _array(self, shown: str, name: str, column: pa.ChunkedArray, where: Callable[[int], int]) -> np.ndarray:
        if pa.types.is_null(column.type):
            column = column.cast(pa.float64())
        array = matrix_of(shown, name, column, where)
        if array.dtype.kind == "f" and len(array) and np.isnan(array.min()):
            if self.narrow:
                vector_of(shown, name, column, where)  # refuses it
            self.missing = True
        return array

    def _write(self, shown: str, arrays: list[np.ndarray], n_rows: int, where: Callable[[int], int]) -> None:
        widths = [1 if array.ndim == 1 else array.shape[1] for array in arrays]
        if self.matrix is None:
            self._allocate(shown, widths, np.result_type(*arrays) if self.narrow and arrays else np.dtype(np.float64))
        for name, width, expected in zip(self.plain, widths, self.widths):
            if width != expected:
                raise DataError(
                    f"{shown}: column {quoted(name)}, row {where(0)} (from 0): expected {expected} numbers, "
                    f"as in the rows before, found {width}"
                )
        for start in range(0, n_rows, ROWS_TOGETHER):
            stop = min(start + ROWS_TOGETHER, n_rows)
            part = self.matrix[self.filled + start : self.filled + stop]
            column = 0
            for array, width in zip(arrays, widths):
                if array.ndim == 1:
                    part[:, column] = array[start:stop]
                else:
                    part[:, column : column + width] = array[start:stop]
                column += width

    def _allocate(self, shown: str, widths: list[int], dtype: np.dtype) -> None:
        self.widths = widths
        if sum(widths) == 0 and not self.others:
            raise DataError(f"{shown}: expected features, found empty lists")
        starts = np.cumsum([0, *widths]).tolist()
        self.places = {name: (start, width) for name, start, width in zip(self.plain, starts, widths)}
        self.matrix = np.empty((self.n_rows, sum(widths)), dtype=dtype if dtype.kind == "f" else np.float64)

    def finish(self, shown: str, encoding: Encoding | None, wanted: bool, left_out: bool):
        """(matrix, Encoding): by ``encoding``, or one that is fitted where not all columns can stay as they are.

        ``wanted``: the columns were asked for by name; ``left_out``: others are no features, which is to be recorded.
        """
        as_it_is = not self.others and not self.missing
        if encoding is None or not encoding.columns:
            if as_it_is and not left_out and self.narrow:
                return self.matrix, encoding  # gradients, which no model is trained on
            encoding = self._fit(shown, wanted)
        if (
            as_it_is
            and encoding.width == self.matrix.shape[1]
            and self.names == [each.name for each in encoding.columns]
        ):
            return self.matrix, encoding
        return _assembled(list(self._blocks(shown, encoding)), self.n_rows), encoding

    def _values(self, name: str):
        if name in self.others:
            chunks = [chunk for kept in self.others[name] for chunk in kept.chunks]
            kinds = {chunk.type for chunk in chunks}
            if len(kinds) > 1:
                return _together(chunks, kinds)
            return pa.chunked_array(chunks, next(iter(kinds), pa.null()))
        start, width = self.places[name]
        return self.matrix[:, start] if self.contents[name] == NUMBER else self.matrix[:, start : start + width]

    def _fit(self, shown: str, wanted: bool) -> Encoding:
        columns, left_out = [], {}
        for name in self.names:
            content = self.contents[name]
            if content == NOTHING:
                found: Column | str = "no value in any row"
            else:
                with _about(shown, name):
                    found = fit_column(name, content, self._values(name), wanted, name in self.categories)
            if isinstance(found, Column):
                columns.append(found)
            else:
                left_out[name] = found
        if not columns:
            whys = "; ".join(f"{printable(name[:40])}: {why}" for name, why in left_out.items())
            raise DataError(f"{shown}: expected columns that can be features, found none ({whys[:200]})")
        return Encoding(tuple(columns), left_out)

    def _blocks(self, shown: str, encoding: Encoding) -> Iterator[Block]:
        for column in encoding.columns:
            with _about(shown, column.name):
                yield from column.record.encode(self._as_its_kind(shown, column), column.facts)

    def _as_its_kind(self, shown: str, column: Column):
        """The values as the kind takes them, which here may hold nothing, or numbers, where there was text."""
        values, content = self._values(column.name), self.contents[column.name]
        if column.kind == NUMBER and content == NOTHING:
            return np.full(self.n_rows, np.nan)
        if column.kind == VECTOR:
            found, expected = values.shape[1] if content == VECTOR else 0, column.facts["width"]
            if found != expected:
                raise DataError(
                    f"{shown}: column {quoted(column.name)}: expected {expected} numbers a row, found {found}"
                )
        if content == NUMBER and column.kind != NUMBER:
            missing = np.isnan(values)
            return pa.chunked_array([pa.array(values, mask=missing)])
        return values


def _together(chunks: list[pa.Array], kinds: set) -> pa.ChunkedArray:
    """Chunks of different types of the same content, such as dates and timestamps, as one."""
    kinds = {kind for kind in kinds if not pa.types.is_null(kind)}
    if len(kinds) == 1:
        target = next(iter(kinds))
    else:
        durations = [pa.types.is_duration(kind) for kind in kinds]
        times = [pa.types.is_time(kind) for kind in kinds]
        if all(durations):
            target = pa.duration("ns")
        elif all(times):
            target = pa.time64("ns")
        elif any(durations) or any(times):
            raise pa.ArrowInvalid("expected times of one kind, found dates, times of day or durations together")
        else:
            target = pa.timestamp("us")
            chunks = [chunk.cast(pa.timestamp("us", getattr(chunk.type, "tz", None)), safe=False) for chunk in chunks]
            chunks = [chunk.cast(pa.int64()).cast(target) for chunk in chunks]
    return pa.chunked_array([chunk.cast(target) for chunk in chunks], target)


@contextlib.contextmanager
def _about(shown: str, name: str) -> Iterator[None]:
    """Whatever the Arrow library raises becomes one line that names input and column."""
    try:
        yield
    except (pa.ArrowException, OverflowError) as error:
        raise DataError(f"{shown}: column {quoted(name)}: {first_line(error)}") from error


def _assembled(blocks: list[Block], n_rows: int) -> np.ndarray | sp.csr_matrix:
    """The blocks side by side, sparse where that is smaller; ``blocks`` is emptied on the way."""
    widths = [1 if block.ndim == 1 else block.shape[1] for block in blocks]
    nonzeros = sum(block.nnz if is_csr(block) else int(np.count_nonzero(block)) for block in blocks)
    if n_rows * sum(widths) > DENSE_CELLS_PER_NONZERO * nonzeros:
        return _sparse(blocks, n_rows, widths, nonzeros)
    matrix = np.empty((n_rows, sum(widths)))
    column = 0
    for number, width in enumerate(widths):
        block, blocks[number] = blocks[number], None
        for start in range(0, n_rows, ROWS_TOGETHER):
            part = block[start : start + ROWS_TOGETHER]
            dense = part.toarray() if is_csr(part) else part.reshape(len(part), width)
            matrix[start : start + ROWS_TOGETHER, column : column + width] = dense
        column += width
    return matrix


def _sparse(blocks: list[Block], n_rows: int, widths: list[int], nonzeros: int) -> sp.csr_matrix:
    """The blocks side by side as CSR, each put in its place at once."""
    pieces = [_nonzero(block) for block in blocks]
    ends = np.zeros(n_rows + 1, np.int64)
    for counts, _, _ in pieces:
        ends[1:] += counts
    np.cumsum(ends, out=ends)
    indices, values = np.empty(nonzeros, np.int32), np.empty(nonzeros)
    free, column = ends[:-1].copy(), 0  # where the next value of each row goes
    for number, width in enumerate(widths):
        (counts, columns, found), pieces[number], blocks[number] = pieces[number], None, None
        if counts.dtype == bool:  # of one value in a row at most
            places = free[counts]
        else:
            first = np.cumsum(counts) - counts
            places = np.repeat(free - first, counts) + np.arange(len(found))
        indices[places], values[places] = columns + column, found
        free += counts
        column += width
    return sp.csr_matrix((values, indices, ends), shape=(n_rows, column))


def _nonzero(block: Block) -> tuple[np.ndarray, np.ndarray | int, np.ndarray]:
    """(values of each row, booleans where there is one at most, their columns, values) of what is not zero."""
    if not is_csr(block) and block.ndim == 1:
        there = block != 0
        return there, 0, block[there]
    block = block if is_csr(block) else sp.csr_matrix(block)
    counts = np.diff(block.indptr)
    return counts.astype(bool) if counts.max(initial=0) <= 1 else counts, block.indices, block.data
