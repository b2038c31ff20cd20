"""Writing columns into the rows of a matrix: ``free`` (rows,) int64 has where the next value of each row goes."""

from __future__ import annotations

from craig_cli.jit import njit


@njit
def put_codes(codes, column, free, indices, values):
    """A 1 in column ``column`` + code of each row whose code is not negative."""
    for row in range(len(codes)):
        if codes[row] >= 0:
            place = free[row]
            indices[place] = column + codes[row]
            values[place] = 1.0
            free[row] = place + 1


@njit
def put_values(found, column, free, indices, values):
    """The values ``found`` (rows,) that are not zero in column ``column``."""
    for row in range(len(found)):
        if found[row] != 0.0:
            place = free[row]
            indices[place] = column
            values[place] = found[row]
            free[row] = place + 1


@njit
def put_ones(codes, column, part):
    """A 1 in column ``column`` + code of the rows of ``part``, which is dense."""
    for row in range(len(codes)):
        if codes[row] >= 0:
            part[row, column + codes[row]] = 1.0
