"""Decompression that never takes part of the data for all of it."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Callable
from typing import Protocol

READ_SIZE = 1 << 18


class Readable(Protocol):
    """What an input is read from: a file, a pipe or what decompresses one."""

    def readinto(self, view: memoryview, /) -> int | None: ...

    def close(self) -> None: ...


class _Streams(io.RawIOBase):
    """The compressed streams that follow one another in ``stream``, decompressed.

    The standard library takes a bzip2 or xz stream that it cannot begin for the end of the data, so that one
    damaged byte at the right place would silently lose the rest of a file. Here it is an error.
    """

    def __init__(self, stream: io.BufferedReader, begin: Callable, padding: bytes) -> None:
        self._stream, self._begin, self._padding = stream, begin, padding
        self._decompressor = begin()
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, view) -> int:
        while True:
            if self._decompressor.eof:
                self._rest = self._decompressor.unused_data.lstrip(self._padding)
                while not self._rest:
                    block = self._stream.read(READ_SIZE)
                    if not block:
                        return 0
                    self._rest = block.lstrip(self._padding)
                self._decompressor = self._begin()
            elif self._decompressor.needs_input and not self._rest:
                self._rest = self._stream.read(READ_SIZE)
                if not self._rest:
                    raise EOFError
            compressed, self._rest = self._rest, b""
            piece = self._decompressor.decompress(compressed, len(view))
            if piece:
                view[: len(piece)] = piece
                return len(piece)


def _open_zstd(stream: io.BufferedReader) -> Readable:
    import pyarrow as pa

    return pa.CompressedInputStream(pa.PythonFile(stream, "r"), "zstd")


# First bytes -> name, and what makes a decompressed stream of a stream. Damage is raised as OSError,
# ValueError, zlib.error or lzma.LZMAError, an end that comes too early as EOFError, or OSError "truncated".
COMPRESSIONS: dict[bytes, tuple[str, Callable[[io.BufferedReader], Readable]]] = {
    b"\x1f\x8b": ("gzip", lambda stream: gzip.GzipFile(fileobj=stream)),
    b"BZh": ("bzip2", lambda stream: _Streams(stream, bz2.BZ2Decompressor, b"")),
    b"\xfd7zXZ\x00": ("xz", lambda stream: _Streams(stream, lzma.LZMADecompressor, b"\0")),
    b"\x28\xb5\x2f\xfd": ("zstd", _open_zstd),
}
