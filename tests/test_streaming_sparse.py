"""Selecting from sparse text that is read in pieces: exact distances of sparse rows, in leaves of a sketch of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from craig_cli import read_dataset
from craig_cli.errors import UsageError
from craig_cli.formats import libsvm, libsvm_pieces
from craig_cli.guided.policy import select_for
from craig_cli.selection.plan import Plan
from craig_cli.selection.select import select_dataset
from craig_cli.streaming import select as streaming
from tests.test_streaming import Stopped, same, stop_at

PLAN = Plan(purpose="distance", algorithm="partition", block_size=64, fraction=0.1, threads=1)
LEAF = 200
COLUMNS = 500


def texts(seed: int, n_rows: int) -> tuple[sp.csr_matrix, np.ndarray]:
    """Rows like counts of words of some topics, a few of them empty or twice, with classes."""
    generator = np.random.default_rng(seed)
    common = 1.0 / np.arange(1, COLUMNS + 1) ** 0.9
    topics = [generator.permutation(COLUMNS) for _ in range(5)]
    which = generator.integers(0, len(topics), n_rows)
    rows = np.zeros((n_rows, COLUMNS))
    for row, topic in enumerate(which):
        words = topics[topic][generator.choice(COLUMNS, 12, p=common / common.sum())]
        np.add.at(rows[row], words, 0.5)
    rows[3::97] = 0.0
    rows[5::50] = rows[4::50][: len(rows[5::50])]
    score = rows @ generator.standard_normal(COLUMNS)
    return sp.csr_matrix(rows), np.where(score + generator.standard_normal(n_rows) > 0.3, 2.0, -1.0)


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sparse")
    for part in range(2):
        features, labels = texts(part, 450 + 100 * part)
        with open(folder / f"part{part}", "wb") as stream:
            libsvm.write(stream, features, labels)
    return [str(folder / f"part{part}") for part in range(2)]


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(libsvm, "BLOCK", 8192)
    monkeypatch.setattr(libsvm_pieces, "PIECE", 2000)


def stream(data, scratch, plan=PLAN, leaf_rows=LEAF, resume=False, on_disk=True, note=None, **reading):
    path = scratch / "scratch"
    options = {"resume": resume, "on_disk": on_disk, "leaf_rows": leaf_rows, "note": note}
    coreset, _ = streaming.select_streamed(data, plan, reading, path, **options)
    assert not path.exists()
    return coreset


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"metric": "cosine"},
        {"metric": "manhattan", "scale": "minmax"},
        {"scale": "unit", "per_class": False, "swaps": 2},
        {"loss": "logistic", "radius": 3.0},
        {"loss": "squared", "radius": 2.0, "scale": "minmax"},
        {"fraction": None, "size": 7},
        {"fraction": 0.9},
    ],
)
def test_one_leaf_a_class_is_what_memory_selects(paths, tmp_path, changes):
    plan = replace(PLAN, **changes)
    streamed, expected = stream(paths, tmp_path, plan, 10_000), select_dataset(read_dataset(paths), plan)
    for key in ("index", "weight", "rank"):
        assert np.array_equal(getattr(streamed, key), getattr(expected, key)), key
    np.testing.assert_allclose(streamed.epsilon, expected.epsilon, rtol=1e-9)
    facts = {key: value for key, value in streamed.metadata.items() if key not in ("leaf_rows", "classes")}
    assert facts == {key: expected.metadata[key] for key in facts}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"scale": "standard", "loss": "logistic", "radius": 3.0, "l2": 1e-2},
        {"loss": "squared", "scale": "minmax", "l2": 1.0},
        {"purpose": "linear", "weights": "calibrated"},
        {"loss": "multinomial", "l2": 1e-2},
    ],
)
def test_few_rows_at_a_model_in_one_leaf_are_what_memory_selects(tmp_path, changes):
    """Few rows are all in the sample, and medoids leave nothing to chance."""
    with open(tmp_path / "few", "wb") as file:
        libsvm.write(file, *texts(7, 450))
    few = [str(tmp_path / "few")]
    plan = replace(PLAN, **{"purpose": "any", "exemplar": "medoid", "fraction": 0.2, "l2": 1e-3} | changes)
    streamed, expected = stream(few, tmp_path, plan, 10_000), select_for(read_dataset(few), plan)
    assert np.array_equal(streamed.index, expected.index)
    np.testing.assert_allclose(streamed.weight, expected.weight, rtol=1e-4)
    np.testing.assert_allclose(streamed.epsilon, expected.epsilon, rtol=1e-6)
    assert streamed.metadata.keys() - {"leaf_rows"} == expected.metadata.keys()
    assert streamed.metadata["at"]["distance"] == expected.metadata["at"]["distance"]


@pytest.mark.parametrize("changes", [{}, {"metric": "manhattan", "swaps": 0}])
def test_sizes_in_one_leaf_a_class_are_what_memory_selects(paths, tmp_path, changes):
    plan = replace(PLAN, **{"fraction": None, "sizes": (20, 60, 100), "exemplar": "medoid"} | changes)
    streamed, expected = stream(paths, tmp_path, plan, 10_000), select_for(read_dataset(paths), plan)
    assert np.array_equal(streamed.index, expected.index)
    np.testing.assert_allclose(streamed.weight, expected.weight, rtol=1e-4)
    for ours, theirs in zip(streamed.metadata["sizes"], expected.metadata["sizes"]):
        assert ours["size"] == theirs["size"]
        assert ours["epsilon"] == pytest.approx(theirs["epsilon"], rel=1e-4)


@pytest.mark.parametrize("changes", [{}, {"fraction": None, "size": 40}, {"loss": "logistic", "radius": 3.0}])
def test_weights_and_bound_are_those_of_all_rows(paths, tmp_path, changes):
    """And no logistic model of a ball has a gradient that is farther off than the bound."""
    coreset, data = stream(paths, tmp_path, replace(PLAN, **changes)), read_dataset(paths)
    features, total, weights = data.features.toarray(), 0.0, np.zeros(data.n_rows)
    norms = np.sqrt((features**2).sum(axis=1) + 1.0)
    constants = 1.0 + 0.25 * 3.0 * norms if "radius" in changes else np.ones(data.n_rows)
    for label in (-1.0, 2.0):
        rows = np.flatnonzero(data.labels == label)
        picks = coreset.index[data.labels[coreset.index] == label]
        distance = np.sqrt(((features[rows][:, None] - features[picks]) ** 2).sum(axis=2))
        total += float((constants[rows] * distance.min(axis=1)).sum())
        weights[picks] = np.bincount(distance.argmin(axis=1), minlength=len(picks))
    assert total * (1 - 1e-12) <= coreset.epsilon[-1] <= total * (1 + 1e-6)
    assert np.array_equal(coreset.weight, weights[coreset.index])
    assert (np.diff(coreset.epsilon[np.isfinite(coreset.epsilon)]) <= 0).all()
    if "radius" in changes:
        left, signs = np.ones(data.n_rows), np.sign(data.labels)
        left[coreset.index] -= coreset.weight
        extended = np.column_stack([features, np.ones(data.n_rows)])
        for coef in np.random.default_rng(0).standard_normal((5, COLUMNS + 1)):
            margins = extended @ (3.0 * coef / np.linalg.norm(coef))
            slopes = -signs / (1.0 + np.exp(signs * margins))
            assert np.linalg.norm(extended.T @ (slopes * left)) <= coreset.epsilon[-1]


def test_little_is_lost_to_leaves(paths, tmp_path):
    assert stream(paths, tmp_path).epsilon[-1] <= 1.02 * select_dataset(read_dataset(paths), PLAN).epsilon[-1]


def test_members_are_a_true_bound_and_count_all_rows(paths, tmp_path):
    coreset, data = stream(paths, tmp_path, replace(PLAN, exemplar="member")), read_dataset(paths)
    assert coreset.weight.sum() == data.n_rows
    features, nearest = data.features.toarray(), 0.0
    for label in (-1.0, 2.0):
        rows, picks = data.labels == label, coreset.index[data.labels[coreset.index] == label]
        nearest += np.sqrt(((features[rows][:, None] - features[picks]) ** 2).sum(axis=2)).min(axis=1).sum()
    assert nearest <= coreset.epsilon[-1] <= 1.3 * nearest


@pytest.mark.parametrize("changes", [{}, {"purpose": "any", "l2": 1e-3}, {"purpose": "linear", "algorithm": "auto"}])
def test_memory_and_threads_change_nothing(paths, tmp_path, changes):
    plan = replace(PLAN, **changes)
    expected = stream(paths, tmp_path, plan)
    least = streaming.BASE + 6_000_000
    for limit, threads, on_disk in ((least, 3, True), (2**33, 2, False)):
        assert same(
            stream(paths, tmp_path, replace(plan, memory_limit=limit, threads=threads), on_disk=on_disk), expected
        )


def test_runs_of_a_few_rows_change_nothing(paths, tmp_path, monkeypatch):
    expected = stream(paths, tmp_path)
    monkeypatch.setattr("craig_cli.streaming.spans.MOST_WAITING", 30_000)
    assert same(stream(paths, tmp_path), expected)


@pytest.mark.parametrize(
    "changes, moments", [({}, (2, 4, 8, 15)), ({"purpose": "any", "l2": 1e-3, "scale": "standard"}, (3, 5, 16))]
)
def test_a_stopped_run_goes_on_to_the_same_bytes(paths, tmp_path, monkeypatch, changes, moments):
    plan = replace(PLAN, **changes)
    expected = stream(paths, tmp_path, plan)
    for moment in moments:
        with monkeypatch.context() as patch:
            stop_at(patch, moment)
            with pytest.raises(Stopped):
                stream(paths, tmp_path, plan, resume=True)
        assert same(stream(paths, tmp_path, replace(plan, threads=2), resume=True), expected)


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_an_epsilon_is_reached_with_the_smallest_prefix(paths, tmp_path, share):
    every = stream(paths, tmp_path, replace(PLAN, fraction=0.5, exemplar="medoid", swaps=0))
    epsilon = share * every.epsilon[2:][np.isfinite(every.epsilon[2:])][0]
    coreset = stream(paths, tmp_path, replace(PLAN, fraction=None, epsilon=epsilon, swaps=0))
    assert coreset.epsilon[-1] <= epsilon < coreset.epsilon[-2]
    assert np.array_equal(coreset.index, every.index[: len(coreset)])


@pytest.mark.parametrize(
    "text",
    [
        "1 700:2 0:1\n-1 3:1\n" * 30 + "1 \n-1 \n",
        "1\n1 9:1\n" * 30 + "-1\n" * 9,  # a class of empty rows
        "1:2 5:1 99:-1\n2:0.5 7:3\n" * 40 + "1:3 1:0 4:1\n",
        "1 9:1 300:1\n2 7:1 200:1\n3 7:2 200:1\n" * 20 + "2 0:1\n",  # the last row says where columns begin
    ],
)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_odd_rows_are_those_of_memory(tmp_path, text, metric):
    (tmp_path / "odd").write_text(text)
    plan = replace(PLAN, metric=metric, fraction=None, size=3)
    streamed = stream([str(tmp_path / "odd")], tmp_path, plan, 10_000)
    expected = select_dataset(read_dataset([str(tmp_path / "odd")]), plan)
    for key in ("index", "weight", "rank"):
        assert np.array_equal(getattr(streamed, key), getattr(expected, key)), key
    np.testing.assert_allclose(streamed.epsilon, expected.epsilon, rtol=1e-9, atol=1e-6)


def test_the_commands(craig, paths):
    craig.ok("select", *paths, "--fraction", "0.1", "--stream", "-q", "-o", "c")
    craig.ok("train", *paths, "--coreset", "c", "--epochs", "3", "-q", "-o", "m")
    craig.ok("export", *paths, "--coreset", "c", "--to", "libsvm", "-q", "-o", "out")
    assert len((craig.folder / "out").read_text().splitlines()) == 100
    craig.ok("eval", *paths, "--coreset", "c", "-q")


def test_columns_beyond_the_memory_are_refused(craig):
    (craig.folder / "wide").write_text("1 2000000000:1\n-1 1:2\n" * 3)
    result = craig("select", "wide", "--size", "2", "--stream", "--memory-limit", "2G", "-q", "-o", "out")
    assert "memory limit: 2,000,000,000 columns take at least" in result.error and result.status == 2
    assert [path.name for path in craig.folder.iterdir()] == ["wide"]


def test_a_metric_of_dense_rows_is_refused(paths, tmp_path):
    with pytest.raises(UsageError, match="metric: chebyshev distances are of dense rows, found sparse ones in"):
        stream(paths, tmp_path, replace(PLAN, metric="chebyshev"))
