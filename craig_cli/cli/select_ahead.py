"""Which run of ``compiling.recorded`` a selection is like; where it is like none, its kernels are compiled as it goes.

The usual data is dense. A guess that is wrong costs time, and only the first time.
"""

from __future__ import annotations

from craig_cli.registry import RECIPES


def runs_ahead(plan, by_model: bool) -> list[str]:
    """Before the data is read: what it may be like."""
    algorithm = algorithm_of(plan)
    known = by_model or algorithm not in ("auto", "lazy", "partition")
    return [_run(plan, by_model, "dense", each) for each in ([algorithm] if known else ["lazy", "partition"])]


def run_ahead(plan, by_model: bool, dataset) -> str:
    """What it is like, if there are two classes of one size."""
    from craig_cli.dataset import is_csr
    from craig_cli.selection.plan import EXACT_WORK

    algorithm = algorithm_of(plan)
    if algorithm == "auto":
        work = 0.5 * float(dataset.n_rows) ** 2 * (12.0 + dataset.n_features)
        algorithm = "lazy" if work <= EXACT_WORK else "partition"
    return _run(plan, by_model, "sparse" if is_csr(dataset.features) else "dense", algorithm)


def algorithm_of(plan) -> str:
    """The one that it will be; "auto" where the data will say whether it is lazy or partition."""
    from craig_cli.selection.plan import wants_rough_model

    if plan.algorithm != "auto":
        return plan.algorithm
    if plan.weights == "equal":
        return "strata"
    return RECIPES[plan.purpose].algorithm if wants_rough_model(plan) else "auto"


def _run(plan, by_model: bool, layout: str, algorithm: str) -> str:
    from craig_cli.selection.plan import wants_rough_model

    if by_model:
        return f"select linear {layout}"
    return f"select {'any' if wants_rough_model(plan) else 'distance'} {layout} {algorithm}"
