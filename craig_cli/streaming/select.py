"""Selecting from data that does not fit the memory: two passes over the data, then leaf by leaf.

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
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np

from craig_cli import jit
from craig_cli.artifacts.coreset import Coreset
from craig_cli.errors import DataError, UsageError
from craig_cli.formats.pieces import Piece, Pieces, open_pieces
from craig_cli.formats.pipeline import Workers
from craig_cli.formats.table import left_out_notes
from craig_cli.formats.text_pieces import open_text
from craig_cli.guided.policy import cannot_follow, is_doubtful, tell_why
from craig_cli.memory import available_memory
from craig_cli.selection.algorithms.partition import pool_size
from craig_cli.selection.distances.simd import WIDTH
from craig_cli.selection.finished import coreset_of
from craig_cli.selection.merge import merge
from craig_cli.selection.plan import Plan, wants_rough_model
from craig_cli.selection.quotas import class_quotas, merge_orders
from craig_cli.streaming.asked import NotInPieces, check, resolved
from craig_cli.streaming.cluster import Cluster, connected
from craig_cli.streaming.covering import cover
from craig_cli.streaming.described import classes_of, settings
from craig_cli.streaming.frame import FILE, Frame, Space, frame_of, load_frame
from craig_cli.streaming.guided import (
    Chosen,
    at_rough_model,
    cost_of,
    everyone_of,
    norms_of,
    part_of,
    provenance,
    sample_bytes,
    sample_rows,
    shares,
    weighed,
)
from craig_cli.streaming.job import job_of
from craig_cli.streaming.limits import leaves_in_memory, of_columns
from craig_cli.streaming.picking import Class
from craig_cli.streaming.rehearsal import rehearse
from craig_cli.streaming.rough import InPieces, Labelled, Pass, Rough
from craig_cli.streaming.route import pulls_of
from craig_cli.streaming.scratch import Folder, Scratch
from craig_cli.streaming.spans import Looking, route_rows, survey_rows
from craig_cli.streaming.survey import Survey
from craig_cli.streaming.work import Clock, Crew
from craig_cli.version import __version__

LEAF = 1 << 25  # bytes of the rows of a leaf, as float64
MOST_ROWS, LEAST_BLOCKS = 131_072, 8  # of a leaf
SAMPLED, SAMPLE = 256, 4096  # rows of the sample: for each leaf, and at least
PASSES, PASSES_AT_MODEL = 5, 4  # over the rows, as far as progress goes
BASE = 400 << 20  # bytes of the program itself
COPIES = 6  # of the rows of a leaf that is worked on
Note = Callable[[str], None] | None
Hands = Crew | Cluster  # who works on leaves


def select_streamed(
    paths: Sequence[str],
    plan: Plan,
    reading: dict,
    scratch: Path,
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
    scratch    the folder to make and remove; without ``on_disk`` only where the leaves are too much for the memory
    resume     go on from what is in the folder, and leave it there where this run ends early
    cluster    a Dask cluster that works on the leaves: local, local:N, an address or a file of one
    deliver    gets the coreset while there still is what it took: where that fails the run ended early
    leaf_rows  of a leaf, about; None goes by their width. The coreset depends on it, and on nothing else here

    ``plan.memory_limit`` is what the whole process may take. Raises UsageError for what it cannot do.
    """
    check(plan)
    pieces = open_text(paths, **reading) or open_pieces(paths, **reading)
    if cluster is not None:
        pieces = pieces.from_anywhere()
    _tell(note, pieces.chosen.notes)
    limit = available_memory() if plan.memory_limit is None else float(plan.memory_limit)
    kept = 0.0 if on_disk or resume or cluster else leaves_in_memory(pieces, limit - BASE - of_columns(pieces, plan))
    with Scratch() if kept else Folder(scratch, resume) as folder:
        inputs = {os.path.abspath(state.path): [state.size, state.modified] for state in pieces.states}
        folder.begin(_facts(plan, reading, leaf_rows), inputs)
        passes = PASSES + (PASSES_AT_MODEL if wants_rough_model(plan) else 0)
        clock = Clock(progress, float(passes * pieces.n_rows))
        with contextlib.ExitStack() as stack:
            memory, workers = limit - kept, None
            if cluster is not None:
                with clock.stage("start"):
                    prepare = partial(rehearse, select_streamed, plan.purpose)
                    workers = stack.enter_context(connected(cluster, limit, resume, note, prepare))
                memory = workers.memory
            run = _Run(pieces, plan, folder, memory, clock, note, workers)
            coreset, seconds = run.coreset(leaf_rows), clock.seconds
        if run.is_doubtful(coreset):
            by_features = replace(run.resolved(), purpose="any", weights="count", swaps=plan.swaps)
            by_features = replace(by_features, memory_limit=int(run.memory))
            beside = scratch.with_name(f"{scratch.name}.features")
            plain, more = select_streamed(paths, by_features, reading, beside, resume=resume, leaf_rows=leaf_rows)
            seconds = {stage: seconds.get(stage, 0.0) + more.get(stage, 0.0) for stage in seconds | more}
            if run.cost(plain) < run.cost(coreset):
                tell_why(note, cannot_follow(coreset))
                coreset = replace(plain, metadata=plain.metadata | {"for": plan.purpose})
        if deliver is not None:
            deliver(coreset)
        return coreset, seconds


def _tell(note: Note, texts: Iterable[str]) -> None:
    if note is not None:
        for text in texts:
            note(text)


def _facts(plan: Plan, reading: dict, leaf_rows: int | None) -> dict:
    """What a scratch folder has to agree on with the run that resumes it."""
    asked = {key: value for key, value in asdict(plan).items() if key not in ("threads", "memory_limit")}
    return {"version": __version__, "options": asked, "reading": reading, "rows of a leaf": leaf_rows}


class _Run:
    """The stages, one after the other, of one run in ``folder``."""

    def __init__(
        self,
        pieces: Pieces,
        plan: Plan,
        folder: Scratch,
        memory: float,
        clock: Clock,
        note: Note,
        cluster: Cluster | None = None,
    ) -> None:
        self.pieces, self.plan, self.folder, self.clock, self.note = pieces, plan, folder, clock, note
        self.cluster = cluster
        self.threads = jit.set_threads(plan.threads)
        self.block = -(-plan.block_size // WIDTH) * WIDTH
        self.memory = min(memory, 2.0**50)
        self._check_columns(1)

    def coreset(self, leaf_rows: int | None) -> Coreset:
        clock = self.clock
        self.frame = frame = self._frame(leaf_rows)
        leaf_rows = leaf_rows or self._leaf_rows(self._numbers(frame.search))
        budget = self._budget()
        crew = self._crew(frame, leaf_rows, budget)
        with clock.stage("route"):
            route_rows(self.folder, self.pieces, frame, self.cluster, self.room, self.threads, clock)
        job, leaves = job_of(frame, self.folder, self.plan, self.block, leaf_rows)
        classes = [
            Class(job, [leaf for leaf in leaves if leaf.group == group], crew, clock)
            for group in range(len(frame.sizes))
        ]
        plan = self.resolved()
        chosen = self._chosen(plan, frame, classes, budget)
        weights, told = self._weights(plan, frame, chosen)
        parts = [part_of(frame, job, *each) for each in zip(range(len(chosen)), chosen, weights)]
        gains = [each.gains for each in chosen]
        selection = merge(parts, *merge_orders([part.rows for part in parts], gains, frame.masses))
        at = {"at": told.pop("at")} if "at" in told else {}
        described = settings(plan, frame, self.block, leaf_rows, told)
        coreset = coreset_of(frame, classes_of(frame), selection, described, max(each.largest for each in chosen))
        return replace(coreset, metadata=coreset.metadata | at)

    def resolved(self) -> Plan:
        """The plan with nothing left open."""
        return resolved(self.plan, isinstance(self.frame.search.view, Rough))

    def is_doubtful(self, coreset: Coreset) -> bool:
        """Whether the same by features is to be tried as well, see ``guided.policy``."""
        rough = self.frame.search.view
        if not isinstance(rough, Rough) or self.plan.weights not in (None, "fitted"):
            return False
        return is_doubtful(coreset, rough.state.coef.size)

    def cost(self, coreset: Coreset) -> float:
        """Of all rows, at the model that is trained on a coreset of them."""
        rough = self.frame.search.view
        assert isinstance(rough, Rough)
        rows = InPieces(rough.design, self._passes(self.frame), self.frame.n_rows, self.plan.seed)
        return cost_of(rows, rough, coreset)

    def _chosen(self, plan: Plan, frame: Frame, classes: list[Class], budget: int) -> list[Chosen]:
        """What stands for the rows of each class."""
        if plan.epsilon is None:
            quotas = class_quotas(shares(frame, self.plan, self.folder), budget, frame.sizes)
        else:
            with self.clock.stage("greedy"):
                quotas = cover(classes, frame.masses, plan.epsilon, self._check_picks)
        if plan.algorithm == "strata":
            means = norms_of(frame, self.folder)
            return [each.strata(quota, means, plan.seed) for each, quota in zip(classes, quotas.tolist())]
        assert plan.swaps is not None
        with self.clock.stage("greedy"):
            for each, quota, rows in zip(classes, quotas.tolist(), frame.sizes.tolist()):
                each.greedy(pool_size(quota, -(-rows // self.block), rows) or quota, rows)
        picks = [each.picks(quota, plan.swaps) for each, quota in zip(classes, quotas.tolist())]
        if plan.exemplar == "medoid" and frame.search is frame.features:
            return [each.medoids(arrays) for each, arrays in zip(classes, picks)]
        seed = plan.seed if plan.exemplar == "member" else None
        return [each.exemplars(arrays, seed) for each, arrays in zip(classes, picks)]

    def _weights(self, plan: Plan, frame: Frame, chosen: list[Chosen]) -> tuple[Sequence[np.ndarray | None], dict]:
        """(weights of each class's picks, None where they are those they came with; what is to be said of them)"""
        rough = frame.search.view
        if not isinstance(rough, Rough):
            return [None] * len(chosen), {"weights": "count"}
        with self.clock.stage("weigh"):
            rows = InPieces(rough.design, self._passes(frame), frame.n_rows, plan.seed)
            weights, told = weighed(rows, rough, frame, plan, chosen)
            own: list = weights or [each.weights for each in chosen]
            told["at"] = provenance(rough, frame, plan, chosen, own, float(pulls_of(self.folder)[:, 2].sum()))
        return [None] * len(chosen) if weights is None else weights, told

    def _numbers(self, space: Space) -> int:
        """That a row takes in the space, about."""
        return len(space.columns) or self.pieces.numbers

    def _leaf_rows(self, width: int) -> int:
        rows = min(MOST_ROWS, max(LEAST_BLOCKS * self.block, LEAF // (8 * width)))
        return rows // self.block * self.block

    def _frame(self, leaf_rows: int | None) -> Frame:
        with self.clock.stage("survey"):
            if self.folder.has(FILE):
                self.clock.rows(self.pieces.n_rows)
                return load_frame(self.folder)
            survey = self._survey(leaf_rows)
            rows = leaf_rows or self._leaf_rows(sum(survey.widths) or self.pieces.numbers)
            frame = frame_of(
                survey, self.plan, self.pieces.chosen, rows, self.pieces.sources(survey.contents), self.note
            )
            _tell(self.note, left_out_notes(frame.encoding))
        if wants_rough_model(self.plan):
            with self.clock.stage("model"):
                rows_of = (lambda width: leaf_rows) if leaf_rows else self._leaf_rows
                everyone = everyone_of(frame, survey, self.plan, self._passes(frame))
                self._check_columns(everyone.design.n_outputs)
                frame = at_rough_model(everyone, frame, survey, self.plan, self._budget(), rows_of, self.note)
        frame.save(self.folder)
        return frame

    def _survey(self, leaf_rows: int | None) -> Survey:
        n_rows, numbers = self.pieces.n_rows, self.pieces.numbers
        wanted = max(SAMPLE, SAMPLED * n_rows // (leaf_rows or self._leaf_rows(2 * numbers)))
        if wants_rough_model(self.plan):
            wanted = max(wanted, sample_rows(n_rows, numbers, self.pieces.width, self._budget()))
            self._need("training a rough model takes", self.base + sample_bytes(min(wanted, n_rows), numbers))
        try:
            looking = Looking(self.folder, self.pieces, min(1.0, wanted / n_rows), self.plan.seed)
            survey = survey_rows(looking, self.cluster, self.threads, self.clock)
        except DataError as error:
            raise NotInPieces(str(error)) from error
        if survey.features.rows < n_rows:
            raise DataError(f"{self.pieces.shown}: expected {n_rows} rows, found {survey.features.rows}")
        return survey

    def _passes(self, frame: Frame) -> Pass:
        """What makes a pass over all rows."""

        def by_pass(function: Callable):
            def one(piece: Piece):
                counts = np.ones(len(piece.labels)) if piece.weight is None else piece.weight
                part = Labelled(piece.first, piece.features, frame.labels_of(piece), counts)
                return len(counts), function(part)

            with Workers(self.threads) as workers:
                for count, result in workers.map(one, self.pieces(0, frame.labels)):
                    self.clock.rows(count)
                    yield result

        return by_pass

    def _budget(self) -> int:
        n_rows = self.pieces.n_rows
        if self.plan.epsilon is not None:
            return 0
        if self.plan.fraction is not None:
            return max(1, round(self.plan.fraction * n_rows))
        assert self.plan.size is not None
        if self.plan.size > n_rows:
            raise UsageError(f"size: expected at most the {n_rows} rows of {self.pieces.shown}, found {self.plan.size}")
        return self.plan.size

    def _crew(self, frame: Frame, leaf_rows: int, budget: int) -> Hands:
        """As many leaves at a time as the memory allows beside the picks. Raises UsageError where it allows none."""
        width = self._numbers(frame.search)
        width += self._numbers(frame.features) if frame.search is not frame.features else 0
        leaf, self.pick = 8.0 * width * leaf_rows * COPIES, 8.0 * (4 * width + 8)
        self.leaf = leaf if self.cluster is None else 0.0  # none is worked on here
        self._check_picks(budget)
        if self.cluster is not None:
            self.room = self.cluster.room_for(self.pick * budget, leaf)
            return self.cluster
        self.room = self.memory - self.base - self.pick * budget
        at_once = max(1, min(self.threads, int(self.room // leaf)))
        return Crew(at_once, max(1, self.threads // at_once))

    def _check_columns(self, outputs: int) -> None:
        """Raise UsageError where there are so many of sparse rows that nothing else has room."""
        self.base = BASE + of_columns(self.pieces, self.plan, outputs)
        if self.pieces.is_sparse:
            self._need(f"{self.pieces.width:,} columns take", self.base)

    def _check_picks(self, count: int) -> None:
        """Raise UsageError where so many picks leave no room for a leaf."""
        self._need(f"selecting {count:,} of these rows takes", self.base + self.pick * count + self.leaf)

    def _need(self, what: str, least: float) -> None:
        if self.memory < least:
            found = f"{self.memory / 2**20:.0f} MiB"
            raise UsageError(f"memory limit: {what} at least {least / 2**20:.0f} MiB, found {found}")
