"""``craig guide`` and ``craig help``: what there is to read."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from craig_cli.errors import did_you_mean

PAGES = Path(__file__).parents[1] / "guide"


def topics() -> dict[str, str]:
    """Name of each page -> its title."""
    paths = sorted(PAGES.glob("*.md"))
    return {path.stem: path.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ") for path in paths}


@click.command("guide", epilog="Examples:\n\n\b\n  craig guide\n  craig guide epsilon")
@click.argument("topic", required=False)
def guide(topic: str | None) -> None:
    """Show the pages of the guide, or the page TOPIC."""
    titles = topics()
    if topic is None:
        width = max(len(name) for name in titles)
        click.echo("\n".join(f"{name.ljust(width)}  {title}" for name, title in titles.items()))
        return
    if topic not in titles:
        raise click.UsageError(f"no page {topic!r}; {did_you_mean(topic, titles)}")
    text = (PAGES / f"{topic}.md").read_text(encoding="utf-8")
    if sys.stdout.isatty():
        click.echo_via_pager(text)
    else:
        click.echo(text, nl=False)


@click.command("help", epilog="Examples:\n\n\b\n  craig help select")
@click.argument("command", required=False)
@click.pass_context
def help_of(context: click.Context, command: str | None) -> None:
    """Show the help of COMMAND, or of craig."""
    group = context.parent
    assert group is not None and isinstance(group.command, click.Group)
    if command is None:
        click.echo(group.get_help())
        return
    name, subcommand, _ = group.command.resolve_command(group, [command])
    assert subcommand is not None
    click.echo(subcommand.make_context(name, ["--help"], parent=group, resilient_parsing=True).get_help())
