"""NaN in arrays is a missing value, by the rule of LIBSVM data: the mean, and an indicator behind all columns."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from craig_cli import evaluate_model, select_coreset, train_model
from craig_cli.errors import CraigError
from craig_cli.formats import read_dataset
from craig_cli.tables.frames import dataset_of


@pytest.fixture
def holed():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(400, 5)) + 1.0
    labels = np.where(rows[:, 0] + 0.3 * rng.normal(size=400) > 1.0, "yes", "no")
    rows[rng.random((400, 5)) < [0, 0.1, 0, 0.3, 0]] = np.nan
    return rows, labels


def test_mean_and_indicator(holed):
    rows, labels = holed
    expected = [np.where(np.isnan(column), np.nanmean(column), column) for column in rows.T]
    expected += [np.isnan(rows[:, 1]), np.isnan(rows[:, 3])]
    for features in (rows, rows.tolist(), sp.csr_matrix(rows), sp.coo_array(rows)):
        dataset = dataset_of(features, labels)
        matrix = dataset.features.toarray() if dataset.is_sparse else dataset.features
        np.testing.assert_allclose(matrix, np.column_stack(expected), rtol=1e-12)
        assert dataset.label_names == ("no", "yes")


def test_is_what_the_command_line_makes_of_it(holed, tmp_path):
    rows, labels = holed
    with open(tmp_path / "a.libsvm", "wb") as stream:
        for label, row in zip(labels, rows):
            features = " ".join(f"{number}:{value!r}" for number, value in enumerate(row.tolist(), 1))
            stream.write(f"{(label == 'yes') * 1} {features}\n".encode())
    read = read_dataset([tmp_path / "a.libsvm"])
    here = dataset_of(rows, (labels == "yes").astype(int))
    np.testing.assert_array_equal(read.features, here.features)
    assert read.encoding == here.encoding


@pytest.mark.parametrize("layout", [np.asarray, sp.csr_matrix])
def test_through_selecting_training_and_evaluating(holed, layout):
    rows, labels = holed
    train, test = (layout(rows[:300]), labels[:300]), (layout(rows[300:]), labels[300:])
    coreset = select_coreset(*train, size=60, purpose="linear")
    for model in (train_model(*train), train_model(*train, coreset=coreset)):
        assert model.labels == ("no", "yes") and model.n_features == 7
        assert evaluate_model(model, *test)["error_rate"] < 0.2
        whole = layout(np.nan_to_num(rows[300:]))  # none is missing here: the indicators are 0
        assert evaluate_model(model, whole, labels[300:])["rows"] == 100
    chosen, texts, _ = coreset.take(*train)
    assert chosen.shape == (60, 5) and set(texts) == {"no", "yes"}


def test_what_the_model_has_not_seen_is_one_line(holed):
    rows, labels = holed
    model = train_model(rows, labels)
    other = rows.copy()
    other[7, 0] = np.nan
    with pytest.raises(CraigError, match=r"features: row 7 \(from 0\): expected a number as feature 1"):
        evaluate_model(model, other, labels)
    with pytest.raises(CraigError, match="at most 5 features"):
        evaluate_model(model, np.hstack([rows, rows]), labels)
    with pytest.raises(CraigError, match="found inf"):
        train_model(np.where(np.isnan(rows), np.inf, rows), labels)


@pytest.mark.parametrize("kind", [bool, object, str, list, "categories"])
def test_labels_of_any_kind(holed, kind):
    rows, labels = holed
    true = labels == "yes"
    if kind == "categories":
        pandas = pytest.importorskip("pandas")
        given, expected = pandas.Series(labels, dtype="category"), ("no", "yes")
    elif kind is bool:
        given, expected = true, (False, True)
    elif kind is list:
        given, expected = true.tolist(), (False, True)
    else:
        given, expected = labels.astype(kind), ("no", "yes")
    model = train_model(rows, given, coreset=select_coreset(rows, given, size=40))
    assert model.labels == expected
    assert evaluate_model(model, rows, given)["error_rate"] < 0.3


def test_what_is_masked_is_missing(holed):
    rows, labels = holed
    masked = np.ma.masked_array(np.where(np.isnan(rows), 9.97e36, rows), mask=np.isnan(rows))
    here, there = dataset_of(masked, labels), dataset_of(rows, labels)
    np.testing.assert_array_equal(here.features, there.features)
    assert here.encoding == there.encoding
    whole = np.ma.masked_array(np.nan_to_num(rows))
    np.testing.assert_array_equal(dataset_of(whole, labels).features, np.nan_to_num(rows))
    assert dataset_of(masked[:, 1:2].astype(np.float32), labels).features.max() < 100


def test_masked_labels_and_counts_are_refused(holed):
    rows, _ = holed
    rows, some = np.nan_to_num(rows), np.ma.masked_array(np.ones(400, dtype=int), mask=np.arange(400) == 3)
    with pytest.raises(CraigError, match=r"labels: row 3 \(from 0\): expected a label, found none"):
        select_coreset(rows, some, size=60)
    with pytest.raises(CraigError, match="labels: row 3"):
        select_coreset(rows, np.ma.masked_array(np.full(400, "yes"), mask=some.mask), size=60)
    with pytest.raises(CraigError, match="multiplicity: expected finite numbers, found nan"):
        dataset_of(rows, None, some)
