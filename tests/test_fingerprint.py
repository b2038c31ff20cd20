"""The fingerprint of a table is that of its content, however a file holds it."""

from __future__ import annotations

import hashlib
import json
import os

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from craig_cli.errors import DataError
from craig_cli.formats import read_dataset
from craig_cli.formats.pipeline import Workers
from craig_cli.tables.fingerprint import Fingerprint
from tests.mixed import mixed
from tests.naive import tables as naive


def fingerprint(path, **options) -> str:
    return read_dataset([path], **options).sources[0].fingerprint


@pytest.fixture
def table():
    return mixed(300).drop_columns(["photo"])


@pytest.fixture
def written(tmp_path):
    def write(table, **options):
        pq.write_table(table, tmp_path / "t.parquet", **options)
        return tmp_path / "t.parquet"

    return write


def test_is_that_of_the_naive_one(written):
    rng = np.random.default_rng(0)
    numbers = [None if k % 7 == 0 else float(value) for k, value in enumerate(rng.normal(size=50))]
    texts = [None if k % 5 == 0 else f"wort ä{k % 3}" for k in range(50)]
    labels = (np.arange(50) % 2).tolist()
    path = written(pa.table({"n": numbers, "t": [t and f" {t} " for t in texts], "label": labels}))
    expected = naive.fingerprint({"n": numbers, "t": texts, "label": [float(label) for label in labels]})
    assert fingerprint(path) == expected


def test_does_not_depend_on_the_file(table, written, tmp_path):
    whole = read_dataset([written(table)])
    first = whole.sources[0].fingerprint
    assert fingerprint(written(table, compression="zstd", row_group_size=37, use_dictionary=False)) == first
    assert fingerprint(tmp_path / "t.parquet", threads=1) == first
    assert fingerprint(tmp_path / "t.parquet", rows=np.array([3, 250]), encoding=whole.encoding) == first
    backwards = table.select(table.column_names[::-1])
    pyarrow.feather.write_feather(backwards, tmp_path / "t.feather", chunksize=41)
    assert fingerprint(tmp_path / "t.feather") == first
    texts = {"town": pa.dictionary(pa.int8(), pa.string()), "note": pa.large_string(), "job": pa.string()}
    texts |= {"label": pa.dictionary(pa.int32(), pa.string()), "age": pa.float32(), "born": pa.timestamp("ms")}
    fields = [field.with_type(texts.get(field.name, field.type)) for field in table.schema]
    assert fingerprint(written(table.cast(pa.schema(fields)), row_group_size=100)) == first


def test_parts_that_were_made_apart_join_in_any_order():
    rng = np.random.default_rng(0)
    columns = {"n": rng.normal(size=20_000), "v": rng.normal(size=(20_000, 3)).astype(np.float32)}

    def of(begin: int, end: int, first: int) -> Fingerprint:
        found = Fingerprint(Workers(1), first)
        found.add({name: values[begin:end] for name, values in columns.items()}, end - begin)
        return found

    whole, joined, elsewhere = of(0, 20_000, 0), of(9000, 20_000, 9000), of(9000, 20_000, 9001)
    for found in (joined, elsewhere):
        found.join(of(0, 9000, 0))
        assert found.rows == 20_000
    assert joined.columns(columns) == whole.columns(columns)
    assert all(elsewhere.columns([name]) != whole.columns([name]) for name in columns)


def test_csv_of_the_same_rows_is_the_same_data(table, written, tmp_path):
    flat = table.select(["pay", "age", "town", "born", "note", "label"])
    pyarrow.csv.write_csv(flat, tmp_path / "t.csv")
    assert fingerprint(tmp_path / "t.csv") == fingerprint(written(flat))


@pytest.mark.parametrize("name", ["pay", "age", "job", "town", "born", "two", "note", "label"])
def test_tells_one_value_and_two_rows_in_each_others_place(table, written, name):
    first = fingerprint(written(table))
    values = table[name].to_pylist()
    other = next(row for row, value in enumerate(values) if value != values[0] and None not in (value, values[0]))
    swapped = [values[other], *values[1:other], values[0], *values[other + 1 :]]
    for found in ([values[other], *values[1:]], swapped):
        place = table.column_names.index(name)
        column = pa.array(found, pa.string() if name == "job" else table[name].type)
        assert fingerprint(written(table.set_column(place, name, column))) != first
    assert (
        fingerprint(written(table.rename_columns([f"{n}2" if n == "pay" else n for n in table.column_names]))) != first
    )


def test_integers_beyond_float64_are_told_apart(written):
    found = {fingerprint(written(pa.table({"x": [1, 2], "label": [2**53, 2**53 + k]}))) for k in (1, 2, 4)}
    assert len(found) == 3
    table = pa.table({"x": [1.0, 2.0, 3.0, 4.0], "label": [1, 0, 2**60 + 1, 2**60]})
    assert fingerprint(written(table, row_group_size=2)) == fingerprint(written(table))


def test_only_columns_that_are_used_count(table, written):
    """So that ``--features a,b`` is the same data to all commands, and an identifier may be another."""
    first, few = fingerprint(written(table)), fingerprint(written(table), features=["pay", "job"])
    changed = table.set_column(0, "id", pa.array([f"x{k}" for k in range(300)]))
    assert fingerprint(written(changed)) == first
    changed = changed.set_column(2, "age", pa.array(np.arange(300)))
    assert fingerprint(written(changed), features=["pay", "job"]) == few != fingerprint(written(changed))


def test_missing_is_one_value(written):
    strange = np.frombuffer(np.uint64([0xFFF8000000000001, 0x3FF0000000000000, 0]).tobytes())
    found = {
        fingerprint(written(pa.table({"x": x, "label": [0, 1, 1]})))
        for x in (strange, [None, 1.0, 0.0], [np.nan, 1.0, -0.0], pa.array([None, 1, 0], pa.int8()))
    }
    assert len(found) == 1


def test_a_coreset_is_of_the_rows_and_one_of_before_of_the_bytes(table, written, craig, tmp_path):
    path = written(table)
    craig.ok("select", path, "--size", 30, "--features", "pay,job,town", "-o", "c.parquet", "-q")
    pq.write_table(table, tmp_path / "other.parquet", compression="zstd", row_group_size=50)
    craig.ok("train", tmp_path / "other.parquet", "--coreset", "c.parquet", "-o", "m.json", "-q")
    craig.ok("export", tmp_path / "other.parquet", "--coreset", "c.parquet", "--to", "parquet", "-o", "e.parquet", "-q")
    # As version 0.1.0 wrote it.
    coreset = pq.read_table(tmp_path / "c.parquet")
    facts = json.loads(coreset.schema.metadata[b"craig"])
    del facts["inputs"][0]["columns"]
    facts["inputs"][0]["fingerprint"] = f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    pq.write_table(coreset.replace_schema_metadata({"craig": json.dumps(facts)}), tmp_path / "old.parquet")
    craig.ok("train", path, "--coreset", "old.parquet", "-o", "m.json", "-q")
    done = craig("train", tmp_path / "other.parquet", "--coreset", "old.parquet", "-o", "m.json", "-q")
    assert done.status == 1 and "by the bytes of its file" in done.error, done.error
    changed = written(table.set_column(1, "pay", pa.array(np.arange(300.0))))
    for name, found in (("old.parquet", "the bytes of its file"), ("c.parquet", "(column pay)")):
        done = craig("train", changed, "--coreset", name, "-o", "m.json", "-q")
        assert done.status == 1 and "was selected from other data" in done.error, done.error
        assert found in done.error


def test_a_coreset_may_be_of_other_columns_and_another_label(written, craig):
    rng = np.random.default_rng(0)
    table = pa.table({"a": rng.normal(size=60), "b": rng.normal(size=60), "one": [0, 1] * 30, "two": [0, 1, 1] * 20})
    path = written(table)
    craig.ok("select", path, "--size", 9, "--features", "a", "--label", "one", "-o", "c.parquet", "-q")
    craig.ok("train", path, "--coreset", "c.parquet", "--features", "a,b", "--label", "two", "-o", "m.json", "-q")
    path = written(table.set_column(0, "a", pa.array(rng.normal(size=60))))
    done = craig("train", path, "--coreset", "c.parquet", "--features", "a,b", "--label", "two", "-o", "m.json")
    assert done.status == 1 and "(column a)" in done.error


def test_a_file_that_ends_early_is_refused(written):
    path = written(pa.table({"x": [1.0, 2.0], "label": [0, 1]}))
    os.truncate(path, path.stat().st_size - 20)
    with pytest.raises(DataError):
        read_dataset([path], format="parquet")
