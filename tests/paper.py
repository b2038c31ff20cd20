"""``select_coreset`` as the paper has it: medoids with counts; and algorithms without a greedy order as they are."""

from __future__ import annotations

from craig_cli import select_coreset
from craig_cli.registry import ALGORITHMS, load

GREEDY = [name for name in ALGORITHMS if load(ALGORITHMS, name).greedy]
UNRANKED = [name for name in ALGORITHMS if name not in GREEDY]


def paper_coreset(features, labels=None, **options):
    """The coreset, of the paper's construction where ``options`` do not say otherwise."""
    if options.get("algorithm") not in UNRANKED:
        options.setdefault("exemplar", "medoid")
    options.setdefault("weights", "count")
    return select_coreset(features, labels, **options)
