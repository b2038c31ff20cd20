"""The second pass over the data: every row to its leaf, written to the scratch folder in runs.

A run is what fits the memory: rows that follow each other, sorted by their leaves, a record batch for each leaf. The
rows of a leaf, run after run, are in the order of the data, however large the runs were.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from craig_cli.dataset import is_csr, stacked
from craig_cli.formats.arrow import to_arrow
from craig_cli.formats.pieces import Piece, Pieces
from craig_cli.formats.pipeline import Workers
from craig_cli.scaling import CHUNK
from craig_cli.selection.bounds import row_norms
from craig_cli.selection.distances.inverted_index import row_sums
from craig_cli.streaming.frame import Frame, Space
from craig_cli.streaming.rough import Rough
from craig_cli.streaming.scratch import Scratch, rows_to_arrow
from craig_cli.streaming.view import Matrix, routed_by

RUN = "run-"


@dataclass
class Extent:
    """Of the rows of a run.

    farthest, by_features  (k,) what the diameter of each class is judged by where rows are searched, and by features
    largest                the greatest norm of a row
    pulls                  of each piece (k, 4) sums over its rows of each class at a model: of the norms of their
                           influence vectors, of what those are times what the row counts, of the squares likewise, and
                           of the norms of the rows where they are searched
    """

    farthest: np.ndarray
    by_features: np.ndarray
    largest: float
    pulls: list[list]

    def add(self, other: Extent) -> None:
        self.farthest = np.maximum(self.farthest, other.farthest)
        self.by_features = np.maximum(self.by_features, other.by_features)
        self.largest = max(self.largest, other.largest)
        self.pulls += other.pulls

    def facts(self) -> dict:
        extents = {"farthest": self.farthest.tolist(), "by_features": self.by_features.tolist()}
        return {**extents, "largest": self.largest, "pulls": self.pulls}


@dataclass(frozen=True)
class Router:
    """Where rows go, by what is known before."""

    frame: Frame

    def __call__(self, piece: Piece) -> tuple[Piece, np.ndarray, Extent]:
        """(the piece, leaf of each row, what is to be known of them)"""
        frame = self.frame
        classes, labels = frame.codes(piece), frame.labels_of(piece)
        rows = near = frame.features.view.rows(piece.features, labels)
        largest = float(row_norms(rows[:, : piece.features.shape[1]]).max())
        by_features = _farthest(frame.features, rows, classes)
        extent = Extent(by_features, by_features, largest, [])
        if isinstance(frame.search.view, Rough):
            near, squares = frame.search.view.seen(piece.features, labels)
            counts = np.ones(len(classes)) if piece.weight is None else piece.weight
            norms, of_rows = np.sqrt(squares), np.sqrt(np.einsum("ij,ij->i", near, near))
            sums = (norms, norms * counts, squares * counts, of_rows)
            pulls = np.column_stack([np.bincount(classes, each, len(frame.values)) for each in sums])
            extent = Extent(_farthest(frame.search, near, classes), by_features, largest, [pulls.tolist()])
        return piece, frame.tree.leaves_of(routed_by(near), classes), extent


def _farthest(space: Space, rows: Matrix, classes: np.ndarray) -> np.ndarray:
    farthest = np.zeros(len(space.references))
    if is_csr(rows):
        np.maximum.at(farthest, classes, row_sums(rows, space.view.metric))
        return farthest
    for start in range(0, len(rows), CHUNK):
        part = slice(start, start + CHUNK)
        np.maximum.at(farthest, classes[part], space.view.metric.sums(rows[part] - space.references[classes[part]]))
    return farthest


class _Dense:
    """Features of the rows that wait."""

    def __init__(self, room: int, width: int, dtype: np.dtype) -> None:
        self.array = np.empty((room, width), dtype=dtype)

    def fit(self, features: np.ndarray) -> bool:
        """Whether there is room for these, with as many rows as there is room for."""
        return True

    def append(self, first: int, features: np.ndarray) -> None:
        self.array[first : first + len(features)] = features

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Those of ``rows``, ascending."""
        return self.array[rows]

    def clear(self) -> None:
        pass


class _Sparse:
    """The same of sparse rows, in parts as they were read, up to ``memory`` bytes."""

    def __init__(self, memory: float) -> None:
        self.memory = memory
        self.clear()

    def fit(self, features: sp.csr_matrix) -> bool:
        return sum(map(_bytes_of, [*self.parts, features])) <= self.memory

    def append(self, first: int, features: sp.csr_matrix) -> None:
        self.parts.append(features)
        self.starts.append(first)

    def take(self, rows: np.ndarray) -> sp.csr_matrix:
        cuts = [*np.searchsorted(rows, self.starts).tolist(), len(rows)]
        some = zip(self.parts, self.starts, cuts, cuts[1:])
        found = [part[rows[begin:end] - start] for part, start, begin, end in some if begin < end]
        return stacked(found or [self.parts[0][:0]])

    def lengths(self) -> np.ndarray:
        """(m,) int64 numbers, and one more, of each row."""
        return np.concatenate([np.diff(part.indptr) for part in self.parts]).astype(np.int64) + 1

    def clear(self) -> None:
        self.parts: list[sp.csr_matrix] = []
        self.starts: list[int] = []


def _bytes_of(rows: sp.csr_matrix) -> int:
    return rows.data.nbytes + rows.indices.nbytes + 24 * rows.shape[0]


class _Run:
    """Rows that wait to be written; as many as fit ``room`` rows and ``features``."""

    def __init__(self, room: int, features: _Dense | _Sparse, extras: tuple[str, ...]) -> None:
        self.features = features
        self.leaf = np.empty(room, dtype=np.int64)
        self.extras = {name: np.empty(room) for name in extras}
        self.first = self.filled = 0
        self.extent: Extent | None = None

    def fit(self, piece: Piece) -> bool:
        return self.filled + len(piece.labels) <= len(self.leaf) and self.features.fit(piece.features)

    def append(self, piece: Piece, leaf: np.ndarray, extent: Extent) -> None:
        if self.filled == 0 or self.extent is None:
            self.first, self.extent = piece.first, extent
        else:
            self.extent.add(extent)
        place = slice(self.filled, self.filled + len(leaf))
        self.features.append(self.filled, piece.features)
        self.leaf[place] = leaf
        for name, values in self.extras.items():
            values[place] = piece.labels if name == "label" else 1.0 if piece.weight is None else piece.weight
        self.filled += len(leaf)

    def write(self, scratch: Scratch) -> None:
        order = np.argsort(self.leaf[: self.filled], kind="stable")
        leaves, starts = np.unique(self.leaf[order], return_index=True)
        ends = [*starts[1:].tolist(), self.filled]

        def batch(start: int, end: int) -> dict[str, pa.Array]:
            rows = order[start:end]
            extras = {name: to_arrow(values[rows]) for name, values in self.extras.items()}
            return {"row": to_arrow(self.first + rows), "features": rows_to_arrow(self.features.take(rows)), **extras}

        assert self.extent is not None
        facts = {
            "first": self.first,
            "end": self.first + self.filled,
            "leaves": leaves.tolist(),
            "sizes": (np.array(ends) - starts).tolist(),
            **self.extent.facts(),
        }
        if isinstance(self.features, _Sparse):
            long = self.features.lengths()[order]
            facts["numbers"] = np.add.reduceat(long, starts).tolist()
        batches = (batch(start, end) for start, end in zip(starts.tolist(), ends))
        schema = pa.schema([(name, column.type) for name, column in batch(0, 0).items()])
        scratch.write(f"{RUN}{self.first:015d}", batches, schema, facts)
        self.filled = 0
        self.features.clear()


def row_bytes(width: int, dtype: np.dtype, extras: tuple[str, ...]) -> int:
    """Of a row that waits."""
    return width * dtype.itemsize + 24 + 8 * len(extras)


def route(pieces: Pieces, router: Router, scratch: Scratch, span, *, labels, dtype, extras, memory, threads, progress):
    """Write the runs of the rows ``span``, (start, stop), with ``memory`` bytes for those that wait."""
    run, (start, stop) = None, span
    with Workers(threads) as workers:
        for piece, leaf, extent in pieces.each(router, workers, start, labels, stop):
            if run is None:
                sparse, width = is_csr(piece.features), piece.features.shape[1]
                room = max(int(memory / row_bytes(0 if sparse else width, dtype, extras)), len(piece.labels))
                run = _Run(room, _Sparse(memory) if sparse else _Dense(room, width, dtype), extras)
            if run.filled and not run.fit(piece):
                run.write(scratch)
            run.append(piece, leaf, extent)
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
    runs = {}
    for name in scratch.names(RUN):
        with scratch.open(name) as (_, facts):
            runs[name] = facts
    return runs


def pulls_of(scratch: Scratch) -> np.ndarray:
    """(k, 4) the ``pulls`` of all rows, added piece by piece in their order, whatever the runs were."""
    pulls = [each for facts in run_facts(scratch).values() for each in facts["pulls"]]
    return np.add.reduce(np.array(pulls), axis=0)
