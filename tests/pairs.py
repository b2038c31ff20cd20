"""Two files written together, again and again: ``python -m tests.pairs OUT CONTENT TIMES``. It imports little."""

from __future__ import annotations

import sys

from craig_cli.artifacts.files import atomic_outputs


def pair(path, content: bytes) -> None:
    with atomic_outputs(path, f"{path}.wgt") as streams:
        for stream in streams:
            stream.write(content)


if __name__ == "__main__":
    for _ in range(int(sys.argv[3])):
        pair(sys.argv[1], sys.argv[2].encode())
