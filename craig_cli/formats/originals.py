"""Tables with their columns as they are, piece by piece: all that is read of their values beside is the weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import pyarrow as pa

from craig_cli.errors import DataError
from craig_cli.formats import delimited, ipc, opened, parquet, particular_of
from craig_cli.formats.choose import Asked, Chosen, choose
from craig_cli.formats.pipeline import cores
from craig_cli.formats.table import TableInput, look_at_all, original_pieces, refusals, weights_in
from craig_cli.formats.weight_file import weights_of
from craig_cli.tables.storage import flattened

LOOKS = {"parquet": parquet.look, "arrow": ipc.look, "csv": delimited.look}


class Originals:
    """The rows of files that are tables; read as ``formats.read_dataset`` is told.

    weights  (n_rows,) of the rows, or None where each counts as one; columns: how many there are for features
    """

    def __init__(self, inputs: list[TableInput], chosen: Chosen, reading: dict) -> None:
        self.inputs, self.threads = inputs, reading.get("threads") or cores()
        self.n_rows = sum(one.n_rows for one in inputs)
        self.name, self.columns, self.notes = inputs[0].shown, len(chosen.features), tuple(chosen.notes)
        if self.n_rows == 0:
            raise DataError(f"{self.name}: expected at least one row, found none")
        self.weights = None if chosen.weight is None else self._column(chosen.weight, chosen.tops[chosen.weight])
        if reading.get("weight_file") is not None:
            if self.weights is not None:
                raise DataError(
                    f"{self.name}: expected rows without weights beside a weight file, found weights in the data"
                )
            self.weights = weights_of(reading["weight_file"], self.n_rows)

    def __iter__(self) -> Iterator[tuple[int, pa.Table]]:
        """(first row, table), all of one schema, without weight and rank of a table that craig wrote."""
        yield from original_pieces(self.inputs, None, self.threads)

    def _column(self, name: str, top: str) -> np.ndarray:
        parts, first = [], 0
        for one in self.inputs:
            with refusals(one.shown, one.what):
                for begin, table in one.tables([top], lambda begin, end: True, self.threads):
                    column = flattened(table).column(name)
                    parts.append(weights_in(one.shown, name, column, partial(int.__add__, first + begin)))
            first += one.n_rows
        return np.concatenate(parts)


def originals_of(paths: Sequence[str], reading: dict) -> Originals | None:
    """The tables ``paths``; None of LIBSVM data, which has no columns."""
    asked = Asked.of(reading)
    dialect = {name: reading.get(name) for name in ("zero_based", "delimiter", "header")}
    with opened(paths, reading.get("format")) as (kind, contents, shown):
        particular = particular_of(kind, shown, asked, n_features=None, **dialect)
        if kind == "libsvm":
            return None
        particular.pop("asked")
        inputs = look_at_all(contents, partial(LOOKS[kind], **particular))
    return Originals(inputs, choose([(one.shown, one.whole_schema) for one in inputs], asked), reading)
