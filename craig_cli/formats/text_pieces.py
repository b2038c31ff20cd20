"""LIBSVM text piece by piece for ``select --stream``, as ``formats.pieces`` has Parquet files."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import scipy.sparse as sp

from craig_cli.dataset import Dataset, Source, is_csr
from craig_cli.errors import UsageError
from craig_cli.formats import addresses, opened, particular_of, weight_file
from craig_cli.formats.choose import Asked, Chosen
from craig_cli.formats.content import STDIN
from craig_cli.formats.folders import expand
from craig_cli.formats.libsvm_pieces import Log, Mark
from craig_cli.formats.libsvm_pieces import pieces as dataset_pieces
from craig_cli.formats.parts import DENSE_CELLS_PER_NONZERO
from craig_cli.formats.pieces import ONCE_ONLY, Piece, Pieces
from craig_cli.formats.pipeline import Workers, cores
from craig_cli.formats.restart import NotInPieces, ZeroBased
from craig_cli.formats.state import State
from craig_cli.tables.fingerprint import Fingerprint
from craig_cli.tables.storage import NUMBER


@dataclass(frozen=True)
class TextPieces(Pieces):
    """LIBSVM files that were read once, so that all there is to know of them is known.

    of_text   the inputs, with fingerprints; marks: where passes can begin
    weighted  whether any row has a weight; weights: the file of those, where there is one
    columns   number of features; zero_based: whether they count from 0
    nonzeros  of all rows, where those are sparse, else None
    """

    of_text: tuple[Source, ...]
    marks: tuple[Mark, ...]
    weighted: bool
    weights: State | None
    columns: int
    zero_based: bool | None
    nonzeros: int | None = None

    @property
    def n_rows(self) -> int:
        return sum(source.rows for source in self.of_text)

    @property
    def shown(self) -> str:
        return self.of_text[0].name

    @property
    def number_bytes(self) -> int:
        return 8

    @property
    def width(self) -> int:
        return self.columns

    @property
    def is_sparse(self) -> bool:
        return self.nonzeros is not None

    @property
    def numbers(self) -> int:
        return self.columns if self.nonzeros is None else -(-3 * self.nonzeros // (2 * self.n_rows)) + 1

    def sources(self, contents: Mapping[int, Fingerprint]) -> tuple[Source, ...]:
        return self.of_text

    def groups(self) -> list[int]:
        """The first row of each mark: what is compressed is read by one worker."""
        return [mark.row for mark in self.marks]

    def from_anywhere(self) -> Pieces:
        weights = None if self.weights is None else self.weights.from_anywhere()
        return replace(self, states=[state.from_anywhere() for state in self.states], weights=weights)

    def each(self, function, workers: Workers, start: int = 0, labels=None, stop: int | None = None):
        return workers.map(function, self._pieces(start, self.n_rows if stop is None else stop, workers.threads))

    def _pieces(self, start: int, stop: int, threads: int) -> Iterator[Piece]:
        """Those that begin from row ``start`` to row ``stop``. Raises DataError for an input that was changed."""
        mark = self.marks[bisect_right(self.marks, start, key=lambda mark: mark.row) - 1]
        first, widths = mark.row, [1] * len(self.chosen.features)
        self._check_all()
        with opened([state.path for state in self.states[mark.number :]], "libsvm") as (_, contents, _):
            read = dataset_pieces(
                contents, threads=threads, zero_based=self.zero_based, n_features=self.columns, mark=mark
            )
            for piece in read if self.weights is None else weight_file.weighted(read, self.weights.path, first):
                if first >= stop:
                    break
                if first >= start:
                    yield self._of_dataset(piece, first, widths)
                first += piece.n_rows
        self._check_all()

    def _check_all(self) -> None:
        for source, state in zip(self.of_text, self.states):
            self._check(source.name, state)
        if self.weights is not None:
            self._check(addresses.shown(self.weights.path), self.weights)

    def _of_dataset(self, piece: Dataset, first: int, widths: list[int]) -> Piece:
        begins = np.cumsum([0, *(source.rows for source in self.of_text)])
        number = int(np.searchsorted(begins, first, "right")) - 1
        features = piece.features
        if self.is_sparse:
            features = sp.csr_matrix(features)
        elif is_csr(features):
            features = features.toarray()
        weight = piece.counts if self.weighted else None
        return Piece(first, features, piece.labels, None, weight, widths, (number, first - int(begins[number])), {})


@dataclass
class _Count:
    """What the first pass over the text shows."""

    width: int = 0
    nonzeros: int = 0
    any_weights: bool = False

    def add(self, piece: Dataset) -> None:
        self.width = max(self.width, piece.n_features)
        self.nonzeros += piece.features.nnz if is_csr(piece.features) else int(np.count_nonzero(piece.features))
        self.any_weights |= piece.multiplicity is not None


def open_text(paths: Sequence[str], **reading) -> TextPieces | None:
    """The LIBSVM files ``paths``, read once to count what is in them; None where they are tables.

    reading  as ``formats.read_dataset`` takes it. Raises UsageError for what only reading into memory can do.
    """
    with opened(paths, reading.get("format")) as (kind, _, shown):
        if kind != "libsvm":
            return None
        weights = check_text(paths, shown, reading)
    states = [State.of(path) for path, *_ in expand(paths)]
    threads = reading.get("threads") or cores()
    counted = partial(_counted, paths, reading.get("format"), threads)
    try:
        count, log = counted(reading.get("zero_based"))
    except ZeroBased:
        count, log = counted(True)
    except NotInPieces as error:
        raise UsageError(f"{shown}: --stream takes no missing values so far, found nan") from error
    n_rows = sum(source.rows for source in log.sources)
    sparse = n_rows * count.width > DENSE_CELLS_PER_NONZERO * count.nonzeros
    names = [] if sparse else [str(number + 1) for number in range(count.width)]
    chosen = Chosen(names, dict.fromkeys(names, NUMBER), None, None, {}, {}, log.notes)
    text = tuple(log.sources), tuple(log.marks)
    weighting = count.any_weights or weights is not None, weights
    nonzeros = count.nonzeros if sparse else None
    return TextPieces([], states, chosen, *text, *weighting, count.width, log.zero_based, nonzeros)


def check_text(paths: Sequence[str], shown: str, reading: dict) -> State | None:
    """The file of weights, if there is one. Raises UsageError for a way to read LIBSVM that is none in pieces."""
    dialect = {name: reading.get(name) for name in ("zero_based", "delimiter", "header")}
    particular_of("libsvm", shown, Asked.of(reading), n_features=None, **dialect)
    for path in paths:
        if path == STDIN or (addresses.exists(path) and not addresses.are_files([path])):
            raise UsageError(f"{addresses.shown(path)}: {ONCE_ONLY}")
    return None if reading.get("weight_file") is None else _file_of(reading["weight_file"])


def _file_of(weights: str | os.PathLike) -> State:
    """The file of weights, which is read in every pass."""
    if (addresses.exists(weights) and not addresses.isfile(weights)) or os.fspath(weights) == STDIN:
        raise UsageError(f"{addresses.shown(weights)}: --stream reads weights from a file, more than once")
    return State.of(os.fspath(weights))


def _counted(paths: Sequence[str], form: str | None, threads: int, zero_based: bool | None) -> tuple[_Count, Log]:
    count, log = _Count(), Log()
    with opened(paths, form) as (_, contents, _):
        for piece in dataset_pieces(contents, threads=threads, zero_based=zero_based, log=log):
            count.add(piece)
    return count, log
