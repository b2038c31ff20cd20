"""LIBSVM's features, which have numbers and no names: where some are nan, the mean and an indicator column at the end.

A feature that is not written is 0, and counts as such in the mean.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from craig_cli.dataset import is_csr
from craig_cli.errors import DataError
from craig_cli.tables.encoding import Column, Encoding
from craig_cli.tables.kind import Kind, Matrix, is_finite


def encoded(matrix: Matrix, rows: np.ndarray | None, encoding: Encoding | None, name: str) -> tuple[Matrix, Encoding]:
    """(matrix, Encoding): with what is missing filled in by ``encoding``, or by one that is fitted here.

    ``rows`` are the row numbers of the matrix where it has not all. Raises DataError for a value that is missing where
    none was in the training data.
    """
    if encoding is None or not encoding.columns:
        encoding = Encoding((Column("", "numbered", fit(matrix)),))
    facts = encoding.columns[0].facts
    row, column = missing_in(matrix)
    unknown = np.flatnonzero(~np.isin(column, [int(number) - 1 for number in facts["means"]]))
    if len(unknown):
        at = int(row[unknown[0]])
        raise DataError(
            f"{name}: row {at if rows is None else int(rows[at])} (from 0): expected a number as feature "
            f"{int(column[unknown[0]]) + 1}, as all rows of the training data have, found nan"
        )
    filled, indicators = encode(matrix, facts)
    if sp.issparse(matrix):
        return sp.csr_matrix(sp.hstack([filled, indicators], format="csr")), encoding
    return np.hstack([filled, indicators.toarray() if is_csr(indicators) else indicators]), encoding


def width_of(encoding: Encoding) -> int:
    """The number of features in the data, where it was no table."""
    return encoding.columns[0].facts["width"]


def missing_in(matrix: Matrix) -> tuple[np.ndarray, np.ndarray]:
    """(rows, columns) of the values that are nan."""
    if not is_csr(matrix):
        row, column = np.nonzero(np.isnan(matrix))
        return row, column
    positions = np.flatnonzero(np.isnan(matrix.data))
    return np.searchsorted(matrix.indptr, positions, side="right") - 1, matrix.indices[positions]


def has_missing(matrix: Matrix) -> bool:
    """Whether any value is nan."""
    values = matrix.data if is_csr(matrix) else matrix
    return bool(values.size) and bool(np.isnan(values.min()))


def fit(matrix: Matrix) -> dict:
    """The number of features, and number from 1 -> mean of those that are missing somewhere."""
    n_rows, width = matrix.shape
    _, columns = missing_in(matrix)
    means = {}
    for column, count in zip(*np.unique(columns, return_counts=True)):
        values = matrix[:, [column]]
        values = values.toarray() if is_csr(values) else values
        there = n_rows - int(count)
        means[str(int(column) + 1)] = float(np.nansum(values) / there) if there else 0.0
    return {"width": width, "means": means}


def names(column: str, facts: dict) -> list[str]:
    return [*(str(k + 1) for k in range(facts["width"])), *(f"{number} is missing" for number in facts["means"])]


def encode(matrix: Matrix, facts: dict) -> list[Matrix]:
    row, column = missing_in(matrix)
    numbers = np.array([int(number) - 1 for number in facts["means"]], dtype=np.int64)
    means = np.array(list(facts["means"].values()))
    order = np.argsort(numbers)
    column_of = order[np.searchsorted(numbers, column, sorter=order)] if len(row) else np.empty(0, np.int64)
    filled = matrix.copy()
    if is_csr(filled):
        filled.data[np.isnan(filled.data)] = means[column_of]
    else:
        filled[row, column] = means[column_of]
    indicators = sp.csr_matrix((np.ones(len(row)), (row, column_of)), shape=(matrix.shape[0], len(numbers)))
    return [filled, indicators]


def check(facts: dict) -> bool:
    width, means = facts.get("width"), facts.get("means")
    if type(width) is not int or not 1 <= width < 2**31 or not isinstance(means, dict):
        return False
    return all(number.isascii() and number.isdigit() and 1 <= int(number) <= width for number in means) and all(
        is_finite(mean) for mean in means.values()
    )


def says(facts: dict) -> str:
    some = ", ".join(list(facts["means"])[:10]) + (", ..." if len(facts["means"]) > 10 else "")
    return f"{facts['width']} features; missing in {some}: the mean and an indicator"


NUMBERED = Kind(reads=(), names=names, encode=encode, check=check, says=says)
