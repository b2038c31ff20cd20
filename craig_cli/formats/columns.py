"""Arrow columns -> numpy arrays of finite numbers; what is not one is refused by column and row."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from craig_cli.errors import DataError
from craig_cli.formats.arrow import to_numpy
from craig_cli.formats.messages import printable, quoted

EXACT_DIGITS = 15  # an integer of so many digits, and 10 to that power, are exact in float64


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind) or _is_decimal(kind)


def _is_decimal(kind: pa.DataType) -> bool:
    return pa.types.is_decimal(kind)


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


def check_type(shown: str, name: str, kind: pa.DataType, lists: bool) -> None:
    """DataError for a column that holds no numbers nor, where ``lists``, lists of numbers."""
    if _is_number(kind) or (lists and _is_list(kind) and _is_number(kind.value_type)):
        return
    hint = " (choose the columns with --features)" if lists else ""
    raise DataError(f"{shown}: column {quoted(name)}: expected numbers, found {printable(str(kind)[:60])}{hint}")


def vector_of(shown: str, name: str, column: pa.ChunkedArray, where: Callable[[int], int]) -> np.ndarray:
    """The column as a (rows,) array of finite numbers; ``where`` says which row of the data a row here is."""
    _refuse_nulls(shown, name, column, where)
    vector = _numbers(column)
    if vector.dtype.kind == "f":
        finite = np.isfinite(vector)
        if not finite.all():
            row = int(np.argmin(finite))
            raise _refusal(shown, name, where(row), "a finite number", f"{vector[row]}")
    return vector


def matrix_of(shown: str, name: str, column: pa.ChunkedArray, where: Callable[[int], int]) -> np.ndarray:
    """The column as a (rows,) array, or for lists, which must be of equal length, a (rows, length) array."""
    if not _is_list(column.type):
        return vector_of(shown, name, column, where)
    _refuse_nulls(shown, name, column, where)
    n_rows = len(column)
    if pa.types.is_fixed_size_list(column.type):
        width = column.type.list_size
    else:
        lengths = np.concatenate([np.diff(to_numpy(chunk.offsets)) for chunk in column.chunks])
        width = int(lengths[0])
        other = np.flatnonzero(lengths != width)
        if len(other):
            row = int(other[0])
            raise _refusal(shown, name, where(row), f"{width} numbers, as in the rows before", f"{lengths[row]}")
    flat = pa.chunked_array([chunk.flatten() for chunk in column.chunks], type=column.type.value_type)
    values = vector_of(shown, name, flat, lambda item: where(item // width))
    return values.reshape(n_rows, width)


def _refuse_nulls(shown: str, name: str, column: pa.ChunkedArray, where: Callable[[int], int]) -> None:
    if column.null_count:
        row = int(np.argmax(to_numpy(column.is_null())))
        raise _refusal(shown, name, where(row), "a number", "null")


def _refusal(shown: str, name: str, row: int, expected: str, found: str) -> DataError:
    return DataError(f"{shown}: column {quoted(name)}, row {row} (from 0): expected {expected}, found {found}")


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    if not _is_decimal(column.type):
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
