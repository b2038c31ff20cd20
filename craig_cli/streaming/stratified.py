"""Work on one leaf where one row is drawn from each of as many strata of equal mass as there are picks.

mass     what the rows of the leaf weigh, by which leaves share the picks of their class
stratum  strata of the leaf's rows, as those of selection/algorithms/strata.py, and the bound of their rows
union    the bound where strata were united, of this leaf and others, for smaller sizes

The tree cuts a class along its main directions, as the strata of all its rows begin: those of a leaf are some of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from craig_cli.selection.algorithms.strata import LEVERAGE, Strata, masses
from craig_cli.selection.distances.space import Arrangement, Space
from craig_cli.streaming.exemplars import represented
from craig_cli.streaming.leaves import Job, Leaf, Rows, constants_of, read_rows
from craig_cli.streaming.view import Matrix, routed_by


def _masses(job: Job, leaf: Leaf, rows: Rows, vectors: np.ndarray, means: np.ndarray) -> np.ndarray:
    """(m,) by the norms of the vectors at a model, of which ``means`` (k,) are those of each class."""
    if job.beside is None:
        return rows.multiplicity
    return masses(vectors, rows.multiplicity, LEVERAGE, float(means[leaf.group]))


def mass(job: Job, leaf: Leaf, means: np.ndarray, name: str) -> None:
    rows = read_rows(job, leaf)
    total = float(_masses(job, leaf, rows, routed_by(rows.seen(job.search)), means).sum())
    job.folder.save(leaf.file(name), {}, mass=total)


def stratum(
    job: Job, leaf: Leaf, means: np.ndarray, quotas: dict[int, int], seed: int, are_united: bool, name: str
) -> None:
    """The rows that are drawn, in the order of their strata, with weights, and what the strata count and weigh.

    And, where more is to be made of them, which stratum each row is of.

    quotas  number of the leaf -> strata
    """
    rows = read_rows(job, leaf)
    seen = rows.seen(job.search)
    vectors, features = routed_by(seen), seen if job.beside is None else rows.seen(job.features)
    space = Space(Arrangement(features, job.features.view.metric, 0.0, None), rows.multiplicity)
    generator = np.random.default_rng([seed, leaf.number])
    cut = Strata(vectors, _masses(job, leaf, rows, vectors, means), space, generator)
    cut.extend(quotas[leaf.number])
    constants = constants_of(job, rows, features)
    nearest, losses = cut.assign(cut.picks, constants * rows.multiplicity, job.grid)
    order = np.argsort(cut.strata[0])
    picks = cut.picks[order]
    arrays = {
        "row": rows.numbers[picks],
        "features": rows.features[picks],
        "label": rows.labels[picks],
        "weight": cut.weights[order],
        "count": np.bincount(nearest, weights=rows.multiplicity, minlength=len(picks))[order],
        "mass": cut.strata[1][order],
    }
    if are_united:
        arrays["nearest"] = cut.strata[0][nearest].astype(np.int32)
    job.folder.save(leaf.file(name), arrays, whole=float(losses[-1]), largest=float(constants.max()))


@dataclass(frozen=True)
class Unions:
    """What stands for strata that were united: the (r, d') coordinates of what was drawn, in the space of the features.

    places  of each size (r,): of all strata, leaf after leaf, which of those stands for it
    first   number of a leaf -> its first stratum
    """

    coordinates: Matrix
    places: list[np.ndarray]
    first: dict[int, int]


def union(job: Job, leaf: Leaf, unions: Unions, strata: str, name: str) -> None:
    """The bound at each size; ``strata`` is the stage that says which stratum a row is of."""
    rows = read_rows(job, leaf)
    coordinates = rows.seen(job.features)
    weight = constants_of(job, rows, coordinates) * rows.multiplicity
    own = unions.first[leaf.number] + job.folder.load(leaf.file(strata), "nearest")[0]["nearest"]
    places = np.stack([each[own] for each in unions.places])
    whole = represented(job, leaf, coordinates, weight, unions.coordinates, places)
    job.folder.save(leaf.file(name), {}, whole=whole)
