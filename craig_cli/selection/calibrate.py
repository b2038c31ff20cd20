"""Calibrated weights: moved as little as possible, so that known totals come out right.

    minimise  sum_j (g_j - gamma_j)^2 / gamma_j   subject to   sum_j g_j f_j = sum_i m_i f_i

and 1/3 <= g_j / gamma_j <= 3 (Deville and Saerndal 1992). f holds the class of the row, so the weights of a class keep
their sum, and its influence vector, so the weighted gradient at the model is the full one. The solution is
g_j = gamma_j clip(1 + <lambda, f_j>), with lambda from Newton's method on the dual. As many totals as picks can be
matched by accident and tell nothing, so only the leading directions are asked for, one for each PICKS_A_TOTAL picks;
what is left of them is reported.
"""

from __future__ import annotations

import numpy as np

LOWEST, HIGHEST = 1.0 / 3.0, 3.0
PICKS_A_TOTAL = 10
ROUNDS = 60
TOLERANCE = 1e-12


def calibrate(
    weights: np.ndarray, groups: np.ndarray, group_totals: np.ndarray, vectors: np.ndarray, totals: np.ndarray
) -> tuple[np.ndarray, float, int]:
    """(weights, error left over, totals asked for): new weights (r,), of ratio LOWEST to HIGHEST to the old ones.

    groups        (r,) int64, the class of each pick; group_totals (k,) what their weights are to sum to
    vectors       (r, q) influence vectors of the picks; totals (q,) their sum over all rows
    error left    norm of what is not matched of the totals asked for, relative to its norm before
    """
    directions = _leading(weights, vectors, max(0, len(weights) // PICKS_A_TOTAL - len(group_totals)))
    asked = np.column_stack([groups[:, None] == np.arange(len(group_totals)), vectors @ directions]).astype(np.float64)
    target = np.concatenate([group_totals, totals @ directions])
    # Each total in units of its own spread, so that one tolerance serves all.
    unit = np.sqrt(weights @ (asked * asked)) + 1e-300
    asked = asked / unit
    target = target / unit
    before = float(np.linalg.norm(target - weights @ asked))
    slope = np.zeros(asked.shape[1])
    best, least = weights, before
    for _ in range(ROUNDS):
        raw = 1.0 + asked @ slope
        current = weights * np.clip(raw, LOWEST, HIGHEST)
        gap = target - current @ asked
        size = float(np.linalg.norm(gap))
        if size < least:
            best, least = current, size
        if size <= TOLERANCE * np.linalg.norm(target):
            break
        free = (raw > LOWEST) & (raw < HIGHEST)
        matrix = (asked[free] * weights[free, None]).T @ asked[free]
        matrix[np.diag_indices(len(matrix))] += 1e-10 * max(np.trace(matrix) / len(matrix), 1e-300)
        slope = slope + np.linalg.solve(matrix, gap)
    # The class sums exactly, whatever is left of the rest.
    sums = np.bincount(groups, weights=best, minlength=len(group_totals))
    best = best * (group_totals / sums)[groups]
    return best, least / before if before > 0.0 else 0.0, asked.shape[1]


def _leading(weights: np.ndarray, vectors: np.ndarray, most: int) -> np.ndarray:
    """(q, at most ``most``) principal directions of the weighted vectors."""
    if most == 0:
        return np.zeros((vectors.shape[1], 0))
    values, directions = np.linalg.eigh((vectors * weights[:, None]).T @ vectors)
    keep = np.flatnonzero(values > 1e-12 * max(values[-1], 1e-300))[::-1][:most]
    return directions[:, keep]
