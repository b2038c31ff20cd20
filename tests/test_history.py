"""History files read back and checked, and the runs that are made of them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from craig_cli.artifacts.history import read_history, write_history
from craig_cli.errors import DataError
from craig_cli.evaluation.history import run_of, summary


def epoch(number: int, **more) -> dict:
    return {
        "epoch": number,
        "seconds": 0.5 * number,
        "gradient_evaluations": 100 * number,
        "objective": 1.0 / (number + 1),
        "gradient_norm": 0.1,
        "step": None if number == 0 else 0.5,
        **more,
    }


def monitored(number: int) -> dict:
    return epoch(
        number,
        monitor=[
            {"data": "a", "loss": 1.0, "objective": 10.0 - number, "error_rate": 0.5},
            {"data": "b", "loss": 1.0, "objective": 20.0 - number, "error_rate": 0.1 * number},
        ],
    )


def test_what_was_written_is_read(tmp_path):
    lines = [monitored(number) for number in range(4)]
    write_history(tmp_path / "h", lines)
    assert read_history(tmp_path / "h") == lines


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", "expected a history with at least one epoch, found an empty file"),
        ("{", "h:1: expected one JSON object an epoch"),
        ("[1]\n", "h:1: expected an epoch with epoch, seconds"),
        (json.dumps({"epoch": 0}) + "\n", "h:1: expected an epoch with epoch, seconds"),
        (json.dumps(epoch(0)) + "\n" + json.dumps(epoch(1, seconds="1")), "h:2: expected numbers in epoch, seconds"),
        (json.dumps(epoch(0, objective=True)), "h:1: expected numbers"),
        (json.dumps(epoch(0, gradient_evaluations=10**400)), "h:1: expected numbers"),
        (json.dumps(monitored(0)) + "\n" + json.dumps(epoch(1)), "h:2: expected the same monitored data"),
        (json.dumps(epoch(0, monitor=[{"data": 1}])), "h:1: expected the same monitored data"),
        (json.dumps(epoch(0, monitor={})), "h:1: expected the same monitored data"),
    ],
)
def test_what_is_no_history_is_one_line(tmp_path, text, expected):
    (tmp_path / "h").write_text(text)
    with pytest.raises(DataError) as error:
        read_history(tmp_path / "h")
    assert expected in str(error.value)
    with pytest.raises(DataError, match="no such file"):
        read_history(tmp_path / "absent")


def test_the_training_objective_where_nothing_was_monitored():
    run = run_of("h", [epoch(number) for number in range(3)], offset=2.0)
    np.testing.assert_allclose(run.seconds, [2.0, 2.5, 3.0])
    np.testing.assert_allclose(run.objective, [1, 1 / 2, 1 / 3])
    assert run.measured_on is None
    assert run.error is None
    assert summary(run, None)["residual"] is None


def test_the_objective_of_the_named_data_and_the_error_of_the_last():
    lines = [monitored(number) for number in range(3)]
    run = run_of("h", lines)
    np.testing.assert_allclose(run.objective, [10, 9, 8])
    np.testing.assert_allclose(run.error, [0, 0.1, 0.2])
    assert (run.measured_on, run.error_on, run.error_kind) == ("a", "b", "error_rate")
    assert run_of("h", lines, data="b").measured_on == "b"
    assert run_of("h", lines, data="elsewhere").measured_on == "a"


def test_seconds_to_each_power_of_ten():
    lines = [epoch(number, objective=1.0 + 10.0**-number * 3) for number in range(4)]  # 3, 0.3, 0.03, 0.003 above 1
    found = summary(run_of("h", lines, offset=1.0), 1.0)
    assert found["seconds_to_within"] == {"1e0": 1.5, "1e-1": 2.0, "1e-2": 2.5}
    assert found["residual"] == pytest.approx(0.003)
    assert found["curve"]["residual"] == pytest.approx([3, 0.3, 0.03, 0.003])
