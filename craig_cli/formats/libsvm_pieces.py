"""LIBSVM text as Datasets of rows that follow each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from craig_cli.dataset import Dataset, Source
from craig_cli.errors import DataError
from craig_cli.formats.content import Content, Fingerprint, Length
from craig_cli.formats.libsvm import Reader, nothing_in
from craig_cli.formats.parts import Part, assemble
from craig_cli.formats.pipeline import Workers
from craig_cli.formats.restart import NotInPieces, ZeroBased
from craig_cli.tables import numbered
from craig_cli.tables.encoding import Encoding

PIECE = 1 << 21  # features: 24 MB as they are read, 16 MB of dense float64 or more


@dataclass(frozen=True)
class Mark:
    """Where a piece begins, from which reading can go on: its first row, of which input, and where in its text.

    text  as a ``libsvm.Block`` has it
    """

    row: int
    number: int
    text: tuple[int, int]


@dataclass
class Log:
    """What shows while all is read.

    sources  the inputs, with fingerprints; zero_based: whether there is a feature 0; notes: lines for the user
    marks    of all pieces; of what is compressed only of the first
    """

    sources: list[Source] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    zero_based: bool | None = None
    notes: list[str] = field(default_factory=list)


def pieces(
    contents: Iterable[Content],
    *,
    threads: int,
    zero_based: bool | None = None,
    n_features: int | None = None,
    encoding: Encoding | None = None,
    log: Log | None = None,
    mark: Mark | None = None,
) -> Iterator[Dataset]:
    """The rows of all ``contents``, PIECE features at a time, each piece as wide as its rows are.

    See ``craig_cli.formats.pieces_of``.

    log   gets what shows of the inputs as they are read
    mark  to begin there, of ``contents`` from its input on

    The sources only name the input. Raises ZeroBased, and NotInPieces for a missing value that nothing is known of.
    """
    if encoding is not None and encoding.columns and encoding.is_plain:
        encoding = None
    if encoding is not None and encoding.columns:
        n_features = numbered.width_of(encoding)
    reader, largest = Reader(zero_based, None, n_features, threads), -1
    begin = (0, 0) if mark is None else mark.text
    with Workers(threads) as workers:
        for number, content in enumerate(contents):
            before = reader.rows_before
            with Length() if log is None else Fingerprint(in_thread=True) as read:
                for parts in _together(reader.parts(content, read, workers, begin)):
                    first = reader.rows_before - sum(len(part.labels) for part in parts)
                    if reader.zero_based is None and any(part.least == 0 for part in parts):
                        if first:
                            raise ZeroBased
                        reader.zero_based = True
                    if log is not None and (first == before or content.whole_file):
                        log.marks.append(Mark(first, number, parts[0].begin))
                    largest = max(largest, max(part.largest for part in parts))
                    dataset = assemble(parts, reader.zero_based, n_features, workers, least_width=1)
                    if encoding is not None or reader.missing:
                        dataset = _filled(dataset, first, encoding, content.name)
                    source = Source(content.name, read.size, dataset.n_rows, "")
                    yield replace(dataset, sources=(source,), notes=_notes(content.name, reader))
                if reader.rows_before == before:
                    raise DataError(f"{content.shown}: expected LIBSVM data, found {nothing_in(read.size)}")
                if log is not None:
                    log.sources.append(read.source(content.name, reader.rows_before - before))
            begin = (0, 0)
    if log is not None:
        log.zero_based = reader.zero_based
        log.notes += _notes(log.sources[0].name, reader)
    if largest < 0 and n_features is None:
        raise DataError(f"{content.shown}: expected features (index:value), found labels only")


def _notes(name: str, reader: Reader) -> tuple[str, ...]:
    return (f"{name}: qid: is there and is not used",) if reader.queries else ()


def _together(parts: Iterable[Part]) -> Iterator[list[Part]]:
    """A few that follow each other, of PIECE features in all or a little more; without those that have no rows."""
    some: list[Part] = []
    for part in (part for part in parts if len(part.labels)):
        some.append(part)
        if sum(len(each.indices) for each in some) >= PIECE:
            yield some
            some = []
    if some:
        yield some


def _filled(dataset: Dataset, first: int, encoding: Encoding | None, name: str) -> Dataset:
    """The rows, of which ``first`` is the number of the first, with what is missing as ``encoding`` says."""
    if encoding is None or not encoding.columns:
        raise NotInPieces
    rows = np.arange(first, first + dataset.n_rows)
    features, encoding = numbered.encoded(dataset.features, rows, encoding, name)
    return replace(dataset, features=features, encoding=encoding)
