"""Where compiled kernels are kept, and which are there.

The folder is named by a hash of the package's own sources, because numba does not notice a change in a function that
went into a kernel of another file, and it lies under the user's cache directory, because an installed package may be
read-only. Where that cannot be written either, a temporary folder serves for the one process.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

TEMPORARY = "craig-kernels-"
before_compiling: Callable[[], None] | None = None  # called by jit.py where this process has to compile a kernel


def _source_hash() -> str:
    digest = hashlib.sha256()
    package = Path(__file__).parent
    for path in sorted(package.rglob("*.py")):
        digest.update(f"{path.relative_to(package)} {path.stat().st_mtime_ns} ".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def kernel_folder() -> Path:
    """The folder of the compiled kernels; it is made where it is not there yet."""
    if "NUMBA_CACHE_DIR" not in os.environ:
        os.environ["NUMBA_CACHE_DIR"] = str(_made())
    return Path(os.environ["NUMBA_CACHE_DIR"])


def is_kept() -> bool:
    """Whether the folder outlives this process."""
    return not kernel_folder().name.startswith(TEMPORARY)


def _made() -> Path:
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "craig"
    folder = base / f"kernels-{_source_hash()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        return folder
    except OSError:
        temporary = tempfile.mkdtemp(prefix=TEMPORARY)
        atexit.register(shutil.rmtree, temporary, ignore_errors=True)
        return Path(temporary)


def count_kernels() -> int:
    """Number of kernels that are compiled; one for other types is another."""
    return sum(1 for _ in kernel_folder().glob("*/*.nbc"))


def kernels_there() -> set[str]:
    """The kernels that are compiled, for whatever types: "file.function" of each."""
    return {path.name.rsplit("-", 1)[0] for path in kernel_folder().glob("*/*.nbi")}
