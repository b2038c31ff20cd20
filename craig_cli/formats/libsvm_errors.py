"""Why a row of LIBSVM text cannot be read, and the slow way to read its numbers.

The kernels only say that a row is bad. This module reads the one row again, token by token, with regular
expressions, and says what was expected and what was found.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from craig_cli.formats.messages import quoted

LARGEST_INDEX = 2**31 - 1
TOKEN = re.compile(rb"[^ \t\r]+")
NUMBER = re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
NOT_FINITE = re.compile(rb"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
MISSING = re.compile(rb"nan", re.IGNORECASE)
INDEX = re.compile(rb"[0-9]+")


def tokens(line: bytes) -> Iterator[tuple[int, bytes]]:
    """(position, text) of the label and the features of ``line``, without its comment and its ``qid:``."""
    for match in TOKEN.finditer(line.partition(b"#")[0]):
        if match.start() == 0 or not match[0].startswith(b"qid:"):
            yield match.start(), match[0]


def explain(line: bytes, lowest_index: int = 0) -> tuple[int, str] | None:
    """(position, what is wrong there) of the first fault of ``line``, from its label on; None without one."""
    seen = set()
    for position, token in tokens(line):
        if position == 0:
            fault = _label_fault(token)
        else:
            fault = _feature_fault(token, lowest_index)
            if fault is None:
                index = int(token.partition(b":")[0])
                if index in seen:
                    fault = f"expected each index once in a row, found {quoted(token)} as well"
                seen.add(index)
        if fault:
            return position, fault
    return None


def numbers(line: bytes) -> list[float]:
    """Label, weight and feature values of a good row, by ``float``; inf for those out of its range."""
    first, *rest = [token for _, token in tokens(line)]
    label, _, weight = first.partition(b":")
    return [float(label), float(weight or 1), *(float(token.rpartition(b":")[2]) for token in rest)]


def _label_fault(token: bytes) -> str | None:
    if NUMBER.fullmatch(token):
        return None if math.isfinite(float(token)) else f"expected a label within float64, found {quoted(token)}"
    if NOT_FINITE.fullmatch(token):
        return f"expected a finite label, found {quoted(token)}"
    if b"," in token and all(NUMBER.fullmatch(part) for part in token.split(b",") if part):
        return f"expected one label, found several: {quoted(token)}"
    label, colon, weight = token.partition(b":")
    if colon and NUMBER.fullmatch(label):
        if not NUMBER.fullmatch(weight):
            return f"expected label:weight with a number as the weight, found {quoted(token)}"
        if not 0.0 < float(weight) < math.inf:
            return f"expected label:weight with a positive weight within float64, found {quoted(token)}"
        return None if math.isfinite(float(label)) else f"expected a label within float64, found {quoted(token)}"
    return f"expected a label (a number), found {quoted(token)}"


def _feature_fault(token: bytes, lowest_index: int) -> str | None:
    index, colon, value = token.partition(b":")
    if not colon or not index or not value:
        return f"expected index:value, found {quoted(token)}"
    if not INDEX.fullmatch(index):
        if re.fullmatch(rb"-[0-9]+", index):
            return f"expected an index of at least {lowest_index}, found {quoted(token)}"
        return f"expected index:value, found {quoted(token)}"
    digits = index.lstrip(b"0") or b"0"
    if len(digits) > len(str(LARGEST_INDEX)) or int(digits) > LARGEST_INDEX:
        return f"expected an index of at most {LARGEST_INDEX}, found {quoted(token)}"
    if int(digits) < lowest_index:
        return f"expected an index of at least {lowest_index} (see --zero-based), found {quoted(token)}"
    if MISSING.fullmatch(value):
        return None
    if NOT_FINITE.fullmatch(value):
        return f"expected a finite value, found {quoted(token)}"
    if not NUMBER.fullmatch(value):
        return f"expected index:value with a number as the value, found {quoted(token)}"
    if not math.isfinite(float(value)):
        return f"expected a value within float64, found {quoted(token)}"
    return None
