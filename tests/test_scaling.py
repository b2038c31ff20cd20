"""Scaling: what each one promises, dense and sparse, and that models fold back to raw units exactly."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from craig_cli.dataset import Dataset, Source, from_arrays
from craig_cli.errors import DataError
from craig_cli.registry import SCALES
from craig_cli.scaling import SPREADS, column_range, fit_scaling, scaling_for
from craig_cli.selection.groups import scaled_features
from craig_cli.tables.encoding import Column, Encoding
from craig_cli.training.fit import fit


@pytest.fixture
def features() -> np.ndarray:
    rng = np.random.default_rng(1)
    table = rng.normal(3.0, [1.0, 10.0, 0.1, 5.0], size=(200, 4)) * (rng.random((200, 4)) < 0.7)
    table[:, 3] = 7.0  # a constant column
    return table


@pytest.mark.parametrize("name", SCALES)
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("outputs", [(), (3,)])
def test_a_model_says_the_same_in_both_spaces(features, name, sparse, outputs):
    data = sp.csr_matrix(features) if sparse else features
    scaling = fit_scaling(name, data)
    rng = np.random.default_rng(2)
    coef, intercept = rng.normal(size=(*outputs, 4)), rng.normal(size=outputs)
    raw_coef, raw_intercept = scaling.to_raw(coef, intercept)
    scaled = scaling.apply(data)
    np.testing.assert_allclose(data @ raw_coef.T + raw_intercept, scaled @ coef.T + intercept, atol=1e-9)
    back_coef, back_intercept = scaling.from_raw(raw_coef, raw_intercept)
    np.testing.assert_allclose(back_coef, coef, rtol=1e-12)
    np.testing.assert_allclose(back_intercept, intercept, atol=1e-9)


def test_sparse_rows_are_not_shifted_by_the_scaling_of_dense_ones(features):
    """Of dense data a part may be sparse, as the rows of a coreset."""
    labels = np.where(features[:, 0] > 2.0, 1.0, -1.0)
    scaling = fit_scaling("standard", features)
    rows = Dataset(sp.csr_matrix(features), labels)
    shifted, plain = (
        fit(rows, loss="logistic", scale=each, epochs=20).model
        for each in (scaling, replace(scaling, shift=np.zeros_like(scaling.shift)))
    )
    np.testing.assert_array_equal(shifted.coef, plain.coef)
    np.testing.assert_array_equal(shifted.intercept, plain.intercept)


def test_minmax_fills_the_unit_interval(features):
    low, high = column_range(fit_scaling("minmax", features).apply(features))
    np.testing.assert_allclose(low, 0.0, atol=1e-15)
    np.testing.assert_allclose(high[:3], 1.0)


def test_standard_has_mean_0_and_deviation_1(features):
    scaled = fit_scaling("standard", features).apply(features)
    np.testing.assert_allclose(scaled.mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(scaled.std(axis=0)[:3], 1.0)


@pytest.mark.parametrize("sparse", [False, True])
def test_unit_has_a_largest_row_of_norm_1(features, sparse):
    data = sp.csr_matrix(features) if sparse else features
    scaled = fit_scaling("unit", data).apply(data)
    dense = scaled.toarray() if sparse else scaled
    assert np.linalg.norm(dense, axis=1).max() == pytest.approx(1.0)


@pytest.mark.parametrize("name", SCALES)
def test_sparse_zeros_stay_zeros_and_the_input_is_untouched(features, name):
    data = sp.csr_matrix(features)
    before = data.copy()
    scaled = fit_scaling(name, data).apply(data)
    assert scaled.nnz == data.nnz
    assert (data != before).nnz == 0


@pytest.mark.parametrize("name", SCALES)
def test_a_multiplicity_counts_like_repeated_rows(features, name):
    repeats = np.arange(len(features)) % 3 + 1
    expected = fit_scaling(name, np.repeat(features, repeats, axis=0))
    found = fit_scaling(name, features, repeats.astype(float))
    if name == "none":
        assert found.factor is None
    else:
        np.testing.assert_allclose(found.factor, expected.factor)
        np.testing.assert_allclose(found.shift, expected.shift)


@pytest.mark.parametrize("name", ["minmax", "standard", "unit"])
def test_constant_columns_give_finite_factors(name):
    for table in (np.zeros((5, 2)), np.full((5, 2), 0.1)):
        scaling = fit_scaling(name, table)
        assert np.isfinite(scaling.apply(table)).all()


@pytest.mark.parametrize("wide", [False, True])
def test_a_column_that_is_too_large_to_scale_is_named(wide):
    rows, columns, values = [0, 1, 3, 5, 6], [2, 90, 7, 7, 9], [1.0, 1.0, 1e200, -3e200, 2e200]
    features = sp.csr_matrix((values, (rows, columns)), shape=(40, 20_000 if wide else 300))
    dataset = replace(from_arrays(features), sources=(Source("a.libsvm", 0, 40, ""),))
    with np.errstate(all="ignore"), pytest.raises(DataError, match=r"^a.libsvm: feature 8: .* like 3e\+200; "):
        scaled_features(dataset, "standard")
    column = Column("pay", "number", {"missing": False})
    table = replace(dataset, features=np.array([[1e200], [-1e200]]), encoding=Encoding((column,)))
    with np.errstate(all="ignore"), pytest.raises(DataError, match=r'^a.libsvm: column "pay": expected '):
        scaling_for(table, "unit")


@pytest.mark.parametrize("name, large", [("standard", 1e200), ("unit", 1e200), ("minmax", 1.7e308)])
@pytest.mark.parametrize("sparse", [False, True])
def test_values_too_large_to_scale_are_refused_and_too_small_ones_are_all_the_same(features, name, large, sparse):
    """A spread that overflows is no reason to make a column 0, as dividing by infinity would."""
    features[3, 1], features[4, 1] = large, -large
    features[:, 2] *= 1e-310
    like = re.escape(f"{large:g}")
    found = rf"^feature 2: expected values whose {SPREADS[name]} fits in float64, found ones like {like}"
    with np.errstate(all="ignore"), pytest.raises(DataError, match=found):
        fit_scaling(name, sp.csr_matrix(features) if sparse else features)
    scaled = fit_scaling(name, features[:, 2:3]).apply(features[:, 2:3])
    assert np.isfinite(scaled).all()


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("size", [1e-170, 1e-300])
def test_tiny_values_have_a_deviation(features, size, sparse):
    """Their squares are 0 in float64: such a column once was the same in all rows."""
    tiny = features * [1.0, size, size, size] + [0.0, 0.0, 3 * size * (not sparse), 0.0]
    counts = np.arange(len(features)) % 3 + 1.0
    powers = [1.0, size, size, size]
    expected = fit_scaling("standard", sp.csr_matrix(tiny / powers) if sparse else tiny / powers, counts)
    found = fit_scaling("standard", sp.csr_matrix(tiny) if sparse else tiny, counts)
    np.testing.assert_allclose(found.factor[:3] * powers[:3], expected.factor[:3], rtol=1e-9)
    np.testing.assert_allclose(found.shift[:3] / powers[:3], expected.shift[:3], rtol=1e-9, atol=1e-12)
    assert found.factor[3] == 1.0  # the same in all rows
