"""Coresets of gradients that a trainer wrote down: ``select_gradients`` and ``craig select --gradients``."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from craig_cli import select_coreset, select_gradients
from craig_cli.artifacts.coreset import read_coreset
from craig_cli.errors import DataError, UsageError
from tests.naive import deep as naive
from tests.test_deep import gradients


def listed(values: np.ndarray) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])


@pytest.fixture(scope="module")
def data():
    return gradients(600)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("width", [4, 200])
def test_the_bound_is_true_and_the_weights_sum_to_the_classes(dtype, width):
    labels, proxies = gradients(900, classes=width)
    labels, proxies = labels % 3, proxies.astype(dtype)
    coreset = select_gradients(proxies, labels, fraction=0.1)
    assert len(np.unique(coreset.index)) == 90
    wide = proxies.astype(np.float64)
    for label, entry in enumerate(coreset.metadata["classes"]):
        mine = labels[coreset.index] == label
        assert mine.sum() == entry["quota"]
        assert coreset.weight[mine].sum() == pytest.approx((labels == label).sum())
        truth = wide[labels == label].sum(axis=0)
        assert np.linalg.norm(truth - coreset.weight[mine] @ wide[coreset.index[mine]]) <= entry["epsilon"]
    whole = naive.gradient_error(wide, coreset.index, coreset.weight)
    assert whole <= coreset.epsilon[-1] < np.linalg.norm(wide, axis=1).sum()
    assert (np.diff(coreset.epsilon[np.isfinite(coreset.epsilon)]) <= 0).all()
    assert coreset.metadata["units"] == "gradient norm"


def test_a_prefix_with_any_weights_of_the_same_sum_is_within_its_bound(data):
    labels, proxies = data
    coreset = select_gradients(proxies, labels, fraction=0.1)
    first = int(np.isfinite(coreset.epsilon).argmax()) + 1
    for size in (first, 30, 59):
        rows = coreset.index[:size]
        counts = np.array([(labels == label).sum() / (labels[rows] == label).sum() for label in labels[rows]])
        assert naive.gradient_error(proxies.astype(float), rows, counts) <= coreset.epsilon[size - 1]


def test_it_beats_random_rows_at_the_gradient_of_all(data):
    labels, proxies = data
    wide = proxies.astype(np.float64)
    errors = {"strata": [], "random": []}
    for seed in range(20):
        for algorithm, found in errors.items():
            coreset = select_gradients(proxies, labels, fraction=0.1, algorithm=algorithm, seed=seed)
            found.append(naive.gradient_error(wide, coreset.index, coreset.weight))
    assert np.mean(errors["strata"]) < 0.5 * np.mean(errors["random"])


def test_calibrated_weights_bring_the_gradient_of_all_rows(data):
    labels, proxies = data
    coreset = select_gradients(proxies, labels, fraction=0.1, weights="calibrated")
    wide = proxies.astype(np.float64)
    assert naive.gradient_error(wide, coreset.index, coreset.weight) < 1e-3 * np.linalg.norm(wide.sum(axis=0))


@pytest.mark.parametrize("budget", [{"fraction": 0.1, "algorithm": "lazy"}, {"epsilon": 40.0}])
def test_medoids_with_counts_have_the_bound_of_the_paper(data, budget):
    labels, proxies = data
    coreset = select_gradients(proxies, labels, **budget)
    rows, wide = coreset.index, proxies.astype(np.float64)
    same = labels[:, None] == labels[rows]
    apart = np.linalg.norm(wide[:, None] - wide[rows], axis=2)
    apart[~same] = np.inf
    assert coreset.epsilon[-1] == pytest.approx(apart.min(axis=1).sum())
    assert naive.gradient_error(wide, rows, coreset.weight) <= coreset.epsilon[-1]
    assert (coreset.weight == np.bincount(apart.argmin(axis=1), minlength=len(rows))).all()
    assert coreset.metadata["units"] == "gradient norm"


def test_multiplicities_count(data):
    labels, proxies = data
    counts = np.arange(600) % 3 + 1.0
    coreset = select_gradients(proxies, labels, multiplicity=counts, fraction=0.1)
    assert coreset.weight.sum() == pytest.approx(counts.sum())
    truth = counts @ proxies.astype(np.float64)
    assert np.linalg.norm(truth - coreset.weight @ proxies[coreset.index]) <= coreset.epsilon[-1]


@pytest.mark.parametrize("form", ["columns", "list", "half", "large list"])
def test_files_of_any_layout_give_the_same_rows(craig, data, form):
    labels, proxies = data
    proxies = proxies.astype(np.float16) if form == "half" else proxies
    if form == "columns":
        table = {f"g{j}": proxies[:, j] for j in range(4)}
    elif form == "large list":
        table = {"g": pa.LargeListArray.from_arrays(np.arange(0, 2401, 4), pa.array(proxies.reshape(-1)))}
    else:
        table = {"g": listed(proxies)}
    pq.write_table(pa.table({**table, "label": labels}), craig.folder / "g.parquet", row_group_size=250)
    summary = json.loads(craig.ok("select", "g.parquet", "--gradients", "--fraction", "0.1", "--json").text)
    assert summary["algorithm"] == "strata" and summary["units"] == "gradient norm"
    expected = select_gradients(proxies, labels, fraction=0.1)
    found = read_coreset(craig.folder / "g.coreset.parquet")
    assert (found.index == expected.index).all() and (found.weight == expected.weight).all()
    assert summary["epsilon"] == expected.epsilon[-1]
    whole = (craig.folder / "g.coreset.parquet").read_bytes()
    craig.ok("select", "g.parquet", "--gradients", "--fraction", "0.1", "--threads", "1", "-q")
    assert (craig.folder / "g.coreset.parquet").read_bytes() == whole


def test_no_label_is_needed_and_one_that_is_named_is(craig, data):
    _, proxies = data
    pq.write_table(pa.table({"g": listed(proxies)}), craig.folder / "g.parquet")
    craig.ok("select", "g.parquet", "--gradients", "--size", "50", "-q")
    found = read_coreset(craig.folder / "g.coreset.parquet")
    assert len(found) == 50 and found.weight.sum() == pytest.approx(600)
    named = craig("select", "g.parquet", "--gradients", "--size", "50", "--label", "y")
    assert named.error == 'Error: g.parquet: no label column "y"; found: g (name it with --label)'
    without = craig("select", "g.parquet", "--size", "50")
    assert without.error == 'Error: g.parquet: no column "label"; found: g (name it with --label)'


def test_nan_is_one_line(craig, data):
    _, proxies = data
    proxies = proxies.copy()
    proxies[17, 2] = np.nan
    pq.write_table(pa.table({"g": listed(proxies)}), craig.folder / "g.parquet")
    result = craig("select", "g.parquet", "--gradients", "--fraction", "0.1")
    assert result.status == 1
    assert result.error == 'Error: g.parquet: column "g", row 17 (from 0): expected a finite number, found nan'
    assert not (craig.folder / "g.coreset.parquet").exists()
    for weights in ("count", "calibrated"):
        with pytest.raises(DataError, match=r"row 17 \(from 0\): expected finite gradients"):
            select_gradients(proxies, fraction=0.1, weights=weights)
    with pytest.raises(DataError, match=r"influence: row 17 \(from 0\): expected finite numbers"):
        select_coreset(np.ones((600, 2)), np.arange(600) % 2, influence=proxies.astype(float), fraction=0.1)


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--scale", "standard"], "--scale"),
        (["--pilot"], "--pilot"),
        (["--at", "m.json"], "--at"),
        (["--l2", "1"], "--l2"),
    ],
)
def test_what_is_for_features_is_refused(craig, options, found):
    result = craig("select", "g.parquet", "--gradients", "--fraction", "0.1", *options)
    assert result.status == 2
    assert f"--gradients are what rows are selected by, found {found}" in result.stderr


def test_what_makes_no_sense_is_one_line(craig, data):
    labels, proxies = data
    for asked, line in [
        ({"fraction": 0.1, "weights": "fitted"}, "weights: no model is fitted to gradients"),
        ({"fraction": 0.1, "metric": "cosine"}, "metric: gradients are compared as they are"),
        ({"size": 601}, "size: expected at most the 600 rows"),
    ]:
        with pytest.raises(UsageError, match=line):
            select_gradients(proxies, labels, **asked)
    with pytest.raises(UsageError, match="gradients: expected a matrix"):
        select_gradients(proxies[0], fraction=0.1)
    (craig.folder / "g.libsvm").write_text("1 1:1\n0 1:2\n")
    result = craig("select", "g.libsvm", "--gradients", "--size", "1")
    assert result.error == "Error: g.libsvm: expected gradients as columns of Parquet data, found libsvm data"


def test_labels_that_are_text_are_recorded_as_they_are(craig):
    rng = np.random.default_rng(5)
    labels = ["cat", "dog"] * 100
    pq.write_table(
        pa.table({"a": rng.normal(size=200), "b": rng.normal(size=200), "label": labels}), craig.folder / "g.parquet"
    )
    craig.ok("select", "g.parquet", "--gradients", "--size", "20", "-o", "c.parquet", "-q")
    classes = read_coreset(craig.folder / "c.parquet").metadata["classes"]
    assert [entry["label"] for entry in classes] == ["cat", "dog"]
