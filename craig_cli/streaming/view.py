"""Rows as the distance sees them: scaled, of unit length for cosine, with the label of a regression beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from craig_cli.scaling import Scaling
from craig_cli.selection.distances.metrics import Metric


class Sight(Protocol):
    """What makes coordinates of rows, between which distances are."""

    @property
    def metric(self) -> Metric: ...
    def rows(self, features: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """(m, d') float64, C-contiguous, of features (m, d) and labels (m,): numbers of a regression, else classes."""
        ...


@dataclass(frozen=True)
class View:
    """How the features are scaled, and the labels where they are one more coordinate."""

    scaling: Scaling
    metric: Metric
    of_labels: Scaling | None = None

    def rows(self, features: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """(m, d') float64, C-contiguous, of features (m, d) and labels (m,)."""
        rows = self.scaling.apply(features.astype(np.float64))
        if self.of_labels is not None:
            rows = np.column_stack([rows, self.of_labels.apply(labels[:, None].copy())])
        return np.ascontiguousarray(rows if self.metric.prepare is None else self.metric.prepare(rows))
