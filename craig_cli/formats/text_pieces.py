"""LIBSVM text piece by piece for ``select --stream``, as ``formats.pieces`` has Parquet files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from craig_cli.dataset import Dataset, Source, is_csr
from craig_cli.errors import UsageError
from craig_cli.formats import addresses, opened, particular_of, pieces_of
from craig_cli.formats.choose import Asked, Chosen
from craig_cli.formats.content import STDIN
from craig_cli.formats.folders import expand
from craig_cli.formats.libsvm_pieces import pieces as dataset_pieces
from craig_cli.formats.parts import DENSE_CELLS_PER_NONZERO
from craig_cli.formats.pieces import Piece, Pieces
from craig_cli.formats.pipeline import Workers, cores
from craig_cli.formats.restart import NotInPieces, ZeroBased
from craig_cli.formats.state import State
from craig_cli.tables.fingerprint import Fingerprint
from craig_cli.tables.storage import NUMBER


@dataclass(frozen=True)
class TextPieces(Pieces):
    """LIBSVM files that were read once, so that all there is to know of them is known.

    of_text  the inputs, with fingerprints; weighted: whether any row has a weight; reading: as ``pieces_of`` takes it
    weights  the file of weights, where there is one
    columns  number of features; nonzeros: of all rows, where those are sparse, else None
    """

    of_text: tuple[Source, ...]
    weighted: bool
    reading: dict
    weights: State | None
    columns: int
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

    def from_anywhere(self) -> Pieces:
        raise UsageError(f"{self.shown}: --cluster reads Parquet files, found LIBSVM text")

    def __call__(self, start: int = 0, labels=None, stop: int | None = None) -> Iterator[Piece]:
        """The pieces that begin from row ``start`` to row ``stop``. Raises DataError for an input that was changed."""
        self._check_all()
        first, widths = 0, [1] * len(self.chosen.features)
        for piece in pieces_of([state.path for state in self.states], **self.reading):
            if first >= start and (stop is None or first < stop):
                yield self._of_dataset(piece, first, widths)
            first += piece.n_rows
        self._check_all()

    def each(self, function, workers: Workers, start: int = 0, labels=None, stop: int | None = None):
        return workers.map(function, self(start, labels, stop))

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
    weighted: bool = False

    def add(self, piece: Dataset) -> None:
        self.width = max(self.width, piece.n_features)
        self.nonzeros += piece.features.nnz if is_csr(piece.features) else int(np.count_nonzero(piece.features))
        self.weighted |= piece.multiplicity is not None


def open_text(paths: Sequence[str], **reading) -> TextPieces | None:
    """The LIBSVM files ``paths``, read once to count what is in them; None where they are tables.

    reading  as ``formats.read_dataset`` takes it. Raises UsageError for what only reading into memory can do.
    """
    with opened(paths, reading.get("format")) as (kind, _, shown):
        if kind != "libsvm":
            return None
        dialect = {name: reading.get(name) for name in ("zero_based", "delimiter", "header")}
        particular_of(kind, shown, Asked.of(reading), n_features=None, **dialect)
        if not addresses.are_files(paths):
            raise UsageError(f"{shown}: --stream reads files, more than once; found what can be read once only")
    states = [State.of(path) for path, *_ in expand(paths)]
    settled = {name: reading.get(name) for name in ("format", "zero_based", "weight_file", "threads")}
    weights = None if settled["weight_file"] is None else _file_of(settled["weight_file"])
    try:
        count, sources = _counted(paths, settled)
    except ZeroBased:
        settled["zero_based"] = True
        count, sources = _counted(paths, settled)
    except NotInPieces as error:
        raise UsageError(f"{shown}: --stream takes no missing values so far, found nan") from error
    n_rows = sum(source.rows for source in sources)
    sparse = n_rows * count.width > DENSE_CELLS_PER_NONZERO * count.nonzeros
    names = [] if sparse else [str(number + 1) for number in range(count.width)]
    chosen = Chosen(names, dict.fromkeys(names, NUMBER), None, None, {}, {})
    weighted = count.weighted or weights is not None
    reading, nonzeros = settled | {"n_features": count.width}, count.nonzeros if sparse else None
    return TextPieces([], states, chosen, sources, weighted, reading, weights, count.width, nonzeros)


def _file_of(weights: str | os.PathLike) -> State:
    """The file of weights, which is read in every pass."""
    if (addresses.exists(weights) and not addresses.isfile(weights)) or os.fspath(weights) == STDIN:
        raise UsageError(f"{addresses.shown(weights)}: --stream reads weights from a file, more than once")
    return State.of(os.fspath(weights))


def _counted(paths: Sequence[str], reading: dict) -> tuple[_Count, tuple[Source, ...]]:
    count = _Count()
    sources: list[Source] = []
    with opened(paths, reading["format"]) as (_, contents, _):
        threads = reading["threads"] or cores()
        for piece in dataset_pieces(contents, threads=threads, zero_based=reading["zero_based"], sources=sources):
            count.add(piece)
    return count, tuple(sources)
