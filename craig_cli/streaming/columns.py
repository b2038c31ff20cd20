"""The pass before the first, over columns that are not all plain numbers: what they become, as in memory.

It leaves the encoding in the scratch folder. All that is wanted of a column adds up (tables/fitting.py), so it is that
of the same rows in memory, but for text of more different values than there is room for.
"""

from __future__ import annotations

from craig_cli.formats.pieces import Pieces
from craig_cli.streaming.cluster import Cluster
from craig_cli.streaming.scratch import Scratch
from craig_cli.streaming.spans import Seeing, see_columns
from craig_cli.streaming.work import Clock
from craig_cli.tables.encoding import encoding_of

FILE = "encoding"


def encoded(
    pieces: Pieces, reading: dict, folder: Scratch, cluster: Cluster | None, threads: int, clock: Clock
) -> Pieces:
    """The ``pieces`` with features by the encoding in the folder, which is fitted where there has to be one.

    reading  as ``formats.read_dataset`` takes it. Raises DataError for columns of which none can be a feature.
    """
    if not folder.has(FILE):
        if not pieces.unfitted:
            return pieces
        with clock.stage("columns"):
            seen = see_columns(Seeing(folder, pieces), cluster, threads, clock)
            found, suspects = pieces.fitted(seen, wanted=reading.get("features") is not None)
            folder.save(FILE, {}, encoding=found.facts(), suspects=suspects)
    _, facts = folder.load(FILE)
    encoding = encoding_of(facts["encoding"], FILE)
    assert encoding is not None
    return pieces.encoded(encoding, facts["suspects"])
