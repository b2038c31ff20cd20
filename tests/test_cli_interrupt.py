"""Stopping a run: Ctrl-C and SIGTERM leave no file behind and a status that says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import SAMPLE

STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143}
WORDS = {signal.SIGINT: "Interrupted", signal.SIGTERM: "Terminated"}


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Data without clusters, on which an exact selection takes long."""
    path = tmp_path_factory.mktemp("large") / "large.parquet"
    table = np.random.default_rng(0).normal(size=(60_000, 30)).round(2)
    columns = {f"x{column}": table[:, column] for column in range(30)}
    pq.write_table(pa.table({**columns, "label": np.arange(60_000) % 2}), path)
    return path


def stop(process: subprocess.Popen, number: signal.Signals) -> tuple[int, str, float]:
    """(exit status, stderr, seconds it took to stop)."""
    start = time.perf_counter()
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    return process.returncode, stderr.decode(), time.perf_counter() - start


@pytest.mark.parametrize("number", STATUS)
def test_while_reading(craig, number):
    process = craig.start("select", "-", "--size", "3", "-o", "out", stdin=subprocess.PIPE)
    time.sleep(1.0)
    status, stderr, _ = stop_open(process, number)
    assert (status, stderr) == (STATUS[number], WORDS[number] + "\n")
    assert os.listdir(craig.folder) == []


def stop_open(process: subprocess.Popen, number: signal.Signals) -> tuple[int, str, float]:
    """As ``stop``, with standard input still open, or the end of the data could come first."""
    start = time.perf_counter()
    process.send_signal(number)
    status = process.wait(timeout=60)
    seconds = time.perf_counter() - start
    process.stdin.close()
    stderr = process.stderr.read().decode()
    process.stdout.close()
    process.stderr.close()
    return status, stderr, seconds


@pytest.mark.parametrize("number", STATUS)
def test_in_a_callback_of_the_interpreter(number):
    """Which drops the exception, as does compiling a module; what cleans up is not interrupted by the next one."""
    script = """if True:
        import os, sys, time, weakref
        from craig_cli import cli

        class Thing:
            pass

        def run(*unused):
            thing = Thing()
            callback = weakref.ref(thing, lambda _: os.kill(os.getpid(), int(sys.argv[1])))
            del thing
            print("dropped")
            try:
                time.sleep(60)
            finally:
                time.sleep(0.5)
                print("cleaned up")

        cli._run = run
        cli.main([])
    """
    done = subprocess.run([sys.executable, "-c", script, str(number.value)], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (STATUS[number], WORDS[number] + "\n")
    assert done.stdout == "dropped\ncleaned up\n"


@pytest.mark.parametrize("moment", ["_explain", "_say", "_finish"])
def test_a_signal_when_all_is_done_is_no_traceback(moment):
    """As the second of the two that ``timeout`` sends."""
    script = """if True:
        import os, signal, sys
        from craig_cli import cli

        def killed(*unused):
            os.kill(os.getpid(), signal.SIGTERM)

        setattr(cli, sys.argv[1], killed)
        cli.main(["--version" if sys.argv[1] == "_finish" else "--nothing"])
    """
    done = subprocess.run([sys.executable, "-c", script, moment], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (-signal.SIGTERM, "")


@pytest.mark.parametrize("number", STATUS)
def test_while_selecting(craig, large, number):
    (craig.folder / "out").write_text("old")
    process = craig.start("select", large, "--fraction", "0.2", "--algorithm", "lazy", "-o", "out", "-q")
    time.sleep(3.0)
    assert process.poll() is None, "selected too fast for this test"
    status, stderr, seconds = stop(process, number)
    assert (status, stderr) == (STATUS[number], WORDS[number] + "\n")
    assert os.listdir(craig.folder) == ["out"]
    assert (craig.folder / "out").read_text() == "old"
    assert seconds < 10


def test_while_a_trainer_of_ones_own_runs(craig):
    temporary = craig.folder / "temporary"
    temporary.mkdir()
    command = "echo $$ > pid.part; mv pid.part pid; sleep 60; echo 1"
    environment = os.environ | {"TMPDIR": str(temporary)}
    args = ("eval", SAMPLE / "binary.libsvm", "--compare", "--trainer", command, "-q")
    process = craig.start(*args, env=environment)
    end = time.perf_counter() + 60
    while not (craig.folder / "pid").exists() and time.perf_counter() < end:
        time.sleep(0.05)
    status, stderr, seconds = stop(process, signal.SIGINT)
    assert (status, stderr) == (130, "Interrupted\n")
    assert list(temporary.iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.kill(int((craig.folder / "pid").read_text()), 0)
    assert seconds < 10
