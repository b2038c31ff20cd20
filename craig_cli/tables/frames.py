"""Data handed over in Python -> Dataset: arrays, and tables of pandas, polars or pyarrow by the rules of files.

Tables come through the Arrow C data interface (``__arrow_c_stream__``), so none of these packages is needed here.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pyarrow as pa

from craig_cli.dataset import Dataset, from_arrays
from craig_cli.errors import DataError, UsageError
from craig_cli.formats.choose import PANDAS_INDEX, Asked, choose
from craig_cli.formats.messages import first_line
from craig_cli.formats.pipeline import Workers, cores
from craig_cli.formats.table import left_out_notes
from craig_cli.tables.encoding import Encoding
from craig_cli.tables.gather import Features
from craig_cli.tables.labels import EXACT, Labels
from craig_cli.tables.numbered import encoded, has_missing, width_of
from craig_cli.tables.storage import flat_fields, flattened, is_dictionary

NAME = "data"


def dataset_of(features, labels=None, multiplicity=None, encoding: Encoding | None = None) -> Dataset:
    """A Dataset of what ``select_coreset`` takes.

    features      (n, d) array-like, scipy sparse matrix, in which nan is a missing value, as in LIBSVM data, or a table
                  with an Arrow C stream
    labels        (n,) numbers, text or booleans, the name of a column of the table, or None
    multiplicity  (n,) positive numbers, how many rows each row stands for, or None
    encoding      by which tables and labels are encoded; None to fit one

    Raises UsageError for shapes that do not fit and DataError for what cannot be used.
    """
    if hasattr(features, "__arrow_c_stream__"):
        return _of_table(features, labels, multiplicity, encoding)
    if isinstance(labels, str):
        raise UsageError(f"labels: expected one for each row, found the name {labels!r}, which is for tables")
    numbers, names = _labels(labels, None if encoding is None else encoding.labels)
    dataset = from_arrays(features, numbers, multiplicity, missing=True)
    columns = () if encoding is None or encoding.is_plain else encoding.columns
    if columns and columns[0].kind != "numbered":
        raise UsageError(f"features: expected a table with the column {columns[0].name!r}, found an array")
    if columns or has_missing(dataset.features):
        known = Encoding(columns) if columns else None
        if known is not None:
            dataset = dataset.with_features(width_of(known), "the training data")
        matrix, used = encoded(dataset.features, None, known, "features")
        return replace(dataset, features=matrix, encoding=replace(used, labels=names))
    return dataset if names is None else replace(dataset, encoding=Encoding(labels=names))


def _of_table(features, labels, multiplicity, encoding: Encoding | None) -> Dataset:
    try:
        table = pa.table(features)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise UsageError(f"features: expected a table: {first_line(ValueError(_said(error)))}") from error
    table = table.select([name for name in table.column_names if not re.fullmatch(PANDAS_INDEX, str(name))])
    name = labels if isinstance(labels, str) else None
    chosen = choose([(NAME, table.schema)], Asked(label=name, encoding=encoding))
    n_rows = len(table)
    if n_rows == 0:
        raise DataError("features: expected at least one row, found none")
    flat = flattened(table)
    declared = {name for name, _, kind in flat_fields(table.schema) if is_dictionary(kind)}
    with Workers(cores()) as workers:
        gathered = Features(chosen.features, chosen.contents, n_rows, declared, workers)
        gathered.append(NAME, flat, lambda row: row)
        matrix, used = gathered.finish(NAME, encoding, False, bool(chosen.left_out))
    known = None if encoding is None else encoding.labels
    if name is None:
        numbers, names = _labels(labels, known)
    else:
        numbers, names = _gathered(flat.column(name), name, known)
    if chosen.weight is not None and multiplicity is None:
        multiplicity = flat.column(chosen.weight).to_numpy()
    checked = from_arrays(np.zeros((n_rows, 1)), numbers, multiplicity)  # labels and weights, as of arrays
    if used is not None or names is not None:
        used = replace(used or Encoding(), labels=names)
        if encoding is None and used.columns:
            used = replace(used, left_out=chosen.left_out | used.left_out)
    notes = [*chosen.notes, *(left_out_notes(used) if encoding is None else []), *gathered.notes]
    return replace(checked, features=matrix, encoding=used, notes=tuple(notes))


def _said(error: Exception) -> str:
    """All that an error says: of a column of mixed types pandas adds which it is."""
    return "; ".join(map(str, error.args))


def _labels(labels, known: tuple | None):
    """(numbers, or what ``from_arrays`` is to judge; the values whose positions they are or None)."""
    if labels is None:
        return None, None
    values = np.asarray(labels)
    if values.ndim != 1:
        return labels, None
    if np.ma.is_masked(labels):
        raise DataError(f"labels: row {np.ma.getmaskarray(labels).argmax()} (from 0): expected a label, found none")
    beyond = values.dtype.kind in "iu" and len(values) and (values.max() > EXACT or values.min() < -EXACT)
    if values.dtype.kind not in "OUSTb" and not beyond and known is None:
        return values, None
    if values.dtype.kind == "O":
        missing = [row for row, value in enumerate(values) if _is_missing(value)]
        if missing:
            raise DataError(f"labels: row {missing[0]} (from 0): expected a label, found none")
    try:
        column = pa.chunked_array([pa.array(values.tolist())])
    except (pa.ArrowException, OverflowError) as error:
        raise DataError(f"labels: expected numbers or text: {first_line(error)}") from error
    return _gathered(column, "labels", known)


def _is_missing(value) -> bool:
    """None, nan, or what pandas calls NA, which is equal to nothing and says so of no comparison."""
    return value is None or not isinstance(value == value, (bool, np.bool_)) or value != value


def _gathered(column: pa.ChunkedArray, name: str, known: tuple | None):
    gathered = Labels(name, len(column))
    gathered.append(NAME, column, lambda row: row)
    return gathered.finish(NAME, known)
