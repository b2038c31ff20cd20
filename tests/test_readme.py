"""The commands of the README and the guide run, and print what these say, numbers aside."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import run_here
from tests.update_readme import documents

ROOT = Path(__file__).parents[1]
PAGES = [path.read_text() for path in documents()]
BLOCKS = [found for page in PAGES for found in re.findall(r"^```console\n(.*?)^```", page, re.MULTILINE | re.DOTALL)]
# Those of the page on networks need torch, and data: tests/test_torch.py and tests/external run them.
PYTHON = [
    found
    for path, page in zip(documents(), PAGES)
    if path.stem not in ("deep", "trainers")
    for found in re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
]


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


def test_commands_print_what_the_readme_says(folder, monkeypatch):
    monkeypatch.setenv("COLUMNS", ENVIRONMENT["COLUMNS"])
    # One test for all: the later ones use the files of the earlier.
    for command, expected in (step for block in BLOCKS for step in _steps(block)):
        status, printed = _typed(command, folder)
        printed = "".join(line for line in printed.splitlines(True) if not line.startswith("compiling kernels"))
        assert status == (1 if "Error:" in expected else 0), printed
        assert _words(printed) == _words(expected), command


def _typed(command, folder):
    """(exit status, what it printed); where no shell is needed, in this process: a second less each."""
    if command.startswith("craig ") and not set(command) & set("|<>;&$*"):
        done = run_here(shlex.split(command)[1:], folder, together=True)
        return done.status, done.text
    shell = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    return shell.returncode, shell.stdout


def test_python_examples_run(folder):
    """Each with names of its own, in one process: what they import takes longer than they do."""
    each = [repr({"__name__": f"example {number}"}) for number in range(len(PYTHON))]
    code = "\n".join(f"exec({text!r}, {names})" for text, names in zip(PYTHON, each))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_every_command_and_option_is_in_the_guide():
    from craig_cli.cli import cli

    with cli.make_context("craig", ["--help"], resilient_parsing=True) as context:
        for name in cli.list_commands(context):
            assert any(f"craig {name}" in page for page in PAGES)
            for parameter in cli.get_command(context, name).params:
                if parameter.param_type_name == "option" and not parameter.hidden:
                    assert any(max(parameter.opts, key=len) in page for page in PAGES[1:]), f"{name}: {parameter.opts}"


def test_the_readme_is_one_that_is_read():
    text = (ROOT / "README.md").read_text()
    assert len(text.encode()) <= 14 * 1024
    assert text.count("\n") <= 250
    outside = re.sub(r"^```.*?^```|^\|.*?$", "", text, flags=re.MULTILINE | re.DOTALL)
    assert max(len(line) for line in outside.splitlines()) <= 120


def test_links_lead_somewhere():
    for path, page in zip(documents(), PAGES):
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page):
            assert link.startswith("http") or (path.parent / link).exists(), f"{path.name}: {link}"


def test_craig_guide_shows_the_pages(craig):
    names = {path.stem for path in documents()[1:]}
    listed = craig.ok("guide").text
    assert {line.split()[0] for line in listed.splitlines()} == names
    for name in names:
        assert craig.ok("guide", name).text == (ROOT / "craig_cli" / "guide" / f"{name}.md").read_text()
    result = craig("guide", "epsilom")
    assert (result.status, "did you mean 'epsilon'" in result.error) == (2, True)


def test_craig_help_is_the_help_of_a_command(craig):
    for name in ("select", "train", "eval", "export"):
        assert craig.ok("help", name).text == craig.ok(name, "--help").text
    assert craig.ok("help").text == craig.ok("--help").text
    assert "Fine tuning:" in craig.ok("help", "select").text.splitlines()[:41]  # down to it a screen of 40 lines
