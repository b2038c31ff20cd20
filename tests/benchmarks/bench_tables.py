"""Reading tables of any kind of column, beside pyarrow's own reading of the same file, in turn in one process.

    python -m tests.benchmarks.bench_tables [ROWS]

A mixed table (numbers, some missing; categories; text; dates) as Parquet and CSV, and one of numbers alone as both.
Medians of the ratio of each pair of runs; the peer gives Arrow columns, craig a matrix (one-hot, missing filled in)
and a fingerprint.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from craig_cli.formats import read_dataset

REPEATS = 9
VALUES = (
    2,
    3,
    9,
    15,
    25,
    31,
    32,
    60,
    90,
)  # of the columns of text and categories: of more than 32 the rest is together


def mixed(n_rows: int, seed: int = 0) -> pa.Table:
    """Eight numbers, five with 3 % missing, nine columns of text and categories, two dates, labels."""
    rng = np.random.default_rng(seed)
    table = {}
    for place in range(8):
        values = rng.normal(size=n_rows) if place % 2 else rng.integers(0, 100_000, n_rows).astype(float)
        table[f"number{place}"] = pa.array(values, mask=rng.random(n_rows) < 0.03 if place < 5 else None)
    for size in VALUES:
        names = pa.array([f"value {size}-{k}" for k in range(size)])
        share = 1.0 / np.arange(1, size + 1)
        codes = rng.choice(size, n_rows, p=share / share.sum()).astype(np.int32)
        column = pa.DictionaryArray.from_arrays(pa.array(codes, mask=rng.random(n_rows) < 0.02), names)
        table[f"text{size}"] = column if size % 2 else column.cast(pa.string())
    for place in range(2):
        days = rng.integers(0, 9000, n_rows).astype(np.int32)
        table[f"day{place}"] = pa.array(days, pa.int32(), mask=rng.random(n_rows) < 0.02).cast(pa.date32())
    table["label"] = pa.array(np.where(rng.random(n_rows) < 0.3, "yes", "no"))
    return pa.table(table)


def numbers(n_rows: int, seed: int = 0) -> pa.Table:
    """Twenty columns of numbers of six digits, labels 0 and 1."""
    rng = np.random.default_rng(seed)
    table = {f"x{place}": np.round(rng.normal(size=n_rows), 5) for place in range(20)}
    return pa.table({**table, "label": rng.integers(0, 2, n_rows)})


def files(folder: Path, n_rows: int):
    """(name, path, the peer's reader) of each file."""
    for name, table in (("mixed", mixed(n_rows)), ("numbers", numbers(n_rows))):
        path = folder / f"{name}.parquet"
        pq.write_table(table, path)
        yield f"{name} Parquet", path, pq.read_table
        path = folder / f"{name}.csv"
        flat = [
            field.with_type(pa.string() if pa.types.is_dictionary(field.type) else field.type) for field in table.schema
        ]
        pa.csv.write_csv(table.cast(pa.schema(flat)), path)
        yield f"{name} CSV", path, pa.csv.read_csv


def seconds_of(function, *args) -> float:
    began, cpu = time.perf_counter(), time.process_time()
    function(*args)
    return time.perf_counter() - began, time.process_time() - cpu


def main(n_rows: int = 400_000) -> None:
    print("| file | matrix | pyarrow | craig | ratio | ratio of CPU time |")
    print("| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for name, path, peer in files(Path(folder), n_rows):
            found = read_dataset([path])
            pairs = np.array([(*seconds_of(peer, path), *seconds_of(read_dataset, [path])) for _ in range(REPEATS)])
            theirs, ours = np.median(pairs[:, 0]), np.median(pairs[:, 2])
            wall, cpu = np.median(pairs[:, 2] / pairs[:, 0]), np.median(pairs[:, 3] / pairs[:, 1])
            shape = f"{found.n_rows:,} x {found.n_features}, {'CSR' if found.is_sparse else 'dense'}"
            print(f"| {name} | {shape} | {theirs:.3f} s | {ours:.3f} s | {wall:.2f} | {cpu:.2f} |", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
