"""The map in the README: no files of the package import each other in a circle, not even inside functions."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import craig_cli

ROOT = Path(craig_cli.__file__).parent


def _imports() -> dict[str, set[str]]:
    """Module -> the modules of the package that it names in its imports."""
    files = {}
    for path in ROOT.rglob("*.py"):
        parts = ("craig_cli", *path.relative_to(ROOT).with_suffix("").parts)
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    found: dict[str, set[str]] = {name: set() for name in files}
    for name, path in files.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ImportFrom) or node.module is None:
                continue
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found[name] |= {whole if whole in files else node.module} & files.keys()
    return found


def test_no_files_import_each_other_in_a_circle():
    imports = _imports()
    assert "craig_cli.selection.plan" in imports["craig_cli.selection.select"]
    TopologicalSorter(imports).prepare()  # a CycleError names the circle
