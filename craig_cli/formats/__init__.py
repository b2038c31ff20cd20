"""Reading data: from paths to one Dataset, whatever the format.

A format is a module with ``read(contents, **options)`` and ``write(stream, features, labels)``, and one line
in ``craig_cli.registry.FORMATS``.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator, Iterator, Sequence

import numpy as np

from craig_cli.dataset import Dataset
from craig_cli.errors import DataError, UsageError
from craig_cli.formats.choose import LABEL, Asked
from craig_cli.formats.content import STDIN, Content, open_content
from craig_cli.formats.folders import expand
from craig_cli.formats.messages import quoted
from craig_cli.formats.pipeline import cores
from craig_cli.formats.restart import NotInPieces
from craig_cli.formats.sniff import foreign, is_delimited
from craig_cli.formats.weight_file import weighted, with_weights
from craig_cli.registry import FORMATS, IN_PIECES, load
from craig_cli.tables.encoding import Encoding

__all__ = ["pieces_of", "read_dataset"]


def read_dataset(
    paths: Sequence[str | os.PathLike],
    *,
    format: str | None = None,
    label: str = LABEL,
    weight_column: str | None = None,
    weight_file: str | os.PathLike | None = None,
    features: Sequence[str] | None = None,
    exclude: Sequence[str] | None = None,
    numeric_only: bool = False,
    encoding: Encoding | None = None,
    delimiter: str | None = None,
    header: bool | None = None,
    zero_based: bool | None = None,
    rows: np.ndarray | None = None,
    n_features: int | None = None,
    threads: int | None = None,
    gradients: bool = False,
    original: bool = False,
) -> Dataset:
    """Read ``paths`` as one ground set: rows are counted through in the order given.

    paths          files, directories of Parquet files (hive partitions become columns), or ``-`` for standard input;
                   gzip, bzip2, xz and zstd are decompressed
    format         a name of registry.FORMATS; None goes by the content of the first input
    label          tables: the column of labels
    weight_column  tables: a column of how many rows each row stands for, positive
    weight_file    text file of how many rows each row stands for, positive, one number a line; ``-`` is standard input
    features       tables: the feature columns, None for all others; the order is that of the file
    exclude        tables: columns that are no features; numeric_only: only numbers and lists of them are
    encoding       of a model or a coreset, by which columns and labels are encoded; None to fit one to this data
    delimiter, header  CSV: the delimiter, and whether the first line has names; None to find out
    zero_based     LIBSVM: True where feature numbers start from 0, False to refuse a 0, None to go by whether
                   there is a 0 anywhere
    rows           (m,) ascending int64, the only rows to keep; they become Dataset.rows. Each Source still
                   says the number of rows and the fingerprint of the whole input
    n_features     LIBSVM, which does not state it: the number of features where it is known. With it, lines
                   that ``rows`` leaves out are not parsed at all
    threads        None for all cores; the result is the same with any number
    original       tables: Dataset.original gives the rows with all columns as they are
    gradients      tables: float16 and float32 features stay what they are, and there may be no column "label"

    Raises DataError for anything in the data that cannot be used, UsageError for arguments that do not fit.
    """
    if [weight_file, *_as_list(paths)].count(STDIN) > 1:
        raise UsageError("standard input (-) can serve for one input only")
    if n_features is not None and n_features < 1:
        raise UsageError(f"n_features: expected a positive number, found {n_features}")
    names = None if features is None else list(features)
    asked = Asked(label, weight_column, names, tuple(exclude or ()), numeric_only, encoding, gradients, original)
    kept = None if rows is None else _checked_rows(rows)
    threads = threads or cores()
    dialect = {"zero_based": zero_based, "n_features": n_features, "delimiter": delimiter, "header": header}
    with opened(paths, format) as (kind, contents, shown):
        particular = particular_of(kind, shown, asked, **dialect)
        dataset = load(FORMATS, kind)(contents, rows=kept, threads=threads, **particular)
        return dataset if weight_file is None else with_weights(dataset, weight_file)


def pieces_of(
    paths: Sequence[str | os.PathLike],
    *,
    format: str | None = None,
    label: str = LABEL,
    weight_column: str | None = None,
    weight_file: str | os.PathLike | None = None,
    features: Sequence[str] | None = None,
    exclude: Sequence[str] | None = None,
    numeric_only: bool = False,
    encoding: Encoding | None = None,
    delimiter: str | None = None,
    header: bool | None = None,
    zero_based: bool | None = None,
    n_features: int | None = None,
    threads: int | None = None,
) -> Iterator[Dataset]:
    """The same rows as Datasets that follow each other, cut by the content of the inputs alone.

    The features of LIBSVM data are as many as a piece has where ``n_features`` is not given. A Source names the input,
    and has no fingerprint. Raises NotInPieces and ZeroBased (formats/restart.py) where all that came so far is void.
    """
    names = None if features is None else list(features)
    asked = Asked(label, weight_column, names, tuple(exclude or ()), numeric_only, encoding)
    dialect = {"zero_based": zero_based, "n_features": n_features, "delimiter": delimiter, "header": header}
    with opened(paths, format) as (kind, contents, shown):
        particular = particular_of(kind, shown, asked, **dialect)
        if kind not in IN_PIECES:
            raise NotInPieces
        pieces = load(IN_PIECES, kind)(contents, threads=threads or cores(), **particular)
        yield from pieces if weight_file is None else weighted(pieces, weight_file)


def particular_of(kind: str, shown: str, asked: Asked, zero_based, n_features, delimiter, header) -> dict:
    """What the reader of the format ``kind`` takes beside the inputs, rows and threads."""
    if kind == "libsvm":
        _check_libsvm(shown, asked, delimiter, header)
        return {"zero_based": zero_based, "n_features": n_features, "encoding": asked.encoding}
    return {"asked": asked, **_dialect(kind, delimiter, header, zero_based)}


TITLES = {"libsvm": "LIBSVM", "parquet": "Parquet", "csv": "CSV", "arrow": "Arrow"}


def _check_libsvm(shown: str, asked: Asked, delimiter: str | None, header: bool | None) -> None:
    if asked.gradients:
        raise DataError(f"{shown}: expected gradients as columns of Parquet data, found libsvm data")
    encoding = asked.encoding
    if encoding is not None and encoding.columns and not encoding.is_plain and encoding.columns[0].kind != "numbered":
        column = quoted(encoding.columns[0].name)
        raise DataError(
            f"{shown}: expected a table with a column {column}, as the training data was, found LIBSVM data"
        )
    given = {
        "--weight-column": asked.weight is not None,
        "--features": asked.features is not None,
        "--exclude": bool(asked.exclude),
        "--numeric-only": asked.numeric_only,
        "--delimiter": delimiter is not None,
        "--header": header is not None,
    }
    for option, is_given in given.items():
        if is_given:
            raise UsageError(f"{option}: LIBSVM data has no named columns; it is for tables")


def _dialect(kind: str, delimiter: str | None, header: bool | None, zero_based: bool | None) -> dict:
    if zero_based:
        raise UsageError(f"--zero-based: {TITLES[kind]} data has no feature numbers; it is for LIBSVM")
    if kind == "csv":
        return {"delimiter": delimiter, "header": header}
    for value, option in ((delimiter, "--delimiter"), (header, "--header")):
        if value is not None:
            raise UsageError(f"{option}: is for CSV data, found {TITLES[kind]}")
    return {}


def _as_list(paths) -> list[str]:
    return [os.fspath(path) for path in ([paths] if isinstance(paths, (str, os.PathLike)) else paths)]


def _checked_rows(rows: np.ndarray) -> np.ndarray:
    rows = np.ascontiguousarray(rows, dtype=np.int64)
    if rows.ndim != 1 or len(rows) == 0 or rows[0] < 0 or (np.diff(rows) <= 0).any():
        raise UsageError("rows: expected ascending row numbers, each once")
    return rows


@contextlib.contextmanager
def opened(paths, format: str | None) -> Iterator[tuple[str, Iterator[Content], str]]:
    """(format, the inputs one after the other, the first's name)"""
    paths = _as_list(paths)
    if not paths:
        raise UsageError("expected at least one input, found none")
    if paths.count(STDIN) > 1:
        raise UsageError("standard input (-) can serve for one input only")
    if format is not None and format not in FORMATS:
        raise UsageError(f"format: expected one of {', '.join(FORMATS)}, found {format!r}")
    contents = _open_all(paths, format)
    first = next(contents)
    try:
        yield format or _format_of(first), _chain(first, contents), first.shown
    except MemoryError as error:
        raise DataError(f"{first.shown}: not enough memory to hold the data") from error
    finally:
        contents.close()


def _format_of(content: Content) -> str:
    head = content.head
    if head[:4] == b"PAR1":
        return "parquet"
    if head.startswith((b"ARROW1", b"FEA1")) or head[:4] == b"\xff\xff\xff\xff":
        return "arrow"
    if (name := foreign(head)) is not None:
        raise DataError(f"{content.shown}: expected LIBSVM, CSV, Parquet or Arrow data, found {name}")
    return "csv" if is_delimited(head) else "libsvm"


def _open_all(paths: list[str], format: str | None) -> Generator[Content, None, None]:
    """The inputs, each open while it is at the front: a directory may hold more files than may be open."""
    first = None
    for path, inside, fixed in expand(paths):
        content = open_content(path)
        content.inside, content.fixed = inside, fixed
        try:
            first = first or content
            if format is None and _format_of(content) != _format_of(first):
                other, before = _format_of(content), _format_of(first)
                raise DataError(f"{content.shown}: expected {before} data, as in {first.shown}, found {other}")
            yield content
        finally:
            content.close()


def _chain(first: Content, others: Iterator[Content]) -> Iterator[Content]:
    yield first
    yield from others
