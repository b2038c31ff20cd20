"""Selecting from tables of columns of any kind that are read in pieces: encoded as in memory, and the same bytes."""

from __future__ import annotations

import datetime
import json
import os
from collections import Counter
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp

from craig_cli import read_dataset
from craig_cli.errors import DataError, UsageError
from craig_cli.formats import parquet
from craig_cli.formats.pieces import open_pieces
from craig_cli.formats.pipeline import Workers
from craig_cli.selection.limits import estimate_of
from craig_cli.selection.plan import Plan
from craig_cli.selection.select import select_dataset
from craig_cli.streaming import asked as asked_for
from craig_cli.streaming import select as streaming
from craig_cli.streaming import spans
from craig_cli.tables import counts
from craig_cli.tables.category import fit
from craig_cli.tables.counts import Counts, Hashes
from craig_cli.tables.texts import Texts
from tests.mixed import mixed
from tests.test_streaming import Stopped, same, stop_at

PLAN = Plan(purpose="distance", algorithm="partition", block_size=64, fraction=0.1, threads=1, scale="minmax")
LEAF = 200


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(parquet, "MOST", 60)
    monkeypatch.setattr(parquet, "LEAST", 60)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three files; the first has nulls alone as towns and no jobs, only the last piece has an age that is missing."""
    path = tmp_path_factory.mktemp("tables") / "big"
    path.mkdir()
    for part in range(3):
        table = mixed(300 + 10 * part, part)
        ids = pa.array([f"{part} {each}" for each in table["id"].to_pylist()])
        ages = [each if part == 2 and row > 315 else each or 40 for row, each in enumerate(table["age"].to_pylist())]
        changes = {"id": ids, "age": pa.array(ages), "rare": pa.array(np.where(np.arange(len(table)) < 2, "a", "b"))}
        if part == 0:
            changes |= {"town": pa.nulls(len(table)), "rare": pa.nulls(len(table), pa.string())}
            table = table.drop_columns(["job"])
        for name, column in changes.items():
            place = table.schema.get_field_index(name)
            table = table.append_column(name, column) if place < 0 else table.set_column(place, name, column)
        pq.write_table(table, path / f"{part}.parquet", row_group_size=130)
    return path


def stream(data, scratch, plan=PLAN, leaf_rows=LEAF, resume=False, on_disk=True, cluster=None, note=None, **reading):
    options = {"resume": resume, "on_disk": on_disk, "leaf_rows": leaf_rows, "cluster": cluster, "note": note}
    coreset, _ = streaming.select_streamed([str(data)], plan, reading, scratch / "scratch", **options)
    assert not (scratch / "scratch").exists()
    return coreset


@pytest.mark.parametrize(
    "reading",
    [{}, {"numeric_only": True}, {"exclude": ("note", "home", "town")}, {"features": ["id", "pay"]}, {"label": "rare"}],
)
def test_columns_become_what_they_are_in_memory(folder, tmp_path, reading):
    """The encoding to the byte; and where a class is one leaf the picks."""
    notes: list[str] = []
    if reading.get("label") == "rare":
        with pytest.raises(
            DataError, match=r'0.parquet: column "rare", row 0 \(from 0\): expected a label, found null'
        ):
            stream(folder, tmp_path, **reading)
        return
    dataset = read_dataset([str(folder)], **reading)
    streamed = stream(folder, tmp_path, leaf_rows=10_000, note=notes.append, **reading)
    assert json.dumps(streamed.metadata["encoding"]) == json.dumps(dataset.encoding.facts())
    assert tuple(notes) == dataset.notes
    expected = select_dataset(dataset, PLAN)
    assert dataset.is_sparse == (not {"numeric_only", "exclude"} & reading.keys())
    assert streamed.metadata["inputs"] == expected.metadata["inputs"]
    assert np.array_equal(streamed.index, expected.index) and np.array_equal(streamed.weight, expected.weight)
    np.testing.assert_allclose(streamed.epsilon, expected.epsilon, rtol=1e-9)


@pytest.mark.parametrize("purpose", ["distance", "any"])
def test_a_stopped_run_goes_on_to_the_same_bytes_in_any_memory(folder, tmp_path, monkeypatch, purpose):
    plan = replace(PLAN, purpose=purpose, algorithm="auto", memory_limit=streaming.BASE + 30_000_000)
    reading = {"exclude": ("note",)}
    expected = stream(folder, tmp_path, plan, **reading)
    for limit, threads, on_disk in ((2**33, 2, False), (2**33, 1, True)):
        assert same(
            stream(folder, tmp_path, replace(plan, memory_limit=limit, threads=threads), on_disk=on_disk, **reading),
            expected,
        )
    for moment in (2, 3, 20):
        with monkeypatch.context() as patch:
            stop_at(patch, moment)
            with pytest.raises(Stopped):
                stream(folder, tmp_path, plan, resume=True, **reading)
        other = replace(plan, memory_limit=2**33, threads=2)
        assert same(stream(folder, tmp_path, other, resume=True, **reading), expected)


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_a_number_that_only_the_last_piece_lacks(tmp_path, monkeypatch, missing):
    """The first pass finds it, and all begins anew; a run that is stopped then goes on."""
    rows = np.random.default_rng(0).standard_normal((700, 3)).astype(np.float32)
    columns = {f"x{k}": pa.array(rows[:, k]) for k in range(3)} | {"label": np.arange(700) % 2}
    columns["x1"] = pa.array([*rows[:-1, 1].tolist(), missing], pa.float32(), from_pandas=False)
    pq.write_table(pa.table(columns), tmp_path / "data.parquet", row_group_size=300)
    dataset = read_dataset([tmp_path / "data.parquet"])
    plan = replace(PLAN, memory_limit=2**33)
    expected = stream(tmp_path / "data.parquet", tmp_path, plan, on_disk=False, leaf_rows=10_000)
    assert expected.metadata["encoding"] == dataset.encoding.facts()
    assert np.array_equal(expected.index, select_dataset(dataset, PLAN).index)
    for moment in (1, 2, 3):
        with monkeypatch.context() as patch:
            stop_at(patch, moment)
            with pytest.raises(Stopped):
                stream(tmp_path / "data.parquet", tmp_path, plan, resume=True, leaf_rows=10_000)
        assert same(stream(tmp_path / "data.parquet", tmp_path, plan, resume=True, leaf_rows=10_000), expected)


def test_plain_numbers_are_seen_once(tmp_path, monkeypatch):
    """Without what is missing there is no pass in front, also where only text that is no feature was left out."""
    table = mixed(300)
    pq.write_table(table.select(["two", "label"]), tmp_path / "data.parquet")
    with monkeypatch.context() as patch:
        patch.setattr(spans, "see_columns", None)
        stream(tmp_path / "data.parquet", tmp_path)
    pq.write_table(table.select(["id", "two", "label"]), tmp_path / "data.parquet")
    coreset = stream(tmp_path / "data.parquet", tmp_path)
    assert coreset.metadata["encoding"] == read_dataset([tmp_path / "data.parquet"]).encoding.facts()


# --- columns ------------------------------------------------------------------------------------------------


def test_text_of_more_values_than_there_is_room_for(folder, tmp_path, monkeypatch):
    """What it is taken for, and which values are frequent, is as in memory, and the same in any order of threads."""
    monkeypatch.setattr(spans, "ROOM", 3 * 10_000)
    monkeypatch.setattr(counts, "MOST", 300)
    monkeypatch.setattr(counts, "LEAST", 100)
    expected = read_dataset([str(folder)]).encoding
    streamed = stream(folder, tmp_path).encoding
    assert [column.name for column in streamed.columns] == [column.name for column in expected.columns]
    assert [column.kind for column in streamed.columns] == [column.kind for column in expected.columns]
    assert streamed.left_out.keys() == expected.left_out.keys()
    assert "different values in 930 rows, as an identifier has" in streamed.left_out["id"]
    assert stream(folder, tmp_path, replace(PLAN, threads=2)).encoding == streamed


def test_counts_in_little_room_keep_what_is_frequent():
    generator = np.random.default_rng(0)
    values = [f"value {k}" for k in generator.zipf(1.3, 40_000) % 10_000]
    exact, few = Counts(), Counts(100_000)
    for start in range(0, len(values), 1000):
        part = Counts.of(Texts(pa.chunked_array([values[start : start + 1000]])))
        exact.add(part)
        few.add(part)
    assert exact.counts == Counter(values) and exact.different == len(set(values)) and exact.words == 2.0
    assert (few.rows, few.there) == (40_000, 40_000)
    assert len(few.counts) < 700 < exact.different
    error = 40_000 / 350
    assert all(exact.counts[value] - error <= few.counts.get(value, 0) <= exact.counts[value] for value in exact.counts)
    assert fit(few)["values"][:10] == fit(exact)["values"][:10] and fit(few)["rest"]


def test_different_values_are_counted_by_their_hashes():
    values = [f"a {k}" for k in range(50_000)]
    exact = Hashes(values[:20_000])
    exact.add(values[10_000:])
    assert exact.different == 50_000 and exact.words == 2.0
    found = []
    for order in (values, values[::-1]):
        about = Hashes([], 5_000)
        for start in range(0, len(values), 700):
            about.add(order[start : start + 900])
        found.append(about.different)
    assert found[0] == found[1] == pytest.approx(50_000, rel=0.05)


def test_pieces_of_long_text_have_few_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "LEAST", 1)
    monkeypatch.setattr(parquet, "PIECE", 100_000)
    table = pa.table({"text": [f"{row} " * 1000 for row in range(40)], "x": range(40), "label": [0, 1] * 20})
    pq.write_table(table, tmp_path / "long.parquet", use_dictionary=False)
    with parquet.opened(str(tmp_path / "long.parquet"), "long.parquet") as file:
        assert parquet.rows_of_piece(file) == parquet.rows_of_piece(file, 0, 0, ["x", "label"]) == 60
        assert 25 < parquet.rows_of_piece(file, 0, 0, ["x", "text"]) < 45  # some 2,800 bytes each
        assert parquet.rows_of_piece(file, 400) == 31
    pieces = open_pieces([str(tmp_path / "long.parquet")], label="label")
    pieces = pieces.encoded(read_dataset([tmp_path / "long.parquet"]).encoding)
    assert max(len(piece.labels) for piece in pieces()) < 45


def test_a_piece_of_a_category_has_the_values_of_its_rows():
    whole = pa.array([f"value {k % 50}" for k in range(200)]).dictionary_encode()
    texts = Texts(pa.chunked_array([whole.slice(20, 10)]))
    assert texts.values == [f"value {k}" for k in range(20, 30)] and texts.codes.tolist() == list(range(10))


# --- commands -----------------------------------------------------------------------------------------------


def test_the_commands(craig, folder, monkeypatch):
    """Rows that were dense when they were selected are sparse when they are trained on."""
    options = ("--fraction", "0.3", "--for", "distance", "--scale", "standard", "-q")
    found = craig.ok("select", folder, *options, "--stream", "--json", "-o", "a").stdout
    assert {"columns", "survey", "route"} <= json.loads(found)["stages"].keys()
    craig.ok("select", folder, *options, "--stream", "--memory-limit", "700M", "--threads", "1", "-o", "b")
    monkeypatch.setattr(asked_for, "LARGE", 929)
    assert "930 rows, leaf by leaf" in craig.ok("select", folder, *options[:-1], "-o", "c").stderr
    assert (craig.folder / "a").read_bytes() == (craig.folder / "b").read_bytes() == (craig.folder / "c").read_bytes()
    craig.ok("train", folder, "--coreset", "a", "--scale", "standard", "-o", "model", "-q")
    evaluated = json.loads(craig.ok("eval", "model", folder, "--coreset", "a", "--json").stdout)
    assert evaluated["models"][0]["error_rate"] < 0.2
    craig.ok("export", folder, "--coreset", "a", "--to", "libsvm", "-o", "out", "-q")
    assert len((craig.folder / "out").read_text().splitlines()) == 279


def test_what_it_cannot_take_is_one_line(craig):
    dates = pa.array([datetime.date(2020, 1, 1)] * 4)
    times = pa.array([datetime.time(1)] * 4)
    labels = [0, 1, 0, 1]
    data = craig.folder / "data"
    data.mkdir()
    pq.write_table(pa.table({"x": dates, "label": labels}), data / "0.parquet")
    pq.write_table(pa.table({"x": times, "label": labels}), data / "1.parquet")
    options = ("--size", "2", "--for", "distance", "--stream", "-q", "-o", "out")
    assert 'column "x": expected times of one kind' in craig("select", data, *options).error
    pq.write_table(pa.table({"x": dates, "y": ["a"] * 4, "label": labels}), craig.folder / "same.parquet")
    assert "expected columns that can be features, found none" in craig("select", "same.parquet", *options).error
    lists = [[1.0], [2.0], None, [3.0]]
    pq.write_table(pa.table({"x": lists, "y": list("abcd"), "label": labels}), craig.folder / "lists.parquet")
    assert (
        'column "x", row 2 (from 0): expected a number, found null' in craig("select", "lists.parquet", *options).error
    )
    assert sorted(os.listdir(craig.folder)) == ["data", "lists.parquet", "same.parquet"]


def test_encoded_rows_are_sparse_by_some_of_all_quarters(tmp_path):
    """Words that only late rows have; distances that sparse rows have not are refused as in memory."""
    rng = np.random.default_rng(0)
    texts = [None] * 300 + [" ".join(f"w{code}" for code in row) for row in rng.integers(0, 99, (500, 5))]
    columns = {"words": texts, "x": rng.standard_normal(800), "label": np.arange(800) % 2}
    pq.write_table(pa.table(columns), tmp_path / "in.parquet")
    dataset = read_dataset([tmp_path / "in.parquet"])
    pieces = open_pieces([str(tmp_path / "in.parquet")], label="label").encoded(dataset.encoding)
    assert pieces.is_sparse and dataset.is_sparse
    assert pieces.density == pytest.approx(dataset.features.nnz / 800, rel=0.3)
    found = sp.vstack([piece.features for piece in pieces()])
    assert (found != dataset.features).nnz == 0
    with pytest.raises(UsageError, match="chebyshev distances are of dense rows, found sparse ones in"):
        stream(tmp_path / "in.parquet", tmp_path, replace(PLAN, metric="chebyshev", scale="none"), label="label")
    assert not (tmp_path / "scratch").exists()


def test_many_columns_of_text_are_seen_few_rows_at_a_time(tmp_path, monkeypatch):
    """So that what waits takes little memory where all values differ."""
    monkeypatch.setattr(parquet, "LEAST", 1)
    monkeypatch.setattr(parquet, "PIECE", 100_000)
    columns = {f"t{k}": [f"{k} {row}" for row in range(200)] for k in range(12)}
    pq.write_table(pa.table(columns | {"label": [0, 1] * 100}), tmp_path / "texts.parquet")
    pieces = open_pieces([str(tmp_path / "texts.parquet")], label="label")
    rows = [count for count, _ in pieces.seen(Workers(1))]
    assert sum(rows) == 200 and max(rows) <= 100_000 / (12 * 256)


def test_it_streams_of_itself_where_what_is_encoded_is_too_much_for_the_memory(tmp_path):
    """By what the first rows become: dense with one-hot columns, sparse with words; lists are as long as they are."""
    rng = np.random.default_rng(0)
    rows, few = 4000, [f"{code:02d}" for code in rng.integers(0, 20, 4000)]
    words = [" ".join(f"w{code}" for code in row) for row in rng.integers(0, 500, (rows, 6))]
    lists = pa.array(list(rng.standard_normal((rows, 200))))
    numbers = {f"x{k}": rng.standard_normal(rows) for k in range(3)}
    plan = Plan(size=50, purpose="distance", algorithm="auto", threads=1)
    for more, width, of_a_row in (({"few": few}, 23, 0), ({"words": words}, 0, 9), ({"lists": lists}, 203, 0)):
        pq.write_table(pa.table({**numbers, **more, "label": np.arange(rows) % 2}), tmp_path / "in.parquet")
        paths, reading = [str(tmp_path / "in.parquet")], {"label": "label"}
        assert read_dataset(paths).is_sparse == (width == 0)
        selecting = estimate_of(rows, width) + 48 * rows * of_a_row
        for limit, streams in ((0.8 * selecting, True), (1.25 * selecting, False)):
            reason = asked_for.reason_to_stream(paths, replace(plan, memory_limit=int(limit)), reading)
            assert (reason is not None) == streams, more
