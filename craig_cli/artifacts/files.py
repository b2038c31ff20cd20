"""Writing files so that a reader sees the old one or the new one, never half of one."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from craig_cli.errors import DataError, UsageError, os_error
from craig_cli.formats.addresses import is_address, shown

STDIO = "-"


@contextlib.contextmanager
def atomic_output(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """Open a temporary file beside ``path`` for writing bytes; it takes the place of ``path`` when the block ends well.

    When the block raises, the temporary file is removed and ``path`` is as it was. ``-`` is standard output. Each
    writer has a temporary file of its own, so of two runs that write the same path the last to finish wins, whole.
    A path that is not a regular file (``/dev/null``, a named pipe) is written as it is.
    """
    if os.fspath(path) == STDIO:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target = Path(os.path.realpath(path))  # a link stays a link
    if target.is_dir():
        raise DataError(f"{path}: cannot write: Is a directory")
    with _named(path):
        if target.exists() and not target.is_file():
            with open(target, "wb") as stream:
                yield stream
            return
        with _temporary(target) as (stream, temporary):
            yield stream
            _to_disk(stream)
            os.replace(temporary, target)


@contextlib.contextmanager
def atomic_outputs(path: str | os.PathLike, *others: str | os.PathLike) -> Iterator[list[BinaryIO]]:
    """Open files that belong together, such as rows and their weights; all of them appear when the block ends well.

    Several files cannot be replaced in one step. So an old ``path`` is removed first and the new one comes last:
    whoever finds ``path`` finds the files that belong to it, and never those of another run, killed or not.
    """
    targets = [Path(os.path.realpath(name)) for name in (path, *others)]
    with _named(path), contextlib.ExitStack() as stack:
        opened = [stack.enter_context(_temporary(target)) for target in targets]
        yield [stream for stream, _ in opened]
        for stream, _ in opened:
            _to_disk(stream)
        with _one_at_a_time(targets):
            targets[0].unlink(missing_ok=True)
            for target, (_, temporary) in reversed(list(zip(targets, opened))):
                os.replace(temporary, target)


@contextlib.contextmanager
def _temporary(target: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """A new file beside ``target`` to write to, and its name; removed where it was not moved away."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    # 0o666 less the umask, as any new file; a temporary file's own 0o600 would surprise.
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream, temporary
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _to_disk(stream: BinaryIO) -> None:
    """Everything written for good, and closed: a full disk shows here at the latest."""
    stream.flush()
    os.fsync(stream.fileno())
    stream.close()


@contextlib.contextmanager
def _named(path: str | os.PathLike) -> Iterator[None]:
    """Whatever fails inside is a failure to write ``path``."""
    try:
        yield
    except OSError as error:
        raise os_error(error, path, "write") from error


@contextlib.contextmanager
def _one_at_a_time(targets: list[Path]) -> Iterator[None]:
    """No other run is moving files into these folders; where the system has no such locks, it may be."""
    with contextlib.ExitStack() as stack:
        for folder in sorted({target.parent for target in targets}):
            with contextlib.suppress(ImportError, OSError):
                import fcntl

                descriptor = os.open(folder, os.O_RDONLY)
                stack.callback(os.close, descriptor)
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


def write_bytes(path: str | os.PathLike, write: Callable[[BinaryIO], object]) -> None:
    """``write(stream)`` into ``path``, all or nothing."""
    with atomic_output(path) as stream:
        write(stream)


def check_output(path: str | os.PathLike, inputs: Sequence[str] = (), binary: bool = False) -> None:
    """Refuse an output that cannot be right before any work is done.

    Raises UsageError for an output that is one of the ``inputs`` or for binary output on a terminal, DataError
    for a folder that is missing or not writable.
    """
    if os.fspath(path) == STDIO:
        if binary and sys.stdout.isatty():
            raise UsageError("-o -: refusing to write a binary file to a terminal; give a file name or a pipe")
        return
    if is_address(path):
        raise UsageError(f"-o {shown(path)}: expected a file here; what is written can be copied to an address")
    target = Path(path)
    for name in inputs:
        if name != STDIO and target.exists() and Path(name).exists() and target.samefile(name):
            raise UsageError(f"-o {path}: is also an input; give another name")
    folder = Path(os.path.realpath(path)).parent
    if not folder.is_dir():
        raise DataError(f"{path}: cannot write: no such folder: {folder}")
    if target.is_dir():
        raise DataError(f"{path}: cannot write: Is a directory")
    # A regular file is written beside its place.
    places = [folder] if not target.exists() else [target, folder] if target.is_file() else [target]
    if not all(os.access(place, os.W_OK) for place in places):
        raise DataError(f"{path}: cannot write: Permission denied")


def default_output(first_input: str, suffix: str) -> str:
    """``data/covtype.libsvm.gz`` and ``.coreset.parquet`` -> ``covtype.coreset.parquet`` in the current directory."""
    if first_input == STDIO:
        return STDIO
    stem = Path(first_input.rstrip("/")).name
    for ending in (".gz", ".bz2", ".xz", ".zst"):
        stem = stem.removesuffix(ending)
    tables = (".parquet", ".csv", ".tsv", ".feather", ".arrow", ".arrows", ".ipc")
    for ending in (".libsvm", ".svm", *tables, ".txt", ".data", ".coreset", ".model", ".json"):
        stem = stem.removesuffix(ending)
    return stem + suffix
