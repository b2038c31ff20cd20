"""Which run of ``compiling.recorded`` a selection is like; where it is like none, its kernels are compiled as it goes.

The usual data is dense. A guess that is wrong costs time, and only the first time.
"""

from __future__ import annotations


def runs_ahead(plan, by_model: bool) -> list[str]:
    """Before the data is read: what it may be like."""
    if by_model or plan.algorithm not in ("auto", "lazy", "partition"):
        return [_run(plan, by_model, "dense", plan.algorithm)]
    return [_run(plan, by_model, "dense", algorithm) for algorithm in ("lazy", "partition")]


def run_ahead(plan, by_model: bool, dataset) -> str:
    """What it is like, if there are two classes of one size."""
    from craig_cli.dataset import is_csr
    from craig_cli.selection.plan import EXACT_WORK

    algorithm = plan.algorithm
    if algorithm == "auto":
        work = 0.5 * float(dataset.n_rows) ** 2 * (12.0 + dataset.n_features)
        algorithm = "lazy" if work <= EXACT_WORK else "partition"
    return _run(plan, by_model, "sparse" if is_csr(dataset.features) else "dense", algorithm)


def _run(plan, by_model: bool, layout: str, algorithm: str) -> str:
    if by_model:
        return f"select linear {layout}"
    return f"select {plan.purpose} {layout} {algorithm}"
