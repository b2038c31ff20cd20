"""Compiling kernels ahead of their first call, in processes of their own: within one, a lock lets only one through.

``kernels.json`` beside this file has, for the runs people make most, the kernels that Python calls and the types of
their arguments, in the order of the calls (``python -m tests.record_kernels`` renews it). A cold run has those compiled
that it will need last while it compiles what it needs first itself; ``craig compile`` has all of them compiled. Which
process compiles a kernel, and that the others wait for it, is up to ``jit.py``.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path

from craig_cli import cache

Kernel = tuple[str, tuple[str, ...]]  # "package.module:function" and the types of its arguments
_WORKER = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from craig_cli.compiling import work; work()"


def recorded() -> dict[str, list[Kernel]]:
    """Run -> its kernels; the runs are called as "select any dense lazy", "train sgd dense", "read libsvm"."""
    runs = json.loads(Path(__file__).with_name("kernels.json").read_text())
    return {run: [(name, tuple(types)) for name, *types in kernels] for run, kernels in runs.items()}


def not_there(kernels: Iterable[Kernel]) -> list[Kernel]:
    """Those that no process of this user has compiled yet, for these or other types."""
    there = cache.kernels_there()
    return [kernel for kernel in dict.fromkeys(kernels) if _file_name(kernel) not in there]


def _file_name(kernel: Kernel) -> str:
    module, _, function = kernel[0].partition(":")
    return f"{module.rpartition('.')[2]}.{function}"


class Ahead:
    """A process that compiles what a run will need; a context manager, at whose end it is stopped.

    threads  cores that the run may take; with one there is no such process
    note     called with a line once, if something has to be compiled
    """

    def __init__(self, threads: int | None, note: Callable[[str], None]):
        self._alone = (threads or cores()) == 1
        self._note: Callable[[str], None] | None = note
        self._worker: subprocess.Popen | None = None
        self._missing: list[Kernel] = []

    def __enter__(self) -> Ahead:
        return self

    def __exit__(self, *unused) -> None:
        cache.before_compiling = None
        if self._worker is not None:
            with contextlib.suppress(OSError), self._worker:
                self._worker.kill()

    def needs(self, *runs: str) -> None:
        """One of ``runs`` follows, each a name in ``recorded``, or a run that is not: compile what all of them need.

        Where most is there, only once something turns out to be missing: not every run needs all that is recorded.
        """
        known = recorded()
        each = [known.get(run, []) for run in runs]
        needed = [kernel for kernel in each[0] if all(kernel in other for other in each)]
        missing = not_there(needed)
        self._missing += missing
        if self._worker is not None or 2 * len(missing) > len(needed):
            self._begin()
        else:
            cache.before_compiling = self._begin

    def _begin(self) -> None:
        missing, self._missing = self._missing, []
        if self._note is not None:
            self._note("compiling kernels, once (some seconds; 'craig compile' does it ahead)")
            self._note = None
        if missing and not self._alone:
            self._worker = self._worker or start_worker(subprocess.DEVNULL)
            with contextlib.suppress(OSError):
                send(self._worker, missing)


def cores() -> int:
    """How many this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def compile_all(kernels: Iterable[Kernel], threads: int, progress: Callable[[float, float], None] | None) -> list[str]:
    """Compile them in as many processes as ``threads``; a line for each that could not be.

    One process has all types of a kernel: two at once would each leave it to the other.
    """
    kernels = list(dict.fromkeys(kernels))
    names: dict[str, list[Kernel]] = {}
    for kernel in sorted(kernels, key=lambda kernel: len(kernel[1])):  # the large ones first, from the end
        names.setdefault(kernel[0], []).append(kernel)
    waiting, wrong, done = list(names.values()), [], []

    def keep_busy(worker: subprocess.Popen) -> None:
        assert worker.stdout is not None
        while waiting:
            group = waiting.pop()
            send(worker, group)
            for kernel in reversed(group):
                answer = worker.stdout.readline()
                said = json.loads(answer) if answer else "its process ended"
                if said is not None:
                    wrong.append(f"{kernel[0]}: {said}")
                done.append(kernel)
                if progress is not None:
                    progress(len(done), len(kernels))

    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(start_worker(subprocess.PIPE)) for _ in range(min(threads, len(names)))]
        pool = stack.enter_context(ThreadPoolExecutor(max(1, len(workers))))
        try:
            for each in [pool.submit(keep_busy, worker) for worker in workers]:
                each.result()
        finally:
            waiting.clear()
            for worker in workers:
                worker.kill()
    return wrong


def start_worker(answers: int) -> subprocess.Popen:
    """A process that compiles what it is sent, the last first; ``answers`` is where its lines go, one a kernel."""
    return subprocess.Popen(
        [sys.executable, "-c", _WORKER, json.dumps(sys.path)],
        stdin=subprocess.PIPE,
        stdout=answers,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def send(worker: subprocess.Popen, kernels: Iterable[Kernel]) -> None:
    assert worker.stdin is not None
    worker.stdin.write("".join(json.dumps(kernel) + "\n" for kernel in kernels))
    worker.stdin.flush()


def work() -> None:
    """Compile the kernels that come in on standard input, a JSON line each: the last that has come first.

    One that another process is at is left to it. Ends with the input: nobody is waiting any more.
    """
    import select

    from craig_cli.jit import compile_kernel

    waiting: list = []
    ended, rest = False, b""
    while not ended:
        while not ended and select.select([0], [], [], 0.0 if waiting else None)[0]:
            piece = os.read(0, 1 << 16)
            ended = not piece
            *lines, rest = (rest + piece).split(b"\n")
            waiting += [json.loads(line) for line in lines]
        if waiting and not ended:
            (name, types) = waiting.pop()
            module, _, function = name.partition(":")
            try:
                compile_kernel(getattr(import_module(module), function), types)
                wrong = None
            except Exception as error:  # whoever needs it will compile it and meet the same
                wrong = " ".join(str(error).split())
            print(json.dumps(wrong), flush=True)
