"""LightGBM: LIBSVM text from feature 0, and OUT.weight beside it, which LightGBM finds by itself.

At its defaults LightGBM does not mind the scale of weights; lambda_l1, lambda_l2 and min_sum_hessian_in_leaf are
compared with sums of weights, so the weights have mean 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO

from craig_cli.exporters import Exporter, Rows
from craig_cli.exporters.labels import from_zero
from craig_cli.exporters.text import shortest, write_numbers, write_rows

LEAST_FEATURES = 2


def write(pieces: Iterable[Rows], data: BinaryIO, weights: BinaryIO) -> None:
    """``label index:value ...``, indices from 0; the weights to their own file.

    LightGBM takes the largest index for the number of features and guesses the format by the first lines, so
    the first row has its last feature even if that is 0. To LightGBM that is the same as to leave it out. It refuses
    text of a single feature, which therefore gets another, of zeros.
    """
    for number, rows in enumerate(pieces):
        width = rows.features.shape[1]
        last = max(width, LEAST_FEATURES) - 1
        tail = f" {last}:0" if number == 0 and (last >= width or rows.features[0, last] == 0) else ""
        write_rows(data, rows.features, map(shortest, rows.labels.tolist()), first_index=0, first_tail=tail)
        write_numbers(weights, rows.weight)


def advice(ratio: float, scale: str) -> str:
    """Leaves, and the penalties."""
    leaves = "num_leaves=8 or so; leave min_data_in_leaf alone, it does not shrink with the rows"
    return leaves if scale == "mean" else f"{leaves}; lambda_l1 and lambda_l2 want {ratio:.3g} x"


LIGHTGBM = Exporter(write, suffix=".lightgbm.txt", beside=".weight", labels=from_zero, scale="mean", advice=advice)
