"""Labels as trainers want them: each function takes the classes, ascending, and gives a number for each."""

from __future__ import annotations

import numpy as np

from craig_cli.errors import DataError

# A single label can only be one of these pairs; of other pairs it could be either.
_PAIRS = ((-1.0, 1.0), (0.0, 1.0))
MOST_CLASSES = 1000


def from_zero(classes: np.ndarray) -> np.ndarray:
    """0 and 1 of two classes; of more 0 .. k-1, or as they are where they are such numbers."""
    return _numbered(classes, (0.0, 1.0), 0)


def minus_one_or_from_one(classes: np.ndarray) -> np.ndarray:
    """-1 and 1 of two classes; of more 1 .. k, or as they are where they are such numbers."""
    return _numbered(classes, (-1.0, 1.0), 1)


def _numbered(classes: np.ndarray, pair: tuple[float, float], first: int) -> np.ndarray:
    for known in _PAIRS:
        if np.isin(classes, known).all():
            return np.array(pair)[np.searchsorted(known, classes)]
    if len(classes) == 1:
        raise DataError(f"expected labels of at least two classes to number, found only {classes[0]:g}")
    if len(classes) == 2:
        return np.array(pair)
    # Numbers that will do are kept: a test file that lacks a class is then numbered as the training file.
    whole = (classes == np.rint(classes)).all()
    if whole and classes[0] >= first and classes[-1] < first + MOST_CLASSES:
        return classes
    return np.arange(first, first + len(classes), dtype=np.float64)
