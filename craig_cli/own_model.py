"""The rough model of the default selection: what fitted weights are calibrated at."""

from __future__ import annotations

import numpy as np

from craig_cli.artifacts.coreset import Coreset
from craig_cli.artifacts.model import Model
from craig_cli.at_model import facts_at
from craig_cli.dataset import Dataset, class_values
from craig_cli.errors import DataError
from craig_cli.evaluation.influence import Influence, influence_at
from craig_cli.selection.groups import REGRESSION_LOSSES
from craig_cli.training.design import Design, build_design
from craig_cli.training.newton import SHARPNESS, newton

PICKS_A_PARAMETER = 2  # with fewer, the model of the coreset says more of its rows than of the data


class OwnModel:
    """Called with rows and weights: the influence of all rows at the model trained on them, or None."""

    def __init__(self, dataset: Dataset, loss: str | None, l2: float, seed: int, note):
        self._dataset, self._l2, self._seed, self._note = dataset, l2, seed, note
        labels = len(class_values(dataset.labels)[0])
        self._loss = loss or ("logistic" if labels <= 2 else "multinomial")
        self.classes = 1 if self._loss in REGRESSION_LOSSES else labels
        self.parameters = (labels if self._loss == "multinomial" else 1) * (dataset.n_features + 1)
        self._design: Design | None = None
        self._coef: np.ndarray | None = None
        self.model: Model | None = None
        self.found: Influence | None = None

    def __call__(self, index: np.ndarray, weights: np.ndarray) -> Influence | None:
        """index (r,) int64 rows of the data set, weights (r,) float64."""
        if self.parameters * PICKS_A_PARAMETER > len(index):
            return self._leave(f"{self.parameters:,} parameters are too many for", index)
        try:
            coef, found = self._train(index, weights)
        except (DataError, np.linalg.LinAlgError) as error:
            return self._leave(f"no model could be trained ({error}) on", index)
        if found.dimension * PICKS_A_PARAMETER > len(index):
            return self._leave(f"some {found.dimension:,.0f} effective parameters are too many for", index)
        self._coef, self.found = coef, found
        self.model = self._design.model(coef, self._l2)
        return found

    def _train(self, index: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, Influence]:
        if self._design is None:
            self._design = build_design(self._dataset, self._loss, self._l2)
            self._coef = np.zeros((self._design.n_outputs, self._design.width))
        left = self._design.width / len(index) if self.found is None else self.found.decrement
        coef = newton(self._design.take(index, weights), self._coef, SHARPNESS * left)
        return coef, influence_at(self._design, coef, self._seed, vectors=False)

    def facts(self, coreset: Coreset) -> dict:
        """What the metadata says of the last model."""
        return facts_at(coreset, self._dataset, self.model, self.found)

    def _leave(self, why: str, index: np.ndarray) -> None:
        if self._note is not None and self.found is None:
            self._note(f"weights are counts: {why} {len(index):,} picks")
