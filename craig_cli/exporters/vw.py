"""Vowpal Wabbit: ``label importance | index:value ...``.

Labels of two classes are -1 and 1 (``--loss_function logistic`` or ``hinge``), of more 1 .. k (``--oaa k``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO

from craig_cli.exporters import Exporter, Rows
from craig_cli.exporters.labels import minus_one_or_from_one
from craig_cli.exporters.text import shortest, write_rows


def write(pieces: Iterable[Rows], data: BinaryIO) -> None:
    """One example a line, features numbered from 1."""
    for rows in pieces:
        heads = (f"{shortest(label)} {shortest(weight)} |" for label, weight in rows.labels_and_weights())
        write_rows(data, rows.features, heads, first_index=1)


def advice(ratio: float, scale: str) -> str:
    """Passes: a file of r rows has so many steps fewer than one of n. Of several, VW would train on 9 rows of 10."""
    passes = max(1, round(ratio))
    several = f"vw --passes {passes} -c -k --holdout_off, passes about n/r; " if passes > 1 else ""
    return f"{several}never --sgd, whose step grows with the weight"


VW = Exporter(write, suffix=".vw", labels=minus_one_or_from_one, advice=advice)
