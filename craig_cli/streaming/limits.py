"""What a selection from data in pieces will need, in bytes, before it starts."""

from __future__ import annotations

import math

from craig_cli import jit
from craig_cli.dataset import is_csr
from craig_cli.formats.pieces import Pieces
from craig_cli.guided.influence import EXACT, LIFTS, SKETCH
from craig_cli.selection.distances import inverted_index
from craig_cli.selection.limits import estimate_of
from craig_cli.selection.plan import Plan, wants_rough_model
from craig_cli.tables.storage import NUMBER, TEXT, TIME
from craig_cli.tables.text import BUCKETS

SPARSE = 12.0  # bytes of a number of sparse rows
WIDEST = {NUMBER: 2, TIME: 2, TEXT: BUCKETS + 1}  # columns that one of the table becomes, at most
MOMENTS = 5  # of each column, of every piece that is worked on


def of_columns(pieces: Pieces, plan: Plan, outputs: int = 1) -> float:
    """What has a number for each column of sparse rows, of which there may be very many; of dense rows nothing.

    outputs  of the rough model, where there is one
    """
    if not pieces.is_sparse:
        return 0.0
    moments = MOMENTS * (jit.available_threads() + 3)
    return 8.0 * pieces.width * (moments + (LIFTS * SKETCH * outputs if wants_rough_model(plan) else 0))


def in_memory(pieces: Pieces, plan: Plan, wanted: bool, most: float) -> tuple[float, float]:
    """Bytes that the data and selecting from it take where all is read, encoded as its first rows would be alone.

    wanted  the columns were asked for by name; most: bytes that both may take, of less it need not be known how much
    """
    contents = [pieces.chosen.contents[name] for name in pieces.chosen.features]
    if all(content in WIDEST for content in contents):
        widest = sum(WIDEST[content] for content in contents) if pieces.unfitted else len(contents)
        needed = _dense(pieces.n_rows, widest, plan)
        if not pieces.unfitted or sum(needed) <= most:
            return needed
    first = pieces.beginning(wanted)
    if not is_csr(first):
        return _dense(pieces.n_rows, first.shape[1], plan)
    read = SPARSE * first.nnz * pieces.n_rows / first.shape[0]
    space = SKETCH + inverted_index.SKETCH if wants_rough_model(plan) else 0
    return read, 4 * read + estimate_of(pieces.n_rows, 0, space)


def _dense(n_rows: int, width: int, plan: Plan) -> tuple[float, float]:
    space = (width + 1 if width < EXACT else SKETCH) + width
    return 8.0 * n_rows * width, estimate_of(n_rows, width, space if wants_rough_model(plan) else 0)


def bytes_of(pieces: Pieces) -> float:
    """What leaves of all rows take in memory; inf where there are lists of which it is not known how long they are."""
    if pieces.encoding is None and any(pieces.chosen.contents[name] != NUMBER for name in pieces.chosen.features):
        return math.inf
    return pieces.n_rows * (float(pieces.number_bytes) * pieces.numbers + 32)
