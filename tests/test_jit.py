"""Compiled kernels on disk."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest

from craig_cli import cache, compiling, jit
from craig_cli.cache import kernel_folder, kernels_there
from craig_cli.compiling import Ahead, compile_all, not_there, recorded
from craig_cli.training.losses import to_slopes, value

KERNEL = ("craig_cli.formats.lines:has_index_zero", ("uint8 1 C",))


@pytest.mark.parametrize("full", [False, True])
def test_one_process_at_a_time_saves_kernels(tmp_path, monkeypatch, full):
    """Two that saved different types of one kernel at once could each find the other's code."""
    saved = []

    def save(*arguments):
        with open(tmp_path / "cache" / "lock") as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        saved.append(arguments)
        if full:
            raise OSError("No space left on device")

    monkeypatch.setattr(jit, "_save_overload", save)
    monkeypatch.setattr(jit, "_release", lambda cache: None)
    monkeypatch.setattr(jit.numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    jit._save_where_possible("cache", "signature", "data")
    assert saved == [("cache", "signature", "data")]
    with open(tmp_path / "cache" / "lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_folder_without_locks(tmp_path, monkeypatch):
    saved = []
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(jit, "_save_overload", lambda *arguments: saved.append(arguments))
    monkeypatch.setattr(jit, "_release", lambda cache: None)
    monkeypatch.setattr(jit.numba.config, "CACHE_DIR", os.fspath(tmp_path / "file" / "cache"))
    jit._save_where_possible("cache", "signature", "data")
    assert len(saved) == 1


class _Cache:
    """As numba's cache of one function, as far as claims go."""

    def __init__(self, path):
        self._cache_file = self
        self._index_path = str(path)


def test_one_process_at_a_time_compiles_a_kernel(tmp_path, monkeypatch):
    monkeypatch.setattr(jit.numba.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(jit, "_claims", {})
    mine, other = _Cache(tmp_path / "mine"), _Cache(tmp_path / "other")
    code = (
        "import sys\nfrom craig_cli import jit\nfrom tests.test_jit import _Cache\n"
        f"jit.numba.config.CACHE_DIR = {str(tmp_path)!r}\n"
        "print([jit._claim(_Cache(path)) for path in sys.argv[1:]])"
    )
    command = [sys.executable, "-c", code, mine._index_path, other._index_path]

    def elsewhere() -> list[bool]:
        return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.lower())

    assert jit._claim(mine)
    assert jit._claim(mine)  # again, for other types
    assert elsewhere() == [False, True]
    jit._release(mine)
    assert elsewhere() == [True, True]


def test_inner_functions_are_for_kernels():
    @jit.njit(cache=False)
    def loss_and_slope(code, label, margins):
        loss = value(code, label, margins)
        to_slopes(code, label, margins)
        return loss

    for _ in range(2):  # before and after a kernel was compiled with them
        with pytest.raises(TypeError, match="value is for kernels to call"):
            value(0, 1.0, np.zeros(1))
        margins = np.zeros(1)
        assert loss_and_slope(0, 1.0, margins) == pytest.approx(np.log(2.0))
        assert margins == pytest.approx([-0.5])


def test_recorded_kernels_are_those_of_the_sources():
    """``python -m tests.record_kernels`` renews them."""
    for run, kernels in recorded().items():
        for name, types in kernels:
            module, _, function = name.partition(":")
            kernel = getattr(import_module(module), function, None)
            assert kernel is not None, f"{run}: {name}"
            assert kernel.py_func.__code__.co_argcount == len(types), f"{run}: {name}"


def test_a_run_calls_the_recorded_kernels(tmp_path):
    """As the runs are recorded, and of the types that are."""
    from tests.record_kernels import calls_of, prepare_data

    prepare_data(tmp_path)
    calls = calls_of(["select", "dense.libsvm", "--fraction", "0.1"], tmp_path)
    known = recorded()
    expected = {(name, *types) for run in ("read dense", "select any dense partition") for name, types in known[run]}
    assert {tuple(call) for call in calls} == expected
    calls = calls_of(["train", "sparse.csv", "--epochs", "2"], tmp_path)  # of few columns, most of it zero
    expected = {(name, *types) for run in ("read table sparse", "train sgd table") for name, types in known[run]}
    assert {tuple(call) for call in calls} == expected


def test_compiling_in_other_processes(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    done = []
    missing = [("craig_cli.formats.lines:no_such_kernel", ("int64",))]
    wrong = compile_all([KERNEL, *missing], threads=2, progress=lambda *counts: done.append(counts))
    assert len(wrong) == 1
    assert wrong[0].startswith("craig_cli.formats.lines:no_such_kernel: ")
    assert sorted(count for count, _ in done) in ([1, 2], [2, 2])
    assert kernel_folder() == tmp_path
    assert kernels_there() == {"lines.has_index_zero"}
    assert not_there([KERNEL, *missing]) == missing


def test_all_types_of_a_kernel_are_compiled_though_one_process_at_a_time_may(tmp_path, monkeypatch):
    """Two processes with one kernel each left it to the other, which had other types, and nobody compiled these."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    sent, send = [], compiling.send
    monkeypatch.setattr(compiling, "send", lambda worker, kernels: (sent.append(kernels), send(worker, kernels)))
    other = (KERNEL[0], ("uint8 1 C readonly",))
    assert compile_all([KERNEL, other], threads=2, progress=None) == []
    assert [sorted(kernels) for kernels in sent] == [sorted([KERNEL, other])]
    assert len(list(tmp_path.rglob("lines.has_index_zero*.nbc"))) == 2


def test_a_cold_run_says_so_once_and_starts_a_process(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    notes: list[str] = []
    with Ahead(1, notes.append) as ahead:
        ahead.needs("eval dense", "train sgd dense")  # which have nothing in common
        assert notes == []
        ahead.needs("no such run")
        assert notes == []
        ahead.needs("eval dense")
        ahead.needs("eval dense")
        assert len(notes) == 1
        assert ahead._worker is None  # of one thread
    with Ahead(2, notes.append) as ahead:
        ahead.needs("eval dense")
        assert ahead._worker.poll() is None
    assert ahead._worker.poll() is not None


def test_where_most_is_there_nothing_is_compiled_ahead_that_may_not_be_needed(monkeypatch):
    """A run that did not need the rest said at each start that it compiled it, and was over before it had."""
    notes: list[str] = []
    monkeypatch.setattr(compiling, "not_there", lambda kernels: list(kernels)[:1])
    with Ahead(2, notes.append) as ahead:
        ahead.needs("eval dense")
        assert notes == [] and ahead._worker is None
        assert cache.before_compiling is not None
        cache.before_compiling()
        assert len(notes) == 1 and ahead._worker.poll() is None
    assert cache.before_compiling is None
