"""Bad input: exactly one line that says where and what, the right exit status, and no output file."""

from __future__ import annotations

import gzip
import os
import pty
import shutil
import sys

import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from craig_cli import compiling
from tests.conftest import SAMPLE

GOOD = "1 1:1 2:2\n-1 1:3 2:4\n1 1:5 2:6\n-1 1:7 2:8\n"
COMMANDS = {
    "select": ("select", "{data}", "--fraction", "0.5", "-q"),
    "train": ("train", "{data}", "-q"),
}


def run_on(craig, command: str, data: str, *more):
    return craig(*(part.format(data=data) for part in COMMANDS[command]), *more)


def write_table(path, **columns) -> None:
    pq.write_table(pa.table(columns), path)


def check_refused(craig, result, status: int, *expected: str) -> None:
    """One line with all of ``expected``, this status, and no file but the inputs."""
    assert result.status == status, result.stderr
    for text in expected:
        assert text in result.error
    assert result.stdout == b""
    assert [name for name in os.listdir(craig.folder) if not name.startswith("in")] == []


@pytest.mark.parametrize(
    "content, expected",
    [
        ("", ["in.data"]),
        ("1 1:2\nabc 1:2\n", ["in.data:2", "abc"]),
        ("1 1:2\n-1 3\n", ["in.data:2", "3"]),
        ("1 1:2\n-1 1:2 2:x\n", ["in.data:2", "x"]),
        ("1 1:2\n-1 1:-nan\n", ["in.data:2", "nan"]),
        ("1 1:2\n-1 1:inf\n", ["in.data:2", "inf"]),
        ("1 1:2\nnan 1:1\n", ["in.data:2", "nan"]),
        ("1 1:2\n-1 -3:2\n", ["in.data:2", "-3"]),
        ("PAR1 and then something else", ["in.data"]),
        ("\x1f\x8b\x08 not gzip", ["in.data"]),
    ],
)
def test_a_malformed_file(craig, content, expected):
    (craig.folder / "in.data").write_text(content, encoding="latin-1")
    check_refused(craig, run_on(craig, "select", "in.data"), 1, *expected)


def test_a_malformed_file_to_train_on(craig):
    (craig.folder / "in.data").write_text("1 1:2\n-1 3\n")
    check_refused(craig, run_on(craig, "train", "in.data"), 1, "in.data:2")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_missing_file(craig, command):
    check_refused(craig, run_on(craig, command, "absent.libsvm"), 1, "absent.libsvm")


@pytest.mark.parametrize("command", COMMANDS)
def test_an_empty_directory(craig, command):
    (craig.folder / "in.folder").mkdir()
    check_refused(craig, run_on(craig, command, "in.folder"), 1, "in.folder")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_wrong_label_column(craig, command):
    shutil.copy(SAMPLE / "binary.parquet", craig.folder / "in.parquet")
    check_refused(craig, run_on(craig, command, "in.parquet", "--label", "lable"), 1, "in.parquet", "lable")


def test_a_wrong_label_column_is_refused_before_anything_else_is_done(craig, monkeypatch):
    """Kernels that are to be compiled are noted when that begins."""
    monkeypatch.setattr(compiling, "not_there", list)
    table = pa.table({"x": [1.0, 2.0], "label": [0, 1]})
    pq.write_table(table, craig.folder / "in.parquet")
    pyarrow.csv.write_csv(table, craig.folder / "in.csv")
    pyarrow.feather.write_feather(table, craig.folder / "in.feather")
    with pa.ipc.new_stream(craig.folder / "in.stream", table.schema) as stream:
        stream.write_table(table)
    (craig.folder / "in.folder" / "part=1").mkdir(parents=True)
    shutil.copy(craig.folder / "in.parquet", craig.folder / "in.folder" / "part=1")
    (craig.folder / "in.csv.gz").write_bytes(gzip.compress((craig.folder / "in.csv").read_bytes()))
    select = ("--size", "1", "--threads", "1")
    for name in ("in.parquet", "in.csv", "in.feather", "in.stream", "in.csv.gz", "absent"):
        check_refused(craig, craig("select", name, *select, "--label", "lable"), 1, name)
    refused = craig("select", "in.folder", *select, "--label", "prat")
    check_refused(craig, refused, 1, "found: x, label, part (name it with --label, perhaps --label part)")
    assert "compiling kernels" in craig("select", "in.parquet", *select, "-o", "out").stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_a_wrong_feature_or_weight_column(craig, command):
    shutil.copy(SAMPLE / "binary.parquet", craig.folder / "in.parquet")
    check_refused(craig, run_on(craig, command, "in.parquet", "--features", "x1,y9"), 1, "y9")
    check_refused(craig, run_on(craig, command, "in.parquet", "--weight-column", "w"), 1, "in.parquet")


@pytest.mark.parametrize("value", [float("inf"), -float("inf")])
def test_parquet_with_an_infinite_number(craig, value):
    write_table(craig.folder / "in.parquet", x=[1.0, value, 3.0, 4.0], label=[1, 0, 1, 0])
    check_refused(craig, run_on(craig, "select", "in.parquet"), 1, "in.parquet", "x", "row 1")


@pytest.mark.parametrize("value", [float("nan"), None])
def test_parquet_with_a_label_missing(craig, value):
    write_table(craig.folder / "in.parquet", x=[1.0, 2.0, 3.0, 4.0], label=[1.0, value, 1.0, 0.0])
    check_refused(craig, run_on(craig, "select", "in.parquet"), 1, "in.parquet", "label", "row 1")


def test_parquet_with_nothing_to_learn_from(craig):
    write_table(craig.folder / "in.parquet", x=["a", "a"], label=[1, 0])
    check_refused(craig, run_on(craig, "select", "in.parquet"), 1, "in.parquet", "x")


def test_a_damaged_parquet_file(craig):
    content = (SAMPLE / "binary.parquet").read_bytes()
    (craig.folder / "in.parquet").write_bytes(content[: len(content) // 2])
    check_refused(craig, run_on(craig, "select", "in.parquet"), 1, "in.parquet")


def test_one_class_only(craig):
    (craig.folder / "in.data").write_text("1 1:2\n1 1:3\n1 1:4\n")
    check_refused(craig, craig("train", "in.data", "-q"), 1, "in.data", "class")
    expected = "in.data: expected at least two classes, found only the label 1; give --no-per-class to select from all"
    for more in ("--for any", "--for linear", "--for distance", "--stream", "--algorithm random", "--weights equal"):
        check_refused(craig, craig("select", "in.data", "--size", "2", "-q", *more.split()), 1, expected)
        if more != "--weights equal":
            craig.ok("select", "in.data", "--size", "2", "--no-per-class", "-o", "in.coreset", "-q", *more.split())
    result = craig("select", "in.data", "--size", "2", "--loss", "logistic", "--radius", "1", "-q")
    check_refused(craig, result, 1, "in.data", "class")


def test_more_rows_than_there_are(craig):
    (craig.folder / "in.data").write_text(GOOD)
    check_refused(craig, craig("select", "in.data", "--size", "5", "-q"), 2, "5")


def test_fewer_rows_than_classes(craig):
    (craig.folder / "in.data").write_text(GOOD)
    check_refused(craig, craig("select", "in.data", "--size", "1", "-q"), 2, "1")


def test_a_loss_that_does_not_fit_the_labels(craig):
    shutil.copy(SAMPLE / "multiclass.libsvm", craig.folder / "in.data")
    check_refused(craig, craig("train", "in.data", "--loss", "logistic", "-q"), 1, "in.data")


def test_the_coreset_of_other_data(craig):
    (craig.folder / "in.data").write_text(GOOD)
    (craig.folder / "in.other").write_text(GOOD.replace("5", "9"))
    (craig.folder / "in.longer").write_text(GOOD + "1 1:2\n")
    craig.ok("select", "in.data", "--size", "2", "-o", "in.coreset")
    for other in ("in.other", "in.longer"):
        result = craig("train", other, "--coreset", "in.coreset", "-q")
        check_refused(craig, result, 1, "in.coreset: was selected from other data", other)


def test_a_damaged_coreset(craig):
    (craig.folder / "in.data").write_text(GOOD)
    craig.ok("select", "in.data", "--size", "2", "-o", "in.coreset")
    content = (craig.folder / "in.coreset").read_bytes()
    for damaged in (b"", content[:50], content[:-1], GOOD.encode()):
        (craig.folder / "in.coreset").write_bytes(damaged)
        result = craig("train", "in.data", "--coreset", "in.coreset", "-q")
        check_refused(craig, result, 1, "in.coreset: expected a coreset file")


@pytest.mark.parametrize("command", COMMANDS)
def test_an_output_that_cannot_be_written(craig, command):
    (craig.folder / "in.data").write_text(GOOD)
    (craig.folder / "in.folder").mkdir()
    check_refused(craig, run_on(craig, command, "in.data", "-o", "absent/out"), 1, "absent/out: cannot write")
    check_refused(craig, run_on(craig, command, "in.data", "-o", "in.folder"), 1, "in.folder: cannot write")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_an_output_in_a_folder_of_someone_else(craig, command):
    (craig.folder / "in.data").write_text(GOOD)
    (craig.folder / "in.folder").mkdir(mode=0o500)
    check_refused(craig, run_on(craig, command, "in.data", "-o", "in.folder/out"), 1, "in.folder/out: cannot write")


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_full_disk(craig, command):
    (craig.folder / "in.data").write_text(GOOD)
    check_refused(craig, run_on(craig, command, "in.data", "-o", "/dev/full"), 1, "/dev/full", "No space left")


@pytest.mark.parametrize("command", COMMANDS)
def test_an_output_that_is_the_input(craig, command):
    (craig.folder / "in.data").write_text(GOOD)
    check_refused(craig, run_on(craig, command, "in.data", "-o", "in.data"), 2, "in.data", "input")
    assert (craig.folder / "in.data").read_text() == GOOD


def test_binary_to_a_terminal(craig):
    (craig.folder / "in.data").write_text(GOOD)
    terminal, behind = pty.openpty()
    try:
        process = craig.start("select", "in.data", "--size", "2", "-q", "-o", "-", stdout=behind)
        _, stderr = process.communicate(timeout=60)
    finally:
        os.close(behind)
    # Nothing may have arrived on the terminal: end of file, which Linux reports as an error
    try:
        arrived = os.read(terminal, 100)
    except OSError:
        arrived = b""
    os.close(terminal)
    assert arrived == b""
    assert process.returncode == 2
    assert stderr.decode().startswith("Error: -o -: refusing")
    assert len(stderr.decode().splitlines()) == 1


def test_names_that_are_not_text(craig):
    """File names are bytes; one that is no UTF-8 still gets its line."""
    if sys.platform != "linux":
        pytest.skip("other systems refuse such names")
    result = craig("select", os.fsdecode(b"in-\xff.data"), "--size", "1", "-q")
    check_refused(craig, result, 1, "no such file")
