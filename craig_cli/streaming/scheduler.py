"""Which Dask cluster ``--cluster`` names, and whether that can be."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from craig_cli.errors import DataError, UsageError, os_error
from craig_cli.formats.addresses import in_memory, shown
from craig_cli.formats.pipeline import cores

LOCAL = "local"


def local_workers(cluster: str) -> int | None:
    """How many worker processes ``local`` or ``local:N`` asks for; None where it is something else."""
    name, _, count = cluster.partition(":")
    if name != LOCAL:
        return None
    if count and not (count.isascii() and count.isdigit() and int(count)):
        raise UsageError(f"--cluster: expected local:N with N workers, at least 1, found {cluster!r}")
    return int(count) if count else cores()


def address_of(cluster: str) -> str:
    """The address of the scheduler, such as tcp://10.0.0.1:8786, which ``cluster`` is or names a file of."""
    if "://" in cluster:
        return cluster
    try:
        text = Path(cluster).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise os_error(error, f"--cluster {cluster}", "read") from error
    except UnicodeDecodeError:
        text = ""
    with contextlib.suppress(ValueError, TypeError, KeyError):
        text = json.loads(text)["address"]
    if not isinstance(text, str) or "://" not in text or len(text.split()) != 1:
        raise DataError(
            f"--cluster {cluster}: expected local, local:N, tcp://HOST:PORT, or a file with the address of a scheduler"
        )
    return text


def check_cluster(cluster: str, places: Iterable[str]) -> None:
    """Refuse a ``cluster`` that is none, or whose workers cannot see one of the ``places``, before any is started."""
    if local_workers(cluster) is None:
        address_of(cluster)
    packages()
    for place in places:
        if in_memory(place):
            raise UsageError(
                f"{shown(place)}: expected what the workers of --cluster can see, found the memory of this process"
            )


def packages() -> tuple[Any, Any]:
    """(dask, distributed). Raises UsageError where they are not installed."""
    try:
        import dask
        import distributed
    except ImportError:
        raise UsageError(
            "--cluster needs distributed, which is not installed; install craig with its extra: "
            "pip install 'craig[dask]'"
        ) from None
    return dask, distributed
