"""Work on one leaf where one row is drawn from each of as many strata of equal mass as there are picks.

mass     what the rows of the leaf weigh, by which leaves share the picks of their class
stratum  strata of the leaf's rows, as those of selection/algorithms/strata.py, and the bound of their rows

The tree cuts a class along its main directions, as the strata of all its rows begin: those of a leaf are some of them.
"""

from __future__ import annotations

import numpy as np

from craig_cli.selection.algorithms.strata import LEVERAGE, Strata, masses
from craig_cli.selection.distances.space import Arrangement, Space
from craig_cli.streaming.leaves import Job, Leaf, Rows, constants_of, read_rows
from craig_cli.streaming.view import routed_by


def _masses(job: Job, leaf: Leaf, rows: Rows, vectors: np.ndarray, means: np.ndarray) -> np.ndarray:
    """(m,) by the norms of the vectors at a model, of which ``means`` (k,) are those of each class."""
    if job.beside is None:
        return rows.multiplicity
    return masses(vectors, rows.multiplicity, LEVERAGE, float(means[leaf.group]))


def mass(job: Job, leaf: Leaf, means: np.ndarray, name: str) -> None:
    rows = read_rows(job, leaf)
    total = float(_masses(job, leaf, rows, routed_by(rows.seen(job.search)), means).sum())
    job.folder.save(leaf.file(name), {}, mass=total)


def stratum(job: Job, leaf: Leaf, means: np.ndarray, quotas: dict[int, int], seed: int, name: str) -> None:
    """The rows that are drawn, in the order of their strata, with weights, and what the strata count.

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
    }
    job.folder.save(leaf.file(name), arrays, whole=float(losses[-1]), largest=float(constants.max()))
