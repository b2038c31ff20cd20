"""The passes over the data, in threads or, by a cluster, in spans of rows that follow each other: whole row groups."""

from __future__ import annotations

import math
import pickle
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from craig_cli.formats.addresses import shown
from craig_cli.formats.pieces import Piece, Pieces
from craig_cli.formats.pipeline import Workers
from craig_cli.streaming.cluster import Cluster
from craig_cli.streaming.frame import Frame
from craig_cli.streaming.rough import Labelled, Pass
from craig_cli.streaming.route import RUN, Router, missing, route, row_bytes
from craig_cli.streaming.scratch import Scratch
from craig_cli.streaming.survey import Survey, look_at, survey
from craig_cli.streaming.work import Clock
from craig_cli.tables.counts import Counts
from craig_cli.tables.fitting import Seen, add_seen
from craig_cli.tables.storage import TEXT

MOST_WAITING = 1 << 28  # bytes of rows that wait to be written
ROOM = 1 << 27  # bytes of the values of all columns of text
VALUE = 256  # bytes of a value of text, about, on its way to the others
SPANS = 4  # for each thread of the workers, so that none waits long for another
LOOKS, SEEN, ROUTING = "survey", "columns", RUN.removesuffix("-")  # stages


@dataclass(frozen=True)
class Span:
    """Rows start .. stop of the data."""

    start: int
    stop: int

    @property
    def rows(self) -> int:
        return self.stop - self.start

    @property
    def name(self) -> str:
        return f"rows {self.start} to {self.stop - 1}"

    def file(self, stage: str) -> str:
        """That of a run has the name that ``route`` gives it."""
        return f"{stage}-{self.start:015d}"


def spans_of(pieces: Pieces, gaps: list[tuple[int, int]], rows: float) -> list[Span]:
    """All rows of ``gaps`` in spans of at most ``rows`` rows, or one row group, that end where row groups do."""
    starts, spans = [*pieces.groups(), pieces.n_rows], []
    for begin, end in gaps:
        while begin < end:
            next_group = starts[bisect_right(starts, begin)]
            stop = min(end, max(next_group, starts[bisect_right(starts, begin + rows) - 1]))
            spans.append(Span(begin, stop))
            begin = stop
    return spans


class Passing(Protocol):
    """What has to be known to make a pass."""

    @property
    def folder(self) -> Scratch: ...
    @property
    def pieces(self) -> Pieces: ...


def by_cluster(
    job: Passing, function: Callable, stage: str, cluster: Cluster, clock: Clock, most: float = math.inf
) -> Iterator:
    """What ``function(job, span)`` puts into the file of each span: a list of what the pieces come to, in order.

    A span has at most so many rows, or one row group.
    """
    job.folder.remove(stage)  # of another job, perhaps
    n_rows = job.pieces.n_rows
    spans = spans_of(job.pieces, [(0, n_rows)], min(most, n_rows / (SPANS * cluster.threads())))
    cluster(function, job, spans, stage, clock)
    for span in spans:
        yield from pickle.loads(job.folder.get(span.file(stage)))
    job.folder.remove(stage)


@dataclass(frozen=True)
class Seeing:
    """The pass over columns that are not all plain numbers."""

    folder: Scratch
    pieces: Pieces


def see_span(job: Seeing, span: Span) -> None:
    job.folder.put(span.file(SEEN), pickle.dumps(list(job.pieces.seen(Workers(1), span.start, span.stop))))


def see_columns(job: Seeing, cluster: Cluster | None, threads: int, clock: Clock) -> dict[str, Seen]:
    """What is to be seen in each column, of all rows; the values of texts take ROOM bytes."""
    if cluster is not None:
        most = ROOM / (VALUE * max(1, len(_texts(job.pieces))))
        return added(job.pieces, by_cluster(job, see_span, SEEN, cluster, clock, most), lambda rows: None)
    with Workers(threads) as workers:
        return added(job.pieces, job.pieces.seen(workers), clock.rows)


def added(pieces: Pieces, seen: Iterator[tuple[int, dict[str, Seen]]], progress: Callable[[int], None]):
    """Name -> what was ``seen`` in the column, piece by piece in their order."""
    texts = _texts(pieces)
    whole: dict[str, Seen] = {name: Counts(ROOM, len(texts)) for name in texts}
    for rows, each in seen:
        add_seen(pieces.shown, whole, each)
        progress(rows)
    return {name: whole[name] for name in pieces.chosen.features}


def _texts(pieces: Pieces) -> list[str]:
    return [name for name in pieces.chosen.features if pieces.chosen.contents[name] == TEXT]


@dataclass(frozen=True)
class Looking:
    """The first pass over the features: a row is in the sample at the ``rate``."""

    folder: Scratch
    pieces: Pieces
    rate: float
    seed: int


def look_at_span(job: Looking, span: Span) -> None:
    looks = [look_at(piece, job.rate, job.seed) for piece in job.pieces(span.start, stop=span.stop)]
    job.folder.put(span.file(LOOKS), pickle.dumps(looks))


def survey_rows(job: Looking, cluster: Cluster | None, threads: int, clock: Clock) -> Survey:
    """What the first pass comes to."""
    names = [shown(state.path) for state in job.pieces.states], job.pieces.chosen.features
    if cluster is None:
        with Workers(threads) as workers:
            looks = job.pieces.each(partial(look_at, rate=job.rate, seed=job.seed), workers)
            return survey(looks, clock.rows, *names)
    return survey(by_cluster(job, look_at_span, LOOKS, cluster, clock), lambda rows: None, *names)


def passes_over(pieces: Pieces, frame: Frame, threads: int, clock: Clock) -> Pass:
    """What makes a pass over all rows."""

    def by_pass(function: Callable):
        def one(piece: Piece):
            counts = np.ones(len(piece.labels)) if piece.weight is None else piece.weight
            part = Labelled(piece.first, piece.features, frame.labels_of(piece), counts)
            return len(counts), function(part)

        with Workers(threads) as workers:
            for count, result in pieces.each(one, workers, 0, frame.labels):
                clock.rows(count)
                yield result

    return by_pass


@dataclass(frozen=True)
class Routing:
    """The second pass; ``how`` is what ``route`` takes: labels, dtype, extras, memory."""

    folder: Scratch
    pieces: Pieces
    router: Router
    how: dict


def route_span(job: Routing, span: Span) -> None:
    """The runs of the rows of ``span``."""
    alone = {"threads": 1, "progress": lambda rows: None}
    route(job.pieces, job.router, job.folder, (span.start, span.stop), **job.how, **alone)


def route_rows(
    folder: Scratch, pieces: Pieces, frame: Frame, cluster: Cluster | None, room: float, threads: int, clock: Clock
) -> None:
    """All rows that are in no run of the folder yet, with ``room`` bytes here, or in each thread of the cluster."""
    wanted = {"weight": frame.weighted, "label": frame.view.of_labels is not None}
    extras = tuple(name for name, there in wanted.items() if there)
    dtype = frame.dtype if frame.dtype.itemsize >= 4 else np.dtype(np.float32)
    memory = min(room / (3 + folder.copies), MOST_WAITING)
    how = {"labels": frame.labels, "dtype": dtype, "extras": extras, "memory": memory}
    router = Router(frame)
    gaps = missing(folder, frame.n_rows)
    clock.rows(frame.n_rows - sum(stop - start for start, stop in gaps))
    if cluster is None:
        for gap in gaps:
            route(pieces, router, folder, gap, **how, threads=threads, progress=clock.rows)
        return
    rows = min(memory / row_bytes(frame.width, dtype, extras), frame.n_rows / (SPANS * cluster.threads()))
    cluster(route_span, Routing(folder, pieces, router, how), spans_of(pieces, gaps, rows), ROUTING, clock)
    # A span of one large row group leaves several runs, of which the first was seen.
    cluster.wait_for(lambda: not missing(folder, frame.n_rows), "a run of rows")
