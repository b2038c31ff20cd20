"""Work on one leaf at a time: plain functions of a job and a leaf, which read and write the scratch folder.

greedy   picks in blocks of nearby rows, as those of the partition algorithm, by the gains that merge into one order
count    what the rows nearest to each of its own picks count
weigh    what the rows nearest to each of some picks count, and how the bound falls from pick to pick
swap     every pick of the leaf makes way for the medoid of those rows of the leaf that are nearest to it
draw     the cluster of each pick, and a random one of its rows (exemplars.py), where others are to represent them
bound    how the bound falls from exemplar to exemplar

Which rows a leaf has, how it is cut into blocks and what a distance is do not depend on the other leaves, nor on
memory, threads or the process that does it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from craig_cli.dataset import stacked
from craig_cli.formats.arrow import to_numpy
from craig_cli.selection.algorithms.partition import Blocks
from craig_cli.selection.algorithms.swaps import medoids_within
from craig_cli.selection.bounds import gradient_constants
from craig_cli.selection.distances.cells import Cells, Ruler
from craig_cli.selection.distances.inverted_index import Listed
from craig_cli.selection.duplicates import representatives
from craig_cli.selection.groups import MOST_DUPLICATES
from craig_cli.streaming import near
from craig_cli.streaming.scratch import Scratch, rows_to_numpy
from craig_cli.streaming.view import Matrix, Sight

TOO_LARGE = 1.5  # a leaf of more than so many times the rows it was to have is worked on in runs of rows


@dataclass(frozen=True)
class Leaf:
    """Rows start .. stop of those that the tree routed to ``node``, all of the class ``group``."""

    number: int
    node: int
    group: int
    start: int
    stop: int

    @property
    def rows(self) -> int:
        return self.stop - self.start

    @property
    def name(self) -> str:
        return f"leaf {self.number}"

    def file(self, stage: str) -> str:
        return f"{stage}-{self.number:07d}"


@dataclass(frozen=True)
class Bound:
    """What turns distances into gradients, see ``bounds.gradient_constants``: ``largest`` is the norm of a row."""

    loss: str
    radius: float
    label_unit: float
    stretch: float
    largest: float

    def constants(self, features: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """(m,) c_i of rows, scaled, with these labels, see bounds.py."""
        return gradient_constants(features, labels, self.loss, self.radius, self.label_unit, self.stretch, self.largest)

    def most(self, label: float) -> float:
        """No row with a label up to ``label`` has a greater c_i."""
        return float(self.constants(np.array([[self.largest]]), np.array([label]))[0])


@dataclass(frozen=True)
class Measure:
    """Coordinates of rows, and in what distances between those of each class are measured."""

    view: Sight
    rulers: list[Ruler]


@dataclass(frozen=True)
class Job:
    """All that the functions here have to know; it goes to whatever process does the work.

    runs    name -> (leaves, sizes) of its record batches; width: number of features
    view    what rows are near each other by, with the rulers of each class
    masses  (k,) what the rows of each class count; block: rows of a block; grid: see ``exact_grid``
    beside  the features, in which epsilon is measured, where the view is of more than those
    """

    folder: Scratch
    runs: dict[str, tuple[list[int], list[int]]]
    width: int
    view: Sight
    rulers: list[Ruler]
    masses: np.ndarray
    block: int
    grid: float
    bound: Bound | None
    beside: Measure | None = None

    @property
    def search(self) -> Measure:
        return Measure(self.view, self.rulers)

    @property
    def features(self) -> Measure:
        return self.beside or self.search


@dataclass(frozen=True)
class Rows:
    """Rows of a leaf: numbers (m,) int64, features (m, d), labels as views take them and what they count, both (m,)."""

    numbers: np.ndarray
    features: Matrix
    labels: np.ndarray
    multiplicity: np.ndarray

    def take(self, order: np.ndarray) -> Rows:
        return Rows(*(each[order] for each in (self.numbers, self.features, self.labels, self.multiplicity)))

    def seen(self, measure: Measure) -> Matrix:
        """(m, d') coordinates."""
        return measure.view.rows(self.features, self.labels)


def leaves_of(runs: dict[str, dict], classes: np.ndarray, leaf_rows: int) -> list[Leaf]:
    """The leaves, of the ``classes`` (l,) that the tree's have; one that is too large as several.

    Sparse rows that are longer than others are as many as they have numbers.
    """
    sizes, numbers = np.zeros(len(classes), dtype=np.int64), np.zeros(len(classes), dtype=np.int64)
    for facts in runs.values():
        sizes[facts["leaves"]] += facts["sizes"]
        numbers[facts["leaves"]] += facts.get("numbers", facts["sizes"])
    loads = numbers * (sizes.sum() / max(1, numbers.sum()))
    leaves: list[Leaf] = []
    for node, (size, load) in enumerate(zip(sizes.tolist(), loads.tolist())):
        parts = min(size, math.ceil(load / leaf_rows) if load > TOO_LARGE * leaf_rows else 1)
        for part in range(parts):
            span = part * size // parts, (part + 1) * size // parts
            leaves.append(Leaf(len(leaves), node, int(classes[node]), *span))
    return leaves


def read_rows(job: Job, leaf: Leaf) -> Rows:
    """All rows of the leaf, in the order of the data."""
    parts: list[dict[str, Any]] = []
    first = 0  # of the batch, among the rows of the node
    for name, (leaves, sizes) in job.runs.items():
        place = int(np.searchsorted(leaves, leaf.node))
        if place == len(leaves) or leaves[place] != leaf.node:
            continue
        begin, end = max(leaf.start - first, 0), min(leaf.stop - first, sizes[place])
        first += sizes[place]
        if begin < end:
            with job.folder.open(name) as (reader, _):
                batch = reader.get_batch(place).slice(begin, end - begin)
                parts.append(
                    {
                        key: rows_to_numpy(column, job.width) if key == "features" else to_numpy(column)
                        for key, column in zip(batch.schema.names, batch.columns)
                    }
                )
    arrays = {key: stacked([part[key] for part in parts]) for key in parts[0]}
    labels = arrays.get("label", np.full(leaf.rows, float(leaf.group)))
    return Rows(arrays["row"], arrays["features"], labels, arrays.get("weight", np.ones(leaf.rows)))


def greedy(job: Job, leaf: Leaf, share: float, depth: float | None = None) -> None:
    """Picks of each block, to about twice the ``share`` of its rows, or down to a gain of ``depth``.

    Of equal rows the first stands for all. Writes the order of the rows in blocks, too, which the other stages go by.
    """
    rows = read_rows(job, leaf)
    coordinates, multiplicity = rows.seen(job.search), rows.multiplicity
    first = representatives(coordinates if job.beside is None else rows.seen(job.features))
    kept = np.flatnonzero(first == np.arange(leaf.rows))
    if len(kept) > MOST_DUPLICATES * leaf.rows:
        kept = np.arange(leaf.rows)
    else:
        multiplicity = np.bincount(first, weights=multiplicity, minlength=leaf.rows)[kept]
        coordinates = coordinates[kept]
    ruler = job.rulers[leaf.group]
    arranged = near.in_blocks(coordinates, ruler, float(job.masses[leaf.group]), job.block)
    blocks = Blocks(arranged, multiplicity, job.block)
    if depth is None:
        tasks = [(b, 0.0, min(blocks.rows_of(b), int(2.0 * share * blocks.rows_of(b)) + 8)) for b in range(len(blocks))]
    else:
        tasks = [(b, depth / blocks.unit, blocks.rows_of(b)) for b in range(len(blocks))]
    picked = blocks.run(tasks)
    positions = np.concatenate([chosen for chosen, _ in picked])
    gains = np.concatenate([gain for _, gain in picked]) * blocks.unit
    lengths = np.array([len(chosen) for chosen, _ in picked])
    sizes = np.array([blocks.rows_of(b) for b in range(len(blocks))])
    last = gains[np.cumsum(lengths) - 1]
    deep = last if depth is None else np.nextafter(depth, 0.0)
    known = np.where(lengths == sizes, 0.0, deep)  # every pick of a higher gain is there
    chosen = arranged.order[positions]
    arrays = {
        "order": kept[arranged.order].astype(np.int32),
        "multiplicity": multiplicity[arranged.order] if len(kept) < leaf.rows else np.empty(0),
        "row": rows.numbers[kept[chosen]],
        "gain": gains,
        "block": np.repeat(np.arange(len(blocks)), lengths),
        "coordinates": coordinates[chosen],
        "known": known,
        "mass": blocks.masses,
    }
    job.folder.save(leaf.file("greedy"), arrays)


def in_order(job: Job, leaf: Leaf, measure: Measure) -> tuple[Rows, Matrix, Cells | Listed]:
    """The rows that are left of equal ones, in the order of their blocks, their coordinates and these, arranged."""
    saved, _ = job.folder.load(leaf.file("greedy"), "order", "multiplicity")
    rows, order = read_rows(job, leaf), saved["order"]
    coordinates, ruler = rows.seen(measure)[order], measure.rulers[leaf.group]
    rows = rows.take(order)
    if len(saved["multiplicity"]):
        rows = replace(rows, multiplicity=saved["multiplicity"])
    return rows, coordinates, near.in_order(coordinates, ruler, float(job.masses[leaf.group]), job.block)


def constants_of(job: Job, rows: Rows, coordinates: Matrix) -> np.ndarray:
    """(m,) c_i of rows with these coordinates in the space of the features."""
    if job.bound is None:
        return np.ones(len(rows.numbers))
    return job.bound.constants(coordinates[:, : job.width], rows.labels)


@dataclass(frozen=True)
class Picks:
    """Picks of a class, in greedy order: rows, the leaves they are in (both (r,) int64), and arranged to be nearest."""

    rows: np.ndarray
    leaves: np.ndarray
    points: near.Points

    def of(self, leaf: Leaf, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(places, positions) of the picks of this leaf: in greedy order, and in its rows ``numbers`` (m,)."""
        places = np.flatnonzero(self.leaves == leaf.number)
        return places, positions_of(self.rows[places], numbers)


def positions_of(rows: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Of ``rows``, where each is among ``numbers``, both int64."""
    order = np.argsort(numbers)
    return order[np.searchsorted(numbers[order], rows)]


def picks_of(job: Job, group: int, arrays: dict[str, Any], ends: Sequence[int] = ()) -> Picks:
    """The picks of class ``group`` of which the arrays say row, leaf and coordinates; ``ends`` of prefixes of them."""
    points = near.points_of(arrays["coordinates"], job.search.rulers[group], ends)
    return Picks(arrays["row"], arrays["leaf"], points)


def clusters_of(leaf: Leaf, rows: Rows, arranged: Cells | Listed, picks: Picks, constants: np.ndarray, grid: float):
    """(nearest, change, places, positions): the first two as ``nearest_of``, the others of the leaf's own picks."""
    places, positions = picks.of(leaf, rows.numbers)
    pick_of = np.full(len(rows.numbers), -1)
    pick_of[positions] = places
    nearest, change = near.nearest_of(arranged, picks.points, constants, grid, pick_of)
    return nearest, change, places, positions


def counts_of(nearest: np.ndarray, rows: Rows, size: int) -> np.ndarray:
    """(s, size) what the rows count that are ``nearest`` (s, m) to each of ``size`` picks."""
    return np.stack([np.bincount(each, weights=rows.multiplicity, minlength=size) for each in nearest])


def count(job: Job, leaf: Leaf, picks: tuple[np.ndarray, np.ndarray], name: str) -> None:
    """What the rows count that are nearest to each pick of this leaf; ``picks``: rows and leaves, both (r,) int64."""
    rows, coordinates, arranged = in_order(job, leaf, job.search)
    positions = positions_of(picks[0][picks[1] == leaf.number], rows.numbers)
    pick_of = np.full(len(rows.numbers), -1)
    pick_of[positions] = np.arange(len(positions))
    points = near.points_of(coordinates[positions], job.search.rulers[leaf.group])
    (nearest,), _ = near.nearest_of(arranged, points, rows.multiplicity, 1.0, pick_of)
    counts = np.bincount(nearest, weights=rows.multiplicity, minlength=len(positions))
    job.folder.save(leaf.file(name), {"count": counts})


def weigh(job: Job, leaf: Leaf, picks: Picks, name: str) -> None:
    """Of each pick that is nearest to a row of the leaf, or was before another was: place, counts, change of the bound.

    It counts the rows that are nearest to it of each prefix of the picks. The bound changes by whole numbers of the
    grid; where the picks are not by features it says nothing.
    """
    rows, coordinates, arranged = in_order(job, leaf, job.search)
    constants, grid = np.ones(len(rows.numbers)), 1.0
    if job.beside is None:
        constants, grid = constants_of(job, rows, coordinates), job.grid
    nearest, change, *_ = clusters_of(leaf, rows, arranged, picks, constants * rows.multiplicity, grid)
    counts = counts_of(nearest, rows, len(picks.rows))
    used = np.flatnonzero(counts.any(axis=0) | (change != 0.0))
    arrays = {"place": used, "count": counts[:, used], "change": change[used]}
    job.folder.save(leaf.file(name), arrays, largest=float(constants.max()))


def swap(job: Job, leaf: Leaf, picks: Picks, name: str) -> None:
    """The row, and its coordinates, that takes the place of each of the leaf's picks."""
    rows, coordinates, arranged = in_order(job, leaf, job.search)
    (nearest,), _, places, positions = clusters_of(leaf, rows, arranged, picks, rows.multiplicity, 1.0)
    own = np.full(len(picks.rows), -1)
    own[places] = np.arange(len(places))
    moved = medoids_within(arranged, rows.multiplicity, own[nearest], positions, rows.numbers)
    arrays = {"place": places, "row": rows.numbers[moved], "coordinates": coordinates[moved]}
    job.folder.save(leaf.file(name), arrays)
