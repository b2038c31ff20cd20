"""The arithmetic of ``make paper``: what counts as the time to a residual."""

import json
import math

import pytest

from tests.benchmarks.paper.tables import Run, ratio, read


def test_the_total_is_selection_and_tuning_and_training():
    run = Run(2.0, 3.0, [0.5, 1.0, 1.5], [1e-1, 1e-3, 2e-3], [0.3, 0.2, 0.2])
    assert run.total(1e-2) == 6.0
    assert run.total(1e-1) == 5.5
    assert run.total(1e-4) == math.inf
    assert run.end == 1e-3


def test_the_ratio_is_the_median_of_the_seeds_and_zero_for_what_never_gets_there():
    whole = [Run(0.0, 10.0, [1.0], [1e-4], [0.1])] * 3
    parts = [Run(1.0, seconds, [1.0], [1e-4], [0.1]) for seconds in (0.0, 2.0, 9.0)]
    assert ratio(whole, parts, 1e-3) == pytest.approx(11 / 4)
    assert ratio(whole, parts, None) == pytest.approx(11 / 4)
    assert ratio(whole, parts, 1e-5) == 0.0


def test_a_run_is_read_from_its_files(tmp_path):
    tries = [{"seconds": 0.25}, {"seconds": None}, {"seconds": 0.75}]  # one diverged: it counts as the others do
    monitor = [{"objective": 0.6, "loss": 0.5}, {"error_rate": 0.25}]
    lines = [{"epoch": 0, "tries": tries}, {"epoch": 1, "seconds": 0.125, "monitor": monitor}]
    (tmp_path / "strata-10-0-sgd.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "strata-10-0.parquet.json").write_text(json.dumps({"seconds": {"read": 9.0, "select": 2.0}}))
    run = read(tmp_path, 0.5, "strata", 10, 0, "sgd")
    assert (run.selection, run.tuning, run.seconds, run.error) == (2.0, 1.5, [0.125], [0.25])
    assert run.residual == pytest.approx([0.1])
