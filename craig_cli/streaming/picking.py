"""The picks of a class, from its leaves: greedy, merged, swapped, and what stands for their clusters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from craig_cli.dataset import stacked
from craig_cli.errors import UsageError
from craig_cli.selection.algorithms.partition import pool_size
from craig_cli.selection.algorithms.strata import even_gains, spread_evenly
from craig_cli.selection.merge import Part
from craig_cli.selection.nested import gains_in, neighbours
from craig_cli.selection.plan import Plan
from craig_cli.selection.quotas import class_quotas
from craig_cli.streaming import near
from craig_cli.streaming.asked import NotStreamed
from craig_cli.streaming.exemplars import bound, draw, drawn_of, exemplars_of, losses_of
from craig_cli.streaming.guided import Chosen
from craig_cli.streaming.leaves import Job, Leaf, count, greedy, picks_of, swap, weigh
from craig_cli.streaming.merged import above, merged, read_blocks
from craig_cli.streaming.nested import first_picks, levels_of, order_in, prefixes_of
from craig_cli.streaming.scratch import Scratch
from craig_cli.streaming.stratified import Unions, mass, stratum, union
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
        (counts,), changes = self._weighed(arrays, stage, Clock(None))
        return Part(arrays["row"], counts, np.cumsum(changes) * self.job.grid)

    def medoids(self, arrays: dict[str, Any], ends: list[int]) -> list[Chosen]:
        """The picks as what stands for their clusters, by features; of each of the sizes ``ends``, as the next two."""
        with self.clock.stage("weigh"):
            counts, changes = self._weighed(arrays, "weigh", self.clock, ends)
            largest = max(self.folder.load(leaf.file("weigh"))[1]["largest"] for leaf in self.leaves)
        row, losses, none = arrays["row"], np.cumsum(changes) * self.job.grid, np.empty(0)
        gains = gains_in(np.arange(len(row)), arrays["gain"])
        return [
            Chosen(row[:end], none, none, count[:end], losses[:end], gains[:end], largest)
            for end, count in zip(ends, counts)
        ]

    def exemplars(self, arrays: dict[str, Any], seed: int | None, ends: list[int]) -> list[Chosen]:
        """Members of the clusters, or with no seed the picks."""
        job, number, size = self.job, self.number, ends[-1]
        with self.clock.stage("draw"):
            self._work(draw, "draw", picks_of(job, number, arrays, ends if seed is None else ()), "draw", seed)
            drawn, counts = drawn_of(job, self.leaves, size, "draw")
            if seed is None or len(ends) == 1:
                levels = prefixes_of(ends)
            else:
                parents = first_picks(job, number, arrays["coordinates"], ends)
                levels = levels_of(ends, counts[0], None, float(job.masses[number]), parents, self._unions(seed))
            order = order_in(levels)
            drawn = {key: array[order] for key, array in drawn.items()} | {"gain": gains_in(order, arrays["gain"])}
            places = [level.arranged(order)[0] for level in levels]
        with self.clock.stage("weigh"):
            self._work(bound, "bound", exemplars_of(job, number, drawn, places, "draw"), "bound")
            losses, largest = losses_of(job, self.leaves, ends, "bound")
        counts = np.broadcast_to(counts, (len(ends), size))
        return [
            _chosen(drawn, np.bincount(place, count, end), loss, largest)
            for end, place, count, loss in zip(ends, places, counts, losses)
        ]

    def strata(self, ends: list[int], means: np.ndarray, seed: int) -> list[Chosen]:
        """A row of each of as many strata; ``means`` (k,) of the norms of the rows of each class at a model."""
        quota = ends[-1]
        with self.clock.stage("strata"):
            self._work(mass, "mass", means, "mass")
            masses = [self.folder.load(leaf.file("mass"))[1]["mass"] for leaf in self.leaves]
            if quota < len(masses):
                least = f"at least one pick for each of the {len(masses):,} leaves of a class"
                raise UsageError(f"--stream: takes {least}, found {quota:,}")
            shares = class_quotas(np.array(masses), quota, np.array([leaf.rows for leaf in self.leaves]))
            quotas = {leaf.number: share for leaf, share in zip(self.leaves, shares.tolist())}
            self._work(stratum, "stratum", means, quotas, seed, len(ends) > 1, "stratum")
            columns = ("row", "features", "label", "count", "weight", "mass")
            saved = [self.folder.load(leaf.file("stratum"), *columns) for leaf in self.leaves]
            spread = spread_evenly(quota)
            drawn = {key: stacked([arrays[key] for arrays, _ in saved])[spread] for key in columns}
            count, weight = drawn.pop("count"), drawn.pop("weight")

            def parents(place: int, above: int) -> np.ndarray:
                return neighbours(spread if above == quota else np.arange(above), ends[place])

            whole = float(self.job.masses[self.number])
            levels = levels_of(ends, drawn.pop("mass"), weight, whole, parents, self._unions(seed))
            order = order_in(levels)
            drawn = {key: array[order] for key, array in drawn.items()} | {"gain": gains_in(order, even_gains(quota))}
            arranged = [level.arranged(order) for level in levels]
            wholes = self._united(drawn, [place[np.argsort(spread)] for place, _ in arranged[:-1]], quotas)
            wholes = [*wholes, sum(facts["whole"] for _, facts in saved)]
        largest = max(facts["largest"] for _, facts in saved)
        return [
            _chosen(drawn, np.bincount(place, count, end), np.full(end, whole), largest, own)
            for end, (place, own), whole in zip(ends, arranged, wholes)
        ]

    def _united(self, drawn: dict[str, np.ndarray], places: list[np.ndarray], quotas: dict[int, int]) -> list[float]:
        """The bound at each size of strata that were united; ``places`` as ``Unions`` has them."""
        if not places:
            return []
        first = dict(zip(quotas, np.cumsum([0, *quotas.values()]).tolist()))
        coordinates = self.job.features.view.rows(drawn["features"], drawn["label"])
        self._work(union, "union", Unions(coordinates, places, first), "stratum", "union")
        return np.sum([self.folder.load(leaf.file("union"))[1]["whole"] for leaf in self.leaves], axis=0).tolist()

    def _unions(self, seed: int) -> np.random.Generator:
        """For what is drawn of those."""
        return np.random.default_rng([seed, self.number, 1])

    def _work(self, function: Callable, stage: str, *arguments) -> None:
        self.crew(function, self.job, self.leaves, stage, self.clock, *arguments)

    def _deepen(self, shallow: list[Leaf], depth: float) -> None:
        for leaf in shallow:
            self.folder.remove(leaf.file("greedy"))
        self.crew(greedy, self.job, shallow, "greedy", Clock(None), 0.0, depth)

    def _merged(self, quota: int) -> dict[str, Any]:
        arrays = merged(self.job, self.leaves, quota, self._deepen, self._counted)
        if len(arrays["row"]) < quota:
            raise NotStreamed(
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

    def _weighed(self, arrays, stage: str, clock: Clock, ends: Sequence[int] = ()) -> tuple[np.ndarray, np.ndarray]:
        """((s, r) counts of each prefix, (r,) changes) of all leaves together."""
        picks = picks_of(self.job, self.number, arrays, ends)
        self.crew(weigh, self.job, self.leaves, stage, clock, picks, stage)
        changes = np.zeros(len(picks.rows))
        counts = np.zeros((len(picks.points.ends), len(changes)))
        for leaf in self.leaves:
            weighed, _ = self.folder.load(leaf.file(stage))
            counts[:, weighed["place"]] += weighed["count"]
            changes[weighed["place"]] += weighed["change"]
        return counts, changes


def stand_ins(classes: list[Class], ends: list[list[int]], plan: Plan, means: np.ndarray) -> list[list[Chosen]]:
    """What stands for the rows of each class at each of its sizes ``ends``, all different; ``means`` as ``strata``."""
    if plan.algorithm == "strata":
        return [each.strata(mine, means, plan.seed) for each, mine in zip(classes, ends)]
    assert plan.swaps is not None
    with classes[0].clock.stage("greedy"):
        for each, (*_, quota) in zip(classes, ends):
            rows = sum(leaf.rows for leaf in each.leaves)
            each.greedy(pool_size(quota, -(-rows // each.job.block), rows) or quota, rows)
    picks = [each.picks(quota, plan.swaps) for each, (*_, quota) in zip(classes, ends)]
    if plan.exemplar == "medoid" and classes[0].job.beside is None:
        return [each.medoids(arrays, mine) for each, arrays, mine in zip(classes, picks, ends)]
    seed = plan.seed if plan.exemplar == "member" else None
    return [each.exemplars(arrays, seed, mine) for each, arrays, mine in zip(classes, picks, ends)]


def _chosen(drawn: dict[str, np.ndarray], counts: np.ndarray, losses: np.ndarray, largest: float, own=None) -> Chosen:
    """What is ``drawn``, in its order, as far as the ``counts`` (q,) go."""
    row, features, label, gain = (drawn[key][: len(counts)] for key in ("row", "features", "label", "gain"))
    return Chosen(row, features, label, counts, losses, gain, largest, own)
