"""Rows of a block against some points at a time, in single precision: several times as fast as one in double.

    sums[i, p] = sum over k of term(block[k, p], points[i][k])      i = 0 .. AT_ONCE - 1,  p = 0 .. WIDTH - 1

The sums are off by rounding, so limits have to allow for that (sieve.py): what is not within them is certainly not
near, and what is has to be looked at in double precision. Nothing that goes into a coreset is computed here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from craig_cli.jit import address_of, cpu_has, inner, intrinsic, ir, types
from craig_cli.selection.distances.simd import WIDTH, Kind, Steps, Term, Writer, add_product, calling, integer, spread

AT_ONCE = 4  # points, which share the loads of the rows
STEP = 16  # coordinates between two looks at whether a block still holds anything near
_VECTOR = ir.VectorType(ir.FloatType(), 16)
_ZEROS = ir.Constant(_VECTOR, [0.0] * _VECTOR.count)
_ALL = list(range(0, WIDTH, _VECTOR.count))
_PARTS = [_ALL] if cpu_has("avx512f") else [[lane] for lane in _ALL]  # of a block, as many sums as there are registers


class _Writer(Writer):
    """Of points, whose addresses and those of their limits are what ``function`` is given as point, (2, AT_ONCE)."""

    def __init__(self, function, term: Term) -> None:
        super().__init__(function, term, _VECTOR)
        builder, count = self.builder, function.args[3]
        addresses = builder.inttoptr(function.args[1], count.type.as_pointer())
        first, second = (
            [self.array(builder.load(builder.gep(addresses, [integer(i)]))) for i in range(start, start + AT_ONCE)]
            for start in (0, AT_ONCE)
        )
        self.points, self.limits, self.count = first, second, count

    def accumulate_all(self, start, stop, lanes: list[int], before: list[list]) -> list[list]:
        """``before``, for each point vectors of the sums of these lanes, with start .. stop - 1 added."""
        builder, entry = self.builder, self.builder.block
        loop, done = self.branch("coordinates"), self.branch("added")
        builder.branch(loop)

        builder.position_at_end(loop)
        k = builder.phi(integer(0).type)
        sums = [[builder.phi(_VECTOR) for _ in lanes] for _ in self.points]
        row = builder.mul(k, integer(WIDTH))
        values = [builder.load(self.at(self.block, builder.add(row, integer(lane))), align=4) for lane in lanes]
        after = []
        for point, totals in zip(self.points, sums):
            coordinate = spread(builder, builder.load(builder.gep(point, [k])), _VECTOR)
            after.append([self.term(builder, total, value, coordinate) for total, value in zip(totals, values)])
        following = builder.add(k, integer(1))
        for phi, initial, final in zip(_flat(k, sums), _flat(start, before), _flat(following, after)):
            phi.add_incoming(initial, entry)
            phi.add_incoming(final, loop)
        builder.cbranch(builder.icmp_signed("<", following, stop), loop, done)
        builder.position_at_end(done)
        return after


def _flat(first, rest: list[list]) -> list:
    return [first, *(each for part in rest for each in part)]


def _write_near(function, term: Term, steps: Steps) -> None:
    writer = _Writer(function, term)
    found = [integer(0)] * AT_ONCE
    for lanes in _PARTS:
        bits = _near(writer, lanes)
        found = [writer.builder.or_(before, more) for before, more in zip(found, bits)]
    out = writer.builder.bitcast(writer.sums, found[0].type.as_pointer())
    for i, each in enumerate(found):
        writer.builder.store(each, writer.builder.gep(out, [integer(i)]))
    writer.builder.ret(integer(1))


def _near(writer: _Writer, lanes: list[int]) -> list:
    """Of each point the bits of these lanes; none as soon as there are none of any."""
    builder, count = writer.builder, writer.count
    entry, step, done = builder.block, writer.branch("step"), writer.branch("done")
    builder.branch(step)

    builder.position_at_end(step)
    start = builder.phi(count.type)
    before = [[builder.phi(_VECTOR) for _ in lanes] for _ in writer.points]
    following = builder.add(start, integer(STEP))
    stop = builder.select(builder.icmp_signed("<", following, count), following, count)
    sums = writer.accumulate_all(start, stop, lanes, before)
    found, any_left = [], integer(0)
    for totals, limit in zip(sums, writer.limits):
        bits = integer(0)
        for lane, total in zip(lanes, totals):
            within = builder.fcmp_unordered("<=", total, writer.load(limit, lane))
            mask = builder.zext(builder.bitcast(within, ir.IntType(_VECTOR.count)), bits.type)
            bits = builder.or_(bits, builder.shl(mask, integer(lane)))
        found.append(bits)
        any_left = builder.or_(any_left, bits)
    zeros = [[_ZEROS for _ in lanes] for _ in writer.points]
    for phi, initial, final in zip(_flat(start, before), _flat(integer(0), zeros), _flat(stop, sums)):
        phi.add_incoming(initial, entry)
        phi.add_incoming(final, builder.block)
    is_over = builder.or_(builder.icmp_unsigned("==", any_left, integer(0)), builder.icmp_signed("==", stop, count))
    builder.cbranch(is_over, done, step)
    builder.position_at_end(done)
    return found


def _write_farthest(function, term: Term, steps: Steps) -> None:
    writer = _Writer(function, term)
    builder = writer.builder
    most: list = [None] * AT_ONCE
    for lanes in _PARTS:
        before = [[writer.load(limit, lane) for lane in lanes] for limit in writer.limits]
        sums = writer.accumulate_all(integer(0), writer.count, lanes, before)
        for i, totals in enumerate(sums):
            for total in totals:
                most[i] = total if most[i] is None else _larger(builder, most[i], total)
    for i, vector in enumerate(most):
        numbers = [builder.extract_element(vector, integer(lane)) for lane in range(_VECTOR.count)]
        while len(numbers) > 1:
            half = len(numbers) // 2
            numbers = [_larger(builder, *pair) for pair in zip(numbers[:half], numbers[half:])]
        builder.store(numbers[0], builder.gep(writer.sums, [integer(i)]))
    builder.ret(integer(1))


def _larger(builder, a, b):
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


# Of ``block`` (d, WIDTH) float32 and the addresses (2 * AT_ONCE,) int64 of points (d,) and of limits (WIDTH,), both
# float32 as well: out[i], (AT_ONCE,) uint64, has bit p set where the sum of row p and point i is not above its limit.
def near_by_metric(kinds: Sequence[Kind]):
    def typed(typing_context, block, addresses, metric, out):
        return types.boolean(block, addresses, types.int64, out), calling(_write_near, kinds)

    return intrinsic(typed)


# Likewise; out[i], (AT_ONCE,) float32, is the largest of the products of rows with point i plus their limits.
@intrinsic
def farthest_along(typing_context, block, addresses, out):
    return types.boolean(block, addresses, out), calling(_write_farthest, [(add_product, ())])


def _write_products(function, term: Term, steps: Steps) -> None:
    writer = Writer(function, term, _VECTOR)
    for lane, total in zip(_ALL, writer.accumulate(integer(0), function.args[3], _ALL, [_ZEROS] * len(_ALL))):
        writer.store(total, lane)
    writer.builder.ret(integer(1))


@intrinsic
def products(typing_context, block, point, out):
    """out[p] = <row p of the block, point>; (d, WIDTH), (d,) and (WIDTH,) float32."""
    return types.boolean(block, point, out), calling(_write_products, [(add_product, ())])


@intrinsic
def below(typing_context, numbers, limit):
    """uint64, bit p set where numbers[p], (WIDTH,) float32, < limit."""

    def build(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        first = builder.bitcast(data, _VECTOR.as_pointer())
        most, bits = spread(builder, arguments[1], _VECTOR), integer(0)
        for place, lane in enumerate(_ALL):
            vector = builder.load(builder.gep(first, [integer(place)]), align=4)
            mask = builder.bitcast(builder.fcmp_ordered("<", vector, most), ir.IntType(_VECTOR.count))
            bits = builder.or_(bits, builder.shl(builder.zext(mask, bits.type), integer(lane)))
        return bits

    return types.uint64(numbers, types.float32), build


@inner
def at(array, place):
    """The address of the row ``place`` of a C-contiguous float32 array (n, d)."""
    return address_of(array) + np.int64(4 * place * array.shape[1])
