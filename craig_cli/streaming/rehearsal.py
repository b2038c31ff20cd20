"""What workers do, once through with a few rows: what it compiles, other processes find compiled."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from craig_cli import jit
from craig_cli.formats.pieces import Piece, open_pieces
from craig_cli.registry import METRICS, load
from craig_cli.scaling import Scaling
from craig_cli.selection.bounds import exact_grid
from craig_cli.selection.distances.cells import ruler_of
from craig_cli.selection.distances.simd import WIDTH
from craig_cli.streaming.leaves import Job, greedy, leaves_of, picks_of, swap, weigh
from craig_cli.streaming.route import Router, route, run_facts
from craig_cli.streaming.scratch import Scratch
from craig_cli.streaming.survey import look_at
from craig_cli.streaming.tree import grow
from craig_cli.streaming.view import View

ROWS, BLOCK = 32 * WIDTH, 4 * WIDTH


def rehearse() -> None:
    """Compile, or load, the kernels of both passes and of the leaves, for numbers of float32; in this thread alone."""
    threads = jit.threads_in_force()
    jit.set_threads(1)
    rows = np.random.default_rng(0).standard_normal((ROWS, 2)).astype(np.float32)
    rows[:WIDTH] = 0.0  # equal ones, too
    with tempfile.TemporaryDirectory() as folder, Scratch() as scratch:
        data = Path(folder) / "rows.parquet"
        pq.write_table(pa.table({"a": rows[:, 0], "b": rows[:, 1], "label": np.arange(ROWS) % 2}), data)
        _all_stages(str(data), rows.astype(np.float64), scratch)
    jit.set_threads(threads)


def _all_stages(data: str, rows: np.ndarray, scratch: Scratch) -> None:
    pieces = open_pieces([data], label="label")
    for piece in pieces():
        look_at(piece, 1.0, 0)
    view = View(Scaling("none"), load(METRICS, "euclidean"))
    tree = grow(rows, np.zeros(ROWS, dtype=np.int64), [2])
    how = {"labels": None, "dtype": np.dtype(np.float32), "extras": (), "memory": 1 << 20, "threads": 1}
    route(pieces, Router(view, tree, rows[:1], _one_class), scratch, (0, ROWS), **how, progress=lambda done: None)
    runs, ruler = run_facts(scratch), ruler_of(rows, view.metric, float(ROWS))
    known = {name: (facts["leaves"], facts["sizes"]) for name, facts in runs.items()}
    grid = exact_grid(ROWS * ruler.diameter)
    job = Job(scratch, known, 2, view, [ruler], np.array([float(ROWS)]), BLOCK, grid, None)
    for leaf in leaves_of(runs, tree.classes, ROWS):
        greedy(job, leaf, 0.2)
        arrays, _ = scratch.load(leaf.file("greedy"), "row", "coordinates")
        picks = picks_of(job, 0, arrays | {"leaf": np.full(len(arrays["row"]), leaf.number)})
        swap(job, leaf, picks, "swap")
        weigh(job, leaf, picks, "weigh")


def _one_class(piece: Piece) -> np.ndarray:
    return np.zeros(len(piece.labels), dtype=np.int64)
