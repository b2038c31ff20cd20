"""CatBoost: tab-separated columns label, weight, x1 .. xd with no header, and their description in OUT.cd.

Read as ``Pool("OUT", column_description="OUT.cd")`` or ``catboost fit -f OUT --cd OUT.cd``. CatBoost multiplies
l2_leaf_reg by the mean weight itself, but the noise of its random_strength does depend on the scale, and at the default
random_strength=1 weights that count rows give the better models (guide/trainers.md). Its learning rate it picks by the
number of rows, which is r here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv

from craig_cli.exporters import Exporter, Rows
from craig_cli.exporters.table import check_width
from craig_cli.exporters.text import dense_chunks
from craig_cli.formats.arrow import to_arrow


def write(pieces: Iterable[Rows], data: BinaryIO, description: BinaryIO) -> None:
    """One row a line, in the order of the data; categories are written as the numbers they are in the data."""
    for number, rows in enumerate(pieces):
        if number == 0:
            _describe(rows, description)
        _write_rows(rows, data)


def _describe(rows: Rows, description: BinaryIO) -> None:
    n_features = rows.features.shape[1]
    check_width(n_features)
    kinds = ["Categ" if column in rows.categorical else "Num" for column in range(n_features)]
    lines = ["0\tLabel", "1\tWeight", *(f"{k + 2}\t{kind}\tx{k + 1}" for k, kind in enumerate(kinds))]
    description.write(("\n".join(lines) + "\n").encode("ascii"))


def _write_rows(rows: Rows, data: BinaryIO) -> None:
    options = pa.csv.WriteOptions(include_header=False, delimiter="\t")
    for first, dense in dense_chunks(rows.features):
        part = slice(first, first + len(dense))
        columns = (rows.labels[part], rows.weight[part], *np.ascontiguousarray(dense.T))
        names = [str(number) for number in range(len(columns))]
        pa.csv.write_csv(pa.record_batch([to_arrow(column) for column in columns], names=names), data, options)


def advice(ratio: float, scale: str) -> str:
    """The learning rate, picked by the number of rows."""
    return (
        "learning_rate: give the one that CatBoost prints for all rows, it picks another for fewer; leave l2_leaf_reg"
    )


CATBOOST = Exporter(write, suffix=".catboost.tsv", beside=".cd", advice=advice, categories=True)
