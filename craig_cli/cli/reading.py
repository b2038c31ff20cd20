"""What goes in: DATA, how to read it, and reading it with what a user should know of it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import click

from craig_cli.cli.options import Names, is_given, note
from craig_cli.registry import FORMATS

data_argument = click.argument("data", nargs=-1, required=True, metavar="DATA...", type=click.Path())  # data: tuple

format_option = click.option(  # input_format
    "--format",
    "input_format",
    type=click.Choice(list(FORMATS)),
    show_default="from the content",
    help="Format of the input.",
)
label_option = click.option(  # label
    "--label", default="label", metavar="NAME", help="Tables: the column that holds the label."
)
weight_column_option = click.option(  # weight_column
    "--weight-column", metavar="NAME", help="Tables: a column saying how many rows each row stands for."
)
weight_file_option = click.option(  # weight_file
    "--weight-file",
    type=click.Path(),
    metavar="FILE",
    help="How many rows each row of DATA stands for, one number a line: the DATA.weight of XGBoost and LightGBM, the "
    "DATA.wgt of liblinear and libsvm. Weights in LIBSVM data itself (label:weight) are read without it.",
)
features_option = click.option(  # features
    "--features",
    type=Names(),
    metavar="NAME,...",
    show_default="all but label and weight",
    help="Tables: the feature columns, separated by commas.",
)
exclude_option = click.option(  # exclude
    "--exclude",
    type=Names(),
    metavar="NAME,...",
    show_default="none",
    help="Tables: columns that are no features, separated by commas.",
)
numeric_only_option = click.option(  # numeric_only
    "--numeric-only", is_flag=True, help="Tables: only columns of numbers are features."
)
delimiter_option = click.option(  # delimiter
    "--delimiter", metavar="CHARACTER", show_default="found out", help="CSV: what is between two fields."
)
header_option = click.option(  # header
    "--header/--no-header",
    default=None,
    show_default="a header unless a field of the first line is a number",
    help="CSV: the first line has the names of the columns; else they are f0, f1, ...",
)
zero_based_option = click.option(  # zero_based
    "--zero-based/--one-based",
    default=None,
    show_default="zero-based where a 0 occurs",
    help="LIBSVM: feature numbers start from 0, or from 1.",
)


_READING = {
    "input_format": format_option,
    "label": label_option,
    "weight_column": weight_column_option,
    "weight_file": weight_file_option,
    "features": features_option,
    "exclude": exclude_option,
    "numeric_only": numeric_only_option,
    "delimiter": delimiter_option,
    "header": header_option,
    "zero_based": zero_based_option,
}


def reading_options(command: Callable) -> Callable:
    """How to read the data: the command gets ``reading``, what ``formats.read_dataset`` takes."""

    @functools.wraps(command)
    def collect(*args, **params):
        reading = {name.removeprefix("input_"): params.pop(name) for name in _READING}
        if reading["delimiter"] is not None:
            reading["delimiter"] = {"\\t": "\t", "tab": "\t"}.get(reading["delimiter"], reading["delimiter"])
            if len(reading["delimiter"]) != 1 or not reading["delimiter"].isascii():
                raise click.UsageError(f"--delimiter: expected one character, found {reading['delimiter']!r}")
        return command(*args, reading=reading, **params)

    for option in reversed(_READING.values()):
        collect = option(collect)
    return collect


def reading_again() -> list[str]:
    """The options of reading that stand on the command line, for a command that is to read the same."""
    context, words = click.get_current_context(), []
    for parameter in context.command.params:
        if parameter.name not in _READING or not isinstance(parameter, click.Option):
            continue
        if not is_given(parameter.name):
            continue
        value = context.params[parameter.name]
        if isinstance(value, bool):
            words.append(parameter.opts[0] if value else (parameter.secondary_opts or [""])[0])
        else:
            words += [parameter.opts[0], ",".join(value) if isinstance(value, (list, tuple)) else str(value)]
    return words


def read_data(data: Sequence[str], instead: str = "", **reading):
    """The Dataset of ``data``, read as ``formats.read_dataset`` is told; a note says what weights there are.

    ``instead``: what else to do, for the message where there is not the memory for it.
    """
    from craig_cli.formats import read_dataset
    from craig_cli.formats.room import check_room

    check_room(data, reading, instead=instead)
    dataset = read_dataset(list(data), **reading)
    note_what_was_read(data, reading, dataset.notes, dataset.name, dataset.multiplicity is not None, dataset.total)
    return dataset


def read_pieces(stream, begin: Callable):
    """What ``begin`` gives, with all pieces of a ``formats.stream.Stream`` added to it; notes as ``read_data``."""
    sums = stream.over(begin)
    note_what_was_read(stream.paths, stream.reading, stream.notes, stream.name, stream.weighted, stream.total)
    return sums


def note_what_was_read(data: Sequence[str], reading: dict, notes, name: str, weighted: bool, total: float) -> None:
    """Notes on the weights that rows have, or could have had."""
    from craig_cli.formats.weight_file import lying_beside

    for text in notes:
        note(text)
    if reading.get("weight_file") is None and reading.get("weight_column") is None:
        if weighted:
            note(f"{name}: its rows have weights, which sum to {total:g}")
        else:
            for beside in [name for path in data for name in lying_beside(path)]:
                note(f"{beside}: lies beside the data and is not read; --weight-file takes its weights")
