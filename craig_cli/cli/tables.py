"""Results as aligned text, for people; programs take --json."""

from __future__ import annotations


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
