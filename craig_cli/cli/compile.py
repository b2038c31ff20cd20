"""``craig compile``: the kernels on disk before they are needed."""

from __future__ import annotations

import json
import time

import click

from craig_cli.cli import options
from craig_cli.cli.options import note
from craig_cli.errors import DataError

COMMANDS = ("select", "train", "eval")


@click.command(
    "compile",
    epilog=options.examples("craig compile eval", "craig compile eval --json"),
)
@click.argument("commands", nargs=-1, type=click.Choice(COMMANDS), metavar="[select|train|eval]...")
@options.threads_option
@options.json_option
@options.common_options
def compile_kernels(commands, threads, as_json) -> None:
    """Compile the kernels of these commands, or of all, and say where they are.

    They are compiled on first use otherwise, which takes some seconds; for images of containers, and wherever each run
    starts with an empty cache folder. The folder is $XDG_CACHE_HOME/craig, or ~/.cache/craig, one for each version of
    the sources. Standard output is its name.
    """
    from craig_cli.cache import count_kernels, is_kept, kernel_folder
    from craig_cli.compiling import compile_all, cores, not_there, recorded

    folder = kernel_folder()
    if not is_kept():
        raise DataError("the cache folder cannot be written; set XDG_CACHE_HOME to one that can")
    started = time.perf_counter()
    runs = recorded().items()
    wanted = [
        kernel for run, kernels in runs if run.split()[0] in {*(commands or COMMANDS), "read"} for kernel in kernels
    ]
    missing = not_there(wanted)
    with options.progress_bar("compile", "kernel") as progress:
        wrong = compile_all(missing, threads or cores(), progress)
    if wrong:
        raise DataError(f"{len(wrong)} kernels could not be compiled: {wrong[0]}")
    facts = {"folder": str(folder), "kernels": count_kernels(), "compiled": len(missing)}
    if as_json:
        click.echo(json.dumps(facts | {"seconds": round(time.perf_counter() - started, 4)}))
        return
    note(f"compiled {facts['compiled']} kernels in {time.perf_counter() - started:.1f} s; {facts['kernels']} are there")
    click.echo(folder)
