"""Work on one leaf where others than the picks stand for their clusters, or where the search is not by features alone.

draw    which rows belong to each pick, and one of them: a random member, or the pick itself
bound   how the bound of equation 5 falls from one of those to the next, in the space of the features

A cluster has rows in several leaves. Its member is the row whose exponential waiting time, with its multiplicity as the
rate, is the shortest: that is a draw in proportion to the multiplicities, and of the draws of some leaves again one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from craig_cli.dataset import stacked
from craig_cli.selection.distances.assignment import assigned_loss
from craig_cli.streaming import near
from craig_cli.streaming.leaves import Job, Leaf, Measure, Picks, clusters_of, constants_of, in_order
from craig_cli.streaming.survey import chance
from craig_cli.streaming.view import Matrix


def draw(job: Job, leaf: Leaf, picks: Picks, name: str, seed: int | None) -> None:
    """Of each pick that is nearest to a row of the leaf: place, count, and which of these rows would stand for it.

    seed  of the draw; None: the pick itself stands for its rows
    """
    rows, _, arranged = in_order(job, leaf, job.search)
    nearest, _, _, positions = clusters_of(leaf, rows, arranged, picks, rows.multiplicity, 1.0)
    counts = np.bincount(nearest, weights=rows.multiplicity, minlength=len(picks.rows))
    if seed is None:
        wait = np.full(len(nearest), np.inf)
        wait[positions] = 0.0
    else:
        wait = -np.log1p(-chance(rows.numbers, seed, "member")) / rows.multiplicity
    order = np.lexsort((rows.numbers, wait, nearest))
    used, starts = np.unique(nearest[order], return_index=True)
    drawn = order[starts]
    arrays = {
        "place": used,
        "count": counts[used],
        "wait": wait[drawn],
        "row": rows.numbers[drawn],
        "features": rows.features[drawn],
        "label": rows.labels[drawn],
        "nearest": nearest.astype(np.int32),
    }
    job.folder.save(leaf.file(name), arrays)


def drawn_of(job: Job, leaves: list[Leaf], size: int, name: str) -> dict[str, Any]:
    """What stands for each of the ``size`` clusters of all leaves: row, features, label, and what those count."""
    features, labels = None, np.empty(size)
    counts, wait, row = np.zeros(size), np.full(size, np.inf), np.full(size, np.iinfo(np.int64).max)
    for leaf in leaves:
        saved, _ = job.folder.load(leaf.file(name), "place", "count", "wait", "row", "features", "label")
        place = saved["place"]
        counts[place] += saved["count"]
        sooner = saved["wait"] < wait[place]
        sooner |= (saved["wait"] == wait[place]) & (saved["row"] < row[place])
        kept = place[sooner]
        wait[kept], row[kept], labels[kept] = saved["wait"][sooner], saved["row"][sooner], saved["label"][sooner]
        found = saved["features"]
        if features is None:
            features = near.blank(size, found)
        features = near.replaced(features, kept, found[sooner])
    return {"row": row, "count": counts, "features": features, "label": labels}


@dataclass(frozen=True)
class Exemplars:
    """What stands for the clusters of a class, in greedy order: coordinates (r, d') in the space of the features, and
    the same arranged to be nearest; drawn: the stage that says which cluster a row is of.
    """

    coordinates: Matrix
    points: near.Points
    drawn: str


def exemplars_of(job: Job, group: int, features: Matrix, labels: np.ndarray, drawn: str) -> Exemplars:
    coordinates = job.features.view.rows(features, labels)
    return Exemplars(coordinates, near.points_of(coordinates, job.features.rulers[group]), drawn)


def bound(job: Job, leaf: Leaf, exemplars: Exemplars, name: str) -> None:
    """By how many grids each exemplar changes the bound, of each row to the nearest; and the bound of the clusters."""
    measure: Measure = job.features
    rows, coordinates, arranged = in_order(job, leaf, measure)
    constants = constants_of(job, rows, coordinates)
    weight = constants * rows.multiplicity
    nobody = np.full(len(rows.numbers), -1)
    _, change = near.nearest_of(arranged, exemplars.points, weight, job.grid, nobody)
    saved, _ = job.folder.load(leaf.file(exemplars.drawn), "nearest")
    used, own = np.unique(saved["nearest"], return_inverse=True)
    both = stacked([coordinates, exemplars.coordinates[used]])
    exemplar = len(rows.numbers) + np.concatenate([own.reshape(-1), np.arange(len(used))])
    metric = measure.rulers[leaf.group].metric
    whole = assigned_loss(both, metric, exemplar, np.concatenate([weight, np.zeros(len(used))]), job.grid)
    changed = np.flatnonzero(change)
    arrays = {"place": changed, "change": change[changed]}
    job.folder.save(leaf.file(name), arrays, whole=whole, largest=float(constants.max()))


def losses_of(job: Job, leaves: list[Leaf], size: int, name: str) -> tuple[np.ndarray, float]:
    """((size,) bound of each prefix with counts, the last one with those of the clusters; the largest constant)"""
    changes, whole, largest = np.zeros(size), 0.0, 0.0
    for leaf in leaves:
        saved, facts = job.folder.load(leaf.file(name))
        changes[saved["place"]] += saved["change"]
        whole, largest = whole + facts["whole"], max(largest, facts["largest"])
    losses = np.maximum(np.cumsum(changes) * job.grid, whole)
    losses[-1] = whole
    return losses, largest
