"""The data set every stage works on: features (dense or CSR), labels, multiplicities, and where they came from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeGuard

import numpy as np
import scipy.sparse as sp

from craig_cli.errors import DataError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from craig_cli.tables.encoding import Encoding


def is_csr(features: np.ndarray | sp.csr_matrix) -> TypeGuard[sp.csr_matrix]:
    """Whether ``features`` are sparse, told so that a type checker knows of it too."""
    return sp.issparse(features)


def stacked(parts: Sequence[np.ndarray] | Sequence[sp.csr_matrix]):
    """The rows of all ``parts``, dense or CSR, one after the other."""
    return sp.vstack(parts, format="csr") if is_csr(parts[0]) else np.concatenate(parts)


@dataclass(frozen=True)
class Source:
    """One input: its name (no folder), bytes (after decompression), rows and fingerprint of its content.

    columns   of a table: name -> fingerprint of each feature column that was used and of the label
    of_bytes  the fingerprint that version 0.1.0 gave a table, of the bytes of its file, where that can be had
    """

    name: str
    size: int
    rows: int
    fingerprint: str
    columns: dict[str, str] | None = None
    of_bytes: Callable[[], str] | None = field(default=None, compare=False, repr=False)

    def facts(self) -> dict:
        """As a file records it."""
        facts = {"name": self.name, "size": self.size, "rows": self.rows, "fingerprint": self.fingerprint}
        return facts if self.columns is None else {**facts, "columns": self.columns}

    def is_data(self, recorded: dict) -> bool:
        """Whether it is the data of which a file has these facts.

        Of tables the columns that both have are compared: a coreset may have been selected by others.
        """
        if recorded.get("rows") != self.rows:
            return False
        fingerprint = recorded.get("fingerprint")
        if self.rows == 0 or fingerprint == self.fingerprint:
            return True
        columns = recorded.get("columns")
        if self.columns is not None and isinstance(columns, dict):
            common = self.columns.keys() & columns.keys()
            return bool(common) and all(self.columns[name] == columns[name] for name in common)
        if self.of_bytes is None or not isinstance(fingerprint, str) or not fingerprint.startswith("sha256:"):
            return False
        return fingerprint == self.of_bytes()


def are_recorded(sources: Sequence[Source], recorded: Sequence[dict]) -> bool:
    """Whether ``sources`` are the data of which a file has ``recorded`` the facts."""
    return len(sources) == len(recorded) and all(one.is_data(facts) for one, facts in zip(sources, recorded))


@dataclass(frozen=True)
class Dataset:
    """Rows of a training or test set.

    features      (n, d) C-contiguous float64 array, or CSR matrix of float64, its indices sorted and without
                  duplicates in each row. Gradients that were asked for may be float32 or float16
    labels        (n,) float64
    multiplicity  (n,) float64, how many rows each row stands for, or None where all are 1
    rows          (n,) int64, the row numbers in the input where only some were kept, or None for all of them
    sources       the inputs, in the order given; empty for arrays handed over in Python
    encoding      what the columns and labels were made from (tables/encoding.py), None where they are as they were
    notes         lines for the user on what was read
    original      of a table that was asked for it: gives the rows, in the order of the data, with all columns as they
                  are
    """

    features: np.ndarray | sp.csr_matrix
    labels: np.ndarray
    multiplicity: np.ndarray | None = None
    rows: np.ndarray | None = None
    sources: tuple[Source, ...] = ()
    encoding: Encoding | None = None
    notes: tuple[str, ...] = ()
    original: Callable[[], pa.Table] | None = field(default=None, compare=False, repr=False)

    @property
    def n_rows(self) -> int:
        return self.features.shape[0]

    @property
    def n_features(self) -> int:
        return self.features.shape[1]

    @property
    def is_sparse(self) -> bool:
        return is_csr(self.features)

    @property
    def counts(self) -> np.ndarray:
        """(n,) float64, how many rows each row stands for."""
        return np.ones(self.n_rows) if self.multiplicity is None else self.multiplicity

    @property
    def total(self) -> float:
        """Number of rows the data set stands for: n, or the sum of the multiplicities."""
        return float(self.n_rows if self.multiplicity is None else self.multiplicity.sum())

    @property
    def name(self) -> str:
        """What to call the data in a message."""
        return self.sources[0].name if self.sources else "data"

    @property
    def label_names(self) -> tuple[str | int | bool, ...] | None:
        """The values whose positions the labels are, or None where the labels are numbers."""
        return None if self.encoding is None else self.encoding.labels

    def label_value(self, label: float) -> float | str | int | bool:
        """A label as it is in the data."""
        return float(label) if self.label_names is None else self.label_names[int(label)]

    def label_text(self, label: float) -> str:
        """A label for a message."""
        return label_in_words(self.label_value(label))

    def task(self, asked: str) -> str:
        """``asked``, but what has names are classes. Raises DataError where a regression was asked for."""
        if self.label_names is None:
            return asked
        if asked == "regression":
            raise DataError(f"{self.name}: expected numbers as labels of a regression, found {self.label_text(0)}")
        return "classification"

    def column_text(self, column: int) -> str:
        """A column of the features, counted from 0, for the start of a message."""
        return column_in_words(column, self.name, self.encoding)

    def take(self, index: np.ndarray) -> Dataset:
        """The rows ``index`` (int64, positions in this data set), in that order."""
        return replace(
            self,
            features=self.features[index],
            labels=self.labels[index],
            multiplicity=None if self.multiplicity is None else self.multiplicity[index],
            rows=index if self.rows is None else self.rows[index],
        )

    def with_features(self, n_features: int, owner: str) -> Dataset:
        """The same rows in a space of ``n_features`` columns: missing trailing columns are zero.

        LIBSVM files do not state their width, so a test file may lack the last columns of the training file.
        Raises DataError where the data has a column that ``owner`` (a model, say) does not know.
        """
        if self.n_features == n_features:
            return self
        if self.n_features > n_features:
            raise DataError(
                f"{self.name}: expected at most {n_features} features, as {owner} has, found {self.n_features}"
            )
        if is_csr(self.features):
            shape = (self.n_rows, n_features)
            wide = sp.csr_matrix((self.features.data, self.features.indices, self.features.indptr), shape=shape)
        else:
            wide = np.zeros((self.n_rows, n_features))
            wide[:, : self.n_features] = self.features
        return replace(self, features=wide)


def column_in_words(column: int, name: str, encoding: Encoding | None) -> str:
    """Column number ``column`` (from 0) of the features of the data of this name, for the start of a message."""
    from craig_cli.formats.messages import quoted  # which imports this file

    names = [] if encoding is None else encoding.names
    return f"{name}: column {quoted(names[column])}" if names else f"{name}: feature {column + 1}"


def label_in_words(label: float | int | str | bool) -> str:
    """A label for a message: numbers as short as they can be, integers whole, text on one line and not too long."""
    if isinstance(label, str):
        return label[:40] if label.isprintable() else ascii(label[:40])[1:-1]
    return f"{label:g}" if isinstance(label, float) else str(label).lower()


def labels_in_words(labels, most: int = 10) -> str:
    """The first of them for a message."""
    return ", ".join(map(label_in_words, labels[:most])) + (", ..." if len(labels) > most else "")


def from_arrays(features, labels=None, multiplicity=None, missing: bool = False) -> Dataset:
    """A Dataset from arrays: ``features`` (n, d) array-like or scipy sparse, ``labels`` (n,), ``multiplicity`` (n,).

    ``missing``: nan among the features stays, for whoever fills it in. What a masked array masks is nan. Raises
    UsageError for shapes that do not fit and DataError for values that are not finite.
    """
    if sp.issparse(features):
        matrix = sp.csr_matrix(features, dtype=np.float64, copy=True)
        matrix.sum_duplicates()
        values = matrix.data
    else:
        matrix = _floats(features)
        if matrix.ndim != 2:
            raise UsageError(f"features: expected a matrix (n, d), found {matrix.ndim} dimension(s)")
        values = matrix
    n_rows = matrix.shape[0]
    if n_rows == 0:
        raise DataError("features: expected at least one row, found none")
    labels = _vector(np.zeros(n_rows) if labels is None else labels, n_rows, "labels")
    if np.isinf(values).any() if missing else not np.isfinite(values).all():
        raise DataError(f"features: expected finite numbers, found {'inf' if missing else 'nan or inf'}")
    if multiplicity is not None:
        multiplicity = _vector(multiplicity, n_rows, "multiplicity")
        if (multiplicity <= 0).any():
            raise DataError("multiplicity: expected positive numbers, found one that is not")
    return Dataset(matrix, labels, multiplicity)


def _floats(values) -> np.ndarray:
    """C-ordered float64 numbers, nan where a masked array has none: what lies beneath its mask is no data."""
    if isinstance(values, np.ma.MaskedArray):
        values = np.ma.filled(values.astype(np.float64), np.nan)
    return np.ascontiguousarray(values, dtype=np.float64)


def _vector(values, n_rows: int, what: str) -> np.ndarray:
    vector = _floats(values)
    if vector.shape != (n_rows,):
        raise UsageError(f"{what}: expected {n_rows} numbers, found shape {vector.shape}")
    if not np.isfinite(vector).all():
        raise DataError(f"{what}: expected finite numbers, found nan or inf")
    return vector


def class_values(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(classes, codes): the distinct labels in ascending order, float64, and each row's position in them, int64."""
    classes, codes = np.unique(labels, return_inverse=True)
    return classes, codes.astype(np.int64).reshape(-1)


MOST_CLASSES = 1000
SURELY_CLASSES = 20  # so many different whole numbers or fewer are classes


def has_classes(labels: np.ndarray, task: str = "auto") -> bool:
    """Whether the labels (n,) are classes, as ``task`` says, or for "auto" as they look: the one rule for all commands.

    Two different labels are classes whatever they are. More are classes where all are whole numbers and there are at
    most SURELY_CLASSES of them, or at most sqrt(n) and MOST_CLASSES which count through from 0 or 1 without a gap, as
    codes of classes do and ages, years and numbers of rings do not.
    """
    return task == "classification" if task != "auto" else look_like_classes(np.unique(labels), len(labels))


def look_like_classes(distinct: np.ndarray, n_rows: int) -> bool:
    """Whether labels of ``n_rows`` with these different values, ascending, look like classes, see ``has_classes``."""
    if len(distinct) <= 2:
        return True
    if not (distinct == np.floor(distinct)).all():
        return False
    counted = distinct[0] in (0, 1) and distinct[-1] - distinct[0] == len(distinct) - 1
    most = min(MOST_CLASSES, int(np.sqrt(n_rows))) if counted else 0
    return len(distinct) <= max(SURELY_CLASSES, most)


def task_in_words(labels: np.ndarray, task: str = "auto") -> str | None:
    """What ``has_classes`` made of labels that might have been meant otherwise, and how to say so; else None."""
    distinct = np.unique(labels)
    if task != "auto" or len(distinct) <= SURELY_CLASSES or (distinct != np.floor(distinct)).any():
        return None
    if has_classes(labels):
        return f"label: {len(distinct)} classes; --task regression if they are numbers"
    return f"label: regression, {len(distinct):,} values; --task classification for classes"


def csr_arrays(matrix: sp.csr_matrix) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(data float64, indices int32, indptr int64): the one combination kernels are compiled for.

    scipy changes the index types as it likes, so every kernel call takes its arrays from here.
    """
    return (
        matrix.data.astype(np.float64, copy=False),
        matrix.indices.astype(np.int32, copy=False),
        matrix.indptr.astype(np.int64, copy=False),
    )
