"""What a coreset says of itself, of that what the program goes by: its metadata, checked and typed."""

from __future__ import annotations

import math
from dataclasses import dataclass

from craig_cli.errors import DataError

Label = float | int | str | bool | None


@dataclass(frozen=True)
class CoresetFacts:
    """Facts of a coreset; None, or nothing, where it does not say.

    n            rows of the data it was selected from, and their number of features
    inputs       (name, rows, fingerprint) of each file of the data
    labels       value of each class, or (None,) where it was selected from all rows alike
    algorithm    as registered, like purpose (``--for``), weights, metric, scale and loss; units of epsilon
    radius       of the models that epsilon is for
    """

    n: int | None = None
    features: int | None = None
    inputs: tuple[tuple[str, int, str], ...] = ()
    labels: tuple[Label, ...] = ()
    algorithm: str | None = None
    purpose: str | None = None
    weights: str | None = None
    units: str | None = None
    loss: str | None = None
    metric: str = "euclidean"
    scale: str = "none"
    radius: float | None = None


_TEXTS = {
    **{name: name for name in ("algorithm", "weights", "units", "loss", "metric", "scale")},
    "for": "purpose",
}


def facts_of(metadata: dict, name: str) -> CoresetFacts:
    """The facts in ``metadata``, of which all may be missing. Raises DataError, calling the coreset ``name``."""
    checked: dict = {}
    for key, attribute in _TEXTS.items():
        if metadata.get(key) is not None:
            checked[attribute] = _checked(isinstance(metadata[key], str), metadata, key, "text", name)
    for key in ("n", "features"):
        if metadata.get(key) is not None:
            checked[key] = _checked(_is_count(metadata[key]), metadata, key, "a number of 1 or more", name)
    if metadata.get("radius") is not None:
        checked["radius"] = _checked(_is_number(metadata["radius"]), metadata, "radius", "a number", name)
    inputs, classes = metadata.get("inputs", []), metadata.get("classes") or []
    known = isinstance(inputs, list) and all(map(_is_input, inputs))
    _checked(known, metadata, "inputs", "names, rows and fingerprints", name)
    checked["inputs"] = tuple((each["name"], each["rows"], each["fingerprint"]) for each in inputs)
    known = isinstance(classes, list) and all(isinstance(each, dict) and _is_label(each) for each in classes)
    _checked(known, metadata, "classes", "a list with their labels", name)
    checked["labels"] = tuple(each["label"] for each in classes)
    return CoresetFacts(**checked)


def _checked(is_valid: bool, metadata: dict, key: str, expected: str, name: str):
    if not is_valid:
        raise DataError(f'{name}: expected {expected} as "{key}" in the coreset\'s metadata, found something else')
    return metadata.get(key)


def _is_count(value) -> bool:
    return type(value) is int and 1 <= value < 2**63


def _is_number(value) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _is_input(value) -> bool:
    texts = isinstance(value, dict) and all(isinstance(value.get(key), str) for key in ("name", "fingerprint"))
    return texts and _is_count(value.get("rows"))


def _is_label(entry: dict) -> bool:
    return "label" in entry and (entry["label"] is None or isinstance(entry["label"], (str, bool, int, float)))
