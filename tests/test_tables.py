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
from craig_cli.artifacts.coreset import read_coreset
from craig_cli.artifacts.model import read_model
from craig_cli.errors import DataError, UsageError
from craig_cli.formats import read_dataset
from craig_cli.registry import COLUMN_KINDS, load
from craig_cli.tables.encoding import encoding_of
from tests.naive import tables as naive

N_ROWS = 400


def mixed(n_rows: int = N_ROWS, seed: int = 0) -> pa.Table:
    """Rows of every kind of column, some of it missing, with labels that can be learnt."""
    rng = np.random.default_rng(seed)
    job = rng.choice(["clerk", "cook", "nurse", "smith"], n_rows, p=[0.4, 0.3, 0.2, 0.1])
    pay = rng.normal(10, 3, n_rows) + 4 * (job == "nurse")
    holes = random.Random(seed)

    def some(values: list) -> list:
        return [None if holes.random() < 0.1 else value for value in values]

    born = [datetime.date(1980, 1, 1) + datetime.timedelta(int(day)) for day in rng.integers(0, 9000, n_rows)]
    return pa.table(
        {
            "id": [f"id{row:06d}" for row in rng.permutation(n_rows)],
            "pay": some(pay.tolist()),
            "age": some(rng.integers(18, 80, n_rows).tolist()),
            "job": pa.array(some(job.tolist())).dictionary_encode(),
            "town": [f"town {k % 60}" for k in rng.zipf(1.5, n_rows)],
            "born": pa.array(some(born)),
            "home": [{"zip": f"{row % 7:02d}", "own": bool(row % 2)} for row in rng.integers(0, 99, n_rows)],
            "two": rng.normal(size=(n_rows, 2)).tolist(),
            "note": [" ".join(rng.choice([f"w{k}" for k in range(40)], 6)) for _ in range(n_rows)],
            "photo": [b"jpeg"] * n_rows,
            "always": ["so"] * n_rows,
            "label": np.where(pay + rng.normal(0, 1, n_rows) > 11, "yes", "no"),
        }
    )


def dense(dataset) -> np.ndarray:
    return dataset.features.toarray() if dataset.is_sparse else dataset.features


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


# --- CSV ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
@pytest.mark.parametrize("header", [True, False])
def test_the_dialect_is_found(tmp_path, delimiter, header, end):
    rows = [["1", "a b", "2.5", "0"], ["2", f'"x{delimiter} ""y"""', "", "1"], ["-3", "a b", "1e3", "0"]]
    lines = [["n", "text", " x ", "label"]] * header + rows
    (tmp_path / "a").write_bytes(end.join(delimiter.join(line) for line in lines).encode())
    found = read_dataset([tmp_path / "a"], label="label" if header else "f3")
    names = ["n", "text", "x"] if header else ["f0", "f1", "f2"]
    assert [column.name for column in found.encoding.columns] == names
    assert found.encoding.columns[1].facts["values"] == ["a b", f'x{delimiter} "y"']
    assert dense(found)[:, 0].tolist() == [1, 2, -3]
    assert found.labels.tolist() == [0, 1, 0]
    for options in ({"delimiter": delimiter}, {"header": header}, {"format": "csv"}):
        again = read_dataset([tmp_path / "a"], label="label" if header else "f3", **options)
        assert np.array_equal(dense(again), dense(found))


def test_what_csv_means(tmp_path):
    text = (
        "\ufeffn,zip,mark,when,price,flag,label\n"
        "1,01234,?,2024-01-02,1.5,true,yes\n"
        "?,99999,+,2024-01-03,NA,false,no\n"
        "3,01234,+,,2.5,true,yes\n"
        "4.5,1,?,2024-01-01,3,false,no\n"
    )
    (tmp_path / "a.csv").write_text(text)
    found = read_dataset([tmp_path / "a.csv"])
    kinds = {column.name: (column.kind, column.facts) for column in found.encoding.columns}
    assert kinds["n"] == ("number", {"mean": 8.5 / 3, "missing": True})  # ? is missing where all else is numbers
    assert kinds["zip"] == ("category", {"values": ["01234", "1", "99999"], "rest": False, "missing": False})
    assert kinds["mark"][1]["values"] == ["+", "?"]  # and is a value where it is text
    assert kinds["when"][0] == "time" and kinds["when"][1]["missing"]
    assert kinds["price"][1] == {"mean": 7 / 3, "missing": True}
    assert kinds["flag"][0] == "number"
    (tmp_path / "b.csv").write_text("a;b;label\n1,5;2;0\n2,25;3;1\n")  # as in half of Europe
    assert read_dataset([tmp_path / "b.csv"]).features.tolist() == [[1.5, 2], [2.25, 3]]


@pytest.mark.parametrize(
    "text, found",
    [
        ("a,b,a\n1,2,0\n", 'expected one column "a", found 2'),
        ("a,b,label\n1,2,0\n1,2\n", "Expected 3 columns, got 2"),
        ("a,b,label\n", "expected at least one row"),
        ("a,b,c\n1,2,3\n", 'no column "label"; found: a, b, c (name it with --label, perhaps --label c)'),
        ("a,label\n1,\n", 'column "label", row 0 (from 0): expected a label, found null'),
        ("a,label\n1,0\n2,1\ninf,1\n", 'column "a", row 2 (from 0): expected a finite number, found inf'),
    ],
)
def test_csv_that_cannot_be_read(tmp_path, text, found):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(DataError) as refusal:
        read_dataset([tmp_path / "a.csv"])
    assert str(refusal.value).startswith(f"{tmp_path / 'a.csv'}: ") and found in str(refusal.value)


def test_line_ends_inside_of_fields(tmp_path):
    """Also where the reader cuts its blocks of a megabyte."""
    notes = [f"note {k}\nof {k % 9} lines\n" * (k % 5) for k in range(60_000)]
    pa.csv.write_csv(pa.table({"n": range(len(notes)), "note": notes, "label": [0, 1] * 30_000}), tmp_path / "a.csv")
    found = read_dataset([tmp_path / "a.csv"], exclude=["note"], original=True)
    assert found.features.ravel().tolist() == list(range(len(notes)))
    assert found.original()["note"].to_pylist() == [note or None for note in notes]


def test_csv_from_a_pipe_and_compressed(craig):
    table = mixed(100).select(["pay", "job", "label"])
    pa.csv.write_csv(table.set_column(1, "job", table["job"].cast(pa.string())), craig.folder / "a.csv")
    text = (craig.folder / "a.csv").read_bytes()
    craig.ok("select", "a.csv", "--size", "10", "-o", "c", "-q")
    craig.ok("select", "-", "--size", "10", "-o", "d", "-q", stdin=text)
    import gzip

    (craig.folder / "a.csv.gz").write_bytes(gzip.compress(text))
    craig.ok("select", "a.csv.gz", "--size", "10", "-o", "e", "-q")
    chosen = [read_coreset(craig.folder / name).index.tolist() for name in "cde"]
    assert chosen[0] == chosen[1] == chosen[2]
    piped = craig.ok("export", "-", "--coreset", "c", "--to", "csv", "-o", "-", "-q", stdin=text).text.splitlines()
    assert piped[0] == '"pay","job","label","craig_weight","craig_rank"' and len(piped) == 11


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
