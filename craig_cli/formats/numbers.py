"""Decimal text -> the nearest float64, as Python's ``float`` gives it, inside a kernel.

A number is an integer of digits w and a power of ten: x = w * 10^q. Two ways cover nearly all of them:

- w <= 2^53 and |q| <= 22: both w and 10^|q| are exact in float64, so one multiplication or division rounds
  once (Clinger 1990).
- otherwise w times a 128-bit truncation of 5^q, normalised, of which the leading 55 bits decide the rounding
  (Lemire, "Number parsing at a gigabyte per second", 2021, algorithm 1).

What neither can decide, and what leaves the range of normal numbers, is nan: the caller asks ``float``.
"""

from __future__ import annotations

import math

import numpy as np

from craig_cli.formats.scan import U0, U1, byte_at, word_at
from craig_cli.jit import inner, lowest_bit

MAX_DIGITS = 18  # so that w fits int64
LEAST_POWER, GREATEST_POWER = -342, 308  # w * 10^q is below the normal range, or above it, outside these
EXACT_POWER = 22
EXACT_INTEGER = 2**53
LARGE = 10**9  # an exponent beyond it need not be known exactly
PLUS, MINUS, POINT, ZERO, LETTER_E = 43, 45, 46, 48, 101
MASK_32 = np.uint64(0xFFFFFFFF)
SHIFT_32 = np.uint64(32)
ZEROS = np.uint64(0x3030303030303030)

TENS = 10.0 ** np.arange(EXACT_POWER + 1)
SIGNED_TENS = np.concatenate([TENS[:8], -TENS[:8]])  # so that -0 is -0.0
INTEGER_TENS = 10 ** np.arange(9, dtype=np.int64)


def _powers_of_five() -> tuple[np.ndarray, np.ndarray]:
    """(high, low): the leading 128 bits of 5^q for q = LEAST_POWER..GREATEST_POWER, rounded as the proof of
    the algorithm wants them: down for q >= 0, up for q < 0."""
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


@inner
def _multiply(a, b):
    """(high, low) 64-bit words of the 128-bit product of two uint64."""
    a_high, a_low = a >> SHIFT_32, a & MASK_32
    b_high, b_low = b >> SHIFT_32, b & MASK_32
    low = a_low * b_low
    middle = a_high * b_low + (low >> SHIFT_32)
    other = a_low * b_high + (middle & MASK_32)
    return a_high * b_high + (middle >> SHIFT_32) + (other >> SHIFT_32), (other << SHIFT_32) | (low & MASK_32)


@inner
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


@inner(forceinline=True)
def _not_digits(word):
    """The top bit of each byte of ``word``, digits less the character 0, that is none; maybe of bytes above it too."""
    return ((word + np.uint64(0x7676767676767676)) | word) & np.uint64(0x8080808080808080)


@inner(forceinline=True)
def _value_of(digits):
    """The integer of 8 decimal digits, one a byte, the first of them lowest."""
    pairs = digits * np.uint64(10) + (digits >> np.uint64(8))
    mask = np.uint64(0x000000FF000000FF)
    high = (pairs & mask) * np.uint64(0x000F424000000064)
    low = ((pairs >> np.uint64(16)) & mask) * np.uint64(0x0000271000000001)
    return np.int64((high + low) >> SHIFT_32)


@inner(forceinline=True)
def _last_characters(text, start, length):
    """The ``length`` 1..8 bytes from ``start`` on, less the character 0, behind as many 0 as make them 8."""
    return (word_at(text, start) ^ ZEROS) << (np.uint64(8 * (8 - length)) & np.uint64(63))


@inner(forceinline=True)
def short_integer(text, start):
    """(end, value) of the digits that are at ``start``, of which at most 7 are looked at."""
    digits = word_at(text, start) ^ ZEROS
    other = _not_digits(digits)
    count = lowest_bit(other | np.uint64(1 << 63)) >> 3  # 7 if all are digits, and then what follows is one
    return start + count, _value_of((digits << np.uint64(8 * (7 - count))) << np.uint64(8))


@inner(forceinline=True)
def short_number(text, start, end):
    """(True, value) where text[start:end] is a number of at most 8 digits and point, without exponent.

    There is no branch on the sign, on where the point is and on how many digits there are: which of them a number
    has is as random as the data, and a mispredicted branch costs more than all this.
    """
    byte = byte_at(text, start)
    negative = byte == MINUS
    start += negative | (byte == PLUS)
    length = end - start
    word = _last_characters(text, start, length)
    other = _not_digits(word)
    point = other >> np.uint64(7)  # the lowest bit of the byte that is no digit
    inside = point * np.uint64(0xFF)
    fraction = point != U0
    good = (
        (np.uint64(length - fraction - 1) < np.uint64(8 - fraction))
        & (other & (other - U1) == U0)
        & (word & inside == point * np.uint64(POINT ^ ZERO))
    )
    before = point - U1  # without a point, all
    digits = (word & ~(before | inside)) | ((word & before) << (np.uint64(fraction) << np.uint64(3)))
    decimals = 7 - (lowest_bit(other | np.uint64(1 << 63)) >> 3)
    return good, _value_of(digits) / SIGNED_TENS[np.uint64(decimals + 8 * negative)]


@inner(forceinline=True)
def _leading_digits(word):
    """(count, value) of the decimal digits that the 8 bytes of ``word`` begin with."""
    digits = word ^ ZEROS
    other = _not_digits(digits)
    if other == U0:
        return np.int64(8), _value_of(digits)
    count = lowest_bit(other) >> 3
    return count, _value_of((digits << np.uint64(8 * (7 - count))) << np.uint64(8))  # leading zeros in front


@inner(forceinline=True)
def parse_digits(text, position, w):
    """(end, value): the digits from ``position`` on appended to the integer w, which may wrap around."""
    while True:
        count, value = _leading_digits(word_at(text, position))
        position += count
        w = w * INTEGER_TENS[np.uint64(count)] + value
        if count < 8:
            return position, w


@inner
def _long_number(text, begin, end, exponent):
    """As ``nearest`` for the digits, with or without a point, of begin..end - 1: too many for int64.

    The first MAX_DIGITS significant digits w bound the number between w and w + 1; where both round to the
    same float64, that is the answer.
    """
    w = np.int64(0)
    digits = 0
    point = False
    dropped = False
    for position in range(begin, end):
        digit = byte_at(text, position) - ZERO
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


@inner
def parse_number(text, position):
    """(end, value) of the number that starts at ``position``; end is -1 where there is none.

    Behind the number there has to be something that is not part of one. value is nan where ``float`` has to
    decide.
    """
    byte = byte_at(text, position)
    begin = position
    negative = byte == MINUS
    begin += negative
    end, w = parse_digits(text, begin, np.int64(0))
    byte = byte_at(text, end)
    digits = end - begin
    decimals = np.int64(0)
    if byte == POINT:
        after_point = end + 1
        end, w = parse_digits(text, after_point, w)
        decimals = end - after_point
        digits += decimals
        byte = byte_at(text, end)
    if 0 < digits <= MAX_DIGITS and byte | 32 != LETTER_E:
        value = w / TENS[np.uint64(decimals)] if w <= EXACT_INTEGER else nearest(w, -decimals)
        return end, -value if negative else value
    return _any_number(text, position)


@inner
def _any_number(text, position):
    byte = byte_at(text, position)
    negative = byte == MINUS
    if negative or byte == PLUS:
        position += 1
    begin = position
    position, w = parse_digits(text, position, np.int64(0))
    digits = position - begin
    exponent = np.int64(0)
    byte = byte_at(text, position)
    if byte == POINT:
        after_point = position + 1
        position, w = parse_digits(text, after_point, w)
        exponent = after_point - position
        digits -= exponent
        byte = byte_at(text, position)
    if digits == 0:
        return np.int64(-1), 0.0
    end = position
    stated = np.int64(0)
    if byte | 32 == LETTER_E:
        position += 1
        byte = byte_at(text, position)
        minus = byte == MINUS
        if minus or byte == PLUS:
            position += 1
        first = position
        digit = byte_at(text, position) - ZERO
        while 0 <= digit <= 9:
            if stated < LARGE:
                stated = 10 * stated + digit
            position += 1
            digit = byte_at(text, position) - ZERO
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
