"""Nested coresets against coresets selected for each size: what a linear model trained to convergence loses.

    python -m tests.benchmarks.bench_nested DATA... [--scale standard] [--seeds 5] [--for any]...

Each cell is the median over seeds of the loss above the optimum of all rows of DATA (l2 1e-5), of the prefix of one
selection of the largest size, with its own weights, and of a selection of that size. Both are paired by seed; the last
column is the median of the ratios.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np

from craig_cli.evaluation.compare import Linear, train_all
from craig_cli.formats import read_dataset
from craig_cli.registry import RECIPES
from craig_cli.selection.plan import Plan

SHARES = (0.01, 0.02, 0.05, 0.1)


def select(dataset, plan: Plan):
    """As ``craig select`` does."""
    from craig_cli.guided.policy import select_for

    return select_for(dataset, plan)


def measure(dataset, plan: Plan, trainer: Linear, seeds: int) -> np.ndarray:
    """(shares, 2, seeds) residuals of nested and of separate coresets."""

    def residual(coreset, seed: int) -> float:
        return trainer(coreset.index, coreset.weight, plan.purpose, seed).values["residual"]

    found = np.empty((len(SHARES), 2, seeds))
    for seed in range(seeds):
        nested = select(dataset, replace(plan, sizes=SHARES, seed=seed))
        for place, share in enumerate(SHARES):
            found[place, 0, seed] = residual(nested.at_size(share), seed)
            found[place, 1, seed] = residual(select(dataset, replace(plan, fraction=share, seed=seed)), seed)
    return found


def run(name: str, dataset, plans: dict[str, Plan], seeds: int) -> None:
    scale = next(iter(plans.values())).scale
    trainer = Linear(dataset, dataset, loss=None, l2=1e-5, scale=scale, task="auto")
    train_all(dataset, trainer, [0])
    print(f"{name}\n| way | rows | nested | separate | ratio |\n| --- | --- | --- | --- | --- |")
    for way, plan in plans.items():
        found = measure(dataset, plan, trainer, seeds)
        for share, (nested, separate) in zip(SHARES, found):
            ratio = np.median(np.maximum(nested, 1e-16) / np.maximum(separate, 1e-16))
            print(
                f"| {way} | {100 * share:g} % | {np.median(nested):.1e} | {np.median(separate):.1e} | {ratio:.2g} |",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--scale", default="standard")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--for", dest="purposes", action="append")
    given = parser.parse_args()
    dataset = read_dataset(given.data)
    plans = {name: Plan(purpose=name, scale=given.scale) for name in given.purposes or RECIPES}
    if not given.purposes:
        plans |= {"members, counts": Plan(exemplar="member", weights="count", scale=given.scale)}
        plans |= {name: Plan(algorithm=name, scale=given.scale) for name in ("strata", "random")}
    run(dataset.name, dataset, plans, given.seeds)


if __name__ == "__main__":
    main()
