"""The innermost loops of selection, written as vector instructions: a block of WIDTH rows against one point.

    sums[p] = sum over k of term(block[k, p], point[k])      p = 0 .. WIDTH - 1

with the products of this file or a metric's terms (metrics.py), and the distances that come of them. Left to itself,
LLVM reloads and stores the sums for every k and checks each time whether the arrays overlap. Here as many as there are
registers for stay in them: GROUP at a time, for with more LLVM moves them about for longer than it computes. Each is a
function of its own on addresses, since numba counts references at each call of a function with a loop that is given
arrays. Every distance in the package goes through this one piece of code, so it has the same bits whoever asks for it.
LLVM turns the 8-element vectors into whatever the processor has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from craig_cli.jit import address_of, cpu_has, inner, intrinsic, ir, types

WIDTH = 64  # rows a block
STEP = 8  # coordinates between two looks at whether a block still holds anything near
LANES = 8  # float64 in a 512-bit register
GROUP = 64 if cpu_has("avx512f") else 32  # sums at a time

_BIT, _INTEGER, _NUMBER = ir.IntType(1), ir.IntType(64), ir.DoubleType()
_VECTOR = ir.VectorType(_NUMBER, LANES)
_ZEROS = ir.Constant(_VECTOR, [0.0] * LANES)


Term = Callable  # see ``by_metric``
Steps = tuple[str, ...]
Kind = tuple[Term, Steps]


def integer(value: int):
    return ir.Constant(_INTEGER, value)


def add_product(builder, total, a, b):
    """``total`` + ``a`` * ``b``; "contract" allows the fused multiply-add where there is one."""
    return builder.fadd(total, builder.fmul(a, b, flags=["contract"]), flags=["contract"])


class Writer:
    """Writes the body of a function of ``block``, ``point`` and ``sums``, int64 addresses, from its entry on.

    ``term`` is that of ``by_metric``, ``vector`` the type of some of a block's numbers.
    """

    def __init__(self, function, term: Term, vector: ir.VectorType = _VECTOR) -> None:
        self.function, self.term, self.vector = function, term, vector
        self.builder = ir.IRBuilder(function.append_basic_block("entry"))
        self.block, self.point, self.sums = (self.array(argument) for argument in function.args[:3])

    def array(self, address):
        """Pointer to its numbers."""
        return self.builder.inttoptr(address, self.vector.element.as_pointer())

    def branch(self, name: str):
        return self.function.append_basic_block(name)

    def at(self, base, offset):
        """Pointer to the vector of numbers from ``offset`` on."""
        return self.builder.bitcast(self.builder.gep(base, [offset]), self.vector.as_pointer())

    def load(self, base, lane: int):
        return self.builder.load(self.at(base, integer(lane)), align=4)

    def store(self, value, lane: int) -> None:
        self.builder.store(value, self.at(self.sums, integer(lane)), align=4)

    def accumulate(self, start, stop, lanes: list[int], before: list) -> list:
        """``before``, vectors of the sums of these lanes, with the coordinates start .. stop - 1 added."""
        builder = self.builder
        entry = builder.block
        loop, done = self.branch("coordinates"), self.branch("added")
        builder.cbranch(builder.icmp_signed("<", start, stop), loop, done)

        builder.position_at_end(loop)
        k = builder.phi(_INTEGER)
        sums = [builder.phi(self.vector) for _ in lanes]
        coordinate = spread(builder, builder.load(builder.gep(self.point, [k])), self.vector)
        row = builder.mul(k, integer(WIDTH))
        after = []
        for lane, total in zip(lanes, sums):
            value = builder.load(self.at(self.block, builder.add(row, integer(lane))), align=4)
            after.append(self.term(builder, total, value, coordinate))
        following = builder.add(k, integer(1))
        for phi, initial, final in zip((k, *sums), (start, *before), (following, *after)):
            phi.add_incoming(initial, entry)
            phi.add_incoming(final, loop)
        builder.cbranch(builder.icmp_signed("<", following, stop), loop, done)

        builder.position_at_end(done)
        results = [builder.phi(self.vector) for _ in lanes]
        for result, initial, final in zip(results, before, after):
            result.add_incoming(initial, entry)
            result.add_incoming(final, loop)
        return results

    def finish(self, value, steps: Steps):
        """What the ``steps`` make of a sum."""
        builder = self.builder
        for step in steps:
            if step == "half square":
                half = builder.fmul(ir.Constant(_VECTOR, [0.5] * LANES), value)
                value = builder.fmul(half, value)
                continue
            kind = ir.FunctionType(_VECTOR, [_VECTOR])
            value = builder.call(builder.module.declare_intrinsic(f"llvm.{step}.v{LANES}f64", fnty=kind), [value])
        return value


_GROUPS = [list(range(first, first + GROUP, LANES)) for first in range(0, WIDTH, GROUP)]


def _write_sums(function, term: Term, steps: Steps, groups: Sequence[list[int]] = _GROUPS) -> None:
    writer = Writer(function, term)
    for lanes in groups:
        totals = writer.accumulate(integer(0), function.args[3], lanes, [_ZEROS] * len(lanes))
        for lane, total in zip(lanes, totals):
            writer.store(writer.finish(total, steps), lane)
    writer.builder.ret(integer(1))


def _write_few_sums(function, term: Term, steps: Steps) -> None:
    _write_sums(function, term, steps, [[0]])


def _write_sums_within(function, term: Term, steps: Steps) -> None:
    """As ``_write_sums``, but returns 0, with sums of no use, as soon as no sum is below its limit."""
    writer = Writer(function, term)
    builder = writer.builder
    count = function.args[3]
    limit = writer.array(function.args[4])
    entry = builder.block
    step, more, full, far = (writer.branch(name) for name in ("step", "more", "full", "far"))
    builder.branch(step)

    builder.position_at_end(step)
    start = builder.phi(_INTEGER)
    start.add_incoming(integer(0), entry)
    next_step = builder.add(start, integer(STEP))
    stop = builder.select(builder.icmp_signed("<", next_step, count), next_step, count)
    first = builder.icmp_signed("==", start, integer(0))
    below = None
    for lanes in _GROUPS:
        before = [builder.select(first, _ZEROS, writer.load(writer.sums, lane)) for lane in lanes]
        for lane, total in zip(lanes, writer.accumulate(start, stop, lanes, before)):
            writer.store(total, lane)
            is_below = builder.fcmp_ordered("<", total, writer.load(limit, lane))
            below = is_below if below is None else builder.or_(below, is_below)
    mask = builder.bitcast(below, ir.IntType(LANES))
    builder.cbranch(builder.icmp_unsigned("!=", mask, ir.Constant(mask.type, 0)), more, far)

    builder.position_at_end(more)
    start.add_incoming(stop, more)
    builder.cbranch(builder.icmp_signed("<", stop, count), step, full)

    builder.position_at_end(full)
    for lanes in _GROUPS:
        for lane in lanes:
            writer.store(writer.finish(writer.load(writer.sums, lane), steps), lane)
    builder.ret(integer(1))

    builder.position_at_end(far)
    builder.ret(integer(0))


@intrinsic
def _near(typing_context, sums, limit):
    """The address of WIDTH sums and that of their limits -> bits of those below it."""

    def build(context, builder, signature, arguments):
        sums, limit = (builder.inttoptr(address, _VECTOR.as_pointer()) for address in arguments)
        bits = integer(0)
        for vector in range(WIDTH // LANES):
            value = builder.load(builder.gep(sums, [integer(vector)]), align=8)
            most = builder.load(builder.gep(limit, [integer(vector)]), align=8)
            mask = builder.bitcast(builder.fcmp_ordered("<", value, most), ir.IntType(LANES))
            bits = builder.or_(bits, builder.shl(builder.zext(mask, _INTEGER), integer(vector * LANES)))
        return bits

    return types.uint64(types.int64, types.int64), build


def spread(builder, number, vector: ir.VectorType = _VECTOR):
    """A vector of the same number."""
    undefined = ir.Constant(vector, ir.Undefined)
    index = ir.IntType(32)
    single = builder.insert_element(undefined, number, ir.Constant(index, 0))
    return builder.shuffle_vector(
        single, undefined, ir.Constant(ir.VectorType(index, vector.count), [0] * vector.count)
    )


def _write_choice(function, functions: list) -> None:
    """That of the ``functions`` whose number is the last argument."""
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    cases = [function.append_basic_block("case") for _ in functions]
    choice = builder.switch(function.args[-1], cases[0])
    for number, (case, chosen) in enumerate(zip(cases, functions)):
        if number:
            choice.add_case(integer(number), case)
        builder.position_at_end(case)
        builder.ret(builder.call(chosen, function.args, tail=True))


def _function(module, write, kinds: Sequence[Kind]):
    """A function of the addresses of block, point and out, their count of coordinates, the address of limit, and a
    number: it does what ``write`` writes of the kind of that number. There is one of each in a module.
    """
    names = [".".join([term.__name__, *steps]).replace(" ", "_") for term, steps in kinds]
    name = ".".join(["craig", write.__name__, *names])
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(module, ir.FunctionType(_INTEGER, [_INTEGER] * 6), name)
    function.linkage = "internal"
    for attribute in ("alwaysinline" if len(kinds) > 1 else "noinline", "nounwind"):
        function.attributes.add(attribute)
    if len(kinds) > 1:
        _write_choice(function, [_function(module, write, [kind]) for kind in kinds])
    else:
        write(function, *kinds[0])
    return function


def calling(write, kinds: Sequence[Kind]):
    """Builds the call of such a function from a kernel, with arrays block, point, out, and limit before that."""

    def build(context, builder, signature, arguments):
        pairs = list(zip(signature.args, arguments))
        arrays = [context.make_array(kind)(context, builder, each) for kind, each in pairs if kind != types.int64]
        numbers = [each for kind, each in pairs if kind == types.int64]
        block, point, *limit, out = (builder.ptrtoint(each.data, _INTEGER) for each in arrays)
        count = builder.extract_value(arrays[0].shape, 0)
        passed = [block, point, out, count, *(limit or [integer(0)]), *(numbers or [integer(0)])]
        result = builder.call(_function(builder.module, write, kinds), passed)
        return builder.trunc(result, _BIT) if signature.return_type == types.boolean else result

    return build


# Of ``block`` (d, WIDTH), ``point`` (d,) and ``out`` (WIDTH,), C-contiguous float64 arrays of which nothing is checked:
# out[p] is made of row p of the block and the point.
def by_metric(kinds: Sequence[Kind]):
    """(block, point, number of the kind, out): what its steps make of the sums of its term.

    A term writes the instructions for (builder, total, value, coordinate), vectors of the LANES: the total with the
    term of these coordinates of the rows and of the point, never below the total. Steps: "sqrt", "half square", "rint".
    """

    def typed(typing_context, block, point, metric, out):
        return types.boolean(block, point, types.int64, out), calling(_write_sums, kinds)

    return intrinsic(typed)


def by_metric_of_few(kinds: Sequence[Kind]):
    """As ``by_metric``, of the first LANES rows only, or of the LANES from where a view of the block begins."""

    def typed(typing_context, block, point, metric, out):
        return types.boolean(block, point, types.int64, out), calling(_write_few_sums, kinds)

    return intrinsic(typed)


def by_metric_within(kinds: Sequence[Kind]):
    """As ``by_metric``, with ``limit`` (WIDTH,) before ``out``; False as soon as no sum can be below its limit."""

    def typed(typing_context, block, point, metric, limit, out):
        return types.boolean(block, point, types.int64, limit, out), calling(_write_sums_within, kinds)

    return intrinsic(typed)


@inner
def near(distance, limit):
    """uint64, bit p set where distance[p] < limit[p]; (WIDTH,) each."""
    return _near(address_of(distance), address_of(limit))


@intrinsic
def _dot(typing_context, row, direction, count):
    """Two addresses and the number of coordinates, a multiple of the lanes: the sum of the products."""

    def build(context, builder, signature, arguments):
        row, direction, count = arguments
        row, direction = (builder.inttoptr(address, _NUMBER.as_pointer()) for address in (row, direction))
        entry = builder.block
        loop = builder.append_basic_block("coordinates")
        done = builder.append_basic_block("done")
        builder.cbranch(builder.icmp_signed("<", integer(0), count), loop, done)

        builder.position_at_end(loop)
        k, total = builder.phi(_INTEGER), builder.phi(_VECTOR)
        k.add_incoming(integer(0), entry)
        total.add_incoming(_ZEROS, entry)
        left, right = (
            builder.load(builder.bitcast(builder.gep(base, [k]), _VECTOR.as_pointer()), align=8)
            for base in (row, direction)
        )
        after = builder.fadd(total, builder.fmul(left, right))
        following = builder.add(k, integer(LANES))
        k.add_incoming(following, loop)
        total.add_incoming(after, loop)
        builder.cbranch(builder.icmp_signed("<", following, count), loop, done)

        builder.position_at_end(done)
        sums = builder.phi(_VECTOR)
        sums.add_incoming(_ZEROS, entry)
        sums.add_incoming(after, loop)
        lanes = [builder.extract_element(sums, ir.Constant(ir.IntType(32), lane)) for lane in range(LANES)]
        while len(lanes) > 1:
            half = len(lanes) // 2
            lanes = [builder.fadd(lanes[lane], lanes[lane + half]) for lane in range(half)]
        return lanes[0]

    return types.float64(types.int64, types.int64, types.int64), build


@inner
def dot(row, direction):
    """<row, direction> of C-contiguous float64 arrays (d,), in sums of a fixed order: the same on every machine."""
    whole = direction.size // LANES * LANES
    total = _dot(address_of(row), address_of(direction), whole)
    for k in range(whole, direction.size):
        total += row[k] * direction[k]
    return total
