"""Trainers as the guide's page on trainers recommends them, for its tests and for the benchmark.

``TRAINERS[name].fit(X, y, weight, ratio)`` gives a function of rows: the probability of class 1, y being 0 or 1, or the
value of a regression. ``ratio`` is n / r, by which C and its like are multiplied where the weights have mean 1.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

THREADS = 1


@dataclass(frozen=True)
class Trainer:
    """A trainer and what its weights do.

    module      what it needs, to be skipped without
    scale       "sum" or "mean", the recommended scale of weights; "none" where it takes none
    scale_free  weights times eight, which rounds nothing, train the same model
    repeats     a row of weight k trains the same model as k rows
    regression  its labels are numbers
    most        rows that it takes in a time worth waiting for
    """

    module: str
    fit: Callable
    scale: str = "sum"
    scale_free: bool = False
    repeats: bool = False
    regression: bool = False
    most: float = float("inf")


def _sklearn(path: str, by_c: str | None = None, **settings) -> Callable:
    """``by_c``: "C" or "alpha", multiplied or divided by ``ratio``."""
    module, _, name = path.rpartition(".")

    def fit(features, labels, weight, ratio=1.0):
        made = getattr(importlib.import_module(f"sklearn.{module}"), name)(**settings)
        if by_c is not None:
            value = made.get_params()[by_c]
            made.set_params(**{by_c: value * ratio if by_c == "C" else value / ratio})
        made.fit(features, labels) if weight is None else made.fit(features, labels, sample_weight=weight)
        return lambda rows: made.predict_proba(rows)[:, 1] if hasattr(made, "predict_proba") else _margin(made, rows)

    return fit


def _margin(made, rows):
    if not hasattr(made, "decision_function"):
        return made.predict(rows)
    return 1.0 / (1.0 + np.exp(-made.decision_function(rows)))


def _xgboost(features, labels, weight, ratio=1.0, **settings):
    import xgboost

    made = xgboost.XGBClassifier(n_jobs=THREADS, **settings).fit(features, labels, sample_weight=weight)
    return lambda rows: made.predict_proba(rows)[:, 1].astype(float)


def _lightgbm(features, labels, weight, ratio=1.0, **settings):
    import lightgbm

    settings = {"n_jobs": THREADS, "verbose": -1, "deterministic": True, "num_leaves": 8} | settings
    made = lightgbm.LGBMClassifier(**settings).fit(features, labels, sample_weight=weight)
    return lambda rows: made.booster_.predict(rows)


def _catboost(features, labels, weight, ratio=1.0, **settings):
    import catboost

    settings = {"thread_count": THREADS, "verbose": 0, "allow_writing_files": False, "iterations": 300} | settings
    made = catboost.CatBoostClassifier(**{"learning_rate": 0.05} | settings)
    made.fit(features, labels, sample_weight=weight)
    return lambda rows: made.predict_proba(rows)[:, 1]


def _vw(features, labels, weight, ratio=1.0, passes=None, more=""):
    import vowpalwabbit as vw

    def example(row, tail=""):
        return tail + "| " + " ".join(f"{column}:{value:.9g}" for column, value in enumerate(row) if value)

    model = vw.Workspace(f"--loss_function logistic --link logistic --quiet -b 18 {more}")
    weight = np.ones(len(labels)) if weight is None else weight
    for _ in range(passes or max(1, round(ratio))):
        for row, label, gamma in zip(features, labels, weight):
            model.learn(example(row, f"{2 * label - 1:g} {gamma:.9g} "))
    return lambda rows: np.array([model.predict(example(row)) for row in rows])


def _neighbours(features, labels, weight, ratio=1.0, count=20):
    """k-nearest neighbours, with one vote more for each class: a chance of 0 would be infinitely wrong."""
    fitted = _sklearn("neighbors.KNeighborsClassifier", n_neighbors=count)(features, labels, None)
    return lambda rows: (count * fitted(rows) + 1) / (count + 2)


def _gaussian_process(features, labels, weight, ratio=1.0):
    return _sklearn("gaussian_process.GaussianProcessClassifier")(features, labels, None)


TRAINERS = {
    "LogisticRegression": Trainer("sklearn", _sklearn("linear_model.LogisticRegression", max_iter=2000), repeats=True),
    "LogisticRegression saga": Trainer(
        "sklearn", _sklearn("linear_model.LogisticRegression", "C", solver="saga", max_iter=20_000, tol=1e-6), "mean"
    ),
    "SGDClassifier": Trainer("sklearn", _sklearn("linear_model.SGDClassifier", loss="log_loss", alpha=0.01), "mean"),
    "LinearSVC": Trainer("sklearn", _sklearn("svm.LinearSVC", dual=False), repeats=True),
    "SVC": Trainer("sklearn", _sklearn("svm.SVC"), repeats=True),
    "RandomForest": Trainer(
        "sklearn", _sklearn("ensemble.RandomForestClassifier", random_state=0, n_jobs=THREADS), scale_free=True
    ),
    "HistGradientBoosting": Trainer(
        "sklearn",
        _sklearn("ensemble.HistGradientBoostingClassifier", early_stopping=False, max_leaf_nodes=8),
        "mean",
        scale_free=True,
    ),
    "XGBoost": Trainer("xgboost", _xgboost, "mean"),
    "LightGBM": Trainer("lightgbm", _lightgbm, "mean", scale_free=True),
    "CatBoost": Trainer("catboost", _catboost),
    "Vowpal Wabbit": Trainer("vowpalwabbit", _vw),
    "Ridge": Trainer("sklearn", _sklearn("linear_model.Ridge"), repeats=True, regression=True),
    "SVR": Trainer("sklearn", _sklearn("svm.SVR"), repeats=True, regression=True),
    "Lasso": Trainer(
        "sklearn", _sklearn("linear_model.Lasso", alpha=0.01), "mean", scale_free=True, repeats=True, regression=True
    ),
    "k-nearest neighbours": Trainer("sklearn", _neighbours, "none"),
    "Gaussian process": Trainer("sklearn", _gaussian_process, "none", most=2000),
    "XGBoost unweighted": Trainer("xgboost", lambda x, y, w, ratio=1.0: _xgboost(x, y, None), "none"),
}


def log_loss(labels: np.ndarray, chance: np.ndarray) -> float:
    """Mean negative log likelihood of ``labels`` (n,) 0 or 1 under the chances (n,) of 1."""
    chance = np.clip(chance, 1e-7, 1 - 1e-7)
    return float(-np.mean(labels * np.log(chance) + (1 - labels) * np.log1p(-chance)))


def curved(seed: int, rows: int = 6000, width: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """(features, labels 0 or 1) of a noisy, curved boundary."""
    generator = np.random.default_rng(seed)
    features = generator.standard_normal((rows, width))
    margin = features[:, 0] * features[:, 1] + np.sin(2 * features[:, 2]) + 0.5 * features[:, 3]
    return features, (margin + generator.logistic(size=rows) * 0.5 > 0).astype(float)
