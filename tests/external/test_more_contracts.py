"""What the guide says of further libraries, and of what stands around a trainer: a release that changes its mind fails
by name. A library that is not installed is skipped by its name."""

from __future__ import annotations

import importlib.util
import inspect
import os
import warnings

import numpy as np
import pytest

from tests.external.trainers import curved

WEIGHTLESS = [
    "decomposition.PCA",
    "discriminant_analysis.LinearDiscriminantAnalysis",
    "discriminant_analysis.QuadraticDiscriminantAnalysis",
    "gaussian_process.GaussianProcessClassifier",
    "gaussian_process.GaussianProcessRegressor",
    "neighbors.KNeighborsClassifier",
    "neighbors.KNeighborsRegressor",
    "preprocessing.MinMaxScaler",
    "preprocessing.QuantileTransformer",
    "preprocessing.RobustScaler",
    "preprocessing.TargetEncoder",
]


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture(scope="module")
def few():
    """(features (300, 8), labels (300,) 0 or 1, whole weights (300,) of 1 to 4, the rows so often)."""
    features, labels = curved(0, 300)
    weight = np.random.default_rng(0).integers(1, 5, 300).astype(float)
    return features, labels, weight, np.repeat(np.arange(300), weight.astype(int))


def close(one, other, tolerance=1e-5) -> bool:
    return bool(np.abs(np.asarray(one) - np.asarray(other)).max() < tolerance)


# --- scikit-learn -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", WEIGHTLESS)
def test_scikit_learn_takes_no_weights_here(path):
    module, name = path.split(".")
    found = getattr(pytest.importorskip(f"sklearn.{module}"), name)
    assert "sample_weight" not in inspect.signature(found.fit).parameters


@pytest.mark.parametrize("path", ["ElasticNet", "PoissonRegressor"])
def test_penalties_of_a_mean_are_free_of_scale(path, few):
    models = pytest.importorskip("sklearn.linear_model")
    features, labels, weight, times = few
    made = getattr(models, path)(alpha=0.1, tol=1e-9, max_iter=10_000)
    one, eight = (made.fit(features, labels, sample_weight=weight * k).coef_.copy() for k in (1, 8))
    repeated = made.fit(features[times], labels[times]).coef_.copy()
    assert close(one, eight) and close(one, repeated)
    assert not close(one, made.fit(features, labels).coef_, 1e-3)


def test_kernel_ridge_adds_up(few):
    """Sums of weights keep alpha: a row of weight k is k rows."""
    ridge = pytest.importorskip("sklearn.kernel_ridge")
    features, labels, weight, times = few
    made = ridge.KernelRidge(kernel="rbf", alpha=1.0)
    one, eight = (made.fit(features, labels, sample_weight=weight * k).predict(features) for k in (1, 8))
    repeated = made.fit(features[times], labels[times]).predict(features)
    assert close(one, repeated) and not close(one, eight, 1e-3)


@pytest.mark.parametrize(
    "path, by_weights",
    [
        ("linear_model.LogisticRegression", True),
        ("svm.LinearSVC", True),
        ("ensemble.RandomForestClassifier", True),
        ("svm.SVC", False),
        ("tree.DecisionTreeClassifier", False),
        ("ensemble.HistGradientBoostingClassifier", False),
        ("linear_model.SGDClassifier", False),
        ("linear_model.RidgeClassifier", False),
    ],
)
def test_what_balanced_balances(path, by_weights, few):
    """Some count the weights of the classes, some the rows; both then multiply with the weights."""
    module, name = path.split(".")
    trainer = getattr(pytest.importorskip(f"sklearn.{module}"), name)
    features, labels, weight, _ = few
    weight = np.where(labels > 0, weight * 9, weight)  # by weight the classes are far from balanced
    settings = {"random_state": 0, "max_depth": 4}  # a tree of pure leaves has nothing to balance
    settings = {key: value for key, value in settings.items() if key in inspect.signature(trainer).parameters}

    def predicted(weights, **more):
        made = trainer(**settings | more).fit(features, labels, sample_weight=weights)
        return made.predict_proba(features) if hasattr(made, "predict_proba") else made.decision_function(features)

    def balance(counts):
        ones = counts[labels > 0].sum()
        return np.where(labels > 0, counts.sum() / (2 * ones), counts.sum() / (2 * (counts.sum() - ones)))

    asked = predicted(weight, class_weight="balanced")
    by_sums, by_rows = (predicted(weight * balance(counts)) for counts in (weight, np.ones(len(labels))))
    assert close(asked, by_sums) == by_weights and close(asked, by_rows) != by_weights


def test_a_pipeline_s_scaler_does_not_see_the_weights(few):
    pipeline = pytest.importorskip("sklearn.pipeline")
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    features, labels, weight, _ = few
    made = pipeline.make_pipeline(StandardScaler(), LogisticRegression())
    made.fit(features, labels, logisticregression__sample_weight=weight)
    assert close(made[0].mean_, features.mean(axis=0))
    made.fit(features, labels, logisticregression__sample_weight=weight, standardscaler__sample_weight=weight)
    assert close(made[0].mean_, np.average(features, axis=0, weights=weight))


def test_a_search_weighs_the_scores_of_held_out_rows_and_cross_validation_does_not(few):
    selection = pytest.importorskip("sklearn.model_selection")
    from sklearn.dummy import DummyClassifier

    features, labels, *_ = few
    weight = np.where(labels > 0, 50.0, 1.0)  # the constant 1 is right for nearly all of the weight
    made = DummyClassifier(strategy="constant", constant=1)
    search = selection.GridSearchCV(made, {"constant": [1]}, cv=3)
    search.fit(features, labels, sample_weight=weight)
    crossed = selection.cross_validate(made, features, labels, cv=3, params={"sample_weight": weight})
    assert search.best_score_ == pytest.approx(np.average(labels, weights=weight), abs=0.02)
    assert crossed["test_score"].mean() == pytest.approx(labels.mean(), abs=0.02)


# --- statsmodels --------------------------------------------------------------------------------------------


def test_statsmodels_glm_counts_freq_weights(few):
    sm = pytest.importorskip("statsmodels.api")
    features, labels, weight, times = few
    family = sm.families.Binomial()
    fitted = sm.GLM(labels, features, family=family, freq_weights=weight).fit(tol=1e-10)
    repeated = sm.GLM(labels[times], features[times], family=family).fit(tol=1e-10)
    assert close(fitted.params, repeated.params)
    assert close(fitted.bse, repeated.bse)  # the standard errors, too: sums, not mean 1
    mean = sm.GLM(labels, features, family=family, freq_weights=weight / weight.mean()).fit(tol=1e-10)
    assert close(mean.params, fitted.params) and not close(mean.bse, fitted.bse, 1e-3)


def test_statsmodels_logit_ignores_weights_with_a_warning(few):
    sm = pytest.importorskip("statsmodels.api")
    features, labels, weight, _ = few
    with pytest.warns(Warning, match="freq_weights"):
        given = sm.Logit(labels, features, freq_weights=weight)
    assert close(given.fit(disp=0).params, sm.Logit(labels, features).fit(disp=0).params)


def test_statsmodels_regularized_glm_divides_by_rows(few):
    """So that mean 1 keeps alpha, and sums make it n / r times weaker."""
    sm = pytest.importorskip("statsmodels.api")
    features, labels, weight, times = few

    def params(weights, rows):
        made = sm.GLM(labels[rows], features[rows], family=sm.families.Binomial(), freq_weights=weights)
        return made.fit_regularized(alpha=0.05, L1_wt=0.5, cnvrg_tol=1e-10, maxiter=2000).params

    every = np.arange(len(labels))
    repeated = params(None, times)
    assert close(params(weight / weight.mean(), every), repeated, 1e-3)
    assert not close(params(weight, every), repeated, 1e-2)


# --- torch --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, by_weights",
    [("mse_loss", True), ("l1_loss", True), ("huber_loss", False), ("binary_cross_entropy", False)],
)
def test_torch_s_losses_divide_by_weights_or_by_rows(name, by_weights):
    """With mean 1 the two are the same."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    loss = getattr(torch.nn.functional, name)
    generator = torch.Generator().manual_seed(0)
    found, labels = torch.rand(64, generator=generator), (torch.rand(64, generator=generator) > 0.5).float()
    weight = torch.randint(1, 5, (64,), generator=generator).float()
    total = (weight * loss(found, labels, reduction="none")).sum()
    for given in (weight, weight / weight.mean()):
        asked = loss(found, labels, weight=given)
        assert torch.isclose(asked, total * given.sum() / weight.sum() / (given.sum() if by_weights else 64))


# --- glum, river, pyGAM, skglm ------------------------------------------------------------------------------


def test_glum_is_free_of_scale(few):
    glum = pytest.importorskip("glum")
    features, labels, weight, times = few
    made = glum.GeneralizedLinearRegressor(family="binomial", alpha=0.05, l1_ratio=0.5, gradient_tol=1e-8)
    one, eight = (made.fit(features, labels, sample_weight=weight * k).coef_.copy() for k in (1, 8))
    repeated = made.fit(features[times], labels[times]).coef_.copy()
    assert close(one, eight) and close(one, repeated)
    assert not close(one, made.fit(features, labels).coef_, 1e-3)


def test_river_takes_a_step_as_long_as_the_weight():
    linear = pytest.importorskip("river.linear_model", reason="river is not installed")
    steps = []
    for weight in (1.0, 10.0):
        made = linear.LogisticRegression(l2=0.0)
        made.learn_one({"x": 0.5}, True, w=weight)
        steps.append(made.weights["x"])
    assert steps[1] == pytest.approx(10 * steps[0])


def test_pygam_adds_up(few):
    pygam = pytest.importorskip("pygam")
    features, labels, weight, times = few

    def predicted(rows, weights):
        made = pygam.LinearGAM(pygam.l(0) + pygam.l(1) + pygam.l(2), lam=5.0)
        return made.fit(features[rows, :3], labels[rows], weights=weights).predict(features[:, :3])

    every = np.arange(len(labels))
    repeated = predicted(times, None)
    assert close(predicted(every, weight), repeated, 1e-4)
    assert not close(predicted(every, weight / weight.mean()), repeated, 1e-3)


def test_skglm_s_logistic_regression_takes_no_weights():
    skglm = pytest.importorskip("skglm")
    assert "sample_weight" not in inspect.signature(skglm.SparseLogisticRegression.fit).parameters


def test_interpret_is_free_of_scale(few):
    interpret = pytest.importorskip("interpret.glassbox")
    features, labels, weight, _ = few
    made = interpret.ExplainableBoostingClassifier(
        interactions=0, outer_bags=1, n_jobs=1, random_state=0, max_rounds=50
    )
    one, eight = (made.fit(features, labels, sample_weight=weight * k).predict_proba(features) for k in (1, 8))
    assert close(one, eight, 1e-6)


# --- Keras --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def keras():
    """Keras with a backend that is installed."""
    backend = next((name for name in ("torch", "jax", "tensorflow") if importlib.util.find_spec(name)), None)
    if backend is None:
        pytest.skip("Keras has no backend here")
    os.environ.setdefault("KERAS_BACKEND", backend)
    return pytest.importorskip("keras")


def test_keras_divides_by_the_rows_of_the_batch(keras, few):
    """Its step and its loss; the metrics it is told to weigh are weighted means."""
    features, labels, weight, _ = few
    targets = labels.astype("float32")[:, None]

    def model(**options):
        layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
        model = keras.Sequential([keras.Input((8,)), layer])
        model.compile(optimizer=keras.optimizers.SGD(0.01), loss=options.pop("loss", "mse"), **options)
        return model

    def step(weights, **options):
        one = model(**options)
        one.fit(features, targets, sample_weight=weights, batch_size=300, shuffle=False, verbose=0)
        return one.get_weights()[0].ravel()

    total = 2 * (features * targets * weight[:, None]).sum(axis=0)
    assert close(step(weight), 0.01 * total / len(weight)) and close(step(4 * weight), 0.04 * total / len(weight))
    by_sum = keras.losses.MeanSquaredError(reduction="mean_with_sample_weight")
    assert close(step(weight, loss=by_sum), 0.01 * total / weight.sum())
    one = model(metrics=["mae"], weighted_metrics=["mae"])
    found = one.evaluate(features, targets, sample_weight=weight, batch_size=300, return_dict=True, verbose=0)
    size = np.abs(targets.ravel())
    assert close(found["loss"], np.mean(weight * size**2), 1e-4)
    assert close(found["mae"], size.mean()) and close(found["weighted_mae"], np.average(size, weights=weight))
    with pytest.raises(ValueError, match="class_weight"):  # one of the two, not both
        one.fit(features, targets, sample_weight=weight, class_weight={0: 1.0, 1: 2.0}, verbose=0)


def test_scale_of_svm_is_of_the_rows_as_they_are(few):
    svm = pytest.importorskip("sklearn.svm")
    features, labels, weight, again = few
    weighted = svm.SVC(gamma="scale").fit(features, labels, sample_weight=weight)
    assert close(weighted._gamma, 1 / (features.shape[1] * features.var()), 1e-12)
    assert not close(weighted._gamma, svm.SVC(gamma="scale").fit(features[again], labels[again])._gamma)


def test_lifelines_penalty_of_cox_shrinks_with_weights():
    lifelines, pandas = pytest.importorskip("lifelines"), pytest.importorskip("pandas")
    generator = np.random.default_rng(0)
    frame = pandas.DataFrame({"x": generator.standard_normal(200)})
    frame["time"] = np.exp(frame["x"] + generator.standard_normal(200))

    def moved(fitter):
        """By how much a weight of 10 for all rows moves the coefficient."""
        found = [
            np.ravel(fitter(penalizer=0.5).fit(frame.assign(weight=k), "time", weights_col="weight").params_)[0]
            for k in (1.0, 10.0)
        ]
        return abs(found[0] - found[1])

    assert moved(lifelines.WeibullAFTFitter) < 1e-3 < 0.1 < moved(lifelines.CoxPHFitter)
