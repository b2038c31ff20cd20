"""``craig select --pilot`` and ``--at``: the three stages in one call, and one by one through files."""

import json

import pytest

from craig_cli.artifacts.coreset import read_coreset
from tests.conftest import SAMPLE

DATA = SAMPLE / "binary.libsvm"


def test_a_pilot_trains_better_than_random(craig):
    craig.ok("select", DATA, "--fraction", "0.1", "--pilot", "-q", "-o", "pilot.parquet")
    craig.ok("select", DATA, "--fraction", "0.1", "--algorithm", "random", "-q", "-o", "random.parquet")
    craig.ok("train", DATA, "-q", "-o", "full.json")
    for name in ("pilot", "random"):
        craig.ok("train", DATA, "--coreset", f"{name}.parquet", "-q", "-o", f"{name}.json")
    result = craig.ok("eval", "full.json", "pilot.json", "random.json", DATA, "--json")
    full, pilot, random = (each["objective"] for each in json.loads(result.text)["models"])
    assert pilot - full < 0.05 * (random - full)
    coreset = read_coreset(craig.folder / "pilot.parquet")
    assert 1 <= coreset.metadata["at"]["pilot"] <= 4
    assert coreset.metadata["weights"] == "fitted"
    assert coreset.metadata["algorithm"] == "strata"


def test_the_stages_of_a_pilot_one_by_one(craig):
    craig.ok("select", DATA, "--size", "300", "--algorithm", "random", "-q", "-o", "small.parquet")
    craig.ok("train", DATA, "--coreset", "small.parquet", "-q", "-o", "rough.json")
    for name in ("a", "b"):
        craig.ok("select", DATA, "--fraction", "0.1", "--at", "rough.json", "-q", "-o", f"{name}.parquet")
    assert (craig.folder / "a.parquet").read_bytes() == (craig.folder / "b.parquet").read_bytes()
    facts = read_coreset(craig.folder / "a.parquet").metadata
    assert facts["at"]["model"] == "rough.json"
    assert 10 < facts["at"]["dimension"] < 100  # of 13 parameters, at a rough model
    assert facts["calibration"]["left"] < 1e-6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--pilot", "--at", "m.json"], "found both"),
        (["--at", "missing.json"], "missing.json: no such file"),
    ],
)
def test_what_does_not_go_together_is_one_line(craig, arguments, message):
    result = craig("select", DATA, "--fraction", "0.1", *arguments)
    assert result.status in (1, 2)
    assert message in result.error
