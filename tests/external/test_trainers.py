"""The real programs on exported files: ``make test-external``.

A model trained on the exported file is the model trained through the program's Python API on the same rows and
sample weights, or the same numbers within float32 where a program parses text in its own way.
"""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest

from craig_cli.artifacts.coreset import write_coreset
from craig_cli.artifacts.model import read_model, write_model
from craig_cli.cli import cli
from craig_cli.formats import read_dataset
from craig_cli.selection.plan import Plan
from craig_cli.selection.select import select_dataset
from craig_cli.training.fit import fit
from tests.conftest import SAMPLE
from tests.test_export import CASES, own_prediction

BY_MEAN = ("xgboost", "lightgbm")


@pytest.fixture(scope="module", params=["binary", "multiclass", "regression"])
def case(request):
    """(name, data, coreset whose weights are far from equal)."""
    data = read_dataset([SAMPLE / f"{request.param}.libsvm"])
    loss = "squared" if request.param == "regression" else None
    return request.param, data, select_dataset(data, Plan.paper(size=200, loss=loss))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def export(case, target: str, *options: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Write ``out``; (features, labels, weights) of its rows, in the order of the data."""
    name, data, coreset = case
    write_coreset("in.coreset", coreset)
    run(SAMPLE / f"{name}.libsvm", "--coreset", "in.coreset", "--to", target, "-o", "out", *options)
    order = np.argsort(coreset.index)
    index = coreset.index[order]
    weight, by_mean = coreset.weight[order], target in BY_MEAN and not options
    return data.features[index], data.labels[index], weight / weight.mean() if by_mean else weight


def run(*args: object) -> None:
    with cli.make_context("craig", ["export", *map(str, args), "-q"], obj={}) as context:
        cli.invoke(context)


def matters(case, trained, without) -> None:
    """The test would notice if the weights were lost."""
    assert np.abs(np.asarray(trained) - np.asarray(without)).max() > 1e-3


# --- XGBoost ------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*Text file input has been deprecated.*:UserWarning")
def test_xgboost(case, folder):
    xgboost = pytest.importorskip("xgboost")
    name, data, _ = case
    features, labels, weight = export(case, "xgboost", "--normalize", "sum")  # whole numbers, which it reads exactly
    objective = {
        "binary": {"objective": "binary:logistic"},
        "multiclass": {"objective": "multi:softprob", "num_class": 5},
        "regression": {"objective": "reg:squarederror"},
    }[name]
    settings = {**objective, "nthread": 1, "max_depth": 4, "tree_method": "exact", "base_score": 0.5}
    labels = (labels + 1) / 2 if name == "binary" else labels
    # In text a zero is left out, and what is left out is missing
    arrays = xgboost.DMatrix(features, labels, weight=weight, missing=0.0)
    unweighted = xgboost.DMatrix(features, labels, missing=0.0)
    text = xgboost.DMatrix("out?format=libsvm")
    assert np.array_equal(text.get_weight(), weight.astype(np.float32))
    assert np.array_equal(np.loadtxt("out.weight"), weight)
    everything = xgboost.DMatrix(data.features[:, : text.num_col()], missing=0.0)
    trained = [xgboost.train(settings, rows, 20).predict(everything) for rows in (text, arrays, unweighted)]
    # Its parser of text is off by a unit in the last place of a float32 here and there
    assert np.allclose(trained[0], trained[1], rtol=1e-5)
    matters(case, trained[0], trained[2])


# --- LightGBM -----------------------------------------------------------------------------------------------


def test_lightgbm(case, folder):
    lightgbm = pytest.importorskip("lightgbm")
    name, data, _ = case
    features, labels, weight = export(case, "lightgbm")
    objective = {
        "binary": {"objective": "binary"},
        "multiclass": {"objective": "multiclass", "num_class": 5},
        "regression": {"objective": "regression"},
    }[name]
    settings = {**objective, "num_threads": 1, "min_data_in_leaf": 5, "verbose": -1, "deterministic": True, "seed": 0}
    labels = (labels + 1) / 2 if name == "binary" else labels
    sets = [
        lightgbm.Dataset("out", params=settings),
        lightgbm.Dataset(features, labels, weight=weight, params=settings),
        lightgbm.Dataset(features, labels, params=settings),
    ]
    trained = [lightgbm.train(settings, rows, 20).predict(data.features) for rows in sets]
    assert np.array_equal(sets[0].get_weight(), weight.astype(np.float32))
    assert sets[0].num_feature() == data.n_features
    assert np.allclose(trained[0], trained[1], rtol=1e-6, atol=1e-9)
    matters(case, trained[0], trained[2])


def test_lightgbm_where_the_first_rows_are_all_zeros(folder):
    """It guesses the format from the first lines."""
    lightgbm = pytest.importorskip("lightgbm")
    lines = ["1", "-1", "1", "-1"] + [f"{1 if row % 3 else -1} 1:{row} 3:{row % 7}" for row in range(60)]
    (folder / "in").write_text("\n".join(lines) + "\n")
    run("in", "--to", "lightgbm", "-o", "out")
    rows = lightgbm.Dataset("out", params={"verbose": -1, "min_data_in_leaf": 1}).construct()
    assert (rows.num_data(), rows.num_feature()) == (64, 3)
    assert rows.get_label().tolist() == [1, 0, 1, 0] + [float(row % 3 > 0) for row in range(60)]


def test_lightgbm_where_there_is_a_single_feature(folder):
    """Whose text it refuses: another, of zeros, is beside it."""
    lightgbm = pytest.importorskip("lightgbm")
    (folder / "in").write_text("".join(f"{1 if row % 3 else -1} 1:{row + 1}\n" for row in range(60)))
    run("in", "--to", "lightgbm", "-o", "out")
    settings = {"verbose": -1, "min_data_in_leaf": 5, "objective": "binary"}
    model = lightgbm.train(settings, lightgbm.Dataset("out", params=settings), 5)
    assert model.num_feature() == 2 and model.feature_importance().tolist()[1] == 0


# --- CatBoost -----------------------------------------------------------------------------------------------


def test_catboost(case, folder):
    catboost = pytest.importorskip("catboost")
    name, data, _ = case
    features, labels, weight = export(case, "catboost")
    loss = {"binary": "Logloss", "multiclass": "MultiClass", "regression": "RMSE"}[name]
    settings = {
        "loss_function": loss, "iterations": 20, "learning_rate": 0.3, "thread_count": 1, "verbose": 0,
        "allow_writing_files": False,
    }  # fmt: skip
    text = catboost.Pool("out", column_description="out.cd")
    assert np.allclose(text.get_weight(), weight, rtol=1e-6)
    assert text.get_feature_names() == [f"x{column + 1}" for column in range(data.n_features)]
    named = labels if name == "regression" else [f"{label:g}" for label in labels]
    pools = (text, catboost.Pool(features, named, weight=weight), catboost.Pool(features, named))
    trained = [catboost.CatBoost(settings).fit(pool).predict(data.features) for pool in pools]
    assert np.allclose(trained[0], trained[1], rtol=1e-5, atol=1e-6)
    matters(case, trained[0], trained[2])


def test_catboost_takes_categories(folder):
    catboost = pytest.importorskip("catboost")
    lines = [f"{1 if row % 3 == 0 else -1} 1:{row % 3 + 7} 2:{row}" for row in range(90)]
    (folder / "in").write_text("\n".join(lines) + "\n")
    run("in", "--to", "catboost", "-o", "out", "--categorical", "x1")
    pool = catboost.Pool("out", column_description="out.cd")
    assert pool.get_cat_feature_indices() == [0]
    settings = {"loss_function": "Logloss", "iterations": 30, "verbose": 0, "allow_writing_files": False}
    model = catboost.CatBoost(settings).fit(pool)
    found = model.predict([["7", 1.0], ["8", 1.0]], prediction_type="Class")
    assert [str(label) for label in np.ravel(found)] == ["1", "-1"]


def test_catboost_s_own_command_trains_on_the_files(case, folder):
    program = shutil.which("catboost")
    if program is None:
        pytest.skip("no catboost command")
    export(case, "catboost")
    command = [program, "fit", "-f", "out", "--cd", "out.cd", "-i", "5", "--loss-function", "RMSE", "-m", "model.bin"]
    subprocess.run(command, check=True, capture_output=True)
    assert (folder / "model.bin").exists()


# --- Vowpal Wabbit ------------------------------------------------------------------------------------------


def test_vowpal_wabbit(case, folder):
    vw = pytest.importorskip("vowpalwabbit")
    name, data, _ = case
    features, labels, weight = export(case, "vw")
    loss = {"binary": "--loss_function logistic", "multiclass": "--oaa 4", "regression": "--loss_function squared"}
    # Bits enough that each feature has a place of its own
    settings = f"{loss[name]} --quiet --passes 1 -b 12"

    from_file = vw.Workspace(f"{settings} -d out -f out.model")
    from_file.finish()
    from_file = vw.Workspace(f"{settings} -i out.model -t")
    through_api, unweighted = vw.Workspace(settings), vw.Workspace(settings)
    for row, label, gamma in zip(features, labels, weight):
        for model, importance in ((through_api, gamma), (unweighted, 1)):
            example = model.example({" ": _pairs(row)})
            example.set_label_string(f"{label:.17g} {importance:.17g}")
            model.learn(example)
            model.finish_example(example)
    predicted = [_predictions(model, data.features) for model in (from_file, through_api, unweighted)]
    if name == "multiclass":  # labels: none of them differs, and the weights change some
        assert np.mean(predicted[0] == predicted[1]) > 0.99
        assert (predicted[0] != predicted[2]).any()
    else:
        assert np.allclose(predicted[0], predicted[1], rtol=1e-4, atol=1e-4)
        matters(case, predicted[0], predicted[2])


def _pairs(row: np.ndarray) -> list[tuple[int, float]]:
    return [(int(column) + 1, float(row[column])) for column in np.flatnonzero(row)]


def _predictions(model, features: np.ndarray) -> np.ndarray:
    found = []
    for row in features[:500]:
        example = model.example({" ": _pairs(row)})
        found.append(model.predict(example))
        model.finish_example(example)
    return np.array(found)


def test_vowpal_wabbit_reads_every_number(folder):
    """Its own parser of numbers: exponents, many digits, and the importance as given."""
    vw = pytest.importorskip("vowpalwabbit")
    numbers = [1e22, 6.02e23, 1e-5, 0.1, 1 / 3, 123456789.0, 2.5e-30, -17.25]
    (folder / "in").write_text("".join(f"{1 if row % 2 else -1} 1:{v!r}\n" for row, v in enumerate(numbers)))
    run("in", "--to", "vw", "-o", "out")
    model = vw.Workspace("--quiet --loss_function logistic")
    for row, line in enumerate((folder / "out").read_text().splitlines()):
        example = model.parse(line)
        assert example.get_simplelabel_weight() == 1.0
        assert example.get_simplelabel_label() == (1 if row % 2 else -1)
        assert dict(example.iter_features())[1] == pytest.approx(numbers[row], rel=1e-6)
        model.finish_example(example)


# --- liblinear and libsvm -----------------------------------------------------------------------------------


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def exported_model(request, folder, compiled_kernels):
    """(features as LIBSVM file, what craig's model predicts); the model in liblinear's format is ``out``."""
    name, loss, options = request.param
    train = read_dataset([SAMPLE / f"{name}.libsvm"])
    write_model("in.model.json", fit(train, loss=loss, epochs=5, **options).model)
    run("in.model.json", "--to", "liblinear", "-o", "out")
    model, test = read_model("in.model.json"), SAMPLE / f"{name}.test.libsvm"
    features = read_dataset([test]).with_features(model.n_features, "the model").features
    return test, own_prediction(model, features)


def test_liblinear_predicts_with_the_model(exported_model):
    util = pytest.importorskip("liblinear.liblinearutil")
    test, expected = exported_model
    labels, features = util.svm_read_problem(str(test))
    found, *_ = util.predict(labels, features, util.load_model("out"), "-q")
    assert np.allclose(found, expected, rtol=1e-12)


def test_liblinear_s_own_command_predicts_with_the_model(exported_model):
    program = shutil.which("liblinear-predict")
    if program is None:
        pytest.skip("no liblinear-predict (package liblinear-tools)")
    test, expected = exported_model
    subprocess.run([program, test, "out", "predictions"], check=True, capture_output=True)
    assert np.allclose(np.loadtxt("predictions"), expected, rtol=1e-4)  # it prints 6 digits


@pytest.mark.parametrize("module", ["liblinear.liblinearutil", "libsvm.svmutil"])
def test_liblinear_and_libsvm_read_the_rows(case, folder, module):
    util = pytest.importorskip(module)
    features, labels, weight = export(case, "libsvm")
    found_labels, found = util.svm_read_problem("out", return_scipy=True)
    assert np.array_equal(found_labels, labels)
    assert np.array_equal(found.toarray(), features[:, : found.shape[1]])
    assert not features[:, found.shape[1] :].any()
    assert np.array_equal(np.loadtxt("out.wgt"), weight)


def test_scikit_learn_agrees_with_liblinear_on_rows_as_often_as_they_count(folder):
    """What -W means, by liblinear without it: a row of weight k is k rows."""
    util = pytest.importorskip("liblinear.liblinearutil")
    svm = pytest.importorskip("sklearn.svm")
    data = read_dataset([SAMPLE / "binary.libsvm"])
    features, labels, weight = export(("binary", data, select_dataset(data, Plan.paper(size=200))), "libsvm")
    times = np.loadtxt("out.wgt").astype(int)
    assert np.array_equal(times, weight)
    found_labels, found = util.svm_read_problem("out", return_scipy=True)
    rows = np.repeat(np.arange(len(times)), times)
    model = util.train(found_labels[rows], found[rows], "-s 2 -c 0.01 -e 1e-8 -q")
    weighted = svm.LinearSVC(C=0.01, dual=False, tol=1e-10, fit_intercept=False, max_iter=10_000)
    weighted.fit(features, labels, sample_weight=weight)
    coef, _ = model.get_decfun()
    sign = 1 if model.get_labels()[0] == 1 else -1
    assert np.allclose(sign * np.array(coef), weighted.coef_[0, : len(coef)], rtol=1e-3, atol=1e-6)
