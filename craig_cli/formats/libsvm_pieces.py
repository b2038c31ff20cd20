"""LIBSVM text as Datasets of rows that follow each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

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


def pieces(
    contents: Iterable[Content],
    *,
    threads: int,
    zero_based: bool | None = None,
    n_features: int | None = None,
    encoding: Encoding | None = None,
    sources: list[Source] | None = None,
) -> Iterator[Dataset]:
    """The rows of all ``contents``, PIECE features at a time, each piece as wide as its rows are.

    See ``craig_cli.formats.pieces_of``. ``sources`` gets those of the inputs, with a fingerprint, as each is read.

    The sources only name the input. Raises ZeroBased, and NotInPieces for a missing value that nothing is known of.
    """
    if encoding is not None and encoding.columns and encoding.is_plain:
        encoding = None
    if encoding is not None and encoding.columns:
        n_features = numbered.width_of(encoding)
    reader, largest = Reader(zero_based, None, n_features, threads), -1
    with Workers(threads) as workers:
        for content in contents:
            before = reader.rows_before
            with Length() if sources is None else Fingerprint(in_thread=True) as read:
                for parts in _together(reader.parts(content, read, workers)):
                    first = reader.rows_before - sum(len(part.labels) for part in parts)
                    if reader.zero_based is None and any(part.least == 0 for part in parts):
                        if first:
                            raise ZeroBased
                        reader.zero_based = True
                    largest = max(largest, max(part.largest for part in parts))
                    dataset = assemble(parts, reader.zero_based, n_features, workers, least_width=1)
                    if encoding is not None or reader.missing:
                        dataset = _filled(dataset, first, encoding, content.name)
                    notes = (f"{content.name}: qid: is there and is not used",) if reader.queries else ()
                    source = Source(content.name, read.size, dataset.n_rows, "")
                    yield replace(dataset, sources=(source,), notes=notes)
                if reader.rows_before == before:
                    raise DataError(f"{content.shown}: expected LIBSVM data, found {nothing_in(read.size)}")
                if sources is not None:
                    sources.append(read.source(content.name, reader.rows_before - before))
    if largest < 0 and n_features is None:
        raise DataError(f"{content.shown}: expected features (index:value), found labels only")


def _together(parts: Iterable[Part]) -> Iterator[list[Part]]:
    """A few that follow each other, of PIECE features in all or a little more."""
    some: list[Part] = []
    for part in parts:
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
