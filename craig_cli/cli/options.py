"""The options that commands share, each with one spelling, one help text and one default.

A command takes what it needs as decorators and is called with the parameter named in the comment. ``-q`` and
``--debug`` are not handed to the command: ``note`` and ``progress_bar`` know of them.
"""

from __future__ import annotations

import contextlib
import math
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator

import click

from craig_cli.errors import UsageError
from craig_cli.registry import LOSSES, SCALES, TASKS

STDIO = "-"


class Number(click.ParamType):
    """A finite number between ``low`` and ``high``; nan and inf are refused, and so is an open end."""

    name = "number"
    expected = "a number"

    def __init__(
        self, low: float = -math.inf, high: float = math.inf, low_open: bool = False, high_open: bool = False
    ) -> None:
        self.low, self.high, self.low_open, self.high_open = low, high, low_open, high_open

    def convert(self, value, param, ctx) -> float:
        number = self._number(value)
        inside = (self.low < number if self.low_open else self.low <= number) and (
            number < self.high if self.high_open else number <= self.high
        )
        if not inside or not math.isfinite(number):
            self.fail(f"expected {self.expected}{self._range()}, found {value!r}", param, ctx)
        return number

    def _number(self, value) -> float:
        try:
            return float(value)
        except ValueError:
            return math.nan

    def _range(self) -> str:
        ends = []
        if self.low > -math.inf:
            ends.append(f"{'greater than' if self.low_open else 'at least'} {self.low:g}")
        if self.high < math.inf:
            ends.append(f"{'less than' if self.high_open else 'at most'} {self.high:g}")
        return " " + " and ".join(ends) if ends else ""


class Share(Number):
    """A ``Number`` that is a share of something, such as 0.1 or 10%."""

    name = "share"
    expected = "a share such as 0.1 or 10%,"

    def _number(self, value) -> float:
        from craig_cli.amounts import share_of

        return share_of(value) if isinstance(value, str) else float(value)


class Integer(click.ParamType):
    """A whole number of at least ``low``."""

    name = "integer"

    def __init__(self, low: int = 0) -> None:
        self.low = low

    def convert(self, value, param, ctx) -> int:
        try:
            number = int(value)
        except ValueError:
            number = self.low - 1
        if not self.low <= number < 2**63:
            self.fail(f"expected a whole number of at least {self.low}, found {value!r}", param, ctx)
        return number


class Size(click.ParamType):
    """A number of bytes such as 4096, 500M or 2G; K, M, G and T are powers of 1024."""

    name = "size"

    def convert(self, value, param, ctx) -> int:
        if isinstance(value, int):
            return value
        text = value.strip().upper().removesuffix("B").removesuffix("I")
        power = "KMGT".find(text[-1:]) + 1 if text else 0
        try:
            number = float(text[:-1] if power else text) * 1024**power
        except ValueError:
            number = math.nan
        if not 1 <= number < 2**63:
            self.fail(f"expected a size such as 500M or 2G, found {value!r}", param, ctx)
        return int(number)


class Amounts(click.ParamType):
    """Numbers of rows or shares of them, such as 500 or 5%, separated by commas, as a tuple; with ``one`` only one."""

    name = "sizes"

    def __init__(self, one: bool = False) -> None:
        self.one = one

    def convert(self, value, param, ctx):
        from craig_cli.amounts import amount_of

        if not isinstance(value, str):
            return value
        try:
            amounts = tuple(amount_of(part) for part in ([value] if self.one else value.split(",")))
        except UsageError as error:
            self.fail(str(error), param, ctx)
        return amounts[0] if self.one else amounts


class Names(click.ParamType):
    """Names separated by commas, as a tuple."""

    name = "names"

    def convert(self, value, param, ctx) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        names = tuple(name.strip() for name in value.split(","))
        if "" in names:
            self.fail(f"expected names separated by commas, found {value!r}", param, ctx)
        return names


# --- what goes in -------------------------------------------------------------------------------------------


def check_stdin(*names: str | None) -> None:
    """Refuse ``-`` for more than one input: standard input can be read once."""
    if sum(name == STDIO for name in names) > 1:
        raise click.UsageError("standard input (-) can serve for one input only", click.get_current_context())


def coreset_option(help_text: str) -> Callable:
    """coreset: path of a coreset file, or None."""
    return click.option("--coreset", type=click.Path(), metavar="FILE", help=help_text)


def coreset_size_option(help_text: str) -> Callable:
    """size: one of those of a coreset of --sizes, or None."""
    return click.option("--size", type=Amounts(one=True), metavar="K|P%", show_default="the largest", help=help_text)


# --- what goes out ------------------------------------------------------------------------------------------


def output_option(suffix: str) -> Callable:
    """output: a path, ``-``, or None for the input's stem and ``suffix`` in the current directory."""
    return click.option(
        "-o",
        "--output",
        type=click.Path(),
        metavar="FILE",
        show_default=f"the input's name with {suffix}, in the current directory",
        help="Where to write; - is standard output.",
    )


def output_path(output: str | None, first_input: str, suffix: str, as_json: bool) -> str:
    """Where to write; refuses standard output where the results of --json go there."""
    from craig_cli.artifacts.files import default_output

    output = output or default_output(first_input, suffix)
    if as_json and output == STDIO:
        raise click.UsageError("--json and -o - both write to standard output; give -o a file name")
    return output


def note_uneven_ranges(dataset, so: str) -> None:
    """A note where the ranges of the features differ so much that ``so``."""
    from craig_cli.scaling import uneven_ranges

    for text in uneven_ranges(dataset, so):
        note(text)


task_option = click.option(
    "--task",
    type=click.Choice(TASKS),
    default="auto",
    show_default="classes are two values, up to 20 whole numbers, or more that count through from 0 or 1",
    help="Whether the labels are classes or numbers.",
)
json_option = click.option(  # as_json
    "--json", "as_json", is_flag=True, help="Print the results as one JSON object on standard output."
)

# --- how to work --------------------------------------------------------------------------------------------

seed_option = click.option(  # seed
    "--seed", type=Integer(), default=0, metavar="N", help="Seed of everything that is random."
)
threads_option = click.option(  # threads
    "--threads",
    type=Integer(1),
    metavar="N",
    show_default="all cores",
    help="Cores to use; the result is the same.",
)
memory_option = click.option(  # memory_limit
    "--memory-limit",
    type=Size(),
    metavar="SIZE",
    show_default="what the machine has free",
    help="Memory the selection may use beside the data, such as 500M or 2G; where the estimate is more, it reads in "
    "pieces (--stream) or stops.",
)


def scale_option(help_text: str, default: str = "none") -> Callable:
    """scale: a name of registry.SCALES."""
    return click.option("--scale", type=click.Choice(SCALES), default=default, help=help_text)


def loss_option(help_text: str, show_default: str) -> Callable:
    """loss: a name of registry.LOSSES, or None."""
    return click.option("--loss", type=click.Choice(list(LOSSES)), show_default=show_default, help=help_text)


def _remember(name: str) -> Callable:
    def callback(ctx: click.Context, param: click.Parameter, value: bool) -> None:
        if value:
            ctx.ensure_object(dict)[name] = True

    return callback


quiet_option = click.option(
    "-q",
    "--quiet",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_remember("quiet"),
    help="No progress, notes or summary on standard error.",
)
verbose_option = click.option(
    "-v",
    "--verbose",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_remember("verbose"),
    help="Also say on standard error how it was done, and what that took.",
)
debug_option = click.option(
    "--debug",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_remember("debug"),
    help="Show the traceback of an error.",
)


def common_options(command: Callable) -> Callable:
    """-q/--quiet and --debug, last in the help of every command."""
    return quiet_option(debug_option(command))


def examples(*commands: str) -> str:
    """The end of a command's help; the tests run every line of it in the project's folder."""
    return "Examples:\n\n\b\n" + "\n".join(f"  {command}" for command in commands)


# --- what a user sees while it runs -------------------------------------------------------------------------


def is_quiet() -> bool:
    """True where the running command was given -q."""
    context = click.get_current_context(silent=True)
    return bool(context is not None and (context.obj or {}).get("quiet"))


def note(text: str) -> None:
    """A line for people, on stderr; nothing with -q."""
    if is_quiet():
        return
    if "tqdm" in sys.modules:  # above a progress bar, should one be there
        sys.modules["tqdm"].tqdm.write(text, file=sys.stderr)
    else:
        click.echo(text, err=True)


def detail(text: str) -> None:
    """A line for those who want to know more, on stderr, with -v."""
    context = click.get_current_context(silent=True)
    if context is not None and (context.obj or {}).get("verbose"):
        note(text)


def is_given(name: str) -> bool:
    """Whether the option of this parameter stands on the command line."""
    return click.get_current_context().get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE


def given(names: Iterable[str]) -> list[str]:
    """The options of these parameters, of those that stand on the command line."""
    options = {each.name: each.opts[-1] for each in click.get_current_context().command.params}
    return [options[name] for name in names if is_given(name)]


def command_line(*words: str) -> str:
    """What to type, quoted for the shell where needed."""
    return shlex.join(["craig", *words])


@contextlib.contextmanager
def progress_bar(label: str, unit: str = "row") -> Iterator[Callable[[float, float], None] | None]:
    """A function ``progress(done, total)`` that draws a bar on stderr, or None with -q or off a terminal."""
    if is_quiet() or not sys.stderr.isatty():
        yield None
        return
    import tqdm

    with tqdm.tqdm(desc=label, unit=unit, leave=False, file=sys.stderr, dynamic_ncols=True) as bar:

        def progress(done: float, total: float) -> None:
            bar.total = int(total)
            bar.update(int(done) - bar.n)

        yield progress
