"""What was made of which column: fitted to the training data, written into coresets and models, applied to others."""

from __future__ import annotations

from dataclasses import dataclass, field

from craig_cli.errors import DataError
from craig_cli.registry import COLUMN_KINDS, load
from craig_cli.tables.kind import Kind

Label = str | int | bool


@dataclass(frozen=True)
class Column:
    """A column of the data: its name, its kind (of registry.COLUMN_KINDS) and the facts that kind needs."""

    name: str
    kind: str
    facts: dict = field(default_factory=dict)

    @property
    def record(self) -> Kind:
        return load(COLUMN_KINDS, self.kind)

    @property
    def names(self) -> list[str]:
        """Of the columns of the matrix."""
        return self.record.names(self.name, self.facts)


@dataclass(frozen=True)
class Encoding:
    """The feature columns in the order of the matrix; empty where features are taken as they are.

    left_out  columns that are no features -> why
    labels    values of the classes, ascending, of which the labels (n,) are the positions; None where they are numbers
    """

    columns: tuple[Column, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)
    labels: tuple[Label, ...] | None = None

    @property
    def names(self) -> list[str]:
        """Of the columns of the matrix."""
        return [name for column in self.columns for name in column.names]

    @property
    def width(self) -> int:
        """Columns of the matrix."""
        return len(self.names)

    @property
    def is_plain(self) -> bool:
        """Whether the columns of the matrix are those of the data, all of them numbers with none missing."""
        numbers = all(column.kind in ("number", "vector") for column in self.columns)
        return numbers and not any(column.facts.get("missing") for column in self.columns)

    def facts(self) -> dict:
        """The encoding as JSON."""
        columns = [{"name": column.name, "kind": column.kind, **column.facts} for column in self.columns]
        labels = None if self.labels is None else list(self.labels)
        return {"columns": columns, "left_out": self.left_out, "labels": labels}

    def says(self) -> list[tuple[str, str, str]]:
        """(column, kind, what became of it) for people."""
        used = [(column.name, column.kind, column.record.says(column.facts)) for column in self.columns]
        return used + [(name, "left out", why) for name, why in self.left_out.items()]


def encoding_of(facts, owner: str) -> Encoding | None:
    """The encoding that a file of ``owner`` holds, None where there is none. Raises DataError where it is damaged."""
    if facts is None:
        return None
    damaged = DataError(f"{owner}: expected the encoding of a table, found it damaged or of a newer version")
    if not isinstance(facts, dict) or facts.keys() != {"columns", "left_out", "labels"}:
        raise damaged
    columns, left_out, labels = facts["columns"], facts["left_out"], facts["labels"]
    good = isinstance(columns, list) and isinstance(left_out, dict) and isinstance(labels, (list, type(None)))
    if not good or not all(map(_is_column, columns)) or not all(isinstance(why, str) for why in left_out.values()):
        raise damaged
    if labels is not None and (not labels or not all(isinstance(label, (str, int)) for label in labels)):
        raise damaged
    kept = [
        Column(each["name"], each["kind"], {key: each[key] for key in each if key not in ("name", "kind")})
        for each in columns
    ]
    if len({column.name for column in kept}) < len(kept):
        raise damaged
    return Encoding(tuple(kept), left_out, None if labels is None else tuple(labels))


def _is_column(entry) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
        return False
    kind = entry.get("kind")
    return isinstance(kind, str) and kind in list(COLUMN_KINDS) and load(COLUMN_KINDS, kind).check(entry)
