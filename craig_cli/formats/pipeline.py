"""Work on a stream of pieces in several threads: results in order, few pieces in memory at a time."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Piece = TypeVar("Piece")
Result = TypeVar("Result")


def cores() -> int:
    """The number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Workers:
    """``threads`` threads, or with one the calling thread itself; a context manager."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def map(self, function: Callable[[Piece], Result], pieces: Iterable[Piece]) -> Iterator[Result]:
        """``function`` of each piece, in order; ``pieces`` is read only a little ahead of what is asked for.

        The first failure in the order of the pieces is raised, whatever the number of threads.
        """
        if self._pool is None:
            yield from map(function, pieces)
            return
        pending: deque[Future[Result]] = deque()
        for piece in pieces:
            pending.append(self._pool.submit(function, piece))
            if len(pending) > self.threads + 1:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
