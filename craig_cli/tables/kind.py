"""What a kind of column is. A new one is a file with a ``Kind`` and a line in ``craig_cli.registry.COLUMN_KINDS``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import scipy.sparse as sp


@dataclass(frozen=True)
class OneHot:
    """(n, width) with a 1 in column codes[i], int16, of row i; none where the code is negative."""

    codes: np.ndarray
    width: int

    @classmethod
    def where(cls, true: np.ndarray) -> OneHot:
        """A column with a 1 where ``true`` (n,) is."""
        return cls(true.astype(np.int16) - np.int16(1), 1)


Matrix: TypeAlias = np.ndarray | sp.csr_matrix
Block: TypeAlias = Matrix | OneHot  # the columns of the matrix that a column became: (n,) or (n, w) float64


@dataclass(frozen=True)
class Kind:
    """How columns of a kind become numbers; ``facts`` is what was found out about a column, as in a model file.

    reads   contents (``storage.content_of``) that it can be encoded from; nulls alone always can
    names   ``names(column, facts)``: of the columns of the matrix
    encode  ``encode(values, facts)``: the blocks; values are (n,) or (n, w) float64, nan where one is missing, of a
            number and a vector, ``Texts`` of text, a chunked array of times
    check   whether facts that were read from a file are such facts
    says    ``says(facts)``: a line for people
    """

    reads: tuple[str, ...]
    names: Callable[[str, dict], list[str]]
    encode: Callable[..., list[Block]]
    check: Callable[[dict], bool]
    says: Callable[[dict], str]


def is_finite(value) -> bool:
    """Whether ``value``, read from JSON, is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and bool(np.isfinite(float(value)))
