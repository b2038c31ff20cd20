"""Selecting from data that does not fit the memory: two passes over the data, then leaf by leaf.

    survey   classes, scaling and a sample                                                    survey.py, frame.py
    route    every row to its leaf of nearby rows, in the scratch folder                      tree.py, route.py
    greedy   in each leaf, as the partition algorithm in its blocks                           leaves.py
    merge    to one greedy order                                                              merged.py
    swap     picks for the medoids of their rows, leaf by leaf
    weigh    every row by its nearest pick, whichever leaf that is in: weights and the bound

Each stage leaves files in the scratch folder, from which a run that was stopped goes on. The coreset is the same to the
byte whatever the memory, the number of threads, and however often it was stopped.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from craig_cli import jit
from craig_cli.artifacts.coreset import Coreset
from craig_cli.dataset import Source
from craig_cli.errors import DataError, UsageError
from craig_cli.formats.pieces import Pieces, open_pieces
from craig_cli.formats.pipeline import Workers
from craig_cli.formats.table import left_out_notes, sources_of
from craig_cli.registry import RECIPES
from craig_cli.selection.algorithms.partition import pool_size
from craig_cli.selection.bounds import FEATURE_DISTANCE, GRADIENT_NORM, exact_grid
from craig_cli.selection.distances.cells import Ruler
from craig_cli.selection.distances.metrics import quantum_for
from craig_cli.selection.distances.simd import WIDTH
from craig_cli.selection.finished import coreset_of
from craig_cli.selection.limits import available_memory
from craig_cli.selection.merge import Part, merge
from craig_cli.selection.plan import Plan, wants_rough_model
from craig_cli.selection.quotas import class_quotas, merge_orders
from craig_cli.streaming.cluster import Cluster, connected
from craig_cli.streaming.frame import FILE, Frame, frame_of, load_frame
from craig_cli.streaming.leaves import Bound, Job, Leaf, greedy, leaves_of, picks_of, swap, weigh
from craig_cli.streaming.merged import merged
from craig_cli.streaming.route import run_facts
from craig_cli.streaming.scratch import Folder, Scratch
from craig_cli.streaming.spans import Looking, route_rows, survey_rows
from craig_cli.streaming.survey import Survey
from craig_cli.streaming.work import Clock, Crew
from craig_cli.tables.fingerprint import Fingerprint
from craig_cli.tables.storage import NUMBER
from craig_cli.version import __version__


class NotInPieces(DataError):
    """Something in the data that only reading all of it can make a number of, or say more of."""


LEAF = 1 << 25  # bytes of the rows of a leaf, as float64
MOST_ROWS, LEAST_BLOCKS = 131_072, 8  # of a leaf
LARGE = 1_000_000  # rows, of more it streams unless another algorithm is asked for
SAMPLED, SAMPLE = 256, 4096  # rows of the sample: for each leaf, and at least
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
) -> tuple[Coreset, dict[str, float]]:
    """(the coreset, the seconds of each stage) of Parquet files that are read in pieces.

    reading    how, as ``formats.read_dataset`` takes it
    scratch    the folder to make and remove; without ``on_disk`` only where the leaves are too much for the memory
    resume     go on from what is in the folder, and leave it there where this run ends early
    cluster    a Dask cluster that works on the leaves: local, local:N, an address or a file of one
    leaf_rows  of a leaf, about; None goes by their width. The coreset depends on it, and on nothing else here

    ``plan.memory_limit`` is what the whole process may take. Raises UsageError for what it cannot do.
    """
    _check(plan)
    pieces = open_pieces(paths, **reading)
    if cluster is not None:
        pieces = pieces.from_anywhere()
    for text in pieces.chosen.notes if note is not None else ():
        note(text)
    limit = available_memory() if plan.memory_limit is None else float(plan.memory_limit)
    kept = 0.0 if on_disk or resume or cluster else _leaves_in_memory(pieces, limit)
    with Scratch() if kept else Folder(scratch, resume) as folder:
        inputs = {os.path.abspath(state.path): [state.size, state.modified] for state in pieces.states}
        folder.begin(_facts(plan, reading, leaf_rows), inputs)
        clock = Clock(progress, 5.0 * pieces.n_rows)
        if cluster is None:
            return _Run(pieces, plan, folder, limit - kept, clock, note).coreset(leaf_rows), clock.seconds
        with contextlib.ExitStack() as stack:
            with clock.stage("start"):
                workers = stack.enter_context(connected(cluster, limit, resume, note))
            run = _Run(pieces, plan, folder, workers.memory, clock, note, workers)
            return run.coreset(leaf_rows), clock.seconds


def _leaves_in_memory(pieces: Pieces, limit: float) -> float:
    """Bytes that the leaves take in memory, 0 where that is more than half of what there is."""
    if any(pieces.chosen.contents[name] != NUMBER for name in pieces.chosen.features):
        return 0.0  # lists, whose lengths are not known
    size = pieces.n_rows * (float(pieces.number_bytes) * len(pieces.chosen.features) + 32)
    return size if size <= 0.5 * (limit - BASE) else 0.0


def reason_to_stream(paths: Sequence[str], plan: Plan, reading: dict) -> str | None:
    """Why to stream what nobody said how to select from, or None: the data is large, or does not fit the memory.

    Raises UsageError and DataError for what cannot be streamed.
    """
    _check(plan)
    pieces = open_pieces(paths, **reading)
    n_rows, width = pieces.n_rows, len(pieces.chosen.features)
    if n_rows > LARGE and plan.algorithm == "auto":  # by the data alone: the same on every machine
        return f"{n_rows:,} rows, leaf by leaf (craig guide scale)"
    selecting, read = 3 * 8.0 * n_rows * width + 200.0 * n_rows, 8.0 * n_rows * width  # as limits.estimate has it
    most = np.inf if plan.memory_limit is None else plan.memory_limit
    if selecting <= most and read + selecting <= available_memory():
        return None
    return "leaf by leaf, as it does not fit the memory: not the rows that would be picked in memory"


def _check(plan: Plan) -> None:
    """Refuse what is not there yet."""
    recipe = RECIPES[plan.purpose]
    weights, exemplar = plan.weights or recipe.weights, plan.exemplar or recipe.exemplar
    found = None
    if wants_rough_model(plan) or weights != "count" or exemplar != "medoid":
        found = f"--for {plan.purpose}" if plan.weights is plan.exemplar is None else "other exemplars or weights"
    elif plan.algorithm not in ("auto", "partition"):
        found = f"--algorithm {plan.algorithm}"
    elif plan.epsilon is not None or plan.sizes is not None:
        found = "--sizes" if plan.epsilon is None else "--epsilon"
    if found is not None:
        raise UsageError(f"--stream: selects --for distance with --fraction or --size so far, found {found}")


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

    def coreset(self, leaf_rows: int | None) -> Coreset:
        clock = self.clock
        with clock.stage("survey"):
            frame = self._frame(leaf_rows)
        leaf_rows = leaf_rows or self._leaf_rows(len(frame.columns))
        budget = self._budget(frame)
        crew = self._crew(frame, leaf_rows, budget)
        with clock.stage("route"):
            route_rows(self.folder, self.pieces, frame, self.cluster, self.room, self.threads, clock)
        job, leaves = self._job(frame, leaf_rows)
        quotas = class_quotas(frame.masses, budget, frame.sizes)
        parts, gains = [], []
        with clock.stage("greedy"):
            for group, quota in enumerate(quotas):
                own = [leaf for leaf in leaves if leaf.group == group]
                rows = int(frame.sizes[group])
                wanted = pool_size(int(quota), -(-rows // self.block), rows) or int(quota)
                crew(greedy, job, own, "greedy", clock, wanted / rows)
        for group, quota in enumerate(quotas):
            own = [leaf for leaf in leaves if leaf.group == group]
            part, gain = self._part(job, own, int(quota), crew)
            parts.append(part)
            gains.append(gain)
        selection = merge(parts, *merge_orders([part.rows for part in parts], gains, frame.masses))
        classes = [(frame.group_label(value), int(size)) for value, size in zip(frame.values, frame.sizes)]
        largest = max(self._largest(job, leaf) for leaf in leaves)
        return coreset_of(frame, classes, selection, self._settings(frame, leaf_rows), largest)

    def _leaf_rows(self, width: int) -> int:
        rows = min(MOST_ROWS, max(LEAST_BLOCKS * self.block, LEAF // (8 * width)))
        return rows // self.block * self.block

    def _frame(self, leaf_rows: int | None) -> Frame:
        if self.folder.has(FILE):
            self.clock.rows(self.pieces.n_rows)
            return load_frame(self.folder)
        width = len(self.pieces.chosen.features)
        rate = min(1.0, max(SAMPLED / (leaf_rows or self._leaf_rows(width)), SAMPLE / self.pieces.n_rows))
        try:
            job = Looking(self.folder, self.pieces, rate, self.plan.seed)
            found = survey_rows(job, self.cluster, self.threads, self.clock)
        except DataError as error:
            raise NotInPieces(str(error)) from error
        if found.features.rows < self.pieces.n_rows:
            expected = self.pieces.n_rows
            raise DataError(f"{self.pieces.shown}: expected {expected} rows, found {found.features.rows}")
        leaf_rows = leaf_rows or self._leaf_rows(sum(found.widths))
        frame = frame_of(found, self.plan, self.pieces.chosen, leaf_rows, self._sources(found), self.note)
        for text in left_out_notes(frame.encoding) if self.note is not None else ():
            self.note(text)
        frame.save(self.folder)
        return frame

    def _sources(self, found: Survey) -> tuple[Source, ...]:
        chosen, inputs = self.pieces.chosen, self.pieces.inputs
        contents = [found.contents.get(number, Fingerprint(Workers(1))) for number in range(len(inputs))]
        return sources_of(inputs, contents, [*chosen.features, *([] if chosen.label is None else [chosen.label])])

    def _budget(self, frame: Frame) -> int:
        if self.plan.fraction is not None:
            return max(1, round(self.plan.fraction * frame.n_rows))
        assert self.plan.size is not None
        if self.plan.size > frame.n_rows:
            raise UsageError(f"size: expected at most the {frame.n_rows} rows of {frame.name}, found {self.plan.size}")
        return self.plan.size

    def _crew(self, frame: Frame, leaf_rows: int, budget: int) -> Hands:
        """As many leaves at a time as the memory allows beside the picks. Raises UsageError where it allows none."""
        width = len(frame.columns)
        leaf, picks = 8.0 * width * leaf_rows * COPIES, 8.0 * budget * (4 * width + 8)
        self.room = self.memory - BASE - picks
        here = leaf if self.cluster is None else 0.0
        if self.room < here:
            least = BASE + picks + here
            raise UsageError(
                f"memory limit: selecting {budget:,} of these rows takes at least {least / 2**20:.0f} MiB, found "
                f"{self.memory / 2**20:.0f} MiB"
            )
        if self.cluster is not None:
            self.room = self.cluster.room_for(picks, leaf)
            return self.cluster
        at_once = max(1, min(self.threads, int(self.room // leaf)))
        return Crew(at_once, max(1, self.threads // at_once))

    def _job(self, frame: Frame, leaf_rows: int) -> tuple[Job, list[Leaf]]:
        runs = run_facts(self.folder)
        farthest = np.max([facts["farthest"] for facts in runs.values()], axis=0)
        metric = frame.view.metric
        diameters = [metric.diameter(each) for each in farthest.tolist()]
        rulers = [
            Ruler(metric, diameter, quantum_for(diameter, metric, mass), frame.columns)
            for diameter, mass in zip(diameters, frame.masses.tolist())
        ]
        bound, steepest = None, 1.0
        if self.plan.radius is not None:
            assert frame.loss is not None
            bound = Bound(
                frame.loss, self.plan.radius, max(each["largest"] for each in runs.values()), frame.label_unit
            )
            steepest = bound.most(frame.largest_label)
        grid = exact_grid(sum(mass * ruler.diameter * steepest for mass, ruler in zip(frame.masses.tolist(), rulers)))
        known = {name: (facts["leaves"], facts["sizes"]) for name, facts in runs.items()}
        job = Job(self.folder, known, frame.width, frame.view, rulers, frame.masses, self.block, grid, bound)
        return job, leaves_of(runs, frame.tree.classes, leaf_rows)

    def _part(self, job: Job, leaves: list[Leaf], quota: int, crew: Hands) -> tuple[Part, np.ndarray]:
        """(what was selected from a class, its gains)"""
        clock, folder, group = self.clock, self.folder, leaves[0].group
        name = f"picks-{group}"
        with clock.stage("merge"):
            if not folder.has(name):
                folder.save(name, self._merged(job, leaves, quota, crew))
            arrays, _ = folder.load(name)
            arrays = {key: array.copy() for key, array in arrays.items()}
        with clock.stage("swap"):
            for number in range(1 if self.plan.swaps is None else self.plan.swaps):
                stage = f"swap{number}"
                crew(swap, job, leaves, stage, clock, picks_of(job, group, arrays), stage)
                for leaf in leaves:
                    moved, _ = folder.load(leaf.file(stage))
                    for key in ("row", "coordinates"):
                        arrays[key][moved["place"]] = moved[key]
        with clock.stage("weigh"):
            counts, changes = self._weighed(job, leaves, arrays, crew, "weigh", clock)
        return Part(arrays["row"], counts, np.cumsum(changes) * job.grid), arrays["gain"]

    def _merged(self, job: Job, leaves: list[Leaf], quota: int, crew: Hands) -> dict[str, np.ndarray]:
        def deepen(shallow: list[Leaf], depth: float) -> None:
            for leaf in shallow:
                self.folder.remove(leaf.file("greedy"))
            crew(greedy, job, shallow, "greedy", Clock(None), 0.0, depth)

        def weights_of(arrays: dict[str, np.ndarray]) -> np.ndarray:
            return self._weighed(job, leaves, arrays, crew, "pool", Clock(None))[0]

        found = merged(job, leaves, quota, deepen, weights_of)
        if len(found["row"]) < quota:
            raise UsageError(
                f"--stream: selects different rows, of which a class has {len(found['row']):,}; {quota:,} are asked for"
            )
        return found

    def _weighed(self, job: Job, leaves: list[Leaf], arrays, crew: Hands, stage: str, clock: Clock):
        """(counts, changes) of all leaves together, both (r,)."""
        crew(weigh, job, leaves, stage, clock, picks_of(job, leaves[0].group, arrays), stage)
        counts, changes = np.zeros(len(arrays["row"])), np.zeros(len(arrays["row"]))
        for leaf in leaves:
            found, _ = self.folder.load(leaf.file(stage))
            counts[found["place"]] += found["count"]
            changes[found["place"]] += found["change"]
        return counts, changes

    def _largest(self, job: Job, leaf: Leaf) -> float:
        return 1.0 if job.bound is None else self.folder.load(leaf.file("weigh"))[1]["largest"]

    def _settings(self, frame: Frame, leaf_rows: int) -> dict:
        plan = self.plan
        settings = {"metric": plan.metric, "scale": plan.scale, "loss": frame.loss, "radius": plan.radius}
        return settings | {
            "units": FEATURE_DISTANCE if plan.radius is None else GRADIENT_NORM,
            "for": plan.purpose,
            "algorithm": "partition",
            "exemplar": "medoid",
            "block_size": self.block,
            "leaf_rows": leaf_rows,
            "swaps": 1 if plan.swaps is None else plan.swaps,
            "weights": "count",
            "seed": plan.seed,
            **frame.view.scaling.facts(frame.width),
        }
