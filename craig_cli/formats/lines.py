"""The kernels of the LIBSVM parser: where the rows of a block of text are, and what is in them.

A block is given as ``words``: words[i], uint64, is the 8 bytes of text from i on, which overlap. The text
ends in a line feed, so that no loop needs to check for the end: every loop stops at a line feed. A kernel
says which row it cannot read, not why: ``libsvm_errors`` looks again.
"""

from __future__ import annotations

import numpy as np

from craig_cli.formats.numbers import U0, U1, ZERO, byte_at, parse_number
from craig_cli.jit import njit

COLON, LETTER_Q = 58, 113
SPACES = (1 << 9) | (1 << 13) | (1 << 32)  # bit b is set where byte b separates tokens: tab, return, space
LINE_ENDS = (1 << 10) | (1 << 35)  # line feed, and # before a comment
TOKEN_ENDS = SPACES | LINE_ENDS
QID = np.uint64(int.from_bytes(b"qid:", "little"))
LARGEST_INDEX = 2**31 - 1
PADDING = 8  # bytes behind the text, which the last words take in


@njit(forceinline=True)
def _is_in(byte, kind):
    return byte < 64 and (kind >> byte) & 1 == 1


@njit
def row_starts(words, size, starts):
    """(rows, lines) of the first ``size`` bytes; starts[:rows] becomes where the text of each row begins.

    A line without anything but space or a comment is no row.
    """
    rows = 0
    lines = 0
    position = 0
    while position < size:
        byte = byte_at(words, position)
        while _is_in(byte, SPACES):
            position += 1
            byte = byte_at(words, position)
        if not _is_in(byte, LINE_ENDS):
            starts[np.uint64(rows)] = position
            rows += 1
        while True:
            other = words[np.uint64(position)] ^ np.uint64(0x0A0A0A0A0A0A0A0A)
            found = (other - np.uint64(0x0101010101010101)) & ~other & np.uint64(0x8080808080808080)
            if found != U0:
                break
            position += 8
        lowest = (found & (~found + U1)) >> np.uint64(7)
        position += np.int64((lowest * np.uint64(0x0001020304050607)) >> np.uint64(56)) + 1
        lines += 1
    return rows, lines


@njit
def parse_rows(words, starts, lowest_index, labels, lengths, indices, values, summary):
    """Read the rows that begin at ``starts``; returns how many there are before one that cannot be read.

    labels, lengths   (rows,) float64 and int64: label and number of features of each row
    indices, values   int32 and float64, long enough: the features of all rows, indices as they are written
    summary           (6,) int64: features, largest index (-1 without any), least index, values that are not
                      zero, rows whose indices do not increase, numbers left to ``float``, which are nan
    """
    k = 0
    largest = -1
    least = LARGEST_INDEX
    nonzeros = 0
    unsorted = 0
    undecided = 0
    row = 0
    for row in range(len(starts)):
        position, label = parse_number(words, starts[row])
        if position < 0 or not _is_in(byte_at(words, position), TOKEN_ENDS):
            break
        undecided += label != label
        begin = k
        previous = -1
        increasing = True
        good = True
        while True:
            byte = byte_at(words, position)
            while _is_in(byte, SPACES):
                position += 1
                byte = byte_at(words, position)
            if _is_in(byte, LINE_ENDS):
                break
            first = position
            index = np.int64(0)
            digit = byte - ZERO
            while 0 <= digit <= 9 and index <= LARGEST_INDEX:
                index = 10 * index + digit
                position += 1
                digit = byte_at(words, position) - ZERO
            if digit == COLON - ZERO and position > first and lowest_index <= index <= LARGEST_INDEX:
                position, value = parse_number(words, position + 1)
                if position < 0 or not _is_in(byte_at(words, position), TOKEN_ENDS):
                    good = False
                    break
                place = np.uint64(k)
                indices[place] = index
                values[place] = value
                k += 1
                nonzeros += value != 0.0
                undecided += value != value
                increasing = increasing and index > previous
                previous = index
                largest = max(largest, index)
                least = min(least, index)
            elif byte == LETTER_Q and words[np.uint64(first)] & np.uint64(0xFFFFFFFF) == QID:
                while not _is_in(byte_at(words, position), TOKEN_ENDS):
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
    summary[0], summary[1], summary[2] = k, largest, least
    summary[3], summary[4], summary[5] = nonzeros, unsorted, undecided
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
    """Write rows without their zeros as CSR: ends[r] becomes where row r ends in the out arrays."""
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
