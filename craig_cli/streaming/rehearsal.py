"""What workers do, once through with a few rows: what it compiles, other processes find compiled."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from craig_cli import jit
from craig_cli.selection.distances.simd import WIDTH
from craig_cli.selection.plan import Plan

ROWS, BLOCK = 32 * WIDTH, 4 * WIDTH


def rehearse(select: Callable, purpose: str) -> None:
    """Compile, or load, the kernels of the passes and of the leaves, for numbers of float32; in this thread alone.

    select  is ``select_streamed``
    """
    threads = jit.threads_in_force()
    rows = np.random.default_rng(0).standard_normal((ROWS, 2)).astype(np.float32)
    rows[:WIDTH] = 0.0  # equal ones, too
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "rows.parquet"
        pq.write_table(pa.table({"a": rows[:, 0], "b": rows[:, 1], "label": np.arange(ROWS) % 2}), data)
        plan = Plan(purpose=purpose, size=ROWS // 5, block_size=BLOCK, threads=1)
        select([str(data)], plan, {"label": "label"}, Path(folder) / "scratch", leaf_rows=ROWS // 4)
    jit.set_threads(threads)
