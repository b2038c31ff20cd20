"""Compiled kernels on disk."""

from __future__ import annotations

import fcntl
import os

import pytest

from craig_cli import jit


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
    monkeypatch.setattr(jit.numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    jit._save_where_possible("cache", "signature", "data")
    assert saved == [("cache", "signature", "data")]
    with open(tmp_path / "cache" / "lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_folder_without_locks(tmp_path, monkeypatch):
    saved = []
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(jit, "_save_overload", lambda *arguments: saved.append(arguments))
    monkeypatch.setattr(jit.numba.config, "CACHE_DIR", os.fspath(tmp_path / "file" / "cache"))
    jit._save_where_possible("cache", "signature", "data")
    assert len(saved) == 1
