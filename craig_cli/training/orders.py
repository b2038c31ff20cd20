"""Which row comes when in an epoch (sigma of equation 20), and how heavy rows are spread over it.

Reading rows all over memory takes three times as long as reading them in order, so the rows are put into
the order they are wanted in once, before training (``arrange``): "greedy" by rank, "shuffle" at random. An
epoch of "shuffle" then takes blocks of 32 neighbours in a new random order, and the rows of a block in a
new order of their own. Data that fits the processor's cache is shuffled row by row each time.

A step along g_j grad f_j must not exceed what that row's curvature allows, so one heavy or long row would
force a tiny step on all. Here such a row is visited m_j times an epoch with a share g_j / m_j of its weight:

    m_j = ceil(g_j L_j / (SPREAD * mean_i g_i L_i))

An epoch grows by a factor of at most 1 + 1/SPREAD, the sum of the parts is the same objective, and no visit
is stiffer than SPREAD times the mean. For saga and svrg that is sampling by importance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SPREAD = 3.0
_CACHE = 4 << 20


@dataclass(frozen=True)
class Visits:
    """rows (v,) int64, the rows in the order "cyclic" or "greedy" visits them; share (r,) = g_j / m_j;
    extra (v - r,) int64, the visits beyond the first of each row.

    ``stiffest`` and ``mean_stiffness`` are of share_j * L_j over the visits, which set the step.
    """

    rows: np.ndarray
    share: np.ndarray
    extra: np.ndarray
    stiffest: float
    mean_stiffness: float

    def __len__(self) -> int:
        return len(self.rows)


def arrange(order: str, n_rows: int, rank: np.ndarray | None, rng: np.random.Generator) -> np.ndarray | None:
    """The order in which to put the rows into memory; None to leave them. ``rank`` (r,) is for "greedy"."""
    if order == "shuffle":
        return rng.permutation(n_rows)
    if order != "greedy":
        return None
    assert rank is not None
    return np.argsort(rank, kind="stable")


def plan_visits(gamma: np.ndarray, curvature: np.ndarray, split: bool) -> Visits:
    """The visits of an epoch."""
    n_rows = len(gamma)
    stiffness = gamma * curvature
    mean = stiffness.mean()
    counts = np.ones(n_rows, dtype=np.int64)
    if split and mean > 0:
        counts = np.maximum(1, np.ceil(stiffness / (SPREAD * mean))).astype(np.int64)
    rows = np.repeat(np.arange(n_rows), counts)
    # The visits of one row are spread evenly over the epoch, each after the rows that come before it.
    turn = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    when = (rows / n_rows + turn) / counts[rows]
    extra = rows[turn > 0]
    rows = rows[np.argsort(when, kind="stable")]
    share = gamma / counts
    stiffness = share * curvature
    return Visits(rows, share, extra, float(stiffness.max()), float(stiffness[rows].mean()))


def epoch_order(order: str, visits: Visits, rng: np.random.Generator, block: int = 1) -> np.ndarray:
    """The rows of one epoch, (v,) int64: shuffled in blocks of ``block`` rows (a power of 2), drawn, or as
    planned."""
    if order == "replacement":
        return visits.rows[rng.integers(len(visits), size=len(visits))]
    if order != "shuffle":
        return visits.rows
    if block == 1:
        return rng.permutation(visits.rows)
    n_rows = len(visits.share)
    n_blocks = -(-n_rows // block)
    # Within a block: i -> (odd * i + offset) mod block, which is a permutation of it.
    odd = 2 * rng.integers(block // 2, size=n_blocks) + 1
    offset = rng.integers(block, size=n_blocks)
    within = (odd[:, None] * np.arange(block) + offset[:, None]) & (block - 1)
    rows: np.ndarray = (rng.permutation(n_blocks)[:, None] * block + within).ravel()
    rows = rows[rows < n_rows]
    if len(visits.extra) == 0:
        return rows
    # The extra visits come at even distances between them.
    visited = np.empty(len(visits), dtype=np.int64)
    positions = np.arange(len(visits.extra)) * len(visits) // len(visits.extra)
    is_extra = np.zeros(len(visits), dtype=bool)
    is_extra[positions] = True
    visited[is_extra] = rng.permutation(visits.extra)
    visited[~is_extra] = rows
    return visited


def draw_epoch(visits: Visits, size: int, rng: np.random.Generator) -> np.ndarray:
    """The rows of an epoch on a subset drawn for it alone, (size,) int64: uniform, without replacement.

    Every row stands for n / size rows, so a step along share_j grad f_j is what it is in an epoch of all of them.
    """
    return rng.choice(visits.rows, size, replace=False)


def block_of(data_bytes: int) -> int:
    """Rows of a block for data of this size."""
    return 1 if data_bytes <= _CACHE else 32
