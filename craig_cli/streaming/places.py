"""Places that outlive a run, by their name: a folder on disk, or one at an address."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from craig_cli.errors import DataError
from craig_cli.formats.addresses import is_address
from craig_cli.streaming.remote import Note, Remote
from craig_cli.streaming.scratch import MANIFEST, Folder, Kept


def kept_at(place: str | os.PathLike, resume: bool, note: Note = None) -> Kept:
    """The scratch folder of this name."""
    place = os.fspath(place)
    return Remote(place, resume, note=note) if is_address(place) else Folder(Path(place), resume)


def is_begun(place: str | os.PathLike) -> bool:
    """Whether there is what a run left that can go on."""
    with contextlib.suppress(DataError):
        return kept_at(place, resume=True).has(MANIFEST)
    return False
