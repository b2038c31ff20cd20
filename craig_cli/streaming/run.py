"""The stages of a selection from data in pieces, one after the other; what each is for says ``streaming/select.py``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from craig_cli import jit
from craig_cli.artifacts.coreset import Coreset
from craig_cli.errors import DataError, UsageError
from craig_cli.formats.parquet import FAR
from craig_cli.formats.pieces import Pieces
from craig_cli.formats.restart import MissingNumber
from craig_cli.formats.table import left_out_notes
from craig_cli.guided.policy import is_doubtful
from craig_cli.scaling import on_uneven_ranges
from craig_cli.selection.distances.simd import WIDTH
from craig_cli.selection.finished import coreset_of
from craig_cli.selection.plan import Plan, wants_rough_model
from craig_cli.streaming.asked import NotStreamed, resolved, sizes_of, tell
from craig_cli.streaming.cluster import Cluster
from craig_cli.streaming.covering import cover
from craig_cli.streaming.described import classes_of, settings
from craig_cli.streaming.frame import FILE, Frame, Space, frame_of, load_frame
from craig_cli.streaming.guided import (
    Chosen,
    Weighed,
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
from craig_cli.streaming.limits import of_columns
from craig_cli.streaming.nested import quotas_of, selections_of, with_sizes
from craig_cli.streaming.picking import Class, stand_ins
from craig_cli.streaming.rough import InPieces, Pass, Rough
from craig_cli.streaming.route import pulls_of
from craig_cli.streaming.scratch import Scratch
from craig_cli.streaming.spans import Looking, passes_over, route_rows, survey_rows
from craig_cli.streaming.survey import Survey
from craig_cli.streaming.work import Clock, Crew

LEAF = 1 << 25  # bytes of the rows of a leaf, as float64
MOST_ROWS, LEAST_BLOCKS = 131_072, 8  # of a leaf
SAMPLED, SAMPLE = 256, 4096  # rows of the sample: for each leaf, and at least
BASE = 400 << 20  # bytes of the program itself
COPIES = 6  # of the rows of a leaf that is worked on
RANGES = "ranges"
Note = Callable[[str], None] | None
Hands = Crew | Cluster  # who works on leaves


class Run:
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
        self.cluster, self.sizes = cluster, sizes_of(plan, pieces)
        self.budget = max(self.sizes, default=0)
        self.threads = jit.set_threads(plan.threads)
        self.block = -(-plan.block_size // WIDTH) * WIDTH
        self.memory = min(memory, 2.0**50)
        self._check_columns(1)

    def coreset(self, leaf_rows: int | None) -> Coreset:
        clock = self.clock
        self.frame = frame = self._frame(leaf_rows)
        leaf_rows = leaf_rows or self._leaf_rows(self._numbers(frame.search))
        crew = self._crew(frame, leaf_rows)
        with clock.stage("route"):
            route_rows(self.folder, self.pieces, frame, self.cluster, self.room, self.threads, clock)
        job, leaves = job_of(frame, self.folder, self.plan, self.block, leaf_rows)
        classes = [
            Class(job, [leaf for leaf in leaves if leaf.group == group], crew, clock)
            for group in range(len(frame.sizes))
        ]
        plan = self.resolved()
        quotas, chosen = self._chosen(plan, frame, classes)
        weighed, at = self._weights(plan, frame, chosen)
        parts = [
            [part_of(frame, job, number, each, None if weights is None else weights[number])
             for number, each in enumerate(of_size)]
            for of_size, (weights, _) in zip(chosen, weighed)
        ]  # fmt: skip
        whole, told = chosen[-1], [facts for _, facts in weighed]
        selections = selections_of(parts, [each.gains for each in whole], frame.masses, quotas)
        described = settings(plan, frame, self.block, leaf_rows, told[-1])
        coreset = coreset_of(frame, classes_of(frame), selections[-1], described, max(each.largest for each in whole))
        coreset = replace(coreset, metadata=coreset.metadata | at)
        return coreset if plan.sizes is None else with_sizes(coreset, selections, told)

    def note_uneven(self, so: str) -> None:
        """A note where features that are taken as they are have ranges that differ so much that ``so``."""
        if self.plan.scale == "none":
            ranges, _ = self.folder.load(RANGES)
            tell(self.note, on_uneven_ranges(ranges["low"], ranges["high"], so))

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
        rows = InPieces(rough.design, self._pass(self.frame), self.frame.n_rows, self.plan.seed)
        return cost_of(rows, rough, coreset)

    def _chosen(self, plan: Plan, frame: Frame, classes: list[Class]) -> tuple[list[np.ndarray], list[list[Chosen]]]:
        """(picks of each class, what stands for its rows), both for every size in ascending order."""
        if plan.epsilon is None:
            quotas = quotas_of(shares(frame, self.plan, self.folder), self.sizes, frame.sizes)
        else:
            with self.clock.stage("greedy"):
                quotas = [cover(classes, frame.masses, plan.epsilon, self._check_picks)]
        wanted = np.stack(quotas, axis=1).tolist()
        ends = [sorted(set(of_class)) for of_class in wanted]
        found = stand_ins(classes, ends, plan, norms_of(frame, self.folder))
        chosen = [[own[mine.index(size)] for size in sizes] for own, mine, sizes in zip(found, ends, wanted)]
        return quotas, [list(of_size) for of_size in zip(*chosen)]

    def _weights(self, plan: Plan, frame: Frame, chosen: list[list[Chosen]]) -> tuple[list[Weighed], dict]:
        """(weights of each size, what the metadata is to say of the model)"""
        rough = frame.search.view
        if not isinstance(rough, Rough):
            return [(None, {"weights": "count"}) for _ in chosen], {}
        with self.clock.stage("weigh"):
            rows = InPieces(rough.design, self._pass(frame), frame.n_rows, plan.seed)
            found = weighed(rows, rough, frame, plan, chosen)
            own: list = found[-1][0] or [each.weights for each in chosen[-1]]
            at = provenance(rough, frame, plan, chosen[-1], own, float(pulls_of(self.folder)[:, 2].sum()))
        return found, {"at": at}

    def _pass(self, frame: Frame) -> Pass:
        return passes_over(self.pieces, frame, self.threads, self.clock)

    def _numbers(self, space: Space) -> int:
        """That a row takes in the space, about."""
        return len(space.columns) or self.pieces.numbers

    def _width_of(self, survey: Survey) -> int:
        """The same, of lists as well, of which it is known by now how long they are."""
        return self.pieces.numbers if survey.features.sparse else sum(survey.widths)

    def _leaf_rows(self, width: int) -> int:
        rows = min(MOST_ROWS, max(LEAST_BLOCKS * self.block, LEAF // (8 * width)))
        return rows // self.block * self.block

    def _frame(self, leaf_rows: int | None) -> Frame:
        with self.clock.stage("survey"):
            if self.folder.has(FILE):
                self.clock.rows(self.pieces.n_rows)
                return load_frame(self.folder)
            survey = self._survey(leaf_rows)
            self.folder.save(RANGES, {"low": survey.features.low, "high": survey.features.high})
            if self.plan.method.greedy and not wants_rough_model(self.plan):
                self.note_uneven("the widest decide the distance")
            rows = leaf_rows or self._leaf_rows(self._width_of(survey))
            frame = frame_of(survey, self.plan, self.pieces, rows, self.note)
            tell(self.note, left_out_notes(frame.encoding))
            tell(self.note, survey.suspects(frame.encoding) if self.pieces.suspects is None else self.pieces.suspects)
        if wants_rough_model(self.plan):
            with self.clock.stage("model"):
                rows_of = (lambda width: leaf_rows) if leaf_rows else self._leaf_rows
                everyone = everyone_of(frame, survey, self.plan, self._pass(frame))
                self._check_columns(everyone.design.n_outputs)
                frame = at_rough_model(everyone, frame, survey, self.plan, self.budget, rows_of, self.note)
        frame.save(self.folder)
        return load_frame(self.folder)  # as a run that goes on has it: arrays in another order are added up in another

    def _survey(self, leaf_rows: int | None) -> Survey:
        n_rows, numbers = self.pieces.n_rows, self.pieces.numbers
        wanted = max(SAMPLE, SAMPLED * n_rows // (leaf_rows or self._leaf_rows(2 * numbers)))
        if wants_rough_model(self.plan):
            wanted = max(wanted, sample_rows(n_rows, numbers, self.pieces.width, self.budget))
            self._need("training a rough model takes", self.base + sample_bytes(min(wanted, n_rows), numbers))
        try:
            looking = Looking(self.folder, self.pieces, min(1.0, wanted / n_rows), self.plan.seed)
            survey = survey_rows(looking, self.cluster, self.threads, self.clock)
        except MissingNumber:
            raise
        except DataError as error:
            raise NotStreamed(str(error)) from error
        if survey.features.rows < n_rows:
            raise DataError(f"{self.pieces.shown}: expected {n_rows} rows, found {survey.features.rows}")
        return survey

    def _crew(self, frame: Frame, leaf_rows: int) -> Hands:
        """As many leaves at a time as the memory allows beside the picks. Raises UsageError where it allows none."""
        width = self._numbers(frame.search)
        width += self._numbers(frame.features) if frame.search is not frame.features else 0
        more = max(1, len(self.sizes)) - 1  # sizes: of each, what rows are nearest to and picks count
        leaf = 8.0 * leaf_rows * (width * COPIES + 2 * more)
        self.pick = 8.0 * ((6 if more else 4) * width + 8 + 2 * more)
        self.leaf = leaf if self.cluster is None else 0.0  # none is worked on here
        self._check_picks(self.budget)
        if self.cluster is not None:
            self.room = self.cluster.room_for(self.pick * self.budget + self.far, leaf)
            return self.cluster
        self.room = self.memory - self.base - self.pick * self.budget
        at_once = max(1, min(self.threads, int(self.room // leaf)))
        return Crew(at_once, max(1, self.threads // at_once))

    def _check_columns(self, outputs: int) -> None:
        """Raise UsageError where there are so many of sparse rows that nothing else has room."""
        self.far = max(self.folder.packages, self.pieces.packages) + (FAR if self.pieces.packages else 0)
        self.base = BASE + self.far + of_columns(self.pieces, self.plan, outputs)
        if self.pieces.is_sparse:
            self._need(f"{self.pieces.width:,} columns take", self.base)

    def _check_picks(self, count: int) -> None:
        """Raise UsageError where so many picks leave no room for a leaf."""
        self._need(f"selecting {count:,} of these rows takes", self.base + self.pick * count + self.leaf)

    def _need(self, what: str, least: float) -> None:
        if self.memory < least:
            found = f"{self.memory / 2**20:.0f} MiB"
            raise UsageError(f"memory limit: {what} at least {least / 2**20:.0f} MiB, found {found}")
