"""What numbers a training can work with: sums of their squares have to fit in float64."""

from __future__ import annotations

import numpy as np

from craig_cli.dataset import Dataset, is_csr
from craig_cli.errors import DataError
from craig_cli.scaling import Scaling, column_range

LARGEST = 1e150  # the squares of a hundred million of them still have a sum


def check_squares(dataset: Dataset, scale: str | Scaling, is_regression: bool) -> None:
    """Raise DataError for a feature, where they are not scaled, or a target of a regression beyond LARGEST.

    Whatever scales them refuses by itself what it cannot scale.
    """
    if is_regression and (worst := float(np.abs(dataset.labels).max())) > LARGEST:
        raise DataError(f"{dataset.name}: expected labels of at most {LARGEST:g}, found {worst:g}; divide them all")
    unscaled = scale == "none" or (isinstance(scale, Scaling) and scale.factor is None)
    features = dataset.features
    values: np.ndarray = features.data if is_csr(features) else features
    if not unscaled or max(values.max(initial=0.0), -values.min(initial=0.0)) <= LARGEST:
        return
    low, high = column_range(features)
    largest = np.maximum(high, -low)
    column = int(np.argmax(largest))
    raise DataError(
        f"{dataset.column_text(column)}: expected values of at most {LARGEST:g}, whose squares fit in float64, "
        f"found {largest[column]:g}; give --scale minmax"
    )
