"""Writing what other trainers read: weighted rows, and models.

An exporter is one file with an ``Exporter`` and one line in ``craig_cli.registry.EXPORTERS``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Rows:
    """The rows to write, in this order.

    features  (r, d) float64, dense or CSR
    labels    (r,) float64, as the trainer wants them
    weight    (r,) float64, 0 or more
    rank      (r,) int64, of the coreset's elements, or None where all rows are written
    scale     "sum": ``weight`` counts rows of the data; "mean": it has mean 1; "none": there is none to write
    categorical  columns that hold categories, not quantities; see ``Exporter.categories``
    original  the rows as they are in a table that they come from, where the target takes them so
    ratio     mean of the weights before they were scaled: rows of the data that a row stands for, n / r
    """

    features: np.ndarray | sp.csr_matrix
    labels: np.ndarray
    weight: np.ndarray
    rank: np.ndarray | None = None
    scale: str = "sum"
    ratio: float = 1.0
    categorical: tuple[int, ...] = ()
    original: pa.Table | None = None

    def labels_and_weights(self) -> Iterator[tuple[float, float]]:
        """Row by row."""
        return zip(self.labels.tolist(), self.weight.tolist())


@dataclass(frozen=True)
class Exporter:
    """One target.

    write    ``write(pieces, *streams)``, Rows that follow each other, all of one width and kind; of a model
             ``write(model, stream)``, with ``takes_model``
    suffix   of the default file name
    beside   what is added to the name of the file to name a second one; its stream is the second
    labels   classes, ascending -> the numbers the trainer wants for them, or None to leave labels alone
    greedy   rows in greedy order, which a column of ranks records, instead of the order of the data
    whole    the first file says everything that the second says, so it may go alone to a pipe
    scale    "sum" or "mean": the scale of weights at which the trainer's own settings keep their meaning
    categories  the target tells columns of categories from those of quantities
    original  the target takes the columns of a table as they are, with those of weight and rank
    advice   ``advice(ratio, scale)``: the settings of the trainer that depend on the weights, as they are typed
    """

    write: Callable
    suffix: str
    beside: str | None = None
    labels: Callable[[np.ndarray], np.ndarray] | None = None
    greedy: bool = False
    whole: bool = False
    binary: bool = False
    takes_model: bool = False
    scale: str = "sum"
    advice: Callable[[float, str], str] | None = None
    categories: bool = False
    original: bool = False
