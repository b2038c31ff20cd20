"""Work on leaves that goes wrong, for workers to import.

The environment variable FAULTY is a folder: a file ``die-N`` there has leaf N kill the process that works on it, and
``die-N-once`` once. The process FAULTY_NOT, that of the test, which rehearses the same, is spared.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from craig_cli.streaming import leaves


def greedy(job, leaf, *arguments):
    folder = Path(os.environ["FAULTY"])
    if os.getpid() == int(os.environ["FAULTY_NOT"]):
        return leaves.greedy(job, leaf, *arguments)
    if (folder / f"die-{leaf.number}").exists():
        os.kill(os.getpid(), signal.SIGKILL)
    with contextlib.suppress(FileNotFoundError):
        (folder / f"die-{leaf.number}-once").unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    return leaves.greedy(job, leaf, *arguments)
