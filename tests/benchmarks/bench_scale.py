"""Selecting from data that is read in pieces beside selecting in memory: seconds, processor time, peak memory, L.

    python -m tests.benchmarks.bench_scale                        1,000,000 made-up rows, and covtype
    python -m tests.benchmarks.bench_scale 10000000 0.01 1G       so many rows, fraction and memory limit
    python -m tests.benchmarks.bench_scale 10000000 0.01 1G no    the same, not in memory
    python -m tests.benchmarks.bench_scale commands 6000000       train, eval and export of so many rows
    python -m tests.benchmarks.bench_scale 2000000 0.01 1G yes any    of the default, not of --for distance
    python -m tests.benchmarks.bench_scale mixed 2000000 0.01 1G yes any  of categories and numbers, some missing
    python -m tests.benchmarks.bench_scale sparse 100000 0.01 700M yes distance    sparse LIBSVM text, likewise
    python -m tests.benchmarks.bench_scale workers 2000000        two local Dask workers beside one, of so many rows
    python -m tests.benchmarks.bench_scale sizes 1000000          nested coresets beside each size by itself
    python -m tests.benchmarks.bench_scale faiss 1000000          the whole beside one assignment pass of faiss

Made up are 28 columns of float32, a mixture of 200 Gaussians, in a folder of Parquet files of 500,000 rows; mixed is
what bench_census makes up, with --scale standard. Processor
time is that of the process and its children, peak memory the greatest of it alone; L is the sum of distances, epsilon.
With ``any`` the residual is that of the logistic model that is optimal on the coreset, on all rows (l2 1e-5).
LIBSVM text is 20,000 rows, again and again; sparse are some 55 of 50,000 columns like words of 200 topics.
"""

from __future__ import annotations

import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.sparse as sp

from craig_cli import read_dataset
from craig_cli.artifacts.coreset import read_coreset
from craig_cli.dataset import is_csr
from craig_cli.evaluation.residual import residual
from craig_cli.formats import libsvm
from craig_cli.scaling import Scaling
from craig_cli.training.design import build_design
from craig_cli.training.newton import newton
from tests.benchmarks.bench_census import census

DATA = Path(os.environ.get("CRAIG_DATA", Path(__file__).parents[3] / "shared" / "data"))
FILE = 500_000  # rows
L2 = 1e-5
WIDTH = 28
WORDS, TOPICS, TOKENS = 50_000, 200, 60


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


def mixed(folder: Path, n_rows: int) -> Path:
    """Data of bench_census: five categories and four numbers, 5 % of them missing."""
    for first in range(0, n_rows, FILE):
        part = first // FILE
        pq.write_table(census(min(FILE, n_rows - first), part), folder / f"part-{part:04d}.parquet")
    return folder


def craig(*arguments) -> dict:
    """What the command says of itself, with the seconds of the whole process, its processor time and peak memory."""
    command = [sys.executable, "-m", "craig_cli", "select", *map(str, arguments), "--json", "-q"]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return json.loads(done.stdout) | {"whole": time.perf_counter() - start, "cpu": cpu}


def residuals(data: Path, coresets: dict[str, Path]) -> dict[str, float]:
    """Of each way, the objective of all rows at the model that is optimal on its coreset, above their optimum."""
    dataset = read_dataset([data], **({} if data.suffix == ".libsvm" else {"label": "label"}))
    if is_csr(dataset.features) and data.suffix != ".libsvm":
        dataset = replace(dataset, features=dataset.features.toarray())
    design = build_design(dataset, "logistic", L2)
    best = newton(design, np.zeros((1, design.width))).coef
    least = design.model(best, L2)

    def left(path: Path) -> float:
        coreset = read_coreset(path)
        coef = newton(design.take(coreset.index, coreset.weight), best).coef
        return residual(design.model(coef, L2), least, dataset, Scaling("none")).residual

    return {way: left(path) for way, path in coresets.items()}


def compare(name: str, data: Path, fraction: float, limit: str, in_memory: bool, purpose: str, *options: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ways = {f"streamed, {limit}": ("--stream", "--memory-limit", limit)}
        if in_memory:
            ways = {"in memory": ("--algorithm", "partition"), **ways}
        options = ("--for", purpose, *options)
        craig(DATA_FOR_KERNELS, "--size", 300, "--algorithm", "partition", *options[:2], "-o", Path(folder) / "kernels")
        found = {way: craig(data, "--fraction", fraction, *options, *more, "-o", Path(folder) / way)
                 for way, more in ways.items()}  # fmt: skip
        left = residuals(data, {way: Path(folder) / way for way in ways}) if purpose == "any" and in_memory else {}
    print(f"\n{name}, {fraction:.3g} of {next(iter(found.values()))['n']:,} rows")
    print(f"{'':20s}{'seconds':>9s}{'cpu s':>9s}{'peak MB':>9s}{'L':>14s}{'of memory':>11s}")
    base = next(iter(found.values()))["epsilon"]
    for way, each in found.items():
        print(
            f"{way:20s}{each['whole']:9.1f}{each['cpu']:9.1f}{each['peak_memory'] / 1e6:9.0f}{each['epsilon']:14.6g}"
            f"{each['epsilon'] / base:11.5f}{f'  residual {left[way]:.2g}' if way in left else ''}"
        )
    print("streamed: " + ", ".join(f"{stage} {value:.1f} s" for stage, value in each["stages"].items()), flush=True)


def as_text(folder: Path, n_rows: int) -> Path:
    generator, block = np.random.default_rng(0), io.BytesIO()
    rows = np.round(generator.standard_normal((20_000, WIDTH)), 4)
    libsvm.write(block, rows, np.where(rows[:, 0] + generator.standard_normal(len(rows)) > 0, 1.0, -1.0))
    with open(folder / "made-up.libsvm", "wb") as stream:
        for _ in range(-(-n_rows // len(rows))):
            stream.write(block.getvalue())
    return folder / "made-up.libsvm"


def words(generator: np.random.Generator, size: int, signs: np.ndarray) -> tuple[sp.csr_matrix, np.ndarray]:
    """(rows of TOKENS words, weighted by how rare they are and of unit length, labels by the ``signs`` of words)"""
    topics = generator.integers(0, TOPICS, size)
    rank = np.minimum((WORDS ** generator.random((size, TOKENS)) - 1).astype(np.int64), WORDS - 1)
    own = generator.random(rank.shape) < 0.6
    tokens = np.where(own, (rank * 7919 + topics[:, None] * 104_729 + 13) % WORDS, rank)
    rows = sp.csr_matrix((np.ones(tokens.size), tokens.ravel(), np.arange(size + 1) * TOKENS), shape=(size, WORDS))
    rows.sum_duplicates()
    rows.data = (1.0 + np.log(rows.data)) * np.log(2.0 + rows.indices)
    rows.data /= np.repeat(np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel()), np.diff(rows.indptr))
    rows.data = np.round(rows.data, 4)
    score = 6.0 * (rows @ signs) + 0.5 * generator.logistic(size=size)
    return rows, np.where(score > 0, 1.0, -1.0)


def as_sparse_text(folder: Path, n_rows: int) -> Path:
    generator = np.random.default_rng(0)
    signs = generator.standard_normal(WORDS)
    with open(folder / "words.libsvm", "wb") as stream:
        for first in range(0, n_rows, 20_000):
            libsvm.write(stream, *words(generator, min(20_000, n_rows - first), signs))
    return folder / "words.libsvm"


# A child's peak is at least what its parent had when it started it, so a small one does.
IN_A_CHILD = """
import os, subprocess, sys
process = subprocess.Popen([sys.executable, "-m", "craig_cli", *sys.argv[1:]])
_, status, usage = os.wait4(process.pid, 0)
print([usage.ru_utime + usage.ru_stime, 1024 * usage.ru_maxrss], flush=True)
sys.exit(status != 0)
"""


def measured(*arguments) -> tuple[float, float, int]:
    """(seconds, processor time, peak memory in bytes) of a command."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", IN_A_CHILD, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    cpu, peak = json.loads(done.stdout.splitlines()[-1])
    return time.perf_counter() - start, cpu, peak


def commands(folder: Path, n_rows: int) -> None:
    """What the commands take that read all of the data and keep little of it."""
    (folder / "tables").mkdir()
    print(f"{n_rows:,} rows x {WIDTH}, {8e-6 * n_rows * WIDTH:.0f} MB as float64; a coreset of 2,000 rows")
    print(f"{'':40s}{'seconds':>9s}{'cpu s':>9s}{'peak MB':>9s}")
    for data in (made_up(folder / "tables", n_rows), as_text(folder, n_rows)):
        coreset, model, out = folder / "coreset", folder / "model", folder / "out"
        measured("select", data, "--size", 2000, "--algorithm", "random", "-q", "-o", coreset)
        ways = {
            "train --coreset": ("train", data, "--coreset", coreset, "--epochs", 5, "-q", "-o", model),
            "export --coreset --to vw": ("export", data, "--coreset", coreset, "--to", "vw", "-q", "-o", out),
            "eval": ("eval", model, data, "-q"),
            "export --to parquet": ("export", data, "--to", "parquet", "-q", "-o", out),
        }
        measured(*ways["train --coreset"])  # compiles its kernels
        for name, arguments in ways.items():
            seconds, cpu, peak = measured(*arguments)
            print(f"{name + ', ' + data.name:40s}{seconds:9.1f}{cpu:9.1f}{peak / 1e6:9.0f}", flush=True)


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


def several(data: Path, limit: str) -> None:
    """Three sizes from one selection, and each from one of its own."""
    sizes = ("0.2%", "0.5%", "1%")
    with tempfile.TemporaryDirectory() as folder:
        for purpose in ("distance", "any", "linear"):
            options = (data, "--for", purpose, "--stream", "--memory-limit", limit, "-o", Path(folder) / "coreset")
            craig(DATA_FOR_KERNELS, "--stream", "--sizes", "5%,10%", "--for", purpose, *options[-2:])  # compiles
            print(f"\n{', '.join(sizes)} of the rows, --for {purpose}")
            print(f"{'':20s}{'seconds':>9s}{'cpu s':>9s}{'peak MB':>9s}")
            for asked in (",".join(sizes), *reversed(sizes)):
                each = craig(*options, "--sizes", asked)
                print(f"{asked:20s}{each['whole']:9.1f}{each['cpu']:9.1f}{each['peak_memory'] / 1e6:9.0f}", flush=True)
                print("  " + ", ".join(f"{stage} {value:.1f} s" for stage, value in each["stages"].items()))


DATA_FOR_KERNELS = Path(__file__).parents[2] / "sample_data" / "binary.parquet"


def beside_faiss(folder: Path, n_rows: int) -> None:
    """Selecting 1 % of the rows, the whole command, and finding the nearest of as many centroids for each row, once."""
    if find_spec("faiss") is None:
        return print("faiss: pip install faiss-cpu, skipped")
    import faiss

    (folder / "data").mkdir()
    data = made_up(folder / "data", n_rows)
    for way in ("kernels", "coreset"):  # the first compiles
        done = craig(data, "--fraction", 0.01, "--for", "distance", "-o", folder / way)
    rows = np.column_stack([pq.read_table(data)[f"f{k}"].to_numpy() for k in range(WIDTH)])
    centroids = rows[np.random.default_rng(0).choice(n_rows, n_rows // 100, replace=False)]
    index = faiss.IndexFlatL2(WIDTH)
    index.add(centroids)
    begin, before = time.perf_counter(), time.process_time()
    index.search(rows, 1)
    seconds, cpu = time.perf_counter() - begin, time.process_time() - before
    print(f"{n_rows:,} rows, {n_rows // 100:,} picks, seconds and processor time:")
    print(f"craig select, the whole command {done['whole']:.1f} s, {done['cpu']:.1f} s")
    print(f"faiss {faiss.__version__}, one assignment to as many centroids {seconds:.1f} s, {cpu:.1f} s")


KINDS = {  # how it is made up, what it is called, and how it is selected from
    "plain": (made_up, "made-up mixture x 28", ()),
    "mixed": (mixed, "census-like table", ("--scale", "standard")),
    "sparse": (as_sparse_text, "made-up words, 50,000 of them", ()),
}


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["commands"]:
        with tempfile.TemporaryDirectory() as folder:
            commands(Path(folder), int(arguments[1]))
        return
    if arguments[:1] == ["workers"]:
        with tempfile.TemporaryDirectory() as folder:
            return workers(made_up(Path(folder), int(arguments[1])), 0.01)
    if arguments[:1] == ["faiss"]:
        with tempfile.TemporaryDirectory() as folder:
            return beside_faiss(Path(folder), int(arguments[1]))
    if arguments[:1] == ["sizes"]:
        with tempfile.TemporaryDirectory() as folder:
            return several(made_up(Path(folder), int(arguments[1])), "1G")
    kind, *arguments = arguments if arguments[:1] in (["mixed"], ["sparse"]) else ["plain", *arguments]
    make, name, options = KINDS[kind]
    defaults = ("1000000", "0.01", "1G", "yes", "distance")
    n_rows, fraction, limit, in_memory, purpose = [*arguments, *defaults[len(arguments) :]]
    with tempfile.TemporaryDirectory() as folder:
        data = make(Path(folder), int(n_rows))
        compare(name, data, float(fraction), limit, in_memory == "yes", purpose, *options)
        if kind != "plain":
            return
        if not arguments and find_spec("distributed") is not None:
            workers(data, 0.01)
        elif not arguments:
            print("local workers: need distributed (pip install 'craig[dask]'), skipped")
    if DATA.is_dir() and not arguments:
        options = ("--scale", "minmax", "--label", "label")
        compare("covtype", DATA / "covtype.parquet", 0.01, limit, True, purpose, *options)
    elif not arguments:
        print(f"covtype: needs the real data in {DATA.name}/, skipped")


if __name__ == "__main__":
    main(sys.argv[1:])
