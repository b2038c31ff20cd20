"""Selecting from data that is read in pieces beside selecting in memory: seconds, processor time, peak memory, L.

    python -m tests.benchmarks.bench_scale                        1,000,000 made-up rows, and covtype
    python -m tests.benchmarks.bench_scale 10000000 0.01 1G       so many rows, fraction and memory limit
    python -m tests.benchmarks.bench_scale 10000000 0.01 1G no    the same, not in memory
    python -m tests.benchmarks.bench_scale workers 2000000        two local Dask workers beside one, of so many rows

Made up are 28 columns of float32, a mixture of 200 Gaussians, in a folder of Parquet files of 500,000 rows. Processor
time is that of the process and its children, peak memory the greatest of it alone; L is the sum of distances, epsilon.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

DATA = Path(os.environ.get("CRAIG_DATA", Path(__file__).parents[3] / "shared" / "data"))
FILE = 500_000  # rows
WIDTH = 28


def made_up(folder: Path, n_rows: int) -> Path:
    generator = np.random.default_rng(0)
    centres = generator.standard_normal((200, WIDTH)) * 2.0
    names = ["label", *(f"f{k}" for k in range(WIDTH))]
    for first in range(0, n_rows, FILE):
        which = generator.integers(0, len(centres), min(FILE, n_rows - first))
        rows = (centres[which] + generator.standard_normal((len(which), WIDTH))).astype(np.float32)
        columns = [pa.array((which % 2).astype(np.int8)), *map(pa.array, rows.T)]
        pq.write_table(pa.table(columns, names=names), folder / f"part-{first // FILE:04d}.parquet")
    return folder


def craig(*arguments) -> dict:
    """What the command says of itself, with the seconds of the whole process, its processor time and peak memory."""
    command = [sys.executable, "-m", "craig_cli", "select", *map(str, arguments), "--for", "distance", "--json", "-q"]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return json.loads(done.stdout) | {"whole": time.perf_counter() - start, "cpu": cpu}


def compare(name: str, data: Path, fraction: float, limit: str, in_memory: bool, *options: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ways = {f"streamed, {limit}": ("--stream", "--memory-limit", limit)}
        if in_memory:
            ways = {"in memory": ("--algorithm", "partition"), **ways}
        craig(DATA_FOR_KERNELS, "--size", 10, "--algorithm", "partition", "-o", Path(folder) / "kernels")
        found = {way: craig(data, "--fraction", fraction, *options, *more, "-o", Path(folder) / "c")
                 for way, more in ways.items()}  # fmt: skip
    print(f"\n{name}, {fraction:.3g} of {next(iter(found.values()))['n']:,} rows")
    print(f"{'':20s}{'seconds':>9s}{'cpu s':>9s}{'peak MB':>9s}{'L':>14s}{'of memory':>11s}")
    base = next(iter(found.values()))["epsilon"]
    for way, each in found.items():
        print(
            f"{way:20s}{each['whole']:9.1f}{each['cpu']:9.1f}{each['peak_memory'] / 1e6:9.0f}{each['epsilon']:14.6g}"
            f"{each['epsilon'] / base:11.5f}"
        )
    print("streamed: " + ", ".join(f"{stage} {value:.1f} s" for stage, value in each["stages"].items()), flush=True)


def workers(data: Path, fraction: float) -> None:
    """Two beside one. The stages, from the first row read to the last weight, are without starting the workers."""
    print(f"\nlocal workers, {fraction:.3g} of the rows")
    print(f"{'workers':>8s}{'seconds':>9s}{'stages s':>9s}{'times one':>10s}{'cpu s':>9s}{'load':>7s}")
    one = None
    with tempfile.TemporaryDirectory() as folder:
        for count in (1, 1, 2):  # the first compiles
            done = craig(data, "--fraction", fraction, "--cluster", f"local:{count}", "-o", Path(folder) / f"{count}")
            stages = sum(seconds for stage, seconds in done["stages"].items() if stage != "start")
            one = stages if count == 1 else one
            load = os.getloadavg()[0]
            print(f"{count:8d}{done['whole']:9.1f}{stages:9.1f}{one / stages:10.2f}{done['cpu']:9.1f}{load:7.1f}")
            print(
                "         " + ", ".join(f"{stage} {value:.1f} s" for stage, value in done["stages"].items()), flush=True
            )
        assert (Path(folder) / "1").read_bytes() == (Path(folder) / "2").read_bytes()


DATA_FOR_KERNELS = Path(__file__).parents[2] / "sample_data" / "binary.parquet"


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["workers"]:
        with tempfile.TemporaryDirectory() as folder:
            return workers(made_up(Path(folder), int(arguments[1])), 0.01)
    n_rows, fraction, limit, in_memory = [*arguments, *("1000000", "0.01", "1G", "yes")[len(arguments) :]]
    with tempfile.TemporaryDirectory() as folder:
        data = made_up(Path(folder), int(n_rows))
        compare("made-up mixture x 28", data, float(fraction), limit, in_memory == "yes")
        if not arguments and find_spec("distributed") is not None:
            workers(data, 0.01)
        elif not arguments:
            print("local workers: need distributed (pip install 'craig[dask]'), skipped")
    if DATA.is_dir() and not arguments:
        covtype = pq.read_schema(DATA / "covtype.parquet").names
        compare("covtype", DATA / "covtype.parquet", 0.01, limit, True, "--scale", "minmax", "--label", covtype[0])
    elif not arguments:
        print(f"covtype: needs the real data in {DATA.name}/, skipped")


if __name__ == "__main__":
    main(sys.argv[1:])
