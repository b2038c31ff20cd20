"""Nested coresets of what is read in pieces: as in memory, from one pass over the leaves, whatever befell the run."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from craig_cli import read_dataset
from craig_cli.artifacts.coreset import read_coreset
from craig_cli.errors import UsageError
from craig_cli.guided.policy import select_for
from craig_cli.selection.plan import Plan
from craig_cli.streaming import asked as asked_for
from craig_cli.streaming import run
from craig_cli.streaming import select as streaming
from craig_cli.streaming.nested import levels_of
from tests.test_streaming import Stopped, stop_at
from tests.test_streaming_model import columns, reading_of, stream

SIZES = (0.02, 0.05, 0.2)
PLAN = Plan(sizes=SIZES, algorithm="partition", block_size=64, threads=1, l2=1e-4)
WAYS = {
    "any": {"algorithm": "auto"},
    "linear": {"algorithm": "auto", "purpose": "linear"},
    "distance": {"purpose": "distance"},
    "medoids at the model": {"exemplar": "medoid"},
    "members": {"exemplar": "member", "weights": "count"},
    "strata": {"algorithm": "strata", "weights": "count"},
    "three": {"algorithm": "auto", "scale": "standard"},
    "number": {"algorithm": "auto", "loss": "squared"},
}
N = 1050


def label_of(way: str) -> str:
    return way if way in ("three", "number") else "label"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """In two files, of rows that count once to three times."""
    path = tmp_path_factory.mktemp("sizes") / "data"
    path.mkdir()
    for part, rows in enumerate((450, 600)):
        pq.write_table(pa.table(columns(part, rows)), path / f"{part}.parquet", row_group_size=250)
    return path


def same(a, b) -> bool:
    arrays = all(np.array_equal(getattr(a, key), getattr(b, key)) for key in ("index", "weight", "rank", "epsilon"))
    weights = all(np.array_equal(one.weight, other.weight) for one, other in zip(a.sizes, b.sizes))
    return arrays and weights and len(a.sizes) == len(b.sizes) and a.metadata == b.metadata


# --- as in memory -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes, label, weight",
    [
        ({"purpose": "distance"}, "label", None),
        ({"purpose": "distance", "loss": "logistic", "radius": 3.0, "metric": "euclidean"}, "label", "weight"),
        ({"purpose": "distance", "loss": "squared", "scale": "minmax"}, "number", None),
        ({"exemplar": "medoid"}, "label", None),
        ({"exemplar": "medoid", "weights": "calibrated", "purpose": "linear"}, "three", "weight"),
    ],
)
def test_medoids_of_one_leaf_a_class_are_what_memory_selects(data, tmp_path, changes, label, weight):
    plan = replace(PLAN, **changes)
    data = data / "0.parquet"  # few rows, so that all are in the sample
    streamed = stream(data, tmp_path, plan, label, weight, 10_000)
    expected = select_for(read_dataset([str(data)], **reading_of(label, weight)), plan)
    assert np.array_equal(streamed.index, expected.index)
    exact = changes.get("purpose") == "distance"
    for ours, theirs in zip([streamed, *streamed.sizes], [expected, *expected.sizes]):
        np.testing.assert_allclose(ours.weight, theirs.weight, rtol=0 if exact else 1e-5)
    np.testing.assert_allclose(streamed.epsilon, expected.epsilon, rtol=1e-6)
    for ours, theirs in zip(streamed.metadata["sizes"], expected.metadata["sizes"]):
        assert ours.keys() == theirs.keys()
        for key in ("size", "weights", "quotas"):
            assert ours[key] == theirs[key]
        assert ours["epsilon"] == pytest.approx(theirs["epsilon"], rel=1e-5)
        assert ours["class_epsilon"] == pytest.approx(theirs["class_epsilon"], rel=1e-5)
    assert streamed.metadata.keys() - {"leaf_rows"} == expected.metadata.keys()


@pytest.mark.parametrize("way", WAYS)
def test_every_size_is_a_coreset_of_many_leaves(data, tmp_path, way):
    bounded = {} if way == "number" else {"loss": "multinomial" if way == "three" else "logistic", "radius": 3.0}
    plan = replace(PLAN, **(bounded | WAYS[way]))
    whole = stream(data, tmp_path, plan, label_of(way), "weight", leaf_rows=150)
    dataset = read_dataset([str(data)], **reading_of(label_of(way), "weight"))
    for size, share in zip((21, 52, 210), SIZES):
        coreset = whole.at_size(share)
        assert coreset.index.tolist() == whole.index[:size].tolist() and len(set(coreset.index.tolist())) == size
        assert coreset.weight.sum() == pytest.approx(dataset.multiplicity.sum())
        for entry in coreset.metadata["classes"]:
            mine = slice(None) if way == "number" else dataset.labels == entry["label"]
            of_class = coreset.weight[slice(None) if way == "number" else mine[coreset.index]]
            assert len(of_class) == entry["quota"]
            assert of_class.sum() == pytest.approx(dataset.multiplicity[mine].sum())
        assert sum(entry["epsilon"] for entry in coreset.metadata["classes"]) == pytest.approx(coreset.epsilon[-1])
        assert (np.diff(coreset.epsilon[np.isfinite(coreset.epsilon)]) <= 0).all()
        if "radius" in bounded and way != "three":
            assert worst_error(dataset, coreset) <= coreset.epsilon[-1]


def worst_error(dataset, coreset) -> float:
    """Of the gradient of the logistic loss at some models of norm 3, intercept included."""
    rng, signs = np.random.default_rng(1), 2.0 * dataset.labels - 1.0
    models = rng.standard_normal((20, 6))
    models *= 3.0 / np.linalg.norm(models, axis=1, keepdims=True)
    extended = np.column_stack([dataset.features, np.ones(dataset.n_rows)])
    slopes = -signs / (1.0 + np.exp(signs * (models @ extended.T)))
    difference = dataset.multiplicity.copy()
    difference[coreset.index] -= coreset.weight
    return float(np.linalg.norm((slopes * difference) @ extended, axis=1).max())


def test_counts_and_epsilon_of_a_size_are_those_of_the_nearest_of_its_picks(data, tmp_path):
    """Written out; the same as of a selection of that size where no medoids are swapped."""
    plan = replace(PLAN, purpose="distance", swaps=0)
    whole = stream(data, tmp_path, plan, leaf_rows=150)
    dataset = read_dataset([str(data)], **reading_of("label", None))
    for share in SIZES:
        coreset, total, weights = whole.at_size(share), 0.0, np.zeros(N)
        for label in (0.0, 1.0):
            rows = np.flatnonzero(dataset.labels == label)
            picks = coreset.index[dataset.labels[coreset.index] == label]
            distance = np.linalg.norm(dataset.features[rows][:, None] - dataset.features[picks], axis=2)
            total += float(distance.min(axis=1).sum())
            weights[picks] = np.bincount(distance.argmin(axis=1), minlength=len(picks))
        assert total * (1 - 1e-12) <= coreset.epsilon[-1] <= total * (1 + 1e-9)
        assert np.array_equal(coreset.weight, weights[coreset.index])
    alone = stream(data, tmp_path, replace(plan, sizes=None, fraction=0.05), leaf_rows=150)
    mine = whole.at_size(0.05)
    assert dict(zip(alone.index, alone.weight)) == dict(zip(mine.index, mine.weight))
    assert alone.epsilon[-1] == mine.epsilon[-1]


@pytest.mark.parametrize("way", ["any", "linear", "distance", "strata"])
def test_the_largest_is_what_it_is_without_the_others(data, tmp_path, way):
    plan = replace(PLAN, **WAYS[way])
    alone = stream(data, tmp_path, replace(plan, sizes=None, fraction=0.2), leaf_rows=150)
    whole = stream(data, tmp_path, plan, leaf_rows=150)
    order, other = np.argsort(alone.index), np.argsort(whole.index)
    np.testing.assert_array_equal(alone.index[order], whole.index[other])
    np.testing.assert_allclose(alone.weight[order], whole.weight[other], rtol=1e-6)
    assert whole.epsilon[-1] == pytest.approx(alone.epsilon[-1], rel=1e-6)


@pytest.mark.parametrize("way", ["members", "strata"])
def test_sums_are_unbiased_at_every_size(data, tmp_path, way):
    dataset = read_dataset([str(data)], **reading_of("label", None))
    plans = [replace(PLAN, **WAYS[way], sizes=(12, 60), seed=seed) for seed in range(12)]
    coresets = [stream(data, tmp_path, plan, leaf_rows=300) for plan in plans]
    for size in (12, 60):
        of_size = [each.at_size(size) for each in coresets]
        sums = np.stack([each.weight @ dataset.features[each.index] for each in of_size])
        error = sums.std(axis=0) / np.sqrt(len(sums))
        assert (np.abs(sums.mean(axis=0) - dataset.features.sum(axis=0)) < 4.0 * error).all()


def test_what_stands_for_a_union_is_drawn_of_its_parts_by_their_mass():
    mass, unions = np.array([1.0, 2.0, 5.0, 3.0, 1.0]), {1: np.array([0, 0, 0, 1, 1]), 0: np.array([0, 0])}
    own, drawn = mass.copy(), np.zeros((2, 5))
    generator = np.random.default_rng(0)
    for _ in range(4000):
        levels = levels_of([1, 2, 5], mass, own, 12.0, lambda place, count: unions[place], generator)
        for place, level in enumerate(levels[:2]):
            drawn[place, level.elements] += 1
            assert level.own.tolist() == pytest.approx([[12.0], [8.0, 4.0]][place])
        assert levels[0].elements[0] in levels[1].elements
        assert levels[1].clusters.tolist() == [0, 0, 0, 1, 1] and levels[0].clusters.tolist() == [0] * 5
    np.testing.assert_allclose(drawn[1] / 4000, mass / np.array([8.0, 8.0, 8.0, 4.0, 4.0]), atol=0.03)
    np.testing.assert_allclose(drawn[0] / 4000, mass / 12.0, atol=0.03)


def test_of_few_picks_for_the_model_all_sizes_go_by_features(data, tmp_path, monkeypatch):
    plan = replace(PLAN, sizes=(4, 9), l2=1e-2)
    expected = stream(data, tmp_path, replace(plan, weights="count"))
    monkeypatch.setattr(run, "is_doubtful", lambda coreset, parameters: True)
    monkeypatch.setattr(run.Run, "cost", lambda self, coreset: "at" in coreset.metadata)
    notes: list[str] = []
    assert same(stream(data, tmp_path, plan, note=notes.append), expected)
    assert [len(size) for size in expected.sizes] == [4] and "9 picks cannot follow it" in notes[-1]


# --- the same bytes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["any", "linear", "distance"])
def test_memory_threads_and_stops_change_nothing(data, tmp_path, monkeypatch, way):
    asked = replace(PLAN, **WAYS[way])
    written = [0]
    with monkeypatch.context() as patch:
        real = os.replace
        patch.setattr(os, "replace", lambda *args: (written.__setitem__(0, written[0] + 1), real(*args))[1])
        expected = stream(data, tmp_path, asked, leaf_rows=150)
    for limit, threads, on_disk in ((streaming.BASE + 2_000_000, 1, True), (2**33, 3, False)):
        plan = replace(asked, memory_limit=limit, threads=threads)
        assert same(stream(data, tmp_path, plan, leaf_rows=150, on_disk=on_disk), expected)
    # In the stages after the greedy, which are those that have several sizes.
    for moment in np.random.default_rng(0).choice(written[0] // 2, 3, replace=False) + written[0] // 2:
        with monkeypatch.context() as patch:
            stop_at(patch, int(moment))
            with pytest.raises(Stopped):
                stream(data, tmp_path, asked, leaf_rows=150, resume=True)
        assert same(stream(data, tmp_path, replace(asked, threads=2), leaf_rows=150, resume=True), expected)


# --- the commands, and what is refused ----------------------------------------------------------------------


def test_the_commands_take_one_of_the_sizes(craig, data, monkeypatch):
    columns = ("--exclude", "three,number,weight")
    options = ("--sizes", "2%,50,10%", "--for", "distance", *columns)
    said = craig.ok("select", data, *options, "--stream", "-o", "a").stderr
    assert "--size 21 (2 %): epsilon" in said and "--size 50 (4.76 %)" in said
    coreset = read_coreset(craig.folder / "a")
    assert [len(each) for each in coreset.sizes] == [21, 50]
    craig.ok("train", data, "--coreset", "a", "--size", "2%", *columns, "--epochs", "3", "-q", "-o", "model")
    measured = craig.ok("eval", "model", data, "--coreset", "a", "--size", "50", *columns, "--json")
    assert '"gradient"' in measured.text
    craig.ok("export", data, "--coreset", "a", "--size", "50", "--to", "csv", *columns, "-q", "-o", "rows.csv")
    lines = (craig.folder / "rows.csv").read_text().splitlines()
    place = lines[0].split(",").index('"craig_weight"')
    assert len(lines) == 51 and float(lines[1].split(",")[place]) == coreset.sizes[1].weight[0]
    monkeypatch.setattr(asked_for, "LARGE", N - 1)
    assert "leaf by leaf" in craig.ok("select", data, *options, "-o", "b").stderr
    assert (craig.folder / "a").read_bytes() == (craig.folder / "b").read_bytes()


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({"sizes": (10, 5000)}, "sizes: expected at most the 1050 rows of .*0.parquet, found 5000"),
        ({"sizes": (1, 100)}, "at least 2 elements, one a class, found 1"),
        ({"sizes": (2, 5), "algorithm": "strata", "weights": "count"}, "at least one pick for each of the"),
        ({"sizes": (0.1, "x")}, "a number of rows or a share"),
    ],
)
def test_what_cannot_be_is_refused(data, tmp_path, changes, expected):
    with pytest.raises(UsageError, match=expected):
        stream(data, tmp_path, replace(PLAN, **({"purpose": "distance"} | changes)), leaf_rows=150)
    assert os.listdir(tmp_path) == []
