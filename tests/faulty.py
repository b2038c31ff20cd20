"""Work on leaves that goes wrong, for workers to import.

The environment variable FAULTY is a folder: a file ``die-N`` there has leaf N kill the process that works on it, and
``die-N-once`` once.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from craig_cli.streaming import leaves


def greedy(job, leaf, *arguments) -> None:
    folder = Path(os.environ["FAULTY"])
    if (folder / f"die-{leaf.number}").exists():
        os.kill(os.getpid(), signal.SIGKILL)
    with contextlib.suppress(FileNotFoundError):
        (folder / f"die-{leaf.number}-once").unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    leaves.greedy(job, leaf, *arguments)
