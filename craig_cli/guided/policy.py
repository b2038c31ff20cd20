"""What weights are fitted at, where nothing else is asked for: a rough model of all rows.

The rows are exemplars of the features, which serve whatever is trained on them by distance (a kernel SVM). But a medoid
is a biased stand-in for its cluster, and for a linear model trained to convergence medoids with counts can lose to
random rows. So the weights are moved as little as possible until the gradient at a rough model (rough_model.py) is the
one of all rows (weights/calibrate.py): as far as that can be, the optimum of the coreset is that model. Where the
medoids' best weights leave some of the gradient over, a random member of each cluster stands for it instead, which is
unbiased. Where neither match it, which takes some picks for each parameter, models are trained on both, with fitted
weights and with counts, and what costs all rows least is taken (weights/weigh.py). Where the data has too few rows to
train a model, members keep counts.

Picking the rows at the model, as --pilot does, brings a linear model nearer still. But it picks those that the model
has wrong, which is the last thing that a kernel SVM should be given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from craig_cli.artifacts.coreset import Coreset
from craig_cli.dataset import Dataset, class_values
from craig_cli.errors import DataError
from craig_cli.guided.provenance import facts_at
from craig_cli.guided.rough_model import RoughModel, rough_model, sample_size
from craig_cli.selection.plan import Plan
from craig_cli.selection.weights.targets import Target
from craig_cli.training.newton import SHARPNESS, newton

LEAST_ROWS_A_PARAMETER = 2  # of a sample, or its model says more of those rows than of the data
ROUNDS = 4  # of training the rough model, at most


@dataclass(frozen=True)
class Guide:
    """The rough model that weights are fitted at."""

    dataset: Dataset
    rough: RoughModel
    l2: float
    note: Callable[[str], None] | None = None

    @property
    def target(self) -> Target:
        return Target(self.rough.found.vectors, self.rough.found.gradients, self.cost)

    def cost(self, rows: np.ndarray, weights: np.ndarray) -> float:
        """The objective of all rows at the model that is optimal on ``rows`` (r,) int64 with ``weights`` (r,)."""
        design, objective = self.rough.design, self.rough.found.objective
        coef = newton(design.take(rows, weights), self.rough.coef, SHARPNESS * objective).coef
        return design.objective(coef, design.margins(coef))

    def recorded(self, coreset: Coreset) -> Coreset:
        """The coreset with what its metadata says of the model; of weights that are counts after all, a note."""
        if coreset.metadata["weights"] != "fitted":
            if self.note is not None:
                self.note(f"weights are counts: {len(coreset):,} picks do not span the gradient of the model")
            return coreset
        model = self.rough.design.model(self.rough.coef, self.l2)
        facts = {"model": None, **facts_at(coreset, self.dataset, model, self.rough.found)}
        return replace(coreset, metadata=coreset.metadata | {"at": facts})


def train_guide(dataset: Dataset, plan: Plan, picks: int, note: Callable[[str], None] | None = None) -> Guide | None:
    """The rough model for ``picks`` rows, of the plan's loss or what suits the labels; None, with a note, where the
    data has too few rows for one.
    """
    n_classes = len(class_values(dataset.labels)[0])
    loss = plan.loss or ("logistic" if n_classes <= 2 else "multinomial")
    parameters = (n_classes if loss == "multinomial" else 1) * (dataset.n_features + 1)
    try:
        if LEAST_ROWS_A_PARAMETER * parameters > sample_size(dataset.n_rows, parameters, picks):
            raise DataError(f"{parameters:,} parameters are too many for {dataset.n_rows:,} rows")
        rough = rough_model(
            dataset, loss, plan.l2, picks=picks, rounds=ROUNDS, vectors=False, scale=plan.scale, seed=plan.seed
        )
    except (DataError, np.linalg.LinAlgError) as error:
        if note is not None:
            note(f"weights are counts, as there is no model to fit them at: {error}")
        return None
    return Guide(dataset, rough, plan.l2, note)
