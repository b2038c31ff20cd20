"""``craig select --stream``: data that does not fit the memory."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import click

from craig_cli.cli import options

_OPTIONS = {
    "stream": click.option(
        "--stream",
        is_flag=True,
        show_default="more than 1,000,000 rows, or too many for the memory",
        help="Read DATA in pieces, some times, and select from leaves of nearby rows, on disk where they do not fit: "
        "--memory-limit is then what the whole command may use. For Parquet files and LIBSVM text.",
    ),
    "scratch": click.option(
        "--scratch",
        type=click.Path(),
        metavar="DIR|ADDRESS",
        show_default="beside the output",
        help="Of --stream: a folder that is there, or an address such as s3://BUCKET/NAME (craig guide scale), in "
        "which to keep what does not fit the memory, about as much as DATA; removed at the end.",
    ),
    "resume": click.option(
        "--resume",
        is_flag=True,
        help="Of --stream: go on from what a run of the same command left there, and leave it there if stopped.",
    ),
    "cluster": click.option(
        "--cluster",
        metavar="ADDRESS|FILE|local[:N]",
        help="--stream in the workers of a Dask cluster: of the scheduler at ADDRESS, such as tcp://HOST:8786, or of "
        "the one that FILE names, or N processes here. All have to see DATA and --scratch. The coreset is the same "
        "(craig guide scale).",
    ),
}


def stream_options(command: Callable) -> Callable:
    """--stream, --scratch, --resume and --cluster; the command gets ``streaming``, None without --stream."""

    @functools.wraps(command)
    def collect(*args, **params):
        given = {name: params.pop(name) for name in _OPTIONS}
        given["stream"] = given["stream"] or given["cluster"] is not None
        if given["cluster"] == "":
            raise click.UsageError("--cluster: expected local, local:N, an address or a file, found nothing")
        for name in ("scratch", "resume"):
            if given[name] and not given["stream"]:
                raise click.UsageError(f"--{name}: goes with --stream")
        return command(*args, streaming=given if given.pop("stream") else None, **params)

    for option in reversed(_OPTIONS.values()):
        collect = option(collect)
    return collect


def check_streaming(inputs, plan, asked: dict, output: str) -> None:
    """Refuse what --stream cannot do, before anything that takes time is begun."""
    from craig_cli.streaming.asked import check

    check(plan)
    scratch = _scratch(asked, output)
    if asked["cluster"] is not None:
        from craig_cli.streaming.scheduler import check_cluster

        check_cluster(asked["cluster"], [*inputs, scratch])


def _scratch(asked: dict, output: str) -> str:
    """The scratch folder, or its address. Raises DataError where there is no folder, UsageError where no package."""
    from craig_cli.errors import DataError
    from craig_cli.formats.addresses import is_address, located

    target = Path(output)
    if output == options.STDIO or (target.exists() and not target.is_file()):  # a pipe, or /dev/null
        target = Path("craig")
    folder, name = asked["scratch"] or str(target.parent), f".{target.name}.scratch"
    if is_address(folder):
        address = f"{folder.removesuffix('/')}/{name}"
        located(address)  # by the package that is to do it
        return address
    if not Path(folder).is_dir():
        raise DataError(f"{folder}: expected a folder for --scratch, found none")
    return str(Path(folder) / name)


def reason_to_stream(data, reading: dict, plan) -> str | None:
    """Why to stream where nobody said so; None where all is to be read into memory."""
    from craig_cli.errors import CraigError
    from craig_cli.formats.addresses import are_files
    from craig_cli.streaming.asked import reason_to_stream

    if not are_files(data):
        return None  # a pipe can be read once
    try:
        return reason_to_stream(list(data), plan, reading)
    except CraigError:  # reading it all will say it, or can do it
        return None


def select_in_pieces(data, reading: dict, plan, streaming: dict | None, output: str, progress):
    """(the coreset, in ``output`` already, seconds of each stage); None where all is to be read into memory."""
    asked = streaming or {"scratch": None, "resume": False, "cluster": None}
    reason = None if streaming is not None else reason_to_stream(data, reading, plan)
    if streaming is None and reason is None:
        return None
    from craig_cli.artifacts.coreset import write_coreset
    from craig_cli.streaming.asked import NotStreamed
    from craig_cli.streaming.places import is_begun
    from craig_cli.streaming.select import select_streamed

    scratch = _scratch(asked, output)
    try:
        selected = select_streamed(
            list(data),
            plan,
            reading,
            scratch,
            on_disk=asked["scratch"] is not None,
            resume=asked["resume"],
            cluster=asked["cluster"],
            progress=progress,
            note=options.note,
            deliver=functools.partial(write_coreset, output),
        )
    except NotStreamed:
        if streaming is not None:
            raise
        return None
    except BaseException as error:
        if not isinstance(error, Exception) and asked["resume"] and is_begun(scratch):
            error.args = (f"the same command goes on from what is in {scratch}",)
        raise
    if reason is not None:
        options.note(reason)
    return selected
