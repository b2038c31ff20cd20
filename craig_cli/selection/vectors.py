"""The innermost loop of selection, written as vector instructions.

    out[p] += sum over k in start .. stop - 1 of (block[k, p] - point[k])^2      p = 0 .. WIDTH - 1

the same with absolute values, and with the products block[k, p] * point[k]. Left to itself, LLVM reloads and stores
``out`` for every k and checks each time whether the arrays overlap; here the WIDTH sums stay in registers, which is two
to three times faster. Every distance in the package goes through this one piece of code, so it has the same bits
whoever asks for it. LLVM turns the 8-element vectors into whatever the processor has.
"""

from __future__ import annotations

from craig_cli.jit import intrinsic, ir, njit, types

WIDTH = 64  # rows a block
_LANES = 8  # float64 in a 512-bit register


def _accumulate(kind: str):
    """The intrinsic: five addresses and bounds in, nothing out."""

    def build(context, builder, signature, arguments):
        block, point, start, stop, out = arguments
        integer = ir.IntType(64)
        number = ir.DoubleType()
        vector = ir.VectorType(number, _LANES)
        first_lane = ir.Constant(ir.VectorType(ir.IntType(32), _LANES), [0] * _LANES)

        def constant(value):
            return ir.Constant(integer, value)

        def vector_at(base, offset):
            return builder.bitcast(builder.gep(base, [offset]), vector.as_pointer())

        block, point, out = (builder.inttoptr(address, number.as_pointer()) for address in (block, point, out))
        lanes = [constant(lane) for lane in range(0, WIDTH, _LANES)]
        before = [builder.load(vector_at(out, lane), align=8) for lane in lanes]
        entry = builder.block
        loop = builder.append_basic_block("coordinates")
        done = builder.append_basic_block("done")
        builder.cbranch(builder.icmp_signed("<", start, stop), loop, done)

        builder.position_at_end(loop)
        k = builder.phi(integer)
        k.add_incoming(start, entry)
        sums = [builder.phi(vector) for _ in lanes]
        coordinate = builder.load(builder.gep(point, [k]))
        single = builder.insert_element(ir.Constant(vector, ir.Undefined), coordinate, ir.Constant(ir.IntType(32), 0))
        spread = builder.shuffle_vector(single, ir.Constant(vector, ir.Undefined), first_lane)
        row = builder.mul(k, constant(WIDTH))
        after = []
        for lane, total in zip(lanes, sums):
            value = builder.load(vector_at(block, builder.add(row, lane)), align=8)
            if kind == "product":
                product = builder.fmul(value, spread, flags=["contract"])
                after.append(builder.fadd(total, product, flags=["contract"]))
                continue
            gap = builder.fsub(value, spread)
            if kind == "absolute":
                opposite = builder.fneg(gap)
                size = builder.select(builder.fcmp_ordered(">", gap, opposite), gap, opposite)
                after.append(builder.fadd(total, size))
            else:  # "contract" allows the fused multiply-add where there is one
                square = builder.fmul(gap, gap, flags=["contract"])
                after.append(builder.fadd(total, square, flags=["contract"]))
        following = builder.add(k, constant(1))
        k.add_incoming(following, loop)
        for total, initial, final in zip(sums, before, after):
            total.add_incoming(initial, entry)
            total.add_incoming(final, loop)
        builder.cbranch(builder.icmp_signed("<", following, stop), loop, done)

        builder.position_at_end(done)
        results = [builder.phi(vector) for _ in lanes]
        for result, initial, final in zip(results, before, after):
            result.add_incoming(initial, entry)
            result.add_incoming(final, loop)
        for lane, result in zip(lanes, results):
            builder.store(result, vector_at(out, lane), align=8)
        return context.get_dummy_value()

    def typed(typing_context, block, point, start, stop, out):
        return types.void(types.intp, types.intp, types.intp, types.intp, types.intp), build

    return intrinsic(typed)


_add_squares = _accumulate("square")
_add_absolutes = _accumulate("absolute")
_add_products = _accumulate("product")


@njit
def add_squares(block, point, start, stop, out):
    """``block`` (d, WIDTH), ``point`` (d,), ``out`` (WIDTH,): C-contiguous float64 arrays; nothing is checked."""
    _add_squares(block.ctypes.data, point.ctypes.data, start, stop, out.ctypes.data)


@njit
def add_absolutes(block, point, start, stop, out):
    """As ``add_squares``, with |block[k, p] - point[k]|."""
    _add_absolutes(block.ctypes.data, point.ctypes.data, start, stop, out.ctypes.data)


@njit
def add_products(block, point, start, stop, out):
    """As ``add_squares``, with block[k, p] * point[k]."""
    _add_products(block.ctypes.data, point.ctypes.data, start, stop, out.ctypes.data)


@intrinsic
def _dot(typing_context, row, direction, count):
    """Two addresses and the number of coordinates, a multiple of the lanes: the sum of the products."""

    def build(context, builder, signature, arguments):
        row, direction, count = arguments
        integer, number = ir.IntType(64), ir.DoubleType()
        vector = ir.VectorType(number, _LANES)
        row, direction = (builder.inttoptr(address, number.as_pointer()) for address in (row, direction))
        entry = builder.block
        loop = builder.append_basic_block("coordinates")
        done = builder.append_basic_block("done")
        zero, nothing = ir.Constant(integer, 0), ir.Constant(vector, [0.0] * _LANES)
        builder.cbranch(builder.icmp_signed("<", zero, count), loop, done)

        builder.position_at_end(loop)
        k, total = builder.phi(integer), builder.phi(vector)
        k.add_incoming(zero, entry)
        total.add_incoming(nothing, entry)
        left, right = (
            builder.load(builder.bitcast(builder.gep(base, [k]), vector.as_pointer()), align=8)
            for base in (row, direction)
        )
        after = builder.fadd(total, builder.fmul(left, right))
        following = builder.add(k, ir.Constant(integer, _LANES))
        k.add_incoming(following, loop)
        total.add_incoming(after, loop)
        builder.cbranch(builder.icmp_signed("<", following, count), loop, done)

        builder.position_at_end(done)
        sums = builder.phi(vector)
        sums.add_incoming(nothing, entry)
        sums.add_incoming(after, loop)
        lanes = [builder.extract_element(sums, ir.Constant(ir.IntType(32), lane)) for lane in range(_LANES)]
        while len(lanes) > 1:
            half = len(lanes) // 2
            lanes = [builder.fadd(lanes[lane], lanes[lane + half]) for lane in range(half)]
        return lanes[0]

    return types.float64(types.intp, types.intp, types.intp), build


@njit
def dot(row, direction):
    """<row, direction> of C-contiguous float64 arrays (d,), in sums of a fixed order: the same on every machine."""
    whole = direction.size // _LANES * _LANES
    total = _dot(row.ctypes.data, direction.ctypes.data, whole)
    for k in range(whole, direction.size):
        total += row[k] * direction[k]
    return total
