"""``craig select --stream``: data that does not fit the memory."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path

import click

from craig_cli.cli import options

_OPTIONS = {
    "stream": click.option(
        "--stream",
        is_flag=True,
        help="Read DATA in pieces, twice, and select from leaves of nearby rows that are kept on disk: --memory-limit "
        "is then what the whole command may use. For Parquet files of numbers, with --for distance.",
    ),
    "scratch": click.option(
        "--scratch",
        type=click.Path(),
        metavar="DIR",
        show_default="beside the output",
        help="Of --stream: where to keep what does not fit the memory, about as much as DATA; removed at the end.",
    ),
    "resume": click.option(
        "--resume",
        is_flag=True,
        help="Of --stream: go on from what a run of the same command left there, and leave it there if stopped.",
    ),
}


def stream_options(command: Callable) -> Callable:
    """--stream, --scratch and --resume; the command gets ``streaming``, None without --stream."""

    @functools.wraps(command)
    def collect(*args, **params):
        given = {name: params.pop(name) for name in _OPTIONS}
        for name in ("scratch", "resume"):
            if given[name] and not given["stream"]:
                raise click.UsageError(f"--{name}: goes with --stream")
        return command(*args, streaming=given if given.pop("stream") else None, **params)

    for option in reversed(_OPTIONS.values()):
        collect = option(collect)
    return collect


def has_to_stream(data, reading: dict, plan) -> bool:
    """Whether selecting in memory would not fit it, and selecting in pieces can do what is asked."""
    from craig_cli.errors import CraigError
    from craig_cli.streaming.select import fits_memory

    if not all(os.path.isfile(path) or os.path.isdir(path) for path in data):
        return False  # a pipe can be read once
    try:
        return not fits_memory(list(data), plan, reading)
    except CraigError:  # reading it all will say it, or can do it
        return False


def select_in_pieces(data, reading: dict, plan, streaming: dict, output: str, progress):
    """(the coreset, seconds of each stage)"""
    from craig_cli.errors import DataError
    from craig_cli.streaming.select import select_streamed

    folder = Path(streaming["scratch"] or Path(output).parent)
    if not folder.is_dir():
        raise DataError(f"{folder}: expected a folder for --scratch, found none")
    name = "craig" if output == options.STDIO else Path(output).name
    scratch = folder / f".{name}.scratch"
    return select_streamed(
        list(data), plan, reading, scratch, resume=streaming["resume"], progress=progress, note=options.note
    )
