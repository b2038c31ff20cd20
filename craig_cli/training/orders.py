"""Which row comes when in an epoch (sigma of equation 20), and how heavy rows are spread over it.

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


@dataclass(frozen=True)
class Visits:
    """rows (v,) int64, the rows in the order "cyclic" or "greedy" visits them; share (r,) = g_j / m_j.

    ``stiffest`` and ``mean_stiffness`` are of share_j * L_j over the visits, which set the step.
    """

    rows: np.ndarray
    share: np.ndarray
    stiffest: float
    mean_stiffness: float

    def __len__(self) -> int:
        return len(self.rows)


def plan_visits(gamma: np.ndarray, curvature: np.ndarray, split: bool, rank: np.ndarray | None = None) -> Visits:
    """The visits of an epoch; ``rank`` (r,) is the place of each row in it, None: as they come."""
    n_rows = len(gamma)
    stiffness = gamma * curvature
    mean = stiffness.mean()
    counts = np.ones(n_rows, dtype=np.int64)
    if split and mean > 0:
        counts = np.maximum(1, np.ceil(stiffness / (SPREAD * mean))).astype(np.int64)
    place = np.arange(n_rows) if rank is None else rank
    rows = np.repeat(np.arange(n_rows), counts)
    # The visits of one row are spread evenly over the epoch, each after the rows that come before it.
    turn = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    when = (place[rows] / n_rows + turn) / counts[rows]
    rows = rows[np.argsort(when, kind="stable")]
    share = gamma / counts
    stiffness = share * curvature
    return Visits(rows, share, float(stiffness.max()), float(stiffness[rows].mean()))


def epoch_order(order: str, visits: Visits, rng: np.random.Generator) -> np.ndarray:
    """The rows of one epoch, (v,) int64: shuffled, drawn ("replacement") or as planned."""
    if order == "shuffle":
        return rng.permutation(visits.rows)
    if order == "replacement":
        return visits.rows[rng.integers(len(visits), size=len(visits))]
    return visits.rows
