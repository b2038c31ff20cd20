"""The picks of all leaves of a class as one greedy order: what greedy in all blocks together would have picked.

The gains at which blocks end are not known before they are merged. A block that might have more picks above the gain at
which the budget ends goes deeper, to that gain; then nothing is missing.

As in memory (algorithms/partition.py), medoids, which have no gain, are ordered among themselves, and of too small a
budget for the blocks the picks come from a pool.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from craig_cli.selection.algorithms.partition import PartitionGreedy, in_order, pool_size
from craig_cli.selection.distances.space import Arrangement, Space
from craig_cli.streaming import near
from craig_cli.streaming.leaves import Job, Leaf
from craig_cli.streaming.view import Matrix

EXACT = 20_000  # points that exact greedy picks from; of more, greedy in blocks does

Deepen = Callable[[list[Leaf], float], None]


@dataclass(frozen=True)
class Blocks:
    """What the leaves of a class have picked so far.

    row, gain, block, leaf  (t,) of all picks, in the order of the leaves; the first pick of a block has the gain inf
    known                   (b,) by block: every pick of a higher gain is there, 0 where all are
    mass, leaf_of           (b,) by block: what its rows count, and its place in leaves
    rows                    different rows of the class
    """

    leaves: list[Leaf]
    row: np.ndarray
    gain: np.ndarray
    block: np.ndarray
    leaf: np.ndarray
    known: np.ndarray
    mass: np.ndarray
    leaf_of: np.ndarray
    rows: int


def read_blocks(job: Job, leaves: list[Leaf]) -> Blocks:
    parts: dict[str, list[np.ndarray]] = {key: [] for key in ("row", "gain", "block", "leaf", "known", "mass", "at")}
    n_blocks = rows = 0
    for place, leaf in enumerate(leaves):
        block, _ = job.folder.load(leaf.file("greedy"), "row", "gain", "block", "known", "mass", "order")
        rows += len(block.pop("order"))
        block["block"] = block["block"] + n_blocks
        n_blocks += len(block["mass"])
        block["leaf"] = np.full(len(block["row"]), place)
        block["at"] = np.full(len(block["mass"]), place)
        for key, arrays in parts.items():
            arrays.append(block[key])
    whole = {key: np.concatenate(arrays) for key, arrays in parts.items()}
    return Blocks(leaves, leaf_of=whole.pop("at"), rows=rows, **whole)


def merged(job: Job, leaves: list[Leaf], budget: int, deepen: Deepen, weights_of) -> dict[str, Any]:
    """The ``budget`` picks of a class in greedy order: row, leaf (its number), gain and coordinates.

    deepen      (leaves, gain): makes their picks be known down to that gain
    weights_of  (arrays of picks) -> (r,) what the rows nearest to each count
    """
    blocks = read_blocks(job, leaves)
    pool = pool_size(budget, len(blocks.mass), blocks.rows)
    while True:
        places, gains = _pool(blocks, pool) if pool else _ranked(job, blocks, budget)
        cut = float(gains.min()) if len(places) == (pool or budget) else 0.0
        shallow = np.unique(blocks.leaf_of[(blocks.known > 0.0) & (blocks.known >= cut)])
        if len(shallow) == 0:
            break
        deepen([leaves[place] for place in shallow], cut)
        blocks = read_blocks(job, leaves)
    arrays = _arrays(job, blocks, places, gains)
    if not pool:
        return arrays
    chosen, gains = _among(job, leaves[0].group, arrays["coordinates"], weights_of(arrays), budget)
    return {key: array[chosen] for key, array in arrays.items()} | {"gain": gains}


def above(job: Job, leaves: list[Leaf], depth: float, deepen: Deepen) -> tuple[dict[str, Any], bool]:
    """(picks of a class as ``merged`` has them, of a higher gain than ``depth`` or where that is 0 all; whether all)"""
    blocks = read_blocks(job, leaves)
    shallow = np.unique(blocks.leaf_of[blocks.known > depth])
    if len(shallow):
        deepen([leaves[place] for place in shallow], depth)
        blocks = read_blocks(job, leaves)
    places, gains = _ranked(job, blocks, len(blocks.row))
    size = int((gains > depth).sum()) if depth > 0.0 else len(gains)
    return _arrays(job, blocks, places[:size], gains[:size]), size == blocks.rows


def _arrays(job: Job, blocks: Blocks, places: np.ndarray, gains: np.ndarray) -> dict[str, Any]:
    return {
        "row": blocks.row[places],
        "leaf": np.array([leaf.number for leaf in blocks.leaves])[blocks.leaf[places]],
        "gain": gains,
        "coordinates": _coordinates(job, blocks, places),
    }


def _ranked(job: Job, blocks: Blocks, budget: int) -> tuple[np.ndarray, np.ndarray]:
    """(places, gains) of the first ``budget`` picks in greedy order."""
    is_medoid = np.isinf(blocks.gain)
    medoids, later = np.flatnonzero(is_medoid), np.flatnonzero(~is_medoid)
    ordered, medoid_gains = _among(
        job, blocks.leaves[0].group, _coordinates(job, blocks, medoids), blocks.mass, len(medoids)
    )
    first = np.zeros(len(medoids))
    follows = later[np.diff(blocks.block[later], prepend=-1) > 0]
    first[blocks.block[follows]] = blocks.gain[follows]
    order = np.concatenate([medoids, later])
    places, gains = in_order(ordered, medoid_gains, first, blocks.row[order], blocks.gain[later], budget)
    return order[places], gains


def _pool(blocks: Blocks, size: int) -> tuple[np.ndarray, np.ndarray]:
    """(places, gains) of the ``size`` picks of the highest gains, medoids first; in the order of their rows."""
    best = np.lexsort((blocks.row, -blocks.gain))[:size]
    best = best[np.argsort(blocks.row[best])]
    return best, blocks.gain[best]


def _coordinates(job: Job, blocks: Blocks, places: np.ndarray) -> Matrix:
    """(r, d') of the picks at these places, leaf by leaf."""
    starts = np.searchsorted(blocks.leaf, np.arange(len(blocks.leaves) + 1))
    coordinates = None
    of = blocks.leaf[places]
    for number, leaf in enumerate(blocks.leaves):
        wanted = np.flatnonzero(of == number)
        if len(wanted):
            part = job.folder.load(leaf.file("greedy"), "coordinates")[0]["coordinates"]
            coordinates = near.blank(len(places), part) if coordinates is None else coordinates
            coordinates = near.replaced(coordinates, wanted, part[places[wanted] - starts[number]])
    assert coordinates is not None
    return coordinates


def _among(job: Job, group: int, points: Matrix, weights: np.ndarray, budget: int) -> tuple[np.ndarray, np.ndarray]:
    """(places, gains) of ``budget`` of the ``points`` (m, d') that stand for ``weights`` (m,), in greedy order."""
    metric, total = job.rulers[group].metric, float(weights.sum())
    if len(weights) <= EXACT:
        return near.exact_greedy(points, metric, weights, budget)
    space = Space(Arrangement(points, metric, total, job.block), weights, job.block)
    blocks = PartitionGreedy(space, job.block)
    blocks.extend(budget)
    return blocks.picks, blocks.gains
