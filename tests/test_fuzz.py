"""Damaged input of every kind: one line, status 0 or 1, no hang, and a bound on memory. ``make fuzz`` runs 10,000."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import fuzz

CORPUS = sorted(path for path in (Path(__file__).parent / "corpus").iterdir() if path.suffix != ".md")
COUNT = int(os.environ.get("CRAIG_FUZZ", "300"))


@pytest.fixture(scope="module")
def good(tmp_path_factory, compiled_kernels):
    folder = tmp_path_factory.mktemp("good")
    fuzz.write_good_files(folder)
    return folder


@pytest.mark.parametrize("case", CORPUS, ids=lambda path: path.name)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # the command itself shows none
def test_files_that_once_broke(case, good, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data, kind = good / ".".join(case.name.split(".")[1:3]), case.suffix[1:]
    for command, status, line in fuzz.run_case(kind, case, data):
        assert fuzz.fault(status, line) == "", command
    assert os.listdir(tmp_path) == []


def test_good_files_are_good(good, tmp_path, monkeypatch):
    """Or the damage would prove nothing."""
    monkeypatch.chdir(tmp_path)
    for kind, case, data in [
        *(("libsvm", f"{name}.libsvm", "a.libsvm") for name in "abc"),
        *(("parquet", f"{name}.parquet", "a.parquet") for name in "abcd"),
        *(("csv", f"{name}.csv", "a.csv") for name in "ab"),
        ("arrow", "a.arrow", "a.arrow"),
        *(
            (kind, f"{data}.{kind}", data)
            for kind in ("coreset", "model")
            for data in ("a.libsvm", "a.parquet", "d.parquet")
        ),
    ]:
        for command, status, line in fuzz.run_case(kind, good / case, good / data):
            assert (status, line) == (0, ""), command


def test_damaged_files(compiled_kernels):
    """In a process of its own, whose memory is limited and which may crash."""
    done = subprocess.run([sys.executable, "-m", "tests.fuzz", str(COUNT)], capture_output=True, text=True,
                          cwd=Path(__file__).parents[1])  # fmt: skip
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
