"""Selection, slow and obvious: the dense matrix, every gain anew in every round."""

import numpy as np

DISTANCES = {
    "euclidean": lambda differences: np.sqrt((differences**2).sum(axis=-1)),
    "cosine": lambda differences: (differences**2).sum(axis=-1) / 2,
    "manhattan": lambda differences: np.abs(differences).sum(axis=-1),
    "chebyshev": lambda differences: np.abs(differences).max(axis=-1),
}


def prepared(rows, metric):
    """What distances are of: for cosine rows of unit length."""
    return rows / np.linalg.norm(rows, axis=1, keepdims=True) if metric == "cosine" else rows


def distance_matrix(rows, metric="euclidean"):
    """(n, n) distances of prepared rows."""
    return DISTANCES[metric](rows[:, None, :] - rows[None, :, :])


def greedy(distances, budget, multiplicity=None):
    """(picks, gains) of naive greedy on L(S) = sum_i mult_i min_j d_ij; ties to the lower index."""
    n_rows = len(distances)
    multiplicity = np.ones(n_rows) if multiplicity is None else multiplicity
    picks, gains = [], []
    current = np.full(n_rows, np.inf)
    for _ in range(budget):
        if picks:
            gain = multiplicity @ np.maximum(0, current[:, None] - distances)
        else:  # the auxiliary element is infinitely far away: the first pick has the least total distance
            gain = -(multiplicity @ distances)
        gain[picks] = -np.inf
        best = int(np.argmax(gain))
        gains.append(gain[best] if picks else np.inf)
        picks.append(best)
        current = np.minimum(current, distances[:, best])
    return np.array(picks), np.array(gains)


def to_nearest(rows, picks, metric="euclidean"):
    """(n,) distance of each of the ``rows`` (n, d) to the nearest of the ``picks`` (r, d)."""
    return DISTANCES[metric](rows[:, None, :] - picks[None, :, :]).min(axis=1)
