"""Writing columns into the rows of a matrix: ``free`` (rows,) int64 has where the next value of each row goes.

And the exact sum of a column, which does not depend on the order of its rows.
"""

from __future__ import annotations

import numpy as np

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


@njit
def add_exactly(values, bins):
    """Add the ``values`` (rows,) float64 to ``bins`` int64, of which number k counts 2^(32 k - 1075); nan is left out.

    Returns how many were added. A bin changes by less than 2^32 a value, so it has room for 2^30 of them. A float64 is
    a whole number of 53 bits times 2^(exponent - 1075), as in Neal, "Fast exact summation using small and large
    superaccumulators" (2015).
    """
    count = 0
    for bits in values.view(np.int64):
        exponent = (bits >> 52) & 0x7FF
        if exponent == 0x7FF:
            continue
        count += 1
        whole = bits & 0xFFFFFFFFFFFFF
        if exponent:
            whole |= 1 << 52
        else:
            exponent = 1
        place, shift = exponent >> 5, exponent & 31
        low = (whole & 0xFFFFFFFF) << shift
        high = ((whole >> 32) << shift) + (low >> 32)
        sign = -1 if bits < 0 else 1
        bins[place] += sign * (low & 0xFFFFFFFF)
        bins[place + 1] += sign * (high & 0xFFFFFFFF)
        bins[place + 2] += sign * (high >> 32)
    return count
