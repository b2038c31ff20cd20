"""Results as aligned text, for people; programs take --json."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Part:
    """What one part of a command found: keys of the JSON object, the table, notes that go with it, and a picture."""

    values: dict
    text: str
    notes: list[str] = field(default_factory=list)
    picture: bytes | None = None


def table(columns: list[tuple[str, list]]) -> str:
    """Lines of aligned cells, from (title, values) of each column; a column without any value is left out."""
    shown = []
    for title, values in columns:
        if any(value is not None for value in values):
            cells = [title, *(_cell(value) for value in values)]
            width = max(len(cell) for cell in cells)
            left = isinstance(values[0], str)
            shown.append([cell.ljust(width) if left else cell.rjust(width) for cell in cells])
    return "\n".join("  ".join(row).rstrip() for row in zip(*shown))


def _cell(value) -> str:
    if value is None:
        return "-"
    return f"{value:.5g}" if isinstance(value, float) else str(value)
