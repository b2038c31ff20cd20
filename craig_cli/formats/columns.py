"""Arrow columns -> numpy arrays of numbers, nan where one is missing; what cannot be is refused by column and row."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from craig_cli.errors import DataError
from craig_cli.formats.arrow import to_numpy
from craig_cli.formats.messages import quoted
from craig_cli.tables.storage import is_list

EXACT_DIGITS = 15  # an integer of so many digits, and 10 to that power, are exact in float64


def vector_of(shown: str, name: str, column: pa.ChunkedArray, where: Callable[[int], int]) -> np.ndarray:
    """The column as a (rows,) array of finite numbers; ``where`` says which row of the data a row here is."""
    refuse_nulls(shown, name, column, where)
    vector = numbers_of(shown, name, column, where)
    if vector.dtype.kind == "f" and np.isnan(vector).any():
        row = int(np.argmax(np.isnan(vector)))
        raise _refusal(shown, name, where(row), "a finite number", "nan")
    return vector


def numbers_of(shown: str, name: str, column: pa.ChunkedArray, where: Callable[[int], int]) -> np.ndarray:
    """The column as a (rows,) array of numbers, nan where one is missing; an infinite one is refused."""
    vector = _numbers(column)
    if vector.dtype.kind == "f":
        finite = np.isfinite(vector)
        if not finite.all():
            infinite = np.isinf(vector)
            if infinite.any():
                row = int(np.argmax(infinite))
                raise _refusal(shown, name, where(row), "a finite number", f"{vector[row]}")
            vector = np.where(finite, vector, vector.dtype.type(np.nan))  # there are others, of other bits
    return vector


def matrix_of(shown: str, name: str, column: pa.ChunkedArray, where: Callable[[int], int]) -> np.ndarray:
    """The column as a (rows,) array, or for lists, which must be of equal length, a (rows, length) array."""
    if not is_list(column.type):
        return numbers_of(shown, name, column, where)
    refuse_nulls(shown, name, column, where)
    n_rows = len(column)
    if pa.types.is_fixed_size_list(column.type):
        width = column.type.list_size
        chunks = [chunk.values.slice(chunk.offset * width, len(chunk) * width) for chunk in column.chunks]
    else:
        lengths = np.concatenate([to_numpy(chunk.value_lengths()) for chunk in column.chunks])
        width = int(lengths[0])
        other = np.flatnonzero(lengths != width)
        if len(other):
            row = int(other[0])
            raise _refusal(shown, name, where(row), f"{width} numbers, as in the rows before", f"{lengths[row]}")
        chunks = [chunk.flatten() for chunk in column.chunks]
    flat = pa.chunked_array(chunks, type=column.type.value_type)
    values = vector_of(shown, name, flat, lambda item: where(item // width))
    return values.reshape(n_rows, width)


def refuse_nulls(
    shown: str, name: str, column: pa.ChunkedArray, where: Callable[[int], int], what="a number", advice=""
) -> None:
    """DataError for the first row of the column that has no value."""
    if column.null_count:
        row = int(np.argmax(to_numpy(column.is_null())))
        raise _refusal(shown, name, where(row), what, f"null{advice}")


def _refusal(shown: str, name: str, row: int, expected: str, value: str) -> DataError:
    return DataError(f"{shown}: column {quoted(name)}, row {row} (from 0): expected {expected}, found {value}")


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan)
    if column.null_count:
        there = to_numpy(column.is_valid()).astype(bool)
        if pa.types.is_decimal(column.type):
            vector = np.empty(len(column))
            vector[there] = _numbers(column.drop_null())
        else:
            vector = to_numpy(column).astype(np.float64)  # whatever lies where there is none
        vector[~there] = np.nan
        return vector
    if not pa.types.is_decimal(column.type):
        return to_numpy(column)
    # Arrow multiplies decimals by a rounded power of ten, which may miss the nearest float64 by a bit.
    kind = column.type
    if kind.precision <= EXACT_DIGITS and 0 <= kind.scale <= EXACT_DIGITS:
        whole = column.cast(pa.decimal128(kind.precision, kind.scale))
        parts = [_low_words(chunk) for chunk in whole.chunks]
        return np.concatenate(parts) / 10.0**kind.scale if parts else np.empty(0)
    return np.array([float(value) for value in column.to_pylist()])


def _low_words(chunk: pa.Array) -> np.ndarray:
    words = np.frombuffer(chunk.buffers()[1], dtype="<i8", count=2 * (chunk.offset + len(chunk)))
    return words[2 * chunk.offset :: 2].astype(np.float64)
