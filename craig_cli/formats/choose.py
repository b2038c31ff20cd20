"""Which columns of a table serve for what: label, weight, features, and what is left out and why."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import pyarrow as pa

from craig_cli.dataset import labels_in_words
from craig_cli.errors import DataError, UsageError
from craig_cli.formats.messages import listed, printable, quoted
from craig_cli.formats.roles import roles_of
from craig_cli.tables.encoding import Encoding
from craig_cli.tables.storage import NOTHING, OTHER, PLAIN, content_of, flat_fields

LABEL = "label"  # the column of labels, where no other is named
LABELS = (LABEL, "target", "y", "class", "outcome")  # what else it is called
NEAR = 0.75  # of 1, which is for names alike: a letter or two that were mistyped
PANDAS_INDEX = r"__index_level_\d+__"
INDEX = re.compile(f"|{PANDAS_INDEX}")  # as pandas calls an index without a name, in CSV and in other files
MOST_NAMES = 40  # in a message that one of them has to be chosen from


@dataclass(frozen=True)
class Asked:
    """What a user asks of the columns; see ``formats.read_dataset``."""

    label: str | None = LABEL
    weight: str | None = None
    features: list[str] | None = None
    exclude: tuple[str, ...] = ()
    numeric_only: bool = False
    encoding: Encoding | None = None
    gradients: bool = False
    original: bool = False

    @classmethod
    def of(cls, reading: Mapping[str, Any]) -> Asked:
        """What ``reading``, the arguments of ``formats.read_dataset`` but the paths, asks."""
        return cls(
            reading.get("label") or LABEL,
            reading.get("weight_column"),
            None if reading.get("features") is None else list(reading["features"]),
            tuple(reading.get("exclude") or ()),
            reading.get("numeric_only", False),
            reading.get("encoding"),
        )


@dataclass(frozen=True)
class Chosen:
    """The columns to read. A name is that of a column, or ``struct.field``.

    contents  feature -> what it holds in all inputs (``storage.content_of``)
    left_out  column -> why it is no feature
    tops      name -> the column it is in; notes: lines for the user
    """

    features: list[str]
    contents: dict[str, str]
    label: str | None
    weight: str | None
    left_out: dict[str, str]
    tops: dict[str, str]
    notes: list[str] = field(default_factory=list)

    @property
    def all(self) -> list[str]:
        """Features, label and weight."""
        return [*self.features, *(name for name in (self.label, self.weight) if name is not None)]


def choose(inputs: Sequence[tuple[str, pa.Schema]], asked: Asked) -> Chosen:
    """The columns of all inputs, (name for messages, schema) each. Raises DataError and UsageError."""
    (shown, schema), *_ = inputs
    tables = [(name, _columns(name, each)) for name, each in inputs]
    contents, tops = _unified(tables)
    roles = roles_of(schema) if asked.features is None else {}
    label, weight = _label(asked, contents), asked.weight
    if weight is None and roles.get("weight") != label:
        weight = roles.get("weight")
    for each, columns in tables:
        _check_named(each, list(columns), label, weight)
    _check_asked(shown, contents, tops, asked, (label, weight))
    used = {label, weight, *roles.values()}
    others = [name for name in contents if name not in used and tops[name] not in used]
    if asked.encoding is not None and asked.encoding.columns:
        features, left_out, notes = _of_encoding(shown, contents, label, others, asked.encoding)
    else:
        features, left_out = _fresh(shown, contents, tops, others, asked)
        notes = [
            f"{printable(each)}: no column {quoted(name)}; its rows have it missing"
            for name in features
            for each, columns in tables
            if name not in columns
        ]
    return Chosen(features, contents, label, weight, left_out, tops, notes[:3])


def _columns(shown: str, schema: pa.Schema) -> dict[str, tuple[str, str]]:
    """Name -> (what it holds, the column it is in) of an input."""
    columns: dict[str, tuple[str, str]] = {}
    fields = flat_fields(schema)
    names = [name for name, _, _ in fields]
    for name, top, kind in fields:
        if name in columns:
            raise DataError(f"{shown}: expected one column {quoted(name)}, found {names.count(name)}")
        columns[name] = content_of(kind), top
    return columns


def _unified(tables) -> tuple[dict[str, str], dict[str, str]]:
    """Name -> what it holds in all tables, and -> the column it is in. Raises DataError where they do not agree."""
    contents: dict[str, str] = {}
    tops: dict[str, str] = {}
    first: dict[str, str] = {}
    for shown, columns in tables:
        for name, (content, top) in columns.items():
            before = contents.get(name, NOTHING)
            if before == NOTHING:
                contents[name], first[name] = content, shown
                tops[name] = top
            elif content not in (before, NOTHING):
                raise DataError(
                    f"{shown}: column {quoted(name)}: expected {before}s, as in {first[name]}, found {content}s"
                )
    return contents, tops


def check_label(shown: str, schema: pa.Schema, asked: Asked) -> None:
    """Refuse a label or a weight that is no column of an input, which can be known before any row of it is read."""
    names = list(_columns(shown, schema))
    _check_named(shown, names, _label(asked, names), asked.weight)


def _label(asked: Asked, names: Container[str]) -> str | None:
    return None if asked.gradients and asked.label == LABEL and LABEL not in names else asked.label


def _check_named(shown: str, names: list[str], label: str | None, weight: str | None) -> None:
    for what, name, option, usual in (("label", label, "--label", LABELS), ("weight", weight, "--weight-column", ())):
        if name is not None and name not in names:
            likely = _likely(name, names, usual)
            meant = "" if likely is None else f", perhaps {option} {printable(likely[:40])}"
            what = "" if name == what else f"{what} "
            there = listed(names, MOST_NAMES)
            raise DataError(f"{shown}: no {what}column {quoted(name)}; found: {there} (name it with {option}{meant})")


def _likely(name: str, names: list[str], usual: Sequence[str]) -> str | None:
    """The one of ``names`` that is nearest to ``name``, if one is near, or else that is called as ``usual``."""
    known = {each.casefold(): each for each in reversed(names)}
    found = get_close_matches(name.casefold(), known, n=1, cutoff=NEAR) or [each for each in usual if each in known]
    return known[found[0]] if found else None


def _check_asked(shown: str, contents: dict, tops: dict, asked: Asked, used: tuple) -> None:
    names = list(contents)
    for option, given in (("--features", asked.features or ()), ("--exclude", asked.exclude)):
        for name in given:
            if name not in contents and name not in tops.values():
                what = "feature column" if option == "--features" else "column"
                raise DataError(f"{shown}: no {what} {quoted(name)}; found: {listed(names, MOST_NAMES)}")
            if name in used:
                raise UsageError(f"{option}: {quoted(name)} is the label or the weight")


def _fresh(shown: str, contents: dict, tops: dict, others: list[str], asked: Asked) -> tuple[list[str], dict]:
    """(features, left out) of a table for which there is no encoding yet."""
    left_out: dict[str, str] = {}
    features = []
    for name in others:
        both = (name, tops[name])
        if asked.features is not None and not any(each in asked.features for each in both):
            continue
        if any(each in asked.exclude for each in both):
            left_out[name] = "excluded"
        elif asked.features is None and INDEX.fullmatch(name):
            left_out[name] = "the row numbers of a pandas index"
        elif contents[name] == OTHER:
            if asked.features is not None:
                raise DataError(f"{shown}: column {quoted(name)}: expected numbers, text, times or lists of numbers")
            left_out[name] = "neither numbers, text, times nor lists of numbers"
        elif asked.numeric_only and contents[name] not in PLAIN:
            left_out[name] = "not numeric"
        else:
            features.append(name)
    if not features:
        raise DataError(f"{shown}: expected feature columns, found: {listed(list(contents), MOST_NAMES)}")
    return features, left_out


def _of_encoding(shown: str, contents: dict, label: str | None, others: list[str], encoding: Encoding):
    """(features, left out, notes) of a table that is encoded as other data was."""
    if encoding.columns[0].kind == "numbered":
        raise DataError(f"{shown}: expected LIBSVM data or an array, as the training data was, found a table")
    for column in encoding.columns:
        content = contents.get(column.name)
        if column.name == label:
            there = "" if encoding.labels is None else f" (labels there: {labels_in_words(encoding.labels)})"
            raise DataError(
                f"{shown}: column {quoted(column.name)}: expected a feature, as in the training data{there}, "
                "found the label"
            )
        if content is None:
            raise DataError(
                f"{shown}: no column {quoted(column.name)}, which the training data has; "
                f"found: {listed(list(contents), MOST_NAMES)}"
            )
        if content not in (*column.record.reads, NOTHING):
            expected = " or ".join(f"{each}s" for each in column.record.reads)
            raise DataError(f"{shown}: column {quoted(column.name)}: expected {expected}, found {content}s")
    features = [column.name for column in encoding.columns]
    more = [name for name in others if name not in features and name not in encoding.left_out]
    notes = [f"{printable(shown)}: columns that the training data has not are left out: {listed(more)}"] if more else []
    return features, encoding.left_out, notes
