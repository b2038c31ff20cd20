"""Where trainers take weights and ignore them, as the guide says. What is not installed is skipped by its name."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from tests.external.test_more_contracts import close, few

__all__ = ["few"]  # the fixture


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("settings", [{}, {"leaf_estimation_method": "Gradient", "leaf_estimation_iterations": 50}])
def test_catboost_s_leaves_of_absolute_errors_ignore_weights_by_default(settings):
    catboost = pytest.importorskip("catboost")
    rows = np.repeat([[0.0], [1.0]], 21, axis=0)
    labels = np.tile(np.repeat([0.0, 1.0], [10, 11]), 2) + 5 * rows[:, 0]
    weight = np.tile(np.repeat([100.0, 1.0], [10, 11]), 2)
    again = np.repeat(np.arange(42), weight.astype(int))

    def says(rows, labels, weight=None):
        options = {"loss_function": "MAE", "iterations": 1, "depth": 1, "learning_rate": 1.0, "l2_leaf_reg": 0}
        options |= {"random_strength": 0, "bootstrap_type": "No", "verbose": 0, "allow_writing_files": False}
        return (
            catboost.CatBoostRegressor(**options, **settings).fit(rows, labels, sample_weight=weight).predict(rows[:1])
        )

    weighted, repeated, unweighted = says(rows, labels, weight), says(rows[again], labels[again]), says(rows, labels)
    assert close(weighted, repeated) == bool(settings) and close(weighted, unweighted) != bool(settings)


def test_bagging_of_all_rows_ignores_weights(few):
    ensemble, models = pytest.importorskip("sklearn.ensemble"), pytest.importorskip("sklearn.linear_model")
    features, labels, weight, _ = few
    weight = np.where(features[:, 0] > 0, 100.0, weight)

    def moved(**options):
        model = ensemble.BaggingRegressor(models.Ridge(), random_state=0, **options)
        found = [model.fit(features, labels, sample_weight=each).predict(features) for each in (weight, None)]
        return np.abs(found[0] - found[1]).max()

    assert moved(bootstrap=False) == 0.0 < 1e-2 < moved()


def test_catboost_s_categories_count_rows():
    """Each category has labels of 0 and 1 alike; by weight the odd ones are mostly 1."""
    catboost = pytest.importorskip("catboost")
    category, labels = np.repeat(np.arange(10), 100), np.tile([0, 1], 500)
    weight = np.where(labels == category % 2, 50.0, 1.0)
    order = np.random.default_rng(0).permutation(1000)
    options = {"iterations": 50, "learning_rate": 0.3, "verbose": 0, "allow_writing_files": False, "cat_features": [0]}

    def odd(**settings):
        model = catboost.CatBoostClassifier(**options, **settings)
        model.fit(category[order, None].astype(str), labels[order], sample_weight=weight[order])
        return model.predict_proba(np.arange(1, 10, 2)[:, None].astype(str))[:, 1]

    assert odd().max() < 0.6 < 0.9 < odd(one_hot_max_size=255).min()


def test_catboost_s_loss_for_survival_ignores_weights():
    catboost = pytest.importorskip("catboost")
    rows, times = np.repeat([[0.0], [1.0]], 20, axis=0), np.tile(np.exp([0.0, 1.0]), 20)
    options = {"loss_function": "SurvivalAft:dist=Normal", "iterations": 50, "depth": 1, "random_strength": 0}
    options |= {"l2_leaf_reg": 0, "bootstrap_type": "No", "verbose": 0, "allow_writing_files": False}
    said = []
    for weight in (None, np.tile([100.0, 1.0], 20)):
        data = catboost.Pool(rows, label=np.stack([times, times], axis=1), weight=weight)
        said.append(catboost.CatBoost(options).fit(data).predict(rows, prediction_type="RawFormulaVal"))
    assert close(*said, 1e-3)


def test_quantile_forest_s_leaves_ignore_weights():
    module = pytest.importorskip("quantile_forest")
    rows, labels = np.repeat([[0.0], [1.0]], 50, axis=0), np.tile([0.0, 1.0], 50) + np.repeat([0.0, 9.0], 50)
    forest = module.RandomForestQuantileRegressor(5, max_depth=1, bootstrap=False, max_samples_leaf=None)
    weighted, plain = (
        forest.fit(rows, labels, sample_weight=weight).predict(rows, quantiles="mean")
        for weight in (np.tile([9.0, 1.0], 50), None)
    )
    assert close(weighted, plain)
