"""From the optimum of a coreset to that of all rows: what --refine 2 reaches, and the passes SAGA on all rows needs.

    python -m tests.benchmarks.bench_refine              ijcnn1, covtype half
    python -m tests.benchmarks.bench_refine ijcnn1       one of them

Residual: objective of all rows (l2 1e-5, intercept free) less their optimum, which is Newton's (bench_pilot.py). A
coreset of 10 %, trained with SAGA to convergence (round 0), then two rounds, three passes over all rows in all; medians
of SEEDS seeds. Gradients are those of single rows, in passes over all rows: the three full passes, and the epochs of
the coreset. Seconds are kernel time without reading and selecting.
"""

from __future__ import annotations

import statistics
import sys

import numpy as np

from craig_cli.dataset import from_arrays
from craig_cli.guided.policy import select_for
from craig_cli.selection.plan import Plan
from craig_cli.selection.select import select_dataset
from craig_cli.training.design import build_design
from craig_cli.training.fit import fit
from craig_cli.training.newton import newton
from tests.benchmarks.bench_pilot import L2, REAL, TOL
from tests.benchmarks.bench_selection import DATA

SEEDS = 3
ROUNDS = 2
WAYS = {
    "random": {"algorithm": "random"},
    "medoids, counts": {"algorithm": "auto"},
    "the default": {},
    "--exemplar member": {"algorithm": "auto", "exemplar": "member"},
    "strata": {"algorithm": "strata"},
    "strata, calibrated": {"algorithm": "strata", "weights": "calibrated"},
    "--for linear": {"purpose": "linear", "l2": L2},
}


def _select(dataset, seed: int, options: dict):
    common = {"fraction": 0.1, "seed": seed}
    if not options or "purpose" in options:
        return select_for(dataset, Plan(**common, **options))
    return select_dataset(dataset, Plan.paper(**common, **options))


def run(name: str, load) -> None:
    dataset = from_arrays(*load())
    design = build_design(dataset, "logistic", L2)
    optimum = newton(design, np.zeros((1, design.width)), TOL).coef
    best = design.objective(optimum, design.margins(optimum))
    everything = fit(dataset, optimizer="saga", l2=L2, epochs=300, tol=1e-12).history
    print(f"\n{name}: {dataset.n_rows:,} x {dataset.n_features}, optimum {best:.9f}")
    print(
        f"{'':24s}   round 0   round 1   round 2   gradients   seconds   SAGA on all rows: passes, seconds to the same"
    )
    for way, options in WAYS.items():
        found = []
        for seed in range(1 if options == {"algorithm": "auto"} else SEEDS):
            coreset = _select(dataset, seed, options)
            history = fit(
                dataset.take(coreset.index), coreset.weight,
                optimizer="saga", l2=L2, refine=ROUNDS, all_rows=dataset, seed=seed,
            ).history  # fmt: skip
            kept = [line["objective"] - best for line in history if line.get("all_rows") and line["accepted"]]
            kept += [kept[-1]] * (ROUNDS + 1 - len(kept))
            last = history[-1]
            # Two objectives cannot be told apart below the rounding of either.
            same = next(line for line in everything if line["objective"] - best <= max(kept[-1], 1e-14))
            found.append(
                (*kept, last["gradient_evaluations"] / dataset.n_rows, last["seconds"],
                 same["gradient_evaluations"] / dataset.n_rows, same["seconds"])
            )  # fmt: skip
        cells = [statistics.median(column) for column in zip(*found)]
        print(
            f"{way:24s}" + "".join(f"{residual:10.1e}" for residual in cells[:3])
            + f"{cells[3]:12.1f}{cells[4]:10.2f}{cells[5]:10.1f}{cells[6]:10.2f}",
            flush=True,
        )  # fmt: skip


def main(names: list[str]) -> None:
    """Run the named sets; all need the real data."""
    if not DATA.is_dir():
        print(f"needs the real data in {DATA.name}/, skipped")
        return
    for name in names or ["ijcnn1", "covtype"]:
        run(name, REAL[name])


if __name__ == "__main__":
    main(sys.argv[1:])
