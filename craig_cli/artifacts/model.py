"""The model file: one JSON object a person or jq can read, floats that round-trip exactly, never pickle."""

from __future__ import annotations

import itertools
import json
import os
import sys
from dataclasses import dataclass, field, fields, replace

import numpy as np

from craig_cli.artifacts import strict_json
from craig_cli.artifacts.files import STDIO, write_bytes
from craig_cli.errors import DataError, os_error
from craig_cli.formats.addresses import open_binary
from craig_cli.formats.messages import LONGEST, printable, quoted
from craig_cli.tables.encoding import Encoding, encoding_of

FORMAT = 1
KIND = "model"


@dataclass(frozen=True)
class Model:
    """A linear model in the units of the raw input, whatever scaling was used to train it.

    loss        name in the registry
    classes     labels in ascending order; empty for regression. Binary: the margin is for classes[1]
    coef        (d,) float64, or (k, d) for a multinomial model with k classes
    intercept   float, or (k,) for a multinomial model; 0 where trained without one
    l2          lambda of lambda/2 ||w||^2
    optimizer   settings that led here; data and coreset: where the rows came from
    encoding    what the features and labels were made from (tables/encoding.py), or None where they are as they were;
                with one that names labels, classes are positions in its labels: 0, 1, ...
    """

    loss: str
    classes: tuple[float, ...]
    coef: np.ndarray
    intercept: float | np.ndarray
    l2: float
    optimizer: dict = field(default_factory=dict)
    data: list = field(default_factory=list)
    coreset: dict | None = None
    encoding: Encoding | None = None

    def __repr__(self) -> str:
        classes = f"{len(self.classes)} classes, " if self.classes else ""
        by = f", by {self.optimizer['name']}" if "name" in self.optimizer else ""
        return f"Model({self.loss} loss, {classes}{self.n_features:,} features, l2 {self.l2:g}{by})"

    @property
    def labels(self) -> tuple[float | str | int | bool, ...]:
        """The classes as they are in the data."""
        names = None if self.encoding is None else self.encoding.labels
        return self.classes if names is None else tuple(names[int(value)] for value in self.classes)

    @property
    def n_features(self) -> int:
        return self.coef.shape[-1]

    def decision(self, features) -> np.ndarray:
        """<w, x> + b of each row of ``features`` (n, d), dense or CSR: (n,), or (n, k) for a multinomial model."""
        return np.asarray(features @ self.coef.T) + self.intercept


_KEYS = (
    "format",
    "kind",
    "loss",
    "classes",
    "n_features",
    "coef",
    "intercept",
    "l2",
    "optimizer",
    "data",
    "coreset",
)
_ENCODING = "encoding"  # of a table whose columns or labels are not numbers alone


def write_model(path: str | os.PathLike, model: Model) -> None:
    """Write the model file, all or nothing."""
    write_bytes(path, lambda stream: stream.write(model_text(model).encode()))


def model_text(model: Model) -> str:
    """The model as a file. Keys in a fixed order, one line each, so that it diffs well."""
    values = {entry.name: getattr(model, entry.name) for entry in fields(model) if entry.name != _ENCODING}
    values |= {"format": FORMAT, "kind": KIND, "n_features": model.n_features, "classes": list(model.labels)}
    values |= {"coef": np.asarray(model.coef).tolist(), "intercept": np.asarray(model.intercept).tolist()}
    keys: tuple[str, ...] = _KEYS
    if model.encoding is not None:
        keys, values["encoding"] = (*_KEYS, _ENCODING), model.encoding.facts()
    lines = [f"  {json.dumps(key)}: {json.dumps(values[key], allow_nan=False)}" for key in keys]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def begins_as_model(path: str | os.PathLike) -> bool:
    """Whether a file may be a model, being JSON. Raises OSError where it cannot be read."""
    with open_binary(path) as stream:
        return stream.read(64).lstrip()[:1] == b"{"


def read_model(path: str | os.PathLike) -> Model:
    """Read and check a model file (``-`` is standard input). Raises DataError where it is not a valid one."""
    try:
        if os.fspath(path) == STDIO:
            raw = sys.stdin.buffer.read()
        else:
            with open_binary(path) as stream:
                raw = stream.read()
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except OSError as error:
        raise os_error(error, path, "read") from error
    try:
        values = strict_json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: expected a model file (JSON), found something else or a damaged file") from error
    if not isinstance(values, dict) or values.get("kind") != KIND:
        raise DataError(f'{path}: expected a model file, with "kind": "model", found something else')
    if values.get("format") != FORMAT:
        raise DataError(f"{path}: expected model format {FORMAT}, found {quoted(str(values.get('format')))}")
    for key in _KEYS:
        if key not in values:
            raise DataError(f"{path}: expected the key {key!r}, found it missing")
    for key in values:
        if key not in (*_KEYS, _ENCODING):
            raise DataError(f"{path}: expected no key '{printable(key[:LONGEST])}'; made by a newer version?")
    return _model(path, values)


def with_encoding(model: Model, encoding: Encoding | None) -> Model:
    """``model`` of data that was encoded so, its classes numbered anew, as the training data may lack some labels."""
    if encoding is not None and encoding.labels is not None:
        labels = tuple(encoding.labels[int(value)] for value in model.classes)
        model = replace(model, classes=tuple(float(code) for code in range(len(labels))))
        encoding = replace(encoding, labels=labels)
    return replace(model, encoding=encoding)


def provenance(sources) -> list[dict]:
    """The inputs as they are recorded in models and coresets."""
    return [source.facts() for source in sources]


def _model(path: str | os.PathLike, values: dict) -> Model:
    from craig_cli.registry import LOSSES, load

    if values["loss"] not in list(LOSSES):
        raise DataError(f"{path}: expected a loss among {', '.join(LOSSES)}, found {quoted(str(values['loss']))}")
    encoding = encoding_of(values.get(_ENCODING), str(path))
    if encoding is not None and encoding.labels is not None:
        if values["classes"] != list(encoding.labels):
            raise DataError(f"{path}: expected the classes in the order of its encoding, found others")
        values = values | {"classes": range(len(encoding.labels))}
    try:
        coef = np.array(values["coef"], dtype=np.float64)
        intercept = np.array(values["intercept"], dtype=np.float64)
        classes = tuple(float(value) for value in values["classes"])
        l2 = float(values["l2"])
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"{path}: expected numbers in classes, coef, intercept and l2, found others") from error
    # The number of outputs: one for a margin, one a class for a multinomial model.
    expected = (len(classes), values["n_features"]) if values["loss"] == "multinomial" else (values["n_features"],)
    if coef.shape != expected or intercept.shape != expected[:-1]:
        raise DataError(
            f"{path}: expected coef of shape {printable(str(expected)[:LONGEST])} with an intercept to match, "
            f"found {coef.shape} and {intercept.shape}"
        )
    if not (np.isfinite(coef).all() and np.isfinite(intercept).all() and np.isfinite(l2) and l2 >= 0):
        raise DataError(f"{path}: expected finite numbers in coef, intercept and l2, found others")
    allowed = {"two": (2,), "many": range(2, len(coef) + 1), "numbers": (0,)}[load(LOSSES, values["loss"]).labels]
    if len(classes) not in allowed or any(not a < b for a, b in itertools.pairwise((-np.inf, *classes, np.inf))):
        raise DataError(
            f"{path}: expected the classes of a model with {values['loss']} loss, in ascending order, found others"
        )
    valid = (
        isinstance(values["optimizer"], dict)
        and isinstance(values["data"], list)
        and all(isinstance(source, dict) and type(source.get("rows")) is int for source in values["data"])
        and isinstance(values["coreset"], (dict, type(None)))
    )
    if not valid:
        raise DataError(
            f"{path}: expected an object in optimizer and coreset and a list of objects in data, found others"
        )
    return Model(
        loss=values["loss"],
        classes=classes,
        coef=coef,
        intercept=float(intercept) if intercept.ndim == 0 else intercept,
        l2=l2,
        optimizer=values["optimizer"],
        data=values["data"],
        coreset=values["coreset"],
        encoding=encoding,
    )
