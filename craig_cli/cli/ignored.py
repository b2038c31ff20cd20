"""Options that have no effect beside others, or less than one may think: the table of them, by command, and the note.

What cannot be meant is an error of its command; this is for what a user may think has changed something.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import NamedTuple

import click

from craig_cli.cli.options import given, note
from craig_cli.registry import RECIPES


class Rule(NamedTuple):
    """parameter: of the option; holds: whether it has no effect, by all parameters of the command and what it adds.

    what  of an option that has some effect, all that it does
    """

    parameter: str
    holds: Callable[[SimpleNamespace], bool]
    why: str
    what: str = "has no effect"


_NO_ROUGH_MODEL = "no rough model is trained here"
_AT_MODEL = "rows are selected at a model; --for distance goes by it"
_EPSILON = "is for epsilon alone"

# ``method`` is the record of select's algorithm, train's optimizer, export's target. select adds ``rough``, whether
# there is a rough model, and ``open``, whether exact greedy or partition is for the data to say: exact is what a block
# of all rows would be, so the size of blocks is heeded either way.
RULES = {
    "select": (
        Rule("delta", lambda it: it.method.name != "stochastic", "it is for --algorithm stochastic"),
        Rule("block_size", lambda it: not (it.method.blocks or it.open), "it is for --algorithm partition"),
        Rule("swaps", lambda it: not it.method.greedy, "it is for the greedy algorithms"),
        Rule("rounds", lambda it: not it.rough, _NO_ROUGH_MODEL),
        Rule("l2", lambda it: not it.rough, _NO_ROUGH_MODEL),
        Rule("metric", lambda it: it.rough or it.at_model is not None, _AT_MODEL, _EPSILON),
        Rule("metric", lambda it: it.method.baseline, "rows are drawn at random", _EPSILON),
        Rule("purpose", lambda it: it.method.baseline, "random rows are the same for all"),
        Rule("purpose", lambda it: RECIPES[it.purpose].features is not None and not it.rough, _NO_ROUGH_MODEL),
    ),
    "train": (
        Rule("momentum", lambda it: "momentum" not in dict(it.method.options), "it is for momentum and nesterov"),
        Rule("decay", lambda it: it.schedule == "constant", "the constant schedule has none"),
        Rule("patience", lambda it: it.validation is None, "it is for --validation"),
    ),
    "eval": (Rule("radius", lambda it: it.models and not it.points, "it is for --points"),),
    "export": (
        Rule("normalize", lambda it: it.method.takes_model, "a model has no weights of rows"),
        Rule("task", lambda it: it.method.labels is None, "this target takes labels of any task"),
    ),
}


def note_ignored(command: str, **more) -> None:
    """A note for each option on the command line that has no effect; ``more``: what the rules go by beside it."""
    it = SimpleNamespace(**click.get_current_context().params, **more)
    said: dict[str, str] = {}
    for rule in RULES[command]:
        if rule.holds(it):
            said.setdefault(rule.parameter, f"{rule.what}: {rule.why}")
    for parameter, text in said.items():
        for option in given([parameter]):
            note(f"{option} {text}")


def note_other_columns(encoding, reading: dict) -> None:
    """A note where DATA's columns are those of a coreset's ``encoding``, and others were asked for."""
    from craig_cli.formats.messages import quoted

    kept = {column.name for column in encoding.columns}
    left_out = {
        "--exclude": kept & set(reading.get("exclude") or ()),
        "--features": kept - set(reading["features"]) if reading.get("features") else set(),
    }
    if reading.get("numeric_only"):
        left_out["--numeric-only"] = {
            each.name for each in encoding.columns if each.kind in ("category", "text", "time")
        }
    for option, names in left_out.items():
        if names:
            note(f"{option} has no effect: the coreset was selected by column {quoted(min(names))} too")
