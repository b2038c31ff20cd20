"""Reading data: speed beside scikit-learn's, memory, and a long search for bytes that break it.

    python -m tests.benchmarks.bench_parsing              everything, about two minutes on 2 cores
    python -m tests.benchmarks.bench_parsing libsvm       one part: libsvm, coreset, parquet, start, memory, fuzz
    python -m tests.benchmarks.bench_parsing fuzz 100000  so many damaged files of each format

Times are medians, after the kernels are compiled (but for ``start``); MB are 10^6 bytes of text. One thread, and
scikit-learn, run on one core alone, hash and all (Linux). The fuzz runs in processes of limited memory and fails on
anything but a result or one line.
"""

from __future__ import annotations

import bz2
import io
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from craig_cli.errors import CraigError
from craig_cli.formats import libsvm, read_dataset

DATA = Path(os.environ.get("CRAIG_DATA", Path(__file__).parents[3] / "shared" / "data"))
REPEATS = 9
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def on_cores(number):
    """Run on so many cores from here on, where the system can be told."""
    if CORES:
        os.sched_setaffinity(0, CORES[:number])


def seconds_of(function, *args, cores=None, **options):
    """(seconds, result) of ``function(*args, **options)`` on so many cores."""
    on_cores(cores)
    start = time.perf_counter()
    result = function(*args, **options)
    seconds = time.perf_counter() - start
    on_cores(None)
    return seconds, result


def text_files(folder):
    """The real data as LIBSVM text, and numbers of 17 digits."""
    if DATA.is_dir():
        (folder / "ijcnn1.t").write_bytes(bz2.decompress((DATA / "ijcnn1.t.bz2").read_bytes()))
        yield folder / "ijcnn1.t"
        yield covtype_text(folder)
    generator = np.random.default_rng(0)
    write(folder / "normal", generator.standard_normal((100_000, 10)), generator.choice([-1.0, 1.0], 100_000))
    yield folder / "normal"


def covtype_text(folder):
    data = read_dataset([DATA / "covtype.parquet"])
    write(folder / "covtype", data.features, data.labels)
    return folder / "covtype"


def write(path, features, labels):
    with open(path, "wb") as stream:
        libsvm.write(stream, features, labels)


def covtype_half(folder):
    path = folder / "covtype.half.parquet"
    table = pq.read_table(DATA / "covtype.parquet")
    pq.write_table(table.take(np.arange(0, len(table), 2)), path, compression="zstd")
    return path


def part_libsvm(folder):
    """craig and scikit-learn in turn, so that a busy machine is busy for both."""
    try:
        from sklearn.datasets import load_svmlight_file
    except ImportError:
        load_svmlight_file = None
        print("scikit-learn is not installed: left out")
    print("| | MB | 1 thread | MB/s | 2 threads | MB/s | scikit-learn | times 1 thread | times 2 threads |")
    print("| --- |" + " --- |" * 8)
    for path in text_files(folder):
        size = path.stat().st_size / 1e6
        times = {1: [], 2: [], "peer": []}
        for repeat in range(-1, REPEATS):
            for threads in (1, 2):
                seconds, data = seconds_of(read_dataset, [path], threads=threads, cores=threads)
                times[threads] += [seconds] if repeat >= 0 else []
            if load_svmlight_file and repeat >= 0 and repeat % 2 == 0:
                seconds, (features, labels) = seconds_of(load_svmlight_file, str(path), cores=1)
                times["peer"].append(seconds)
        line = f"| {path.name} | {size:.1f}"
        for threads in (1, 2):
            median = np.median(times[threads])
            line += f" | {1e3 * median:.0f} ms | {size / median:.0f}"
        if load_svmlight_file:
            assert np.array_equal(features.toarray(), data.features)
            assert np.array_equal(labels, data.labels)
            peer = np.median(times["peer"])
            line += f" | {1e3 * peer:.0f} ms"
            line += "".join(f" | {peer / np.median(times[threads]):.1f}" for threads in (1, 2))
        print(line + " |", flush=True)


def part_coreset(folder):
    """Training on a tenth of covtype as text: reading its rows against reading all, and the whole process."""
    if not DATA.is_dir():
        return
    path, coreset = covtype_text(folder), folder / "coreset"
    craig = [sys.executable, "-m", "craig_cli"]
    select = [*craig, "select", str(path), "--fraction", "0.1", "--algorithm", "random", "-q", "-o", str(coreset)]
    subprocess.run(select, check=True)
    rows = np.sort(pq.read_table(coreset)["index"].to_numpy())
    for threads in (1, 2):
        times = {"all": [], "tenth": []}
        for repeat in range(-1, REPEATS):
            for name, options in (("all", {}), ("tenth", {"rows": rows, "n_features": 54})):
                seconds, _ = seconds_of(read_dataset, [path], threads=threads, cores=threads, **options)
                times[name] += [seconds] if repeat >= 0 else []
        every, tenth = np.median(times["all"]), np.median(times["tenth"])
        print(
            f"covtype, {threads} thread(s): all rows {1e3 * every:.0f} ms, a tenth {1e3 * tenth:.0f} ms, "
            f"{every / tenth:.1f} times as fast"
        )
    train = [*craig, "train", str(path), "--epochs", "5", "--json", "-q", "-o", str(folder / "model")]
    for name, options in (("all rows", []), ("a tenth", ["--coreset", str(coreset)])):
        whole, reading = [], []
        for _ in range(5):
            seconds, done = seconds_of(subprocess.run, [*train, *options], capture_output=True, check=True)
            whole.append(seconds)
            reading.append(json.loads(done.stdout)["seconds"]["read"])
        print(
            f"craig train of 5 epochs, {name}: {np.median(whole):.2f} s the whole process, "
            f"{np.median(reading):.2f} s of it until the data is there"
        )


def part_parquet(folder):
    paths = [covtype_half(folder), DATA / "mnist.train.parquet"] if DATA.is_dir() else []
    for path in paths:
        for threads in (1, 2):
            runs = [seconds_of(read_dataset, [path], threads=threads, cores=threads) for _ in range(REPEATS)]
            median = np.median([seconds for seconds, _ in runs])
            print(f"{path.name} {runs[0][1].features.shape}, {threads} thread(s): {median:.3f} s")


def part_start(folder):
    """The first read of a small file in a process, with and without compiled kernels on disk."""
    path = folder / "small"
    path.write_text("1 1:2.5 2:3\n-1 1:1e-3\n")
    code = (
        "import time, craig_cli, craig_cli.jit, scipy.sparse; from craig_cli.formats import read_dataset; "
        f"start = time.perf_counter(); read_dataset([{str(path)!r}]); print(time.perf_counter() - start)"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder / "cache")}
    for state in ("cold", "warm", "warm"):
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
        print(f"first read of a small file, kernels {state}: {float(done.stdout):.2f} s")


def part_memory(folder):
    """Peak memory above that of reading a small file, beside the size of the arrays (Linux)."""
    code = (
        "import sys; from craig_cli.formats import read_dataset; import craig_cli.jit, pyarrow.parquet; "
        "peak = lambda: 1024 * int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0]); "
        "read_dataset([sys.argv[1]]); before = peak(); "
        "d = read_dataset([sys.argv[2]], threads=int(sys.argv[3])); x = d.features; "
        "size = x.data.nbytes + x.indices.nbytes + x.indptr.nbytes if d.is_sparse else x.nbytes; "
        "print(f'{size / 1e6:.0f} MB of features, peak {(peak() - before) / 1e6:.0f} MB')"
    )
    generator = np.random.default_rng(0)
    dense = generator.standard_normal((300_000, 20))
    write(folder / "dense", dense, dense[:, 0])
    with open(folder / "sparse", "w") as stream:
        for _ in range(300_000):
            columns = np.sort(generator.choice(100_000, 20, replace=False))
            stream.write("1 " + " ".join(f"{column}:0.25" for column in columns + 1) + "\n")
    (folder / "small").write_text("1 1:2.5 2:3\n")
    pq.write_table(pa.table({"x": [1.0], "label": [1]}), folder / "small.parquet")
    files = [("small", "dense"), ("small", "sparse")]
    if DATA.is_dir():
        covtype_half(folder)
        files += [("small.parquet", "covtype.half.parquet")]
    for small, name in files:
        for threads, piped in ((1, False), (2, False), (2, True)):
            source = "-" if piped else str(folder / name)
            command = [sys.executable, "-c", code, str(folder / small), source, str(threads)]
            with open(folder / name, "rb") as stream:
                pipe = subprocess.Popen(["cat"], stdin=stream, stdout=subprocess.PIPE) if piped else None
                done = subprocess.run(command, stdin=pipe and pipe.stdout, capture_output=True, check=True, text=True)
                if pipe:
                    pipe.wait()
            print(f"{name}, {threads} thread(s){', from a pipe' if piped else ''}: {done.stdout.strip()}", flush=True)


def part_fuzz(folder, count=3000):
    """``count`` damaged files of each format, each read twice."""
    del folder
    for kind in ("libsvm", "parquet"):
        for first in range(0, count, 1000):
            command = [sys.executable, "-m", "tests.benchmarks.bench_parsing", "fuzz-from", kind]
            subprocess.run([*command, str(first), str(min(first + 1000, count))], check=True)
        print(f"fuzz: {count} damaged {kind} files led to a result or one line each")


def fuzz_from(kind, first, last):
    from tests.test_libsvm import mutate, random_text

    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "in.data")
        for seed in range(first, last):
            generator = random.Random(seed)
            if kind == "libsvm":
                content = mutate(generator, random_text(generator, generator.randint(1, 60), 50))
            else:
                content = damaged_parquet(generator)
            path.write_bytes(content)
            start = time.perf_counter()
            for options in ({}, {"rows": np.array([0, 3])}):
                try:
                    found = read_dataset([path], format=kind, threads=1 + seed % 2, **options)
                    values = found.features.data if found.is_sparse else found.features
                    assert np.isfinite(values).all()
                except CraigError as error:
                    assert str(error).isprintable() and "in.data" in str(error), (seed, error)
                except BaseException:
                    print(f"seed {seed}", file=sys.stderr)
                    raise
            if time.perf_counter() - start > 5:
                print(f"seed {seed} took {time.perf_counter() - start:.1f} s")


def damaged_parquet(generator):
    numbers = np.random.default_rng(generator.getrandbits(32))
    n_rows = generator.randint(1, 80)
    kinds = ["f8", "f4", "i1", "i8", "u2", "?"]
    columns = {f"x{j}": numbers.integers(0, 2, n_rows).astype(generator.choice(kinds)) for j in range(3)}
    columns["list"] = pa.array(numbers.integers(0, 9, (n_rows, 4)).tolist(), pa.list_(pa.uint8(), 4))
    columns["label"] = numbers.integers(0, 2, n_rows)
    stream = io.BytesIO()
    pq.write_table(
        pa.table(columns),
        stream,
        row_group_size=generator.choice([7, 100]),
        store_schema=generator.random() < 0.5,
        use_dictionary=generator.random() < 0.5,
        compression=generator.choice(["none", "snappy", "zstd", "gzip"]),
        data_page_version=generator.choice(["1.0", "2.0"]),
    )
    content = bytearray(stream.getvalue())
    footer = int.from_bytes(content[-8:-4], "little") + 8
    for _ in range(generator.choice([1, 1, 2, 8])):
        start = len(content) - footer if generator.random() < 0.6 else 0
        content[generator.randrange(start, len(content))] = generator.choice([0, 255, 127, generator.getrandbits(8)])
    if generator.random() < 0.1:
        del content[generator.randrange(1, len(content)) :]
    return bytes(content)


PARTS = {
    "libsvm": part_libsvm,
    "coreset": part_coreset,
    "parquet": part_parquet,
    "start": part_start,
    "memory": part_memory,
    "fuzz": part_fuzz,
}


def main(arguments):
    if arguments[:1] == ["fuzz-from"]:
        fuzz_from(arguments[1], int(arguments[2]), int(arguments[3]))
        return
    counts = [int(word) for word in arguments if word.isdigit()]
    for name in [word for word in arguments if not word.isdigit()] or PARTS:
        with tempfile.TemporaryDirectory() as folder:
            PARTS[name](Path(folder), *(counts if name == "fuzz" else []))


if __name__ == "__main__":
    main(sys.argv[1:])
