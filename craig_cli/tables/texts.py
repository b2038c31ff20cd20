"""A column of text piece by piece: its different values, and which of them each row has."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from craig_cli.formats.arrow import to_numpy
from craig_cli.tables.fingerprint import Bits, bits_of_text
from craig_cli.tables.storage import as_text

MISSING = -1


class Texts:
    """Space around a value does not count, and an empty one is missing."""

    def __init__(self, column: pa.ChunkedArray | None = None) -> None:
        self._codes_of: dict[str, int] = {}
        self._codes: list[np.ndarray] = []
        self._bits = bits_of_text([])
        if column is not None:
            self.keep(self.coded(column))

    def coded(self, column: pa.ChunkedArray) -> np.ndarray:
        """(n,) int32, position in ``values`` of each row or MISSING; values that are new are added."""
        if pa.types.is_null(column.type):
            return np.full(len(column), MISSING, np.int32)
        codes, known, at = [], np.empty(0, np.int32), None
        for chunk in as_text(column).chunks:
            where = chunk.dictionary.offset, len(chunk.dictionary), *map(_address, chunk.dictionary.buffers())
            if where != at:  # most chunks share one
                known, at = self._known(chunk.dictionary), where
            indices = chunk.indices
            if indices.null_count:
                indices = indices.fill_null(len(known) - 1)
            codes.append(known[to_numpy(indices)])
        return codes[0] if len(codes) == 1 else np.concatenate([np.empty(0, np.int32), *codes])

    def _known(self, dictionary: pa.Array) -> np.ndarray:
        """(values + 1,) int32: the position of each, MISSING at the end."""
        codes_of = self._codes_of
        stripped = (None if value is None else value.strip() for value in dictionary.to_pylist())
        codes = [codes_of.setdefault(value, len(codes_of)) if value else MISSING for value in stripped]
        return np.array([*codes, MISSING], np.int32)

    def keep(self, codes: np.ndarray) -> None:
        """Those of the next rows of the column."""
        self._codes.append(codes)

    def bits(self, codes: np.ndarray) -> Bits:
        """The codes with what a fingerprint makes of the values."""
        known = len(self._bits) - 1
        if known < len(self._codes_of):
            self._bits = np.concatenate([self._bits[:-1], bits_of_text(list(self._codes_of)[known:])])
        return Bits(self._bits, codes)

    @property
    def values(self) -> list[str]:
        """The different values of all rows that were looked at, in the order of their first rows."""
        return list(self._codes_of)

    @property
    def codes(self) -> np.ndarray:
        """(rows,) int32 of all rows that were kept."""
        if len(self._codes) != 1:
            self._codes = [np.concatenate([np.empty(0, np.int32), *self._codes])]
        return self._codes[0]


def _address(buffer: pa.Buffer | None) -> int:
    return 0 if buffer is None else buffer.address
