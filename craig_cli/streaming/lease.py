"""Who may write in a folder at an address, where there are no locks: a file there that its holder writes anew again and
again. One that stays the same was left by a run that was killed, and whoever has seen that may take its place."""

from __future__ import annotations

import contextlib
import json
import secrets
import threading
import time
from collections.abc import Callable

from craig_cli.errors import DataError
from craig_cli.streaming.objects import Objects

LOCK = "lock"
BEAT = 5.0  # seconds from one time to the next
PATIENCE = 30.0  # seconds after which a file that stays the same is of nobody
SETTLED = 1.0  # seconds after which of several who take its place only the last has it

Note = Callable[[str], None] | None


class Lease:
    """Of the folder of ``objects``; ``run`` is what the holder is called, and goes to whoever works for it."""

    def __init__(self, objects: Objects, note: Note = None) -> None:
        self.run = secrets.token_hex(8)
        self._objects, self._note = objects, note
        self._beats = 0
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def take(self) -> None:
        """Raises DataError where another run has it."""
        while not self._objects.put(LOCK, self._content(), new=True):
            if self._left_behind():
                self._objects.put(LOCK, self._content())
                time.sleep(SETTLED)
                break
        if holder_of(self._objects) != self.run:
            raise self._in_use()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._thread.start()

    def _left_behind(self) -> bool:
        """Whether the file is there and stays the same. Raises DataError where it does not."""
        before, until = self._objects.get(LOCK), time.monotonic() + PATIENCE
        if before is not None and self._note is not None:
            self._note(f"{self._objects}: of a run that was killed or is at work; looking for {PATIENCE:.0f} s which")
        while before is not None and time.monotonic() < until:
            time.sleep(min(1.0, PATIENCE))
            if (now := self._objects.get(LOCK)) is None:
                return False
            if now != before:
                raise self._in_use()
        return before is not None

    def _in_use(self) -> DataError:
        return DataError(f"{self._objects}: in use by another run; give another --scratch")

    def _content(self) -> bytes:
        return json.dumps({"run": self.run, "beats": self._beats}).encode()

    def _beat(self) -> None:
        while not self._ended.wait(BEAT):
            with contextlib.suppress(Exception):  # the next time, perhaps
                if holder_of(self._objects) != self.run:
                    return  # whoever writes will find out
                self._beats += 1
                self._objects.put(LOCK, self._content())

    def end(self) -> None:
        """Let it be of nobody after a while."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def release(self) -> None:
        """Let it be of nobody."""
        self.end()
        if holder_of(self._objects) == self.run:
            self._objects.remove([LOCK])


def holder_of(objects: Objects) -> str | None:
    """Which run has the folder."""
    content = objects.get(LOCK)
    with contextlib.suppress(ValueError, TypeError, KeyError):
        return json.loads(content or b"")["run"]
    return None
