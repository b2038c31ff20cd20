"""``craig columns``: what is made of which column of a table."""

from __future__ import annotations

import json

import click

from craig_cli.cli import options
from craig_cli.cli.reading import read_data, reading_options
from craig_cli.cli.tables import table


@click.command(
    epilog=options.examples(
        "craig columns sample_data/people.csv --label paid",
        "craig select sample_data/people.csv --label paid --fraction 0.2 --scale standard -q",
        "craig columns people.coreset.parquet",
    )
)
@click.argument("data", nargs=-1, required=True, metavar="DATA...|CORESET|MODEL", type=click.Path())
@reading_options
@options.threads_option
@options.json_option
@options.common_options
def columns(data, reading, threads, as_json) -> None:
    """Show what is made of which column: its kind, how it is encoded, or why it is left out.

    Of DATA as select and train would read it, or as a coreset or a model file has it recorded.
    """
    from craig_cli.tables.encoding import Encoding

    options.check_stdin(*data, reading["weight_file"])
    encoding = _recorded(data[0]) if len(data) == 1 else None
    if encoding is None:
        encoding = read_data(data, **reading, threads=threads).encoding
    encoding = encoding or Encoding()
    if as_json:
        click.echo(json.dumps(encoding.facts() | {"names": encoding.names}))
        return
    rows = encoding.says() or [("all features", "number", "as they are")]
    if encoding.labels is not None:
        from craig_cli.dataset import labels_in_words

        rows.append(("label", "classes", labels_in_words(encoding.labels)))
    titles = ("column", "kind", "encoded as")
    click.echo(table([(title, [_printable(row[number]) for row in rows]) for number, title in enumerate(titles)]))


def _printable(text: str) -> str:
    from craig_cli.formats.messages import printable

    return printable(text[:100])


def _recorded(path: str):
    """The encoding of a coreset or a model file; None of anything else."""
    from craig_cli.artifacts.coreset import read_coreset
    from craig_cli.artifacts.model import read_model
    from craig_cli.errors import DataError
    from craig_cli.formats.addresses import open_binary
    from craig_cli.tables.encoding import Encoding

    if path == options.STDIO:
        return None
    try:
        with open_binary(path) as stream:
            head = stream.read(64).lstrip()
    except (OSError, DataError):
        return None  # reading it says what is wrong
    if head[:1] == b"{":
        return read_model(path).encoding or Encoding()
    if head[:4] != b"PAR1":
        return None
    try:
        return read_coreset(path).encoding or Encoding()
    except DataError:
        return None
