"""Selecting at a model with every algorithm, and what the file says of the model: it agrees with ``craig eval``."""

import hashlib
import json

import numpy as np
import pytest
import scipy.sparse as sp

from craig_cli.artifacts.coreset import read_coreset
from craig_cli.artifacts.model import Model
from craig_cli.dataset import from_arrays
from craig_cli.errors import UsageError
from craig_cli.guided.influence import influence
from tests.conftest import SAMPLE, Craig
from tests.naive import selection as naive
from tests.paper import paper_coreset

DATA = SAMPLE / "binary.libsvm"


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((500, 4)) * [1.0, 5.0, 0.2, 1.0]
    chance = 1.0 / (1.0 + np.exp(-(rows @ [1.0, -0.2, 3.0, 0.0])))
    return rows, (rng.random(500) < chance).astype(float)


@pytest.fixture(scope="module")
def vectors(data):
    model = Model("logistic", (0.0, 1.0), np.array([1.0, -0.2, 3.0, 0.1]), 0.0, 1e-3)
    return influence(model, from_arrays(*data)).vectors


@pytest.mark.parametrize("per_class", [True, False])
def test_greedy_at_a_model_is_greedy_on_the_influence_vectors(per_class, data, vectors):
    rows, labels = data
    coreset = paper_coreset(rows, labels, size=50, algorithm="lazy", influence=vectors, per_class=per_class)
    distances = naive.distance_matrix(vectors)
    weight = np.zeros(500)
    for members in [np.flatnonzero(labels == label) for label in (0.0, 1.0)] if per_class else [np.arange(500)]:
        mine = coreset.index[np.isin(coreset.index, members)]
        picks, _ = naive.greedy(distances[np.ix_(members, members)], len(mine))
        assert np.array_equal(members[picks], mine)
        np.add.at(weight, mine[np.argmin(distances[np.ix_(members, mine)], axis=1)], 1.0)
    assert np.array_equal(weight[coreset.index], coreset.weight)


@pytest.mark.parametrize("weights", ["count", "calibrated"])
@pytest.mark.parametrize("exemplar", ["medoid", "member"])
@pytest.mark.parametrize("algorithm", ["lazy", "partition", "stochastic"])
def test_epsilon_at_a_model_is_by_features_and_true(algorithm, exemplar, weights, data, vectors):
    rows, labels = data
    options = {"algorithm": algorithm, "exemplar": exemplar, "weights": weights, "block_size": 128}
    options |= {"influence": vectors, "loss": "logistic", "radius": 2.0}
    coreset = paper_coreset(rows, labels, size=60, **options)
    assert coreset.weight.sum() == pytest.approx(500)
    assert coreset.weight.min() > 0
    assert (np.diff(coreset.epsilon[1:]) <= 0).all()
    extended = np.column_stack([rows, np.ones(500)])
    signs = 2.0 * labels - 1.0
    difference = np.ones(500)
    difference[coreset.index] -= coreset.weight
    rng = np.random.default_rng(1)
    for _ in range(30):
        model = rng.standard_normal(5)
        model *= 2.0 / np.linalg.norm(model)
        slopes = -signs / (1.0 + np.exp(signs * (extended @ model)))
        assert np.linalg.norm((difference * slopes) @ extended) <= coreset.epsilon[-1]
    again = paper_coreset(rows, labels, size=60, threads=1, **options)
    for column in ("index", "weight", "epsilon"):
        assert np.array_equal(getattr(again, column), getattr(coreset, column))


def test_epsilon_cannot_be_asked_for_at_a_model(data, vectors):
    with pytest.raises(UsageError, match="found distances at a model"):
        paper_coreset(*data, epsilon=10.0, influence=vectors)


@pytest.fixture(scope="module", params=["binary", "sparse", "multiclass", "regression"])
def rough(request, tmp_path_factory, compiled_kernels):
    """(what it is, a folder with a rough model m.json, the data, options for its loss)"""
    kind, craig = request.param, Craig(tmp_path_factory.mktemp("rough"))
    data = SAMPLE / {"multiclass": "multiclass.libsvm", "regression": "regression.parquet"}.get(kind, "binary.libsvm")
    if kind == "sparse":
        rng = np.random.default_rng(3)
        table = sp.random(600, 60, 0.05, random_state=4, format="csr")
        lines = []
        for row in table:
            cells = " ".join(f"{column + 1}:{value:.4f}" for column, value in zip(row.indices, row.data))
            lines.append(f"{int(rng.random() < 0.4 + row.sum() / 10)} {cells}\n")
        data = craig.folder / "sparse.libsvm"
        data.write_text("".join(lines))
    loss = ("--loss", "squared") if kind == "regression" else ()
    craig.ok("select", data, "--size", "100", "--algorithm", "random", *loss, "-q", "-o", "rough.parquet")
    craig.ok("train", data, "--coreset", "rough.parquet", "--epochs", "20", *loss, "-q", "-o", "m.json")
    return kind, craig, data, loss


@pytest.mark.parametrize("algorithm", ["lazy", "partition", "strata"])
def test_the_error_in_the_file_is_the_one_that_eval_measures(rough, algorithm):
    kind, craig, data, loss = rough
    options = ("--at", "m.json", "--algorithm", algorithm, "--scale", "standard", *loss)
    craig.ok("select", data, "--size", "90", *options, "-q", "-o", "c.parquet")
    at = read_coreset(craig.folder / "c.parquet").metadata["at"]
    assert at["fingerprint"] == hashlib.sha256((craig.folder / "m.json").read_bytes()).hexdigest()
    assert at["distance"]["curvature"] == ("diagonal" if kind == "sparse" else "hessian")
    measured = json.loads(craig.ok("eval", "m.json", data, "--coreset", "c.parquet", "--json").text)
    gradient = measured["models"][0]["gradient"]
    assert at["gradient_error"]["error"] == pytest.approx(gradient["error"], rel=1e-12)
    assert at["gradient_error"]["full_norm"] == pytest.approx(gradient["full_norm"], rel=1e-12)
    assert at["gradient_error"]["holds_for"] == "this model only"
