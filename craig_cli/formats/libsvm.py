"""LIBSVM text, ``label index:value index:value ...`` a line, as it is found in the wild.

Text is read in blocks of whole lines. Each block goes through two kernels, ``row_starts`` and ``parse_rows``,
in threads; what they give is put together into one matrix when the size of all of it is known.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np
import scipy.sparse as sp

from craig_cli.dataset import Dataset
from craig_cli.errors import DataError, OtherDataError, UsageError
from craig_cli.formats import lines
from craig_cli.formats.content import BLOCK, Content, Fingerprint
from craig_cli.formats.libsvm_errors import explain, numbers
from craig_cli.formats.parts import Part, Store, assemble, take
from craig_cli.formats.pipeline import Workers
from craig_cli.formats.scan import LINE_FEED, PADDING

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_scratch = threading.local()


@dataclass(frozen=True)
class Block:
    """Whole lines of text, with PADDING bytes behind, that begin after ``line`` lines of their input.

    starts (rows,) int64 is where rows begin; keep, int64, which of these are wanted once parsed (None: all).
    """

    path: str
    text: np.ndarray
    starts: np.ndarray
    lines: int
    line: int = 0
    keep: np.ndarray | None = None


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
) -> Dataset:
    """The rows of all ``contents`` as one Dataset; see ``craig_cli.formats.read_dataset``."""
    for value, option in ((weight_column, "--weight-column"), (features, "--features")):
        if value is not None:
            raise UsageError(f"{option}: LIBSVM data has no named columns; it is for Parquet")
    reader = _Reader(zero_based, rows, n_features, threads)
    parts, sources = [], []
    with Workers(threads) as workers:
        for content in contents:
            path = content.shown
            with Fingerprint(in_thread=True) as fingerprint:
                before = reader.rows_before
                parts.extend(reader.parts(content, fingerprint, workers))
                if reader.rows_before == before:
                    raise DataError(f"{path}: expected LIBSVM data, found {_nothing(fingerprint.size)}")
                sources.append(fingerprint.source(content.name, reader.rows_before - before))
        if rows is not None and len(rows) and rows[-1] >= reader.rows_before:
            raise OtherDataError(f"{path}: expected a row {rows[-1]}, found {reader.rows_before} rows in all")
        dataset = assemble(parts, reader.zero_based, n_features, workers)
    return replace(dataset, rows=rows, sources=tuple(sources))


def _nothing(size: int) -> str:
    return "no rows in it" if size else "an empty file"


class _Reader:
    """What is known while the inputs are read one after the other."""

    def __init__(self, zero_based, rows, n_features, threads) -> None:
        self.lowest_index = 1 if zero_based is False else 0
        self.rows = rows
        # Other rows have to be parsed only for the largest index; whether there is an index 0 is seen without.
        self.skips = rows is not None and n_features is not None
        self.zero_based = zero_based
        self.rows_before = 0
        self.store = Store()

    def parts(self, content: Content, fingerprint: Fingerprint, workers: Workers) -> Iterator[Part]:
        blocks = self._select(workers.map(self._locate, _read_blocks(content, fingerprint)))
        return workers.map(self._parse, blocks)

    def _locate(self, piece: tuple[str, np.ndarray]) -> Block:
        path, text = piece
        starts = _buffer("starts", len(text) // 2 + 1, np.int64)
        n_rows, n_lines = lines.row_starts(text, starts)
        starts = starts[:n_rows].copy()
        if self.skips and self.zero_based is None and lines.has_index_zero(text):
            self.zero_based = True
        return Block(path, text, starts, n_lines)

    def _select(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """Number lines and rows through, and mark the rows that are wanted."""
        line = 0
        for block in blocks:
            first, self.rows_before = self.rows_before, self.rows_before + len(block.starts)
            block, line = replace(block, line=line), line + block.lines
            if self.rows is not None:
                begin, end = np.searchsorted(self.rows, (first, self.rows_before))
                keep = self.rows[begin:end] - first
                if self.skips:
                    block = replace(block, starts=block.starts[keep])
                else:
                    block = replace(block, keep=keep)
            if len(block.starts):
                yield block

    def _parse(self, block: Block) -> Part:
        n_rows, most = len(block.starts), len(block.text) // 4 + 1  # the shortest feature is " 1:2"
        labels, lengths = np.empty(n_rows), np.empty(n_rows, np.int64)
        indices, values = _buffer("indices", most, np.int32), _buffer("values", most, np.float64)
        summary = np.empty(6, np.int64)
        good = lines.parse_rows(block.text, block.starts, self.lowest_index, labels, lengths, indices, values, summary)
        count, largest, least, nonzeros, unsorted, undecided = summary.tolist()
        labels, lengths = labels[:good], lengths[:good]
        indices, values = indices[:count], values[:count]
        if undecided:
            self._ask_float(block, labels, lengths, values)
            nonzeros = int(np.count_nonzero(values))
        if unsorted:
            self._sort(block, lengths, indices, values)
        if good < n_rows:
            raise self._error(block, good)
        part = Part(block.path, labels, lengths, indices, values, largest, least, nonzeros)
        if block.keep is not None:
            return take(part, block.keep)
        return replace(part, indices=self.store.copy(indices), values=self.store.copy(values))

    def _ask_float(self, block: Block, labels, lengths, values) -> None:
        """Replace each nan, a number that the kernel did not decide, by what ``float`` says."""
        ends = np.cumsum(lengths)
        rows_of_values = np.searchsorted(ends, np.flatnonzero(np.isnan(values)), side="right")
        for row in np.union1d(rows_of_values, np.flatnonzero(np.isnan(labels))).tolist():
            exact = numbers(_line(block, row))
            if not np.isfinite(exact).all():
                raise self._error(block, row)
            labels[row] = exact[0]
            values[ends[row] - lengths[row] : ends[row]] = exact[1:]

    def _sort(self, block: Block, lengths, indices, values) -> None:
        """Sort the features of each row by index, in place; an index that occurs twice is refused."""
        row_of = np.repeat(np.arange(len(lengths)), lengths)
        key = (row_of << 32) | indices
        order = np.argsort(key, kind="stable")
        key = key[order]
        twice = np.flatnonzero(key[1:] == key[:-1])
        if len(twice):
            raise self._error(block, int(key[twice[0]] >> 32))
        indices[:], values[:] = indices[order], values[order]

    def _error(self, block: Block, row: int) -> DataError:
        """What is wrong with this row: ``PATH:LINE:COLUMN: expected ..., found ...``."""
        start = int(block.starts[row])
        before = block.text[:start].tobytes()
        line = block.line + before.count(b"\n") + 1
        column = start - (before.rfind(b"\n") + 1) + 1
        position, fault = explain(_line(block, row), self.lowest_index) or (
            0,
            "expected label index:value ...",
        )
        return DataError(f"{block.path}:{line}:{column + position}: {fault}")


def _line(block: Block, row: int) -> bytes:
    start = int(block.starts[row])
    size = 256
    while True:  # without a copy of the whole block
        piece = block.text[start : start + size].tobytes()
        line, found, _ = piece.partition(b"\n")
        if found:
            return line
        size *= 2


def _buffer(name: str, size: int, dtype) -> np.ndarray:
    """An array of this thread that is used again and again: fresh memory costs more than its use."""
    array = getattr(_scratch, name, None)
    if array is None or len(array) < size:
        array = np.empty(size, dtype)
        setattr(_scratch, name, array)
    return array


def _read_blocks(content: Content, fingerprint: Fingerprint) -> Iterator[tuple[str, np.ndarray]]:
    """(path, text): the content in blocks of whole lines, about BLOCK bytes, with PADDING behind."""
    rest = np.empty(0, np.uint8)
    first = True
    while True:
        # A line may be longer than a block: reading as much again as there is keeps the copying linear.
        text = np.empty(len(rest) + max(BLOCK, len(rest)) + 1 + PADDING, np.uint8)
        text[: len(rest)] = rest
        room = memoryview(text)[len(rest) : -1 - PADDING]
        size = content.readinto(room)
        fingerprint.update(room[:size])
        end = len(rest) + size
        if size < len(room):  # the end
            if end:
                text[end] = LINE_FEED
                yield content.shown, _without_mark(text, end + 1, first)
            return
        cut = _last_line_feed(text, len(rest), end) + 1
        rest = text[cut:end].copy()
        if cut:
            yield content.shown, _without_mark(text, cut, first)
            first = False


def _last_line_feed(text: np.ndarray, begin: int, end: int) -> int:
    """Where the last line feed of text[begin:end] is; -1 without one."""
    size = 256
    while True:
        first = max(begin, end - size)
        place = text[first:end].tobytes().rfind(b"\n")
        if place >= 0:
            return first + place
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
