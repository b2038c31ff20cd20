"""Tables through every command: labels as they were, and the table that comes back."""

from __future__ import annotations

import datetime
import json
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from craig_cli.artifacts.coreset import read_coreset
from craig_cli.artifacts.model import read_model
from craig_cli.formats import read_dataset
from craig_cli.tables.storage import _cast
from tests.mixed import N_ROWS, mixed


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pq.write_table(mixed(), "a.parquet", row_group_size=150)
    return tmp_path


# --- labels -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values, names",
    [
        (["b", "a"], ("a", "b")),
        ([True, False], (False, True)),
        ([2**53, 2**53 + 1], (2**53, 2**53 + 1)),
        ([-(2**53) - 1, 2**63 - 1], (-(2**53) - 1, 2**63 - 1)),
        (["10", "9"], ("10", "9")),
    ],
)
@pytest.mark.parametrize("category", [False, True])
def test_labels_are_what_they_were(craig, values, names, category):
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 2, 200)
    column = pa.array([values[code] for code in codes])
    column = column.dictionary_encode() if category and isinstance(values[0], str) else column
    table = pa.table({"x": rng.normal(size=200) + codes, "y": column})
    pq.write_table(table, craig.folder / "a.parquet", row_group_size=60)
    craig.ok("select", "a.parquet", "--label", "y", "--size", "50", "-o", "c", "-q")
    craig.ok("train", "a.parquet", "--label", "y", "--coreset", "c", "-o", "m", "-q")
    assert [entry["label"] for entry in read_coreset(craig.folder / "c").metadata["classes"]] == list(names)
    model = read_model(craig.folder / "m")
    assert model.labels == names and model.classes == (0.0, 1.0)
    assert json.loads((craig.folder / "m").read_text())["classes"] == list(names)
    found = json.loads(craig.ok("eval", "m", "a.parquet", "--label", "y", "--json").text)["models"][0]
    assert [entry["label"] for entry in found["per_class"]] == list(names)
    assert found["error_rate"] < 0.45
    said = craig.ok("export", "a.parquet", "--label", "y", "--coreset", "c", "--to", "vw", "-o", "v").stderr
    assert f"{str(names[0]).lower()} as -1" in said


def test_labels_of_other_data(craig):
    def write(name, labels):
        rng = np.random.default_rng(0)
        pq.write_table(pa.table({"x": rng.normal(size=len(labels)), "label": labels}), craig.folder / name)

    write("a", ["no", "yes"] * 100)
    write("more", ["no", "yes"] * 100 + ["perhaps"])
    write("others", ["ja", "nein"] * 100)
    write("numbers", [0, 1] * 100)
    write("booleans", [False, True] * 100)
    craig.ok("train", "a", "-o", "m", "-q")
    craig.ok("train", "numbers", "-o", "n", "-q")
    found = json.loads(craig.ok("eval", "m", "more", "--json").text)["models"][0]
    assert found["unknown"] == {"classes": 1, "rows": 1} and found["per_class"][-1]["label"] == "perhaps"
    assert "knows (no, yes), found ja" in craig("eval", "m", "others").error
    assert "knows (no, yes), found 0" in craig("eval", "m", "numbers").error
    assert "knows (0, 1), found no" in craig("eval", "n", "a").error
    craig.ok("eval", "n", "booleans")
    assert "expected numbers as labels of a regression" in craig("train", "a", "--task", "regression", "-o", "x").error
    write("many", [f"name{k}" for k in range(2000)])
    assert "at most 1000 classes, found 2,000" in craig("train", "many", "-o", "x").error
    assert "at most 1000 classes, such as no, yes, found 2,000" in craig("eval", "m", "many").error
    pq.write_table(pa.table({"x": [1.0, 2.0], "label": ["no", None]}), craig.folder / "some")
    assert "row 1 (from 0): expected a label, found null; take rows without one" in craig("train", "some").error


def test_another_label_than_rows_were_selected_by(craig):
    """It is a feature of the coreset, and a model of it has its answer among what it goes by."""
    rng = np.random.default_rng(0)
    values = {name: [f"{name}{code}" for code in rng.integers(0, 3, 200)] for name in ("cut", "clarity")}
    pq.write_table(pa.table({"x": rng.normal(size=200), **values, "size": rng.normal(size=200)}), craig.folder / "a")
    craig.ok("select", "a", "--label", "cut", "--size", "50", "-o", "c", "-q")
    craig.ok("train", "a", "--label", "cut", "--coreset", "c", "-o", "m", "-q")
    for label in ("clarity", "size"):
        for command in (
            ["train", "a", "--coreset", "c", "-o", "x"],
            ["eval", "m", "a"],
            ["select", "a", "--from", "c"],
        ):
            result = craig(*command, "--label", label)
            assert result.status == 1
            expected = "expected a feature, as in the training data (labels there: cut0, cut1, cut2), found the label"
            assert f'column "{label}": {expected}' in result.error
    assert not (craig.folder / "x").exists()


def test_a_coreset_that_misses_a_class(craig):
    rng = np.random.default_rng(0)
    labels = [*np.where(rng.random(300) < 0.5, "a", "c").tolist(), "b"]
    pq.write_table(pa.table({"x": rng.normal(size=301), "label": labels}), craig.folder / "d")
    craig.ok("select", "d", "--size", "40", "--algorithm", "random-uniform", "-o", "c", "-q")
    craig.ok("train", "d", "--coreset", "c", "-o", "m", "-q")
    assert read_model(craig.folder / "m").labels == ("a", "c")
    found = json.loads(craig.ok("eval", "m", "d", "--json").text)["models"][0]
    assert found["unknown"]["rows"] == 1 and found["per_class"][2]["label"] == "b"


# --- every command ------------------------------------------------------------------------------------------


def test_from_select_to_eval_and_back(craig):
    """The encoding goes along: whatever is trained, at whatever, sees the same columns."""
    pq.write_table(mixed(1500), craig.folder / "a.parquet")
    pq.write_table(mixed(500, seed=1), craig.folder / "t.parquet")
    scale = ("--scale", "standard")
    craig.ok("select", "a.parquet", "--fraction", "0.2", *scale, "-o", "c", "-q")
    craig.ok("train", "a.parquet", *scale, "--validation", "t.parquet", "--monitor", "t.parquet", "-o", "full", "-q")
    craig.ok(
        "train", "a.parquet", *scale, "--coreset", "c", "--refine", "1", "--optimizer", "saga", "-o", "small", "-q"
    )
    craig.ok("train", "a.parquet", *scale, "--coreset", "c", "--init", "full", "--epochs", "3", "-o", "more", "-q")
    found = json.loads(craig.ok("eval", "full", "small", "more", "t.parquet", "--json").text)["models"]
    assert all(each["error_rate"] < 0.3 for each in found)
    craig.ok("eval", "full", "small", "a.parquet", "--coreset", "c", "-q")
    craig.ok("eval", "full", "a.parquet", "--reference", "auto", "-q")
    craig.ok("eval", "a.parquet", "--coreset", "c", "--path-epochs", "2", "-q")
    craig.ok("select", "a.parquet", "--at", "full", "--size", "60", "-o", "at", "-q")
    craig.ok("select", "a.parquet", "--from", "c", "--weights", "count", "-o", "from", "-q")
    craig.ok("select", "a.parquet", "--for", "linear", "--size", "700", "-o", "linear", "-q")
    for name in ("c", "at", "from", "linear"):
        assert read_coreset(craig.folder / name).encoding == read_model(craig.folder / "full").encoding
    shown = [craig.ok("columns", name).text for name in ("a.parquet", "c", "full")]
    assert shown[0] == shown[1] == shown[2] and "days since 1980-01-0" in shown[0]
    names = json.loads(craig.ok("columns", "c", "--json").text)["names"]
    assert len(names) == read_model(craig.folder / "full").n_features
    pq.write_table(mixed(500, seed=1).drop_columns(["born"]), craig.folder / "u.parquet")
    assert 'no column "born"' in craig("eval", "full", "u.parquet").error


def test_models_that_see_columns_otherwise_beside_each_other(craig):
    pq.write_table(mixed(), craig.folder / "a.parquet")
    craig.ok("train", "a.parquet", "-o", "all", "-q", "--scale", "standard")
    craig.ok("train", "a.parquet", "--features", "pay,age", "-o", "few", "-q", "--scale", "standard")
    together = json.loads(craig.ok("eval", "all", "few", "a.parquet", "--json").text)["models"]
    alone = [json.loads(craig.ok("eval", name, "a.parquet", "--json").text)["models"][0] for name in ("all", "few")]
    assert together == alone


# --- the table back -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["parquet", "feather"])
def test_the_table_comes_back_as_it_was(craig, target):
    table = mixed().append_column("ragged", pa.array([[1] * (k % 3) for k in range(N_ROWS)], pa.list_(pa.int8())))
    table = table.append_column("at", pa.array(range(N_ROWS), pa.timestamp("us", "Europe/Rome")))
    pyarrow.feather.write_feather(table, craig.folder / "a")
    craig.ok("select", "a", "--size", "60", "--exclude", "ragged", "-o", "c", "-q")
    craig.ok("export", "a", "--coreset", "c", "--to", target, "-o", "out", "-q")
    coreset = read_coreset(craig.folder / "c")
    reader = pq.read_table if target == "parquet" else pyarrow.feather.read_table
    found = reader(craig.folder / "out")
    assert found.column_names == [*table.column_names, "craig_weight", "craig_rank"]
    assert np.array_equal(found["craig_weight"], coreset.weight) and np.array_equal(found["craig_rank"], coreset.rank)
    expected = table.take(pa.array(coreset.index)).unify_dictionaries()
    pq.write_table(expected, craig.folder / "plain.parquet")  # what Parquet itself does not keep is not our fault
    expected = pq.read_table(craig.folder / "plain.parquet") if target == "parquet" else expected
    assert found.select(table.column_names).equals(expected)
    # Read again, weight and rank are what they are, and a coreset of it comes back in the columns of the first.
    again = read_dataset([craig.folder / "out"], exclude=["ragged"])
    assert np.array_equal(again.multiplicity, coreset.weight)
    assert "craig_rank" not in [column.name for column in again.encoding.columns]
    craig.ok("select", "out", "--size", "20", "--exclude", "ragged", "-o", "d", "-q")
    craig.ok("export", "out", "--coreset", "d", "--to", target, "-o", "twice", "-q")
    twice = reader(craig.folder / "twice")
    assert twice.column_names == found.column_names
    assert np.sum(twice["craig_weight"].to_numpy()) == pytest.approx(N_ROWS)


def test_csv_comes_back(craig):
    text = 'zip,when,n,t,label\n01234,2024-01-02,?,"a, b",yes\n00001,,2,,no\n01234,2024-01-03,3,"say ""hi""",no\n'
    (craig.folder / "a.csv").write_text(text)
    craig.ok("export", "a.csv", "--to", "csv", "-o", "b.csv", "-q")
    found = pa.csv.read_csv(
        craig.folder / "b.csv", convert_options=pa.csv.ConvertOptions(column_types={"zip": "string"})
    )
    assert found["zip"].to_pylist() == ["01234", "00001", "01234"]
    assert found["when"].to_pylist() == [datetime.date(2024, 1, 2), None, datetime.date(2024, 1, 3)]
    assert found["n"].to_pylist() == [None, 2, 3]
    assert found["t"].to_pylist() == ["a, b", "", 'say "hi"']
    assert found["craig_weight"].to_pylist() == [1, 1, 1]
    assert np.array_equal(read_dataset([craig.folder / "b.csv"]).multiplicity, [1, 1, 1])  # by its name
    pq.write_table(pa.table({"x": [[1], [2]], "label": [0, 1]}), craig.folder / "l.parquet")
    assert (
        'column "x": expected what a line of CSV can hold, found list'
        in craig("export", "l.parquet", "--to", "csv", "-o", "x").error
    )


def test_what_arrow_cannot_cast_is_cast_value_by_value():
    def cast(kind):
        raise pa.ArrowNotImplementedError("Unsupported cast from string_view to utf8")

    column = SimpleNamespace(chunks=[pa.array(["a", None]), pa.array([], pa.string())], cast=cast)
    assert _cast(column, pa.string()).to_pylist() == ["a", None]


@pytest.mark.parametrize("target", ["feather", "parquet"])
def test_views_of_text_come_back_as_text(craig, target):
    """As polars writes them into Arrow files."""
    jobs = pa.array(["clerk", "smith"] * 20, pa.string_view())
    both = pa.StructArray.from_arrays([jobs], ["job"])
    table = pa.table({"x": np.arange(40.0), "job": jobs, "both": both, "label": np.arange(40) % 2})
    with pa.ipc.new_file(craig.folder / "a", table.schema) as file:
        file.write_table(table)
    craig.ok("select", "a", "--size", "6", "-q", "-o", "c")
    craig.ok("export", "a", "--coreset", "c", "--to", target, "-q", "-o", "out")
    found = (pa.feather.read_table if target == "feather" else pq.read_table)(craig.folder / "out")
    assert found.schema.field("job").type == pa.string()
    assert found["job"].to_pylist() == [("clerk", "smith")[int(x) % 2] for x in found["x"].to_pylist()]
    assert found["both"].combine_chunks().field("job").to_pylist() == found["job"].to_pylist()
