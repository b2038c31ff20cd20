"""craig export --like: other rows in the columns, and with the positions of labels, of a coreset or a model."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from craig_cli.artifacts.coreset import read_coreset
from craig_cli.artifacts.model import read_model
from craig_cli.cli.export import _prepared
from craig_cli.exporters.known import known_of
from craig_cli.exporters.prepare import Asked
from craig_cli.formats import read_dataset
from craig_cli.registry import EXPORTERS, load
from tests.conftest import SAMPLE
from tests.mixed import dense, mixed

PEOPLE = (SAMPLE / "people.csv", "--label", "paid")
TEST = (SAMPLE / "people.test.csv", "--label", "paid")


@pytest.fixture
def folder(craig, monkeypatch):
    """The current folder, with a coreset "c" of a mixed table and other rows of such a table in pieces, "t.parquet"."""
    monkeypatch.chdir(craig.folder)
    pq.write_table(mixed(), "a.parquet")
    pq.write_table(mixed(90, seed=1), "t.parquet", row_group_size=25)
    craig.ok("select", "a.parquet", "--size", "20", "--algorithm", "random", "-o", "c", "-q")
    return craig.folder


def test_other_trainers_see_the_columns_that_the_coreset_has(craig):
    """From a mixed table to LIBSVM text and back: what a trainer makes of it is what craig makes of the table."""
    linear_model = pytest.importorskip("sklearn.linear_model")
    scale = ("--scale", "standard", "-q")
    craig.ok("select", *PEOPLE, "--fraction", "0.2", "--for", "linear", *scale, "-o", "c")
    craig.ok("train", *PEOPLE, "--coreset", "c", *scale, "-o", "m")
    craig.ok("export", *PEOPLE, "--coreset", "c", "--to", "libsvm", "-o", "train.libsvm", "-q")
    craig.ok("export", *TEST, "--like", "c", "--to", "libsvm", "-o", "test.libsvm", "-q")
    train, test = (read_dataset([craig.folder / f"{name}.libsvm"]) for name in ("train", "test"))
    encoding, model = read_coreset(craig.folder / "c").encoding, read_model(craig.folder / "m")
    whole = read_dataset([TEST[0]], label="paid", encoding=encoding)
    assert np.array_equal(dense(test), dense(whole)) and np.array_equal(test.labels, whole.labels)

    error = json.loads(craig.ok("eval", "m", *TEST, "--json").text)["models"][0]["error_rate"]
    assert np.mean((model.decision(test.features) > 0) != test.labels) == pytest.approx(error)
    weights = np.loadtxt(craig.folder / "train.libsvm.wgt")
    other = linear_model.LogisticRegression(C=1e5 / 2000, solver="newton-cholesky", max_iter=1000)
    other.fit(dense(train), train.labels, sample_weight=weights)
    assert abs(1 - other.score(dense(test), test.labels) - error) < 0.01


def test_rows_like_those_of_a_coreset_come_in_pieces(folder):
    exporter = load(EXPORTERS, "encoded-parquet")
    known = known_of(read_coreset("c"), "c")
    prepared = _prepared(["t.parquet"], None, None, exporter, Asked(known=known), {})
    expected = read_dataset(["t.parquet"], encoding=known.encoding)
    pieces = list(prepared.pieces)
    assert [len(piece.labels) for piece in pieces] == [25, 25, 25, 15]
    found = np.vstack([piece.features.toarray() for piece in pieces])
    assert np.array_equal(found, dense(expected)) and prepared.n_features == known.width
    assert np.array_equal(np.concatenate([piece.labels for piece in pieces]), expected.labels)


@pytest.mark.parametrize("made", ["csv", "parquet"])
def test_text_of_digits_stays_text_as_the_coreset_has_it(craig, folder, made):
    """Whatever the first rows of the other file look like: 107 is a number there, and 007 comes late."""
    codes, labels = ["007", "107", "21"] * 20, ["007", "107"] * 30
    table = pa.table({"x": range(60), "code": codes, "label": labels})
    if made == "csv":
        pyarrow.csv.write_csv(table, "made", pyarrow.csv.WriteOptions(quoting_style="none"))
    else:
        pq.write_table(table, "made")
    craig.ok("select", "made", "--size", "9", "--algorithm", "random", "-o", "d", "-q")
    late = ["107"] * 300 + ["007"]
    for rows in (late[:2], late):
        lines = "".join(f"{row},{code},{code}\n" for row, code in enumerate(rows))
        (folder / "other.csv").write_text(f"x,code,label\n{lines}")
        export = ("export", "other.csv", "--like", "d", "--to", "encoded-csv", "--normalize", "none", "-q", "-o", "out")
        craig.ok(*export)
        found = np.loadtxt("out", delimiter=",", skiprows=1, ndmin=2)
        assert found[:, -3:].tolist() == [[0, 1, 0] if code == "107" else [1, 0, 0] for code in rows]
        assert found[:, 0].tolist() == [float(code == "107") for code in rows]
    craig.ok("train", "made", "-q", "-o", "m", "--epochs", "1")
    assert json.loads(craig.ok("eval", "m", "other.csv", "--json").text)["rows"] == 301


@pytest.mark.parametrize("target, piped", [("libsvm", False), ("xgboost", False), ("vw", False), ("encoded-csv", True)])
def test_labels_have_the_positions_that_they_have_in_the_coreset(craig, folder, target, piped):
    """Also where the other rows have few of them, and a numbering of their own would be another."""
    write = lambda name, labels: pq.write_table(pa.table({"x": range(len(labels)), "label": labels}), name)  # noqa: E731
    write("three", ["no", "perhaps", "yes"] * 20)
    write("some", ["yes", "yes", "perhaps"])
    craig.ok("select", "three", "--size", "9", "-o", "d", "-q")
    export = ("--to", target, "--json", "-o", "out", "-q", "--like", "d")
    data = (folder / "some").read_bytes() if piped else b""
    told = json.loads(craig.ok("export", "-" if piped else "some", *export, stdin=data).text)
    first = 1 if target == "vw" else 0
    assert told["labels"] == {"no": first, "perhaps": first + 1, "yes": first + 2}
    text = (folder / "out").read_text().replace(":", " ").replace(",", " ").splitlines()
    place = 1 if target == "encoded-csv" else 0
    assert [float(line.split()[place]) for line in text[-3:]] == [first + 2, first + 2, first + 1]


def test_rows_like_those_of_a_model(craig, folder):
    craig.ok("train", "a.parquet", "--epochs", "2", "-o", "m", "-q")
    for like in ("c", "m"):
        craig.ok("export", "t.parquet", "--like", like, "--to", "libsvm", "-o", f"{like}.libsvm", "-q")
    assert (folder / "c.libsvm").read_bytes() == (folder / "m.libsvm").read_bytes()
    assert (folder / "c.libsvm.wgt").read_text() == "1\n" * 90


def test_numbers_are_of_the_width_and_the_classes_of_the_training_data(craig, folder):
    (folder / "a.libsvm").write_text("".join(f"{row % 3} 1:{row} 5:{row * row}\n" for row in range(30)))
    (folder / "t.libsvm").write_text("2 1:3\n1 2:4\n")
    craig.ok("select", "a.libsvm", "--size", "6", "-o", "d", "-q")
    export = ("--like", "d", "-o", "out", "-q", "--to")
    craig.ok("export", "t.libsvm", *export, "encoded-csv")
    assert (folder / "out").read_text() == "weight,label,x1,x2,x3,x4,x5\n1,2,3,0,0,0,0\n1,1,0,4,0,0,0\n"
    craig.ok("export", "t.libsvm", *export, "vw")
    assert (folder / "out").read_text() == "3 1 | 1:3\n2 1 | 2:4\n"
    (folder / "t.libsvm").write_text("2 7:3\n")
    assert (
        "t.libsvm: expected at most 5 features, found 7, more than d has"
        in craig("export", "t.libsvm", *export, "vw").error
    )
    (folder / "t.libsvm").write_text("4 1:3\n")
    refused = craig("export", "t.libsvm", *export, "vw").error
    assert refused == "Error: t.libsvm: expected one of the labels 0, 1, 2 that d has, found 4"


def test_a_regression_keeps_its_numbers(craig, folder):
    (folder / "a.csv").write_text("x,y\n" + "".join(f"{row},{row / 7}\n" for row in range(40)))
    (folder / "t.csv").write_text("y,x\n1,5\n0,6\n")  # of themselves they would be classes
    craig.ok("select", "a.csv", "--label", "y", "--size", "6", "-o", "d", "-q")
    craig.ok("export", "t.csv", "--label", "y", "--like", "d", "--to", "vw", "-o", "out", "-q")
    assert (folder / "out").read_text() == "1 1 | 1:5\n0 1 | 1:6\n"
    (folder / "t.csv").write_text("y,x\nno,5\n")
    refused = craig("export", "t.csv", "--label", "y", "--like", "d", "--to", "vw", "-o", "out", "-q").error
    assert refused == "Error: t.csv: expected numbers as labels, as d has, found no"


def test_what_is_not_like_it_is_refused_in_one_line(craig, folder):
    pq.write_table(mixed(30).drop_columns(["pay"]), "u.parquet")
    pq.write_table(mixed(30).set_column(11, "label", [["no", "maybe"] * 15]), "v.parquet")
    export = ("export", "u.parquet", "--to", "xgboost", "-o", "out", "-q")
    assert 'u.parquet: no column "pay", which the training data has' in craig(*export, "--like", "c").error
    assert (
        "v.parquet: expected one of the labels no, yes that c has, found maybe"
        in craig("export", "v.parquet", *export[2:], "--like", "c").error
    )
    (folder / "t.libsvm").write_text("1 1:3\n")
    told = craig("export", "t.libsvm", *export[2:], "--like", "c").error
    assert told.startswith('Error: t.libsvm: expected a table with a column "') and "found LIBSVM data" in told
    assert "u.parquet: expected a coreset" in craig(*export, "--like", "u.parquet").error
    assert "absent: cannot read: No such file" in craig(*export, "--like", "absent").error
    for more, said in (
        (("--like", "c", "--coreset", "c"), "expected one of --coreset and --like"),
        (("--like", "c", "--to", "csv"), "--like goes with --to encoded-csv"),
        (("--like", "c", "--to", "liblinear"), "--like is for rows"),
    ):
        refused = craig(*export, *more)
        assert refused.status == 2 and said in refused.error
    assert not (folder / "out").exists()


def test_a_coreset_that_knows_no_classes_numbers_none(craig):
    data = SAMPLE / "multiclass.libsvm"
    craig.ok("select", data, "--no-per-class", "--fraction", "0.05", "-q", "-o", "c")
    result = craig("export", data, "--like", "c", "--to", "xgboost", "-o", "out")
    assert (result.status, "c: expected a coreset selected by class or a model" in result.error) == (1, True)
    assert not (craig.folder / "out").exists()
    craig.ok("export", data, "--like", "c", "--to", "libsvm", "-q", "-o", "out")


def test_all_columns_of_a_coreset_of_some_are_named(craig):
    craig.ok("select", SAMPLE / "binary.parquet", "--features", "x3,x5", "--size", "9", "-q", "-o", "c")
    export = ("export", SAMPLE / "binary.parquet", "--coreset", "c", "--to", "libsvm", "-o", "out")
    assert "selected by 2 of these 12 columns, and all are written" in craig.ok(*export).stderr
    assert "columns, and all are written" not in craig.ok(*export, "--features", "x3,x5").stderr


def test_standard_input_is_not_what_rows_are_to_be_like(craig):
    result = craig("export", SAMPLE / "binary.libsvm", "--like", "-", "--to", "libsvm", "-o", "out")
    assert result.status == 2 and "--like: expected a file, found standard input (-)" in result.stderr
