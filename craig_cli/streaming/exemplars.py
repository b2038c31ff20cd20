"""Work on one leaf where others than the picks stand for their clusters, or where the search is not by features alone.

draw    which rows belong to each pick, and one of them: a random member, or the pick itself
bound   how the bound of equation 5 falls from one of those to the next, in the space of the features

A cluster has rows in several leaves. Its member is the row whose exponential waiting time, with its multiplicity as the
rate, is the shortest: that is a draw in proportion to the multiplicities, and of the draws of some leaves again one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from craig_cli.dataset import stacked
from craig_cli.selection.distances.assignment import assigned_loss
from craig_cli.streaming import near
from craig_cli.streaming.leaves import Job, Leaf, Picks, clusters_of, constants_of, counts_of, in_order
from craig_cli.streaming.survey import chance
from craig_cli.streaming.view import Matrix


def draw(job: Job, leaf: Leaf, picks: Picks, name: str, seed: int | None) -> None:
    """Of each pick that is nearest to a row of the leaf: place, and which of these rows would stand for it.

    And of each prefix of the picks: which is nearest to each row, and what the rows of each count, where they do.

    seed  of the draw; None: the pick itself stands for its rows
    """
    rows, _, arranged = in_order(job, leaf, job.search)
    prefixes, _, _, positions = clusters_of(leaf, rows, arranged, picks, rows.multiplicity, 1.0)
    counts, nearest = counts_of(prefixes, rows, len(picks.rows)), prefixes[-1]
    counted = np.flatnonzero(counts.any(axis=0))
    if seed is None:
        wait = np.full(len(nearest), np.inf)
        wait[positions] = 0.0
    else:
        wait = -np.log1p(-chance(rows.numbers, seed, "member")) / rows.multiplicity
    order = np.lexsort((rows.numbers, wait, nearest))
    used, starts = np.unique(nearest[order], return_index=True)
    drawn = order[starts]
    arrays = {
        "counted": counted,
        "count": counts[:, counted],
        "place": used,
        "wait": wait[drawn],
        "row": rows.numbers[drawn],
        "features": rows.features[drawn],
        "label": rows.labels[drawn],
        "nearest": prefixes.astype(np.int32),
    }
    job.folder.save(leaf.file(name), arrays)


def drawn_of(job: Job, leaves: list[Leaf], size: int, name: str) -> tuple[dict[str, Any], np.ndarray]:
    """(row, features, label of what stands for each of the ``size`` clusters of all leaves, (s, size) their counts)"""
    features, labels = None, np.empty(size)
    counts, wait, row = np.zeros((1, size)), np.full(size, np.inf), np.full(size, np.iinfo(np.int64).max)
    for leaf in leaves:
        columns = ("counted", "count", "place", "wait", "row", "features", "label")
        saved, _ = job.folder.load(leaf.file(name), *columns)
        if len(counts) != len(saved["count"]):
            counts = np.zeros((len(saved["count"]), size))
        counts[:, saved["counted"]] += saved["count"]
        place = saved["place"]
        sooner = saved["wait"] < wait[place]
        sooner |= (saved["wait"] == wait[place]) & (saved["row"] < row[place])
        kept = place[sooner]
        wait[kept], row[kept], labels[kept] = saved["wait"][sooner], saved["row"][sooner], saved["label"][sooner]
        found = saved["features"]
        if features is None:
            features = near.blank(size, found)
        features = near.replaced(features, kept, found[sooner])
    return {"row": row, "features": features, "label": labels}, counts


@dataclass(frozen=True)
class Exemplars:
    """What stands for the clusters of a class, in their order: coordinates (r, d') in the space of the features, and
    the same arranged to be nearest.

    places  of each size (c,): of all clusters, the place in that order of what stands for it
    drawn   the stage that says which cluster a row is of
    """

    coordinates: Matrix
    points: near.Points
    places: list[np.ndarray]
    drawn: str


def exemplars_of(job: Job, group: int, drawn: dict[str, Any], places: list[np.ndarray], stage: str) -> Exemplars:
    """Of what was ``drawn`` in a ``stage``: arrays of features and labels."""
    coordinates = job.features.view.rows(drawn["features"], drawn["label"])
    return Exemplars(coordinates, near.points_of(coordinates, job.features.rulers[group]), places, stage)


def bound(job: Job, leaf: Leaf, exemplars: Exemplars, name: str) -> None:
    """By how many grids each exemplar changes the bound, of each row to the nearest; and of each size the bound of the
    clusters.
    """
    rows, coordinates, arranged = in_order(job, leaf, job.features)
    constants = constants_of(job, rows, coordinates)
    weight, size = constants * rows.multiplicity, len(rows.numbers)
    _, change = near.nearest_of(arranged, exemplars.points, weight, job.grid, np.full(size, -1))
    nearest = job.folder.load(leaf.file(exemplars.drawn), "nearest")[0]["nearest"]
    nearest = np.broadcast_to(nearest, (len(exemplars.places), size))
    places = np.stack([place[own] for place, own in zip(exemplars.places, nearest)])
    whole = represented(job, leaf, coordinates, weight, exemplars.coordinates, places)
    changed = np.flatnonzero(change)
    arrays = {"place": changed, "change": change[changed]}
    job.folder.save(leaf.file(name), arrays, whole=whole, largest=float(constants.max()))


def represented(job: Job, leaf: Leaf, rows: Matrix, weight: np.ndarray, exemplars: Matrix, places: np.ndarray):
    """The bound, at each size, of rows (m, d') with this weight (m,), for which ``exemplars`` (r, d') stand.

    places  (s, m) int64 which of them, at each size
    """
    used, own = np.unique(places, return_inverse=True)
    both = stacked([rows, exemplars[used]])
    weight = np.concatenate([weight, np.zeros(len(used))])
    metric, themselves = job.features.rulers[leaf.group].metric, np.arange(len(used))
    return [
        assigned_loss(both, metric, rows.shape[0] + np.concatenate([each, themselves]), weight, job.grid)
        for each in own.reshape(places.shape)
    ]


def losses_of(job: Job, leaves: list[Leaf], ends: Sequence[int], name: str) -> tuple[list[np.ndarray], float]:
    """(at each size the (size,) bound of each prefix with counts, the last with those of the clusters; the largest
    constant)
    """
    changes, wholes, largest = np.zeros(ends[-1]), np.zeros(len(ends)), 0.0
    for leaf in leaves:
        saved, facts = job.folder.load(leaf.file(name))
        changes[saved["place"]] += saved["change"]
        wholes, largest = wholes + facts["whole"], max(largest, facts["largest"])
    curve, losses = np.cumsum(changes) * job.grid, []
    for end, whole in zip(ends, wholes.tolist()):
        losses.append(np.maximum(curve[:end], whole))
        losses[-1][-1] = whole
    return losses, largest
