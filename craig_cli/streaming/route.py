"""The second pass over the data: every row to its leaf, written to the scratch folder in runs.

A run is what fits the memory: rows that follow each other, sorted by their leaves, a record batch for each leaf. The
rows of a leaf, run after run, are in the order of the data, however large the runs were.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from craig_cli.formats.arrow import to_arrow
from craig_cli.formats.pieces import Piece, Pieces
from craig_cli.formats.pipeline import Workers
from craig_cli.selection.bounds import row_norms
from craig_cli.streaming.scratch import Scratch, rows_to_arrow
from craig_cli.streaming.tree import Tree
from craig_cli.streaming.view import View

RUN = "run-"


@dataclass(frozen=True)
class Router:
    """Where rows go.

    references  (k, d') a point of each class, from which its diameter is measured
    code_of     (piece) -> (m,) int64 class of each row
    """

    view: View
    tree: Tree
    references: np.ndarray
    code_of: Callable[[Piece], np.ndarray]

    def __call__(self, piece: Piece) -> tuple[Piece, np.ndarray, np.ndarray, float]:
        """(the piece, leaf of each row, what the diameter of each class is judged by, the greatest norm of a row)"""
        rows, classes = self.view.rows(piece.features, piece.labels), self.code_of(piece)
        farthest = np.zeros(len(self.references))
        np.maximum.at(farthest, classes, self.view.metric.sums(rows - self.references[classes]))
        largest = float(row_norms(rows[:, : piece.features.shape[1]]).max())
        return piece, self.tree.leaves_of(rows, classes), farthest, largest


class _Run:
    """Rows that wait to be written; as many as fit ``room`` rows."""

    def __init__(self, room: int, width: int, dtype: np.dtype, extras: tuple[str, ...]) -> None:
        self.features = np.empty((room, width), dtype=dtype)
        self.leaf = np.empty(room, dtype=np.int64)
        self.extras = {name: np.empty(room) for name in extras}
        self.first = self.filled = 0
        self.farthest: np.ndarray | float = 0.0
        self.largest = 0.0

    def append(self, piece: Piece, leaf: np.ndarray, farthest: np.ndarray, largest: float) -> None:
        if self.filled == 0:
            self.first, self.farthest, self.largest = piece.first, 0.0, 0.0
        place = slice(self.filled, self.filled + len(leaf))
        self.features[place], self.leaf[place] = piece.features, leaf
        for name, values in self.extras.items():
            values[place] = piece.labels if name == "label" else 1.0 if piece.weight is None else piece.weight
        self.farthest, self.largest = np.maximum(self.farthest, farthest), max(self.largest, largest)
        self.filled += len(leaf)

    def write(self, scratch: Scratch) -> None:
        order = np.argsort(self.leaf[: self.filled], kind="stable")
        leaves, starts = np.unique(self.leaf[order], return_index=True)
        ends = [*starts[1:].tolist(), self.filled]

        def batch(start: int, end: int) -> dict[str, pa.Array]:
            rows = order[start:end]
            extras = {name: to_arrow(values[rows]) for name, values in self.extras.items()}
            return {"row": to_arrow(self.first + rows), "features": rows_to_arrow(self.features[rows]), **extras}

        facts = {
            "first": self.first,
            "end": self.first + self.filled,
            "leaves": leaves.tolist(),
            "sizes": (np.array(ends) - starts).tolist(),
            "farthest": np.atleast_1d(self.farthest).tolist(),
            "largest": self.largest,
        }
        batches = (batch(start, end) for start, end in zip(starts.tolist(), ends))
        schema = pa.schema([(name, column.type) for name, column in batch(0, 0).items()])
        scratch.write(f"{RUN}{self.first:015d}", batches, schema, facts)
        self.filled = 0


def row_bytes(width: int, dtype: np.dtype, extras: tuple[str, ...]) -> int:
    """Of a row that waits."""
    return width * dtype.itemsize + 24 + 8 * len(extras)


def route(pieces: Pieces, router: Router, scratch: Scratch, span, *, labels, dtype, extras, memory, threads, progress):
    """Write the runs of the rows ``span``, (start, stop), with ``memory`` bytes for those that wait."""
    run, (start, stop) = None, span
    with Workers(threads) as workers:
        for piece, leaf, farthest, largest in workers.map(router, pieces(start, labels, stop)):
            if run is None:
                width = piece.features.shape[1]
                room = int(memory / row_bytes(width, dtype, extras))
                run = _Run(max(room, len(piece.labels)), width, dtype, extras)
            if run.filled + len(piece.labels) > len(run.leaf):
                run.write(scratch)
            run.append(piece, leaf, farthest, largest)
            progress(len(piece.labels))
    if run is not None and run.filled:
        run.write(scratch)


def missing(scratch: Scratch, n_rows: int) -> list[tuple[int, int]]:
    """(start, stop) of the rows that are in no run of ``scratch`` yet."""
    gaps, first = [], 0
    for start, end in [(facts["first"], facts["end"]) for facts in run_facts(scratch).values()] + [(n_rows, n_rows)]:
        if first < start:
            gaps.append((first, start))
        first = end
    return gaps


def run_facts(scratch: Scratch) -> dict[str, dict]:
    """Name of each run, in the order of the rows -> what is in it."""
    found = {}
    for name in scratch.names(RUN):
        with scratch.open(name) as (_, facts):
            found[name] = facts
    return found
