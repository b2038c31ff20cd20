"""Selecting from sparse text that is read in pieces: exact distances of sparse rows, in leaves of a sketch of them."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from craig_cli import read_dataset
from craig_cli.formats import libsvm
from craig_cli.guided.policy import select_for
from craig_cli.selection.plan import Plan
from craig_cli.selection.select import select_dataset
from craig_cli.streaming import select as streaming
from tests.test_streaming import Stopped, same, stop_at

PLAN = Plan(purpose="distance", algorithm="partition", block_size=64, fraction=0.1, threads=1)
LEAF = 300
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
        features, labels = texts(part, 700 + 100 * part)
        with open(folder / f"part{part}", "wb") as stream:
            libsvm.write(stream, features, labels)
    return [str(folder / f"part{part}") for part in range(2)]


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr("craig_cli.formats.libsvm_pieces.PIECE", 2000)
    monkeypatch.setattr("craig_cli.formats.libsvm.BLOCK", 4096, raising=False)


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
