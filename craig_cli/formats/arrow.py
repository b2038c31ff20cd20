"""Between numpy and Arrow, by their buffers: pyarrow's own conversions import pandas wherever it is installed, which
takes longer than to read a file of 100,000 rows; older versions do so for a type alone, and fail where it is not.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

_NAMES = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64")
_DTYPES = {pa.from_numpy_dtype(name): np.dtype(name) for name in _NAMES}


def to_numpy(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """(n,) array of booleans (uint8), integers or floats; of one chunk a view that cannot be written.

    Where there is a null it has anything.
    """
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    parts = [_of_chunk(chunk) for chunk in chunks if len(chunk)]
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.empty(0, _dtype(column.type))


def to_arrow(values: np.ndarray) -> pa.Array:
    """The Arrow array of (n,) numbers, without a copy where they are contiguous."""
    buffer = pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, buffer])


def _dtype(kind: pa.DataType) -> np.dtype:
    return np.dtype(np.uint8) if pa.types.is_boolean(kind) else _DTYPES[kind]


def _of_chunk(chunk: pa.Array) -> np.ndarray:
    end = chunk.offset + len(chunk)
    whole = chunk.buffers()[1]
    if whole is None:  # of nulls alone
        return np.zeros(len(chunk), _dtype(chunk.type))
    if pa.types.is_boolean(chunk.type):
        return np.unpackbits(np.frombuffer(whole, np.uint8), count=end, bitorder="little")[chunk.offset :]
    return np.frombuffer(whole, _dtype(chunk.type), count=end)[chunk.offset :]
