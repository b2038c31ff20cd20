"""When things go wrong: killed, a full disk, input cut off or changed, two runs at once.

Never a half-written or mixed output, never a wrong result without an error. CRAIG_KILLS (``make fuzz``) is how many
runs are killed at random moments.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from craig_cli.artifacts.coreset import read_coreset
from craig_cli.artifacts.files import atomic_output, atomic_outputs
from craig_cli.artifacts.model import read_model
from craig_cli.errors import DataError
from craig_cli.formats import read_dataset
from tests.conftest import ROOT, SAMPLE
from tests.fuzz import run
from tests.pairs import pair

KILLS = int(os.environ.get("CRAIG_KILLS", "3"))
BINARY = SAMPLE / "binary.libsvm"
EXPORT = ("export", BINARY, "--coreset", "in.coreset", "--to", "libsvm")


@pytest.fixture
def coreset(craig):
    craig.ok("select", BINARY, "--size", "300", "--algorithm", "random", "-q", "-o", "in.coreset")
    return craig.folder / "in.coreset"


def left(folder: Path) -> list[str]:
    """What a reader may take for an output: all but the inputs and hidden temporary files."""
    return sorted(name for name in os.listdir(folder) if not name.startswith(("in.", ".out")))


# --- killed -------------------------------------------------------------------------------------------------


def test_killed_at_random_moments(craig, coreset):
    """What is there afterwards is a whole file of this run or of the one before."""
    runs = {
        "select": ("select", BINARY, "--size", "200", "--algorithm", "random", "-q", "-o", "out"),
        "train": ("train", BINARY, "--coreset", "in.coreset", "--epochs", "20", "-q", "-o", "out"),
        "export": (*EXPORT, "-q", "-o", "out"),
    }
    expected, seconds = {}, {}
    for name, command in runs.items():
        began = time.perf_counter()
        craig.ok(*command)
        seconds[name] = time.perf_counter() - began
        expected[name] = {file: (craig.folder / file).read_bytes() for file in left(craig.folder)}
        for file in left(craig.folder):
            (craig.folder / file).unlink()
    rng = random.Random(0)
    finished = 0
    for number in range(KILLS):
        name = list(runs)[number % 3]
        process = craig.start(*runs[name])
        time.sleep(rng.uniform(0.2, 1.1) * seconds[name])
        process.kill()
        process.communicate(timeout=60)
        finished += process.returncode == 0
        found = {file: (craig.folder / file).read_bytes() for file in left(craig.folder)}
        for file, content in found.items():
            assert content == expected[name][file], f"{name} killed: {file} is damaged"
        if "out" in found:
            assert found == expected[name]
        for file in found:
            (craig.folder / file).unlink()
    assert finished < KILLS
    for name, command in runs.items():  # leftovers are in nobody's way
        craig.ok(*command)
        assert {file: (craig.folder / file).read_bytes() for file in expected[name]} == expected[name]


def killed_at_call(number: int, work) -> bool:
    """Run ``work()`` in a child that is killed at its ``number``-th call that changes a file; False if it finished."""
    child = os.fork()
    if child == 0:
        calls = [0]

        def counted(function):
            def call(*args, **options):
                calls[0] += 1
                if calls[0] == number:
                    os.kill(os.getpid(), signal.SIGKILL)
                return function(*args, **options)

            return call

        for name in ("open", "fsync", "replace", "unlink"):
            setattr(os, name, counted(getattr(os, name)))
        with contextlib.suppress(BaseException):
            work()
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("old", [False, True])
def test_killed_at_every_step_of_writing(tmp_path, old):
    """One file is old or new; of two files that belong together the first is never beside another's second."""
    path = tmp_path / "out"
    steps = 0
    for number in range(1, 20):
        for name in os.listdir(tmp_path):
            (tmp_path / name).unlink()
        if old:
            pair(path, b"old")
        killed = killed_at_call(number, lambda: pair(path, b"new"))
        steps += killed
        if path.exists():
            assert path.read_bytes() == (tmp_path / "out.wgt").read_bytes()
        elif not old:
            assert left(tmp_path) in ([], ["out.wgt"])
        if not killed:
            assert path.read_bytes() == b"new"
            break
    assert steps >= 6

    def single():
        with atomic_output(path) as stream:
            stream.write(b"newer")

    for number in range(1, 20):
        killed = killed_at_call(number, single)
        assert path.read_bytes() in (b"new", b"newer")
        if not killed:
            break
    assert path.read_bytes() == b"newer"


# --- no room ------------------------------------------------------------------------------------------------

OUTPUTS = {
    "select": ("select", BINARY, "--size", "1000", "--algorithm", "random", "-q", "-o"),
    "train": ("train", BINARY, "--coreset", "in.coreset", "--epochs", "1", "-q", "-o"),
    "export": (*EXPORT, "-q", "-o"),
    "export-vw": (*EXPORT[:-1], "vw", "-q", "-o"),
    "export-csv": (*EXPORT[:-1], "csv", "-q", "-o"),
    "export-parquet": (*EXPORT[:-1], "parquet", "-q", "-o"),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_files_may_not_grow(craig, coreset, name):
    """As on a full disk: the write fails in the middle."""
    process = craig.start_limited(500, *OUTPUTS[name], "out")
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert stderr.decode() == "Error: out: cannot write: File too large\n"
    assert os.listdir(craig.folder) == ["in.coreset"]


@pytest.fixture
def tiny_disk(tmp_path):
    """A disk of 16 kB; only root can make one."""
    folder = tmp_path / "in.disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "none", str(folder)]
    if os.geteuid() != 0 or not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("cannot mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(craig, coreset, tiny_disk):
    for name in ("export", "export-vw", "export-csv", "export-parquet"):
        (tiny_disk / "out").write_bytes(b"old")
        result = craig(*OUTPUTS[name], tiny_disk / "out")
        assert result.status == 1
        assert result.error == f"Error: {tiny_disk}/out: cannot write: No space left on device"
        assert os.listdir(tiny_disk) == ["out"]
        assert (tiny_disk / "out").read_bytes() == b"old"
    # The rows fit, their weights do not
    with pytest.raises(DataError, match="No space left"), atomic_outputs(tiny_disk / "a", tiny_disk / "b") as (a, b):
        a.write(b"x" * 4000)
        b.write(b"x" * 40_000)
    assert os.listdir(tiny_disk) == ["out"]


def test_the_folder_goes_away_while_it_works(craig):
    (craig.folder / "folder").mkdir()
    process = craig.start("select", "-", "--size", "5", "-q", "-o", "folder/out", stdin=subprocess.PIPE)
    time.sleep(1.5)
    (craig.folder / "folder").rmdir()
    _, stderr = process.communicate(BINARY.read_bytes(), timeout=60)
    assert process.returncode == 1
    assert stderr.decode().startswith("Error: folder/out: cannot write: ")
    assert len(stderr.decode().splitlines()) == 1
    assert os.listdir(craig.folder) == []


# --- input that is cut off, or not what it was --------------------------------------------------------------


def test_input_that_is_cut_off(tmp_path):
    rng = random.Random(0)
    whole = {"in.gz": gzip.compress(BINARY.read_bytes()), "in.parquet": (SAMPLE / "binary.parquet").read_bytes()}
    for name, content in whole.items():
        path = tmp_path / name
        for cut in [1, 2, 5, 9, len(content) - 1, len(content) - 4, *rng.sample(range(1, len(content)), 20)]:
            path.write_bytes(content[:cut])
            with pytest.raises(DataError, match=name):
                read_dataset([path])


def test_input_that_is_cut_off_says_so_in_a_line(craig):
    content = gzip.compress(BINARY.read_bytes())
    (craig.folder / "in.gz").write_bytes(content[: len(content) // 2])
    result = craig("export", "in.gz", "--to", "vw", "-q", "-o", "out")
    assert result.status == 1
    assert result.error == "Error: in.gz: cannot decompress: gzip data ends too early"
    assert left(craig.folder) == []


def test_input_that_changed_since_the_selection(tmp_path, monkeypatch, compiled_kernels):
    monkeypatch.chdir(tmp_path)
    content = BINARY.read_bytes()
    path = tmp_path / "in.data"
    path.write_bytes(content)
    assert run("select", "in.data", "--size", "50", "--algorithm", "random", "-q", "-o", "in.coreset")[0] == 0
    lines = content.splitlines(keepends=True)
    changed = {
        "a digit": content.replace(b"5", b"6", 1),
        "two rows swapped": b"".join([lines[1], lines[0], *lines[2:]]),
        "a row more": content + lines[0],
        "a row less": b"".join(lines[:-1]),
        "a feature more": content.replace(b"\n", b" 99:1\n", 1),
    }
    for what, text in changed.items():
        path.write_bytes(text)
        for command in (("train",), ("export", "--to", "vw")):
            status, line = run(command[0], "in.data", *command[1:], "--coreset", "in.coreset", "-q", "-o", "out")
            assert status == 1, what
            assert line.startswith("Error: in."), what
            assert left(tmp_path) == [], what
    path.write_bytes(gzip.compress(content))  # compressed it is the same data
    assert run("export", "in.data", "--to", "vw", "--coreset", "in.coreset", "-q", "-o", "out") == (0, "")


# --- two at once --------------------------------------------------------------------------------------------


def test_two_runs_that_write_the_same_output(craig):
    """The last to finish wins, whole."""
    select = ("select", BINARY, "--algorithm", "random", "-q", "-o", "out", "--size")
    processes = [craig.start(*select, size) for size in (100, 200, 100, 200)]
    for process in processes:
        assert process.communicate(timeout=60) == (b"", b"")
        assert process.returncode == 0
    assert len(read_coreset(craig.folder / "out")) in (100, 200)
    assert os.listdir(craig.folder) == ["out"]
    train = ("train", BINARY, "--epochs", "2", "-q", "-o", "out", "--l2")
    processes = [craig.start(*train, l2) for l2 in ("1", "2")]
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert read_model(craig.folder / "out").l2 in (1, 2)
    assert os.listdir(craig.folder) == ["out"]


def test_two_runs_that_write_the_same_two_files(tmp_path):
    """The rows and the weights are of the same run."""
    command = [sys.executable, "-m", "tests.pairs", tmp_path / "out"]
    for _ in range(2):
        writers = [subprocess.Popen([*command, str(number) * 50, "60"], cwd=ROOT) for number in range(3)]
        assert [writer.wait(60) for writer in writers] == [0, 0, 0]
        assert (tmp_path / "out").read_bytes() == (tmp_path / "out.wgt").read_bytes()
        assert sorted(os.listdir(tmp_path)) == ["out", "out.wgt"]


def test_parquet_that_is_replaced_while_it_is_read(tmp_path, monkeypatch):
    """The fingerprint in a coreset is of the rows it was selected from, or the run fails."""
    path = tmp_path / "in.parquet"
    tables = [pa.table({"x": np.full(1000, value), "label": np.arange(1000) % 2}) for value in (1.0, 2.0)]
    pq.write_table(tables[0], path)
    first = read_dataset([path]).sources[0].fingerprint
    opened = pq.ParquetFile
    calls = [0]

    def replace_then_open(*args, **options):
        calls[0] += 1
        if calls[0] == 2:
            pq.write_table(tables[1], tmp_path / "new")
            os.replace(tmp_path / "new", path)
        return opened(*args, **options)

    monkeypatch.setattr(pq, "ParquetFile", replace_then_open)
    try:
        data = read_dataset([path])
    except DataError:
        return
    assert data.sources[0].fingerprint != first or (data.features == 1.0).all()
