"""The only place that imports numba.

Kernels are compiled on first use and kept on disk (cache.py). One process at a time compiles a kernel: others that want
it wait for it.
"""

from __future__ import annotations

import contextlib
import os
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from craig_cli import cache as kept
from craig_cli.cache import kernel_folder

kernel_folder()

# Threads that wait for each other should sleep: spinning makes a busy machine several times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numba  # noqa: E402  (the environment has to be set first)
from llvmlite import ir  # noqa: E402
from llvmlite.binding import get_host_cpu_features  # noqa: E402
from numba import prange  # noqa: E402
from numba.core import caching, codegen, types  # noqa: E402
from numba.core.compiler import CompilerBase, DefaultPassBuilder  # noqa: E402
from numba.core.compiler_machinery import AnalysisPass, register_pass  # noqa: E402
from numba.core.runtime import rtsys  # noqa: E402
from numba.core.untyped_passes import IRProcessing  # noqa: E402
from numba.extending import intrinsic  # noqa: E402

__all__ = [
    "available_threads",
    "compile_kernel",
    "in_threads",
    "inner",
    "intrinsic",
    "ir",
    "njit",
    "prange",
    "prefetch",
    "set_threads",
    "threads_in_force",
    "types",
    "types_in_words",
]

_save_overload = caching.FunctionCache.save_overload
PATIENCE = 60.0  # seconds to wait for another process that compiles a kernel, which may have been stopped
_claims: dict = {}  # "file": that of claims, open as long as the process; offset -> True for what is compiled here


def _claim(cache, patience: float = 0.0) -> bool:
    """Whether this process may compile the kernel of ``cache``: no other is at it, or there are no such locks here.

    Of kernels that call each other none is called by what it calls, so no two processes wait for each other.
    """
    offset = _offset(cache)
    if offset in _claims:
        return True
    try:
        import fcntl

        if "file" not in _claims:
            os.makedirs(numba.config.CACHE_DIR, exist_ok=True)
            _claims["file"] = os.open(Path(numba.config.CACHE_DIR, "claims"), os.O_RDWR | os.O_CREAT, 0o666)
        file = _claims["file"]
    except (ImportError, OSError):
        return True
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, offset)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(0.01)
        except OSError:
            return True
        else:
            _claims[offset] = True
            return True


def _release(cache) -> None:
    if _claims.pop(_offset(cache), False):
        import fcntl

        with contextlib.suppress(OSError):
            fcntl.lockf(_claims["file"], fcntl.LOCK_UN, 1, _offset(cache))


def _offset(cache) -> int:
    return zlib.crc32(cache._cache_file._index_path.encode())


def _load_overload(cache, signature, context):
    """As numba's, but for the registries, which only compiling needs; they take as long to load as a run's kernels."""
    rtsys.initialize(context)
    with cache._guard_against_spurious_io_errors():
        return cache._load_overload(signature, context)


def _load_or_claim(cache, signature, context):
    """What is on disk, perhaps after waiting for the process that compiles it; else it is this one's to compile."""
    overload = _load_overload(cache, signature, context)
    if overload is None and _claim(cache, PATIENCE):
        overload = _load_overload(cache, signature, context)
    if overload is not None:
        _release(cache)
    elif kept.before_compiling is not None:
        kept.before_compiling()
    return overload


def _save_where_possible(cache, signature, data) -> None:
    """One process at a time; a full disk costs a compilation the next time, not the run.

    Two that save at once take the same number for their files: one's types would be found beside the other's code.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(ImportError, OSError):  # where there are no such locks, there is less safety
            import fcntl

            os.makedirs(numba.config.CACHE_DIR, exist_ok=True)
            lock = stack.enter_context(open(Path(numba.config.CACHE_DIR, "lock"), "ab"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        with contextlib.suppress(OSError):
            _save_overload(cache, signature, data)
    _release(cache)


caching.FunctionCache.save_overload = _save_where_possible
caching.FunctionCache.load_overload = _load_or_claim
# Where numba was imported before, the environment came too late.
numba.config.CACHE_DIR = os.environ["NUMBA_CACHE_DIR"]


def njit(*args, **options):
    """``numba.njit`` with what every kernel here wants: cached on disk, releasing the GIL, no Python errors.

    ``error_model="numpy"`` makes a division by zero give inf or nan as in C, which keeps loops vectorisable.
    No explicit signatures: they would compile at import.
    """
    defaults = {"cache": True, "nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
    return numba.njit(*args, **{**defaults, **options})


class _InnerLibrary(codegen.JITCodeLibrary):
    """The code of a function that only kernels call: it is optimised with theirs, and has no machine code itself."""

    class codegen:
        set_env = staticmethod(lambda name, environment: None)

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        self._ensure_finalized()
        return 0


@register_pass(mutates_CFG=False, analysis_only=True)
class _IntoItsCallers(AnalysisPass):
    _name = "craig_into_its_callers"

    def __init__(self):
        super().__init__()

    def run_pass(self, state) -> bool:
        state.library = _InnerLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        return False


class _InnerCompiler(CompilerBase):
    def define_pipelines(self):
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.add_pass_after(_IntoItsCallers, IRProcessing)
        passes.finalize()
        return [passes]


def inner(*args, **options):
    """As ``njit``, for functions that only kernels call, never Python: compiled in half the time.

    No wrapper for Python, no machine code but what goes into the kernels that call them, nothing on disk. They raise
    nothing: what an exception needs is not filled in.
    """
    if not args:
        return lambda function: inner(function, **options)
    only_inside = {"cache": False, "no_cpython_wrapper": True, "pipeline_class": _InnerCompiler}
    function = njit(*args, **{**only_inside, **options})
    if not numba.config.DISABLE_JIT:
        name = args[0].__qualname__

        def refuse(*arguments, **keywords):
            raise TypeError(f"{name} is for kernels to call")

        function._insert = lambda *arguments: None  # the table for calls from Python
        function._compile_for_args = refuse
    return function


@intrinsic
def address_of(typing_context, array):
    """Inside a kernel, int64: where the elements of ``array`` are."""

    def generate(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.ptrtoint(data, ir.IntType(64))

    return types.int64(array), generate


@intrinsic
def lowest_bit(typing_context, bits):
    """Inside a kernel, int64: the position of the lowest bit of ``bits``, uint64, that is set; one has to be."""

    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], ir.IntType(1)(1))

    return types.int64(types.uint64), generate


@intrinsic
def prefetch(typing_context, array, index):
    """Inside a kernel: ask for the cache line of ``array[index]`` (1-d), so that it has arrived when it is read.

    A shuffled epoch is bound by the latency of memory: without this, 250,000 rows of 55 took 52 ms, with it 14 ms.
    """

    def generate(context, builder, signature, arguments):
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        number = ir.IntType(32)
        pointer = builder.bitcast(builder.gep(data, [arguments[1]]), ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [pointer.type, number, number, number])
        function = builder.module.declare_intrinsic("llvm.prefetch", [pointer.type], kind)
        builder.call(function, [pointer, number(0), number(3), number(1)])  # for reading, keep it, data
        return context.get_dummy_value()

    return types.void(array, types.intp), generate


def cpu_has(feature: str) -> bool:
    """Whether kernels are compiled for a processor with ``feature``, in LLVM's spelling."""
    return bool(get_host_cpu_features().get(feature))


def available_threads() -> int:
    """Number of cores this process may run on."""
    return min(
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        numba.config.NUMBA_NUM_THREADS,
    )


def set_threads(threads: int | None) -> int:
    """Let parallel kernels use ``threads`` cores (None: all there are); returns the number in force."""
    number = min(threads or available_threads(), numba.config.NUMBA_NUM_THREADS)
    numba.set_num_threads(number)
    return number


def threads_in_force() -> int:
    """Number of cores parallel kernels use now."""
    return numba.get_num_threads()


def in_threads(kernel, *arguments, most: int | None = None) -> None:
    """Run ``kernel(thread, threads, *arguments)`` once in each thread, thread = 0 .. threads - 1, at ``most`` so many.

    For work that is cut into few large pieces: such a kernel compiles several times faster than one with ``prange``.
    It has to release the GIL, as all kernels here do.
    """
    threads = threads_in_force() if most is None else max(1, min(most, threads_in_force()))
    if threads == 1:
        kernel(0, 1, *arguments)
        return
    with ThreadPoolExecutor(threads - 1) as pool:
        others = [pool.submit(kernel, thread, threads, *arguments) for thread in range(1, threads)]
        kernel(0, threads, *arguments)
        for done in others:
            done.result()


def types_in_words(signature) -> list[str] | None:
    """Types of arguments as ``compile_kernel`` takes them; None where one is no number, array or None."""
    words = []
    for kind in signature:
        if isinstance(kind, types.Array):
            words.append(f"{kind.dtype} {kind.ndim} {kind.layout}{'' if kind.mutable else ' readonly'}")
        elif kind is types.none or (
            isinstance(kind, (types.Number, types.Boolean)) and not isinstance(kind, types.Literal)
        ):
            words.append(str(kind))
        else:
            return None
    return words


def _type_of(words: str) -> Any:
    array: Any
    dtype, *array = words.split()
    kind = {"bool": types.boolean, "none": types.none}.get(dtype) or getattr(types, dtype)
    return types.Array(kind, int(array[0]), array[1], readonly="readonly" in array) if array else kind


def compile_kernel(kernel, arguments: list[str]) -> bool:
    """Have the kernel on disk for these types of arguments; False where another process is compiling it."""
    if not _claim(kernel._cache):
        return False
    try:
        kernel.compile(tuple(_type_of(words) for words in arguments))
    finally:
        _release(kernel._cache)
    return True
