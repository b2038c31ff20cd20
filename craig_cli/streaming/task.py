"""What a Dask worker runs."""

from __future__ import annotations

import functools
import pickle
import threading

from craig_cli.errors import CraigError, DataError
from craig_cli.streaming.places import kept_at
from craig_cli.version import __version__

_one_reads = threading.Lock()


def work_on(folder: str, order: str, numbers: tuple[int, ...], version: str) -> None:
    """Do what the file ``order`` of the scratch folder says, on the leaf, or whatever it is, of these ``numbers``.

    Raises DataError where the folder is not to be seen from here, or this craig is not of the ``version``.
    """
    if version != __version__:
        raise DataError(f"--cluster: a worker has craig {__version__}, expected {version}")
    from craig_cli import jit

    with _one_reads:
        function, kind, job, arguments = _read(folder, order)
    jit.set_threads(1)  # of this very thread: no setting of the worker's reaches it
    function(job, kind(*numbers), *arguments)


@functools.lru_cache(maxsize=1)
def _read(folder: str, order: str):
    """(function, class of what it works on, job, arguments). The name goes by what is in the file, so that stays."""
    try:
        return pickle.loads(kept_at(folder, resume=True).get(order))
    except CraigError as error:
        raise DataError(
            f"--cluster: a worker does not see {folder}; --scratch has to be a folder that all workers share ({error})"
        ) from error
