"""What a coreset says of itself, of that what the program goes by: its metadata, checked and typed."""

from __future__ import annotations

import math
from dataclasses import dataclass

from craig_cli.errors import DataError
from craig_cli.registry import LOSSES, load

Label = float | int | str | bool | None


@dataclass(frozen=True)
class Calibration:
    """left: the share of the error in the totals that weights were fitted to which they leave; at: where those are."""

    left: float
    at: str
    totals: int


@dataclass(frozen=True)
class ClassFacts:
    """label: None where it was selected from all rows alike; count: rows of the class; quota: elements of it."""

    label: Label
    count: int | None = None
    quota: int | None = None
    epsilon: float | None = None


@dataclass(frozen=True)
class CoresetFacts:
    """Facts of a coreset; None, or nothing, where it does not say.

    n            rows of the data it was selected from, and their number of features
    inputs       (name, rows, fingerprint) of each file of the data
    classes      one of all rows where it was selected from all alike
    algorithm    as registered, like purpose (``--for``), weights, metric, scale and loss; units of epsilon
    exemplar     "medoid" or "member" of what a greedy algorithm picked
    radius       of the models that epsilon is for
    calibration  of weights that were fitted to totals
    at_model     whether the rows were described at a model, and whether that was a file's, not the rough one
    """

    n: int | None = None
    features: int | None = None
    inputs: tuple[tuple[str, int, str], ...] = ()
    classes: tuple[ClassFacts, ...] = ()
    algorithm: str | None = None
    purpose: str | None = None
    weights: str | None = None
    units: str | None = None
    loss: str | None = None
    metric: str = "euclidean"
    scale: str = "none"
    radius: float | None = None
    exemplar: str | None = None
    calibration: Calibration | None = None
    at_model: bool = False
    at_a_file: bool = False

    @property
    def labels(self) -> tuple[Label, ...]:
        """Value of each class, or (None,)."""
        return tuple(each.label for each in self.classes)

    @property
    def task(self) -> str:
        """What the labels of the data were taken for, of which the coreset may not have all; "auto": not looked at."""
        if self.loss in LOSSES:
            return "regression" if load(LOSSES, self.loss).is_regression else "classification"
        return "classification" if any(label is not None for label in self.labels) else "auto"


_TEXTS = {
    **{name: name for name in ("algorithm", "weights", "units", "loss", "metric", "scale", "exemplar")},
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
    known = isinstance(classes, list) and all(map(_is_class, classes))
    _checked(known, metadata, "classes", "a list with their labels", name)
    checked["classes"] = tuple(
        ClassFacts(each["label"], each.get("count"), each.get("quota"), each.get("epsilon")) for each in classes
    )
    calibration, at = metadata.get("calibration"), metadata.get("at")
    if calibration is not None:
        _checked(_is_calibration(calibration), metadata, "calibration", "left, at and totals", name)
        checked["calibration"] = Calibration(calibration["left"], calibration["at"], calibration["totals"])
    if at is not None:
        checked["at_model"] = bool(_checked(isinstance(at, dict), metadata, "at", "facts of a model", name))
        checked["at_a_file"] = at.get("model") is not None
    return CoresetFacts(**checked)


def _checked(is_valid: bool, metadata: dict, key: str, expected: str, name: str):
    if not is_valid:
        raise DataError(f'{name}: expected {expected} as "{key}" in the coreset\'s metadata, found something else')
    return metadata.get(key)


def _is_count(value, least: int = 1) -> bool:
    return type(value) is int and least <= value < 2**63


def _is_number(value) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _is_input(value) -> bool:
    texts = isinstance(value, dict) and all(isinstance(value.get(key), str) for key in ("name", "fingerprint"))
    return texts and _is_count(value.get("rows"), 0)  # a folder may have files without rows


def _is_class(entry) -> bool:
    if not isinstance(entry, dict) or "label" not in entry or not isinstance(entry["label"], Label | None):
        return False
    epsilon = entry.get("epsilon")
    counts = all(entry.get(key) is None or _is_count(entry[key]) for key in ("count", "quota"))
    return counts and (epsilon is None or _is_number(epsilon))


def _is_calibration(value) -> bool:
    texts = isinstance(value, dict) and isinstance(value.get("at"), str)
    return texts and _is_number(value.get("left")) and type(value.get("totals")) is int
