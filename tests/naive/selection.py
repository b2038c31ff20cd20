"""Selection, slow and obvious: the dense matrix, every gain anew in every round."""

import numpy as np


def distance_matrix(rows, metric="euclidean"):
    """(n, n) distances; rows of unit length for cosine."""
    gap = rows[:, None, :] - rows[None, :, :]
    if metric == "manhattan":
        return np.abs(gap).sum(axis=2)
    squares = (gap**2).sum(axis=2)
    return squares / 2 if metric == "cosine" else np.sqrt(squares)


def greedy(distances, budget, multiplicity=None):
    """(picks, gains) of naive greedy on L(S) = sum_i mult_i min_j d_ij; ties to the lower index."""
    n_rows = len(distances)
    multiplicity = np.ones(n_rows) if multiplicity is None else multiplicity
    picks, gains = [], []
    current = np.full(n_rows, np.inf)
    for _ in range(budget):
        if picks:
            gain = (multiplicity[:, None] * np.maximum(0, current[:, None] - distances)).sum(axis=0)
        else:  # the auxiliary element is infinitely far away: the first pick has the least total distance
            gain = -(multiplicity[:, None] * distances).sum(axis=0)
        gain[picks] = -np.inf
        best = int(np.argmax(gain))
        gains.append(gain[best] if picks else np.inf)
        picks.append(best)
        current = np.minimum(current, distances[:, best])
    return np.array(picks), np.array(gains)
