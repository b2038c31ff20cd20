"""Text of unknown origin in a message: short, printable, on one line."""

from __future__ import annotations

LONGEST = 40
MOST_NAMES = 12


def printable(text: str | bytes) -> str:
    """``text`` with everything that a terminal does not show as a character escaped."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in text)


def quoted(text: str | bytes) -> str:
    """``text`` printable, in double quotes, shortened to LONGEST characters."""
    shown = printable(text[: 2 * LONGEST])
    return f'"{shown}"' if len(shown) <= LONGEST else f'"{shown[: LONGEST - 3]}..."'


def listed(names: list[str], most: int = MOST_NAMES) -> str:
    """``a, b, c``, the first ``most`` of them, printable."""
    shown = [printable(name[:LONGEST]) for name in names[:most]]
    return ", ".join(shown) + (f" and {len(names) - most} more" if len(names) > most else "")


def first_line(error: BaseException) -> str:
    """What a library says about an error, cut to one printable line."""
    text = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return printable(text.strip().rstrip(".")[:200])
