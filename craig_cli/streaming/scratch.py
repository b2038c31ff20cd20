"""Where a run keeps the leaves and what it makes of them: compressed Arrow files, in memory, in a folder on disk, or at
an address (remote.py).

In a folder a file is written beside its place and moved there, so a name that is there is a step that is done. The
manifest says which data, plan and program the folder belongs to: a run that is told to resume goes on from what there
is, any other starts over. The folder is removed when a run ends, well or not, but where it is to be resumed only when
it ends well.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from craig_cli.dataset import csr_arrays, is_csr
from craig_cli.errors import DataError, UsageError, os_error
from craig_cli.formats.arrow import to_arrow, to_numpy
from craig_cli.formats.messages import first_line

FACTS = b"craig"
MANIFEST = "manifest.json"
LOCK = "lock"


class Scratch:
    """Files in memory; a context manager, as ``Folder``.

    packages  bytes of what has to be imported for it
    copies    of the content of a file, in memory while that is written
    """

    packages, copies = 0, 0

    def __init__(self) -> None:
        self._files: dict[str, pa.Buffer] = {}

    def __enter__(self) -> Scratch:
        return self

    def __exit__(self, kind, *_) -> None:
        self._files.clear()

    def begin(self, facts: dict, inputs: dict[str, list]) -> None:
        """Make it that of a run with these facts and inputs."""

    def has(self, name: str) -> bool:
        return name in self._files

    def names(self, prefix: str) -> list[str]:
        """The files that begin so, ascending."""
        return sorted(name for name in list(self._files) if name.startswith(prefix))

    def remove(self, prefix: str) -> None:
        """The files that begin so."""
        for name in self.names(prefix):
            del self._files[name]

    def write(self, name: str, batches: Iterator[dict[str, pa.Array]], schema: pa.Schema, facts: dict) -> None:
        """The file ``name`` of record batches, each the columns of the schema, with facts."""
        schema = schema.with_metadata({FACTS: json.dumps(facts).encode()})
        options = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)

        def fill(sink: pa.NativeFile) -> None:
            with pa.ipc.new_file(sink, schema, options=options) as writer:
                for columns in batches:
                    writer.write_batch(pa.record_batch(list(columns.values()), schema=schema))

        self._put(name, fill)

    def save(self, name: str, arrays: Mapping[str, np.ndarray | sp.csr_matrix], **facts) -> None:
        """The file ``name`` of ``arrays`` of any shapes."""
        columns = {}
        for key, array in arrays.items():
            values = rows_to_arrow(array) if is_csr(array) else to_arrow(array.reshape(-1))
            columns[key] = pa.LargeListArray.from_arrays(pa.array([0, len(values)], pa.int64()), values)
        shapes = {key: list(array.shape) for key, array in arrays.items()}
        schema = pa.schema([(key, column.type) for key, column in columns.items()])
        self.write(name, iter([columns]), schema, {"facts": facts, "shapes": shapes})

    def put(self, name: str, content: bytes) -> None:
        """The file ``name`` of these bytes."""
        self._put(name, lambda sink: sink.write(content))

    def get(self, name: str) -> bytes:
        """What was put there."""
        with self._get(name, whole=True) as source:
            return source.read()

    def load(self, name: str, *only: str) -> tuple[dict[str, Any], dict]:
        """(arrays, facts) of what was saved, all arrays or ``only`` those."""
        with self.open(name, only, whole=True) as (reader, written):
            batch = reader.get_batch(0)
            arrays = {}
            for key in batch.schema.names:
                values, shape = batch.column(key).flatten(), written["shapes"][key]
                is_rows = pa.types.is_large_list(values.type)
                arrays[key] = rows_to_numpy(values, shape[1]) if is_rows else to_numpy(values).reshape(shape)
            return arrays, written["facts"]

    @contextlib.contextmanager
    def open(
        self, name: str, only: tuple[str, ...] = (), whole: bool = False
    ) -> Iterator[tuple[pa.ipc.RecordBatchFileReader, dict]]:
        """(reader, facts) of a file, of all its columns or ``only`` those; ``whole``: most of it will be read."""
        with self._get(name, whole) as source:
            options = pa.ipc.IpcReadOptions(use_threads=False)
            if only:
                names = pa.ipc.open_file(source).schema.names
                options.included_fields = [names.index(each) for each in only]
            reader = pa.ipc.open_file(source, options=options)
            yield reader, json.loads(reader.schema.metadata[FACTS])

    def _put(self, name: str, fill: Callable[[pa.NativeFile], object]) -> None:
        """The file that ``fill(sink)`` writes, whole."""
        sink = pa.BufferOutputStream()
        fill(sink)
        self._files[name] = sink.getvalue()

    @contextlib.contextmanager
    def _get(self, name: str, whole: bool) -> Iterator[pa.NativeFile]:
        """The file to be read, here and there or as a ``whole``."""
        yield pa.BufferReader(self._files[name])


class Kept(Scratch, ABC):
    """Files that a run which ends early can leave to another; as text it is its name in a message."""

    _resume: bool

    @property
    @abstractmethod
    def where(self) -> str:
        """The name under which another process finds it."""

    def begin(self, facts: dict, inputs: dict[str, list]) -> None:
        """Make the folder that of a run with these facts and inputs: what is there stays where it is to be resumed.

        Raises UsageError where the folder is of a run with other facts, DataError naming the input that is another.
        """
        whole = json.loads(json.dumps({**facts, "inputs": inputs}))
        begun = self._manifest() if self._resume else None
        if begun is None:
            self._clear()
            self.put(MANIFEST, json.dumps(whole).encode())
            return
        for name in inputs:
            if begun.get("inputs", {}).get(name) != whole["inputs"][name]:
                raise DataError(f"{name}: has changed since the run that left {self}; remove that to start over")
        for what in whole.keys() | begun.keys():
            if begun.get(what) != whole.get(what):
                raise UsageError(f"--resume: {self} is of a run with other {what}; remove it to start over")

    def _manifest(self) -> dict | None:
        if not self.has(MANIFEST):
            return None
        try:
            return json.loads(self.get(MANIFEST))
        except ValueError as error:
            raise DataError(f"{self}/{MANIFEST}: cannot read: {first_line(error)}") from error

    @abstractmethod
    def _clear(self) -> None:
        """Remove all but the lock."""


class Folder(Kept):
    """Files in the folder at ``path``, which is made and, unless the run ends early and is to be resumed, removed."""

    def __init__(self, path: Path, resume: bool) -> None:
        self.path, self._resume = path, resume
        self._lock: BinaryIO | None = None

    def __str__(self) -> str:
        return str(self.path)

    @property
    def where(self) -> str:
        return str(self.path.absolute())

    def __reduce__(self):
        """For whoever works in the folder: where it is, neither the lock nor the end of it."""
        return Folder, (self.path.absolute(), True)

    def __enter__(self) -> Folder:
        with self._writing(self.path):
            self.path.mkdir(exist_ok=True)
            self._lock = lock = open(self.path / LOCK, "ab")
        with contextlib.suppress(ImportError):
            import fcntl

            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.close()
                raise DataError(f"{self.path}: in use by another run; give another --scratch") from None
            except OSError:  # a file system without such locks
                pass
        return self

    def __exit__(self, kind, *_) -> None:
        assert self._lock is not None
        with self._lock:
            if kind is not None and self._resume:
                return
            gone = self.path.with_name(f"{self.path.name}.{secrets.token_hex(8)}")
            try:
                with contextlib.suppress(OSError):  # nobody who is still at work can put anything there
                    os.rename(self.path, gone)
                _remove(gone, self.path)
            except BaseException:  # a signal: half of a folder is of no use to anybody
                _remove(gone, self.path)
                raise

    def _clear(self) -> None:
        with self._writing(self.path):
            for name in os.listdir(self.path):
                if name != LOCK:
                    (self.path / name).unlink()

    def has(self, name: str) -> bool:
        return (self.path / name).exists()

    def names(self, prefix: str) -> list[str]:
        return sorted(name for name in os.listdir(self.path) if name.startswith(prefix) and not name.endswith(".tmp"))

    def remove(self, prefix: str) -> None:
        for name in self.names(prefix):
            (self.path / name).unlink()

    @contextlib.contextmanager
    def _get(self, name: str, whole: bool) -> Iterator[pa.NativeFile]:
        try:
            with pa.OSFile(str(self.path / name), "rb") as source:
                yield source
        except (OSError, pa.ArrowException, ValueError) as error:
            raise DataError(f"{self.path / name}: cannot read: {first_line(error)}") from error

    def _put(self, name: str, fill: Callable[[pa.NativeFile], object]) -> None:
        """Beside its place, then moved there."""
        place = self.path / name
        temporary = place.with_name(f"{name}.{secrets.token_hex(8)}.tmp")
        with self._writing(place):
            try:
                with pa.OSFile(str(temporary), "wb") as sink:
                    fill(sink)
                with open(temporary, "rb") as written:
                    os.fsync(written.fileno())
                os.replace(temporary, place)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise

    @contextlib.contextmanager
    def _writing(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.strerror:
                raise os_error(error, path, "write") from error
            raise DataError(f"{path}: cannot write: {first_line(error)}") from error


def _remove(*folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def rows_to_arrow(rows: np.ndarray | sp.csr_matrix) -> pa.Array:
    """(m, d) numbers as lists of d, of sparse rows as lists of columns and values."""
    if not is_csr(rows):
        return pa.FixedSizeListArray.from_arrays(to_arrow(rows.reshape(-1)), rows.shape[1])
    values, columns, starts = csr_arrays(rows)
    pairs = pa.StructArray.from_arrays([to_arrow(columns), to_arrow(values)], ["column", "value"])
    return pa.LargeListArray.from_arrays(to_arrow(starts), pairs)


def rows_to_numpy(column: pa.Array, width: int) -> np.ndarray | sp.csr_matrix:
    """The (m, width) numbers, a view that cannot be written."""
    if not pa.types.is_large_list(column.type):
        return to_numpy(column.flatten()).reshape(len(column), column.type.list_size)
    starts, pairs = to_numpy(column.offsets), column.flatten()
    columns, values = (to_numpy(pairs.field(name)) for name in ("column", "value"))
    return sp.csr_matrix((values, columns, starts - starts[0]), shape=(len(column), width))
