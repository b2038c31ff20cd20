"""Selection beside its peers, and at size.

    python -m tests.benchmarks.bench_selection            everything, about 20 minutes on 2 cores
    python -m tests.benchmarks.bench_selection peers      one part: bound, peers, metrics, exact, partition, half,
                                                          brute, growth, sparse, ten

Peers (submodlib, apricot, kmedoids) are named and skipped where they are not installed. Kernels are compiled before
anything is timed; every number is the median of the repeats that stand beside it, all from this run.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from craig_cli import read_dataset
from craig_cli.dataset import from_arrays
from craig_cli.registry import BLOCK_SIZE, METRICS
from craig_cli.selection.algorithms.partition import PartitionGreedy
from craig_cli.selection.classes import class_parts
from craig_cli.selection.groups import build_groups, scaled_features
from craig_cli.selection.plan import Plan
from craig_cli.selection.select import select_dataset

DATA = Path(os.environ.get("CRAIG_DATA", Path(__file__).parents[3] / "shared" / "data"))


# The paper's construction, whose cost and loss are measured here; the default trains a model besides.
PLAIN = ("--exemplar", "medoid", "--weights", "count")


def select_coreset(rows, **options):
    """The paper's construction on rows without classes."""
    return select_dataset(from_arrays(rows), Plan.paper(per_class=False, **options))


def timed(function, repeats=3):
    """(median seconds, last result)."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = function()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), result


def loss(rows, picks):
    """L(S), independently of the package."""
    total = 0.0
    chosen = rows[picks]
    squares = (chosen**2).sum(axis=1)
    for start in range(0, len(rows), 2000):
        part = rows[start : start + 2000]
        gap = (part**2).sum(axis=1)[:, None] + squares - 2.0 * part @ chosen.T
        total += np.sqrt(np.maximum(gap.min(axis=1), 0.0)).sum()
    return total


def ijcnn1():
    data = read_dataset([str(DATA / "ijcnn1.bz2")])
    return data.features, data.labels


def covtype_half():
    table = pq.read_table(DATA / "covtype.parquet").slice(0)
    return table.take(np.arange(0, len(table), 2))


def covtype_class(label):
    table = covtype_half()
    matrix = np.column_stack([column.to_numpy() for column in table.columns]).astype(np.float64)
    rows = matrix[matrix[:, 0] == label][:, 1:]
    spread = np.ptp(matrix[:, 1:], axis=0)
    return np.ascontiguousarray((rows - matrix[:, 1:].min(axis=0)) / np.where(spread > 0, spread, 1.0))


def craig(*arguments):
    """Run the command; its JSON summary and the seconds of the whole process."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "craig_cli", *map(str, arguments), "--json", "-q"], capture_output=True, text=True
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(done.stderr)
    return seconds, json.loads(done.stdout)


def write_rows(path, rows, labels=None):
    labels = np.zeros(len(rows)) if labels is None else labels
    names = ["label", *(f"f{k}" for k in range(rows.shape[1]))]
    pq.write_table(pa.table([labels, *rows.T], names=names), path)


def peers():
    rows, _ = ijcnn1()
    rows = np.ascontiguousarray(rows[:10_000])
    picks = 1000
    print(f"\n{picks} of {len(rows):,} x {rows.shape[1]} rows of ijcnn1, distances or similarities included")
    print(f"{'':34s}{'seconds':>9s}{'times craig':>13s}{'L':>12s}{'L / craig':>11s}")
    select_coreset(rows, size=picks, algorithm="lazy")
    base, coreset = timed(lambda: select_coreset(rows, size=picks, algorithm="lazy"), 5)
    own = loss(rows, coreset.index)

    def line(name, seconds, chosen):
        value = loss(rows, chosen)
        print(f"{name:34s}{seconds:9.3f}{seconds / base:13.1f}{value:12.3f}{value / own:11.5f}", flush=True)

    line("craig lazy (exact)", base, coreset.index)
    for name, options in (
        ("craig lazy --swaps 2", {"algorithm": "lazy", "swaps": 2}),
        ("craig partition", {"algorithm": "partition"}),
        ("craig stochastic", {"algorithm": "stochastic"}),
    ):
        select_coreset(rows, size=picks, **options)
        seconds, other = timed(lambda options=options: select_coreset(rows, size=picks, **options), 5)
        line(name, seconds, other.index)

    def similarities():
        squares = (rows**2).sum(axis=1)
        distances = np.sqrt(np.maximum(squares[:, None] + squares - 2.0 * rows @ rows.T, 0.0))
        np.fill_diagonal(distances, 0.0)
        return distances.max() - distances

    try:
        from submodlib import FacilityLocationFunction
    except ImportError:
        print("submodlib: not installed, skipped")
    else:

        def submodlib_lazy():
            function = FacilityLocationFunction(n=len(rows), mode="dense", sijs=similarities(), separate_rep=False)
            return [index for index, _ in function.maximize(
                budget=picks, optimizer="LazyGreedy", stopIfZeroGain=False, stopIfNegativeGain=False, verbose=False,
                show_progress=False,
            )]  # fmt: skip

        line("submodlib LazyGreedy", *timed(submodlib_lazy, 1))
    try:
        from apricot import FacilityLocationSelection
    except ImportError:
        print("apricot: not installed, skipped")
    else:

        def apricot_lazy():
            selector = FacilityLocationSelection(picks, metric="precomputed", optimizer="lazy")
            return selector.fit(similarities()).ranking[:picks]

        line("apricot lazy", *timed(apricot_lazy, 1))
    try:
        import kmedoids
    except ImportError:
        print("kmedoids: not installed, skipped")
    else:

        def faster_pam():
            distances = similarities()
            return kmedoids.fasterpam((distances.max() - distances).astype(np.float32), picks, random_state=0).medoids

        line("kmedoids FasterPAM", *timed(faster_pam, 1))


def metrics():
    """Exact greedy and partition for each metric, beside the epsilon of random rows, all in that metric."""
    rows, _ = ijcnn1()
    rows = np.ascontiguousarray(rows[:10_000])
    print(f"\nMetrics: 1000 of {len(rows):,} x {rows.shape[1]} rows of ijcnn1")
    print(f"{'':34s}{'seconds':>9s}{'epsilon':>12s}{'of random':>12s}")
    for metric in METRICS:
        random = select_coreset(rows, size=1000, algorithm="random", metric=metric).epsilon[-1]
        for algorithm in ("lazy", "partition"):
            options = {"size": 1000, "algorithm": algorithm, "metric": metric}
            select_coreset(rows, **options)
            seconds, coreset = timed(lambda options=options: select_coreset(rows, **options))
            value = coreset.epsilon[-1]
            print(f"{f'{metric}, {algorithm}':34s}{seconds:9.3f}{value:12.4g}{value / random:12.4f}", flush=True)


def exact():
    print("\nExact greedy, 10 %, whole process of craig select from Parquet")
    print(f"{'':34s}{'seconds':>9s}{'of it select':>14s}{'peak MB':>9s}{'L':>12s}")
    rows, labels = ijcnn1()
    sets = {"ijcnn1, class -1": rows[labels < 0], "covtype half, class 0": covtype_class(0)}
    with tempfile.TemporaryDirectory() as folder:
        for name, part in sets.items():
            path = Path(folder) / "rows.parquet"
            write_rows(path, part)
            arguments = ("select", path, "--fraction", 0.1, "--algorithm", "lazy", "--no-per-class", *PLAIN)
            seconds, facts = craig(*arguments, "-o", Path(folder) / "c.parquet")
            print(
                f"{f'{name}: {len(part):,} x {part.shape[1]}':34s}{seconds:9.1f}{facts['seconds']['select']:14.1f}"
                f"{facts['peak_memory'] / 1e6:9.0f}{facts['epsilon']:12.2f}",
                flush=True,
            )


def partition():
    rows = covtype_class(1)[:30_000]
    picks = 3000
    print(f"\nPartition against exact greedy: {picks} of {len(rows):,} x {rows.shape[1]} rows of one class of covtype")
    coreset = select_coreset(rows, size=picks, algorithm="lazy")

    def brute_force(dtype):
        points = rows.astype(dtype)
        chosen = points[coreset.index]
        squares = (chosen**2).sum(axis=1)
        nearest = np.empty(len(points), dtype=dtype)
        for start in range(0, len(points), 4096):
            gap = points[start : start + 4096] @ chosen.T
            gap *= -2
            gap += squares
            nearest[start : start + 4096] = gap.min(axis=1)
        return nearest

    select_coreset(rows, size=picks, algorithm="partition")
    passes = {}
    for name, dtype in (("float32", np.float32), ("float64", np.float64)):
        brute_force(dtype)
        passes[name] = timed(lambda dtype=dtype: brute_force(dtype), 5)[0]
        print(f"one brute-force pass n x r by BLAS, {name}: {passes[name]:.3f} s")
    exact_seconds, coreset = timed(lambda: select_coreset(rows, size=picks, algorithm="lazy"), 3)
    base = loss(rows, coreset.index)
    random = select_coreset(rows, size=picks, algorithm="random")
    print(f"{'':34s}{'seconds':>9s}{'BLAS passes':>13s}{'L / exact':>11s}")
    print(f"{'exact (lazy)':34s}{exact_seconds:9.3f}{exact_seconds / passes['float32']:13.1f}{1.0:11.4f}")
    for block in (512, 1024, 2048, 4096):
        for swaps in (0, 1, 2):
            options = {"size": picks, "algorithm": "partition", "block_size": block, "swaps": swaps}
            seconds, other = timed(lambda options=options: select_coreset(rows, **options), 5)
            print(
                f"{f'block size {block}, {swaps} swaps':34s}{seconds:9.3f}{seconds / passes['float32']:13.1f}"
                f"{loss(rows, other.index) / base:11.4f}",
                flush=True,
            )
    swapped_seconds, swapped = timed(lambda: select_coreset(rows, size=picks, algorithm="lazy", swaps=4), 1)
    print(
        f"{'exact, 4 swaps':34s}{swapped_seconds:9.3f}{swapped_seconds / passes['float32']:13.1f}"
        f"{loss(rows, swapped.index) / base:11.4f}"
    )
    print(f"{'random':34s}{'':9s}{'':13s}{loss(rows, random.index) / base:11.4f}")


def half():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "half.parquet"
        pq.write_table(covtype_half(), path)
        for more in (PLAIN, ()):
            arguments = ("select", path, "--fraction", 0.1, "--scale", "minmax", *more)
            craig(*arguments, "-o", Path(folder) / "c.parquet")
            runs = [craig(*arguments, "-o", Path(folder) / "c.parquet") for _ in range(5)]
            seconds = statistics.median(run[0] for run in runs)
            facts = runs[0][1]
            peak = max(run[1]["peak_memory"] for run in runs)
            shown = " ".join(["craig select half.parquet --fraction 0.1 --scale minmax", *more])
            print(f"\n{shown}: {facts['n']:,} x 54, {facts['algorithm']}")
            print(f"whole process {seconds:.2f} s (median of {len(runs)}), peak {peak / 1e6:.0f} MB", end="")
            print(f", L {facts['epsilon']:.1f}" if more else " (the default trains a model besides)")


def brute():
    """Partition on the covtype half beside what all distances of its rows to its picks cost by BLAS, class by class."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "half.parquet"
        pq.write_table(covtype_half(), path)
        data = read_dataset([str(path)])
    options = {"fraction": 0.1, "scale": "minmax", "algorithm": "partition"}
    print(f"\nPartition beside brute force: covtype half, {data.n_rows:,} x {data.n_features}, 10 %, class by class")
    coreset = select_dataset(data, Plan.paper(**options))

    def passes(dtype):
        low, high = data.features.min(axis=0), data.features.max(axis=0)
        rows = ((data.features - low) / np.where(high > low, high - low, 1.0)).astype(dtype)
        tasks = [
            (rows[data.labels == label], rows[coreset.index][data.labels[coreset.index] == label])
            for label in np.unique(data.labels)
        ]

        def assign():
            for points, picks in tasks:
                squares = (picks**2).sum(axis=1)
                for start in range(0, len(points), 4096):
                    gap = points[start : start + 4096] @ picks.T
                    gap *= -2
                    gap += squares
                    gap.argmin(axis=1)

        return timed(assign)[0]

    for name, dtype in (("float32", np.float32), ("float64", np.float64)):
        print(f"nearest pick of every row by BLAS, {name}: {passes(dtype):.2f} s", flush=True)
    for swaps in (0, 1):
        # All of it: scaling, equal rows, arranging, greedy, swaps, and the assignment that gives weights and epsilon.
        seconds, other = timed(lambda swaps=swaps: select_dataset(data, Plan.paper(swaps=swaps, **options)))
        print(f"whole selection, {swaps} swaps: {seconds:.2f} s, L {other.epsilon[-1]:.1f}", flush=True)
    features, scaling = scaled_features(data, "minmax")
    groups, _ = build_groups(
        data, features, class_parts(data, None, None, True), Plan(scale="minmax"), scaling=scaling, block=BLOCK_SIZE,
        merge=True,
    )  # fmt: skip
    quotas = [int((data.labels[coreset.index] == group.label).sum()) for group in groups]

    def greedy():
        for group, quota in zip(groups, quotas):
            PartitionGreedy(group.space, BLOCK_SIZE).extend(quota)

    greedy()
    print(f"greedy alone, on rows that are arranged: {timed(greedy)[0]:.2f} s")


def growth():
    table = pq.read_table(DATA / "covtype.parquet")
    sizes = (62_500, 125_000, 250_000, len(table))
    print("\nGrowth: partition, 10 %, --scale minmax, whole process (read, select, write)")
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            path = Path(folder) / f"{size}.parquet"
            pq.write_table(table.slice(0, size), path)
            arguments = ("select", path, "--fraction", 0.1, "--scale", "minmax", "--algorithm", "partition", *PLAIN)
            runs = [craig(*arguments, "-o", Path(folder) / "c.parquet") for _ in range(3)]
            seconds = statistics.median(run[0] for run in runs)
            results.append((size, seconds, max(run[1]["peak_memory"] for run in runs)))
            print(f"{size:9,d} rows {seconds:8.2f} s {results[-1][2] / 1e6:8.0f} MB", flush=True)
    logs = np.log(np.array(results, dtype=float))
    for what, column in (("time", 1), ("memory", 2)):
        print(f"exponent of {what}: {np.polyfit(logs[:, 0], logs[:, column], 1)[0]:.2f}")


def sparse():
    """50,000 rows of 80 of 50,000 features: topics, as a text has, so that there is something to find."""
    generator = np.random.default_rng(0)
    n_rows, n_features, nonzeros = 50_000, 50_000, 80
    topic = generator.integers(0, 100, n_rows)
    words = generator.integers(0, n_features, (100, 2000))
    print(f"\nSparse: {n_rows:,} x {n_features:,}, {nonzeros} of them not 0, 10 %, whole process of craig select")
    print(f"{'':34s}{'seconds':>9s}{'of it select':>14s}{'peak MB':>9s}{'L':>12s}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "text.libsvm"
        with open(path, "w") as stream:
            for t in topic:
                common = words[t, generator.integers(0, 2000, 60)]
                row = np.unique(np.concatenate([common, generator.integers(0, n_features, nonzeros - 60)]))
                values = generator.random(len(row)) + 0.1
                features = " ".join(f"{k + 1}:{value:.3f}" for k, value in zip(row, values))
                stream.write(f"{t % 2} {features}\n")
        for algorithm in ("random", "partition", "lazy"):
            arguments = ("select", path, "--fraction", 0.1, "--algorithm", algorithm, "-o", Path(folder) / "c.parquet")
            seconds, facts = craig(*arguments, *(PLAIN if algorithm != "random" else ()))
            print(
                f"{algorithm:34s}{seconds:9.1f}{facts['seconds']['select']:14.1f}{facts['peak_memory'] / 1e6:9.0f}"
                f"{facts['epsilon']:12.1f}",
                flush=True,
            )


def ten():
    """Ten million rows of a mixture of 200 Gaussians."""
    generator = np.random.default_rng(0)
    centres = generator.standard_normal((200, 28)) * 2.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ten.parquet"
        names = ["label", *(f"f{k}" for k in range(28))]
        schema = pa.schema([(name, pa.int8() if name == "label" else pa.float32()) for name in names])
        with pq.ParquetWriter(path, schema) as writer:
            for _ in range(20):
                which = generator.integers(0, 200, 500_000)
                rows = (centres[which] + generator.standard_normal((500_000, 28))).astype(np.float32)
                label = (which % 2).astype(np.int8)
                writer.write_table(pa.table([pa.array(label), *map(pa.array, rows.T)], schema=schema))
        seconds, facts = craig("select", path, "--fraction", 0.01, *PLAIN, "-o", Path(folder) / "c.parquet")
    print(f"\ncraig select ten.parquet --fraction 0.01 {' '.join(PLAIN)}: {facts['n']:,} x 28, {facts['algorithm']}")
    print(
        f"whole process {seconds:.0f} s, read {facts['seconds']['read']:.0f} s, "
        f"peak {facts['peak_memory'] / 1e9:.1f} GB"
    )


def bound():
    """Epsilon on ijcnn1 against the gradient error measured at 50 random models of the ball."""
    from craig_cli.artifacts.model import Model
    from craig_cli.evaluation.gradient_error import GradientProbe

    data = read_dataset([str(DATA / "ijcnn1.bz2")])
    coreset = select_dataset(data, Plan.paper(fraction=0.1, loss="logistic", radius=10.0))
    shape = Model("logistic", (-1.0, 1.0), np.zeros(data.n_features), 0.0, 0.0)
    worst = max(each.error for each in GradientProbe(coreset, data).at_random(shape, 50, 10.0))
    print(
        f"\nijcnn1, 10 %, ||(w, b)|| <= 10: epsilon {coreset.epsilon[-1]:.0f}, largest error at 50 points {worst:.0f}"
    )
    if worst > coreset.epsilon[-1]:
        raise SystemExit("the bound is broken")


PARTS = {part.__name__: part for part in (bound, peers, metrics, exact, partition, half, brute, growth, sparse, ten)}
NO_REAL_DATA = ("sparse", "ten")


def test_selection():
    """What ``make bench`` runs."""
    main(list(PARTS))


def main(names):
    """Run the named parts; those that need the real data are skipped where it is missing."""
    for name in names:
        if name not in NO_REAL_DATA and not DATA.is_dir():
            print(f"{name}: needs the real data in {DATA.name}/, skipped")
            continue
        PARTS[name]()


if __name__ == "__main__":
    main(sys.argv[1:] or list(PARTS))
