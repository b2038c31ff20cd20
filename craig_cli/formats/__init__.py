"""Reading data: from paths to one Dataset, whatever the format.

A format is a module with ``read(contents, **options)`` and ``write(stream, features, labels)``, and one line
in ``craig_cli.registry.FORMATS``.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence

import numpy as np

from craig_cli.dataset import Dataset
from craig_cli.errors import DataError, UsageError
from craig_cli.formats.content import STDIN, Content, expand, open_content
from craig_cli.formats.weight_file import with_weights
from craig_cli.registry import FORMATS, load

__all__ = ["read_dataset"]


def read_dataset(
    paths: Sequence[str | os.PathLike],
    *,
    format: str | None = None,
    label: str = "label",
    weight_column: str | None = None,
    weight_file: str | os.PathLike | None = None,
    features: Sequence[str] | None = None,
    zero_based: bool | None = None,
    rows: np.ndarray | None = None,
    n_features: int | None = None,
    threads: int | None = None,
    gradients: bool = False,
) -> Dataset:
    """Read ``paths`` as one ground set: rows are counted through in the order given.

    paths          files, directories of Parquet files, or ``-`` for standard input; gzip, bzip2, xz and zstd
                   are decompressed
    format         "libsvm" or "parquet"; None goes by the content of the first input
    label          Parquet: the column of labels
    weight_column  Parquet: a column of how many rows each row stands for, positive
    weight_file    text file of how many rows each row stands for, positive, one number a line; ``-`` is standard input
    features       Parquet: the feature columns, None for all others; the order is that of the file
    zero_based     LIBSVM: True where feature numbers start from 0, False to refuse a 0, None to go by whether
                   there is a 0 anywhere
    rows           (m,) ascending int64, the only rows to keep; they become Dataset.rows. Each Source still
                   says the number of rows and the fingerprint of the whole input
    n_features     LIBSVM, which does not state it: the number of features where it is known. With it, lines
                   that ``rows`` leaves out are not parsed at all
    threads        None for all cores; the result is the same with any number
    gradients      Parquet: float16 and float32 features stay what they are, and there may be no column "label"

    Raises DataError for anything in the data that cannot be used, UsageError for arguments that do not fit.
    """
    names: list[str] = [os.fspath(path) for path in ([paths] if isinstance(paths, (str, os.PathLike)) else paths)]
    if not names:
        raise UsageError("expected at least one input, found none")
    if [*names, weight_file].count(STDIN) > 1:
        raise UsageError("standard input (-) can serve for one input only")
    if format is not None and format not in FORMATS:
        raise UsageError(f"format: expected one of {', '.join(FORMATS)}, found {format!r}")
    if n_features is not None and n_features < 1:
        raise UsageError(f"n_features: expected a positive number, found {n_features}")
    if threads is None:
        threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    contents = _open_all(names, format)
    first = next(contents)
    found = format or _format_of(first)
    if gradients and found != "parquet":
        raise DataError(f"{first.shown}: expected gradients as columns of Parquet data, found {found} data")
    reader = load(FORMATS, found)
    try:
        dataset = reader(
            _chain(first, contents),
            threads=threads,
            label=label,
            weight_column=weight_column,
            features=None if features is None else list(features),
            zero_based=zero_based,
            rows=None if rows is None else _checked_rows(rows),
            n_features=n_features,
            **({"gradients": True} if gradients else {}),
        )
        return dataset if weight_file is None else with_weights(dataset, weight_file)
    except MemoryError as error:
        raise DataError(f"{first.shown}: not enough memory to hold the data") from error
    finally:
        contents.close()


def _checked_rows(rows: np.ndarray) -> np.ndarray:
    rows = np.ascontiguousarray(rows, dtype=np.int64)
    if rows.ndim != 1 or len(rows) == 0 or rows[0] < 0 or (np.diff(rows) <= 0).any():
        raise UsageError("rows: expected ascending row numbers, each once")
    return rows


def _format_of(content: Content) -> str:
    return "parquet" if content.is_parquet else "libsvm"


def _open_all(paths: list[str], format: str | None) -> Generator[Content, None, None]:
    """The inputs, each open while it is at the front: a directory may hold more files than may be open."""
    first = None
    for path in expand(paths):
        content = open_content(path)
        try:
            first = first or content
            if format is None and content.is_parquet != first.is_parquet:
                found, before = _format_of(content), _format_of(first)
                raise DataError(f"{content.shown}: expected {before} data, as in {first.shown}, found {found}")
            yield content
        finally:
            content.close()


def _chain(first: Content, others: Iterator[Content]) -> Iterator[Content]:
    yield first
    yield from others
