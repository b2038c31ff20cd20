"""The README's picture: loss above the optimum against the share of rows, for four ways of selecting.

    python -m tests.benchmarks.bench_picture DATA... -o craig_cli/guide/loss-by-rows.svg

Each point is the median over seeds of F(w) - F(w*), by the logistic objective (l2 1e-5) of all rows of DATA with
``--scale standard``; w is trained to convergence on the selected rows with their weights. The table is printed too.
"""

from __future__ import annotations

import argparse

import numpy as np

from craig_cli.evaluation.reference import Objective, optimum
from craig_cli.evaluation.residual import residual
from craig_cli.formats import read_dataset
from craig_cli.guided.policy import select_for
from craig_cli.scaling import fit_scaling
from craig_cli.selection.plan import Plan
from craig_cli.training.fit import fit

SHARES = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
WAYS = {
    "random rows": {"algorithm": "random"},
    "the paper's construction (--for distance)": {"purpose": "distance"},
    "--for any (the default)": {},
    "--for linear": {"purpose": "linear"},
}


def measure(dataset, seeds: int) -> dict[str, np.ndarray]:
    """Way -> (shares, seeds) loss above the optimum."""
    scaling = fit_scaling("standard", dataset.features, None)
    whole = fit(dataset, loss="logistic", scale=scaling, epochs=2).model
    best = optimum(dataset, Objective.of(whole))
    found = {}
    for way, asked in WAYS.items():
        table = np.empty((len(SHARES), seeds))
        for place, share in enumerate(SHARES):
            for seed in range(seeds):
                plan = Plan(fraction=share, scale="standard", seed=seed, **asked)
                coreset = select_for(dataset, plan)
                rows = dataset.take(coreset.index)
                model = fit(rows, coreset.weight, loss="logistic", scale=scaling, epochs=300, tol=1e-9, seed=seed).model
                table[place, seed] = residual(model, best, dataset, scaling).residual
        found[way] = table
    return found


def draw(found: dict[str, np.ndarray], name: str, path: str) -> None:
    """The picture, the same bytes for the same numbers."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "craig"
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4))
    for (way, table), marker in zip(found.items(), "oxs^"):
        axes.plot(100 * np.array(SHARES), np.median(table, axis=1), marker=marker, label=way)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks([100 * share for share in SHARES], [f"{100 * share:g}" for share in SHARES])
    axes.minorticks_off()
    axes.set_xlabel(f"rows of {name} (%)")
    axes.set_ylabel("loss above the optimum of all rows")
    axes.legend()
    axes.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None, "Creator": None} if path.endswith(".svg") else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="+")
    parser.add_argument("-o", "--output")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    dataset = read_dataset(given.data)
    found = measure(dataset, given.seeds)
    print("| rows | " + " | ".join(found) + " |\n| --- |" + " --- |" * len(found))
    for place, share in enumerate(SHARES):
        medians = [float(np.median(table[place])) for table in found.values()]
        print(f"| {100 * share:g} % | " + " | ".join(f"{value:.1e}" for value in medians) + " |")
    if given.output:
        draw(found, dataset.name, given.output)


if __name__ == "__main__":
    main()
