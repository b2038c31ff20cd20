"""What others make of row numbers and of files with weights. What is not installed is skipped by its name."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest


@pytest.mark.parametrize("picked, same", [([9, 2, 5], False), ([2, 5, 9], True)])
def test_lightgbm_sorts_the_rows_of_a_subset_and_others_do_not(picked, same):
    labels, rows = np.arange(20.0), np.arange(20.0)[:, None]
    if importlib.util.find_spec("xgboost"):
        import xgboost

        assert xgboost.DMatrix(rows, label=labels).slice(picked).get_label().tolist() == picked
    if importlib.util.find_spec("catboost"):
        import catboost

        assert np.asarray(catboost.Pool(rows, label=labels).slice(picked).get_label(), float).tolist() == picked
    lightgbm = pytest.importorskip("lightgbm")
    whole = lightgbm.Dataset(rows, labels, params={"min_data_in_bin": 1, "verbose": -1}, free_raw_data=False)
    found = whole.construct().subset(picked).construct().get_label().tolist()
    assert found == sorted(picked) and (found == picked) == same


def test_lightgbm_leaves_the_weight_beside_a_label_unread(tmp_path):
    """As XGBoost's files have it, so that each has a target of its own."""
    lightgbm = pytest.importorskip("lightgbm")
    (tmp_path / "rows").write_text("".join(f"{row % 2}:{row + 1} 0:{row} 1:1\n" for row in range(40)))
    found = lightgbm.Dataset(str(tmp_path / "rows"), params={"verbose": -1}).construct()
    assert found.get_label().tolist() == [0, 1] * 20 and found.get_weight() is None
