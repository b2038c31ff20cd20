"""The sample data is what its script makes, and small."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq

from tests.conftest import SAMPLE


def test_the_script_makes_the_same_files(tmp_path):
    subprocess.run([sys.executable, SAMPLE / "make.py", tmp_path], check=True, capture_output=True)
    made = sorted(path.name for path in tmp_path.iterdir())
    kept = sorted(path.name for path in SAMPLE.iterdir() if path.suffix in (".libsvm", ".parquet", ".csv"))
    assert made == kept
    for name in made:
        if not name.endswith(".parquet"):
            assert (tmp_path / name).read_bytes() == (SAMPLE / name).read_bytes(), name
        else:  # the bytes depend on pyarrow's version
            assert pq.read_table(tmp_path / name).equals(pq.read_table(SAMPLE / name)), name


def test_the_files_are_small():
    sizes = [path.stat().st_size for path in SAMPLE.iterdir() if path.is_file()]
    assert max(sizes) < 400_000
    assert sum(sizes) < 2_000_000


def test_labels():
    assert set(pq.read_table(SAMPLE / "binary.parquet")["label"].to_pylist()) == {-1, 1}
    assert set(pq.read_table(SAMPLE / "multiclass.parquet")["label"].to_pylist()) == {1, 2, 3, 4}
    assert len(np.unique(pq.read_table(SAMPLE / "regression.parquet")["label"])) > 1000
