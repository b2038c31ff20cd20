"""Why a pass over data that is read in pieces has to begin anew."""

from craig_cli.errors import DataError


class ZeroBased(Exception):
    """There is a feature 0 in LIBSVM text, and rows before it were read as if its features counted from 1."""


class NotInPieces(Exception):
    """What a column becomes depends on all rows."""


class MissingNumber(DataError):
    """A number is missing where all were to be taken as they are."""
