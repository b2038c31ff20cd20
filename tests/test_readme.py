"""The README's commands run, and print what the README says, numbers aside."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```console\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
PYTHON = re.findall(r"^```python\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def _steps(block):
    """(command, what it prints) for each line that starts with a prompt."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        while command.endswith("\\"):
            more, _, output = output.partition("\n")
            command = command[:-1] + more
        yield command, output


def _words(text):
    """The text without its numbers, and without the columns that depend on their width."""
    numbers = r"[-+]?\d[\d,]*\.?\d*(e[-+]?\d+)?"
    return re.sub(r"[ -]+", " ", re.sub(numbers, "#", text)).strip()


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(ROOT / "sample_data", tmp_path / "sample_data")
    return tmp_path


ENVIRONMENT = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "80"}


def test_commands_print_what_the_readme_says(folder):
    # One test for all: the later ones use the files of the earlier.
    for command, expected in (step for block in BLOCKS for step in _steps(block)):
        done = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {command}"],
            cwd=folder,
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        printed = "".join(line for line in done.stdout.splitlines(True) if not line.startswith("compiling kernels"))
        assert done.returncode == (1 if "Error:" in expected else 0), printed
        assert _words(printed) == _words(expected), command


@pytest.mark.parametrize("number", range(len(PYTHON)))
def test_python_examples_run(number, folder):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PYTHON[number]],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_every_command_and_option_is_in_the_readme():
    from craig_cli.cli import cli

    with cli.make_context("craig", ["--help"], resilient_parsing=True) as context:
        for name in cli.list_commands(context):
            assert f"craig {name}" in README
            for parameter in cli.get_command(context, name).params:
                if parameter.param_type_name == "option":
                    assert max(parameter.opts, key=len) in README, f"{name}: {parameter.opts}"
