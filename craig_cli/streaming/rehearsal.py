"""The work on leaves once through on a few rows in memory: what it compiles, other processes find compiled."""

from __future__ import annotations

import numpy as np

from craig_cli import jit
from craig_cli.formats.arrow import to_arrow
from craig_cli.registry import METRICS, load
from craig_cli.scaling import Scaling
from craig_cli.selection.bounds import exact_grid
from craig_cli.selection.distances.cells import ruler_of
from craig_cli.selection.distances.simd import WIDTH
from craig_cli.streaming.leaves import Job, Leaf, greedy, picks_of, swap, weigh
from craig_cli.streaming.scratch import Scratch, rows_to_arrow
from craig_cli.streaming.view import View

ROWS, BLOCK = 16 * WIDTH, 4 * WIDTH


def rehearse() -> None:
    """Compile, or load, the kernels of the leaves; in the calling thread alone."""
    before = jit.threads_in_force()
    jit.set_threads(1)
    rows = np.random.default_rng(0).standard_normal((ROWS, 2))
    rows[:WIDTH] = 0.0  # equal ones, too
    ruler = ruler_of(rows, load(METRICS, "euclidean"), float(ROWS))
    with Scratch() as scratch:
        columns = {"row": to_arrow(np.arange(ROWS)), "features": rows_to_arrow(rows.astype(np.float32))}
        schema = _schema(columns)
        scratch.write("run", iter([columns]), schema, {})
        grid = exact_grid(ROWS * ruler.diameter)
        view = View(Scaling("none"), ruler.metric)
        job = Job(scratch, {"run": ([0], [ROWS])}, 2, view, [ruler], np.array([float(ROWS)]), BLOCK, grid, None)
        leaf = Leaf(0, 0, 0, 0, ROWS)
        greedy(job, leaf, 0.2)
        arrays, _ = scratch.load(leaf.file("greedy"), "row", "coordinates")
        picks = picks_of(job, 0, arrays | {"leaf": np.zeros(len(arrays["row"]), dtype=np.int64)})
        swap(job, leaf, picks, "swap")
        weigh(job, leaf, picks, "weigh")
    jit.set_threads(before)


def _schema(columns):
    import pyarrow as pa

    return pa.schema([(name, column.type) for name, column in columns.items()])
