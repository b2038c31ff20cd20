"""Both passes over the data, in threads or, by a cluster, in spans of rows that follow each other: whole row groups."""

from __future__ import annotations

import pickle
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from craig_cli.formats.messages import printable
from craig_cli.formats.pieces import Pieces
from craig_cli.formats.pipeline import Workers
from craig_cli.streaming.cluster import Cluster
from craig_cli.streaming.frame import Frame
from craig_cli.streaming.route import RUN, Router, missing, route, row_bytes
from craig_cli.streaming.scratch import Scratch
from craig_cli.streaming.survey import Look, Survey, look_at, survey
from craig_cli.streaming.work import Clock

MOST_WAITING = 1 << 28  # bytes of rows that wait to be written
SPANS = 4  # for each thread of the workers, so that none waits long for another
LOOKS, ROUTING = "survey", RUN.removesuffix("-")  # stages


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


@dataclass(frozen=True)
class Looking:
    """The first pass: a row is in the sample at the ``rate``."""

    folder: Scratch
    pieces: Pieces
    rate: float
    seed: int


def look_at_span(job: Looking, span: Span) -> None:
    looks = [look_at(piece, job.rate, job.seed) for piece in job.pieces(span.start, stop=span.stop)]
    job.folder.put(span.file(LOOKS), pickle.dumps(looks))


def survey_rows(job: Looking, cluster: Cluster | None, threads: int, clock: Clock) -> Survey:
    """What the first pass comes to."""
    names = [printable(state.path) for state in job.pieces.states], job.pieces.chosen.features
    if cluster is None:
        with Workers(threads) as workers:
            looks = workers.map(partial(look_at, rate=job.rate, seed=job.seed), job.pieces())
            return survey(looks, clock.rows, *names)
    job.folder.remove(LOOKS)  # of another rate, perhaps
    n_rows = job.pieces.n_rows
    spans = spans_of(job.pieces, [(0, n_rows)], n_rows / (SPANS * cluster.threads()))
    cluster(look_at_span, job, spans, LOOKS, clock)

    def read() -> Iterator[Look]:
        for span in spans:
            yield from pickle.loads(job.folder.get(span.file(LOOKS)))

    whole = survey(read(), lambda rows: None, *names)
    job.folder.remove(LOOKS)
    return whole


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
    memory = min(room / 3, MOST_WAITING)
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
