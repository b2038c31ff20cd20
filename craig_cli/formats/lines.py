"""The kernels of the LIBSVM parser: where the rows of a block of text are, and what is in them.

A block is a uint8 array that ends in a line feed, so that no loop needs to check for the end of the array: every
loop stops at a line feed. A kernel says which row it cannot read, not why: ``libsvm_errors`` looks again.
"""

from __future__ import annotations

import numpy as np

from craig_cli.formats.numbers import parse_number
from craig_cli.jit import njit

TAB, LINE_FEED, RETURN, SPACE, HASH, COLON = 9, 10, 13, 32, 35, 58
LARGEST_INDEX = 2**31 - 1
STRIDE = 32  # bytes looked at together for a line feed


@njit
def row_starts(text, starts):
    """(rows, lines) of the block ``text``; starts[:rows] becomes where rows begin: at their first character.

    A line without anything but space or a comment is no row.
    """
    size = len(text)
    rows = 0
    lines = 0
    position = 0
    while position < size:
        while text[position] == SPACE or text[position] == TAB or text[position] == RETURN:
            position += 1
        if text[position] != LINE_FEED and text[position] != HASH:
            starts[rows] = position
            rows += 1
        while position + STRIDE <= size:  # a loop without branches, which the compiler makes one comparison
            found = 0
            for i in range(STRIDE):
                found |= text[position + i] == LINE_FEED
            if found:
                break
            position += STRIDE
        while text[position] != LINE_FEED:
            position += 1
        position += 1
        lines += 1
    return rows, lines


@njit
def _after_token(text, position):
    """True where a token ends at ``position``."""
    byte = text[position]
    return byte == SPACE or byte == LINE_FEED or byte == TAB or byte == RETURN or byte == HASH


@njit
def parse_rows(text, starts, lowest_index, labels, lengths, indices, values, summary):
    """Read the rows of ``text`` that begin at ``starts``; returns how many were read before one that cannot be.

    labels, lengths   (rows,) float64 and int64: label and number of features of each row
    indices, values   int32 and float64, long enough: the features of all rows, indices as they are written
    summary           (5,) int64: features, largest index (-1 without any), least index, values that are not zero,
                      rows whose indices do not increase

    A number that ``parse_number`` leaves to ``float`` is nan.
    """
    k = 0
    largest = -1
    least = LARGEST_INDEX
    nonzeros = 0
    unsorted = 0
    row = 0
    for row in range(len(starts)):
        position, label = parse_number(text, starts[row])
        if position < 0 or not _after_token(text, position):
            break
        begin = k
        previous = -1
        increasing = True
        good = True
        while True:
            byte = text[position]
            while byte == SPACE or byte == TAB or byte == RETURN:
                position += 1
                byte = text[position]
            if byte == LINE_FEED or byte == HASH:
                break
            first = position
            index = np.int64(0)
            digit = np.int64(byte) - 48
            while 0 <= digit <= 9 and index <= LARGEST_INDEX:
                index = 10 * index + digit
                position += 1
                digit = np.int64(text[position]) - 48
            if text[position] == COLON and position > first and lowest_index <= index <= LARGEST_INDEX:
                position, value = parse_number(text, position + 1)
                if position < 0 or not _after_token(text, position):
                    good = False
                    break
                indices[k] = index
                values[k] = value
                k += 1
                nonzeros += value != 0.0
                increasing = increasing and index > previous
                previous = index
                largest = max(largest, index)
                least = min(least, index)
            elif (
                text[first] == 113
                and text[first + 1] == 105
                and text[first + 2] == 100
                and text[first + 3] == COLON
            ):
                while not _after_token(text, position):
                    position += 1
            else:
                good = False
                break
        if not good:
            k = begin
            break
        labels[row] = label
        lengths[row] = k - begin
        unsorted += not increasing
    else:
        row = len(starts)
    summary[0], summary[1], summary[2], summary[3], summary[4] = k, largest, least, nonzeros, unsorted
    return row


@njit
def fill_dense(lengths, indices, values, lowest_index, dense):
    """Write rows into ``dense`` (rows, features), all zeros before."""
    k = 0
    for row in range(len(lengths)):
        for _ in range(lengths[row]):
            dense[row, indices[k] - lowest_index] = values[k]
            k += 1


@njit
def fill_sparse(lengths, indices, values, lowest_index, ends, out_indices, out_values):
    """Append rows without their zeros to a CSR matrix: ends[r] (rows,) is where row r ends in the out arrays."""
    k = 0
    at = 0
    for row in range(len(lengths)):
        for _ in range(lengths[row]):
            if values[k] != 0.0:
                out_indices[at] = indices[k] - lowest_index
                out_values[at] = values[k]
                at += 1
            k += 1
        ends[row] = at
