"""Selecting from data that does not fit the memory: two passes over the data, then leaf by leaf.

    columns  of a table that has other than plain numbers: what each becomes                  columns.py
    survey   classes, scaling and a sample                                                    survey.py, frame.py
    model    a rough one of all rows, where rows are to be selected at one, some passes       rough.py, guided.py
    route    every row to its leaf of nearby rows, in the scratch folder                      tree.py, route.py
    greedy   in each leaf, as the partition algorithm in its blocks                           leaves.py
    merge    to one greedy order                                                              merged.py, picking.py
    swap     picks for the medoids of their rows, leaf by leaf
    draw     a random row of each pick's to stand for them                                    exemplars.py
    strata   in place of the four before, one row from each                                   stratified.py
    weigh    every row by its nearest pick, whichever leaf that is in: weights and the bound

Sparse rows stay sparse, and distances between them exact: only the tree goes by a sketch of them (view.py, near.py).
Each stage leaves files in the scratch folder, from which a run that was stopped goes on. The coreset is the same to the
byte whatever the memory, the number of threads, and however often it was stopped.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from craig_cli import jit
from craig_cli.artifacts.coreset import Coreset
from craig_cli.formats.pieces import Pieces, open_pieces
from craig_cli.formats.restart import MissingNumber
from craig_cli.formats.text_pieces import open_text
from craig_cli.guided.policy import cannot_follow, tell_why
from craig_cli.memory import available_memory
from craig_cli.selection.plan import Plan, check_metric, wants_rough_model
from craig_cli.streaming.asked import check, facts_of, inputs_of, tell
from craig_cli.streaming.cluster import Cluster, connected
from craig_cli.streaming.columns import encoded
from craig_cli.streaming.limits import bytes_of, of_columns
from craig_cli.streaming.places import kept_at
from craig_cli.streaming.rehearsal import rehearse
from craig_cli.streaming.run import BASE, Note, Run
from craig_cli.streaming.scratch import Scratch
from craig_cli.streaming.work import Clock

PASSES, PASSES_AT_MODEL = 5, 4  # over the rows, as far as progress goes


def select_streamed(
    paths: Sequence[str],
    plan: Plan,
    reading: dict,
    scratch: str | Path,
    *,
    on_disk: bool = True,
    resume: bool = False,
    cluster: str | None = None,
    leaf_rows: int | None = None,
    progress: Callable[[float, float], None] | None = None,
    note: Note = None,
    deliver: Callable[[Coreset], None] | None = None,
) -> tuple[Coreset, dict[str, float]]:
    """(the coreset, the seconds of each stage) of Parquet files or LIBSVM text that are read in pieces.

    reading    how, as ``formats.read_dataset`` takes it
    scratch    the folder to make and remove, or its address; without ``on_disk`` only where the leaves are too much for
               the memory
    resume     go on from what is in the folder, and leave it there where this run ends early
    cluster    a Dask cluster that works on the leaves: local, local:N, an address or a file of one
    deliver    gets the coreset while there still is what it took: where that fails the run ended early
    leaf_rows  of a leaf, about; None goes by their width. The coreset depends on it, and on nothing else here

    ``plan.memory_limit`` is what the whole process may take. Raises UsageError for what it cannot do.
    """
    check(plan)
    pieces = open_text(paths, **reading) or open_pieces(paths, **reading)
    check_metric(plan.metric, pieces.is_sparse, pieces.shown)
    if cluster is not None:
        pieces = pieces.from_anywhere()
    tell(note, pieces.chosen.notes)
    where = scratch, on_disk or resume or cluster is not None, resume, cluster
    selection = _Selection(plan, reading, *where, leaf_rows, progress, note, deliver)
    try:
        return selection(pieces)
    except MissingNumber:
        if pieces.unfitted:
            raise
        return selection(replace(pieces, unfitted=True))


@dataclass(frozen=True)
class _Selection:
    """What ``select_streamed`` was asked for."""

    plan: Plan
    reading: dict
    scratch: str | Path
    on_disk: bool
    resume: bool
    cluster: str | None
    leaf_rows: int | None
    progress: Callable[[float, float], None] | None
    note: Note
    deliver: Callable[[Coreset], None] | None

    def __call__(self, pieces: Pieces) -> tuple[Coreset, dict[str, float]]:
        plan = self.plan
        limit = available_memory() if plan.memory_limit is None else float(plan.memory_limit)
        passes = PASSES + (PASSES_AT_MODEL if wants_rough_model(plan) else 0) + pieces.unfitted
        clock = Clock(self.progress, float(passes * pieces.n_rows))
        if pieces.unfitted and not self.on_disk:  # or it is not known how wide the rows are
            pieces = encoded(pieces, self.reading, Scratch(), None, jit.set_threads(plan.threads), clock)
        size = math.inf if self.on_disk else bytes_of(pieces)
        kept = size if size <= 0.5 * (limit - BASE - of_columns(pieces, plan)) else 0.0
        with Scratch() if kept else kept_at(self.scratch, self.resume, self.note) as folder:
            folder.begin(facts_of(plan, self.reading, self.leaf_rows), inputs_of(pieces, self.reading))
            with self._workers(limit, clock, pieces.is_sparse) as workers:
                memory = limit - kept if workers is None else workers.memory
                pieces = encoded(pieces, self.reading, folder, workers, jit.set_threads(plan.threads), clock)
                check_metric(plan.metric, pieces.is_sparse, pieces.shown)
                run = Run(pieces, plan, folder, memory, clock, self.note, workers)
                coreset, seconds = run.coreset(self.leaf_rows), clock.seconds
            if run.is_doubtful(coreset):
                plain, more = self._by_features(run)
                seconds = {stage: seconds.get(stage, 0.0) + more.get(stage, 0.0) for stage in seconds | more}
                if run.cost(plain) < run.cost(coreset):
                    tell_why(self.note, cannot_follow(coreset))
                    coreset = replace(plain, metadata=plain.metadata | {"for": plan.purpose})
            if wants_rough_model(plan) and "at" not in coreset.metadata:  # not as it was meant
                run.note_uneven("the widest decided the distance")
            if self.deliver is not None:
                self.deliver(coreset)
            return coreset, seconds

    @contextlib.contextmanager
    def _workers(self, limit: float, clock: Clock, sparse: bool) -> Iterator[Cluster | None]:
        if self.cluster is None:
            yield None
            return
        with contextlib.ExitStack() as stack:
            with clock.stage("start"):
                prepare = partial(rehearse, select_streamed, self.plan.purpose, sparse)
                workers = stack.enter_context(connected(self.cluster, limit, self.resume, self.note, prepare))
            yield workers

    def _by_features(self, run: Run) -> tuple[Coreset, dict[str, float]]:
        """The same by features alone."""
        plan = replace(run.resolved(), purpose="any", weights="count", swaps=self.plan.swaps)
        plan = replace(plan, memory_limit=int(run.memory))
        beside = f"{self.scratch}.features"
        alone = replace(self, on_disk=True, cluster=None, progress=None, note=None, deliver=None)
        return replace(alone, plan=plan, scratch=beside)(run.pieces)
