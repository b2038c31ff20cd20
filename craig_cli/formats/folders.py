"""Folders of Parquet files, flat or in partitions such as ``year=2024/part-0.parquet``, in the order of their paths."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

import pyarrow as pa

from craig_cli.errors import DataError, os_error
from craig_cli.formats import addresses
from craig_cli.formats.content import STDIN

NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


def expand(paths: Iterable[str | os.PathLike]) -> Iterator[tuple[str, str | None, dict[str, pa.Scalar]]]:
    """(file, its name in the folder, columns of its path); a folder is replaced by the Parquet files in it."""
    for path in paths:
        path = os.fspath(path)
        if path == STDIN or not addresses.isdir(path):
            yield path, None, {}
            continue
        files = list(_files(path, {}))
        if not files:
            found = "expected Parquet files (*.parquet) in this directory, found none"
            raise DataError(f"{addresses.shown(path)}: {found}")
        types = _types([keys for _, keys in files])
        for name, keys in files:
            fixed = {key: _scalar(keys.get(key), kind) for key, kind in types.items()}
            yield name, name[len(path) :].lstrip("/"), fixed


def _files(folder: str, keys: dict[str, str | None]) -> Iterator[tuple[str, dict[str, str | None]]]:
    try:
        names = addresses.inside(folder)
    except OSError as error:
        raise os_error(error, addresses.shown(folder), "read") from error
    for name, is_folder in names:
        path = os.path.join(folder, name)
        if name[0] in "._":
            continue
        key, equals, value = name.partition("=")
        if is_folder:
            if equals:
                yield from _files(path, keys | {unquote(key): None if value == NO_VALUE else unquote(value)})
        elif name.endswith(".parquet"):
            yield path, keys


def _types(levels: list[dict[str, str | None]]) -> dict[str, pa.DataType]:
    """Of each key: whole numbers where all its values are written as such, else text; a key like 01 stays text."""
    values: dict[str, set[str]] = {}
    for keys in levels:
        for key, value in keys.items():
            values.setdefault(key, set()).update([] if value is None else [value])
    return {key: pa.int64() if all(map(_is_whole, each)) else pa.string() for key, each in values.items()}


def _is_whole(text: str) -> bool:
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdigit() and len(digits) <= 18 and str(int(text)) == text


def _scalar(value: str | None, kind: pa.DataType) -> pa.Scalar:
    return pa.scalar(value if value is None or pa.types.is_string(kind) else int(value), kind)
