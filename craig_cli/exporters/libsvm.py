"""LIBSVM text with the weights beside it: ``train -W OUT.wgt OUT`` of the instance-weight liblinear and libsvm.

One number a line, in the order of the rows, with no header. C_i = weight_i * C, so with weights that count rows
C stays what it is for all rows. The liblinear-official and libsvm-official of PyPI have no such weights.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO

from craig_cli.exporters import Exporter, Rows
from craig_cli.exporters.text import shortest, write_numbers, write_rows


def write(pieces: Iterable[Rows], data: BinaryIO, weights: BinaryIO) -> None:
    """``label index:value ...``, indices from 1; the weights to their own file."""
    for rows in pieces:
        write_rows(data, rows.features, map(shortest, rows.labels.tolist()), first_index=1)
        write_numbers(weights, rows.weight)


def advice(ratio: float, scale: str) -> str:
    """C, and who reads the weights."""
    settings = "C stays that of all rows" if scale == "sum" else f"C = {ratio:.3g} x that of all rows"
    return (
        f"{settings}; the weights are read by the instance-weight liblinear and libsvm (train -W OUT.wgt OUT) and as "
        "scikit-learn's sample_weight, not by liblinear-official and libsvm-official of PyPI"
    )


LIBSVM = Exporter(write, suffix=".weighted.libsvm", beside=".wgt", advice=advice)
