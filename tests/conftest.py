"""Fixtures of all tests: the ``craig`` command, and the folders it works on."""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

for _library in ("OPENBLAS", "MKL", "BLIS", "VECLIB"):  # as the command has it
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")

# A shell without job control starts what runs in the background with Ctrl-C ignored, and children inherit it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # hundreds of commands would each compile the package

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "sample_data"
REAL_DATA = Path(os.environ.get("CRAIG_DATA", ROOT.parent / "shared" / "data"))

needs_real_data = pytest.mark.skipif(not REAL_DATA.is_dir(), reason=f"no real data in {REAL_DATA}")


@dataclass(frozen=True)
class Result:
    """How a command ended: exit status, and what it printed."""

    status: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        return self.stdout.decode()

    @property
    def error(self) -> str:
        """The one line on stderr; fails where there is another number of lines, or a traceback."""
        lines = self.stderr.splitlines()
        assert len(lines) == 1, self.stderr
        assert lines[0].startswith("Error: "), self.stderr
        return lines[0]


class Craig:
    """Runs ``craig`` in ``folder``.

    A call runs the command's ``main`` in this process, which has it all imported and saves a second; with an
    environment of its own, and by ``start`` and ``cpu_seconds``, the installed command runs in a process of its own.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def command(self) -> list[str]:
        script = Path(sys.executable).with_name("craig")
        return [str(script)] if script.exists() else [sys.executable, "-m", "craig_cli"]

    def start_limited(self, size: int, *args: object) -> subprocess.Popen:
        """With files that may not grow beyond so many bytes; compiled modules would be cut as well, for who is next."""
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))  # noqa: E731
        return self.start(*args, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}, preexec_fn=limit)

    def start(self, *args: object, **options) -> subprocess.Popen:
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen([*self.command(), *map(str, args)], cwd=self.folder, **{**streams, **options})

    def __call__(self, *args: object, stdin: bytes = b"", env: dict[str, str] | None = None) -> Result:
        """Run to the end; any exit status."""
        if env is None:
            return run_here(list(map(str, args)), self.folder, stdin=stdin)
        environment = {**os.environ, **env}
        process = self.start(*args, stdin=subprocess.PIPE, env=environment)
        stdout, stderr = process.communicate(stdin, timeout=120)
        return Result(process.returncode, stdout, stderr.decode())

    def cpu_seconds(self, *args: object) -> float:
        """Processor time of one good run: what it takes on an idle machine, however busy this one is."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        process = self.start(*args)
        _, stderr = process.communicate(timeout=120)
        assert process.returncode == 0, stderr
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

    def ok(self, *args: object, **options) -> Result:
        """Run to the end, which has to be a good one."""
        result = self(*args, **options)
        assert result.status == 0, result.stderr
        return result


@contextlib.contextmanager
def piped(content: bytes) -> Iterator[None]:
    """Standard input is a pipe through which ``content`` comes."""
    before, own = sys.stdin, os.dup(0)
    reading, writing = os.pipe()
    os.dup2(reading, 0)
    os.close(reading)

    def write() -> None:
        with contextlib.suppress(BrokenPipeError), open(writing, "wb") as stream:
            stream.write(content)

    writer = threading.Thread(target=write)
    writer.start()
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    try:
        yield
    finally:
        sys.stdin = before
        os.dup2(own, 0)
        os.close(own)
        writer.join()


def run_here(args: list[str], folder: Path, together: bool = False, stdin: bytes = b"") -> Result:
    """``craig`` with ``args`` in this process, its streams in files and everything put back afterwards.

    together  what it says on stderr is in stdout, as on a terminal
    stdin     what comes through standard input
    """
    from craig_cli.cli import main

    here = os.getcwd()
    handlers = {
        number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGALRM)
    }
    before = sys.stdout, sys.stderr
    status = 0
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, piped(stdin):
        sys.stdout = open(out.fileno(), "w", closefd=False)  # noqa: SIM115
        sys.stderr = open((out if together else err).fileno(), "w", buffering=1, closefd=False)  # noqa: SIM115
        try:
            os.chdir(folder)
            with warnings.catch_warnings():
                main(args)
        except SystemExit as done:
            status = done.code or 0
        finally:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            sys.stdout, sys.stderr = before
            os.chdir(here)
            for number, handler in handlers.items():
                signal.signal(number, handler)
        out.seek(0)
        err.seek(0)
        return Result(status, out.read(), err.read().decode())


@contextlib.contextmanager
def made_once(tmp_path_factory: pytest.TempPathFactory, name: str) -> Iterator[tuple[Path, bool]]:
    """(a folder that all test processes share, whether it is filled already); the block fills it, alone."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    folder.mkdir(exist_ok=True)
    with open(folder.with_suffix(".lock"), "a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.seek(0)
        yield folder, lock.read() == "made"
        lock.truncate(0)
        lock.write("made")


@pytest.fixture(scope="session")
def compiled_kernels(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Every kernel on disk before the first command runs.

    Two processes that compile different variants of one kernel at once overwrite each other's index, so that
    one is lost and compiled again and again.
    """
    with made_once(tmp_path_factory, "kernels") as (folder, made):
        if made:
            return
        (folder / "sparse.libsvm").write_text("".join(f"{row % 2} {row + 1}:1\n" for row in range(40)))
        run = Craig(folder)
        for data in (SAMPLE / "binary.libsvm", "sparse.libsvm"):
            select = run.start("select", data, "--size", "10", "-q", "-o", "c")
            train = run.start("train", data, "--epochs", "2", "-q", "-o", "m")
            for process in (select, train):
                process.communicate(timeout=300)


@pytest.fixture
def craig(tmp_path: Path, compiled_kernels: None) -> Craig:
    return Craig(tmp_path)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, compiled_kernels: None) -> Craig:
    """A folder with models of the binary data and of the others, histories, and a coreset with its model."""
    with made_once(tmp_path_factory, "trained") as (folder, made):
        if not made:
            run = Craig(folder).ok
            data = SAMPLE / "binary.libsvm"
            monitored = ("--monitor", data, "--monitor", SAMPLE / "binary.test.libsvm")
            run("select", data, "--fraction", "0.1", "--loss", "logistic", "--radius", "20", "-o", "c.parquet")
            run("train", data, "-o", "full.json", "--history", "full.jsonl", *monitored)
            run("train", data, "--coreset", "c.parquet", "-o", "small.json", "--history", "small.jsonl", *monitored)
            run("train", SAMPLE / "multiclass.parquet", "-o", "many.json")
            run("train", SAMPLE / "regression.parquet", "--loss", "squared", "-o", "numbers.json")
    return Craig(folder)
