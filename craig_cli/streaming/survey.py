"""The first pass over the data: its classes, what scaling needs, and a sample of its rows.

Every sum is one over pieces in their order, and a row is in the sample by its number alone: the same data gives the
same survey in any amount of memory and with any number of threads.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import scipy.sparse as sp

from craig_cli.dataset import MOST_CLASSES, is_csr
from craig_cli.errors import DataError
from craig_cli.formats.messages import quoted
from craig_cli.formats.pieces import Piece
from craig_cli.formats.pipeline import Workers
from craig_cli.scaling import ROUNDING, TINY, Named, Scaling, column_range, scaling_by
from craig_cli.tables.encoding import Encoding
from craig_cli.tables.fingerprint import Fingerprint
from craig_cli.tables.fitting import suspects_of
from craig_cli.tables.number import Numbers
from craig_cli.tables.suspects import Counting

LIFT = 2.0**700  # TINY times it has a square, and so has the smallest normal number


@dataclass
class Moments:
    """Of the columns of the rows so far: what they count, mean, sum of squares about it, and their ranges.

    plain is the mean of the rows as such, largest the greatest square of a row's norm. Of sparse rows zeros count too.
    tiny are the squares, of LIFT times the rows, of columns whose own may be none in float64 (``scaling.TINY``).
    """

    mass: float
    mean: np.ndarray
    squares: np.ndarray
    low: np.ndarray
    high: np.ndarray
    largest: float
    rows: int
    plain: np.ndarray
    tiny: np.ndarray
    sparse: bool = False

    @classmethod
    def of(cls, rows: np.ndarray | sp.csr_matrix, weight: np.ndarray | None) -> Moments:
        """Of ``rows`` (m, d), which count ``weight`` (m,) each, or 1."""
        rows = rows.astype(np.float64, copy=False)
        if is_csr(rows):
            return cls._of_sparse(rows, np.ones(rows.shape[0]) if weight is None else weight)
        plain = rows.mean(axis=0)
        counts = np.ones(len(rows)) if weight is None else weight
        mean = plain if weight is None else counts @ rows / counts.sum()
        squares = counts @ np.square(rows - mean)
        largest = float(np.einsum("ij,ij->i", rows, rows).max())
        low, high = rows.min(axis=0), rows.max(axis=0)
        tiny, small = np.zeros(len(mean)), _are_tiny(low, high)
        if small.any():
            tiny[small] = counts @ np.square((rows[:, small] - mean[small]) * LIFT)
        return cls(float(counts.sum()), mean, squares, low, high, largest, len(rows), plain, tiny)

    @classmethod
    def _of_sparse(cls, rows: sp.csr_matrix, counts: np.ndarray) -> Moments:
        mass, square = counts.sum(), rows.multiply(rows).tocsr()
        mean, plain = rows.T @ counts / mass, rows.T @ np.ones(len(counts)) / len(counts)
        squares = np.maximum(square.T @ counts - mass * mean**2, 0.0)
        largest = float(np.max(square.sum(axis=1)))
        low, high = column_range(rows)
        tiny, small = np.zeros(len(mean)), np.flatnonzero(_are_tiny(low, high))
        if len(small):
            lifted = rows[:, small] * LIFT
            tiny[small] = lifted.multiply(lifted).T @ counts - mass * (mean[small] * LIFT) ** 2
        return cls(float(mass), mean, squares, low, high, largest, len(counts), plain, tiny, sparse=True)

    def add(self, other: Moments) -> None:
        """Those of more rows (Chan, Golub and LeVeque 1979)."""
        mass, gap = self.mass + other.mass, other.mean - self.mean
        self.mean = self.mean + gap * (other.mass / mass)
        share = self.mass * other.mass / mass
        self.squares = self.squares + other.squares + gap * gap * share
        self.mass = mass
        self.low, self.high = np.minimum(self.low, other.low), np.maximum(self.high, other.high)
        lifted = np.where(_are_tiny(self.low, self.high), gap, 0.0) * LIFT
        self.tiny = self.tiny + other.tiny + lifted * lifted * share
        self.largest = max(self.largest, other.largest)
        self.rows += other.rows
        self.plain = self.plain + (other.plain - self.plain) * (other.rows / self.rows)

    def scaling(self, name: str, named: Named | None = None) -> Scaling:
        """As ``scaling.fit_scaling`` makes it of all rows."""
        ranges = lambda: (self.low, self.high)  # noqa: E731
        width = len(self.mean)
        if name == "none":
            return Scaling(name)
        if name == "unit":
            return scaling_by(name, np.zeros(width), np.full(width, np.sqrt(self.largest)), ranges, named)
        if name == "minmax":
            shift, spread = self.low, self.high - self.low
        else:
            shift, spread = self.mean, self._deviation()
        return scaling_by(name, np.zeros(width) if self.sparse else shift, spread, ranges, named)

    def _deviation(self) -> np.ndarray:
        variance = self.squares / self.mass
        if self.sparse:
            variance[variance < ROUNDING * self.mean**2] = 0.0
        variance[self.low == self.high] = 0.0
        deviation = np.sqrt(np.maximum(variance, 0.0))
        small = (variance < TINY**2) & _are_tiny(self.low, self.high) & (self.low < self.high)
        deviation[small] = np.sqrt(np.maximum(self.tiny[small] / self.mass, 0.0)) / LIFT
        return deviation


def _are_tiny(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Of which columns from ``low`` to ``high`` the squares may be none in float64."""
    largest = np.maximum(high, -low)
    return (largest > 0.0) & (largest < TINY)


@dataclass
class Survey:
    """What is known after the first pass.

    counts    label, as it is in the data -> [rows, their mass]; empty where there are more than MOST_CLASSES labels
    firsts    label -> the first row with it: features (1, d), label (1,); of None the first of all
    features  moments, and labels those of a column of them
    parts     of the sample: features (s, d), labels (s,) float64, labels as they are in the data, what rows count (s,)
    widths    columns of the matrix for each feature
    contents  number of an input -> fingerprint of its rows
    counting  name -> whether the numbers of a column may be identifiers
    """

    features: Moments
    labels: Moments
    named: bool
    weighted: bool
    dtype: np.dtype
    widths: list[int]
    counts: dict = field(default_factory=dict)
    firsts: dict = field(default_factory=dict)
    parts: list = field(default_factory=list)
    contents: dict[int, Fingerprint] = field(default_factory=dict)
    counting: dict[str, Counting] = field(default_factory=dict)
    many: bool = False

    @property
    def values(self) -> list:
        """The labels there are, ascending."""
        return sorted(self.counts, key=lambda value: (isinstance(value, str), value))

    def suspects(self, encoding: Encoding) -> list[str]:
        """Notes on columns of plain numbers that may be identifiers."""
        return suspects_of(encoding, {name: Numbers(counting=each) for name, each in self.counting.items()})


@dataclass(frozen=True)
class Look:
    """At a piece: how many rows it has, and what of them a survey takes.

    piece    without its rows but the first and the first of each class
    classes  (label, rows, mass, place in the piece) of each
    sample   features (s, d), labels (s,), labels as they are in the data, and what the rows count (s,)
    content  the fingerprint of its rows
    """

    rows: int
    piece: Piece
    moments: tuple[Moments, Moments]
    classes: list[tuple]
    sample: tuple[np.ndarray, np.ndarray, list, np.ndarray]
    content: Fingerprint


def look_at(piece: Piece, rate: float, seed: int) -> Look:
    values, firsts, codes = np.unique(piece.labels, return_index=True, return_inverse=True)
    weight = np.ones(len(codes)) if piece.weight is None else piece.weight
    chosen = np.flatnonzero(chance(np.arange(piece.first, piece.first + len(codes)), seed) < rate)
    names = [value if piece.names is None else piece.names[int(value)] for value in values.tolist()]
    labels = [names[code] for code in codes[chosen]]
    sample = piece.features[chosen], piece.labels[chosen], labels, weight[chosen]
    moments = Moments.of(piece.features, piece.weight), Moments.of(piece.labels[:, None], piece.weight)
    masses = np.bincount(codes, weights=weight)
    content = Fingerprint(Workers(1), piece.place[1])
    content.add(piece.values, len(codes))
    kept = np.concatenate([[0], firsts])
    few = None if piece.weight is None else piece.weight[kept]
    little = replace(piece, features=piece.features[kept], labels=piece.labels[kept], weight=few, values={})
    classes = list(zip(names, np.bincount(codes).tolist(), masses.tolist(), range(1, len(kept))))
    return Look(len(codes), little, moments, classes, sample, content)


def survey(
    looks: Iterable[Look], progress: Callable[[int], None], inputs: Sequence[str], columns: Sequence[str]
) -> Survey:
    """All that the ``looks`` at pieces, in their order, come to; ``inputs`` and ``columns`` are what those are called.

    Raises DataError for lists of other lengths, and labels of another kind, than those before.
    """
    whole: Survey | None = None
    for look in looks:
        piece, moments, number = look.piece, look.moments, look.piece.place[0]
        if whole is not None and piece.widths != whole.widths:
            widths = zip(columns, whole.widths, piece.widths)
            column, width, other = next(each for each in widths if each[1] != each[2])
            raise DataError(
                f"{inputs[number]}: column {quoted(column)}, row {piece.first} (from 0): expected {width} numbers, "
                f"as in the rows before, found {other}"
            )
        if whole is None:
            first = piece.features[:1].copy(), piece.labels[:1].copy()
            named, weighted = piece.names is not None, piece.weight is not None
            dtype = np.dtype(np.float32)
            whole = Survey(moments[0], moments[1], named, weighted, dtype, piece.widths, firsts={None: first})
            whole.counting |= piece.counting
        else:
            whole.features.add(moments[0])
            whole.labels.add(moments[1])
            for name, counting in piece.counting.items():
                whole.counting[name].join(counting)
        if whole.named != (piece.names is not None):
            expected, found = ("labels of text", "numbers") if whole.named else ("numbers as labels", "others")
            where = f"{inputs[number]}: row {piece.first} (from 0)"
            raise DataError(f"{where}: expected {expected}, as in the rows before, found {found}")
        _add(whole, piece, look.classes)
        whole.parts.append(look.sample)
        if number in whole.contents:
            whole.contents[number].join(look.content)
        else:
            whole.contents[number] = look.content
        progress(look.rows)
    assert whole is not None
    return whole


def _add(whole: Survey, piece: Piece, classes: list) -> None:
    whole.dtype = np.result_type(whole.dtype, piece.features.dtype)
    whole.many |= len(whole.counts.keys() | {value for value, *_ in classes}) > MOST_CLASSES
    if whole.many:
        whole.counts.clear()
        return
    for value, rows, mass, first in classes:
        if value not in whole.counts:
            whole.counts[value] = [0, 0.0]
            whole.firsts[value] = piece.features[first : first + 1].copy(), piece.labels[first : first + 1].copy()
        whole.counts[value][0] += rows
        whole.counts[value][1] += mass


def chance(rows: np.ndarray, seed: int, what: str = "") -> np.ndarray:
    """(m,) float64 in [0, 1), the same for the same row number and seed (SplitMix64, Steele, Lea and Flood 2014).

    what  it is for: another is another draw
    """
    mixed = (seed + zlib.crc32(what.encode())) % 2**32
    state = (rows.astype(np.uint64) + np.uint64(mixed << 32)) * np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((state ^ (state >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) * 2.0**-53
