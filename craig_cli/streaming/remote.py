"""A scratch folder at an address such as s3://bucket/name, which processes on all machines share."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa

from craig_cli.errors import DataError, UsageError
from craig_cli.formats.addresses import PACKAGES, open_file, shown
from craig_cli.formats.messages import first_line
from craig_cli.streaming.lease import LOCK, Lease, Note, holder_of
from craig_cli.streaming.objects import Objects
from craig_cli.streaming.scratch import Kept

SECRETS = re.compile(r"://[^/]*@|[?]")  # of an address


class Remote(Kept):
    """Files at ``address``, as ``Folder`` has them; ``run`` is the one that whoever writes there works for."""

    packages, copies = PACKAGES, 4

    def __init__(self, address: str, resume: bool, run: str | None = None, note: Note = None) -> None:
        if SECRETS.search(address):
            kept = "expected no password in it, which goes where the file system looks for one, and no ?"
            raise UsageError(f"--scratch {shown(address)}: {kept}")
        self._objects, self._resume, self._run, self._note = Objects(address.rstrip("/")), resume, run, note
        self._lease: Lease | None = None

    def __str__(self) -> str:
        return str(self._objects)

    @property
    def where(self) -> str:
        return self._objects.address

    def __reduce__(self):
        """For whoever works there: neither the lease nor the end of it, and nothing that opens the file system."""
        return Remote, (self.where, True, self._run)

    def __enter__(self) -> Remote:
        self._objects.make()
        self._lease = Lease(self._objects, self._note)
        try:
            self._lease.take()
        except BaseException:
            with contextlib.suppress(Exception):
                self._lease.release()
            raise
        self._run = self._lease.run
        self._writers = ThreadPoolExecutor()
        return self

    def __exit__(self, kind, *_) -> None:
        assert self._lease is not None
        self._writers.shutdown()  # what was interrupted goes on being written, and would come after the end
        self._lease.end()
        # Where the network failed it fails again, and somebody has been told.
        with contextlib.nullcontext() if kind is None else contextlib.suppress(DataError):
            if holder_of(self._objects) != self._run:
                return  # it is another's
            if kind is not None and self._resume:
                self._lease.release()
                return
            try:
                self._remove()
            except BaseException:  # a signal, perhaps: half of a folder is of no use to anybody
                with contextlib.suppress(Exception):
                    self._remove()
                raise

    def _remove(self) -> None:
        """The lock first: who is still at work finds it gone, and takes back what it put (see ``_put``)."""
        self._objects.remove([LOCK])
        self._objects.remove_all()

    def _clear(self) -> None:
        self._objects.remove([name for name in self._objects.names() if name != LOCK])

    def has(self, name: str) -> bool:
        return self._objects.has(name)

    def names(self, prefix: str) -> list[str]:
        return [name for name in self._objects.names() if name.startswith(prefix)]

    def remove(self, prefix: str) -> None:
        self._objects.remove(self.names(prefix))

    @contextlib.contextmanager
    def _get(self, name: str, whole: bool) -> Iterator[pa.NativeFile]:
        place = self._objects.at(name)
        content = self._objects.get(name) if whole else b""
        if content is None:
            raise DataError(f"{shown(place)}: no such file")
        try:
            with pa.BufferReader(content) if whole else open_file(place) as source:
                yield source
        except (OSError, pa.ArrowException, ValueError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"{shown(place)}: cannot read: {first_line(error)}") from error

    def _put(self, name: str, fill: Callable[[pa.NativeFile], object]) -> None:
        sink = io.BytesIO()
        into = pa.PythonFile(sink, "w")
        fill(into)
        content = sink.getvalue()
        self._check_held()
        if self._lease is None:
            self._objects.put(name, content)
        else:
            self._writers.submit(self._objects.put, name, content).result()
        try:
            self._check_held()
        except DataError:
            if holder_of(self._objects) is None:
                self._objects.remove([name])
            raise

    def _check_held(self) -> None:
        """Raise DataError where the run is over, or another has taken its place."""
        if self._run is not None and holder_of(self._objects) != self._run:
            raise DataError(f"{self}: of another run by now, or removed")
