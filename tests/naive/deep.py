"""Selecting at gradients, slow and obvious: sort and cut, row by row."""

import numpy as np


def strata(vectors, mass, parts):
    """The strata of ``vectors`` (n, q) as sets of rows, left to right."""
    return _cut(np.asarray(vectors, dtype=float), mass, np.arange(len(vectors)), parts)


def _cut(vectors, mass, rows, parts):
    if parts == 1:
        return [set(rows.tolist())]
    left = parts // 2
    centred = vectors[rows] - vectors[rows].mean(axis=0)
    direction = np.eye(vectors.shape[1])[np.argmax((centred**2).sum(axis=0))]
    for _ in range(4):
        direction = centred.T @ (centred @ direction)
        direction /= np.linalg.norm(direction)
    rows = rows[np.argsort(centred @ direction)]
    lower = np.cumsum(mass[rows]) <= mass[rows].sum() * left / parts
    middle = min(max(int(lower.sum()), left), len(rows) - (parts - left))
    return _cut(vectors, mass, rows[:middle], left) + _cut(vectors, mass, rows[middle:], parts - left)


def weights(drawn, strata_of_rows, mass, correction):
    """(r,) weights of mean 1 of the rows ``drawn``: 1 / p of each, in its class by their mean, to the power."""
    found = []
    for group in strata_of_rows:  # of each class
        ones = []
        for members in group:
            (row,) = [row for row in drawn if row in members]
            ones.append((row, sum(mass[i] for i in members) / mass[row]))
        total, size = sum(weight for _, weight in ones), sum(len(members) for members in group)
        found += [(row, (weight * size / total) ** correction) for row, weight in ones]
    mean = sum(weight for _, weight in found) / len(found)
    known = {row: weight / mean for row, weight in found}
    return np.array([known[row] for row in drawn])


def table(labels, classes, observed):
    """(n, q) p - y, and the epoch of each row's last visit, after the ``observed`` (epoch, rows, values)."""
    start, visited = np.full((len(labels), classes), 1.0 / classes), [-1] * len(labels)
    for row, label in enumerate(labels):
        start[row, label] -= 1.0
    for epoch, rows, values in observed:
        for row, value in zip(rows, values):
            start[row], visited[row] = value, epoch
    return start, np.array(visited)


def gradient_error(vectors, rows, counts):
    """|| sum_i g_i - sum_j counts_j g_j ||"""
    return float(np.linalg.norm(vectors.sum(axis=0) - counts @ vectors[rows]))
