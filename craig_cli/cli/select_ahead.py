"""Which run of ``compiling.recorded`` a selection is like; where it is like none, its kernels are compiled as it goes.

The usual data is dense. A guess that is wrong costs time, and only the first time.
"""

from __future__ import annotations


def runs_ahead(plan, by_model: bool) -> list[str]:
    """Before the data is read: what it may be like."""
    from craig_cli.selection.plan import algorithm_of

    algorithm = algorithm_of(plan)
    known = by_model or algorithm not in ("auto", "lazy", "partition")
    return [_run(plan, by_model, "dense", each) for each in ([algorithm] if known else ["lazy", "partition"])]


def run_ahead(plan, by_model: bool, dataset) -> str:
    """What it is like, if there are two classes of one size."""
    from craig_cli.dataset import is_csr
    from craig_cli.selection.plan import EXACT_WORK, algorithm_of

    algorithm = algorithm_of(plan)
    if algorithm == "auto":
        work = 0.5 * float(dataset.n_rows) ** 2 * (12.0 + dataset.n_features)
        algorithm = "lazy" if work <= EXACT_WORK else "partition"
    return _run(plan, by_model, "sparse" if is_csr(dataset.features) else "dense", algorithm)


def search_ahead(plan, dataset) -> str:
    """The search of many rows for the nearest of many picks, beside it; empty where each is held against all."""
    from craig_cli.dataset import is_csr
    from craig_cli.selection.distances.assignment import FEW

    coordinates = dataset.n_features * dataset.n_rows * plan.budget(dataset)
    layout = "sparse" if is_csr(dataset.features) else "dense"
    return f"select search {layout}" if coordinates / 4 > FEW and plan.method.greedy else ""


def _run(plan, by_model: bool, layout: str, algorithm: str) -> str:
    from craig_cli.selection.plan import wants_rough_model

    if by_model:
        return f"select linear {layout}"
    return f"select {'any' if wants_rough_model(plan) else 'distance'} {layout} {algorithm}"
