"""A model as liblinear's own ``predict`` reads it, with the labels that craig's own prediction gives.

    solver_type, nr_class, label, nr_feature, bias, then ``w``: a line for each feature, a number for each margin

liblinear's label[0] is the class of a positive margin, so of two classes the second comes first. The intercept
is the weight of one more feature whose value is ``bias``; a bias of -1 says there is none.
"""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

from craig_cli.artifacts.model import Model
from craig_cli.errors import DataError
from craig_cli.exporters import Exporter
from craig_cli.registry import LOSSES, load


def write(model: Model, stream: BinaryIO) -> None:
    """The model file. Raises DataError for labels that are no int, which is all that liblinear has."""
    coef, intercept = np.atleast_2d(model.coef), np.atleast_1d(model.intercept)
    # Only the L2R_LR model has probabilities (predict -b 1), and only of two classes are they those of our loss.
    classes, solver = list(model.classes), load(LOSSES, model.loss).liblinear
    if model.loss == "multinomial" and len(classes) == 2:
        # liblinear looks at the first margin only where there are two classes.
        coef, intercept = coef[1:] - coef[:1], intercept[1:] - intercept[:1]
        solver = load(LOSSES, "logistic").liblinear
    if len(classes) == 2:
        classes.reverse()
    has_bias = bool(intercept.any())
    lines = [f"solver_type {solver}", f"nr_class {len(classes) or 2}"]
    if classes:
        lines.append("label " + " ".join(_int(value) for value in classes))
    lines += [f"nr_feature {model.n_features}", f"bias {1 if has_bias else -1}", "w"]
    weights = np.vstack([coef.T, intercept]) if has_bias else coef.T
    lines += [" ".join(map(repr, row)) + " " for row in weights.tolist()]
    stream.write(("\n".join(lines) + "\n").encode("ascii"))


def _int(value: float) -> str:
    if not value.is_integer() or abs(value) >= 2**31:
        raise DataError(f"expected labels that are whole numbers, as liblinear has them, found {value:g}")
    return str(int(value))


LIBLINEAR = Exporter(write, suffix=".liblinear", takes_model=True)
