"""Whether a file is still the one that was read before."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from craig_cli.errors import os_error
from craig_cli.formats import addresses
from craig_cli.formats.messages import printable


@dataclass(frozen=True)
class State:
    """What shows, without reading it, that a file is the one that was read before."""

    path: str
    size: int
    modified: int | str

    @classmethod
    def of(cls, path: str) -> State:
        if addresses.is_address(path):
            info = addresses.there(path)
            return cls(path, info["size"], addresses.version_of(path, info))
        try:
            status = os.stat(path)
        except OSError as error:
            raise os_error(error, printable(path), "read") from error
        return cls(path, status.st_size, status.st_mtime_ns)

    def from_anywhere(self) -> State:
        """The same for a process that works in another folder."""
        return replace(self, path=addresses.absolute(self.path))
