"""The tree that routes rows to leaves of nearby ones: each class of a sample is split in two along its main direction,
again and again, until a part stands for no more rows than a leaf is to have.

Where a row goes depends on the row alone, so a leaf is the same however the data is read. How many rows a leaf gets is
known when all have been routed; the sample makes it right to a tenth or so. Only rows that are all alike cannot be
split, and make a leaf that is too large (it is then worked on in runs of rows, see leaves.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from craig_cli.jit import njit
from craig_cli.selection.distances.bisection import SAMPLE, main_direction
from craig_cli.selection.distances.simd import dot


@dataclass(frozen=True)
class Tree:
    """roots (k,) of the classes; a node has a direction (d,), a threshold and two children; -1 - leaf is a leaf.

    classes (l,) int64, the class of each leaf
    """

    roots: np.ndarray
    directions: np.ndarray
    thresholds: np.ndarray
    children: np.ndarray
    classes: np.ndarray

    def leaves_of(self, rows: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """(m,) int64 leaf of each of the ``rows`` (m, d) float64, which are of these ``classes`` (m,) int64."""
        leaf = np.empty(len(rows), dtype=np.int64)
        _route(rows, classes, self.roots, self.directions, self.thresholds, self.children, leaf)
        return leaf


def grow(sample: np.ndarray, classes: np.ndarray, leaves: list[int]) -> Tree:
    """The tree of the ``sample`` (s, d) float64, of these ``classes`` (s,), with about ``leaves`` in each class."""
    directions: list[np.ndarray] = []
    thresholds: list[float] = []
    children: list[list[int]] = []
    classes_of: list[int] = []

    def grown(members: np.ndarray, count: int, number: int) -> int:
        cut = _cut(sample, members, count) if count > 1 else None
        if cut is None:
            classes_of.append(number)
            return -len(classes_of)
        node = len(thresholds)
        direction, threshold, left, right = cut
        directions.append(direction)
        thresholds.append(threshold)
        children.append([0, 0])
        children[node] = [grown(left, count // 2, number), grown(right, count - count // 2, number)]
        return node

    roots = [grown(np.flatnonzero(classes == number), count, number) for number, count in enumerate(leaves)]
    return Tree(
        np.array(roots, dtype=np.int64),
        np.array(directions).reshape(-1, sample.shape[1]),
        np.array(thresholds),
        np.array(children, dtype=np.int64).reshape(-1, 2),
        np.array(classes_of, dtype=np.int64),
    )


def _cut(sample: np.ndarray, members: np.ndarray, count: int):
    """(direction, threshold, left, right) of a part that is to become ``count`` leaves; None where all are alike."""
    direction, keys = np.empty(sample.shape[1]), np.empty(len(members))
    if len(members) < 2 or not _project(sample, members, direction, keys):
        return None
    ordered = np.sort(keys)
    threshold = ordered[max(0, len(keys) * (count // 2) // count - 1)]
    if threshold == ordered[-1]:  # of what is alike no part goes to the right
        threshold = ordered[np.searchsorted(ordered, threshold) - 1]
    left = keys <= threshold
    if left.all() or not left.any():
        return None
    return direction, float(threshold), members[left], members[~left]


@njit
def _project(rows, members, direction, keys):
    """Main direction of the rows ``members`` and <row, direction> of each; False where they are all alike."""
    copies = np.empty((min(SAMPLE, len(rows)), rows.shape[1]))
    if not main_direction(rows, members, 0, len(members), direction, copies):
        return False
    for t in range(len(members)):
        keys[t] = dot(rows[members[t]], direction)
    return True


@njit
def _route(rows, classes, roots, directions, thresholds, children, leaf):
    for i in range(len(rows)):
        node = roots[classes[i]]
        while node >= 0:
            right = dot(rows[i], directions[node]) > thresholds[node]
            node = children[node, 1 if right else 0]
        leaf[i] = -1 - node
