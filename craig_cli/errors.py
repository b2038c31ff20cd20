"""The exceptions a user may see: one line each, no traceback, and the exit status they lead to."""

import os


class CraigError(Exception):
    """Something the user can put right; the message is one line saying where, what was expected, what was found."""

    exit_status = 1


class DataError(CraigError, ValueError):
    """The data or a file is at fault (exit status 1)."""


class OtherDataError(DataError):
    """The data has fewer rows, or more features, than whoever asks for them was told."""


class UsageError(CraigError, ValueError):
    """The command line, or an argument of the Python API, is at fault (exit status 2)."""

    exit_status = 2


def os_error(error: OSError, path: object, doing: str) -> DataError:
    """A DataError for a failed system call, e.g. ``out.parquet: cannot write: No space left on device``."""
    # What a library says of its own in place of the system's words is long.
    reason = os.strerror(error.errno) if error.errno else error.strerror or error
    return DataError(f"{path}: cannot {doing}: {reason}")


def did_you_mean(name: str, known) -> str:
    """The end of a message on a name that is none of ``known``."""
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"expected one of {', '.join(known)}"
