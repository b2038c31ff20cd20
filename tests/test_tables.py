"""Tables as people have them: columns and labels of any kind, CSV, Arrow, folders, and the table that comes back."""

from __future__ import annotations

import datetime
import json
import random

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from craig_cli import evaluate_model, select_coreset, train_model
from craig_cli.errors import DataError, UsageError
from craig_cli.formats import read_dataset
from craig_cli.registry import COLUMN_KINDS, load
from craig_cli.tables.encoding import encoding_of
from craig_cli.tables.number import Numbers, fit
from tests.mixed import N_ROWS, dense, mixed
from tests.naive import tables as naive


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pq.write_table(mixed(), "a.parquet", row_group_size=150)
    return tmp_path


# --- encoding -----------------------------------------------------------------------------------------------


def test_columns_become_what_the_slow_twin_says(folder):
    table, found = mixed(), read_dataset(["a.parquet"])
    expected = [
        *naive.number(table["pay"].to_pylist()),
        *naive.number(table["age"].to_pylist()),
        *naive.category(table["job"].to_pylist()),
        *naive.category(table["town"].to_pylist()),
        *naive.time(table["born"].to_pylist()),
        *naive.category([row["zip"] for row in table["home"].to_pylist()]),
        *naive.number([row["own"] for row in table["home"].to_pylist()]),
        *map(list, zip(*table["two"].to_pylist())),
    ]
    features = dense(found)
    np.testing.assert_allclose(features[:, : len(expected)], np.array(expected).T, rtol=1e-13)
    words = features[:, len(expected) :]
    assert words.shape == (N_ROWS, 256)
    np.testing.assert_allclose(np.linalg.norm(words, axis=1), 1, rtol=1e-12)
    assert found.features.shape[1] == len(found.encoding.names) == len(set(found.encoding.names))
    assert found.label_names == ("no", "yes")
    assert [found.label_names[int(k)] for k in found.labels] == table["label"].to_pylist()
    assert set(found.encoding.left_out) == {"id", "photo", "always"}
    assert any("identifier" in note and '"id"' in note for note in found.notes)


def test_the_mean_of_a_column_is_exact_whatever_the_order_of_its_rows():
    generator = np.random.default_rng(0)
    wide = generator.standard_normal(3000) * 10.0 ** generator.integers(-300, 300, 3000)
    tiny = generator.integers(-9, 9, 50) * 5e-324
    large = np.array([1.7e308, 1.7e308, -1.0, np.nan, 0.0, -0.0])
    for values in (wide, tiny, large, -wide[:1], np.array([1e16, 1.0, 1.0, -1e16]), generator.random(70_000)):
        seen = Numbers()
        for part in np.array_split(generator.permutation(values), 3):
            seen.add(Numbers.of(part))
        missing = int(np.isnan(values).sum())
        assert fit(seen) == {"mean": naive.mean(values.tolist()), "missing": missing > 0}
        assert (seen.rows, seen.there) == (len(values), len(values) - missing)


def test_values_that_no_row_has_do_not_count(folder):
    """A category may have them: of all rows, where only some of the rows were kept."""
    job = pa.array(["cook"] * 9).dictionary_encode()
    job = pa.DictionaryArray.from_arrays(job.indices, pa.array(["cook", "nurse", "smith"]))
    none = pa.DictionaryArray.from_arrays(pa.nulls(9, pa.int32()), pa.array(["cook"]))
    pq.write_table(pa.table({"job": job, "none": none, "x": range(9), "label": [0, 1, 0] * 3}), "b.parquet")
    assert read_dataset(["b.parquet"]).encoding.left_out == {
        "job": "one value in all rows", "none": "no value in any row"
    }  # fmt: skip


@pytest.mark.parametrize("threads", [1, 2])
def test_pieces_threads_and_formats_do_not_matter(folder, threads):
    expected = read_dataset(["a.parquet"])
    pq.write_table(mixed(), "b.parquet", row_group_size=37)
    pyarrow.feather.write_feather(mixed(), "c.feather", chunksize=50)
    with pa.ipc.new_stream("d.arrows", mixed().schema) as writer:
        writer.write_table(mixed(), max_chunksize=70)
    for name in ("b.parquet", "c.feather", "d.arrows"):
        found = read_dataset([name], threads=threads)
        assert found.features.dtype == expected.features.dtype
        assert np.array_equal(dense(found), dense(expected))
        assert found.encoding == expected.encoding
    rows = np.array([0, 3, 150, 399])
    part = read_dataset(["b.parquet"], rows=rows, encoding=expected.encoding, threads=threads)
    assert np.array_equal(dense(part), dense(expected)[rows])
    assert np.array_equal(part.labels, expected.labels[rows])


def test_other_data_is_encoded_as_the_training_data_was(folder):
    encoding = read_dataset(["a.parquet"]).encoding
    other = mixed(50, seed=1)
    strange = {
        "job": ["pilot"] * 50,  # not in the training data, which had no rest of jobs
        "town": ["nowhere"] * 50,  # which had a rest of towns
        "pay": [None] * 50,
        "age": pa.nulls(50),
        "born": pa.array([datetime.datetime(1980, 1, 2, 12)] * 50, pa.timestamp("ns")),
        "new": range(50),
        "label": ["perhaps"] + ["yes"] * 49,
    }
    for name, values in strange.items():
        place = other.column_names.index(name) if name in other.column_names else None
        other = other.append_column(name, [values]) if place is None else other.set_column(place, name, [values])
    columns = list(other.column_names)
    random.Random(0).shuffle(columns)  # by name, whatever the order
    pq.write_table(other.select(columns), "b.parquet")
    found = read_dataset(["b.parquet"], encoding=encoding)
    by_name = dict(zip(encoding.names, dense(found).T))
    assert not any(
        by_name[name].any() for name in encoding.names if name.startswith("job=") or name == "job is missing"
    )
    assert by_name["town is another"].all()
    assert set(by_name["pay"]) == {encoding.columns[0].facts["mean"]} and by_name["pay is missing"].all()
    assert set(by_name["born"]) == {(datetime.datetime(1980, 1, 2, 12) - datetime.datetime.fromisoformat(
        encoding.columns[4].facts["since"])) / datetime.timedelta(days=1)}  # fmt: skip
    assert found.label_names == ("no", "yes", "perhaps")  # at its end, so that the others keep their numbers
    assert found.labels.tolist() == [2] + [1] * 49
    assert any("new" in note for note in found.notes)
    with pytest.raises(DataError, match=r'b\.parquet: no column "pay", which the training data has'):
        pq.write_table(other.drop_columns(["pay"]), "b.parquet")
        read_dataset(["b.parquet"], encoding=encoding)
    with pytest.raises(DataError, match=r'b\.parquet: column "pay": expected numbers, found texts'):
        pq.write_table(other.set_column(1, "pay", [["much"] * 50]), "b.parquet")
        read_dataset(["b.parquet"], encoding=encoding)


@pytest.mark.parametrize("kind", COLUMN_KINDS)
def test_the_facts_of_every_kind_are_json_and_are_checked(folder, kind):
    (folder / "a.libsvm").write_text("1 1:nan 2:3\n-1 1:2\n1 1:1\n")
    columns = [
        column
        for name in ("a.parquet", "a.libsvm")
        for column in read_dataset([name]).encoding.columns
        if column.kind == kind
    ]
    assert columns
    for column in columns:
        facts = {"columns": [{"name": "x", "kind": kind, **column.facts}], "left_out": {}, "labels": None}
        again = encoding_of(json.loads(json.dumps(facts)), "m")
        assert again.columns[0].facts == column.facts and again.columns[0].kind == kind
        assert load(COLUMN_KINDS, kind).says(column.facts)
        for key in column.facts:
            for value in ([], -1.5, {"a": "b"}):
                damaged = {**facts, "columns": [{**facts["columns"][0], key: value}]}
                if key == "mean" and value == -1.5:
                    continue
                if (key, value) == ("values", []):  # a category without a value is one
                    continue
                with pytest.raises(DataError, match="damaged"):
                    encoding_of(damaged, "m")


def test_columns_are_chosen(folder):
    def names(**options):
        return [column.name for column in read_dataset(["a.parquet"], **options).encoding.columns]

    assert names(exclude=["note", "home"]) == ["pay", "age", "job", "town", "born", "two"]
    assert names(features=["id", "home"]) == ["id", "home.zip", "home.own"]  # who asks for an identifier gets it
    assert names(features=["home.zip", "job"]) == ["job", "home.zip"]
    assert names(numeric_only=True) == ["pay", "age", "home.own", "two"]
    with pytest.raises(DataError, match='no column "nothing"'):
        names(exclude=["nothing"])
    with pytest.raises(UsageError, match='--exclude: "label" is the label'):
        names(exclude=["label"])


def test_text_that_is_no_category_and_what_says_nothing(tmp_path):
    n = 200
    table = {
        "sentence": [" ".join(["some", "words", "of", "row", str(k)]) for k in range(n)],
        "code": [f"{k:04d}" for k in range(n)],
        "empty": ["", " "] * (n // 2),
        "few": ["", "a"] * (n // 2),
        "same": [datetime.date(2024, 1, 1)] * n,
        "nan": [float("nan")] * n,
        "x": range(n),
        "label": [0, 1] * (n // 2),
    }
    pq.write_table(pa.table(table), tmp_path / "a.parquet")
    encoding = read_dataset([tmp_path / "a.parquet"]).encoding
    assert {column.name: column.kind for column in encoding.columns} == {
        "sentence": "text",
        "few": "category",
        "x": "number",
    }
    assert encoding.columns[1].facts == {"values": ["a"], "rest": False, "missing": True}
    assert set(encoding.left_out) == {"code", "empty", "same", "nan"}


def test_tables_of_numbers_alone_are_as_they_were_and_named(tmp_path):
    pq.write_table(pa.table({"x": [1.0, 1.0], "y": [True, False], "label": [0, 1]}), tmp_path / "a.parquet")
    found = read_dataset([tmp_path / "a.parquet"])
    assert found.encoding.is_plain and found.encoding.names == ["x", "y"] and found.notes == ()
    assert found.features.tolist() == [[1, 1], [1, 0]]


def test_columns_of_numbers_go_by_name(craig):
    rng = np.random.default_rng(0)
    columns = {name: rng.standard_normal(300) * 10.0**k for k, name in enumerate("abcd")}
    columns["label"] = (columns["a"] > 0).astype(int)
    order = ["d", "b", "label", "a", "c"]
    pq.write_table(pa.table(columns), craig.folder / "a.parquet")
    pq.write_table(pa.table({name: columns[name] for name in order}), craig.folder / "other.parquet")
    more = {"e": rng.standard_normal(300), **columns}
    pq.write_table(pa.table(more), craig.folder / "more.parquet")
    pq.write_table(pa.table({name: more[name] for name in more if name != "b"}), craig.folder / "less.parquet")
    craig.ok("train", "a.parquet", "-o", "m.json", "-q")
    expected = craig.ok("eval", "m.json", "a.parquet", "-q").text
    assert craig.ok("eval", "m.json", "other.parquet", "-q").text == expected
    result = craig.ok("eval", "m.json", "more.parquet")
    assert result.text == expected and "left out: e" in result.stderr
    result = craig("eval", "m.json", "less.parquet", "-q")
    assert result.status == 1 and "'b'" in result.error.replace('"', "'")
    # The same data as LIBSVM text, whose features are the columns in their order.
    rows = zip(columns["label"], *(columns[name] for name in "abcd"))
    text = (f"{label} " + " ".join(f"{k}:{value!r}" for k, value in enumerate(row, 1)) for label, *row in rows)
    (craig.folder / "a.libsvm").write_text("\n".join(text).replace("np.float64(", "").replace(")", "") + "\n")
    assert craig.ok("eval", "m.json", "a.libsvm", "-q").text == expected


def test_where_most_is_zero_it_is_sparse(tmp_path):
    rng = np.random.default_rng(0)
    table = {f"c{k}": [f"v{value}" for value in rng.integers(0, 30, 500)] for k in range(8)}
    pq.write_table(pa.table({**table, "label": rng.integers(0, 2, 500)}), tmp_path / "a.parquet")
    found = read_dataset([tmp_path / "a.parquet"])
    assert found.is_sparse and found.features.nnz == 8 * 500
    assert found.features.has_sorted_indices
    assert np.array_equal(dense(found), np.array([row for name in table for row in naive.category(table[name])]).T)


# --- folders and several files ------------------------------------------------------------------------------


def test_folders_of_partitions(tmp_path):
    for part, (year, key, rows) in enumerate(
        [(2023, "01", [1]), (2023, "__HIVE_DEFAULT_PARTITION__", [2]), (2024, "a%2Fb", [3])]
    ):
        place = tmp_path / f"year={year}" / f"key={key}"
        place.mkdir(parents=True)
        pq.write_table(pa.table({"x": rows, "label": [part % 2]}), place / "part-0.parquet")
    found = read_dataset([tmp_path])
    by_name = dict(zip(found.encoding.names, dense(found).T.tolist()))
    order = np.argsort(by_name["x"])  # files in the order of their paths
    assert [by_name["year"][k] for k in order] == [2023, 2023, 2024]
    assert {name for name in by_name if name.startswith("key")} == {"key=01", "key=a/b", "key is missing"}
    assert [by_name["key=01"][k] for k in order] == [1, 0, 0]
    assert [(source.name, source.rows) for source in found.sources] == [
        ("year=2023/key=01/part-0.parquet", 1),
        ("year=2023/key=__HIVE_DEFAULT_PARTITION__/part-0.parquet", 1),
        ("year=2024/key=a%2Fb/part-0.parquet", 1),
    ]


def test_the_column_of_a_file_goes_before_that_of_its_path(tmp_path):
    for key in ("01", "02"):
        (tmp_path / f"g={key}").mkdir()
        pq.write_table(pa.table({"g": [key], "x": [1.0], "label": [int(key) - 1]}), tmp_path / f"g={key}" / "0.parquet")
    assert read_dataset([tmp_path]).encoding.names == ["g=01", "g=02", "x"]  # as polars writes them


def test_schemas_are_unified(tmp_path):
    tables = [
        {"x": pa.nulls(2), "t": ["a", "b"], "label": [0, 1]},
        {"x": [1, 2], "t": pa.array(["a", "c"]).dictionary_encode(), "label": [0, 1]},
        {"x": [1.5, 2.5], "more": [1.0, 2.0], "label": [0, 1]},
    ]
    for number, table in enumerate(tables):
        pq.write_table(pa.table(table), tmp_path / f"{number}.parquet")
    found = read_dataset([tmp_path])
    assert found.encoding.names == [
        *("x", "x is missing", "t=a", "t=b", "t=c", "t is missing", "more", "more is missing"),
    ]
    assert dense(found)[:, 0].tolist() == [1.75, 1.75, 1, 2, 1.5, 2.5]


# --- from Python --------------------------------------------------------------------------------------------


def test_a_table_in_python_is_one_in_a_file(folder):
    table, file = mixed(), read_dataset(["a.parquet"])
    coreset = select_coreset(table, "label", size=50, scale="standard")
    assert coreset.encoding == file.encoding
    again = select_coreset(table.drop_columns(["label"]), table["label"], size=50, scale="standard")
    assert np.array_equal(coreset.index, again.index) and np.array_equal(coreset.weight, again.weight)
    model = train_model(table, "label", coreset=coreset, scale="standard")
    assert model.labels == ("no", "yes") and model.encoding.columns == file.encoding.columns
    other = mixed(300, seed=5)
    assert evaluate_model(model, other, "label")["error_rate"] < 0.45
    rows, labels, weights = coreset.take(table, "label")
    assert rows.num_rows == len(labels) == len(weights) == 50
    with pytest.raises(UsageError, match="which is for tables"):
        select_coreset(np.ones((3, 2)), "label", size=2)


def test_labels_of_arrays_in_python():
    rng = np.random.default_rng(0)
    features, codes = rng.normal(size=(200, 3)), rng.integers(0, 2, 200)
    features[:, 0] += 2 * codes
    numbers = select_coreset(features, codes, size=20)
    for names in (np.array(["no", "yes"]), np.array(["no", "yes"], dtype=object), np.array([2**53, 2**53 + 1])):
        coreset = select_coreset(features, names[codes], size=20)
        assert np.array_equal(coreset.index, numbers.index)
        assert [entry["label"] for entry in coreset.metadata["classes"]] == names.tolist()
        model = train_model(features, names[codes], coreset=coreset)
        assert model.labels == tuple(names.tolist())
        assert evaluate_model(model, features, names[codes])["error_rate"] < 0.3
    with pytest.raises(DataError, match=r"labels: row 1 \(from 0\): expected a label, found none"):
        select_coreset(features[:2], np.array(["a", None], dtype=object), size=2)


def test_a_model_of_a_frame_of_numbers_takes_arrays():
    rng = np.random.default_rng(0)
    columns = {name: rng.standard_normal(200) for name in "ab"}
    labels = (columns["a"] > 0) * 1
    model = train_model(pa.table(columns), labels, epochs=5)
    array = np.column_stack([columns["a"], columns["b"]])
    assert evaluate_model(model, array, labels) == evaluate_model(model, pa.table(columns), labels)


def test_a_note_in_python_says_which_columns_are_left_out():
    table = pa.table(
        {"id": [f"a{row}" for row in range(40)], "x": [row % 7 for row in range(40)], "label": ["no", "yes"] * 20}
    )
    notes = []
    select_coreset(table, "label", size=4, purpose="distance", note=notes.append)
    assert notes == ['left out: "id": 40 different values in 40 rows, as an identifier has']
