"""The command as a whole: help at once, every failure one line and the right status, examples that run."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from craig_cli.cli import COMMANDS, cli
from craig_cli.version import __version__
from tests.conftest import SAMPLE

HEAVY = ("numpy", "scipy", "pyarrow", "numba", "tqdm")


def command_named(name: str) -> click.Command:
    return cli.get_command(click.Context(cli), name)


def example_lines(command: click.Command) -> list[str]:
    return re.findall(r"^ *(craig .*)$", (command.epilog or "").partition("Examples:")[2], re.MULTILINE)


def test_help_is_instant(craig):
    # Well below 0.1 s where the core is its own; a busy neighbour on it costs half as much again.
    assert min(craig.cpu_seconds("--help") for _ in range(5)) < 0.2


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_imports_nothing_heavy(name):
    code = (
        "import sys\n"
        "from craig_cli.cli import main\n"
        "try:\n"
        f"    main({[*([name] if name else []), '--help']!r})\n"
        "finally:\n"
        f"    print([m for m in {HEAVY!r} if m in sys.modules])\n"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.splitlines()[-1] == "[]"


def test_version(craig):
    assert craig.ok("--version").text == f"craig, version {__version__}\n"


def test_module_is_the_command(tmp_path):
    result = subprocess.run([sys.executable, "-m", "craig_cli", "--version"], capture_output=True, check=True)
    assert __version__ in result.stdout.decode()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_does_and_its_default(name):
    parent = click.Context(cli, **cli.context_settings)
    context = click.Context(command_named(name), info_name=name, parent=parent)
    for parameter in command_named(name).params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            help_text = parameter.get_help_record(context)[1]
            assert parameter.help, parameter.name
            has_default = isinstance(parameter.get_default(context), (str, int, float))
            assert not has_default or parameter.is_flag or "[default" in help_text, parameter.name


@pytest.mark.parametrize("name", COMMANDS)
def test_help_ends_in_examples_that_run(name, tmp_path, craig):
    lines = example_lines(command_named(name))
    assert lines
    assert craig.ok(name, "--help").text.rstrip().endswith(lines[-1])
    assert any(shlex.split(line)[1] == name for line in lines)
    (tmp_path / "sample_data").symlink_to(SAMPLE)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for line in lines:
        if not set(line) & set("|<>"):  # without a shell, in this process: a second less each
            craig.ok(*shlex.split(line)[1:])
            continue
        done = subprocess.run(
            line, shell=True, cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{line}\n{done.stderr}"


@pytest.mark.parametrize(
    "args, expected",
    [
        ((), "expected a command"),
        (("selct",), "did you mean 'select'?"),
        (("xyz",), "no such command 'xyz'"),
        (("--verson",), "--version"),
        (("select", "a", "--fractoin", "0.1"), "--fraction"),
        (("select",), "DATA"),
        (("select", "a"), "one of --fraction, --size, --sizes and --epsilon, found none"),
        (("select", "a", "--fraction", "0.1", "--size", "3"), "found --fraction and --size"),
        (("select", "a", "--fraction", "0"), "greater than 0 and at most 1, found '0'"),
        (("select", "a", "--fraction", "1.5"), "found '1.5'"),
        (("select", "a", "--fraction", "nan"), "found 'nan'"),
        (("select", "a", "--fraction", "ten"), "found 'ten'"),
        (("select", "a", "--fraction", "0%"), "greater than 0 and at most 1, found '0%'"),
        (("select", "a", "--fraction", "101%"), "found '101%'"),
        (("select", "a", "--fraction"), "--fraction"),
        (("select", "a", "--size", "0"), "at least 1, found '0'"),
        (("select", "a", "--size", "1.5"), "found '1.5'"),
        (("select", "a", "--size", "9" * 40), "found '999"),
        (("select", "a", "--epsilon", "-1"), "at least 0, found '-1'"),
        (("select", "a", "--epsilon", "inf"), "found 'inf'"),
        (("select", "a", "--size", "3", "--radius", "0"), "greater than 0, found '0'"),
        (("select", "a", "--size", "3", "--algorithm", "magic"), "'magic' is not one of"),
        (("select", "a", "--size", "3", "--threads", "0"), "at least 1, found '0'"),
        (("select", "a", "--size", "3", "--seed", "-1"), "at least 0, found '-1'"),
        (("select", "a", "--size", "3", "--memory-limit", "2X"), "such as 500M or 2G, found '2X'"),
        (("select", "a", "--size", "3", "--features", "a,,b"), "separated by commas, found 'a,,b'"),
        (("select", "a", "--size", "3", "--json", "-o", "-"), "both write to standard output"),
        (("eval", "--points", "3"), "expected models and data"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_status_2(craig, args, expected):
    result = craig(*args)
    assert result.status == 2
    assert expected in result.error
    assert result.stdout == b""
    assert os.listdir(craig.folder) == []


def test_an_unexpected_error_is_one_line_and_a_traceback_only_with_debug(tmp_path):
    code = (
        "import click, craig_cli.cli as c\n"
        "from craig_cli.cli.options import common_options\n"
        "@c.cli.command('boom')\n"
        "@common_options\n"
        "def boom():\n"
        "    raise ZeroDivisionError('first\\nsecond')\n"
        "c.LazyGroup.get_command = lambda self, ctx, name: boom\n"
        "c.COMMANDS['boom'] = ''\n"
        "c.main()\n"
    )
    run = [sys.executable, "-c", code, "boom"]
    plain = subprocess.run(run, capture_output=True, text=True)
    assert plain.returncode == 1
    assert plain.stderr == (
        "Error: internal: ZeroDivisionError: first second; run again with --debug for the traceback\n"
    )
    for args in ([*run, "--debug"], [*run[:-1], "--debug", "boom"]):
        debug = subprocess.run(args, capture_output=True, text=True)
        assert debug.returncode == 1
        assert "Traceback" in debug.stderr


def test_a_closed_pipe_ends_quietly(craig):
    process = craig.start("select", "--help")
    process.stdout.close()
    _, stderr = process.communicate(timeout=60)
    assert stderr == b""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_full_disk_behind_stdout_is_one_line(craig):
    with open("/dev/full", "wb") as full:
        process = craig.start("--help", stdout=full)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert stderr.decode() == "Error: standard output: No space left on device\n"


def test_shell_completion_knows_the_commands(craig):
    result = craig.ok(env={"_CRAIG_COMPLETE": "bash_complete", "COMP_WORDS": "craig s", "COMP_CWORD": "1"})
    assert "select" in result.text


def test_compiling_ahead_says_where(craig, tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    facts = json.loads(craig.ok("compile", "eval", "--json", "--threads", "2").text)
    assert facts["folder"] == str(tmp_path)
    assert facts["compiled"] == facts["kernels"] > 1
    again = craig.ok("compile", "eval")
    assert again.text == f"{tmp_path}\n"
    assert again.stderr.startswith("compiled 0 kernels in ")
