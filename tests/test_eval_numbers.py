"""Every number that ``craig eval --json`` says, against one that numpy or scikit-learn computes from the files."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn import metrics
from sklearn.datasets import load_svmlight_file
from sklearn.linear_model import LogisticRegression, Ridge

from tests.conftest import SAMPLE

N_FEATURES = 12


def libsvm(name: str) -> tuple[np.ndarray, np.ndarray]:
    features, labels = load_svmlight_file(str(SAMPLE / name), n_features=N_FEATURES)
    return features.toarray(), labels


def parquet(name: str) -> tuple[np.ndarray, np.ndarray]:
    columns = pq.read_table(SAMPLE / name).to_pydict()
    labels = np.array(columns.pop("label"), dtype=float)
    return np.column_stack([np.array(column, dtype=float) for column in columns.values()]), labels


class Checked:
    """Compares one JSON object with expected numbers, and knows which of its numbers nobody has looked at."""

    def __init__(self, found: dict) -> None:
        self.left = dict(_numbers(found))

    def expect(self, path: str, value, **tolerance) -> None:
        assert self.left.pop(path) == pytest.approx(value, **tolerance), path

    def finish(self) -> None:
        assert self.left == {}


def _numbers(found, path: str = ""):
    if isinstance(found, dict):
        for key, value in found.items():
            yield from _numbers(value, f"{path}.{key}" if path else key)
    elif isinstance(found, list):
        for place, value in enumerate(found):
            yield from _numbers(value, f"{path}.{place}")
    elif isinstance(found, (int, float)) and not isinstance(found, bool):
        yield path, found


def model_file(trained, name: str) -> tuple[np.ndarray, np.ndarray, dict]:
    facts = json.loads((trained.folder / name).read_text())
    return np.array(facts["coef"]), np.array(facts["intercept"]), facts


def check_penalty(checked: Checked, loss: float, facts: dict) -> float:
    penalty = facts["l2"] / 2 * np.sum(np.square(facts["coef"]))
    checked.expect("loss", loss, rel=1e-12)
    checked.expect("l2_term", penalty)
    checked.expect("objective", loss + penalty, rel=1e-12)
    return loss + penalty


def check_classes(checked: Checked, labels, predicted) -> None:
    checked.expect("error_rate", 1 - metrics.accuracy_score(labels, predicted))
    recall = metrics.recall_score(labels, predicted, average=None)
    for place, label in enumerate(np.unique(labels)):
        checked.expect(f"per_class.{place}.label", label)
        checked.expect(f"per_class.{place}.rows", np.sum(labels == label))
        checked.expect(f"per_class.{place}.error_rate", 1 - recall[place])


def test_binary_with_a_coreset_and_the_optimum(trained):
    result = trained.ok(
        "eval", "small.json", SAMPLE / "binary.libsvm", "--coreset", "c.parquet", "--points", "3",
        "--reference", "auto", "--json",
    )  # fmt: skip
    found = json.loads(result.text)
    features, labels = libsvm("binary.libsvm")
    n = len(labels)
    assert found["rows"] == n
    (entry,) = found["models"]
    checked = Checked(entry)
    coef, intercept, facts = model_file(trained, "small.json")
    margin = features @ coef + intercept
    probability = 1 / (1 + np.exp(-margin))
    checked.expect("trained_rows", 300)
    checked.expect("rows", n)
    loss = metrics.log_loss(labels, probability)
    objective = check_penalty(checked, loss, facts)
    checked.expect("log_loss", loss, rel=1e-12)
    checked.expect("auc", metrics.roc_auc_score(labels, margin))
    check_classes(checked, labels, np.where(margin > 0, 1, -1))

    # The optimum, by another method.
    peer = LogisticRegression(C=1 / (facts["l2"] * n), solver="newton-cholesky", tol=1e-13, max_iter=200)
    peer.fit(features, labels)
    best = metrics.log_loss(labels, peer.predict_proba(features)) + facts["l2"] / 2 * np.sum(peer.coef_**2)
    checked.expect("reference.objective", best, abs=1e-10)
    checked.expect("reference.residual", objective - best, abs=1e-10)
    checked.expect("reference.distance", np.linalg.norm(coef - peer.coef_[0]), abs=1e-6)
    checked.expect("reference.intercept_distance", abs(intercept - peer.intercept_[0]), abs=1e-6)
    kept, constant, optimum = model_file(trained, entry["reference"]["file"])
    slope = 1 / (1 + np.exp(-(features @ kept + constant))) - (labels > 0)
    gradient = np.append(features.T @ slope / n + optimum["l2"] * kept, slope.mean())
    checked.expect("reference.gradient_norm", np.linalg.norm(gradient), abs=1e-13)
    assert np.linalg.norm(gradient) < 1e-9

    # The gradient of the coreset.
    table = pq.read_table(trained.folder / "c.parquet")
    index, weight = table["index"].to_numpy(), table["weight"].to_numpy()
    slope = probability - (labels > 0)
    extended = np.column_stack([features, np.ones(n)])
    full = extended.T @ slope
    error = np.linalg.norm(full - extended[index].T @ (weight * slope[index]))
    epsilon = table["epsilon"].to_numpy()[-1]
    for key, value in {
        "error": error,
        "relative": error / np.linalg.norm(full),
        "per_row": error / n,
        "full_norm": np.linalg.norm(full),
        "norm": np.linalg.norm(np.append(coef, intercept)),
        "epsilon": epsilon,
    }.items():
        checked.expect(f"gradient.{key}", value, rel=1e-9)
    mu = n * facts["l2"]
    for key, value in {
        "epsilon": epsilon,
        "radius": 20,
        "mu": mu,
        "theorem1": 2 * epsilon * 20 / mu,
        "theorem2": 2 * epsilon / mu,
        "objective": epsilon**2 / (2 * n * mu),
    }.items():
        checked.expect(f"gradient.theory.{key}", value)

    # The worst of the random points: the points are drawn again, by the recipe of the docstring.
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(3):
        direction = rng.standard_normal(N_FEATURES + 1)
        point = 20 * rng.random() ** (1 / (N_FEATURES + 1)) * direction / np.linalg.norm(direction)
        slope = 1 / (1 + np.exp(-extended @ point)) - (labels > 0)
        whole = extended.T @ slope
        apart = np.linalg.norm(whole - extended[index].T @ (weight * slope[index]))
        errors.append((apart, np.linalg.norm(whole), np.linalg.norm(point)))
    apart, whole, norm = max(errors)
    checked.expect("gradient.random.points", 3)
    checked.expect("gradient.random.radius", 20)
    for key, value in {
        "error": apart,
        "relative": apart / whole,
        "per_row": apart / n,
        "full_norm": whole,
        "norm": norm,
        "epsilon": epsilon,
    }.items():
        checked.expect(f"gradient.random.worst.{key}", value, rel=1e-9)
    checked.finish()


def test_multiclass(trained):
    (entry,) = json.loads(trained.ok("eval", "many.json", SAMPLE / "multiclass.test.parquet", "--json").text)["models"]
    features, labels = parquet("multiclass.test.parquet")
    checked = Checked(entry)
    coef, intercept, facts = model_file(trained, "many.json")
    scores = features @ coef.T + intercept
    probability = np.exp(scores - scores.max(axis=1, keepdims=True))
    probability /= probability.sum(axis=1, keepdims=True)
    loss = metrics.log_loss(labels, probability)
    checked.expect("trained_rows", pq.read_table(SAMPLE / "multiclass.parquet").num_rows)
    checked.expect("rows", len(labels))
    check_penalty(checked, loss, facts)
    checked.expect("log_loss", loss, rel=1e-12)
    check_classes(checked, labels, np.array(facts["classes"])[scores.argmax(axis=1)])
    checked.finish()


def test_regression(trained):
    result = trained.ok("eval", "numbers.json", SAMPLE / "regression.parquet", "--reference", "auto", "--json")
    (entry,) = json.loads(result.text)["models"]
    features, labels = parquet("regression.parquet")
    checked = Checked(entry)
    coef, intercept, facts = model_file(trained, "numbers.json")
    predicted = features @ coef + intercept
    square = metrics.mean_squared_error(labels, predicted)
    checked.expect("trained_rows", len(labels))
    checked.expect("rows", len(labels))
    objective = check_penalty(checked, square / 2, facts)
    checked.expect("rmse", np.sqrt(square))
    checked.expect("r2", metrics.r2_score(labels, predicted))
    peer = Ridge(alpha=facts["l2"] * len(labels), solver="cholesky").fit(features, labels)
    best = metrics.mean_squared_error(labels, peer.predict(features)) / 2 + facts["l2"] / 2 * np.sum(peer.coef_**2)
    checked.expect("reference.objective", best, abs=1e-10)
    checked.expect("reference.residual", objective - best, abs=1e-10)
    checked.expect("reference.distance", np.linalg.norm(coef - peer.coef_), abs=1e-9)
    checked.expect("reference.intercept_distance", abs(intercept - peer.intercept_), abs=1e-8)
    kept, constant, _ = model_file(trained, entry["reference"]["file"])
    slope = features @ kept + constant - labels
    gradient = np.append(features.T @ slope / len(labels) + facts["l2"] * kept, slope.mean())
    checked.expect("reference.gradient_norm", np.linalg.norm(gradient), abs=1e-12)
    checked.finish()
