"""Decimal text -> the nearest float64, as Python's ``float`` gives it, inside a kernel.

A number is an integer of digits w and a power of ten: x = w * 10^q. Two ways cover nearly all of them:

- w <= 2^53 and |q| <= 22: both w and 10^|q| are exact in float64, so one multiplication or division rounds once
  (Clinger 1990).
- otherwise w times a 128-bit truncation of 5^q, normalised, of which the leading 55 bits decide the rounding
  (Lemire, "Number parsing at a gigabyte per second", 2021, algorithm 1).

What neither can decide, and what leaves the range of normal numbers, is given as nan: the caller asks ``float``.
"""

from __future__ import annotations

import math

import numpy as np

from craig_cli.jit import njit

MAX_DIGITS = 18  # so that w fits int64
LEAST_POWER, GREATEST_POWER = -342, 308  # w * 10^q is below the normal range, or above it, outside these
EXACT_POWER = 22
EXACT_INTEGER = 2**53
MASK_32 = np.uint64(0xFFFFFFFF)
SHIFT_32 = np.uint64(32)
U0, U1 = np.uint64(0), np.uint64(1)

TENS = 10.0 ** np.arange(EXACT_POWER + 1)


def _powers_of_five() -> tuple[np.ndarray, np.ndarray]:
    """(high, low): the leading 128 bits of 5^q for q = LEAST_POWER..GREATEST_POWER, rounded down for q >= 0 and
    up for q < 0, as the proof of the algorithm wants them."""
    powers = []
    for q in range(LEAST_POWER, GREATEST_POWER + 1):
        five = 5 ** abs(q)
        if q >= 0:
            shift = 128 - five.bit_length()
            powers.append(five << shift if shift >= 0 else five >> -shift)
        else:
            power = (1 << (five.bit_length() + 127)) // five + 1
            powers.append(power >> (power.bit_length() - 128))
    words = np.array([(power >> 64, power & (2**64 - 1)) for power in powers], dtype=np.uint64)
    return np.ascontiguousarray(words[:, 0]), np.ascontiguousarray(words[:, 1])


FIVES_HIGH, FIVES_LOW = _powers_of_five()


@njit
def _multiply(a, b):
    """(high, low) 64-bit words of the 128-bit product of two uint64."""
    a_high, a_low = a >> SHIFT_32, a & MASK_32
    b_high, b_low = b >> SHIFT_32, b & MASK_32
    low = a_low * b_low
    middle = a_high * b_low + (low >> SHIFT_32)
    other = a_low * b_high + (middle & MASK_32)
    return a_high * b_high + (middle >> SHIFT_32) + (other >> SHIFT_32), (other << SHIFT_32) | (low & MASK_32)


@njit
def nearest(w, q):
    """The float64 nearest to w * 10^q, w a positive int64; nan where that is not decided here."""
    if w <= EXACT_INTEGER and -EXACT_POWER <= q <= EXACT_POWER:
        return w / TENS[-q] if q < 0 else w * TENS[q]
    if q < LEAST_POWER or q > GREATEST_POWER:
        return math.nan
    zeros = 0
    bits = np.uint64(w)
    for step in (32, 16, 8, 4, 2, 1):
        if bits >> np.uint64(64 - step) == U0:
            bits <<= np.uint64(step)
            zeros += step
    high, low = _multiply(bits, FIVES_HIGH[q - LEAST_POWER])
    if high & np.uint64(0x1FF) == np.uint64(0x1FF):
        carry, _ = _multiply(bits, FIVES_LOW[q - LEAST_POWER])
        low += carry
        if carry > low:
            high += U1
    if low == np.uint64(0xFFFFFFFFFFFFFFFF):
        return math.nan
    top = high >> np.uint64(63)
    shift = top + np.uint64(9)
    mantissa = high >> shift  # 54 bits: the last decides the rounding
    if low <= U1 and mantissa & np.uint64(3) == U1 and mantissa << shift == high:
        return math.nan  # may be half way between two numbers
    exponent = ((217706 * q) >> 16) + 63 + np.int64(top) - zeros  # of two, of the leading bit
    if exponent <= -1022 or exponent >= 1023:
        return math.nan
    rounded = np.int64((mantissa + (mantissa & U1)) >> U1)
    return math.ldexp(np.float64(rounded), exponent - 52)


@njit
def _long_number(text, begin, end, exponent):
    """As ``nearest`` for digits (with or without a point) from ``begin`` to ``end`` that are too many for int64.

    The first MAX_DIGITS significant digits w bound the number between w and w + 1; where both round to the same
    float64, that is the answer.
    """
    w = np.int64(0)
    digits = 0
    point = False
    dropped = False
    for i in range(begin, end):
        digit = np.int64(text[i]) - 48
        if digit < 0:
            point = True
            continue
        if digits < MAX_DIGITS:
            w = 10 * w + digit
            if w > 0:
                digits += 1
            if point:
                exponent -= 1
        else:
            dropped = dropped or digit > 0
            if not point:
                exponent += 1
    if w == 0:
        return 0.0
    low = nearest(w, exponent)
    if dropped and low != nearest(w + 1, exponent):
        return math.nan
    return low


@njit
def parse_number(text, position):
    """(end, value) of the number that starts at ``position`` of ``text``, uint8; end is -1 where there is none.

    ``text`` has to go on with something that is not part of a number. value is nan where ``float`` has to decide.
    """
    negative = text[position] == 45
    if negative or text[position] == 43:
        position += 1
    begin = position
    w = np.int64(0)  # wraps around when there are too many digits; _long_number starts again
    digit = np.int64(text[position]) - 48
    while 0 <= digit <= 9:
        w = 10 * w + digit
        position += 1
        digit = np.int64(text[position]) - 48
    digits = position - begin
    exponent = np.int64(0)
    if digit == -2:
        position += 1
        after_point = position
        digit = np.int64(text[position]) - 48
        while 0 <= digit <= 9:
            w = 10 * w + digit
            position += 1
            digit = np.int64(text[position]) - 48
        exponent = after_point - position
        digits -= exponent
    if digits == 0:
        return np.int64(-1), 0.0
    end = position
    stated = np.int64(0)
    if text[position] | 32 == 101:
        position += 1
        minus = text[position] == 45
        if minus or text[position] == 43:
            position += 1
        first = position
        digit = np.int64(text[position]) - 48
        while 0 <= digit <= 9:
            if stated < 1000000000:
                stated = 10 * stated + digit
            position += 1
            digit = np.int64(text[position]) - 48
        if position == first:
            return np.int64(-1), 0.0
        if minus:
            stated = -stated
    if digits > MAX_DIGITS:
        value = _long_number(text, begin, end, stated)
    elif w == 0:
        value = 0.0
    else:
        value = nearest(w, exponent + stated)
    return position, -value if negative else value
