"""Fixtures of all tests: the installed command, run as a user runs it, and the folders it works on."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "sample_data"
REAL_DATA = ROOT.parent / "shared" / "data"

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
    """Runs the installed ``craig`` in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def command(self) -> list[str]:
        script = Path(sys.executable).with_name("craig")
        return [str(script)] if script.exists() else [sys.executable, "-m", "craig_cli"]

    def start(self, *args: object, **options) -> subprocess.Popen:
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen([*self.command(), *map(str, args)], cwd=self.folder, **{**streams, **options})

    def __call__(self, *args: object, stdin: bytes = b"", env: dict[str, str] | None = None) -> Result:
        """Run to the end; any exit status."""
        environment = {**os.environ, **(env or {})}
        process = self.start(*args, stdin=subprocess.PIPE, env=environment)
        stdout, stderr = process.communicate(stdin, timeout=120)
        return Result(process.returncode, stdout, stderr.decode())

    def cpu_seconds(self, *args: object) -> float:
        """Processor time of one good run: what it takes on an idle machine, however busy this one is."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.ok(*args)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

    def ok(self, *args: object, **options) -> Result:
        """Run to the end, which has to be a good one."""
        result = self(*args, **options)
        assert result.status == 0, result.stderr
        return result


@pytest.fixture
def craig(tmp_path: Path) -> Craig:
    return Craig(tmp_path)


@pytest.fixture(scope="session")
def craig_session(tmp_path_factory: pytest.TempPathFactory) -> Craig:
    """The same for files that many tests only read."""
    return Craig(tmp_path_factory.mktemp("session"))


@pytest.fixture
def sample() -> Path:
    """The folder of the sample data."""
    return SAMPLE
