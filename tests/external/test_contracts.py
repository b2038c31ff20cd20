"""What the guide says of trainers and weights, of the trainers as they are installed: a release that changes its mind
fails by name."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from craig_cli import select_coreset
from craig_cli.formats import read_dataset
from tests.conftest import SAMPLE
from tests.external.trainers import TRAINERS, curved, log_loss

SEEDS = range(3)
WEIGHTED = [name for name, trainer in TRAINERS.items() if trainer.scale != "none"]


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _read(name: str, half: str) -> tuple[np.ndarray, np.ndarray]:
    data = read_dataset([SAMPLE / f"{name}{half}.libsvm"])
    labels = data.labels / 20 if name == "regression" else (data.labels > 0).astype(float)
    return np.asarray(data.features), labels


def sets(regression: bool) -> list[tuple]:
    """(train, labels, test, labels) of two data sets, of a regression one."""
    if regression:
        return [(*_read("regression", ""), *_read("regression", ".test"))]
    features, labels = curved(0)
    return [
        (*_read("binary", ""), *_read("binary", ".test")),
        (features[:3000], labels[:3000], features[3000:], labels[3000:]),
    ]


def few(regression: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """300 rows, their labels, and whole weights of 1 to 4."""
    features, labels, *_ = sets(regression)[-1]
    generator = np.random.default_rng(0)
    rows = generator.choice(len(labels), 300, replace=False)
    return features[rows], labels[rows], generator.integers(1, 5, 300).astype(float)


def trained(name: str, *args) -> np.ndarray:
    pytest.importorskip(TRAINERS[name].module)
    *given, rows = args
    return TRAINERS[name].fit(*given)(rows)


@pytest.mark.parametrize("name", WEIGHTED)
def test_whether_the_scale_of_weights_matters(name):
    features, labels, weight = few(TRAINERS[name].regression)
    one, eight = (trained(name, features, labels, weight * scale, features) for scale in (1, 8))  # 8: no rounding
    moved = np.abs(one - eight).max()
    assert moved < 1e-6 if TRAINERS[name].scale_free else moved > 1e-4


@pytest.mark.parametrize("name", [name for name in WEIGHTED if TRAINERS[name].repeats])
def test_a_weight_of_k_is_k_rows(name):
    features, labels, weight = few(TRAINERS[name].regression)
    times = np.repeat(np.arange(len(labels)), weight.astype(int))
    weighted = trained(name, features, labels, weight, features)
    repeated = trained(name, features[times], labels[times], None, features)
    unweighted = trained(name, features, labels, None, features)
    assert np.abs(weighted - repeated).max() < min(0.04, np.abs(weighted - unweighted).max() / 2)


@pytest.mark.parametrize("name", WEIGHTED)
def test_the_recommended_scale_is_no_worse_than_the_other(name):
    trainer = TRAINERS[name]
    for features, labels, test, expected in sets(trainer.regression):
        losses = {"sum": [], "mean": []}
        for seed in SEEDS:
            options = {"loss": "squared"} if trainer.regression else {}
            coreset = select_coreset(features, labels, fraction=0.1, seed=seed, scale="standard", **options)
            ratio = len(labels) / len(coreset)
            for scale, found in losses.items():
                rows, values, weight = coreset.take(features, labels, normalize=scale)
                # What the guide says to set where weights have mean 1; Vowpal Wabbit's passes whatever they have
                settings = ratio if trainer.scale == scale == "mean" or name == "Vowpal Wabbit" else 1.0
                predicted = trained(name, rows, values, weight, settings, test)
                found.append(
                    np.sqrt(np.mean((predicted - expected) ** 2))
                    if trainer.regression
                    else log_loss(expected, predicted)
                )
        other = "mean" if trainer.scale == "sum" else "sum"
        assert np.mean(losses[trainer.scale]) < np.mean(losses[other]) + 0.005, losses


def test_xgboost_with_mean_one_has_at_most_four_fifths_of_the_loss_of_sums():
    features, labels = curved(0)
    rows, labels, test, expected = features[:3000], labels[:3000], features[3000:], labels[3000:]
    losses = {"sum": [], "mean": []}
    for seed in range(5):
        coreset = select_coreset(rows, labels, fraction=0.1, seed=seed)
        for scale, found in losses.items():
            taken = coreset.take(rows, labels, normalize=scale)
            found.append(log_loss(expected, trained("XGBoost", *taken, test)))
    assert np.mean(losses["mean"]) <= 0.8 * np.mean(losses["sum"]), losses


def test_xgboost_with_its_penalties_times_the_ratio_is_the_same_model():
    pytest.importorskip("xgboost")
    features, labels, weight = few(False)
    exact = {"tree_method": "exact"}
    one = TRAINERS["XGBoost"].fit(features, labels, weight, **exact)(features)
    same = {"reg_lambda": 8, "min_child_weight": 8}  # 8 is no rounding; the defaults are 1
    eight = TRAINERS["XGBoost"].fit(features, labels, weight * 8, **exact, **same)(features)
    assert np.abs(one - eight).max() < 1e-5


@pytest.mark.parametrize("fraction", [0.01, 0.02, 0.05, 0.1])
def test_saga_by_the_guide_s_recipe_reaches_the_optimum_of_lbfgs(fraction):
    """Mean 1 with C times n / r is the same objective, divided by n / r: as sums, its steps would be too long."""
    features, labels = curved(0, rows=20_000)
    coreset = select_coreset(features, labels, fraction=fraction)
    ratio = len(labels) / len(coreset)
    by_lbfgs = trained("LogisticRegression", *coreset.take(features, labels), 1.0, features)
    rows = coreset.take(features, labels, normalize="mean")
    by_saga = trained("LogisticRegression saga", *rows, ratio, features)
    assert abs(log_loss(labels, by_saga) - log_loss(labels, by_lbfgs)) < 1e-4


def test_lightgbm_s_leaves_do_not_shrink_with_the_rows():
    """min_data_in_leaf lowered with the share of rows, as one would think."""
    pytest.importorskip("lightgbm")
    features, labels = curved(0)
    rows, labels, test, expected = features[:3000], labels[:3000], features[3000:], labels[3000:]
    taken = select_coreset(rows, labels, fraction=0.1).take(rows, labels, normalize="mean")
    kept, lowered = (
        log_loss(expected, TRAINERS["LightGBM"].fit(*taken, num_leaves=31, min_child_samples=least)(test))
        for least in (20, 2)
    )
    assert lowered > 1.2 * kept


def test_hist_gradient_boosting_s_leaves_do_not_shrink_with_the_rows():
    pytest.importorskip("sklearn")
    features, labels = curved(0)
    rows, labels, test, expected = features[:3000], labels[:3000], features[3000:], labels[3000:]
    taken = select_coreset(rows, labels, fraction=0.1).take(rows, labels, normalize="mean")
    from sklearn.ensemble import HistGradientBoostingClassifier

    def loss(least):
        made = HistGradientBoostingClassifier(early_stopping=False, min_samples_leaf=least)
        return log_loss(expected, made.fit(taken[0], taken[1], sample_weight=taken[2]).predict_proba(test)[:, 1])

    assert loss(2) > 1.2 * loss(20)


def test_a_forest_s_float_max_samples_is_a_share_of_the_sum_of_weights():
    ensemble = pytest.importorskip("sklearn.ensemble")
    features, labels, weight = few(False)
    for scale in (1 / 8, 1.0, 8.0):
        made = ensemble.RandomForestClassifier(1, max_samples=0.5, random_state=0)
        made.fit(features, labels, sample_weight=weight * scale)
        drawn = made.estimators_[0].tree_.weighted_n_node_samples[0]
        assert abs(drawn - weight.sum() * scale / 2) <= 1


def test_vowpal_wabbit_with_sgd_takes_steps_as_long_as_the_weights():
    """Without, its steps are invariant to how an importance is cut up, and adapt."""
    pytest.importorskip("vowpalwabbit")
    features, labels = curved(0)
    rows, labels, test, expected = features[:3000], labels[:3000], features[3000:], labels[3000:]
    taken = select_coreset(rows, labels, fraction=0.1).take(rows, labels)
    plain, sgd = (
        log_loss(expected, TRAINERS["Vowpal Wabbit"].fit(*taken, 10.0, more=more)(test)) for more in ("", "--sgd")
    )
    assert sgd > 1.2 * plain


def test_vowpal_wabbit_with_passes_leaves_every_tenth_row_out(tmp_path):
    """Of several passes, unless --holdout_off is given: what only those rows have is never learnt."""
    vw = pytest.importorskip("vowpalwabbit")
    lines = [f"{1 if row % 3 else -1} 5.0 | {'tenth' if row % 10 == 9 else 'other'}:1\n" for row in range(300)]
    (tmp_path / "rows").write_text("".join(lines))
    learnt = []
    for more in ("", "--holdout_off"):
        model = f"-f {tmp_path / 'model'} -d {tmp_path / 'rows'} --passes 5 -c -k"
        vw.Workspace(f"--loss_function logistic --noconstant --quiet {model} {more}").finish()
        learnt.append(vw.Workspace(f"-i {tmp_path / 'model'} -t --quiet").predict("| tenth:1"))
    assert learnt[0] == 0 != learnt[1]


def test_catboost_minds_the_scale_only_where_it_draws_at_random():
    pytest.importorskip("catboost")
    features, labels, weight = few(False)
    for settings, same in (({}, False), ({"random_strength": 0, "bootstrap_type": "No"}, True)):
        one, eight = (TRAINERS["CatBoost"].fit(features, labels, weight * k, **settings)(features) for k in (1, 8))
        assert (np.abs(one - eight).max() < 1e-6) == same


def test_catboost_picks_its_learning_rate_by_the_number_of_rows():
    catboost = pytest.importorskip("catboost")
    features, labels = curved(0)
    settings = {"iterations": 50, "verbose": 0, "allow_writing_files": False, "thread_count": 1}
    few, many = (
        catboost.CatBoostClassifier(**settings).fit(features[:size], labels[:size]).learning_rate_
        for size in (300, 3000)
    )
    assert many > 1.5 * few


@pytest.mark.parametrize("module", ["liblinear.liblinearutil", "libsvm.svmutil"])
def test_the_packages_of_liblinear_and_libsvm_take_no_weights(module):
    """Why --to libsvm says that they do not read OUT.wgt."""
    util = pytest.importorskip(module)
    with pytest.raises((ValueError, TypeError)):
        problem = util.problem if hasattr(util, "problem") else util.svm_problem
        problem([1.0, -1.0], [{1: 1.0}, {1: -1.0}], W=[1.0, 10.0])
    with pytest.raises(ValueError, match="Wrong options"):
        (util.parameter if hasattr(util, "parameter") else util.svm_parameter)("-W weights -q")
