"""Files in a folder at an address, each there as a whole or not at all."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterable
from typing import Any

from craig_cli.formats.addresses import failures, located, shown


class Objects:
    """Those in the folder at ``address``; every call raises DataError for what the file system refuses."""

    def __init__(self, address: str) -> None:
        self.address = address

    def __str__(self) -> str:
        return shown(self.address)

    def at(self, name: str) -> str:
        """The address of a file."""
        return f"{self.address}/{name}"

    def _of(self, *names: str) -> tuple[Any, list[str]]:
        files, folder = located(self.address)
        files.invalidate_cache()  # of others' doing it knows nothing
        return files, [f"{folder}/{name}" for name in names]

    def make(self) -> None:
        """The folder, where the file system has any: others would make a bucket that is not there."""
        files, folder = located(self.address)
        with failures(self.address, "write"), contextlib.suppress(FileExistsError):
            if _renames(files):
                files.mkdir(folder, create_parents=False)

    def put(self, name: str, content: bytes, new: bool = False) -> bool:
        """Write the file; with ``new`` only where there is none: False where there is."""
        files, (path,) = self._of(name)
        with failures(self.at(name), "write"):
            if new:
                if files.exists(path):  # some write it all the same
                    return False
                try:
                    files.pipe_file(path, content, mode="create")
                except FileExistsError:
                    return False
            elif _renames(files):
                beside = f"{path}.{secrets.token_hex(8)}.tmp"
                try:
                    files.pipe_file(beside, content)
                    files.mv(beside, path)
                except BaseException:
                    with contextlib.suppress(Exception):
                        files.rm_file(beside)
                    raise
            else:
                files.pipe_file(path, content)
        return True

    def get(self, name: str) -> bytes | None:
        """What is in the file; None where there is none."""
        files, (path,) = self._of(name)
        with failures(self.at(name), "read"), contextlib.suppress(FileNotFoundError):
            return files.cat_file(path)
        return None

    def has(self, name: str) -> bool:
        files, (path,) = self._of(name)
        with failures(self.at(name), "read"), contextlib.suppress(FileNotFoundError):
            files.info(path)
            return True
        return False

    def names(self) -> list[str]:
        """Ascending."""
        files, (folder,) = self._of("")
        with failures(self.address, "read"), contextlib.suppress(FileNotFoundError):
            found = [path.rpartition("/")[2] for path in files.ls(folder.rstrip("/"), detail=False)]
            return sorted(name for name in found if name and not name.endswith(".tmp"))
        return []

    def remove(self, names: Iterable[str]) -> None:
        """Those files, as far as they are there."""
        files, paths = self._of(*names)
        with failures(self.address, "remove"), contextlib.suppress(FileNotFoundError):
            if paths:
                files.rm(paths)

    def remove_all(self) -> None:
        """All files, and the folder."""
        files, (folder,) = self._of("")
        with failures(self.address, "remove"), contextlib.suppress(FileNotFoundError):
            files.rm(folder.rstrip("/"), recursive=True)


def _renames(files: Any) -> bool:
    """Whether the file system moves a file in one step: those that copy it and remove the old one put it in one."""
    from fsspec.spec import AbstractFileSystem

    return getattr(files.mv, "__func__", None) is not AbstractFileSystem.mv
