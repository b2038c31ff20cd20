"""Help in two parts: what nearly everybody needs, then the fine tuning."""

from __future__ import annotations

import click


class TwoPartCommand(click.Command):
    """A command whose help begins with the options that nearly everybody needs, by the names in ``first``."""

    def __init__(self, *args, first: tuple[str, ...] = (), **settings) -> None:
        super().__init__(*args, **settings)
        self.first = first

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The two parts, the first in the order of ``first``."""
        options = [each for each in self.get_params(ctx) if isinstance(each, click.Option)]
        records = {each.name: record for each in options if (record := each.get_help_record(ctx)) is not None}
        names = [name for name in self.first if name in records]
        parts = {"Options": names, "Fine tuning": [name for name in records if name not in names]}
        for title, names in parts.items():
            with formatter.section(title):
                formatter.write_dl([records[name] for name in names])
