"""Opening an input whatever it is: a file, a pipe or standard input, as it is or compressed.

What is compressed is told by its first bytes, not by its name, so that ``craig select - < data.gz`` works.
Everything that can go wrong while opening, reading or decompressing ends in one line that names the input.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import os
import stat
import sys
import zlib
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from craig_cli.dataset import Source
from craig_cli.errors import DataError, os_error
from craig_cli.formats import addresses
from craig_cli.formats.decompress import COMPRESSIONS, Readable
from craig_cli.formats.messages import first_line, printable

STDIN = "-"
BLOCK = 1 << 20
HEAD = 1 << 16  # bytes that are looked at before reading


class _Ahead(io.RawIOBase):
    """``stream`` with the bytes that were read from it to see what it is put back in front."""

    def __init__(self, head: bytes, stream: Readable) -> None:
        self._head, self._stream = head, stream

    def readable(self) -> bool:
        return True

    def readinto(self, view) -> int:
        if self._head:
            size = min(len(view), len(self._head))
            view[:size], self._head = self._head[:size], self._head[size:]
            return size
        read = self._stream.readinto(view)
        if read is None:
            raise BlockingIOError("no data available on a non-blocking stream")
        return read


@dataclass
class Content:
    """An opened input. ``path`` is as the user gave it; ``whole_file`` says that the path can be opened again
    for random access (a regular file, not compressed). ``fixed``: columns whose value is in the path, as folders of
    partitions have it; ``inside``: the path in the folder that was given."""

    path: str
    stream: Readable
    head: bytes
    compression: str | None = None
    whole_file: bool = False
    fixed: dict = field(default_factory=dict)
    inside: str | None = None
    _opened: list[Readable] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The path without its folder; of a file in a folder that was given, the path in that."""
        return self.path if self.path == STDIN else self.inside or Path(addresses.without_secrets(self.path)).name

    @property
    def shown(self) -> str:
        """The path for the start of a message."""
        return addresses.shown(self.path)

    def readinto(self, view: memoryview) -> int:
        """Fill ``view`` as far as there is content; returns the number of bytes. DataError if damaged."""
        filled = 0
        try:
            while filled < len(view):
                size = self.stream.readinto(view[filled:])
                if not size:
                    break
                filled += size
        except Exception as error:
            raise self._failure(error) from error
        return filled

    def skip(self, count: int) -> None:
        """Go on behind the first ``count`` bytes of a ``whole_file``."""
        if count:
            self._opened[0].seek(count)  # type: ignore[attr-defined]
            self.stream = self._opened[0]

    def read_all(self) -> bytearray:
        """All of the content."""
        content = bytearray()
        while True:
            block = bytearray(max(BLOCK, len(content)))
            size = self.readinto(memoryview(block))
            content += memoryview(block)[:size]
            if size < len(block):
                return content

    def compressed_before(self) -> int:
        """Of a file, the bytes that were read of it so far, with a block ahead."""
        return int(self._opened[0].tell())  # type: ignore[attr-defined]

    def close(self) -> None:
        for stream in reversed(self._opened):
            stream.close()

    def _failure(self, error: Exception) -> Exception:
        if self.compression is None:
            return os_error(error, self.shown, "read") if isinstance(error, OSError) else error
        if isinstance(error, EOFError) or "truncated" in str(error).lower():
            return DataError(f"{self.shown}: cannot decompress: {self.compression} data ends too early")
        if isinstance(error, (OSError, ValueError, zlib.error, lzma.LZMAError)):
            return DataError(f"{self.shown}: cannot decompress as {self.compression}: {first_line(error)}")
        return error


def open_content(path: str | os.PathLike) -> Content:
    """Open ``path`` (``-`` is standard input) and whatever decompression it needs.

    Raises DataError for what cannot be opened.
    """
    path = os.fspath(path)
    opened: list[Readable] = []
    if path == STDIN:
        if sys.stdin is None:
            raise DataError("-: cannot read: standard input is closed")
        raw, regular = cast(Readable, sys.stdin.buffer), False
    elif addresses.is_address(path):
        raw, regular = addresses.open_stream(path), True
        opened.append(raw)
    else:
        try:
            file = open(path, "rb", buffering=0)  # noqa: SIM115 (closed by Content.close)
        except FileNotFoundError as error:
            raise DataError(f"{printable(path)}: no such file") from error
        except IsADirectoryError as error:
            raise DataError(f"{printable(path)}: expected a file, found a directory") from error
        except ValueError as error:  # a NUL in the name
            raise DataError(f"{printable(path)}: not a file name") from error
        except OSError as error:
            raise os_error(error, printable(path), "read") from error
        opened.append(file)
        raw, regular = file, stat.S_ISREG(os.fstat(file.fileno()).st_mode)
    content = Content(path, raw, b"", whole_file=regular, _opened=opened)
    try:
        ahead = _look_ahead(content)
        for magic, (name, decompress) in COMPRESSIONS.items():
            if content.head.startswith(magic):
                content.compression, content.whole_file = name, False
                content.stream = decompress(io.BufferedReader(ahead, BLOCK))
                _look_ahead(content)
                break
    except BaseException:
        content.close()
        raise
    return content


def _look_ahead(content: Content) -> _Ahead:
    """Sets ``content.head``; returns the stream that still has it, which ``content`` has from now on."""
    head = bytearray(HEAD)
    content.head = bytes(head[: content.readinto(memoryview(head))])
    content.stream = ahead = _Ahead(content.head, content.stream)
    return ahead


class Fingerprint:
    """SHA-256 of what is fed to it, in a thread of its own: hashing releases the GIL, so parsing goes on.

    At most ``LAG`` pieces are held in memory on behalf of the hash.
    """

    LAG = 4

    def __init__(self, in_thread: bool) -> None:
        self._digest = hashlib.sha256()
        self._thread = ThreadPoolExecutor(1) if in_thread else None
        self._pending: list[Future] = []
        self.size = 0

    def update(self, piece: memoryview) -> None:
        self.size += len(piece)
        if self._thread is None:
            self._digest.update(piece)
            return
        self._pending.append(self._thread.submit(self._digest.update, piece))
        if len(self._pending) > self.LAG:
            self._pending.pop(0).result()

    def source(self, name: str, rows: int) -> Source:
        """The Source of the content that was fed, which held ``rows`` rows."""
        for update in self._pending:
            update.result()
        return Source(name, self.size, rows, f"sha256:{self._digest.hexdigest()}")

    def __enter__(self) -> Fingerprint:
        return self

    def __exit__(self, *_) -> None:
        if self._thread is not None:
            self._thread.shutdown(wait=True)


class Length:
    """Takes what a Fingerprint does, and only counts the bytes."""

    size = 0

    def update(self, piece: memoryview) -> None:
        self.size += len(piece)

    def source(self, name: str, rows: int) -> Source:
        return Source(name, self.size, rows, "")

    def __enter__(self) -> Length:
        return self

    def __exit__(self, *_) -> None:
        pass
