"""What the runs of paper.mk show, as tables beside the paper's own numbers; medians of the seeds.

    python -m tests.benchmarks.paper.tables FOLDER

The total time to a residual is selection + all tries of the tuning + the training up to the first epoch that is there:
kernel time, one thread, without reading and compilation. Residual and error rate are of the objective on all training
rows and of the test set, whatever the run was trained on. "x" is the time of all rows to a residual over that of the
subset.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

TARGETS = (1e-2, 1e-3, 1e-4)
CLAIMED = {"sgd": 2.75, "svrg": 4.5, "saga": 2.5}  # section 5.1, covtype, subsets of 10 %
CLAIMED_IJCNN1 = {30: 5.6}  # section 5.1, SGD on a subset of 30 %


@dataclass(frozen=True)
class Run:
    """seconds, residual and error rate after each epoch, and the seconds before the first."""

    selection: float
    tuning: float
    seconds: list[float]
    residual: list[float]
    error: list[float]

    def total(self, target: float) -> float:
        """Seconds from the data to a residual of ``target``; inf where the run does not get there."""
        reached = (after for after, residual in zip(self.seconds, self.residual) if residual <= target)
        return self.selection + self.tuning + next(reached, math.inf)

    @property
    def end(self) -> float:
        """The least residual after any epoch."""
        return min(self.residual)


def read(folder: Path, optimum: float, way: str, percent: int, seed: int, optimizer: str) -> Run:
    name = f"{way}-{percent}-{seed}"
    lines = [json.loads(line) for line in (folder / f"{name}-{optimizer}.jsonl").read_text().splitlines()]
    tries = [entry["seconds"] for entry in lines[0]["tries"]]
    known = [seconds for seconds in tries if seconds is not None]
    # A try that diverged has no time of its own: it gets that of the others.
    tuning = sum(known) + (len(tries) - len(known)) * statistics.median(known)
    selection = 0.0
    if way != "full":
        selection = json.loads((folder / f"{name}.parquet.json").read_text())["seconds"]["select"]
    epochs = lines[1:]
    return Run(
        selection,
        tuning,
        [line["seconds"] for line in epochs],
        [line["monitor"][0]["objective"] - optimum for line in epochs],
        [line["monitor"][1]["error_rate"] for line in epochs],
    )


def optimum(folder: Path) -> float:
    """The objective of the optimum on all rows, as craig eval --reference auto has it."""
    return json.loads((folder / "eval.json").read_text())["models"][0]["reference"]["objective"]


def median(values) -> float:
    return statistics.median(values)


def number(value: float, form: str) -> str:
    return format(value, form) if math.isfinite(value) else "-"


def ratio(whole: list[Run], parts: list[Run], target) -> float:
    """Median over the seeds of total times; ``target`` is a residual, or None for where each subset ends."""
    return median(
        [
            full.total(part.end if target is None else target) / part.total(part.end if target is None else target)
            if math.isfinite(part.total(part.end if target is None else target))
            else 0.0
            for full, part in zip(whole, parts)
        ]
    )


def covtype(folder: Path, ways: list[str], seeds: list[int]) -> None:
    best = optimum(folder)
    print(f"covtype, even rows; logistic, l2 1e-5, optimum {best:.9f}; subsets of 10 %; seeds {len(seeds)}\n")
    print("| | | select s | tune s | total s to 1e-2 | 1e-3 | 1e-4 | least residual | test error %", end="")
    print(" | x at 1e-3 | paper's x |")
    print("|" + " --- |" * 11)
    for optimizer, claimed in CLAIMED.items():
        whole = [read(folder, best, "full", 100, seed, optimizer) for seed in seeds]
        for way in ("full", *ways):
            runs = whole if way == "full" else [read(folder, best, way, 10, seed, optimizer) for seed in seeds]
            cells = [optimizer, NAMES.get(way, way), f"{median([run.selection for run in runs]):.2f}"]
            cells += [f"{median([run.tuning for run in runs]):.2f}"]
            cells += [number(median([run.total(target) for run in runs]), ".2f") for target in TARGETS]
            cells += [f"{median([run.end for run in runs]):.1e}"]
            cells += [f"{100 * median([run.error[-1] for run in runs]):.2f}"]
            times = 0.0 if way == "full" else ratio(whole, runs, 1e-3)
            cells += [f"{times:.1f}" if times else "", "" if way == "full" else f"{claimed:g}"]
            print("| " + " | ".join(cells) + " |")


def ijcnn1(folder: Path, ways: list[str], percents: list[int], seeds: list[int]) -> None:
    best = optimum(folder)
    whole = [read(folder, best, "full", 100, seed, "sgd") for seed in seeds]
    print(f"\nijcnn1, SGD; logistic, l2 1e-5, optimum {best:.9f}; seeds {len(seeds)}; all rows: ", end="")
    print(f"tuned in {median([run.tuning for run in whole]):.2f} s, ", end="")
    print(f"least residual {median([run.end for run in whole]):.1e}, ", end="")
    print(f"test error {100 * median([run.error[-1] for run in whole]):.2f} %\n")
    print("| subset | | select s | tune s | least residual | test error % | x at that residual | paper's x |")
    print("|" + " --- |" * 8)
    for percent in percents:
        for way in ways:
            runs = [read(folder, best, way, percent, seed, "sgd") for seed in seeds]
            cells = [f"{percent} %", NAMES.get(way, way), f"{median([run.selection for run in runs]):.2f}"]
            cells += [f"{median([run.tuning for run in runs]):.2f}", f"{median([run.end for run in runs]):.1e}"]
            cells += [f"{100 * median([run.error[-1] for run in runs]):.2f}", number(ratio(whole, runs, None), ".1f")]
            cells += [str(CLAIMED_IJCNN1.get(percent, ""))]
            print("| " + " | ".join(cells) + " |")


def svm(folder: Path, percents: list[int], seeds: list[int]) -> None:
    """Fit time and selection beside the fit on all rows."""
    found = {Path(path).name: entry for path, entry in json.loads((folder / "svm.json").read_text()).items()}
    full = found.pop("train.parquet")
    print("\nijcnn1, RBF SVM of scikit-learn (C 32, gamma 2); seconds are selection + fit\n")
    print("| rows | | test error % | seconds | x |")
    print("|" + " --- |" * 5)
    print(f"| {full['rows']:,} | all rows | {100 * full['error_rate']:.2f} | {full['seconds']:.2f} | |")
    for percent in percents:
        for way in sorted({name.split("-")[0] for name in found}):
            names = [f"{way}-{percent}-{seed}" for seed in seeds]
            runs = [found[f"{name}.rows.parquet"] for name in names]
            chosen = [json.loads((folder / f"{name}.parquet.json").read_text())["seconds"]["select"] for name in names]
            seconds = median([run["seconds"] + more for run, more in zip(runs, chosen)])
            error = median([run["error_rate"] for run in runs])
            times = full["seconds"] / seconds
            print(f"| {runs[0]['rows']:,} | {NAMES.get(way, way)} | {100 * error:.2f} | {seconds:.2f} | {times:.1f} |")


NAMES = {"full": "all rows", "paper": "paper (medoids, counts)", "strata": "strata, calibrated"}


def main(folder: str, ways: str, percents: str, svm_percents: str, seeds: str) -> None:
    top = Path(folder)
    numbers = [int(seed) for seed in seeds.split()]
    covtype(top / "covtype", ways.split(), numbers)
    ijcnn1(top / "ijcnn1", ways.split(), [int(percent) for percent in percents.split()], numbers)
    svm(top / "ijcnn1", [int(percent) for percent in svm_percents.split()], numbers)


if __name__ == "__main__":
    main(*sys.argv[1:])
