"""Run the commands of the README and the guide and put what they print there: ``make docs``."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def run(block: str, folder: str) -> str:
    """The block with each command followed by what it prints now."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "80",
    }
    lines = []
    for command in re.findall(r"^\$ (.*)$", block, flags=re.MULTILINE):
        done = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {command}"],
            cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        printed = [line for line in done.stdout.splitlines() if not line.startswith("compiling kernels")]
        lines += [f"$ {command}", *(line.rstrip() for line in printed)]
    return "```console\n" + "\n".join(lines) + "\n```"


def documents() -> list[Path]:
    """The README and the pages of the guide, in the order in which their commands run in one folder."""
    first = ("pipelines", "exporting", "choosing", "evaluating")
    guide = {path.stem: path for path in sorted((ROOT / "craig_cli" / "guide").glob("*.md"))}
    return [ROOT / "README.md", *(guide.pop(name) for name in first), *guide.values()]


def main() -> None:
    """Rewrite them in place."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "sample_data", Path(folder) / "sample_data")
        for path in documents():
            text = re.sub(
                r"^```console\n(.*?)^```", lambda found: run(found[1], folder), path.read_text(),
                flags=re.MULTILINE | re.DOTALL,
            )  # fmt: skip
            path.write_text(text)


if __name__ == "__main__":
    main()
