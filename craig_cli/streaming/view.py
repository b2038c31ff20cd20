"""Rows as the distance sees them: scaled, of unit length for cosine, with the label of a regression beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import scipy.sparse as sp

from craig_cli.dataset import is_csr
from craig_cli.scaling import Scaling
from craig_cli.selection.distances.inverted_index import sketch
from craig_cli.selection.distances.metrics import Metric

Matrix: TypeAlias = "np.ndarray | sp.csr_matrix"


class Sight(Protocol):
    """What makes coordinates of rows, between which distances are."""

    @property
    def metric(self) -> Metric: ...
    def rows(self, features: Matrix, labels: np.ndarray) -> Matrix:
        """(m, d') float64, C-contiguous, of features (m, d) and labels (m,): numbers of a regression, else classes."""
        ...


@dataclass(frozen=True)
class View:
    """How the features are scaled, and the labels where they are one more coordinate."""

    scaling: Scaling
    metric: Metric
    of_labels: Scaling | None = None

    def rows(self, features: Matrix, labels: np.ndarray) -> Matrix:
        """(m, d') float64, C-contiguous or as sparse as they are, of features (m, d) and labels (m,)."""
        rows = self.scaling.apply(features.astype(np.float64))
        if self.of_labels is not None:
            column = self.of_labels.apply(labels[:, None].copy())
            rows = sp.hstack([rows, column], format="csr") if is_csr(rows) else np.column_stack([rows, column])
        rows = rows if self.metric.prepare is None else self.metric.prepare(rows)
        return rows if is_csr(rows) else np.ascontiguousarray(rows)


def routed_by(rows: Matrix) -> np.ndarray:
    """(m, q) float64, what the tree goes by: the ``rows`` (m, d') of a view, of sparse ones a sketch."""
    return sketch(rows) if is_csr(rows) else rows
