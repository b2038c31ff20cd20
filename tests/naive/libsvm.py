"""LIBSVM text read the slow and obvious way, a line at a time, with ``float`` and ``int``."""

from __future__ import annotations

import re

import numpy as np

NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


class Refused(ValueError):
    """Not LIBSVM text, in line ``args[0]`` (from 1)."""


def number(text: str) -> float:
    if not NUMBER.fullmatch(text) or abs(float(text)) == float("inf"):
        raise ValueError(text)
    return float(text)


def read(text: bytes) -> tuple[np.ndarray, list[dict[int, float]], np.ndarray]:
    """(labels, rows, weights): each row a dict from index, as written, to value, in the order of the indices."""
    labels, rows, weights = [], [], []
    for count, line in enumerate(text.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        words = re.split("[ \t\r]+", line.split(b"#")[0].decode("latin-1").strip(" \t\r"))
        if words == [""]:
            continue
        row = {}
        try:
            label, colon, weight = words[0].partition(":")
            label, weight = number(label), number(weight) if colon else 1.0
            if weight <= 0:
                raise ValueError(words[0])
            for word in words[1:]:
                if word.startswith("qid:"):
                    continue
                index, value = word.split(":")
                if not re.fullmatch("[0-9]+", index) or int(index) > 2**31 - 1 or int(index) in row:
                    raise ValueError(word)
                row[int(index)] = float("nan") if value.lower() == "nan" else number(value)
        except ValueError:
            raise Refused(count) from None
        labels.append(label)
        weights.append(weight)
        rows.append(dict(sorted(row.items())))
    return np.array(labels), rows, np.array(weights)


def dense(rows: list[dict[int, float]], zero_based: bool | None = None) -> np.ndarray:
    """(n, d) float64 of such rows; one-based unless ``zero_based`` or some index is 0."""
    lowest = 0 if zero_based or any(0 in row for row in rows) else 1
    width = max((max(row) for row in rows if row), default=-1) + 1 - lowest
    matrix = np.zeros((len(rows), width))
    for i, row in enumerate(rows):
        for index, value in row.items():
            matrix[i, index - lowest] = value
    return filled(matrix)


def filled(matrix: np.ndarray) -> np.ndarray:
    """A missing value is the mean of its column, and 1 in a column of its own at the end."""
    more = []
    for column in range(matrix.shape[1]):
        missing = np.isnan(matrix[:, column])
        if missing.any():
            there = matrix[~missing, column]
            matrix[missing, column] = there.sum() / len(there) if len(there) else 0.0
            more.append(missing.astype(float))
    return np.column_stack([matrix, *more]) if more else matrix
