"""What the beginning of a content says of it: whether it is CSV, LIBSVM or foreign, and how it is cut into fields.

The delimiter is the one of , tab ; and | that cuts the first lines into the same number of fields, the more the better.
There is a header unless a field of the first line is a number; columns without one are f0, f1, ... A column that begins
with numbers like 01234 stays text.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from operator import contains

from craig_cli.errors import DataError
from craig_cli.formats.messages import quoted

DELIMITERS = (",", "\t", ";", "|")
FIRST_LINES = 200
NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
ZERO_FIRST = re.compile(r"[+-]?0\d+")
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
LIBSVM = re.compile(rb"\s*[+-]?[\d.]+([eE][+-]?\d+)?(:\S+)?(\s+(qid|\d+):\S*)*\s*(#.*)?|[\d.,+-]+(\s+\d+:\S*)+")
JSON = re.compile(rb'\s*(\[\s*)?\{\s*"')

FOREIGN = {
    b"\x93NUMPY": "a NumPy array (.npy)",
    b"PK\x03\x04": "a ZIP archive (.npz, .xlsx)",
    b"\x89HDF": "HDF5 data",
    b"ORC": "ORC data",
    b"Obj\x01": "Avro data",
    b"SQLite format 3": "an SQLite database",
    b"\x80\x04\x95": "a Python pickle",
    b"\x80\x05\x95": "a Python pickle",
}


@dataclass(frozen=True)
class Dialect:
    """How a text is cut into fields; ``text`` has the columns to leave as text."""

    delimiter: str
    header: bool
    names: list[str]
    text: list[str]
    decimal_point: str = "."


def foreign(head: bytes) -> str | None:
    """What content that begins with ``head`` is, where it is of a common kind that is not read; None of all others."""
    if head[:9].lower() == b"@relation":
        return "ARFF data"
    if JSON.match(head):
        return "JSON, such as a model (craig eval MODEL... DATA...)"
    if b"\0" not in head:  # text
        return None
    return next((name for magic, name in FOREIGN.items() if head.startswith(magic)), None)


def is_delimited(head: bytes) -> bool:
    """Whether a text begins with a line that is cut by a delimiter and is none of LIBSVM."""
    line = next((line for line in head.lstrip(b"\xef\xbb\xbf").splitlines() if line.strip() and line[:1] != b"#"), b"")
    if not line or LIBSVM.fullmatch(line.strip()):
        return False
    first = line.split()[0]
    if NUMBER.fullmatch(first.decode("latin-1")) and b":" in line:  # a damaged row of LIBSVM
        return False
    text = line.decode("latin-1")
    return any(len(next(csv.reader([text], delimiter=each), [])) > 1 for each in DELIMITERS)


def dialect_of(shown: str, head: bytes, delimiter: str | None, header: bool | None) -> Dialect:
    """The dialect of a text that begins with ``head``; ``delimiter`` and ``header`` where they are known."""
    text = head.decode("utf-8-sig", "replace")
    lines = text.splitlines() if len(head) < 1 << 16 else text.splitlines()[:-1]
    lines = [line for line in lines if line.strip()][:FIRST_LINES]
    if not lines:
        raise DataError(f"{shown}: expected CSV data, found no rows in it")
    delimiter = delimiter or _delimiter(lines)
    rows = list(csv.reader(lines, delimiter=delimiter))
    first = [field.strip() for field in rows[0]]
    if header is None:
        header = not (any(NUMBER.fullmatch(field) for field in first) or _is_a_row(first, rows[1:]))
    names = first if header else [f"f{number}" for number in range(len(first))]
    for name in names:
        if names.count(name) > 1:
            found = f"{names.count(name)} in its first line; --no-header if that is a row"
            raise DataError(f"{shown}: expected one column {quoted(name)}, found {found}")
    body = rows[1:] if header else rows
    columns = list(zip(*(row for row in body if len(row) == len(names))))
    text_columns = [name for name, values in zip(names, columns) if any(ZERO_FIRST.fullmatch(each) for each in values)]
    comma = delimiter != "," and any(DECIMAL_COMMA.fullmatch(each.strip()) for row in body for each in row)
    return Dialect(delimiter, header, names, text_columns, "," if comma else ".")


def _is_a_row(first: list[str], others: list[list[str]]) -> bool:
    """Whether the first line of a text is none of names: they repeat, and each is a value of its column as well."""
    columns = list(zip(*([field.strip() for field in row] for row in others if len(row) == len(first))))
    return len(set(first)) < len(first) == len(columns) and all(map(contains, columns, first))


def _delimiter(lines: list[str]) -> str:
    best, most = ",", 1
    for each in DELIMITERS:
        widths = {len(row) for row in csv.reader(lines, delimiter=each)}
        if len(widths) == 1 and (width := widths.pop()) > most:
            best, most = each, width
    if most > 1:
        return best
    return max(DELIMITERS, key=lambda each: len(next(csv.reader(lines[:1], delimiter=each))))  # the rows do not agree
