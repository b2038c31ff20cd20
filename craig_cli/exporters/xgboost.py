"""XGBoost: LIBSVM text from feature 0 with ``label:weight``, and the weights in OUT.weight as well.

Read as ``DMatrix("OUT?format=libsvm")``. XGBoost 3 no longer looks for OUT.weight, and would train without
weights and without a word; versions that do read it let it override the equal weights in the lines. Features
that are 0 are left out, and XGBoost takes them as missing, in training as in prediction.

XGBoost's lambda, alpha, gamma and min_child_weight are compared with sums of weights: with weights that sum to n
they all but stop acting, so the weights have mean 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO

from craig_cli.exporters import Exporter, Rows
from craig_cli.exporters.labels import from_zero
from craig_cli.exporters.text import shortest, write_numbers, write_rows


def write(pieces: Iterable[Rows], data: BinaryIO, weights: BinaryIO | None = None) -> None:
    """``label:weight index:value ...``, indices from 0 as XGBoost counts them."""
    for rows in pieces:
        heads = (f"{shortest(label)}:{shortest(weight)}" for label, weight in rows.labels_and_weights())
        write_rows(data, rows.features, heads, first_index=0)
        if weights is not None:
            write_numbers(weights, rows.weight)


def advice(ratio: float, scale: str) -> str:
    """The penalties, which are compared with sums of weights."""
    if scale == "mean":
        return "lambda, alpha, gamma and min_child_weight act on these weights as on rows: leave them"
    return (
        f"lambda, alpha, gamma and min_child_weight want {ratio:.3g} x: lambda={ratio:.3g} min_child_weight={ratio:.3g}"
    )


XGBOOST = Exporter(
    write, suffix=".xgboost.txt", beside=".weight", labels=from_zero, whole=True, scale="mean", advice=advice
)
