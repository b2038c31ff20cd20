"""What workers do, once through with a few rows: what it compiles, other processes find compiled."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.sparse as sp

from craig_cli import jit
from craig_cli.formats import libsvm
from craig_cli.selection.distances.simd import WIDTH
from craig_cli.selection.plan import Plan

ROWS, BLOCK = 32 * WIDTH, 4 * WIDTH


def rehearse(select: Callable, purpose: str, sparse: bool) -> None:
    """Compile, or load, the kernels of the passes and of the leaves, in this thread alone.

    select  is ``select_streamed``; sparse: for LIBSVM text of ``sparse`` rows, else for tables of float32
    """
    threads = jit.threads_in_force()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "rows"
        reading = _write_sparse(data) if sparse else _write_dense(data)
        plan = Plan(purpose=purpose, size=ROWS // 5, block_size=BLOCK, threads=1)
        select([str(data)], plan, reading, Path(folder) / "scratch", leaf_rows=ROWS // 4)
    jit.set_threads(threads)


def _write_dense(path: Path) -> dict:
    """How to read what is written."""
    rows = np.random.default_rng(0).standard_normal((ROWS, 2)).astype(np.float32)
    rows[:WIDTH] = 0.0  # equal ones, too
    pq.write_table(pa.table({"a": rows[:, 0], "b": rows[:, 1], "label": np.arange(ROWS) % 2}), path)
    return {"label": "label"}


def _write_sparse(path: Path) -> dict:
    generator = np.random.default_rng(0)
    values, columns = generator.standard_normal(2 * ROWS), generator.integers(0, 64, 2 * ROWS)
    rows = sp.csr_matrix((values, columns, np.arange(0, 2 * ROWS + 1, 2)), shape=(ROWS, 64))
    rows.sum_duplicates()
    rows[:WIDTH] = 0.0
    with open(path, "wb") as file:
        libsvm.write(file, rows, np.arange(ROWS) % 2)
    return {}
