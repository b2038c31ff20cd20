"""LIBSVM text, ``label index:value index:value ...`` a line, as it is found in the wild; or ``label:weight ...``.

Text is read in blocks of whole lines. The kernel ``parse_rows`` reads them in threads; where only some rows are
wanted, ``row_starts`` finds these before. What they give is put together into one matrix when the size of all of it
is known.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np
import scipy.sparse as sp

from craig_cli.dataset import Dataset, Source
from craig_cli.errors import DataError, OtherDataError
from craig_cli.formats import lines
from craig_cli.formats.content import BLOCK, Content, Fingerprint, Length
from craig_cli.formats.libsvm_errors import explain, numbers
from craig_cli.formats.parts import Part, Store, assemble, take
from craig_cli.formats.pipeline import Workers
from craig_cli.formats.scan import LINE_FEED, PADDING
from craig_cli.tables import numbered
from craig_cli.tables.encoding import Encoding

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_scratch = threading.local()


@dataclass(frozen=True)
class Block:
    """Whole lines of text of the input ``path``, with PADDING bytes behind.

    starts  (rows,) int64, where the rows to read begin, of so many ``lines`` in all; None: every row, not yet counted
    keep    int64, which of these are wanted once they are read; None: all
    begin   (bytes of the input before the text, bytes that were read before it was): with the same, all blocks from
            there on are the same
    """

    path: str
    text: np.ndarray
    starts: np.ndarray | None = None
    lines: int = 0
    keep: np.ndarray | None = None
    begin: tuple[int, int] = (0, 0)


class _BadRow(Exception):
    """The row that begins at byte ``start`` of the text of ``block`` cannot be read."""

    def __init__(self, block: Block, start: int) -> None:
        self.block, self.start = block, start


def read(
    contents: Iterable[Content],
    *,
    threads: int,
    zero_based: bool | None = None,
    rows: np.ndarray | None = None,
    n_features: int | None = None,
    encoding: Encoding | None = None,
) -> Dataset:
    """The rows of all ``contents`` as one Dataset; see ``craig_cli.formats.read_dataset``."""
    if encoding is not None and encoding.columns and encoding.is_plain:
        encoding = None  # of a table of numbers alone: its columns in their order are the features
    if encoding is not None and encoding.columns:
        n_features = numbered.width_of(encoding)
    reader = Reader(zero_based, rows, n_features, threads)
    parts: list[Part] = []
    sources: list[Source] = []
    with Workers(threads) as workers:
        for content in contents:
            path = content.shown
            with Fingerprint(in_thread=True) as fingerprint:
                before = reader.rows_before
                parts.extend(reader.parts(content, fingerprint, workers))
                if reader.rows_before == before:
                    raise DataError(f"{path}: expected LIBSVM data, found {nothing_in(fingerprint.size)}")
                sources.append(fingerprint.source(content.name, reader.rows_before - before))
        if rows is not None and len(rows) and rows[-1] >= reader.rows_before:
            raise OtherDataError(f"{path}: expected a row {rows[-1]}, found {reader.rows_before} rows in all")
        dataset = assemble(parts, reader.zero_based, n_features, workers)
    name = sources[0].name
    if encoding is not None or reader.missing:
        features, encoding = numbered.encoded(dataset.features, rows, encoding, name)
        dataset = replace(dataset, features=features, encoding=encoding)
    notes = (f"{name}: qid: is there and is not used",) if reader.queries else ()
    return replace(dataset, rows=rows, sources=tuple(sources), notes=notes)


def nothing_in(size: int) -> str:
    return "no rows in it" if size else "an empty file"


class Reader:
    """What is known while the inputs are read one after the other."""

    def __init__(self, zero_based, rows, n_features, threads) -> None:
        self.lowest_index = 1 if zero_based is False else 0
        self.rows = rows
        # Other rows have to be parsed only for the largest index; whether there is an index 0 is seen without.
        self.skips = rows is not None and n_features is not None
        self.zero_based = zero_based
        self.rows_before = 0
        self.missing = False  # whether any value is
        self.queries = False  # whether there is a qid: anywhere
        self.store = Store()

    def parts(
        self, content: Content, fingerprint: Fingerprint | Length, workers: Workers, begin: tuple[int, int] = (0, 0)
    ) -> Iterator[Part]:
        """Those from ``begin`` on, as a ``Block`` has it."""
        blocks = _read_blocks(content, fingerprint, begin)
        if self.rows is not None:
            blocks = self._select(map(self._locate, blocks))
        line = 0
        try:
            for part in workers.map(self._parse, blocks):
                line += part.lines
                if self.rows is None:
                    self.rows_before += len(part.labels)
                yield part
        except _BadRow as bad:
            raise self._error(bad, line) from None

    def _locate(self, block: Block) -> Block:
        starts = _buffer("starts", len(block.text) // 2 + 1, np.int64)
        n_rows, n_lines = lines.row_starts(block.text, starts)
        if self.skips and self.zero_based is None and lines.has_index_zero(block.text):
            self.zero_based = True
        return replace(block, starts=starts[:n_rows].copy(), lines=n_lines)

    def _select(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """Number rows through, and mark those that are wanted."""
        rows = self.rows
        assert rows is not None
        for block in blocks:
            assert block.starts is not None
            first, self.rows_before = self.rows_before, self.rows_before + len(block.starts)
            begin, end = np.searchsorted(rows, (first, self.rows_before))
            keep = rows[begin:end] - first
            if self.skips:
                yield replace(block, starts=block.starts[keep])
            else:
                yield replace(block, keep=keep)

    def _parse(self, block: Block) -> Part:
        size = len(block.text)
        # The shortest row is "1" and a line feed, the shortest feature " 1:2".
        starts = _buffer("starts", size // 2 + 1, np.int64) if block.starts is None else block.starts
        labels = _buffer("labels", len(starts), np.float64)
        weights: np.ndarray | None = _buffer("weights", len(starts), np.float64)
        lengths = _buffer("lengths", len(starts), np.int64)
        indices, values = self.store.room(size // 4 + 1)
        wanted = -1 if block.starts is None else len(starts)
        summary = np.empty(11, np.int64)
        good = lines.parse_rows(
            block.text, wanted, starts, self.lowest_index, labels, weights, lengths, indices, values, summary
        )
        count, largest, least, nonzeros, unsorted, undecided, complete, n_lines, weighted, missing, queries = (
            summary.tolist()
        )
        labels, lengths = labels[:good].copy(), lengths[:good].copy()
        weights = weights[:good].copy() if weights is not None and weighted else None
        indices, values = indices[:count], values[:count]
        if undecided:
            self._ask_float(block, starts, labels, weights, lengths, values)
            nonzeros = int(np.count_nonzero(values))
        if missing:
            self.missing = True
            values[values == lines.MISSING] = np.nan
        self.queries = self.queries or queries > 0
        if unsorted:
            self._sort(block, starts, lengths, indices, values)
        if not complete:
            raise _BadRow(block, int(starts[good]))
        n_lines = n_lines if block.starts is None else block.lines
        arrays = (labels, weights, lengths, indices, values)
        part = Part(block.path, n_lines, *arrays, largest, least, nonzeros, block.begin)
        if block.keep is not None:
            return take(part, block.keep)
        self.store.keep(count)
        return part

    def _ask_float(self, block: Block, starts, labels, weights, lengths, values) -> None:
        """Replace each nan, a number that the kernel did not decide, by what ``float`` says."""
        ends = np.cumsum(lengths)
        rows_of_values = np.searchsorted(ends, np.flatnonzero(np.isnan(values)), side="right")
        rows_of_labels = np.flatnonzero(np.isnan(labels if weights is None else labels + weights))
        for row in np.union1d(rows_of_values, rows_of_labels).tolist():
            start = int(starts[row])
            exact = numbers(_line(block, start))
            if np.isinf(exact).any() or np.isnan(exact[0]) or not exact[1] > 0.0:
                raise _BadRow(block, start)
            labels[row] = exact[0]
            if weights is not None:
                weights[row] = exact[1]
            values[ends[row] - lengths[row] : ends[row]] = np.where(np.isnan(exact[2:]), lines.MISSING, exact[2:])

    def _sort(self, block: Block, starts, lengths, indices, values) -> None:
        """Sort the features of each row by index, in place; an index that occurs twice is refused."""
        row_of = np.repeat(np.arange(len(lengths)), lengths)
        key = (row_of << 32) | indices
        order = np.argsort(key, kind="stable")
        key = key[order]
        twice = np.flatnonzero(key[1:] == key[:-1])
        if len(twice):
            raise _BadRow(block, int(starts[key[twice[0]] >> 32]))
        indices[:], values[:] = indices[order], values[order]

    def _error(self, bad: _BadRow, line: int) -> DataError:
        """What is wrong there, ``line`` lines before its block: ``PATH:LINE:COLUMN: expected ..., found ...``."""
        before = bad.block.text[: bad.start].tobytes()
        line += before.count(b"\n") + 1
        column = bad.start - (before.rfind(b"\n") + 1) + 1
        position, fault = explain(_line(bad.block, bad.start), self.lowest_index) or (
            0,
            "expected label index:value ...",
        )
        return DataError(f"{bad.block.path}:{line}:{column + position}: {fault}")


def _line(block: Block, start: int) -> bytes:
    """The line that begins at byte ``start`` of the text, without its line feed."""
    size = 256
    while True:  # without a copy of the whole block
        piece = block.text[start : start + size].tobytes()
        line, newline, _ = piece.partition(b"\n")
        if newline:
            return line
        size *= 2


def _buffer(name: str, size: int, dtype) -> np.ndarray:
    """An array of this thread that is used again and again: fresh memory costs more than its use."""
    array = getattr(_scratch, name, None)
    if array is None or len(array) < size:
        array = np.empty(size, dtype)
        setattr(_scratch, name, array)
    return array


def _read_blocks(content: Content, fingerprint: Fingerprint | Length, begin: tuple[int, int]) -> Iterator[Block]:
    """The content from ``begin`` on in blocks of whole lines, about BLOCK bytes, with PADDING behind."""
    start, read = begin
    rest: np.ndarray = np.empty(read - start, np.uint8)
    content.skip(start)
    content.readinto(rest.data)
    first = start == 0
    while True:
        # A line may be longer than a block: reading as much again as there is keeps the copying linear.
        text = np.empty(len(rest) + max(BLOCK, len(rest)) + 1 + PADDING, np.uint8)
        text[: len(rest)] = rest
        room = text.data[len(rest) : -1 - PADDING]
        size = content.readinto(room)
        fingerprint.update(room[:size])
        end = len(rest) + size
        if size < len(room):  # the end
            if end:
                text[end] = LINE_FEED
                yield Block(content.shown, _without_mark(text, end + 1, first), begin=(start, read))
            return
        cut = _last_line_feed(text, len(rest), end) + 1
        rest = text[cut:end].copy()
        if cut:
            yield Block(content.shown, _without_mark(text, cut, first), begin=(start, read))
            first = False
            start += cut
            read = start + len(rest)


def _last_line_feed(text: np.ndarray, begin: int, end: int) -> int:
    """Where the last line feed of text[begin:end] is; -1 without one."""
    size = 256
    while True:
        first = max(begin, end - size)
        position = text[first:end].tobytes().rfind(b"\n")
        if position >= 0:
            return first + position
        if first == begin:
            return -1
        size *= 2


def _without_mark(text: np.ndarray, end: int, first: bool) -> np.ndarray:
    begin = len(BYTE_ORDER_MARK) if first and text[:3].tobytes() == BYTE_ORDER_MARK else 0
    return text[begin : end + PADDING]


def write(stream: BinaryIO, features: np.ndarray | sp.csr_matrix, labels: np.ndarray) -> None:
    """Write features (n, d) and labels (n,) to ``stream`` as one-based LIBSVM text, without zeros.

    Numbers are written as short as they can be to be read back as the same float64.
    """
    matrix = sp.csr_matrix(features)
    matrix.sort_indices()
    indptr = matrix.indptr.tolist()
    for first in range(0, matrix.shape[0], 4096):
        text = []
        last = min(first + 4096, matrix.shape[0])
        for row in range(first, last):
            part = slice(indptr[row], indptr[row + 1])
            columns, values = matrix.indices[part].tolist(), matrix.data[part].tolist()
            pairs = [f" {column + 1}:{_shortest(value)}" for column, value in zip(columns, values) if value != 0]
            text.append(f"{_shortest(float(labels[row]))}{''.join(pairs)}\n")
        stream.write("".join(text).encode("ascii"))


def _shortest(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
