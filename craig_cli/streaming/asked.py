"""What is asked of a selection from data in pieces: whether it can be done, and with nothing left open."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace

import numpy as np

from craig_cli.errors import DataError, UsageError
from craig_cli.formats import addresses
from craig_cli.formats.pieces import Pieces, open_pieces
from craig_cli.formats.state import State
from craig_cli.memory import available_memory
from craig_cli.registry import RECIPES
from craig_cli.selection.plan import Plan, algorithm_of, wants_rough_model, with_exemplar
from craig_cli.streaming.limits import in_memory
from craig_cli.version import __version__

LARGE = 1_000_000  # rows, of more it streams unless another algorithm is asked for


class NotStreamed(DataError):
    """Something in the data that only reading all of it can make a number of, say more of, or select from."""


def check(plan: Plan) -> None:
    """Refuse what is not there yet."""
    algorithm = streamed_algorithm(plan)
    weights = plan.weights or RECIPES[plan.purpose].weights
    refused = None
    if algorithm not in ("partition", "strata"):
        refused = f"--algorithm {plan.algorithm}"
    elif algorithm == "strata" and plan.exemplar is not None:
        refused = f"strata and --exemplar {plan.exemplar}"
    elif plan.epsilon is not None and (algorithm == "strata" or plan.exemplar == "member"):
        refused = f"--epsilon with {'strata' if algorithm == 'strata' else 'members'}"
    elif weights not in (None, "count") and not (wants_rough_model(plan) and weights in ("fitted", "calibrated")):
        refused = f"--weights {weights}"
    if refused is not None:
        raise UsageError(f"--stream: selects by partition or strata so far, found {refused}")


def streamed_algorithm(plan: Plan) -> str:
    """Which one it will be, whatever the data is like."""
    algorithm = algorithm_of(plan)
    return "partition" if algorithm == "auto" else algorithm


def resolved(plan: Plan, at_model: bool) -> Plan:
    """The plan with algorithm, exemplars and swaps."""
    return with_exemplar(replace(plan, algorithm=streamed_algorithm(plan)), at_model)


def facts_of(plan: Plan, reading: dict, leaf_rows: int | None) -> dict:
    """What a scratch folder has to agree on with the run that resumes it."""
    asked = {key: value for key, value in asdict(plan).items() if key not in ("threads", "memory_limit")}
    return {"version": __version__, "options": asked, "reading": reading, "rows of a leaf": leaf_rows}


def inputs_of(pieces: Pieces, reading: dict) -> dict[str, list]:
    """Path of each file that is read -> what shows whether it is the one that was read before."""
    states = list(pieces.states)
    if reading.get("weight_file") is not None:
        states.append(State.of(reading["weight_file"]))
    return {addresses.without_secrets(addresses.absolute(state.path)): [state.size, state.modified] for state in states}


def sizes_of(plan: Plan, pieces: Pieces) -> list[int]:
    """How many rows to pick, for every size in ascending order; none where an epsilon says it."""
    n_rows, name = pieces.n_rows, "size" if plan.sizes is None else "sizes"
    if plan.epsilon is not None:
        return []
    if plan.fraction is not None:
        return [max(1, round(plan.fraction * n_rows))]
    sizes = plan.nested(pieces) if plan.size is None else [plan.size]
    if sizes[-1] > n_rows:
        raise UsageError(f"{name}: expected at most the {n_rows} rows of {pieces.shown}, found {sizes[-1]}")
    return sizes


def tell(note: Callable[[str], None] | None, texts: Iterable[str]) -> None:
    """Each as a line for the user, where anybody listens."""
    if note is not None:
        for text in texts:
            note(text)


def reason_to_stream(paths: Sequence[str], plan: Plan, reading: dict) -> str | None:
    """Why to stream what nobody said how to select from, or None: the data is large, or does not fit the memory.

    Raises UsageError and DataError for what cannot be streamed.
    """
    check(plan)
    pieces = open_pieces(paths, **reading)
    n_rows = pieces.n_rows
    by_itself = plan.algorithm == "auto" and streamed_algorithm(plan) == "partition" and plan.epsilon is None
    if n_rows > LARGE and by_itself:  # the same on every machine
        return f"{n_rows:,} rows, leaf by leaf (craig guide scale)"
    most, there = np.inf if plan.memory_limit is None else float(plan.memory_limit), available_memory()
    read, selecting = in_memory(pieces, plan, reading.get("features") is not None, min(most, there))
    if selecting <= most and read + selecting <= there:
        return None
    return "leaf by leaf, as it does not fit the memory: not the rows that would be picked in memory"
