"""Damaged files through the commands, many in one process: ``python -m tests.fuzz COUNT [SEED]``.

Every case has to end with status 0 or 1 and one line, within SECONDS, and the whole run within MEMORY of what the
process takes for good files. A case that breaks this is left in the folder that is printed, for tests/corpus.
"""

from __future__ import annotations

import collections
import contextlib
import faulthandler
import io
import json
import os
import random
import resource
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

import click
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq

from craig_cli.cli import _explain, cli

SECONDS = 20
MEMORY = 512 << 20  # beyond the peak for good files
ADDRESS_SPACE = 8 << 30  # beyond what is mapped at the start: what asks for more gets a MemoryError

NUMBERS = (
    *b"0 -0 -1 1e999 -1e400 1e-400 nan inf 0x10 1_0 99999999999999999999 2147483647 2147483648 4294967297".split(),
    *b"9223372036854775807 1e308 + . e5 : 1:1 # true null [] {}".split(),
    *(b"", b'"x"', b"\xff", b"\x00", b"1" * 400, b"0." + b"9" * 400),
)
COUNTS = (-1, 0, 1, 2**31 - 1, 2**31, 2**40, 2**62, 2**63 - 1, -(2**63))
REALS = (0.0, -1.0, float("nan"), float("inf"), 1e308, -1e308, 5e-324, 1e15)


# --- good files ---------------------------------------------------------------------------------------------


def write_good_files(folder: Path) -> None:
    """The files that are damaged, by kind, in ``folder``."""
    rng = np.random.default_rng(0)
    table = rng.normal(size=(40, 6)).round(3)
    labels = np.arange(40) % 2
    lines = []
    for row, label in zip(table, labels):
        lines.append(f"{label:+d} " + " ".join(f"{j + 1}:{v:g}" for j, v in enumerate(row)))
    (folder / "a.libsvm").write_text("\n".join(lines) + "\n")
    (folder / "b.libsvm").write_text("# comment\r\n" + "\r\n".join(f"{line} # {k}" for k, line in enumerate(lines)))
    sparse = [f"{k % 3} qid:{k // 4} {k + 1}:1 {3 * k + 50}:2.5e-3 {10**k % 99991 + 200}:1e5\n" for k in range(40)]
    (folder / "c.libsvm").write_text("".join(sparse))
    columns = {f"x{j}": table[:, j] for j in range(6)}
    pq.write_table(pa.table({**columns, "label": labels}), folder / "a.parquet")
    kinds = {
        "i": pa.array(labels.astype(np.int8)),
        "b": pa.array(labels.astype(bool)),
        "f": pa.array(table[:, 0].astype(np.float32)),
        "l": pa.FixedSizeListArray.from_arrays(pa.array(table.ravel()), 6),
        "v": pa.array([[1.0, 2.0, float(k)] for k in range(40)]),
        "d": pa.array(table[:, 1].tolist()).cast(pa.decimal128(10, 4), safe=False),
        "label": pa.array(labels),
    }
    pq.write_table(pa.table(kinds), folder / "b.parquet", compression="zstd", row_group_size=16)
    pq.write_table(pa.table({**columns, "label": labels}), folder / "c.parquet", compression="none", version="1.0")
    mixed = pa.table(
        {
            "age": pa.array([None if k % 7 == 0 else 20 + k for k in range(40)]),
            "job": pa.array(["cook", "nurse", None, "clerk"] * 10).dictionary_encode(),
            "born": pa.array(range(40), pa.int32()).cast(pa.date32()),
            "home": pa.array([{"zip": f"{k % 5:03d}", "ok": k % 2 == 0} for k in range(40)]),
            "note": [" ".join(f"word{k * j % 17}" for j in range(6)) for k in range(40)],
            "label": ["yes", "no"] * 20,
        }
    )
    pq.write_table(mixed, folder / "d.parquet", row_group_size=16)
    pa.csv.write_csv(mixed.flatten().drop_columns(["job"]), folder / "a.csv")
    (folder / "b.csv").write_text("a;b;label\n" + "".join(f"{k},5;'x y';{k % 2}\n" for k in range(40)))
    pyarrow.feather.write_feather(mixed, folder / "a.arrow", chunksize=16)
    for name in ("a.libsvm", "a.parquet", "d.parquet"):
        data = folder / name
        run("select", data, "--fraction", "0.3", "-o", f"{data}.coreset", "-q", "--threads", "1")
        run("train", data, "--epochs", "2", "-o", f"{data}.model", "-q", "--threads", "1")


# --- damage -------------------------------------------------------------------------------------------------


def damage_bytes(content: bytes, rng: random.Random) -> bytes:
    """Flips, cuts, repetitions and lies, near the end (a Parquet footer) more often than elsewhere."""
    damaged = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 5, 30))):
        if not damaged:
            break
        at = rng.randrange(len(damaged)) if rng.random() < 0.5 else max(0, len(damaged) - rng.randint(1, 2500))
        action = rng.randrange(7)
        if action == 0:
            damaged[at] ^= 1 << rng.randrange(8)
        elif action == 1:
            damaged[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif action == 2:
            damaged = damaged[:at] if rng.random() < 0.5 else damaged[at:]
        elif action == 3:
            damaged[at:at] = damaged[at : at + rng.randint(1, 64)] * rng.choice((1, 2, 50))
        elif action == 4:
            del damaged[at : at + rng.randint(1, 16)]
        elif action == 5:  # a long variable-length number, as Thrift has them
            damaged[at : at + 1] = rng.choice((b"\xff\xff\xff\xff\x0f", b"\xfe" + b"\xff" * 8 + b"\x01", b"\x80\x01"))
        else:  # the length of the footer
            damaged[-8:-4] = rng.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\x10\0\0\0"))
    return bytes(damaged)


def damage_text(content: bytes, rng: random.Random) -> bytes:
    """A number, a word or a separator replaced."""
    if rng.random() < 0.3:
        return damage_bytes(content, rng)
    damaged = content
    for _ in range(rng.choice((1, 1, 2, 10))):
        places = [at for at in range(len(damaged)) if damaged[at : at + 1] in (b" ", b":", b"\n", b",", b"[")]
        if not places:
            return damaged
        at = rng.choice(places) + 1
        end = at
        while end < len(damaged) and damaged[end : end + 1] not in (b" ", b":", b"\n", b",", b"]", b"}"):
            end += 1
        end = min(len(damaged), end + rng.choice((0, 0, 0, 1)))
        damaged = damaged[:at] + rng.choice(NUMBERS) + damaged[end:]
    return damaged


def damage_json(values, rng: random.Random):
    """``values`` with one thing somewhere in it replaced, removed or repeated."""
    if isinstance(values, dict) and values and rng.random() < 0.85:
        key = rng.choice(list(values))
        if rng.random() < 0.15:
            return {name: value for name, value in values.items() if name != key}
        return {**values, key: damage_json(values[key], rng)}
    if isinstance(values, list) and values and rng.random() < 0.7:
        at = rng.randrange(len(values))
        if rng.random() < 0.3:
            return rng.choice((values[:at], values * 2, [values], []))
        return [*values[:at], damage_json(values[at], rng), *values[at + 1 :]]
    deep: list = []
    for _ in range(50):
        deep = [deep]
    return rng.choice((None, True, "", "x" * 5000, "\x1b[2J\n", deep, {}, {"a": 1}, 10**400, *COUNTS, *REALS))


def damage_coreset(path: Path, rng: random.Random) -> bytes:
    """Valid Parquet that says something wrong: in the columns or in the metadata."""
    table = pq.read_table(path)
    facts = json.loads(table.schema.metadata[b"craig"])
    columns = {name: table[name].to_numpy().copy() for name in table.column_names}
    if rng.random() < 0.5:
        facts = damage_json(facts, rng)
    else:
        name = rng.choice(list(columns))
        for _ in range(rng.choice((1, 3))):
            integer = columns[name].dtype.kind == "i"
            columns[name][rng.randrange(len(columns[name]))] = rng.choice(COUNTS if integer else REALS)
        if rng.random() < 0.2:
            with np.errstate(all="ignore"):
                columns[name] = columns[name].astype(rng.choice(("float32", "str", "int8", "bool")))
    with contextlib.suppress(ValueError):
        stream = io.BytesIO()
        metadata = {"craig": json.dumps(facts).encode()}
        pq.write_table(pa.table(columns).replace_schema_metadata(metadata), stream)
        return stream.getvalue()
    return path.read_bytes()


def damaged_case(good: Path, kind: str, rng: random.Random) -> tuple[bytes, str]:
    """(content, the good file it goes with) of one ``kind``: libsvm, parquet, csv, arrow, coreset or model."""
    data = rng.choice(("a.libsvm", "a.parquet", "d.parquet"))
    if kind == "libsvm":
        name = rng.choice(("a.libsvm", "b.libsvm", "c.libsvm"))
        return damage_text((good / name).read_bytes(), rng), name
    if kind == "parquet":
        name = rng.choice(("a.parquet", "b.parquet", "c.parquet", "d.parquet"))
        return damage_bytes((good / name).read_bytes(), rng), name
    if kind == "arrow":
        return damage_bytes((good / "a.arrow").read_bytes(), rng), "a.arrow"
    if kind == "csv":
        name = rng.choice(("a.csv", "b.csv"))
        return damage_text((good / name).read_bytes(), rng), name
    path = good / f"{data}.{kind}"
    if kind == "coreset":
        damage = damage_coreset(path, rng) if rng.random() < 0.6 else damage_bytes(path.read_bytes(), rng)
        return damage, data
    if rng.random() < 0.6:
        return json.dumps(damage_json(json.loads(path.read_bytes()), rng)).encode(), data
    return damage_text(path.read_bytes(), rng), data


# --- runs ---------------------------------------------------------------------------------------------------


def commands(kind: str, case: Path, data: Path) -> list[list[object]]:
    """What to run on a damaged file of this kind."""
    last = ("-q", "--threads", "1")
    if kind in ("libsvm", "parquet", "csv", "arrow"):
        return [
            ["select", case, "--fraction", "0.5", "-o", "out", *last],
            ["train", case, "--epochs", "1", "-o", "out", *last],
            ["export", case, "--to", "vw" if kind == "libsvm" else "feather", "-o", "out", *last],
        ]
    if kind == "coreset":
        return [
            ["train", data, "--coreset", case, "--epochs", "1", "-o", "out", *last],
            ["export", data, "--coreset", case, "--to", "xgboost", "-o", "out", *last],
            ["export", data, "--coreset", case, "--to", "parquet", "-o", "out", *last],
        ]
    return [
        ["eval", case, data, *last],
        ["export", case, "--to", "liblinear", "-o", "out", *last],
        ["train", data, "--init", case, "--epochs", "1", "-o", "out", *last],
    ]


def run(*args: object) -> tuple[int, str]:
    """(exit status, line on stderr) of one command in this process."""
    status, line = 0, ""
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
            cli.make_context("craig", [str(arg) for arg in args], obj={}) as context,
        ):
            cli.invoke(context)
    except click.exceptions.Exit as done:
        status = done.exit_code
    except Exception as error:
        status, line = _explain(error)
    return status, line


def fault(status: int, line: str) -> str:
    """What is wrong with such an end, or nothing."""
    if "expected a coreset of at least" in line:  # --fraction of so few rows is less than a row a class
        return ""
    if status == 2 and "the memory limit is" in line:  # a feature's number is as large as it can be
        return ""
    if status not in (0, 1):
        return f"status {status}: {line}"
    if line.startswith("Error: internal"):
        return line
    if len(line) > 2000 or not line.isprintable():
        return f"unreadable line of {len(line)} characters: {line[:200]!r}"
    return ""


def run_case(kind: str, case: Path, data: Path) -> list[tuple[list, int, str]]:
    """(command, status, line) of each command on one file; in the current folder, which it leaves as it was."""
    ends = []
    for command in commands(kind, case, data):
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        ends.append((command, *run(*command)))
        faulthandler.cancel_dump_traceback_later()
        for name in os.listdir("."):
            if name.startswith((".out", "out")):
                os.unlink(name)
    return ends


def main(count: int, seed: int = 0) -> int:
    """The number of faults in ``count`` cases."""
    rng = random.Random(seed)
    folder = Path(tempfile.mkdtemp(prefix="craig-fuzz-"))
    os.chdir(folder)
    write_good_files(folder)
    for kind, name in (("libsvm", "c.libsvm"), ("parquet", "b.parquet")):
        run_case(kind, folder / name, folder)
    with open("/proc/self/statm") if os.path.exists("/proc/self/statm") else contextlib.nullcontext() as mapped:
        if mapped is not None:
            size = int(mapped.read().split()[0]) * os.sysconf("SC_PAGE_SIZE") + ADDRESS_SPACE
            resource.setrlimit(resource.RLIMIT_AS, (size, size))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tally, faults = collections.Counter(), 0
    for number in range(count):
        kind = ("libsvm", "parquet", "coreset", "model", "csv", "arrow")[number % 6]
        content, data = damaged_case(folder, kind, rng)
        case = folder / f"case.{kind}"
        case.write_bytes(content)  # still there after a crash
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for command, status, line in run_case(kind, case, folder / data):
            tally[kind, status, "out of memory" in line] += 1
            wrong = fault(status, line)
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak
            if not wrong and grown * 1024 > MEMORY // 2:
                wrong = f"took {grown >> 10} MB: {line}"
            if wrong:
                faults += 1
                kept = folder / f"fault{faults}.{data}.{kind}"
                kept.write_bytes(content)
                print(f"{kept}: {command[0]} {command[-5:-3]}: {wrong}", flush=True)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    for (kind, status, memory), times in sorted(tally.items()):
        print(f"{kind}: status {status}{' (out of memory)' if memory else ''}: {times} runs")
    print(f"{count} files, {faults} faults, {grown >> 20} MB more than good files take")
    if grown > MEMORY:
        print(f"expected at most {MEMORY >> 20} MB more")
        faults += 1
    if not faults:
        shutil.rmtree(folder)
    return faults


if __name__ == "__main__":
    sys.exit(min(main(*map(int, sys.argv[1:])), 1))
