"""Writing columns into the rows of a matrix: ``free`` (rows,) int64 has where the next value of each row goes."""

from __future__ import annotations

from craig_cli.jit import njit


@njit
def put_codes(codes, column, free, indices, values):
    """A 1 in column ``column`` + code of each row whose code is not negative."""
    for row in range(len(codes)):
        if codes[row] >= 0:
            position = free[row]
            indices[position] = column + codes[row]
            values[position] = 1.0
            free[row] = position + 1


@njit
def put_values(values_of_column, column, free, indices, values):
    """The values (rows,) that are not zero in column ``column``."""
    for row in range(len(values_of_column)):
        if values_of_column[row] != 0.0:
            position = free[row]
            indices[position] = column
            values[position] = values_of_column[row]
            free[row] = position + 1


@njit
def put_ones(codes, column, part):
    """A 1 in column ``column`` + code of the rows of ``part``, which is dense."""
    for row in range(len(codes)):
        if codes[row] >= 0:
            part[row, column + codes[row]] = 1.0
