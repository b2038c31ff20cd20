"""Looking at text 8 or 64 bytes at a time inside a kernel.

64 bytes are compared at once and become a word with a bit for each, from which the places of what was looked
for are taken one after the other (Langdale and Lemire, "Parsing gigabytes of JSON per second", 2019): a loop
over the bytes would mispredict a branch at the end of nearly every number.

All of it reads beyond ``position``, so behind the text there have to be PADDING bytes, whatever they are. ``text``
is an address: numba counts the references to an array at each call of a function that has a loop, even where it is
inlined, which took twice as long as the parsing.
"""

from __future__ import annotations

import numpy as np

from craig_cli.jit import inner, intrinsic, ir, lowest_bit, types

PADDING = 72
WIDTH = 64
SPACE, HASH, ZERO, COLON, LINE_FEED = 32, 35, 48, 58, 10
U0, U1 = np.uint64(0), np.uint64(1)
BIT, BYTE, WORD, TEXT = ir.IntType(1), ir.IntType(8), ir.IntType(64), ir.VectorType(ir.IntType(8), WIDTH)


def _load(builder, arguments, kind):
    """``kind``, of any alignment, from the address and the position that an intrinsic is called with."""
    pointer = builder.inttoptr(builder.add(*arguments), kind.as_pointer())
    return builder.load(pointer, align=1)


def _bits(builder, text, *tests):
    """An integer with a bit for each byte of the vector ``text`` for which one of ``tests`` holds."""
    matches = None
    for comparison, byte in tests:
        test = builder.icmp_unsigned(comparison, text, ir.Constant(text.type, [byte] * WIDTH))
        matches = test if matches is None else builder.or_(matches, test)
    return builder.bitcast(matches, WORD)


@intrinsic
def byte_at(typing_context, text, position):
    """int64: the byte of ``text`` at ``position``."""

    def generate(context, builder, signature, arguments):
        return builder.zext(_load(builder, arguments, BYTE), WORD)

    return types.int64(types.int64, types.int64), generate


@intrinsic
def word_at(typing_context, text, position):
    """uint64: the 8 bytes of ``text`` from ``position`` on, the first of them lowest."""

    def generate(context, builder, signature, arguments):
        return _load(builder, arguments, WORD)

    return types.uint64(types.int64, types.int64), generate


@intrinsic
def separators(typing_context, text, position):
    """uint64: bit b is set where byte ``position`` + b may end a token: space, control characters and #."""

    def generate(context, builder, signature, arguments):
        loaded = _load(builder, arguments, TEXT)
        return _bits(builder, loaded, ("<=", SPACE), ("==", HASH))

    return types.uint64(types.int64, types.int64), generate


@intrinsic
def line_feeds(typing_context, text, position):
    """uint64: bit b is set where byte ``position`` + b is a line feed."""

    def generate(context, builder, signature, arguments):
        return _bits(builder, _load(builder, arguments, TEXT), ("==", LINE_FEED))

    return types.uint64(types.int64, types.int64), generate


@intrinsic
def zeros_after_space(typing_context, text, position):
    """uint64: bit b is set where byte ``position`` + b + 1 is the character 0 and the byte before it ends a token."""

    def generate(context, builder, signature, arguments):
        before = _bits(builder, _load(builder, arguments, TEXT), ("<=", SPACE))
        behind = [arguments[0], builder.add(arguments[1], WORD(1))]
        return builder.and_(before, _bits(builder, _load(builder, behind, TEXT), ("==", ZERO)))

    return types.uint64(types.int64, types.int64), generate


@intrinsic
def unlikely(typing_context, condition):
    """``condition``, which the compiler may take to be false: what is done if it is true stays out of the way."""

    def generate(context, builder, signature, arguments):
        kind = ir.FunctionType(BIT, [BIT, BIT])
        expect = builder.module.declare_intrinsic("llvm.expect", [BIT], kind)
        return builder.call(expect, [arguments[0], BIT(0)])

    return types.boolean(types.boolean), generate


@inner(forceinline=True)
def next_separator(text, base, bits):
    """(base, bits, position of the next separator); ``bits`` are those not yet used of the 64 bytes from ``base``."""
    while bits == U0:
        base += WIDTH
        bits = separators(text, base)
    return base, bits & (bits - U1), base + lowest_bit(bits)
