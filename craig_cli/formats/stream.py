"""Data of any size, summed over piece by piece, as often as it takes.

What only a look at all rows can settle, such as what a missing value becomes where nothing says it yet, is read into
memory instead, as one piece.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from craig_cli.dataset import Dataset
from craig_cli.errors import DataError
from craig_cli.formats import addresses, pieces_of, read_dataset
from craig_cli.formats.content import STDIN
from craig_cli.formats.folders import expand
from craig_cli.formats.restart import NotInPieces, ZeroBased
from craig_cli.formats.room import check_room
from craig_cli.formats.state import State
from craig_cli.tables.encoding import Encoding


class Sums(Protocol):
    """Whatever takes one piece after the other."""

    def add(self, piece: Dataset, /) -> None: ...


Found = TypeVar("Found", bound=Sums)


class Stream:
    """The rows of ``paths``, read as ``formats.pieces_of`` is told.

    original  ``dataset``, where all is read into memory, has the columns of a table as they are
    notes    of the last pass: lines for the user on what was read
    name     of the first input
    n_rows   of the last pass; total: the sum of their weights, weighted: whether they have any
    """

    def __init__(self, paths: Sequence[str], original: bool = False, **reading) -> None:
        self.paths, self.reading, self.original = list(paths), reading, original
        self.dataset: Dataset | None = None  # all of it, where it is no use in pieces
        self.whole = not addresses.are_files(self.paths) or reading.get("weight_file") == STDIN
        self.notes: tuple[str, ...] = ()
        self.n_rows, self.total, self.weighted, self.name = 0, 0.0, False, ""
        self._states = None if self.whole else self._look()

    def over(self, begin: Callable[[], Found]) -> Found:
        """What ``begin`` gives, after all pieces were added to it in their order.

        It begins anew where what was added turns out to be wrong: the features of LIBSVM count from 0 if there is a 0
        anywhere. Raises DataError as ``read_dataset``, and for data that changes.
        """
        while True:
            sums = begin()
            try:
                for piece in self:
                    sums.add(piece)
                return sums
            except ZeroBased:
                self.reading = self.reading | {"zero_based": True}
            except NotInPieces:
                self.whole = True

    def settle(self, n_features: int, label_names: tuple | None) -> None:
        """What a pass has shown, for those to come: how wide all pieces are, and which labels have which positions."""
        self.reading = self.reading | {"n_features": n_features}
        if label_names is not None:
            self.reading["encoding"] = replace(self.reading.get("encoding") or Encoding(), labels=label_names)

    def _look(self) -> list[State]:
        return [State.of(path) for path, *_ in expand(self.paths)]

    def __iter__(self) -> Iterator[Dataset]:
        """A pass, where one that came to its end was before."""
        named = None
        self.notes, self.n_rows, self.total, self.weighted = (), 0, 0.0, False
        for piece in self._in_memory() if self.whole else pieces_of(self.paths, **self.reading):
            if not self.whole:
                named = self._named_alike(piece, named)
            self.notes, self.name = piece.notes, self.name or piece.name
            self.n_rows += piece.n_rows
            self.total += piece.total
            self.weighted |= piece.multiplicity is not None
            yield piece
        if self._states is not None and self._look() != self._states:
            raise DataError(f"{addresses.shown(self.paths[0])}: changed while it was read; run again")

    def _named_alike(self, piece: Dataset, before: bool | None) -> bool:
        """Whether the labels of a piece are names. Raises NotInPieces where it takes all rows to say what they are."""
        names = piece.label_names
        encoding = self.reading.get("encoding")
        if encoding is None or encoding.labels is None:
            whole = names is not None and any(type(name) is int for name in names)  # beyond float64, or beside text
            if whole or before not in (None, names is not None):
                raise NotInPieces
        return names is not None

    def _in_memory(self) -> Iterator[Dataset]:
        if self.dataset is None:
            check_room(self.paths, self.reading)
            self.dataset = read_dataset(self.paths, original=self.original, **self.reading)
        yield self.dataset
