"""What is asked of a selection from data in pieces: whether it can be done, and with nothing left open."""

from __future__ import annotations

from dataclasses import replace

from craig_cli.errors import DataError, UsageError
from craig_cli.registry import RECIPES
from craig_cli.selection.plan import Plan, wants_rough_model


class NotInPieces(DataError):
    """Something in the data that only reading all of it can make a number of, say more of, or select from."""


def check(plan: Plan) -> None:
    """Refuse what is not there yet."""
    algorithm = algorithm_of(plan)
    weights = plan.weights or RECIPES[plan.purpose].weights
    refused = None
    if algorithm not in ("partition", "strata"):
        refused = f"--algorithm {plan.algorithm}"
    elif algorithm == "strata" and plan.exemplar is not None:
        refused = f"strata and --exemplar {plan.exemplar}"
    elif plan.sizes is not None:
        refused = "--sizes"
    elif plan.epsilon is not None and (algorithm == "strata" or plan.exemplar == "member"):
        refused = f"--epsilon with {'strata' if algorithm == 'strata' else 'members'}"
    elif weights not in (None, "count") and not (wants_rough_model(plan) and weights in ("fitted", "calibrated")):
        refused = f"--weights {weights}"
    if refused is not None:
        raise UsageError(f"--stream: selects one size or epsilon, by partition or strata, so far, found {refused}")


def algorithm_of(plan: Plan) -> str:
    """Which one it will be."""
    algorithm = RECIPES[plan.purpose].algorithm if plan.algorithm == "auto" else plan.algorithm
    return "partition" if algorithm == "auto" else algorithm


def resolved(plan: Plan, at_model: bool) -> Plan:
    """The plan with algorithm, exemplars and swaps, as ``selection.plan.resolve`` has them."""
    algorithm = algorithm_of(plan)
    usual = "member" if plan.epsilon is None else "medoid"
    exemplar, swaps = plan.exemplar or RECIPES[plan.purpose].exemplar or usual, 1
    if algorithm == "strata":
        exemplar, swaps = None, 0
    elif at_model and exemplar == "member":
        swaps = 0
    return replace(plan, algorithm=algorithm, exemplar=exemplar, swaps=swaps if plan.swaps is None else plan.swaps)
