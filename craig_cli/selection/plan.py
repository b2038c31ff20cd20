"""What is asked of a selection: one ``Plan``, checked when it is made and resolved for the data in one place.

Where nothing else is said, members of clusters stand for them: a medoid is a biased stand-in for its cluster, and can
lose to random rows. They weigh their counts, or at a model what makes the gradient there come out right. An epsilon is
reached with the construction of the paper, medoids with counts, whose epsilon is the smallest. What a purpose wants
instead is in ``registry.RECIPES``; whether that is a rough model to select at, ``wants_rough_model`` says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from craig_cli.amounts import Amount, amount_of, rows_of
from craig_cli.dataset import Dataset, has_classes, is_csr, task_in_words
from craig_cli.errors import DataError, UsageError
from craig_cli.registry import (
    ALGORITHMS,
    BLOCK_SIZE,
    DEFAULT_L2,
    DELTA,
    EXEMPLARS,
    LOSSES,
    METRICS,
    RECIPES,
    ROUNDS,
    SCALES,
    TASKS,
    WEIGHTS,
    load,
)
from craig_cli.selection.at_model import AtModel
from craig_cli.selection.classes import Part, class_parts, is_regression

EXACT_WORK = 1e10  # up to about this many coordinate operations exact greedy takes a second, or some where all is far
Note = Callable[[str], None] | None


class Counted(Protocol):
    """Data of so many rows."""

    @property
    def n_rows(self) -> int: ...


@dataclass(frozen=True)
class Plan:
    """Everything that is asked of a selection; None is the policy's choice.

    fraction   in (0, 1], or size (elements), or epsilon (the smallest greedy prefix whose bound is at most that,
               the cover problem of equation 12): exactly one; or sizes
    sizes      numbers of rows (int) or shares (float, or text such as "5%"): nested coresets of these sizes, from one
               selection of the largest, whose first k elements are the coreset of size k (selection/nested.py)
    purpose    what the coreset is for, a name in ``registry.RECIPES``: it sets exemplar and weights where those are
               None, and says whether there is to be a rough model to select at, which guided/policy.py trains
    algorithm  "auto" or a name in ``registry.ALGORITHMS``
    exemplar   what stands for the rows of a pick: "medoid", the pick itself, or "member", a random one of them; of
               equal weights the row nearest to the mean of its stratum, or a random one
    weights    "count" as the algorithm has them, "calibrated" (weights/calibrate.py) at a model or else to the means of
               the classes, or "fitted": calibrated at a rough model of all rows, or counts where that trains more;
               or "equal": n_c / r_c in class c, of strata or random rows
    metric     distance between rows, a name in ``registry.METRICS``
    scale      scaling of the features for the distance, see scaling.py
    loss       to be trained. A regression loss has no classes
    radius     with ``loss``: epsilon bounds the gradient error for all ||(w, b)|| <= radius; without, it is the sum
               of feature distances
    task       whether the labels are classes or numbers; "auto" as they look (``dataset.has_classes``). Numbers are
               what loss "squared" takes them for
    per_class  select within each class
    block_size rows of a block of the partition algorithm; larger is slower and closer to exact greedy
    swaps      rounds of medoid swaps after the greedy; None is as many as the algorithm's record says
    delta      of the stochastic algorithm's guarantee, 1 - 1/e - delta of the optimum in expectation
    l2         penalty of the rough model; rounds: of training it, at most
    threads    None is all cores; memory_limit: bytes the selection may take, None is what the machine has free

    Raises UsageError for a name that is not known and for numbers that cannot be.
    """

    fraction: float | None = None
    size: int | None = None
    epsilon: float | None = None
    sizes: tuple[Amount | str, ...] | None = None
    purpose: str = "any"
    algorithm: str = "auto"
    exemplar: str | None = None
    weights: str | None = None
    metric: str = "euclidean"
    scale: str = "none"
    loss: str | None = None
    radius: float | None = None
    task: str = "auto"
    per_class: bool = True
    block_size: int = BLOCK_SIZE
    swaps: int | None = None
    delta: float = DELTA
    l2: float = DEFAULT_L2
    rounds: int = ROUNDS
    seed: int = 0
    threads: int | None = None
    memory_limit: int | None = None

    @classmethod
    def paper(cls, **asked) -> Plan:
        """The construction of the paper: medoids with counts. Algorithms that are not greedy have their own weights."""
        return cls(**{"exemplar": "medoid" if cls(**asked).method.greedy else None, "weights": "count"} | asked)

    def __post_init__(self) -> None:
        if self.purpose not in RECIPES:
            raise _unknown("purpose", self.purpose, RECIPES)
        if self.algorithm not in ("auto", *ALGORITHMS):
            raise _unknown("algorithm", self.algorithm, ("auto", *ALGORITHMS))
        if self.exemplar not in (None, *EXEMPLARS):
            raise _unknown("exemplar", self.exemplar, EXEMPLARS)
        if self.weights not in (None, *WEIGHTS):
            raise _unknown("weights", self.weights, WEIGHTS)
        if self.task not in TASKS:
            raise _unknown("task", self.task, TASKS)
        check_distance(self.metric, self.scale, self.loss, self.radius)
        if self.loss is not None and self.task != "auto" and self.is_regression != (self.task == "regression"):
            raise UsageError(f"task: the {self.loss} loss is not for {self.task}")
        if self.block_size < 1 or not 0.0 < self.delta < 1.0:
            raise UsageError("expected a block size of at least 1 and a delta between 0 and 1, found others")
        if self.sizes is not None and (isinstance(self.sizes, str) or len(self.sizes) == 0):
            raise UsageError(f"sizes: expected a list of sizes, found {self.sizes!r}")
        if self.rounds < 1:
            raise UsageError(f"rounds: expected at least 1, found {self.rounds}")

    @property
    def method(self):
        """The record of the algorithm; of "auto", which takes one of them, that of exact greedy."""
        return load(ALGORITHMS, "lazy" if self.algorithm == "auto" else self.algorithm)

    @property
    def is_regression(self) -> bool:
        return is_regression(self.loss)

    @property
    def has_labels(self) -> bool:
        """Whether the labels of the data say something: classes, or the targets of a regression."""
        return self.per_class or self.is_regression

    def budget(self, dataset: Dataset) -> int:
        """The number of elements that the fraction or the size asks for, 0 for an epsilon; raises UsageError."""
        given = {"fraction": self.fraction, "size": self.size, "epsilon": self.epsilon, "sizes": self.sizes}
        budgets = [name for name, value in given.items() if value is not None]
        nested = self.nested(dataset)
        if len(budgets) != 1 and not (nested and budgets == ["size", "sizes"] and self.size == nested[-1]):
            raise UsageError(
                f"expected one of fraction, size, epsilon and sizes, found {' and '.join(budgets) or 'none'}"
            )
        if nested:
            if nested[-1] > dataset.n_rows:
                raise UsageError(
                    f"sizes: expected at most the {dataset.n_rows} rows of {dataset.name}, found {nested[-1]}"
                )
            return nested[-1]
        if self.fraction is not None:
            if not 0.0 < self.fraction <= 1.0:
                raise UsageError(f"fraction: expected a number above 0 and at most 1, found {self.fraction:g}")
            return max(1, round(self.fraction * dataset.n_rows))
        if self.size is not None:
            if self.size < 1:
                raise UsageError(f"size: expected at least 1, found {self.size}")
            if self.size > dataset.n_rows:
                raise UsageError(
                    f"size: expected at most the {dataset.n_rows} rows of {dataset.name}, found {self.size}"
                )
            return int(self.size)
        assert self.epsilon is not None  # the one that is left
        if not self.epsilon >= 0.0:
            raise UsageError(f"epsilon: expected a number of 0 or more, found {self.epsilon:g}")
        return 0

    def nested(self, dataset: Counted) -> list[int]:
        """The sizes as numbers of rows, ascending, each once; none where no sizes were asked for."""
        return sorted({rows_of(amount_of(each), dataset.n_rows) for each in self.sizes or ()})


def wants_rough_model(plan: Plan) -> bool:
    """Whether rows are to be selected at a rough model of them all, which has to be trained first."""
    recipe = RECIPES[plan.purpose]
    if recipe.features is None or plan.epsilon is not None or not plan.has_labels or plan.method.baseline:
        return False
    return plan.weights in (None, "fitted") or recipe.always


def algorithm_of(plan: Plan) -> str:
    """The one that it will be; "auto" where the data will say whether it is lazy or partition."""
    if plan.algorithm != "auto":
        return plan.algorithm
    if plan.weights == "equal":
        return "strata"
    return RECIPES[plan.purpose].algorithm if wants_rough_model(plan) else "auto"


def check_metric(metric: str, sparse: bool, name: str) -> None:
    """Raise UsageError for a metric that the rows of data with this ``name``, which may be sparse, do not have."""
    if sparse and not load(METRICS, metric).sparse:
        raise UsageError(f"metric: {metric} distances are of dense rows, found sparse ones in {name}")


def resolve(plan: Plan, dataset: Dataset, at: AtModel | None = None, note: Note = None) -> tuple[Plan, list[Part]]:
    """(the plan with nothing left open, the classes to select from); ``at`` where rows are selected at a model.

    Raises UsageError for what does not go together.
    """
    if plan.weights == "equal":
        plan = replace(plan, algorithm=algorithm_of(plan))
    method = plan.method
    if not method.classes:
        if plan.radius is not None and not plan.is_regression:
            raise UsageError(
                f"radius: the bound for the {plan.loss} loss needs classes, which {method.name} does not heed"
            )
        plan = replace(plan, per_class=False)
    plan = _with_task(plan, dataset, note)
    usual = RECIPES[plan.purpose].weights if method.greedy else None
    weights = plan.weights or usual or ("count" if at is None else "calibrated")
    check_metric(plan.metric, is_csr(dataset.features), dataset.name)
    parts = class_parts(dataset, plan.loss, plan.radius, plan.per_class)
    algorithm = _algorithm(dataset, parts, at, note) if plan.algorithm == "auto" else plan.algorithm
    plan = with_exemplar(replace(plan, algorithm=algorithm, weights=weights), at is not None)
    _check_together(plan, at)
    return plan, parts


def with_exemplar(plan: Plan, at_model: bool) -> Plan:
    """The plan, whose algorithm is known, with the exemplar and the swaps that it leaves open."""
    method, exemplar, swaps = plan.method, plan.exemplar, plan.swaps
    if exemplar is None and method.greedy:
        exemplar = RECIPES[plan.purpose].exemplar or ("member" if plan.epsilon is None else "medoid")
    elif exemplar is None and (plan.algorithm, plan.weights) == ("strata", "equal"):
        exemplar = "medoid"
    if swaps is None:  # which medoid a member is drawn around matters little
        swaps = 0 if at_model and exemplar == "member" else method.swaps
    return replace(plan, exemplar=exemplar, swaps=swaps)


def _with_task(plan: Plan, dataset: Dataset, note: Note) -> Plan:
    """The plan, with the loss of a regression where the labels are numbers and nothing else was said of them.

    Raises DataError where a loss of classes was asked for.
    """
    if plan.is_regression or not plan.per_class:
        return plan
    is_regression = not has_classes(dataset.labels, dataset.task(plan.task))
    if is_regression and plan.loss is not None:
        raise DataError(
            f"{dataset.name}: expected class labels, found what looks like regression targets; "
            "give --loss squared, --task classification, or --no-per-class to leave the labels out"
        )
    words = task_in_words(dataset.labels, dataset.task(plan.task))
    if note is not None and (words or (is_regression and plan.task == "auto")):
        note(words or "label: regression, as the labels are no whole numbers; --task classification for classes")
    return replace(plan, loss="squared") if is_regression else plan


def _check_together(plan: Plan, at: AtModel | None) -> None:
    at_model = at is not None
    greedy = plan.method.greedy
    if plan.exemplar is not None and not greedy and (plan.algorithm, plan.weights) != ("strata", "equal"):
        raise UsageError(f"exemplar: goes with equal weights of strata or a greedy algorithm, found {plan.algorithm}")
    if plan.weights == "fitted" and (at is None or at.cost is None):
        raise UsageError(f"weights: fitted ones go with a rough model of the rows, found {_instead(plan, at_model)}")
    if plan.weights == "equal" and (greedy or at_model):
        what = "a model to select at" if at_model else plan.algorithm
        raise UsageError(f"weights: equal ones go with strata or random rows by features, found {what}")
    if plan.sizes is not None and (plan.algorithm, plan.weights) == ("strata", "equal"):
        raise UsageError(
            "sizes: equal weights want strata of equal mass, which differ from size to size; select each with size"
        )
    if plan.epsilon is None:
        return
    other: str | None = None
    if at_model:
        other = "distances at a model"
    elif not greedy:
        other = plan.algorithm
    elif plan.weights != "count":
        other = f"{plan.weights} weights"
    elif plan.exemplar == "member":
        other = "members"
    if other is not None:
        raise UsageError(f"epsilon needs a greedy order of medoids by features with counts, found {other}; give a size")


def _instead(plan: Plan, at_model: bool) -> str:
    """Why there is no rough model."""
    if at_model:
        return "a model to select at"
    if plan.epsilon is not None:
        return "an epsilon to reach"
    return plan.algorithm if plan.has_labels else "no-per-class"


def check_distance(metric: str, scale: str, loss: str | None, radius: float | None) -> None:
    """Raise UsageError for a name that is not known, or a radius without what it takes."""
    if metric not in METRICS:
        raise _unknown("metric", metric, METRICS)
    if scale not in SCALES:
        raise _unknown("scale", scale, SCALES)
    if loss is not None and loss not in LOSSES:
        raise _unknown("loss", loss, LOSSES)
    if radius is not None:
        if loss is None:
            raise UsageError("radius: expected a loss to go with it (--loss), found none")
        if not (0.0 < radius < np.inf):
            raise UsageError(f"radius: expected a positive number, found {radius:g}")
        if load(METRICS, metric).euclidean is None:
            those = " or ".join(name for name in METRICS if load(METRICS, name).euclidean is not None)
            raise UsageError(f"radius: the bound on the gradient takes {those} distances, found {metric}")


def _unknown(what: str, value, names) -> UsageError:
    return UsageError(f"{what}: expected one of {', '.join(names)}, found {value!r}")


def seconds_of(work: float) -> float:
    """About how long exact greedy takes for so many coordinate operations, on two cores.

    The less of them the larger the data, as more of the pairs are known to be far apart: measured were 5 to 9 s for
    8e9, 11 to 13 s for 6e10 and 120 s for 1.1e12.
    """
    return 5.0 * (work / 8e9) ** 0.65


def _algorithm(dataset: Dataset, parts: list[Part], at: AtModel | None, note: Note) -> str:
    """Exact greedy where that takes seconds. Judged by the data alone, so the same on every machine."""
    if at is not None:
        cost_of_pair = 12.0 + at.width
    elif is_csr(dataset.features):
        cost_of_pair = 60.0 + dataset.features.nnz / dataset.n_rows
    else:
        cost_of_pair = 12.0 + dataset.n_features
    work = sum(float(len(members)) ** 2 for _, members in parts) * cost_of_pair
    chosen = "lazy" if work <= EXACT_WORK else "partition"
    if note is not None:
        seconds = seconds_of(work)
        if chosen == "partition":
            note(f"selecting in blocks of nearby rows; exact greedy (--algorithm lazy) would take some {seconds:.0f} s")
        elif seconds >= 5.0:
            note(f"exact greedy takes some {seconds:.0f} s; --algorithm partition is faster")
    return chosen
