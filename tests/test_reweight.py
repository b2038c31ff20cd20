"""New weights for a coreset that is there: from Python, and with ``select --from``."""

import numpy as np
import pytest

from craig_cli import reweight_coreset
from craig_cli.artifacts.coreset import read_coreset
from craig_cli.artifacts.model import Model
from craig_cli.dataset import from_arrays
from craig_cli.errors import DataError, UsageError
from craig_cli.guided.influence import influence
from craig_cli.selection.weights.calibrate import HIGHEST, LOWEST
from tests.conftest import SAMPLE
from tests.paper import paper_coreset

DATA = SAMPLE / "binary.libsvm"


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((1500, 5)) * [1.0, 2.0, 0.5, 1.0, 4.0]
    chance = 1.0 / (1.0 + np.exp(-(rows @ [1.0, -0.5, 2.0, 0.0, 0.2] - 1.0)))
    return rows, (rng.random(1500) < chance).astype(float)


@pytest.fixture(scope="module")
def vectors(data):
    model = Model("logistic", (0.0, 1.0), np.array([0.9, -0.5, 1.8, 0.1, 0.2]), -1.0, 1e-4)
    return influence(model, from_arrays(*data)).vectors


def test_counts_of_a_prefix_are_those_of_a_selection_of_its_size(data):
    options = {"algorithm": "lazy", "loss": "logistic", "radius": 2.0}
    large = paper_coreset(*data, size=150, **options)
    small = paper_coreset(*data, size=60, **options)
    prefix = reweight_coreset(large, *data, weights="count", size=60)
    for column in ("index", "weight", "rank", "epsilon"):
        assert np.array_equal(getattr(prefix, column), getattr(small, column)), column
    assert prefix.metadata["classes"] == small.metadata["classes"]
    assert prefix.metadata["from"] == {"size": 150, "weights": "count"}
    assert np.array_equal(prefix.epsilon, large.epsilon[:60])


@pytest.mark.parametrize("way", [{"algorithm": "lazy", "exemplar": "member"}, {"algorithm": "strata"}], ids=str)
@pytest.mark.parametrize("size", [None, 80])
def test_weights_calibrated_at_a_model_match_its_gradient(way, size, data, vectors):
    rows, labels = data
    coreset = paper_coreset(rows, labels, size=200, **way)
    found = reweight_coreset(coreset, rows, labels, influence=vectors, size=size)
    kept = len(found)
    assert np.array_equal(found.index, coreset.index[:kept])
    assert np.array_equal(found.rank, np.arange(kept))
    for label in (0.0, 1.0):
        mine = labels[found.index] == label
        assert found.weight[mine].sum() == pytest.approx((labels == label).sum())
        ratio = found.weight[mine] / coreset.weight[:kept][mine]
        ratio *= coreset.weight[:kept][mine].sum() / (labels == label).sum()
        assert ratio.min() >= LOWEST * 0.99 and ratio.max() <= HIGHEST * 1.01
    before = coreset.weight[:kept] * 1500 / coreset.weight[:kept].sum()
    error = np.linalg.norm(found.weight @ vectors[found.index] - vectors.sum(axis=0))
    assert error < 0.3 * np.linalg.norm(before @ vectors[found.index] - vectors.sum(axis=0))
    assert (np.diff(found.epsilon[1:]) <= 0).all()
    assert found.metadata["calibration"]["at"] == "the model"


def test_without_a_model_the_means_of_the_classes_come_out(data):
    rows, labels = data
    found = reweight_coreset(paper_coreset(rows, labels, size=200), rows, labels)
    for label in (0.0, 1.0):
        mine = labels[found.index] == label
        assert np.allclose(found.weight[mine] @ rows[found.index[mine]], rows[labels == label].sum(axis=0))


def test_regression_has_one_group():
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((400, 3))
    targets = rows @ [1.0, 2.0, 3.0] + rng.standard_normal(400)
    coreset = paper_coreset(rows, targets, size=60, loss="squared", scale="standard")
    again = reweight_coreset(coreset, rows, targets, weights="count")
    assert np.array_equal(again.weight, coreset.weight)
    assert np.array_equal(again.epsilon, coreset.epsilon)


def test_what_cannot_be_reweighted_is_refused(data):
    rows, labels = data
    coreset = paper_coreset(rows, labels, size=20)
    with pytest.raises(DataError, match="other data: expected 1500 rows of 5 features, found 1400 of 5"):
        reweight_coreset(coreset, rows[:1400], labels[:1400])
    with pytest.raises(UsageError, match="at most the 20 elements"):
        reweight_coreset(coreset, rows, labels, size=21)
    with pytest.raises(UsageError, match="none of them of class"):
        reweight_coreset(coreset, rows, labels, size=1)
    coreset.metadata["scale"] = ["standard"]
    with pytest.raises(DataError, match='expected text as "scale"'):
        reweight_coreset(coreset, rows, labels)
    coreset.metadata["scale"] = "warp"
    with pytest.raises(DataError, match="expected the settings"):
        reweight_coreset(coreset, rows, labels)


def test_from_keeps_rows_and_ranks(craig):
    craig.ok("select", DATA, "--size", "120", "--exemplar", "member", "-q", "-o", "c.parquet")
    craig.ok("train", DATA, "--coreset", "c.parquet", "-q", "-o", "m.json")
    before = read_coreset(craig.folder / "c.parquet")
    for threads in (1, 2):
        craig.ok(
            *("select", DATA, "--from", "c.parquet", "--at", "m.json"),
            *("--weights", "calibrated", "--threads", threads, "-q", "-o", f"{threads}.parquet"),
        )
    assert (craig.folder / "1.parquet").read_bytes() == (craig.folder / "2.parquet").read_bytes()
    after = read_coreset(craig.folder / "1.parquet")
    assert np.array_equal(after.index, before.index)
    assert not np.array_equal(after.weight, before.weight)
    assert after.weight.sum() == pytest.approx(3000)
    assert after.metadata["at"]["model"] == "m.json"


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--scale", "none"], 2, "found --scale"),
        (["--pilot"], 2, "found --pilot"),
        (["--size", "10", "--fraction", "0.1"], 2, "found --fraction and --size"),
        (["-o", "c.parquet"], 2, "is also an input"),
        ([SAMPLE / "binary.test.libsvm"], 1, "c.parquet: was selected from other data"),
    ],
    ids=str,
)
def test_what_does_not_go_with_from_is_one_line(craig, arguments, status, message):
    craig.ok("select", DATA, "--size", "20", "-q", "-o", "c.parquet")
    result = craig("select", DATA, "--from", "c.parquet", *arguments)
    assert result.status == status
    assert message in result.error
