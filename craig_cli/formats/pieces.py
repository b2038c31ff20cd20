"""Parquet data piece by piece, as often as it takes: what is read when it does not fit the memory.

Pieces are of a size that goes by the width of the rows alone and end with their row group, so that sums over pieces
are the same whoever reads them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from craig_cli.dataset import Source
from craig_cli.errors import DataError, UsageError
from craig_cli.formats import opened, parquet
from craig_cli.formats.choose import Asked, Chosen, choose
from craig_cli.formats.messages import quoted
from craig_cli.formats.pipeline import Workers
from craig_cli.formats.state import State
from craig_cli.formats.table import TableInput, source_of, sources_of, weights_in
from craig_cli.tables.encoding import Label
from craig_cli.tables.fingerprint import Fingerprint, Values
from craig_cli.tables.gather import Features
from craig_cli.tables.labels import Labels
from craig_cli.tables.storage import PLAIN, flattened

NARROW = {pa.float32(), pa.float16(), pa.bool_(), pa.int8(), pa.int16(), pa.uint8(), pa.uint16()}  # exact in float32


@dataclass(frozen=True)
class Piece:
    """Rows that follow each other: the number of the first, features (m, d) float32 or float64, labels (m,) float64.

    Of sparse text the features are CSR.

    names   values whose positions the labels are, or None where they are numbers
    weight  (m,) float64, or None where each counts as one row
    widths  columns of the features for each column of the table
    place   (input, row): which of the inputs it is of, and the number of its first row in that
    values  name -> values of the features and the label, as a fingerprint takes them
    """

    first: int
    features: np.ndarray | sp.csr_matrix
    labels: np.ndarray
    names: tuple[Label, ...] | None
    weight: np.ndarray | None
    widths: list[int]
    place: tuple[int, int]
    values: dict[str, Values]


@dataclass(frozen=True)
class Pieces:
    """Parquet files as one ground set of ``n_rows``, opened anew for each pass over them."""

    inputs: list[TableInput]
    states: list[State]
    chosen: Chosen

    @property
    def n_rows(self) -> int:
        return sum(one.n_rows for one in self.inputs)

    @property
    def shown(self) -> str:
        return self.inputs[0].shown

    @property
    def number_bytes(self) -> int:
        """Of a feature, at most: 4 where all pieces are of float32, as they are of float32 and narrow integers."""
        kinds = {
            one.whole_schema.field(self.chosen.tops[name]).type
            for one in self.inputs
            for name in self.chosen.features
            if self.chosen.tops[name] in one.whole_schema.names
        }
        return 4 if pa.float32() in kinds and kinds <= NARROW else 8

    @property
    def width(self) -> int:
        """Number of features, where they are one number each."""
        return len(self.chosen.features)

    @property
    def is_sparse(self) -> bool:
        return False

    @property
    def numbers(self) -> int:
        """How many of ``number_bytes`` a row takes on average."""
        return self.width

    def sources(self, contents: Mapping[int, Fingerprint]) -> tuple[Source, ...]:
        """The inputs, by number, whose rows have these fingerprints."""
        chosen = self.chosen
        all_of_them = [contents.get(number, Fingerprint(Workers(1))) for number in range(len(self.inputs))]
        return sources_of(
            self.inputs, all_of_them, [*chosen.features, *([] if chosen.label is None else [chosen.label])]
        )

    def __call__(
        self, start: int = 0, labels: tuple[Label, ...] | None = None, stop: int | None = None
    ) -> Iterator[Piece]:
        """The pieces that begin at row ``start`` or later, before the row group that begins at ``stop`` or later.

        Labels are positions in ``labels`` where these are given. Raises DataError for an input that is no longer what
        it was.
        """
        first, stop = 0, self.n_rows if stop is None else stop
        for number, (one, state) in enumerate(zip(self.inputs, self.states)):
            if start < first + one.n_rows and first < stop:
                self._check(one.shown, state)
                yield from self._of(number, first, start, stop, labels)
                self._check(one.shown, state)
            first += one.n_rows

    def groups(self) -> list[int]:
        """The first row of each row group."""
        starts, first = [], 0
        for one, state in zip(self.inputs, self.states):
            with parquet.opened(state.path, one.shown) as file:
                for group in range(file.num_row_groups):
                    starts.append(first)
                    first += file.metadata.row_group(group).num_rows
        return starts

    def from_anywhere(self) -> Pieces:
        """The same for a process that works in another folder."""
        return replace(self, states=[replace(state, path=os.path.abspath(state.path)) for state in self.states])

    def _check(self, shown: str, state: State) -> None:
        if State.of(state.path) != state:
            raise DataError(f"{shown}: changed while it was read; run again")

    def _of(self, number: int, begin: int, start: int, stop: int, labels) -> Iterator[Piece]:
        """Those of an input, which begins at row ``begin`` of the data."""
        one, first = self.inputs[number], begin
        tops = list(dict.fromkeys(self.chosen.tops[name] for name in self.chosen.all))
        own = [name for name in tops if name in one.schema.names]
        with parquet.opened(self.states[number].path, one.shown) as file:
            for group in range(file.num_row_groups):
                end = first + file.metadata.row_group(group).num_rows
                if start < end and first < stop:
                    for batch in file.iter_batches(parquet.rows_of_piece(file), row_groups=[group], columns=own):
                        if first >= start and len(batch):
                            yield self._piece(pa.Table.from_batches([batch]), first, (number, first - begin), labels)
                        first += len(batch)
                first = end

    def _piece(self, table: pa.Table, first: int, place: tuple[int, int], names) -> Piece:
        one = self.inputs[place[0]]
        for name, value in (one.fixed or {}).items():
            if name not in one.schema.names:
                table = table.append_column(name, pa.repeat(value, len(table)))
        table = flattened(table)
        chosen, size = self.chosen, len(table)

        def where(row: int) -> int:
            return first + row

        features = Features(chosen.features, chosen.contents, size, set(), Workers(1), narrow=True)
        values = features.append(one.shown, table, where)
        labels, weight = np.zeros(size), None
        if chosen.label is not None:
            gathered = Labels(chosen.label, size)
            values[chosen.label] = gathered.append(one.shown, table.column(chosen.label), where)
            labels, names = gathered.finish(one.shown, names)
        if chosen.weight is not None:
            weight = weights_in(one.shown, chosen.weight, table.column(chosen.weight), where)
        assert features.matrix is not None
        return Piece(first, features.matrix, labels, names, weight, features.widths, place, values)


def open_pieces(paths: Sequence[str], **reading) -> Pieces:
    """The inputs of ``paths``, which are to be Parquet files that can be read again, with all features numbers.

    reading  as ``formats.read_dataset`` takes it. Raises UsageError for what only reading into memory can do.
    """
    for name in ("weight_file", "delimiter", "header", "zero_based"):
        if reading.get(name) is not None:
            raise UsageError(f"--stream: does not go with --{name.replace('_', '-')} so far")
    asked = Asked.of(reading)
    inputs, states = [], []
    with opened(paths, reading.get("format")) as (kind, contents, shown):
        for content in contents:
            if kind != "parquet" or not content.whole_file:
                what = f"{kind} data" if content.whole_file else "what can be read once only"
                raise UsageError(f"{shown}: --stream reads Parquet and LIBSVM files so far, found {what}")
            one = parquet.look(content, None)
            inputs.append(replace(one, source=source_of(content, None, one.n_rows), fixed=content.fixed or None))
            states.append(State.of(content.path))
    chosen = choose([(one.shown, one.whole_schema) for one in inputs], asked)
    for name in chosen.features:
        if chosen.contents[name] not in PLAIN:
            raise UsageError(
                f"{inputs[0].shown}: --stream takes columns of numbers so far, found column {quoted(name)} of "
                f"{chosen.contents[name]}; --numeric-only leaves it out"
            )
    pieces = Pieces(inputs, states, chosen)
    if pieces.n_rows == 0:
        raise DataError(f"{pieces.shown}: expected at least one row, found none")
    return pieces
