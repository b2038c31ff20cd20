"""Leaf after leaf in the workers of a Dask cluster: what ``work.Crew`` does in threads. Rows are routed there, too.

Through the scheduler go names and numbers: of the scratch folder, of a file there that says what to do, of a leaf. The
rest is in the folder, which all workers share. Tasks leave files and return nothing, so none is done again because a
worker that had done it died; one that runs twice writes the same bytes. No more tasks are out than there are threads:
of a worker's death Dask blames every task it was given, also one it had not begun, and gives up who was blamed often.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import math
import os
import pickle
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import astuple, is_dataclass
from functools import partial
from multiprocessing import resource_tracker

from craig_cli.errors import DataError, UsageError
from craig_cli.formats.messages import first_line
from craig_cli.streaming.scheduler import address_of, local_workers, packages
from craig_cli.streaming.scratch import Kept
from craig_cli.streaming.task import work_on
from craig_cli.streaming.work import Clock, Order, Part, to_do
from craig_cli.version import __version__

BASE = 256 << 20  # bytes of a worker before its first row: interpreter, libraries, kernels
SHARE = 0.6  # of a worker's memory that is planned with; Dask stops giving it work at 0.8 and kills it at 0.95
ANSWER = 20.0  # seconds in which a scheduler answers
SEEN = 120.0  # seconds after which a file that a worker wrote is seen here
SLICE = 1.0  # seconds to wait before looking round
# A function of ours would have to be known to the scheduler, and a worker that does not know it leaves without a word.
_TASK = f"__import__({work_on.__module__!r}, fromlist=['work_on']).work_on(*arguments)"
_TALKATIVE = ("distributed", "tornado", "asyncio", "bokeh")  # loggers

Note = Callable[[str], None] | None


@contextlib.contextmanager
def connected(cluster: str, memory: float, resume: bool, note: Note, prepare: Callable[[], None]) -> Iterator[Cluster]:
    """The cluster that was asked for. Local workers and this process have ``memory`` bytes together.

    resume   whether a run that ends early can go on
    prepare  compiles what workers need, before there are local ones

    Raises UsageError where Dask is not installed, DataError where no
    scheduler answers
    """
    count = local_workers(cluster)
    address = None if count is not None else address_of(cluster)
    dask, distributed = packages()
    with contextlib.ExitStack() as stack:
        stack.enter_context(_quiet())
        stack.enter_context(dask.config.set({"distributed.comm.timeouts.connect": ANSWER}))
        if count is not None:
            memory /= count + 1
            if memory < BASE / SHARE:
                least = (count + 1) * BASE / SHARE
                raise UsageError(
                    f"--cluster {cluster}: takes at least {least / 2**20:.0f} MiB, found "
                    f"{memory * (count + 1) / 2**20:.0f} MiB; give a higher --memory-limit, or fewer workers"
                )
            prepare()  # or the workers would all compile the same
            address = stack.enter_context(_local(count, int(memory)))
        try:
            client = distributed.Client(address, timeout=ANSWER, name="craig")
        except (OSError, ValueError, distributed.TimeoutError) as error:
            raise DataError(f"--cluster {cluster}: no Dask scheduler answers at {address}") from error
        try:
            yield Cluster(client, cluster, memory, resume, note)
        finally:
            _end(lambda: client.close(timeout=5))


@contextlib.contextmanager
def _local(count: int, memory: int) -> Iterator[str]:
    """The address of a scheduler in this process with ``count`` worker processes of ``memory`` bytes each."""
    from distributed import LocalCluster

    before = dict(os.environ)  # for its children Dask sets variables that stay
    folder = tempfile.mkdtemp(prefix="craig-workers-")
    workers = None
    try:
        with _deaf(), _starting(count):
            workers = LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                processes=True,
                memory_limit=memory,
                host="127.0.0.1",
                dashboard_address=None,
                # There is no dashboard, but a server all the same, by default at the port that another's may have.
                scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
                worker_dashboard_address=None,
                local_directory=folder,
                silence_logs=logging.CRITICAL,
            )
        _restore(before)
        yield workers.scheduler_address
    finally:
        if workers is not None:
            _end(lambda: workers.close(timeout=10))
        _restore(before)
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _starting(count: int) -> Iterator[None]:
    """Processes that do not come up, whatever Dask says of it, are one line."""
    try:
        yield
    except Exception as error:
        said = f"{type(error).__name__}: {first_line(error)}"
        raise DataError(f"--cluster local:{count}: its worker processes did not start: {said}") from error


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """Threads that begin meanwhile, and the processes that these start, never get a Ctrl-C; this one gets it later.

    In a terminal it goes to all processes at once, and workers would say so at length.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # which, when it starts, lets the signal through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _restore(environment: dict[str, str]) -> None:
    for name in os.environ.keys() - environment.keys():
        del os.environ[name]
    os.environ.update(environment)


def _end(close: Callable) -> None:
    """What goes wrong while closing is no news: the work is done, or somebody has been told why it is not."""
    with contextlib.suppress(Exception):
        close()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Nothing on stderr but our own lines."""
    names = [name for name in list(logging.root.manager.loggerDict) if name.split(".")[0] in _TALKATIVE]
    loggers = [logging.getLogger(name) for name in {*names, *_TALKATIVE}]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels):
            logger.setLevel(level)


class Cluster:
    """The workers of ``client``, asked for as ``name``; to be called as a ``work.Crew``.

    memory  bytes that this process may use; resume: whether a run that ends early can go on
    """

    def __init__(self, client, name: str, memory: float, resume: bool, note: Note) -> None:
        self.memory = memory
        self._client, self._name, self._resume, self._note = client, name, resume, note
        self._run = secrets.token_hex(4)  # of another run with the same scheduler no key is the same
        self._limit = math.inf  # the least of any worker's

    def threads(self) -> int:
        """Of all workers; waits for the first."""
        return sum(threads for _, threads in self._some_workers())

    def room_for(self, picks: float, leaf: float) -> float:
        """Bytes that each thread may take beside the ``picks``.

        Raises UsageError for workers too small for a ``leaf`` in each of their threads; sizes are in bytes.
        """
        workers = self._some_workers()
        for limit, threads in workers:
            least = (BASE + picks + threads * leaf) / SHARE
            if limit < least:
                each = "a worker" if threads == 1 else f"a worker of {threads} threads"
                raise UsageError(
                    f"--cluster {self._name}: {each} takes at least {least / 2**20:.0f} MiB, found "
                    f"{limit / 2**20:.0f} MiB; {self._more()}"
                )
        return min((SHARE * limit - BASE - picks) / threads for limit, threads in workers)

    def __call__(self, function: Callable, job: Order, parts: list, stage: str, clock: Clock, *arguments) -> None:
        """``function(job, part, *arguments)`` for each of ``parts`` whose file of the ``stage`` is not there yet."""
        todo = to_do(job, parts, stage, clock)[::-1]
        if not todo:
            return
        content = pickle.dumps((function, type(todo[0]), job, arguments), protocol=5)
        order = f"order-{hashlib.sha256(content).hexdigest()[:16]}"
        job.folder.put(order, content)
        waiting: dict = {}
        threads, look = 0, 0.0
        try:
            while todo or waiting:
                if time.monotonic() >= look:
                    threads, look = sum(each for _, each in self._workers()), time.monotonic() + SLICE
                while todo and len(waiting) < threads:
                    part = todo.pop()
                    waiting[self._submit(job, order, part, stage)] = part
                for future in self._done(list(waiting)):
                    part = waiting[future]
                    if self._is_finished(future, f"{part.name} ({part.rows:,} rows, {stage})"):
                        del waiting[future]
                        self.wait_for(partial(job.folder.has, part.file(stage)), part.file(stage))
                        clock.rows(part.rows)
        finally:
            for future in waiting:
                future.release()
            job.folder.remove(order)

    def _some_workers(self) -> list[tuple[float, int]]:
        while not (workers := self._workers()):
            time.sleep(SLICE)
        return workers

    def _workers(self) -> list[tuple[float, int]]:
        """(limit in bytes, threads) of each worker; a note, once, where there is none."""
        # Without n_workers some versions tell of five.
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        if self._client.status != "running":
            raise self._lost()
        if not workers and self._note is not None:
            self._note(f"waiting for a worker of {self._name}")
            self._note = None
        each = [(float(worker["memory_limit"] or math.inf), worker["nthreads"]) for worker in workers]
        self._limit = min((limit for limit, _ in each), default=self._limit)
        return each

    def _submit(self, job: Order, order: str, part: Part, stage: str):
        assert isinstance(job.folder, Kept) and is_dataclass(part) and not isinstance(part, type)
        key = f"craig-{part.file(stage)}-{order}-{self._run}"
        arguments = {"arguments": (job.folder.where, order, astuple(part), __version__)}
        return self._client.submit(eval, _TASK, arguments, key=key, pure=False)

    def _done(self, futures: list) -> list:
        """Those that are done; where none is, after a slice of time at most."""
        done = [future for future in futures if future.done()]
        if done:
            return done
        if not futures:
            time.sleep(SLICE)
            return []
        from distributed import CancelledError, TimeoutError, wait

        with contextlib.suppress(TimeoutError, CancelledError):
            wait(futures, timeout=SLICE, return_when="FIRST_COMPLETED")
        return [future for future in futures if future.done()]

    def _is_finished(self, future, what: str) -> bool:
        """Whether a task that was seen done still is. Raises what kept it from its end.

        It is not where the worker died that had done it: Dask has it done again.
        """
        status = future.status
        if status in ("finished", "lost", "pending"):
            return status == "finished"
        if status != "error":
            raise self._lost()
        error, me = future.exception(), f"--cluster {self._name}"
        if isinstance(error, MemoryError):
            raise DataError(f"{me}: {what}: out of memory; {self._more()}; {self._going_on()}")
        if isinstance(error, ImportError):
            raise DataError(f"{me}: expected craig {__version__} at the workers, found: {first_line(error)}")
        if type(error).__name__ == "KilledWorker":
            limit = "no memory limit" if math.isinf(self._limit) else f"a memory limit of {self._limit / 2**20:.0f} MiB"
            died = f"{error.allowed_failures + 1} workers with {limit} died of it"
            raise DataError(f"{me}: {what}: {died}; {self._more()}; {self._going_on()}")
        raise error

    def wait_for(self, seen: Callable[[], bool], what: str) -> None:
        """Wait until files that workers wrote are ``seen``: a network's file system may show them late."""
        until = time.monotonic() + SEEN
        while not seen():
            if time.monotonic() > until:
                raise DataError(
                    f"--cluster {self._name}: {what}, which a worker wrote, is not here; "
                    "--scratch has to be a folder that all workers share"
                )
            time.sleep(0.1)

    def _lost(self) -> DataError:
        return DataError(f"--cluster {self._name}: the Dask scheduler went away, or cancelled; {self._going_on()}")

    def _going_on(self) -> str:
        return "run it again to go on from what is done" if self._resume else "with --resume it could have gone on"

    def _more(self) -> str:
        if local_workers(self._name) is None:
            return "give workers a higher memory limit, or fewer threads"
        return "give a higher --memory-limit, or fewer workers"
