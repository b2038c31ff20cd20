"""Renew ``craig_cli/kernels.json``: the kernels that Python calls in the runs people make most, in order.

python -m tests.record_kernels [RUN...]     all runs, or only these anew

Each run is a process of its own: a kernel asks for its types only at its first call in one.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import craig_cli

TARGET = Path(craig_cli.__file__).with_name("kernels.json")
SAMPLES = Path(__file__).parents[1] / "sample_data"
DATA = {"dense": "dense.libsvm", "sparse": "sparse.libsvm"}
READING = ("craig_cli.formats.", "craig_cli.tables.")
TABLES = {"dense": 2, "sparse": 30}  # values of each of their categories
OPTIMIZERS = ("sgd", "momentum", "nesterov", "adagrad", "adam", "saga", "svrg")


def runs() -> dict[str, list[str]]:
    """Run -> the command that stands for it."""
    found = {}
    for layout, data in DATA.items():
        select = ["select", data, "--fraction", "0.1"]
        for recipe in ("any", "distance"):
            for algorithm in ("lazy", "partition"):
                found[f"select {recipe} {layout} {algorithm}"] = [*select, "--for", recipe, "--algorithm", algorithm]
        found[f"select linear {layout}"] = [*select, "--for", "linear"]
        for optimizer in OPTIMIZERS:
            found[f"train {optimizer} {layout}"] = ["train", data, "--optimizer", optimizer, "--epochs", "2"]
        found[f"eval {layout}"] = ["eval", f"{layout}.model.json", data, "--coreset", f"{layout}.coreset.parquet"]
        found[f"read table {layout}"] = ["columns", f"{layout}.csv"]
        found[f"select search {layout}"] = [*select, "--algorithm", "partition"]
    found["train sgd table"] = ["train", "sparse.csv", "--epochs", "2"]
    found["train sgd classes"] = ["train", "multiclass.libsvm", "--epochs", "2"]
    return found


def prepare_data(folder: Path) -> None:
    shutil.copy(SAMPLES / "binary.libsvm", folder / DATA["dense"])
    shutil.copy(SAMPLES / "multiclass.libsvm", folder)
    generator = np.random.default_rng(0)
    lines = []
    for row in generator.standard_normal((3000, 300)):
        kept = np.flatnonzero(generator.random(len(row)) < 0.02)
        lines.append(" ".join([f"{1 if row[0] > 0 else -1}", *(f"{k + 1}:{row[k]:.4f}" for k in kept)]))
    (folder / DATA["sparse"]).write_text("\n".join(lines) + "\n")
    for layout, values in TABLES.items():
        lines = [f"{x:.3f},{chr(65 + a)},v{b},{int(x > 0)}" for x, a, b in _columns(generator, values)]
        (folder / f"{layout}.csv").write_text("\n".join(["x,a,b,label", *lines]) + "\n")


def _columns(generator: np.random.Generator, values: int):
    return zip(generator.standard_normal(3000), *generator.integers(0, values, (2, 3000)))


def prepare(folder: Path) -> None:
    """The data of the runs, and what ``eval`` is given."""
    prepare_data(folder)
    for layout in DATA:
        for command in (
            ["select", DATA[layout], "--size", "300", "-o", f"{layout}.coreset.parquet"],
            ["train", DATA[layout], "--epochs", "2", "-o", f"{layout}.model.json"],
        ):
            subprocess.run([sys.executable, "-m", "craig_cli", *command, "-q"], cwd=folder, check=True)


def calls_of(command: list[str], folder: Path, many: bool = False) -> list[list[str]]:
    """The kernels that Python calls in the command, with the types of their arguments, in order.

    many  as if there were too many rows and picks for each row to be held against all of them
    """
    record = _RECORD.replace("MOST_PAIRS", "0" if many else "assignment.FEW")
    subprocess.run(
        [sys.executable, "-c", record, "calls.json", *command, "-q"], cwd=folder, check=True, stdout=subprocess.DEVNULL
    )
    return list(map(list, dict.fromkeys(map(tuple, json.loads((folder / "calls.json").read_text())))))


_RECORD = """
import json, sys
from numba.core.dispatcher import Dispatcher
from craig_cli import jit
from craig_cli.cli import main

calls, compile_for = [], Dispatcher._compile_for_args

def note(dispatcher, *arguments, **keywords):
    before = set(dispatcher.overloads)
    found = compile_for(dispatcher, *arguments, **keywords)
    for types in [types for types in dispatcher.overloads if types not in before] or list(dispatcher.overloads)[-1:]:
        words = jit.types_in_words(types)
        if words is not None:
            calls.append([f"{dispatcher.py_func.__module__}:{dispatcher.py_func.__qualname__}", *words])
    return found

Dispatcher._compile_for_args = note
if sys.argv[2] == "select":
    from craig_cli.selection.distances import assignment

    assignment.FEW = MOST_PAIRS
try:
    main(sys.argv[2:])
except SystemExit as done:
    assert not done.code, sys.argv
with open(sys.argv[1], "w") as stream:
    json.dump(calls, stream)
"""


def main(wanted: list[str]) -> None:
    recorded = json.loads(TARGET.read_text()) if TARGET.exists() else {}
    with tempfile.TemporaryDirectory() as name:
        prepare(Path(name))
        for run, command in runs().items():
            if wanted and run not in wanted:
                continue
            calls = calls_of(command, Path(name), many="search" in run)
            if "search" in run:
                few = calls_of(command, Path(name))
                recorded[run] = [call for call in calls if call not in few]
                continue
            if run.startswith("read table"):
                recorded[run] = calls
                continue
            reading = [call for call in calls if call[0].startswith(READING)]
            recorded[run] = [call for call in calls if call not in reading]
            if (layout := run.split()[2 if run[:4] != "eval" else 1]) in DATA:
                recorded[f"read {layout}"] = reading
            print(f"{run}: {len(recorded[run])}")
    lines = [f'"{run}": [\n  ' + ",\n  ".join(map(json.dumps, recorded[run])) + "\n]" for run in sorted(recorded)]
    TARGET.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
