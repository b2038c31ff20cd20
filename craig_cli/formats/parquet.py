"""Parquet: numeric columns, or list columns of numbers, as one dense matrix.

Row groups are read one at a time into a matrix that is allocated once, so the peak of memory is about the
matrix and one row group.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from craig_cli.dataset import Dataset, Source
from craig_cli.errors import CraigError, DataError, OtherDataError, UsageError
from craig_cli.formats.arrow import to_arrow
from craig_cli.formats.columns import check_type, matrix_of, vector_of
from craig_cli.formats.content import BLOCK, Content, Fingerprint
from craig_cli.formats.messages import first_line, listed, quoted
from craig_cli.formats.roles import roles_of

LABEL = "label"  # the column of labels, where no other is named
MOST_ROWS = 2**40  # more is damage, and too much even to ask memory for
ROWS_TOGETHER = 2048  # written into the matrix at a time, so that the lines of it stay in the cache


@dataclass(frozen=True)
class _Input:
    """A Parquet input that was looked at, and how to open it again: a folder may hold more than may be open."""

    path: str
    shown: str
    content: bytearray | None  # where it is not a file on disk
    n_rows: int = 0
    source: Future[Source] | None = None

    @contextlib.contextmanager
    def open(self) -> Iterator[pq.ParquetFile]:
        with contextlib.ExitStack() as stack, _refusals(self.shown):
            opened = pa.BufferReader(self.content) if self.content is not None else pa.OSFile(self.path, "rb")
            yield stack.enter_context(pq.ParquetFile(stack.enter_context(opened)))


@contextlib.contextmanager
def _refusals(shown: str) -> Iterator[None]:
    """Whatever the Parquet library raises becomes one line that names the input."""
    try:
        yield
    except CraigError:
        raise
    except MemoryError as error:
        raise DataError(f"{shown}: cannot read as Parquet: not enough memory") from error
    except Exception as error:
        raise DataError(f"{shown}: cannot read as Parquet: {first_line(error)}") from error


@dataclass(frozen=True)
class _Columns:
    """Which columns serve for what."""

    features: list[str]
    label: str | None
    weight: str | None

    @property
    def all(self) -> list[str]:
        return [*self.features, *(name for name in (self.label, self.weight) if name is not None)]


def read(
    contents: Iterable[Content],
    *,
    threads: int,
    label: str = "label",
    weight_column: str | None = None,
    features: list[str] | None = None,
    zero_based: bool | None = None,
    rows: np.ndarray | None = None,
    n_features: int | None = None,
    gradients: bool = False,
) -> Dataset:
    """The rows of all ``contents`` as one Dataset; see ``craig_cli.formats.read_dataset``."""
    if zero_based:
        raise UsageError("--zero-based: Parquet data has no feature numbers; it is for LIBSVM")
    with ThreadPoolExecutor(1) as hasher:
        inputs, columns = _look_at_all(contents, hasher, (label, weight_column, features, gradients))
        last = inputs[-1].shown
        n_rows = sum(one.n_rows for one in inputs)
        if n_rows == 0:
            raise DataError(f"{inputs[0].shown}: expected at least one row, found none")
        if rows is not None and rows[-1] >= n_rows:
            raise OtherDataError(f"{last}: expected a row {rows[-1]}, found {n_rows} rows in all")
        target = _Target(len(rows) if rows is not None else n_rows, columns, narrow=gradients)
        first = 0
        for one in inputs:
            with one.open() as file:
                for numbers, table in _row_groups(file, columns, rows, first, threads):
                    target.append(one.shown, numbers, table)
            first += one.n_rows
        if target.filled < len(target.labels):
            expected, found = len(target.labels), target.filled
            raise DataError(f"{last}: expected {expected} rows, as the file says, found {found}")
        sources = tuple(one.source.result() for one in inputs)
    return Dataset(target.matrix, target.labels, target.multiplicity, rows, sources)


def _look_at_all(contents: Iterable[Content], hasher: ThreadPoolExecutor, names) -> tuple[list[_Input], _Columns]:
    """The inputs and the columns to read, of which all inputs must have those of the first."""
    inputs, columns = [], None
    for content in contents:
        kept = None if content.whole_file else content.read_all()
        if not content.head:
            raise DataError(f"{content.shown}: expected Parquet data, found an empty file")
        one = _Input(content.path, content.shown, kept)
        with one.open() as file:
            found = _choose(one.shown, file.schema_arrow, *names)
            n_rows = file.metadata.num_rows
            counted = sum(file.metadata.row_group(group).num_rows for group in range(file.num_row_groups))
        if n_rows != counted or not 0 <= n_rows < MOST_ROWS:
            raise DataError(f"{one.shown}: damaged: says {n_rows} rows in all, and {counted} in its parts")
        if columns is None:
            columns = found
        elif set(found.features) != set(columns.features):
            raise DataError(f"{one.shown}: {_difference(columns, found, inputs[0].shown)}")
        inputs.append(replace(one, n_rows=n_rows, source=hasher.submit(_source, one, content.name, n_rows)))
    return inputs, columns


def _source(one: _Input, name: str, n_rows: int) -> Source:
    with Fingerprint(in_thread=False) as fingerprint:
        if one.content is not None:
            fingerprint.update(memoryview(one.content))
        else:
            with _refusals(one.shown), open(one.path, "rb") as stream:
                while block := stream.read(BLOCK):
                    fingerprint.update(memoryview(block))
        return fingerprint.source(name, n_rows)


def _choose(
    shown: str, schema: pa.Schema, label: str, weight: str | None, features: list[str] | None, gradients: bool
) -> _Columns:
    names = schema.names
    if gradients and label == LABEL and label not in names:
        label = None
    roles = {} if features is not None else roles_of(schema)
    if weight is None and roles.get("weight") != label:
        weight = roles.get("weight")
    for what, name, option in (("label", label, "--label"), ("weight", weight, "--weight-column")):
        if name is not None and name not in names:
            what = "" if name == what else f"{what} "
            raise DataError(f"{shown}: no {what}column {quoted(name)}; found: {listed(names)} (name it with {option})")
    if features is not None:
        for name in features:
            if name not in names:
                raise DataError(f"{shown}: no feature column {quoted(name)}; found: {listed(names)}")
            if name in (label, weight):
                raise UsageError(f"--features: {quoted(name)} is the label or the weight")
    others = (label, weight, *roles.values())
    wanted = [name for name in names if name not in others and (features is None or name in features)]
    if not wanted:
        raise DataError(f"{shown}: expected feature columns, found: {listed(names)}")
    columns = _Columns(wanted, label, weight)
    for name in columns.all:
        if names.count(name) > 1:
            raise DataError(f"{shown}: expected one column {quoted(name)}, found {names.count(name)}")
        kind = schema.field(name).type
        check_type(shown, name, kind, lists=name in wanted)
    return columns


def _difference(expected: _Columns, found: _Columns, first: str) -> str:
    missing = [name for name in expected.features if name not in found.features]
    more = [name for name in found.features if name not in expected.features]
    parts = [f"without {listed(missing)}"] if missing else []
    parts += [f"with {listed(more)} as well"] if more else []
    return f"expected the same feature columns as {first}, found them {' and '.join(parts)}"


def _row_groups(
    file: pq.ParquetFile, columns: _Columns, rows: np.ndarray | None, first: int, threads: int
) -> Iterator[tuple[np.ndarray | int, pa.Table]]:
    """(row numbers, table) of each row group that has rows which are wanted; only those rows.

    The row numbers are int64, or the first of them where all rows are wanted. ``first`` is that of the file.
    """
    for group in range(file.num_row_groups):
        end = first + file.metadata.row_group(group).num_rows
        if rows is None:
            yield first, file.read_row_group(group, columns=columns.all, use_threads=threads > 1)
        else:
            numbers = rows[slice(*np.searchsorted(rows, (first, end)))]
            if len(numbers):
                table = file.read_row_group(group, columns=columns.all, use_threads=threads > 1)
                yield numbers, table.take(to_arrow(numbers - first))
        first = end


class _Target:
    """The arrays of the Dataset, filled row group by row group."""

    def __init__(self, n_rows: int, columns: _Columns, narrow: bool) -> None:
        self.columns = columns
        self.narrow = narrow
        self.filled = 0
        self.matrix: np.ndarray | None = None  # the widths of lists are known when the first of them are read
        self.labels = np.empty(n_rows) if columns.label is not None else np.zeros(n_rows)
        self.multiplicity = None if columns.weight is None else np.empty(n_rows)

    def append(self, shown: str, numbers: np.ndarray | int, table: pa.Table) -> None:
        """Add the rows of ``table``, which are ``numbers`` in the ground set (or follow that number)."""
        if len(table) == 0:
            return
        begin, end = self.filled, self.filled + len(table)
        if end > len(self.labels):
            raise DataError(f"{shown}: expected {len(self.labels)} rows, as the file says, found more")

        def where(row: int) -> int:
            return numbers + row if isinstance(numbers, int) else int(numbers[row])

        label, weight = self.columns.label, self.columns.weight
        if label is not None:
            self.labels[begin:end] = vector_of(shown, label, table.column(label), where)
        if weight is not None:
            vector = vector_of(shown, weight, table.column(weight), where)
            bad = np.flatnonzero(vector <= 0)
            if len(bad):
                raise DataError(
                    f"{shown}: column {quoted(weight)}, row {where(int(bad[0]))} (from 0): "
                    f"expected a number greater than 0, found {vector[bad[0]]:g}"
                )
            self.multiplicity[begin:end] = vector
        arrays = [matrix_of(shown, name, table.column(name), where) for name in self.columns.features]
        widths = [1 if array.ndim == 1 else array.shape[1] for array in arrays]
        if self.matrix is None:
            self._allocate(shown, widths, np.result_type(*arrays) if self.narrow else np.dtype(np.float64))
        for name, width, expected in zip(self.columns.features, widths, self.widths):
            if width != expected:
                raise DataError(
                    f"{shown}: column {quoted(name)}, row {where(0)} (from 0): expected {expected} numbers, "
                    f"as in the rows before, found {width}"
                )
        for start in range(0, len(table), ROWS_TOGETHER):
            stop = min(start + ROWS_TOGETHER, len(table))
            part = self.matrix[begin + start : begin + stop]
            column = 0
            for array, width in zip(arrays, widths):
                if array.ndim == 1:
                    part[:, column] = array[start:stop]
                else:
                    part[:, column : column + width] = array[start:stop]
                column += width
        self.filled = end

    def _allocate(self, shown: str, widths: list[int], dtype: np.dtype) -> None:
        self.widths = widths
        width = sum(widths)
        if width == 0:
            raise DataError(f"{shown}: expected features, found empty lists")
        self.matrix = np.empty((len(self.labels), width), dtype=dtype if dtype.kind == "f" else np.float64)


def write(
    stream: BinaryIO,
    features: np.ndarray,
    labels: np.ndarray,
    label: str = "label",
    weight: np.ndarray | None = None,
) -> None:
    """Write features (n, d), labels and weights (n,) as columns x1..xd, ``label`` and "weight"."""
    dense = features.toarray() if hasattr(features, "toarray") else np.asarray(features)
    columns = {f"x{j + 1}": to_arrow(dense[:, j]) for j in range(dense.shape[1])}
    columns[label] = to_arrow(np.asarray(labels))
    if weight is not None:
        columns["weight"] = to_arrow(np.asarray(weight))
    pq.write_table(pa.table(columns), stream)
