"""Labels of any kind: numbers stay numbers; text, booleans and integers beyond 2^53 become positions of values."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from craig_cli.dataset import MOST_CLASSES, labels_in_words
from craig_cli.errors import DataError
from craig_cli.formats.arrow import to_numpy
from craig_cli.formats.columns import refuse_nulls, vector_of
from craig_cli.formats.messages import printable, quoted
from craig_cli.tables.encoding import Label
from craig_cli.tables.fingerprint import Bits, Values, bits_of_text, bits_of_whole
from craig_cli.tables.storage import NUMBER, TEXT, as_text, content_of, unwrapped

EXACT = 2**53  # integers beyond it are no float64


class Labels:
    """The labels of a table, batch by batch."""

    def __init__(self, name: str, n_rows: int) -> None:
        self.name = name
        self.numbers = np.zeros(n_rows)
        self.codes: list[np.ndarray] = []  # of each batch, positions in values; empty as long as all are numbers
        self.values: dict[tuple[bool, Label | float], int] = {}
        self.filled = 0

    def append(self, shown: str, column: pa.ChunkedArray, where, kept: np.ndarray | None = None) -> Values:
        """The labels of the next rows, or of them those at positions ``kept``; all of them for a fingerprint.

        ``where`` says which row of the data a row here is.
        """
        column = unwrapped(column)
        end = self.filled + (len(column) if kept is None else len(kept))
        rows = slice(None) if kept is None else kept
        refuse_nulls(shown, self.name, column, where, "a label", "; take rows without one out first")
        if self._is_plain(shown, column):
            labels: Values = (numbers := vector_of(shown, self.name, column, where))
            self.numbers[self.filled : end] = vector = numbers[rows]
            if self.codes:
                self._append_values(*np.unique(vector, return_inverse=True))
        else:
            if not self.codes and self.filled:
                self._append_values(*np.unique(self.numbers[: self.filled], return_inverse=True))
            values, codes = _coded(column)
            labels = Bits(bits_of_text(values), codes) if content_of(column.type) == TEXT else to_numpy(column)
            self._append_values(*_used(values, codes[rows]))
        self.filled = end
        if isinstance(labels, np.ndarray) and labels.dtype.kind in "iu" and labels.dtype.itemsize == 8:
            return Bits(bits_of_whole(labels, EXACT))
        return labels

    def _is_plain(self, shown: str, column: pa.ChunkedArray) -> bool:
        kind = column.type
        if content_of(kind) not in (NUMBER, TEXT):
            shown_kind = printable(str(kind)[:60])
            raise DataError(
                f"{shown}: column {quoted(self.name)}: expected labels (numbers or text), found {shown_kind}"
            )
        if pa.types.is_boolean(kind) or content_of(kind) == TEXT:
            return False
        if not pa.types.is_integer(kind) or kind.bit_width < 64 or not len(column):
            return True
        values = to_numpy(column)
        if values.min() >= -EXACT and values.max() <= EXACT:
            return True
        return len(np.unique(values)) > MOST_CLASSES  # numbers to be predicted

    def _append_values(self, values, codes: np.ndarray) -> None:
        if isinstance(values, np.ndarray):
            values = [int(value) if float(value).is_integer() else float(value) for value in values.tolist()]
        numbers = np.array([self.values.setdefault(_keyed(value), len(self.values)) for value in values], np.int64)
        self.codes.append(numbers[codes.reshape(-1)])

    def finish(self, shown: str, names: tuple[Label, ...] | None) -> tuple[np.ndarray, tuple[Label, ...] | None]:
        """(labels (n,) float64, the values whose positions they are, or None where they are numbers).

        With ``names``, of a model, the positions are those in it; values that it has not follow.
        """
        if names is not None and not self.codes:
            self._append_values(*np.unique(self.numbers, return_inverse=True))
        if not self.codes:
            return self.numbers, None
        values = [value for _, value in self.values]
        known: list = list(names or ())
        keys = {_keyed(value): code for code, value in enumerate(known)}
        if len(values) > MOST_CLASSES:
            such = f", such as {labels_in_words(known)}" if known else ""
            raise DataError(
                f"{shown}: column {quoted(self.name)}: expected labels of at most {MOST_CLASSES} classes{such}, "
                f"found {len(values):,} different ones; name the column with --label"
            )
        for value in sorted((each for each in values if _keyed(each) not in keys), key=_keyed):
            keys[_keyed(value)] = len(known)
            known.append(value)
        codes = np.array([keys[_keyed(value)] for value in values], dtype=np.float64)
        return codes[np.concatenate(self.codes)], tuple(known)


def _keyed(value) -> tuple:
    """So that 1 and true are the same label, and "1" is another."""
    return isinstance(value, str), value


def _coded(column: pa.ChunkedArray) -> tuple[list, np.ndarray]:
    """(values, position in them of each row)."""
    encoded = column.dictionary_encode() if content_of(column.type) != TEXT else as_text(column)
    encoded = pa.chunked_array(encoded.chunks, encoded.type).unify_dictionaries()
    if not encoded.num_chunks:
        return [], np.empty(0, np.int64)
    return encoded.chunk(0).dictionary.to_pylist(), to_numpy(pa.chunked_array([c.indices for c in encoded.chunks]))


def _used(values: list, codes: np.ndarray) -> tuple[list, np.ndarray]:
    """The same without values that no row has, as a category may have."""
    used = np.flatnonzero(np.bincount(codes, minlength=len(values)))
    renumbered = np.zeros(len(values), np.int64)
    renumbered[used] = np.arange(len(used))
    return [values[code] for code in used.tolist()], renumbered[codes]
