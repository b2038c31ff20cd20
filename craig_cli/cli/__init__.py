"""The ``craig`` command: finds the sub-commands, runs one, and turns whatever goes wrong into one line.

Only click and the standard library are imported here and at the top of the command files, so that ``--help``
is instant; numpy and the rest are imported inside the commands that need them.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
import warnings

import click

from craig_cli.cli.options import debug_option
from craig_cli.errors import CraigError, did_you_mean
from craig_cli.version import __version__

# name -> "module:attribute"; in the order in which the help lists them, which is the order of use
COMMANDS = {
    "select": "craig_cli.cli.select:select",
    "train": "craig_cli.cli.train:train",
    "eval": "craig_cli.cli.eval:evaluate",
    "columns": "craig_cli.cli.columns:columns",
    "export": "craig_cli.cli.export:export",
    "compile": "craig_cli.cli.compile:compile_kernels",
    "guide": "craig_cli.cli.guide:guide",
    "help": "craig_cli.cli.guide:help_of",
}

INTERRUPTED = 130
TERMINATED = 143  # 128 + SIGTERM, as a shell reports it
BROKEN_PIPE = 141  # 128 + SIGPIPE
REPEAT = 0.1  # seconds until a run that was told to stop is told again


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name].partition(":")
        return getattr(importlib.import_module(module), attribute)

    def resolve_command(self, ctx: click.Context, args: list[str]):
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(f"no such command {args[0]!r}; {did_you_mean(args[0], COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 110,
        "show_default": True,
    },
    no_args_is_help=False,
    epilog="Run 'craig help COMMAND' for the options of a command and examples, 'craig guide' for pages to read. Shell "
    'completion: eval "$(_CRAIG_COMPLETE=bash_source craig)" in ~/.bashrc, or zsh_source.',
)
@click.version_option(__version__, prog_name="craig", help="Show the version and exit.")
@debug_option
def cli() -> None:
    """Train on a tenth of the data: select a small weighted subset (a coreset) whose gradient stays close to
    the full gradient, train on it, and see honestly what it cost.
    """


class Terminated(BaseException):
    """SIGTERM or SIGHUP arrived; an exception so that every ``finally`` on the way out removes its files."""


def main(args: list[str] | None = None) -> None:
    """Run the command line ``args`` (default: this process's) and exit with its status."""
    if "_CRAIG_COMPLETE" in os.environ:
        cli.main(prog_name="craig")  # shell completion is click's own business
    # The threads are our own. A BLAS with threads of its own sums in an order that depends on their number.
    for library in ("OPENBLAS", "MKL", "BLIS", "VECLIB"):
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # an overflow in numpy is for the code to judge, in its one line
    state: dict = {}
    numbers: list[signal.Signals] = []
    try:
        numbers += _exit_cleanly_on_signals()
        status = _run(sys.argv[1:] if args is None else list(args), state)
        sys.stdout.flush()
        _end_at_once(numbers)
    except BaseException as error:
        _end_at_once(numbers)
        if state.get("debug") and not isinstance(error, (SystemExit, BrokenPipeError)):
            import traceback

            traceback.print_exc()
        status, line = _explain(error)
        _say(line)
    _finish(status)


def _run(args: list[str], state: dict) -> int:
    # Not cli.main(): it prints a blank line of its own on Ctrl-C and has its own idea of a closed pipe.
    try:
        with cli.make_context("craig", args, obj=state) as context:
            cli.invoke(context)
    except click.exceptions.Exit as done:
        return done.exit_code
    return 0


def _explain(error: BaseException) -> tuple[int, str]:
    """(exit status, the line for stderr or nothing) for anything that can end a command."""
    if isinstance(error, CraigError):
        return error.exit_status, f"Error: {error}"
    if isinstance(error, click.ClickException):
        return error.exit_code, f"Error: {_usage_message(error)}"
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return INTERRUPTED, _ended("Interrupted", error)
    if isinstance(error, Terminated):
        return TERMINATED, _ended("Terminated", error)
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None), ""
    if isinstance(error, BrokenPipeError):
        return BROKEN_PIPE, ""
    if isinstance(error, MemoryError):
        return 1, f"Error: out of memory{f': {error}' if str(error) else ''}"
    if isinstance(error, OSError) and error.strerror:
        return 1, f"Error: {error.filename or 'standard output'}: {error.strerror}"
    detail = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return 1, f"Error: internal: {detail}; run again with --debug for the traceback"


def _ended(word: str, error: BaseException) -> str:
    """With what whoever was interrupted has to say of it."""
    return f"{word}; {error}" if str(error) else word


def _usage_message(error: click.ClickException) -> str:
    message = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    if context is None:
        return message
    if message == "Missing command":
        message = f"expected a command, one of {', '.join(COMMANDS)}"
    return f"{message} (see '{context.command_path} --help')"


def _say(line: str) -> None:
    if line:
        # Where nobody is listening the exit status still tells.
        with contextlib.suppress(OSError):
            click.echo("".join(c if c.isprintable() else "?" for c in " ".join(line.split())), err=True)


def _finish(status: int) -> None:
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        # Or the interpreter would flush again on its way out and complain in several lines.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        status = status or BROKEN_PIPE
    sys.exit(status)


def _exit_cleanly_on_signals() -> list[signal.Signals]:
    """Have the signals that end a run, which are returned, raise an exception, again until one is on its way.

    The interpreter drops it where it is compiling a module or in a callback of its own at that moment.
    """
    raised = {"SIGINT": KeyboardInterrupt, "SIGTERM": Terminated, "SIGHUP": Terminated}
    kinds = {getattr(signal, name): kind for name, kind in raised.items() if hasattr(signal, name)}
    last: list[type[BaseException]] = []

    def stop(number, frame):
        sys.unraisablehook = lambda dropped: None
        last[:] = [kinds[number]]
        _repeat(REPEAT)
        raise last[0]

    def stop_again(number, frame):
        error = sys.exc_info()[1]
        while error is not None:
            if isinstance(error, last[0]):
                return  # what removes files on the way out shall not be interrupted
            error = error.__context__
        raise last[0]

    # A signal that is ignored (nohup) stays ignored.
    own = [number for number in kinds if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler)]
    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, stop_again)
    for number in own:
        signal.signal(number, stop)
    return own


def _end_at_once(numbers: list[signal.Signals]) -> None:
    """From here on these signals end the process without a word: all is done, or removed, and nobody would catch it."""
    _repeat(0)
    for number in numbers:
        signal.signal(number, signal.SIG_DFL)


def _repeat(seconds: float) -> None:
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
