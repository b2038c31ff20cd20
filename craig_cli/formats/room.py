"""The memory that reading all of a data set will take, before it is read: from footers, or from what it begins with."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pyarrow as pa

from craig_cli.errors import CraigError, DataError
from craig_cli.formats import addresses, opened
from craig_cli.formats.choose import Asked, choose
from craig_cli.formats.content import Content, open_content
from craig_cli.formats.parts import DENSE_CELLS_PER_NONZERO
from craig_cli.memory import available_memory
from craig_cli.tables.storage import flat_fields

SAMPLE = 1 << 24  # bytes of compressed data that are looked at
GIB = 2.0**30
READ, SPARSE, NUMBER = 12.0, 12.0, 8.0  # bytes of a feature of LIBSVM text, of one of a CSR matrix, of a dense one


def check_room(
    paths: Sequence[str], reading: dict, times: float = 1.0, doing: str = "reading all rows", instead: str = ""
) -> None:
    """Raise DataError where ``doing`` it takes more memory than there is; the data is there ``times`` times.

    reading  as ``formats.read_dataset`` takes it
    instead  what to do, the end of the message

    What cannot be told without reading it, as of a pipe, passes.
    """
    needed, there = room_for(paths, reading, times), available_memory()
    if needed > there:
        takes = f"{doing} takes about {needed / GIB:.2g} GiB of memory, found {there / GIB:.2g} GiB"
        raise DataError(f"{addresses.shown(paths[0])}: {takes}" + (f"; {instead}" if instead else ""))


def room_for(paths: Sequence[str], reading: dict, times: float = 1.0) -> float:
    """Bytes of memory that the data takes ``times`` times, or somewhat less; 0 where nothing is known."""
    if not addresses.are_files(paths):
        return 0.0
    asked = Asked.of(reading)
    try:
        with opened(paths, reading.get("format")) as (kind, contents, _):
            if kind == "libsvm":
                return sum(_of_libsvm(content, times) for content in contents)
            if kind == "parquet":
                return times * _of_parquet(contents, asked)
            return times * float(sum(addresses.getsize(content.path) for content in contents if content.whole_file))
    except (CraigError, OSError):  # reading it will say so
        return 0.0


def _of_parquet(contents, asked: Asked) -> float:
    from craig_cli.formats import parquet  # takes longer to import than LIBSVM text that is small to read

    looked = [parquet.look(content, None) for content in contents if content.whole_file]
    chosen = choose([(one.shown, one.whole_schema) for one in looked], asked)
    widths = [_width(kind) for name, _, kind in flat_fields(looked[0].whole_schema) if name in chosen.features]
    width = sum(widths) if asked.encoding is None or not asked.encoding.columns else asked.encoding.width
    return NUMBER * sum(one.n_rows for one in looked) * (width + 1)


def _width(kind: pa.DataType) -> int:
    return kind.list_size if pa.types.is_fixed_size_list(kind) else 1


def _of_libsvm(content: Content, times: float) -> float:
    """The greater of what was parsed and the matrices: the one makes way for the others."""
    lines = content.head.split(b"\n")
    rows = lines[:-1] or lines
    pairs = [[pair.partition(b":")[0] for pair in line.split()[1:]] for line in rows]
    indices = [int(index) for index in itertools.chain(*pairs) if index.isdigit() and len(index) <= 10]
    if not indices:
        return 0.0
    size = addresses.getsize(content.path) * (1.0 if content.compression is None else _expansion(content.path))
    alike = size / sum(len(line) + 1 for line in rows)
    features, width = alike * len(indices), max(indices)
    cells = alike * len(rows) * width
    matrix = NUMBER * cells if cells <= DENSE_CELLS_PER_NONZERO * features else SPARSE * features
    return max(READ * features, times * matrix) + NUMBER * alike * len(rows)


def _expansion(path: str) -> float:
    """Bytes for each compressed one, as the file begins."""
    content = open_content(path)
    try:
        room, size = bytearray(1 << 20), 0
        while size < SAMPLE and (count := content.readinto(memoryview(room))):
            size += count
        return size / max(1, content.compressed_before())
    finally:
        content.close()
