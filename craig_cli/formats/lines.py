"""The kernels of the LIBSVM parser: where the rows of a block of text are, and what is in them.

A block is text, uint8, that ends in a line feed before PADDING bytes of whatever: no loop needs to check for
the end, because every loop stops at a line feed. A kernel says which row it cannot read, not why:
``libsvm_errors`` looks again.
"""

from __future__ import annotations

import numpy as np

from craig_cli.formats.numbers import ZERO, parse_number, short_integer, short_number
from craig_cli.formats.scan import (
    COLON,
    HASH,
    LINE_FEED,
    PADDING,
    SPACE,
    U0,
    U1,
    WIDTH,
    byte_at,
    line_feeds,
    next_separator,
    separators,
    unlikely,
    word_at,
    zeros_after_space,
)
from craig_cli.jit import address_of, inner, lowest_bit, njit

LETTER_Q = 113
SPACES = (1 << 9) | (1 << 13) | (1 << SPACE)  # bit b is set where byte b separates tokens: tab, return, space
LINE_ENDS = (1 << 10) | (1 << 35)  # line feed, and # before a comment
TOKEN_ENDS = SPACES | LINE_ENDS
NAN = np.uint64(int.from_bytes(b"NAN", "little"))
MISSING = np.inf  # no number that is read is infinite
QID = np.uint64(int.from_bytes(b"qid:", "little"))
LARGEST_INDEX = 2**31 - 1


@inner(forceinline=True)
def _is_in(byte, kind):
    return byte < 64 and (kind >> byte) & 1 == 1


@njit
def row_starts(block, starts):
    """(rows, lines) of ``block``; starts[:rows] becomes where the text of each row begins.

    A line without anything but space or a comment is no row.
    """
    rows = 0
    lines = 0
    position = 0
    text, size = address_of(block), len(block) - PADDING
    for base in range(0, size, WIDTH):
        bits = line_feeds(text, base)
        if base + WIDTH > size:
            bits &= (U1 << np.uint64(size - base)) - U1
        while bits != U0:
            byte = byte_at(text, position)
            while _is_in(byte, SPACES):
                position += 1
                byte = byte_at(text, position)
            if not _is_in(byte, LINE_ENDS):
                starts[np.uint64(rows)] = position
                rows += 1
            position = base + lowest_bit(bits) + 1
            bits &= bits - U1
            lines += 1
    return rows, lines


@inner
def _long_index(text, start):
    """(end, value) of the digits at ``start``, however many; value is more than LARGEST_INDEX if the index is."""
    index = np.int64(0)
    position = start
    digit = byte_at(text, position) - ZERO
    while 0 <= digit <= 9:
        index = min(10 * index + digit, LARGEST_INDEX + 1)
        position += 1
        digit = byte_at(text, position) - ZERO
    return position, index


@njit
def has_index_zero(block):
    """Whether some feature in ``block`` has the index 0. Only a 0 behind space is looked at closely."""
    text, size = address_of(block), len(block) - PADDING
    line_end = 0  # of the last comment with such a 0
    for base in range(0, size, WIDTH):
        bits = zeros_after_space(text, base)
        while bits != U0:
            zero = base + lowest_bit(bits) + 1
            bits &= bits - U1
            if zero >= size:
                break
            end, index = _long_index(text, zero)
            if zero < line_end or index != 0 or byte_at(text, end) != COLON:
                continue
            position = zero - 1
            is_feature = False  # the first token of a line is its label, maybe label:weight
            while position >= 0 and not _is_in(byte_at(text, position), LINE_ENDS):
                is_feature |= not _is_in(byte_at(text, position), SPACES)
                position -= 1
            if position < 0 or byte_at(text, position) == LINE_FEED:
                if is_feature:
                    return True
                continue
            line_end = zero
            while byte_at(text, line_end) != LINE_FEED:
                line_end += 1
    return False


@inner(forceinline=True)
def _number(text, start, end):
    """(True, value) where text[start:end] is a number; nan where ``float`` has to decide."""
    good, value = short_number(text, start, end)
    if unlikely(not good):
        position, value = parse_number(text, start)
        good = position == end
    return good, value


@inner
def _missing(text, start, end):
    """(True, MISSING) where text[start:end] is nan, as XGBoost writes a value that is missing."""
    word = word_at(text, start) & np.uint64(0xDFDFDF)  # in capitals
    return (end == start + 3) & (word == NAN), MISSING


@inner
def _weighted_label(text, start, end):
    """(good, label, weight) of ``label:weight`` (XGBoost); nan where ``float`` has to decide."""
    colon, label = parse_number(text, start)
    if colon < 0 or byte_at(text, colon) != COLON:
        return False, label, 1.0
    stop, weight = parse_number(text, colon + 1)
    return stop == end and not weight <= 0.0, label, weight


@inner(forceinline=True)
def _line_feed(text, base, bits, end):
    """(base, bits, position) of the line feed at or behind ``end``, which is a separator."""
    while byte_at(text, end) != LINE_FEED:
        base, bits, end = next_separator(text, base, bits)
    return base, bits, end


@njit
def parse_rows(block, wanted, starts, lowest_index, labels, weights, lengths, indices, values, summary):
    """Read ``wanted`` rows, or all with -1; returns how many there are before one that cannot be read.

    starts            int64, where the wanted rows begin; with -1, long enough, it becomes where they do, also that of
                      the one that cannot be read
    labels, weights   float64, long enough: of each row, the weight 1 where it has none
    lengths           int64, long enough: number of features of each row
    indices, values   int32 and float64, long enough: the features of all rows, indices as they are written
    summary           (11,) int64: features, largest index (-1 without any), least index, values that are not
                      zero, rows whose indices do not increase, numbers left to ``float``, which are nan,
                      1 if all rows were read, lines passed (where all rows are), rows with a weight, missing
                      values, which are MISSING, and tokens ``qid:``
    """
    text, size = address_of(block), len(block) - PADDING
    row = 0
    line = 0
    k = 0
    unsorted = 0
    undecided = 0
    weighted = 0
    missing = 0
    queries = 0
    start = 0
    base, bits = 0, separators(text, 0)
    good = True
    while True:
        if wanted >= 0:
            if row == wanted:
                break
            start = starts[np.uint64(row)]
            base, bits, end = next_separator(text, start, separators(text, start))
        else:
            end = start
            while start < size:  # through lines without a row
                base, bits, end = next_separator(text, base, bits)
                byte = byte_at(text, end)
                if end != start or not _is_in(byte, TOKEN_ENDS):
                    break
                if byte == HASH:
                    base, bits, end = _line_feed(text, base, bits, end)
                    byte = np.int64(LINE_FEED)
                line += byte == LINE_FEED
                start = end + 1
            if start >= size:
                break
            starts[np.uint64(row)] = start
        good, label = _number(text, start, end)
        weights[np.uint64(row)] = 1.0  # at once, so that no register has to keep it through the features
        if unlikely(not good):
            good, label, weight = _weighted_label(text, start, end)
            weights[np.uint64(row)] = weight
            weighted += good
            undecided += weight != weight
        begin = k
        previous = np.int64(-1)
        increasing = True
        while good:
            byte = byte_at(text, end)  # what ended the last token
            if unlikely(byte != SPACE):
                if _is_in(byte, LINE_ENDS):
                    break
                if not _is_in(byte, SPACES):
                    good = False
                    break
            start = end + 1
            base, bits, end = next_separator(text, base, bits)
            colon, index = short_integer(text, start)
            if unlikely((byte_at(text, colon) != COLON) | (colon == start)):
                if end == start:  # more space
                    continue
                if word_at(text, start) & np.uint64(0xFFFFFFFF) == QID:
                    while not _is_in(byte_at(text, end), TOKEN_ENDS):
                        base, bits, end = next_separator(text, base, bits)
                    queries += 1
                    continue
                colon, index = _long_index(text, start)
                if byte_at(text, colon) != COLON or colon == start:
                    good = False
                    break
            good, value = _number(text, colon + 1, end)
            if unlikely(not good):
                good, value = _missing(text, colon + 1, end)
                missing += good
            good = good and lowest_index <= index <= LARGEST_INDEX
            position = np.uint64(k)
            indices[position] = index
            values[position] = value
            k += 1
            increasing &= index > previous
            previous = index
        if not good:
            k = begin
            break
        labels[np.uint64(row)] = label
        lengths[np.uint64(row)] = k - begin
        undecided += label != label
        unsorted += not increasing
        row += 1
        if wanted < 0:
            base, bits, end = _line_feed(text, base, bits, end)
            line += 1
            start = end + 1
    largest = np.int32(-1)
    least = np.int32(LARGEST_INDEX)
    nonzeros = 0
    for position in range(k):
        largest = max(largest, indices[position])
        least = min(least, indices[position])
        nonzeros += values[position] != 0.0
        undecided += values[position] != values[position]
    summary[0], summary[1], summary[2] = k, largest, least
    summary[3], summary[4], summary[5] = nonzeros, unsorted, undecided
    summary[6], summary[7], summary[8] = good, line, weighted
    summary[9], summary[10] = missing, queries
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
