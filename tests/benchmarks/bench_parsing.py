"""Reading data: speed beside scikit-learn's, memory, and a long search for bytes that break it.

    python -m tests.benchmarks.bench_parsing              everything, about two minutes on 2 cores
    python -m tests.benchmarks.bench_parsing libsvm       one part: libsvm, parquet, start, memory, fuzz
    python -m tests.benchmarks.bench_parsing fuzz 100000  so many damaged files of each format

Times are the best of the repeats that stand beside them, after the kernels are compiled (but for ``start``); MB are
10^6 bytes of text. The fuzz runs in processes of limited memory and fails on anything but a result or one line.
"""

from __future__ import annotations

import bz2
import io
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


def best(function, *args, repeats=REPEATS, **options):
    """(least seconds, last result) of ``function(*args, **options)``."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = function(*args, **options)
        seconds.append(time.perf_counter() - start)
    return min(seconds), result


def text_files(folder):
    """The real data as LIBSVM text, and numbers of 17 digits."""
    if DATA.is_dir():
        (folder / "ijcnn1.t").write_bytes(bz2.decompress((DATA / "ijcnn1.t.bz2").read_bytes()))
        yield folder / "ijcnn1.t"
        half = read_dataset([covtype_half(folder)])
        write(folder / "covtype.half", half.features, half.labels)
        yield folder / "covtype.half"
    generator = np.random.default_rng(0)
    write(folder / "normal", generator.standard_normal((100_000, 10)), generator.choice([-1.0, 1.0], 100_000))
    yield folder / "normal"


def write(path, features, labels):
    with open(path, "wb") as stream:
        libsvm.write(stream, features, labels)


def covtype_half(folder):
    path = folder / "covtype.half.parquet"
    table = pq.read_table(DATA / "covtype.parquet")
    pq.write_table(table.take(np.arange(0, len(table), 2)), path, compression="zstd")
    return path


def part_libsvm(folder):
    try:
        from sklearn.datasets import load_svmlight_file
    except ImportError:
        load_svmlight_file = None
        print("scikit-learn is not installed: left out")
    for path in text_files(folder):
        size = path.stat().st_size / 1e6
        read_dataset([path])
        line = f"{path.name:14} {size:5.1f} MB"
        times = {}
        for threads in (1, 2):
            times[threads], data = best(read_dataset, [path], threads=threads)
            line += f" | {threads} thread(s) {1e3 * times[threads]:6.1f} ms {size / times[threads]:5.0f} MB/s"
        rows = np.arange(0, data.n_rows, 10)
        known = {"n_features": data.n_features, "zero_based": False}
        some, _ = best(read_dataset, [path], rows=rows, threads=1, **known)
        line += f" | a tenth of the rows {1e3 * some:6.1f} ms"
        if load_svmlight_file:
            peer, (features, labels) = best(load_svmlight_file, str(path), repeats=3)
            assert np.array_equal(features.toarray(), data.features)
            assert np.array_equal(labels, data.labels)
            line += f" | scikit-learn {1e3 * peer:6.1f} ms, {peer / times[1]:.1f} times as long"
        print(line)


def part_parquet(folder):
    paths = [covtype_half(folder), DATA / "mnist.train.parquet"] if DATA.is_dir() else []
    for path in paths:
        for threads in (1, 2):
            seconds, data = best(read_dataset, [path], threads=threads)
            print(f"{path.name} {data.features.shape}, {threads} thread(s): {seconds:.3f} s")


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
        "read_dataset([sys.argv[1]]); before = peak(); d = read_dataset([sys.argv[2]]); x = d.features; "
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
        command = [sys.executable, "-c", code, str(folder / small), str(folder / name)]
        done = subprocess.run(command, capture_output=True, check=True, text=True)
        print(f"{name}: {done.stdout.strip()}")


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
