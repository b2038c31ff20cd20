"""What a selection from data in pieces will need, in bytes, before it starts."""

from __future__ import annotations

import math

from craig_cli import jit
from craig_cli.formats.pieces import Pieces
from craig_cli.guided.influence import SKETCH
from craig_cli.selection.plan import Plan, wants_rough_model
from craig_cli.tables.storage import NUMBER

MOMENTS = 5  # of each column, of every piece that is worked on
LIFTS = 3  # times the sketch of a rough model


def of_columns(pieces: Pieces, plan: Plan, outputs: int = 1) -> float:
    """What has a number for each column of sparse rows, of which there may be very many; of dense rows nothing.

    outputs  of the rough model, where there is one
    """
    if not pieces.is_sparse:
        return 0.0
    moments = MOMENTS * (jit.available_threads() + 3)
    return 8.0 * pieces.width * (moments + (LIFTS * SKETCH * outputs if wants_rough_model(plan) else 0))


def bytes_of(pieces: Pieces) -> float:
    """What leaves of all rows take in memory; inf where there are lists of which it is not known how long they are."""
    if pieces.encoding is None and any(pieces.chosen.contents[name] != NUMBER for name in pieces.chosen.features):
        return math.inf
    return pieces.n_rows * (float(pieces.number_bytes) * pieces.numbers + 32)
