"""``select_coreset`` as the paper has it: medoids with counts; and algorithms without a greedy order as they are."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from craig_cli import select_coreset
from craig_cli.registry import ALGORITHMS, METRICS, load

GREEDY = [name for name in ALGORITHMS if load(ALGORITHMS, name).greedy]
# Each metric with a function that puts dense rows into each of its layouts.
LAYOUTS = {
    f"{name}-{layout}": (name, function)
    for name in METRICS
    for layout, function in (("dense", np.array), ("sparse", sp.csr_matrix))
    if layout == "dense" or load(METRICS, name).sparse
}
UNRANKED = [name for name in ALGORITHMS if name not in GREEDY]


def paper_coreset(features, labels=None, **options):
    """The coreset, of the paper's construction where ``options`` do not say otherwise."""
    if options.get("algorithm") not in UNRANKED:
        options.setdefault("exemplar", "medoid")
    options.setdefault("weights", "count")
    return select_coreset(features, labels, **options)
