"""The rows that a command works on: all of DATA, or those of a coreset."""

from __future__ import annotations

import click

from craig_cli.amounts import Amount
from craig_cli.cli.reading import read_data


def read_rows(
    data: tuple[str, ...],
    coreset_path: str | None,
    reading: dict,
    whole: bool = False,
    by_name: bool = True,
    size: Amount | None = None,
):
    """(dataset, coreset or None, all rows or None): all rows, or those of the coreset in the order of the data.

    reading  what ``formats.read_dataset`` takes; a coreset's encoding goes before the one in it
    whole    with a coreset, all rows are read too
    by_name  whether the columns of a table of numbers alone have to be those that the coreset was selected by
    size     which of the sizes of a coreset of several; None is the largest

    Raises DataError where the coreset was selected from other data.
    """
    if coreset_path is None:
        return read_data(data, **reading), None, None
    import numpy as np

    from craig_cli.artifacts.coreset import check_matches
    from craig_cli.cli.ignored import note_other_columns
    from craig_cli.errors import DataError, OtherDataError
    from craig_cli.formats import read_dataset

    coreset = read_sized(coreset_path, size)
    rows = np.sort(coreset.index)
    if coreset.encoding is not None and (by_name or not coreset.encoding.is_plain):
        note_other_columns(coreset.encoding, reading)
        reading = reading | {"encoding": coreset.encoding}
    if whole:
        everything = read_data(data, **reading)
        check_matches(coreset, coreset_path, everything)
        return everything.take(rows), coreset, everything
    width = coreset.facts.features  # lets the reader pass over the other rows without a look at them
    try:
        dataset = read_dataset(list(data), rows=rows, n_features=width, **reading)
    except OtherDataError as error:
        raise DataError(f"{coreset_path}: was selected from other data: {error}") from error
    check_matches(coreset, coreset_path, dataset)
    return dataset, coreset, None


def read_sized(path: str, size: Amount | None):
    """The coreset of this file, or the one of a ``size`` that it has too."""
    from craig_cli.artifacts.coreset import read_coreset

    coreset = read_coreset(path)
    return coreset if size is None else coreset.at_size(size, path)


def read_made(path: str):
    """The coreset or the model in a file, whichever it is. Raises DataError where it is neither."""
    from craig_cli.artifacts.coreset import read_coreset
    from craig_cli.artifacts.model import begins_as_model, read_model
    from craig_cli.errors import os_error

    try:
        return read_model(path) if begins_as_model(path) else read_coreset(path)
    except OSError as error:
        raise os_error(error, path, "read") from error


def check_size(size: Amount | None, coreset) -> None:
    """Refuse a size of no coreset."""
    if size is not None and not coreset:
        raise click.UsageError("--size: is one of the sizes of a coreset; give one with --coreset")
