"""``craig select`` on the sample data: what the file promises, what is printed, that it stays the same."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from craig_cli.artifacts.coreset import read_coreset
from tests.conftest import REAL_DATA, SAMPLE, needs_real_data

INPUTS = ("binary.libsvm", "binary.parquet", "multiclass.libsvm", "multiclass.parquet")


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("algorithm", ["auto", "random"])
def test_the_file_keeps_its_promises(craig, name, algorithm):
    result = craig.ok("select", SAMPLE / name, "--fraction", "0.1", "--algorithm", algorithm)
    assert result.stdout == b""
    stem = name.partition(".")[0] + (".random" if algorithm == "random" else "")
    assert os.listdir(craig.folder) == [f"{stem}.coreset.parquet"]
    coreset = read_coreset(craig.folder / f"{stem}.coreset.parquet")
    n = coreset.metadata["n"]
    assert len(coreset) == round(0.1 * n)
    assert coreset.weight.sum() == pytest.approx(n, abs=1e-6)
    if algorithm == "auto":
        assert coreset.metadata["weights"] == "fitted"
    assert (np.diff(coreset.epsilon[np.isfinite(coreset.epsilon)]) <= 0).all()
    # No traces of where and when it was made
    assert str(SAMPLE) not in json.dumps(coreset.metadata)


def test_json_is_one_object(craig):
    result = craig.ok("select", SAMPLE / "binary.libsvm", "--size", "100", "--json", "-o", "c.parquet")
    summary = json.loads(result.text)
    assert summary["n"] == 3000
    assert summary["size"] == 100
    assert summary["output"] == "c.parquet"
    assert summary["units"] == "feature distance"
    assert summary["epsilon"] > 0
    assert [entry["label"] for entry in summary["classes"]] == [-1, 1]
    assert sum(entry["count"] for entry in summary["classes"]) == 3000
    assert sum(entry["size"] for entry in summary["classes"]) == 100
    assert set(summary["seconds"]) == {"read", "select", "write"}
    assert summary["peak_memory"] > 10_000_000


def test_quiet_says_nothing(craig):
    result = craig.ok("select", SAMPLE / "binary.libsvm", "--size", "10", "-q")
    assert (result.stdout, result.stderr) == (b"", "")


def test_the_summary_is_for_people_and_on_stderr(craig):
    result = craig.ok("select", SAMPLE / "binary.libsvm", "--size", "10")
    assert result.stdout == b""
    assert "selected 10 of 3,000 rows" in result.stderr


def test_epsilon_gives_the_smallest_prefix(craig):
    paper = ("--exemplar", "medoid", "--weights", "count")
    whole = craig.ok("select", SAMPLE / "binary.libsvm", "--size", "300", *paper, "-o", "size.parquet", "--json")
    bound = read_coreset(craig.folder / "size.parquet").epsilon[150]
    craig.ok(
        "select",
        SAMPLE / "binary.libsvm",
        "--epsilon",
        repr(float(bound)),
        "-o",
        "e.parquet",
        "--no-per-class",
    )
    chosen = read_coreset(craig.folder / "e.parquet")
    assert json.loads(whole.text)["epsilon"] <= bound
    assert chosen.epsilon[-1] <= bound < chosen.epsilon[-2]


def test_a_loss_and_a_radius_give_gradient_norm(craig):
    result = craig.ok(
        "select", SAMPLE / "binary.libsvm", "--size", "50", "--loss", "logistic", "--radius", "5", "--json"
    )
    assert json.loads(result.text)["units"] == "gradient norm"


def test_regression_has_no_classes(craig):
    result = craig.ok("select", SAMPLE / "regression.parquet", "--fraction", "0.1", "--loss", "squared", "--json")
    summary = json.loads(result.text)
    assert summary["size"] == 240
    assert summary["classes"] == []


def test_warm_takes_a_moment(craig):
    """1 to 2 s of processor time by machine, half of it imports; half as much again beside a busy neighbour."""
    run = ("select", SAMPLE / "binary.libsvm", "--fraction", "0.1")
    craig.ok(*run)  # compiles what is not compiled yet
    assert min(craig.cpu_seconds(*run) for _ in range(3)) < 3.0


@pytest.mark.parametrize("name", ["binary.libsvm", "multiclass.parquet"])
def test_same_bytes_twice_and_at_any_number_of_threads(craig, name):
    contents = set()
    for number, threads in enumerate((1, 2, 2)):
        craig.ok("select", SAMPLE / name, "--fraction", "0.1", "--threads", threads, "-o", number)
        contents.add((craig.folder / str(number)).read_bytes())
    assert len(contents) == 1


def test_random_follows_its_seed(craig):
    for output, seed in (("a", 1), ("b", 1), ("c", 2)):
        craig.ok(
            "select",
            SAMPLE / "binary.libsvm",
            "--size",
            50,
            "--algorithm",
            "random",
            "--seed",
            seed,
            "-o",
            output,
        )
    a, b, c = ((craig.folder / name).read_bytes() for name in "abc")
    assert a == b
    assert a != c


def test_text_and_parquet_of_the_same_rows_give_the_same_picks(craig):
    craig.ok("select", SAMPLE / "binary.libsvm", "--size", "60", "-o", "a")
    craig.ok("select", SAMPLE / "binary.parquet", "--size", "60", "-o", "b")
    a, b = read_coreset(craig.folder / "a"), read_coreset(craig.folder / "b")
    np.testing.assert_array_equal(a.index, b.index)
    np.testing.assert_array_equal(a.weight, b.weight)


@pytest.mark.parametrize("name", ["binary.libsvm", "binary.parquet"])
def test_standard_input_to_standard_output(craig, name):
    craig.ok("select", SAMPLE / name, "--size", "60", "-o", "file")
    piped = craig.ok("select", "-", "--size", "60", stdin=(SAMPLE / name).read_bytes())
    (craig.folder / "pipe").write_bytes(piped.stdout)
    a, b = read_coreset(craig.folder / "file"), read_coreset(craig.folder / "pipe")
    np.testing.assert_array_equal(a.index, b.index)


def test_uneven_ranges_get_a_note(craig):
    text = "".join(f"{row % 2} 1:{row / 7} 2:{row % 5 * 1000}\n" for row in range(1, 60))
    (craig.folder / "d.libsvm").write_text(text)
    uneven = ("select", "d.libsvm", "--size", "6", "--for", "distance")
    assert "--scale standard" in craig.ok(*uneven).stderr
    assert "consider --scale standard" not in craig.ok(*uneven, "--scale", "standard").stderr
    assert "consider --scale standard" not in craig.ok("select", SAMPLE / "binary.libsvm", "--size", "6").stderr


@needs_real_data
def test_ijcnn1_is_read_as_it_comes(craig):
    """Compressed, labels -1.0 and 1.0; the exact selection of all of it is a benchmark."""
    craig.ok("select", REAL_DATA / "ijcnn1.bz2", "--fraction", "0.1", "--algorithm", "random")
    coreset = read_coreset(craig.folder / "ijcnn1.random.coreset.parquet")
    assert len(coreset) == 4999
    assert coreset.metadata["n"] == 49_990


def test_an_epsilon_that_takes_most_of_the_rows_is_remarked_upon(craig):
    result = craig.ok("select", SAMPLE / "binary.libsvm", "--epsilon", "0.1", "-o", "c.parquet")
    coreset = read_coreset(craig.folder / "c.parquet")
    assert len(coreset) > 1500
    assert f"{coreset.epsilon[29]:.4g} with 1 %, {coreset.epsilon[149]:.4g} with 5 %" in result.stderr
    assert (
        "of the rows" not in craig.ok("select", SAMPLE / "binary.libsvm", "--epsilon", "8000", "-o", "c.parquet").stderr
    )


def test_weights_that_could_not_be_fitted_are_remarked_upon(craig):
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 2, (2000, 60))
    labels = (rows @ rng.standard_normal(60) + 3 * rng.logistic(size=2000) > 0).astype(int)
    lines = (f"{y} " + " ".join(f"{j + 1}:1" for j in np.flatnonzero(x)) for x, y in zip(rows, labels))
    (craig.folder / "wide.libsvm").write_text("\n".join(lines) + "\n")
    wanting = craig.ok("select", "wide.libsvm", "--size", "40", "--for", "linear", "--weights", "calibrated")
    left = read_coreset(craig.folder / "wide.coreset.parquet").metadata["calibration"]["left"]
    assert left > 0.1
    assert f"leave {100 * left:.2g} % of the error of the gradient at the model (40 picks, 63 totals)" in wanting.stderr
    plenty = craig.ok("select", "wide.libsvm", "--size", "1000", "--for", "linear", "--weights", "calibrated")
    assert "the weights leave" not in plenty.stderr


def test_what_an_epsilon_would_be_is_told_only_where_there_is_one(craig):
    """The first pick alone has none: not every class has an element yet."""
    (craig.folder / "few.libsvm").write_text("".join(f"{i % 2} 1:{i}\n" for i in range(30)))
    told = craig.ok("select", "few.libsvm", "--epsilon", "0", "-o", "c.parquet").stderr.splitlines()[-2]
    bound = read_coreset(craig.folder / "c.parquet").epsilon[1]
    assert told == f"so small an epsilon takes 100 % of the rows; it would be {bound:.4g} with 5 %, " + (
        f"{read_coreset(craig.folder / 'c.parquet').epsilon[2]:.4g} with 10 %"
    )


def test_settings_that_cannot_be_are_refused_before_anything_is_read(craig):
    result = craig("select", "no-such-file.libsvm", "--size", "9", "--radius", "2")
    assert result.status == 2
    assert "radius: expected a loss to go with it" in result.error
