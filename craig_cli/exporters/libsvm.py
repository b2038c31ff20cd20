"""LIBSVM text with the weights beside it: ``train -W OUT.wgt OUT`` of the instance-weight liblinear and libsvm.

One number a line, in the order of the rows, with no header. C_i = weight_i * C.
"""

from __future__ import annotations

from typing import BinaryIO

from craig_cli.exporters import Exporter, Rows
from craig_cli.exporters.text import shortest, write_numbers, write_rows


def write(rows: Rows, data: BinaryIO, weights: BinaryIO) -> None:
    """``label index:value ...``, indices from 1; the weights to their own file."""
    labels = rows.labels.tolist()
    write_rows(data, rows.features, lambda row: shortest(labels[row]), first_index=1)
    write_numbers(weights, rows.weight)


LIBSVM = Exporter(write, suffix=".weighted.libsvm", beside=".wgt")
