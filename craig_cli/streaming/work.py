"""Leaf after leaf in threads, as many at a time as the memory allows."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from craig_cli import jit
from craig_cli.streaming.leaves import Job, Leaf
from craig_cli.streaming.scratch import Scratch

Progress = Callable[[float, float], None] | None


class Order(Protocol):
    """What has to be known to work on any part."""

    @property
    def folder(self) -> Scratch: ...


class Part(Protocol):
    """What is worked on by itself, such as a leaf: a dataclass of numbers; ``file`` is what a stage makes of it."""

    @property
    def rows(self) -> int: ...
    @property
    def name(self) -> str: ...
    def file(self, stage: str) -> str: ...


P = TypeVar("P", bound=Part)


@dataclass
class Clock:
    """Seconds of each stage, and the rows that are done of ``total``."""

    progress: Progress
    total: float = 0.0
    done: float = 0.0
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str):
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started

    def rows(self, count: float) -> None:
        self.done += count
        if self.progress is not None:
            self.progress(min(self.done, self.total), self.total)


def to_do(job: Order, parts: list[P], stage: str, clock: Clock) -> list[P]:
    """Those of ``parts`` whose file of the ``stage`` is not there yet; the rows of the others are done."""
    there = set(job.folder.names(f"{stage}-"))
    todo = [part for part in parts if part.file(stage) not in there]
    clock.rows(sum(part.rows for part in parts) - sum(part.rows for part in todo))
    return todo


@dataclass(frozen=True)
class Crew:
    """``at_once`` leaves at a time, each with so many threads of its own."""

    at_once: int
    threads: int

    def __call__(self, function: Callable, job: Job, leaves: list[Leaf], stage: str, clock: Clock, *arguments) -> None:
        """``function(job, leaf, *arguments)`` for each of ``leaves`` whose file of the ``stage`` is not there yet."""
        todo = to_do(job, leaves, stage, clock)

        def one(leaf: Leaf) -> Leaf:
            jit.set_threads(self.threads)
            function(job, leaf, *arguments)
            return leaf

        with ThreadPoolExecutor(self.at_once) as pool:
            waiting: set[Future[Leaf]] = {pool.submit(one, leaf) for leaf in todo}
            try:
                while waiting:
                    # Not without an end, or a signal would wait until a leaf is done.
                    done, waiting = wait(waiting, timeout=1.0, return_when=FIRST_COMPLETED)
                    for each in done:
                        clock.rows(each.result().rows)
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
