"""The picks of a class, from its leaves: greedy, merged, swapped, and what stands for their clusters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from craig_cli.dataset import stacked
from craig_cli.errors import UsageError
from craig_cli.selection.algorithms.strata import even_gains, spread_evenly
from craig_cli.selection.merge import Part
from craig_cli.selection.quotas import class_quotas
from craig_cli.streaming import near
from craig_cli.streaming.asked import NotInPieces
from craig_cli.streaming.exemplars import bound, draw, drawn_of, exemplars_of, losses_of
from craig_cli.streaming.guided import Chosen
from craig_cli.streaming.leaves import Job, Leaf, count, greedy, picks_of, swap, weigh
from craig_cli.streaming.merged import above, merged, read_blocks
from craig_cli.streaming.scratch import Scratch
from craig_cli.streaming.stratified import mass, stratum
from craig_cli.streaming.work import Clock


@dataclass(frozen=True)
class Class:
    """The leaves of a class, at which ``crew`` is to work, as ``work.Crew``."""

    job: Job
    leaves: list[Leaf]
    crew: Callable
    clock: Clock

    @property
    def number(self) -> int:
        return self.leaves[0].group

    @property
    def folder(self) -> Scratch:
        return self.job.folder

    @property
    def name(self) -> str:
        """Of the file that its picks are in."""
        return f"picks-{self.number}"

    def greedy(self, wanted: int, rows: int) -> None:
        """Picks in each leaf, so many as the class with its ``rows`` is to have ``wanted`` of."""
        self._work(greedy, "greedy", wanted / rows)

    def picks(self, quota: int, swaps: int) -> dict[str, Any]:
        """The ``quota`` picks in greedy order: row, leaf, gain and coordinates."""
        with self.clock.stage("merge"):
            if not self.folder.has(self.name):
                self.folder.save(self.name, self._merged(quota))
            arrays = {key: array.copy() for key, array in self.folder.load(self.name)[0].items()}
        with self.clock.stage("swap"):
            for number in range(swaps):
                stage = f"swap{number}"
                self._work(swap, stage, picks_of(self.job, self.number, arrays), stage)
                for leaf in self.leaves:
                    moved, _ = self.folder.load(leaf.file(stage))
                    for key in ("row", "coordinates"):
                        arrays[key] = near.replaced(arrays[key], moved["place"], moved[key])
        return arrays

    def known_above(self) -> float:
        """Every pick of a higher gain is there."""
        return float(read_blocks(self.job, self.leaves).known.max())

    def above(self, depth: float) -> tuple[dict[str, Any], bool]:
        """(the picks of a higher gain than ``depth``, or all, whether these are all)"""
        return above(self.job, self.leaves, depth, self._deepen)

    def bounded(self, arrays: dict[str, Any], stage: str) -> Part:
        """The picks with their counts and the bound of each prefix."""
        counts, changes = self._weighed(arrays, stage, Clock(None))
        return Part(arrays["row"], counts, np.cumsum(changes) * self.job.grid)

    def medoids(self, arrays: dict[str, Any]) -> Chosen:
        """The picks as what stands for their clusters, by features."""
        with self.clock.stage("weigh"):
            counts, changes = self._weighed(arrays, "weigh", self.clock)
            largest = max(self.folder.load(leaf.file("weigh"))[1]["largest"] for leaf in self.leaves)
        losses, none = np.cumsum(changes) * self.job.grid, np.empty(0)
        return Chosen(arrays["row"], none, none, counts, losses, arrays["gain"], largest)

    def exemplars(self, arrays: dict[str, Any], seed: int | None) -> Chosen:
        """Members of the clusters, or with no seed the picks."""
        size = len(arrays["row"])
        with self.clock.stage("draw"):
            self._work(draw, "draw", picks_of(self.job, self.number, arrays), "draw", seed)
            drawn = drawn_of(self.job, self.leaves, size, "draw")
        with self.clock.stage("weigh"):
            exemplars = exemplars_of(self.job, self.number, drawn["features"], drawn["label"], "draw")
            self._work(bound, "bound", exemplars, "bound")
            losses, largest = losses_of(self.job, self.leaves, size, "bound")
        row, features, label, count = (drawn[key] for key in ("row", "features", "label", "count"))
        return Chosen(row, features, label, count, losses, arrays["gain"], largest)

    def strata(self, quota: int, means: np.ndarray, seed: int) -> Chosen:
        """A row of each of ``quota`` strata; ``means`` (k,) of the norms of the rows of each class at a model."""
        with self.clock.stage("strata"):
            self._work(mass, "mass", means, "mass")
            masses = [self.folder.load(leaf.file("mass"))[1]["mass"] for leaf in self.leaves]
            if quota < len(masses):
                least = f"at least one pick for each of the {len(masses):,} leaves of a class"
                raise UsageError(f"--stream: takes {least}, found {quota:,}")
            shares = class_quotas(np.array(masses), quota, np.array([leaf.rows for leaf in self.leaves]))
            quotas = {leaf.number: share for leaf, share in zip(self.leaves, shares.tolist())}
            self._work(stratum, "stratum", means, quotas, seed, "stratum")
            saved = [self.folder.load(leaf.file("stratum")) for leaf in self.leaves]
        spread = spread_evenly(quota)
        row, features, label, count, weight = (
            stacked([arrays[key] for arrays, _ in saved])[spread]
            for key in ("row", "features", "label", "count", "weight")
        )
        losses = np.full(quota, sum(facts["whole"] for _, facts in saved))
        largest = max(facts["largest"] for _, facts in saved)
        return Chosen(row, features, label, count, losses, even_gains(quota), largest, weight)

    def _work(self, function: Callable, stage: str, *arguments) -> None:
        self.crew(function, self.job, self.leaves, stage, self.clock, *arguments)

    def _deepen(self, shallow: list[Leaf], depth: float) -> None:
        for leaf in shallow:
            self.folder.remove(leaf.file("greedy"))
        self.crew(greedy, self.job, shallow, "greedy", Clock(None), 0.0, depth)

    def _merged(self, quota: int) -> dict[str, Any]:
        arrays = merged(self.job, self.leaves, quota, self._deepen, self._counted)
        if len(arrays["row"]) < quota:
            raise NotInPieces(
                f"--stream: selects different rows, of which a class has {len(arrays['row']):,}; "
                f"{quota:,} are asked for"
            )
        return arrays

    def _counted(self, arrays: dict[str, Any]) -> np.ndarray:
        """What the rows nearest to each of the picks count, (r,): of a leaf among its own, as all take r times n."""
        self.crew(count, self.job, self.leaves, "pool", Clock(None), (arrays["row"], arrays["leaf"]), "pool")
        counts = np.zeros(len(arrays["row"]))
        for leaf in self.leaves:
            counts[arrays["leaf"] == leaf.number] = self.folder.load(leaf.file("pool"))[0]["count"]
        return counts

    def _weighed(self, arrays, stage: str, clock: Clock) -> tuple[np.ndarray, np.ndarray]:
        """(counts, changes) of all leaves together, both (r,)."""
        self.crew(weigh, self.job, self.leaves, stage, clock, picks_of(self.job, self.number, arrays), stage)
        counts, changes = np.zeros(len(arrays["row"])), np.zeros(len(arrays["row"]))
        for leaf in self.leaves:
            weighed, _ = self.folder.load(leaf.file(stage))
            counts[weighed["place"]] += weighed["count"]
            changes[weighed["place"]] += weighed["change"]
        return counts, changes
