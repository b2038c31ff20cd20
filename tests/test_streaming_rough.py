"""The rough model of rows in pieces, as that of all rows in memory; and which rows stand for clusters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from craig_cli.dataset import from_arrays
from craig_cli.guided.rough_model import _InMemory, trained
from craig_cli.registry import METRICS, load
from craig_cli.scaling import Scaling
from craig_cli.selection.distances.cells import ruler_of
from craig_cli.streaming.exemplars import draw, drawn_of
from craig_cli.streaming.leaves import Job, Leaf, greedy, picks_of
from craig_cli.streaming.rough import Features, InPieces, Labelled
from craig_cli.streaming.scratch import Scratch, rows_to_arrow
from craig_cli.streaming.view import View
from craig_cli.training.design import build_design
from craig_cli.training.newton import newton
from tests.test_streaming_model import KINDS, L2, columns


def _pieces(data, size: int, codes: np.ndarray):
    counts = data.counts

    def by_pass(function):
        for start in range(0, data.n_rows, size):
            rows = slice(start, start + size)
            yield function(Labelled(start, data.features[rows], codes[rows], counts[rows]))

    return by_pass


@pytest.mark.parametrize("label", [*KINDS, "far"])
def test_sums_over_pieces_are_those_of_all_rows(label):
    made = columns(3, 3000)
    made["far"] = 1e6 + made["number"]  # all on the straight pieces of their loss
    features = np.column_stack([made[f"x{k}"] for k in range(5)]).astype(np.float64)
    data = from_arrays(features, made[label].astype(np.float64), made["weight"])
    losses = {"label": "logistic", "three": "multinomial", "number": "squared", "far": "huber"}
    design = build_design(data, losses[label], L2)
    whole = _InMemory(data, design, True, 0)
    shift, factor = np.arange(5.0), np.arange(1.0, 6.0)
    target = Scaling("standard", np.ones(1), np.full(1, 0.1)) if label == "number" else None
    beside = Features(Scaling("joint", shift, factor), target, None)
    blank = replace(design, rows=design.rows[:0])
    pieces = InPieces(blank, _pieces(data, 700, data.labels), 3000, 0, features=beside)
    generator = np.random.default_rng(0)
    coef = 0.1 * generator.standard_normal((design.n_outputs, design.width))
    expected = whole.state(coef, design)  # of a sample that is all rows
    state = pieces.state(coef)
    for key in ("objective", "left", "dispersion", "total"):
        assert getattr(state, key) == pytest.approx(getattr(expected, key), rel=1e-10), key
    np.testing.assert_allclose(state.mean, expected.mean, rtol=1e-9, atol=1e-12)
    squares = (((features - shift) * factor) ** 2).sum(axis=1)
    squares += 0.0 if target is None else ((data.labels - 1.0) * 0.1) ** 2
    assert state.size == pytest.approx(np.average(np.sqrt(squares), weights=data.counts), rel=1e-10)


def test_strata_in_pieces_find_the_few_rows_that_hold_the_curvature():
    generator = np.random.default_rng(1)
    rows = generator.standard_normal((40_000, 8))
    rows[:, 7] = np.arange(40_000) % 1000 == 0  # a column that 40 rows have
    score = rows @ np.r_[generator.standard_normal(7), 3.0] + generator.logistic(size=40_000)
    data = from_arrays(rows, (score > 0.0).astype(float))
    design = build_design(data, "logistic", L2)
    sample = np.arange(0, 40_000, 15)
    drawn = Labelled(0, rows[sample], data.labels[sample], np.full(len(sample), 15.0))
    pieces = InPieces(replace(design, rows=design.rows[:0]), _pieces(data, 6000, data.labels), 40_000, 0, drawn)
    state = pieces.state(np.zeros((1, design.width)))
    strata = pieces.strata(state, 2000)
    assert 1000 < len(strata.targets) < 3000
    assert strata.counts.sum() == pytest.approx(40_000, rel=0.05)
    assert np.sum(strata.rows[:, 7] > 1.0) > 20  # of a random sample two or three
    state, _ = trained(pieces, len(sample), 100, 6)
    best = newton(design, np.zeros((1, design.width))).coef
    assert state.objective - design.objective(best, design.margins(best)) < 1e-6


def test_members_are_drawn_by_what_rows_count():
    """In two leaves of one cluster: each row as often as its share, and of each cluster one."""
    rows = np.arange(8.0)[:, None]
    multiplicity = np.array([1.0, 2.0, 3.0, 2.0, 1.0, 1.0, 4.0, 2.0])
    ruler = ruler_of(rows, load(METRICS, "euclidean"), 16.0)
    ruler = replace(ruler, columns=np.zeros(1, dtype=np.int64))
    leaves = [Leaf(0, 0, 0, 0, 5), Leaf(1, 1, 0, 0, 3)]
    drawn = np.zeros(8)
    with Scratch() as scratch:
        parts = [slice(0, 5), slice(5, 8)]
        batches = [
            {
                "row": pa.array(np.arange(8)[part]),
                "features": rows_to_arrow(rows[part]),
                "weight": pa.array(multiplicity[part]),
            }
            for part in parts
        ]
        schema = pa.schema([(name, column.type) for name, column in batches[0].items()])
        scratch.write("run", iter(batches), schema, {})
        view = View(Scaling("none"), ruler.metric)
        job = Job(scratch, {"run": ([0, 1], [5, 3])}, 1, view, [ruler], np.array([16.0]), 16, 1.0, None)
        for leaf in leaves:
            greedy(job, leaf, 0.2)
        picks = picks_of(job, 0, {"row": np.array([4]), "leaf": np.array([0]), "coordinates": rows[[4]]})
        for seed in range(300):
            for leaf in leaves:
                draw(job, leaf, picks, "draw", seed)
            one, counts = drawn_of(job, leaves, 1, "draw")
            assert counts.tolist() == [[16.0]] and one["features"][0] == one["row"][0]
            drawn[one["row"]] += 1
        for leaf in leaves:
            draw(job, leaf, picks, "draw", None)
        assert drawn_of(job, leaves, 1, "draw")[0]["row"] == 4
    np.testing.assert_allclose(drawn / 300, multiplicity / 16.0, atol=0.08)
