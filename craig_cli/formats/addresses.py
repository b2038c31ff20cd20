"""Files at an address such as ``s3://bucket/name``, through fsspec and whatever package has the file system.

Of fsspec only few calls are used, and never its open files or listings as they are: what is opened to be read fetches
many megabytes for a few bytes, what is opened to be written is there half after an error, and a listing that is kept
answers for names that came or went since. So all is asked anew, and read in ranges.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import os
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeGuard

from craig_cli.errors import CraigError, DataError, UsageError
from craig_cli.formats.messages import first_line, printable

if TYPE_CHECKING:
    import pyarrow as pa

PROTOCOL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(?=://|::)")
PASSWORD, QUERY = re.compile(r"(?<=://)[^/\s@]*@"), re.compile(r"(?<=://)([^\s?'\"]*)\?[^\s'\"]*")
NOWHERE = re.compile(r"(bucket|container)[^/]*not (exist|found)")  # where the file could be
ENDING = 1 << 16  # bytes at the end of a file that are read first, where the footer is
LONGEST_ENDING = 1 << 19  # that is remembered: of a footer, or of a file that is read as a whole
PART = 1 << 22  # bytes of a request, at most
WINDOW, WIDEST = 1 << 18, 1 << 23  # bytes to read at least, and of a file that is read through
PACKAGES = 96 << 20  # bytes of memory of fsspec, a file system and what that takes
# What a file system says of a file that shows whether it is another: the content, or else the time.
CONTENTS = ("ETag", "etag", "generation", "md5Hash", "md5", "checksum")
TIMES = ("mtime", "LastModified", "last_modified", "updated", "modificationTime", "last_write_time", "created")


def is_address(path: str | os.PathLike) -> TypeGuard[str]:
    """Whether it is of no folder here, but such as s3://bucket/name."""
    return isinstance(path, str) and "://" in path and PROTOCOL.match(path) is not None


def in_memory(path: str) -> bool:
    """Whether it is an address that means another file in each process."""
    return is_address(path) and "memory" in (name.lower() for name in PROTOCOL.findall(path))


def shown(path: str | os.PathLike) -> str:
    """For a message and for whoever reads the name of an input: printable, without passwords and signatures."""
    text = os.fspath(path)
    return printable(without_secrets(text) if is_address(text) else text)


def without_secrets(text: str) -> str:
    """What is before an @ and behind a ? of an address goes."""
    return QUERY.sub(r"\1", PASSWORD.sub("", text))


def located(address: str) -> tuple[Any, str]:
    """(file system, path in it). Raises UsageError where nothing that is installed knows of such addresses."""
    return _located(address, os.getpid())


@functools.lru_cache(maxsize=4096)
def _located(address: str, process: int) -> tuple[Any, str]:
    """Of one process: after a fork there has to be another file system, and fsspec's own memory has one a thread."""
    try:
        import fsspec
    except ImportError:
        raise UsageError(
            f"{shown(address)}: needs fsspec, which is not installed; install craig with its extra: "
            "pip install 'craig[remote]'"
        ) from None
    try:
        return fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as error:
        raise UsageError(f"{shown(address)}: {without_secrets(first_line(error))}") from error
    except Exception as error:  # some connect at once
        raise _failure(error, address, "read") from error


@contextlib.contextmanager
def failures(address: str, doing: str) -> Iterator[None]:
    """Whatever the file system raises becomes one line that names the address."""
    try:
        yield
    except (CraigError, MemoryError):
        raise
    except Exception as error:
        raise _failure(error, address, doing) from error


def _failure(error: Exception, address: str, doing: str) -> DataError:
    said = without_secrets(first_line(error))
    if isinstance(error, FileNotFoundError):
        if doing == "read" and (" " not in said or said.startswith("[Errno")):
            return DataError(f"{shown(address)}: no such file")
        said = said if " " in said else "no such place"
    elif isinstance(error, PermissionError) and "ermission" not in said:
        said = f"permission denied: {said}"
    return DataError(f"{shown(address)}: cannot {doing}: {said}")


def info_of(address: str) -> dict | None:
    """What the file system says of the file, or the folder, now; None where there is none. Raises DataError."""
    files, path = located(address)
    with failures(address, "read"):
        files.invalidate_cache()
        try:
            return files.info(path)
        except FileNotFoundError as error:
            if NOWHERE.search(str(error)):
                raise
            return None


def version_of(address: str, info: dict) -> str:
    """What shows that a file is another: by its content where the file system knows that, else by its time."""
    for keys in (CONTENTS, TIMES):
        if known := [f"{key} {info[key]}" for key in keys if info.get(key)]:
            return known[0] if keys is CONTENTS else ", ".join(known)
    files, path = located(address)
    with failures(address, "read"):
        return hashlib.sha256(files.cat_file(path, start=max(0, info["size"] - ENDING))).hexdigest()


def exists(path: str | os.PathLike) -> bool:
    return info_of(path) is not None if is_address(path) else os.path.exists(path)


def isfile(path: str | os.PathLike) -> bool:
    return _type(path) == "file" if is_address(path) else os.path.isfile(path)


def isdir(path: str) -> bool:
    return _type(path) == "directory" if is_address(path) else os.path.isdir(path)


def are_files(paths: Iterable[str]) -> bool:
    """Whether they can be read as often as it takes, which a pipe cannot."""
    return all(_type(path) is not None if is_address(path) else isfile(path) or isdir(path) for path in paths)


def _type(address: str) -> str | None:
    info = info_of(address)
    return None if info is None else info["type"]


def getsize(path: str) -> int:
    return there(path)["size"] if is_address(path) else os.path.getsize(path)


def absolute(path: str) -> str:
    return path if is_address(path) else os.path.abspath(path)


def inside(folder: str) -> list[tuple[str, bool]]:
    """(name, whether it is a folder) of all that is in a folder, ascending."""
    if not is_address(folder):
        return [(name, os.path.isdir(os.path.join(folder, name))) for name in sorted(os.listdir(folder))]
    files, path = located(folder)
    with failures(folder, "read"):
        files.invalidate_cache()
        found = files.ls(path, detail=True)
    there = [(each["name"].rstrip("/"), each["type"] == "directory") for each in found]
    return sorted((name.rpartition("/")[2], folder) for name, folder in there if name != path.rstrip("/"))


def there(address: str) -> dict:
    """What the file system says of a file of which the size is known. Raises DataError where there is none."""
    info = info_of(address)
    if info is None:
        raise DataError(f"{shown(address)}: no such file")
    if info["type"] == "directory":
        raise DataError(f"{shown(address)}: expected a file, found a directory")
    if info.get("size") is None:
        raise DataError(f"{shown(address)}: cannot read: its server does not say how long it is")
    return info


def open_stream(address: str) -> io.RawIOBase:
    """The file to be read through, more and more at a time. Raises DataError."""
    return _Ranges(address, there(address)["size"])


def open_binary(path: str | os.PathLike) -> io.IOBase:
    """The file, here or at an address, as ``open`` has it."""
    return open_stream(path) if is_address(path) else open(path, "rb")


def open_file(path: str) -> pa.NativeFile:
    """The file, here or at an address, to be read here and there. Raises OSError, at an address DataError."""
    import pyarrow as pa

    if not is_address(path):
        return pa.OSFile(path, "rb")
    info = there(path)
    return pa.PythonFile(_Ranges(path, info["size"], _ending(path, version_of(path, info))), "r")


class _Ending:
    """The last bytes of a file, as far as they were read."""

    content = b""


@functools.lru_cache(maxsize=64)
def _ending(address: str, version: str) -> _Ending:
    """One for whoever reads the file again."""
    return _Ending()


class _Ranges(io.RawIOBase):
    """A file of ``size`` bytes, of which is fetched what is read, and a little behind.

    ending  of a file whose footer is read first; else it is read through
    """

    def __init__(self, address: str, size: int, ending: _Ending | None = None) -> None:
        self._address, self._size, self._ending = address, size, ending
        self._held, self._first, self._at = b"", 0, 0
        self._window = ENDING if ending is None else WINDOW

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        rest = max(0, self._size - self._at)
        count = rest if size is None or size < 0 else min(size, rest)
        found = self._bytes(self._at, self._at + count) if count else b""
        self._at += count
        return found

    def readinto(self, view, /) -> int:
        found = self.read(len(view))
        view[: len(found)] = found
        return len(found)

    def _bytes(self, start: int, stop: int) -> bytes:
        if self._ending is not None and stop > self._first_of_ending():
            return self._of_ending(self._ending, start, stop)
        begin, end = self._first, self._first + len(self._held)
        if begin <= start and stop <= end:
            return self._held[start - begin : stop - begin]
        known = self._held[start - begin :] if begin <= start < end else b""
        start += len(known)
        if self._ending is None and self._held and start == end:  # it goes on
            self._window = min(2 * self._window, WIDEST)
        self._held = self._fetch(start, min(self._size, max(stop, start + self._window)))
        self._first = start
        return known + self._held[: stop - start]

    def _of_ending(self, ending: _Ending, start: int, stop: int) -> bytes:
        content = ending.content
        first = self._size - len(content)
        if start < first:
            begin = min(start, self._first_of_ending())
            content = self._fetch(begin, first) + content
            first = begin
            if len(content) <= LONGEST_ENDING:
                ending.content = content
        return content[start - first : stop - first]

    def _first_of_ending(self) -> int:
        return 0 if self._size <= LONGEST_ENDING else self._size - ENDING

    def _fetch(self, start: int, stop: int) -> bytes:
        files, path = located(self._address)
        starts = list(range(start, stop, PART))
        ends = [*starts[1:], stop]
        with failures(self._address, "read"):
            if len(starts) == 1:
                found = files.cat_file(path, start=start, end=stop)
            else:  # at once, where the file system can
                found = b"".join(files.cat_ranges([path] * len(starts), starts, ends, on_error="raise"))
        if len(found) != stop - start:
            what = f"expected {stop - start} bytes from {start} on, found {len(found)}"
            raise DataError(f"{shown(self._address)}: cannot read: {what}")
        return found
