"""Data that is read in pieces, cut small, against the same data read into memory."""

from __future__ import annotations

import bz2
import gzip
import io
import itertools
import os
import random
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp

from craig_cli.artifacts.coreset import write_coreset
from craig_cli.artifacts.model import Model, write_model
from craig_cli.cli.export import _prepared
from craig_cli.dataset import Dataset
from craig_cli.errors import DataError, UsageError
from craig_cli.evaluation.metrics import Tally, evaluate
from craig_cli.exporters.prepare import Asked, of_rows
from craig_cli.formats import libsvm, libsvm_pieces, opened, parquet, pieces_of, read_dataset, room
from craig_cli.formats.restart import NotInPieces
from craig_cli.formats.stream import Stream
from craig_cli.formats.text_pieces import open_text
from craig_cli.registry import EXPORTERS, load
from craig_cli.selection.plan import Plan
from craig_cli.selection.select import select_dataset
from craig_cli.streaming.select import select_streamed
from craig_cli.tables.encoding import Encoding
from tests.conftest import SAMPLE
from tests.test_libsvm import mutate, random_text

ROWS, WIDTH = 90, 5
OF_ROWS = [name for name in EXPORTERS if not load(EXPORTERS, name).takes_model]


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch, tmp_path):
    """A few rows each, whatever the format."""
    monkeypatch.setattr(libsvm, "BLOCK", 128)
    monkeypatch.setattr(libsvm_pieces, "PIECE", 20)
    monkeypatch.setattr(parquet, "MOST", 7)
    monkeypatch.setattr(parquet, "LEAST", 7)
    monkeypatch.chdir(tmp_path)


def numbers(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(features, of which half are 0 and a row all, labels of two classes)"""
    generator = np.random.default_rng(seed)
    features = np.round(generator.standard_normal((ROWS, WIDTH)) * (generator.random((ROWS, WIDTH)) < 0.5), 2)
    features[3], features[-1, -1] = 0.0, 1.5
    return features, np.where(features[:, 0] + generator.standard_normal(ROWS) > 0, 1.0, -1.0)


def text_of(features, labels, weights=None, first=1) -> str:
    lines = []
    for row, (values, label) in enumerate(zip(features, labels)):
        head = f"{label:g}" if weights is None else f"{label:g}:{weights[row]:g}"
        lines.append(" ".join([head, *(f"{k + first}:{value:g}" for k, value in enumerate(values) if value)]))
    return "\n".join(lines) + "\n"


def table_of(features, labels, **more) -> pa.Table:
    columns = {f"f{k}": features[:, k] for k in range(features.shape[1])}
    return pa.table(columns | {"label": labels} | more)


def dense(path):
    features, labels = numbers()
    (path / "in").write_text(text_of(features + 3.0, labels))
    return "in", {}


def sparse(path):
    features, labels = numbers()
    wide = np.zeros((ROWS, 400))
    wide[:, :: 400 // WIDTH][:, :WIDTH] = features
    wide[0, -1] = 1.0
    (path / "in").write_text(text_of(wide, labels))
    return "in", {}


def weighted_lines(path):
    weights = np.random.default_rng(1).random(ROWS) + 0.1
    (path / "in").write_text(text_of(*numbers(), weights))
    return "in", {}


def weight_file(path):
    (path / "w").write_text("".join(f"{k % 7 + 1 / 3}\n" for k in range(ROWS)))
    (path / "in.gz").write_bytes(gzip.compress(text_of(*numbers()).encode()))
    return "in.gz", {"weight_file": "w"}


def late_zero(path):
    """Only the last row says that features count from 0."""
    features, labels = numbers()
    features[:, 0] = 0.0
    features[-1, 0] = 2.0
    (path / "in.bz2").write_bytes(bz2.compress(text_of(features, labels, first=0).encode()))
    return "in.bz2", {}


def one_group(path):
    pq.write_table(table_of(*numbers()), path / "in")
    return "in", {}


def folder(path):
    """A partition, columns in another order, float32 and whole numbers, a column of weights."""
    features, labels = numbers()
    table = table_of(features, labels, w=np.arange(1.0, ROWS + 1) / 3)
    for number, names in enumerate((table.column_names, table.column_names[::-1])):
        part = table.slice(number * 40, 40 if number == 0 else ROWS).select(names)
        part = part.set_column(part.column_names.index("f1"), "f1", part["f1"].cast(pa.float32()))
        (path / "in" / f"day={number}").mkdir(parents=True)
        pq.write_table(part, path / "in" / f"day={number}" / "a.parquet", row_group_size=33)
    return "in", {"weight_column": "w"}


def arrow(path):
    pyarrow.feather.write_feather(table_of(*numbers()), path / "in", chunksize=11)
    return "in", {}


def booleans(path):
    """The first pieces have one of the two labels alone."""
    features, labels = numbers()
    order = np.argsort(labels, kind="stable")[::-1]
    pq.write_table(table_of(features[order], labels[order] > 0), path / "in")
    return "in", {}


INPUTS = [dense, sparse, weighted_lines, weight_file, late_zero, one_group, folder, arrow, booleans]


def models(width: int, labels: tuple[float, float]) -> dict[str, Model]:
    generator = np.random.default_rng(2)
    coef = generator.standard_normal((3, width))
    return {
        "logistic": Model("logistic", labels, coef[0], 0.25, 0.1),
        "multinomial": Model("multinomial", (*labels, 7.0), coef, np.array([0.1, 0.0, -0.3]), 0.01),
        "squared": Model("squared", (), coef[0], 0.25, 0.0),
    }


def assert_alike(found: dict, expected: dict) -> None:
    assert list(found) == list(expected)
    for key, value in expected.items():
        if isinstance(value, float):
            assert found[key] == pytest.approx(value, rel=1e-12, abs=1e-14), key
        elif isinstance(value, list):
            for one, other in zip(found[key], value, strict=True):
                assert_alike(one, other)
        else:
            assert found[key] == value, key


@pytest.mark.parametrize("make", INPUTS)
def test_metrics_are_those_of_all_rows_at_once(tmp_path, make):
    path, reading = make(tmp_path)
    dataset = read_dataset([path], **reading)
    labels = (0.0, 1.0) if make is booleans else (-1.0, 1.0)
    sizes = [piece.n_rows for piece in Stream([path], **reading | {"zero_based": make is late_zero or None})]
    assert len(sizes) > 5 and sum(sizes) == ROWS
    for name, model in models(dataset.n_features, labels).items():
        if name == "squared" and make is booleans:
            continue
        found = Stream([path], **reading).over(partial(Tally, model, name)).metrics()
        assert_alike(found, evaluate(model, dataset, name))


def test_a_late_zero_begins_anew(tmp_path):
    path, _ = late_zero(tmp_path)
    begun = []

    def begin():
        begun.append(Tally(models(WIDTH, (-1.0, 1.0))["logistic"]))
        return begun[-1]

    stream = Stream([path])
    assert stream.over(begin) is begun[1] and len(begun) == 2
    assert begun[0].rows > 0 and begun[1].rows == stream.n_rows == ROWS


def test_auc_of_pieces_against_all_pairs():
    generator = np.random.default_rng(4)
    features = generator.integers(-3, 4, (60, 1)).astype(float)  # many ties
    labels = generator.choice([-1.0, 1.0], 60)
    for weight in (None, generator.random(60) + 0.5):
        tally = Tally(Model("logistic", (-1.0, 1.0), np.ones(1), 0.0, 0.0))
        for part in np.array_split(np.arange(60), 7):
            tally.add(Dataset(features[part], labels[part], None if weight is None else weight[part]))
        mass = np.ones(60) if weight is None else weight
        above = total = 0.0
        for i, j in itertools.product(np.flatnonzero(labels > 0), np.flatnonzero(labels < 0)):
            above += mass[i] * mass[j] * ((features[i, 0] > features[j, 0]) + 0.5 * (features[i, 0] == features[j, 0]))
            total += mass[i] * mass[j]
        assert tally.metrics()["auc"] == pytest.approx(above / total, rel=1e-12)


@pytest.mark.parametrize("names", [("no", "yes"), None])
def test_rows_of_classes_that_a_model_does_not_know(tmp_path, names):
    """Few are errors, wherever they are and in however many pieces; many are other data."""
    features, labels = numbers()
    model = models(WIDTH, (-1.0, 1.0))["logistic"]
    encoding = None if names is None else Encoding(labels=names)
    if names is not None:
        model = Model("logistic", (0.0, 1.0), model.coef, 0.0, 0.0, encoding=encoding)
    for unknown in ([], [80, 20, 50], range(0, ROWS, 8)):
        repeats = 6 if len(unknown) < 4 else 1  # 540 rows
        values = np.tile(labels, repeats).astype(object)
        if names is not None:
            values = np.where(values > 0, "yes", "no").astype(object)
        for place, row in enumerate(unknown):
            values[row] = f"z{place % 2}" if names is not None else 3.0 + place % 2
        table = table_of(np.tile(features, (repeats, 1)), pa.array(values.tolist()))
        pq.write_table(table, tmp_path / "in")
        dataset = read_dataset(["in"], encoding=encoding)
        stream = Stream(["in"], encoding=encoding)
        if len(unknown) > 3:
            with pytest.raises(DataError) as expected:
                evaluate(model, dataset, "m")
            with pytest.raises(DataError) as found:
                stream.over(partial(Tally, model, "m")).metrics()
            assert str(found.value) == str(expected.value)
        else:
            result = stream.over(partial(Tally, model, "m")).metrics()
            assert ("unknown" in result) == bool(unknown)
            assert_alike(result, evaluate(model, dataset, "m"))


def with_texts(path):
    """A category, text, a time and a missing number: what a model of such a table encodes."""
    features, labels = numbers()
    more = {
        "city": pa.array([f"c{k % 3}" for k in range(ROWS)]).dictionary_encode(),
        "when": pa.array([k * 1_000_000 for k in range(ROWS)], pa.timestamp("us")),
        "text": [f"word{k % 11} and more" for k in range(ROWS)],
        "hole": pa.array([None if k % 5 == 0 else float(k) for k in range(ROWS)]),
    }
    pq.write_table(table_of(features, np.where(labels > 0, "yes", "no"), **more), path / "in", row_group_size=40)
    return "in", {}


def holes(path):
    features, labels = numbers()
    (path / "in").write_text(text_of(features, labels) + "1 1:nan 2:0.5\n")
    return "in", {}


@pytest.mark.parametrize("make", [with_texts, holes])
def test_what_is_encoded_is_encoded_alike_in_pieces(tmp_path, make):
    path, _ = make(tmp_path)
    dataset = read_dataset([path])
    with pytest.raises(NotInPieces):  # without an encoding it takes all rows to make one
        list(pieces_of([path]))
    stream = Stream([path])
    assert [piece.n_rows for piece in stream.over(Kept).pieces] == [dataset.n_rows] and stream.whole
    pieces = Stream([path], encoding=dataset.encoding).over(Kept).pieces
    assert len(pieces) > 2
    np.testing.assert_array_equal(np.vstack([_dense(piece.features) for piece in pieces]), _dense(dataset.features))
    np.testing.assert_array_equal(np.concatenate([piece.labels for piece in pieces]), dataset.labels)


class Kept:
    """The pieces themselves."""

    def __init__(self) -> None:
        self.pieces: list = []

    def add(self, piece) -> None:
        self.pieces.append(piece)


def _dense(features) -> np.ndarray:
    return features.toarray() if sp.issparse(features) else features


@pytest.mark.parametrize("target", OF_ROWS)
@pytest.mark.parametrize("make", [dense, sparse, weighted_lines, weight_file, late_zero, one_group, folder, booleans])
def test_all_rows_are_exported_as_from_memory(tmp_path, make, target):
    path, reading = make(tmp_path)
    exporter = load(EXPORTERS, target)
    everything = read_dataset([path], original=exporter.original, **reading)
    expected = written(exporter, of_rows(everything, None, exporter, Asked()))
    found = written(exporter, _prepared([path], None, None, exporter, Asked(), dict(reading)))
    assert found[:3] == expected[:3]
    assert found[3:] == pytest.approx(expected[3:], rel=1e-15)


def written(exporter, prepared) -> list:
    streams = [io.BytesIO() for _ in range(2 if exporter.beside else 1)]
    exporter.write(prepared.pieces, *streams)
    facts = [prepared.weight, prepared.ratio]
    return [[stream.getvalue() for stream in streams], prepared.numbered, prepared.scale, *facts]


@pytest.mark.parametrize("target", ["csv", "parquet", "feather"])
def test_tables_of_texts_and_categories_come_back(tmp_path, target, craig):
    """In pieces, of two files of which one lacks a column."""
    with_texts(tmp_path)
    table = pq.read_table("in")
    os.mkdir("all")
    pq.write_table(table, "all/a.parquet", row_group_size=20)
    pq.write_table(table.drop_columns(["hole"]), "all/b.parquet")
    craig.ok("export", tmp_path / "all", "--to", target, "-o", tmp_path / "out", "-q")
    exporter = load(EXPORTERS, target)
    whole = of_rows(read_dataset(["all"], original=True), None, exporter, Asked())
    if target == "csv":
        assert (tmp_path / "out").read_bytes() == written(exporter, whole)[0][0]
        return
    read = {"parquet": pq.read_table, "feather": pyarrow.feather.read_table}[target]
    expected = pa.concat_tables([table, table], promote_options="permissive").to_pylist()
    for row in expected[ROWS:]:
        row["hole"] = None
    assert read(tmp_path / "out").drop_columns(["craig_weight"]).to_pylist() == expected


def test_a_coresets_rows_come_in_pieces_too(tmp_path):
    for make in (one_group, dense, sparse):
        path, _ = make(tmp_path)
        rows = np.array([0, 5, 6, 44, 89])
        whole = read_dataset([path])
        some = read_dataset([path], rows=rows, n_features=whole.n_features)
        np.testing.assert_array_equal(_dense(some.features), _dense(whole.features)[rows])
        assert some.sources == whole.sources  # the fingerprint is of all rows
    with opened([one_group(tmp_path)[0]], None) as (_, contents, _):
        one = parquet.look(next(contents), None)
    assert max(len(table) for _, table in one.pieces(None, lambda begin, end: True, 1)) == 7


@pytest.mark.parametrize("lines, said", [(ROWS - 1, f"found {ROWS - 1}"), (ROWS + 30, f"found {ROWS + 30}")])
def test_a_weight_file_has_a_line_for_each_row(tmp_path, lines, said):
    (tmp_path / "in").write_text(text_of(*numbers()))
    (tmp_path / "w").write_text("1\n" * lines)
    with pytest.raises(DataError, match=f"w: expected {ROWS} weights, one for each row, {said}"):
        list(Stream(["in"], weight_file="w"))
    with pytest.raises(DataError, match=f"w: expected {ROWS} weights, one for each row, {said}"):
        read_dataset(["in"], weight_file="w")


@pytest.mark.parametrize("make", [dense, one_group])
def test_data_that_changes_between_two_passes_is_refused(tmp_path, make):
    path, _ = make(tmp_path)
    stream = Stream([path])
    stream.over(Kept)
    more, labels = numbers(1)
    if make is dense:
        (tmp_path / "in").write_text(text_of(more, labels))
    else:
        pq.write_table(table_of(more, labels, day=labels), "in")
    with pytest.raises(DataError, match="in: changed while it was read; run again"):
        list(stream)


def test_labels_only_and_no_rows_are_said(tmp_path):
    for text, said in (("1\n0\n" * 50, "expected features"), ("\n\n", "no rows in it")):
        (tmp_path / "in").write_text(text)
        with pytest.raises(DataError) as expected:
            read_dataset(["in"])
        with pytest.raises(DataError, match=said) as found:
            list(Stream(["in"]))
        assert str(found.value) == str(expected.value)


def test_the_memory_that_data_takes_is_known_before(tmp_path):
    generator = np.random.default_rng(0)
    full = np.round(generator.standard_normal((2000, 20)), 3)
    few = full * (generator.random(full.shape) < 0.05)
    (tmp_path / "dense").write_text(text_of(full, full[:, 0]))
    (tmp_path / "sparse").write_text(text_of(few, few[:, 0]))
    (tmp_path / "packed").write_bytes(gzip.compress((tmp_path / "dense").read_bytes()))
    pq.write_table(table_of(full, full[:, 0]), tmp_path / "table")
    for name in ("dense", "sparse", "packed", "table"):
        dataset = read_dataset([name])
        matrix = dataset.features
        size = matrix.data.nbytes + matrix.indices.nbytes + matrix.indptr.nbytes if dataset.is_sparse else matrix.nbytes
        assert 0.6 * size <= room.room_for([name], {}) <= 1.8 * size, name
        assert room.room_for([name], {}, 3.0) >= 1.7 * size


@pytest.mark.parametrize("name", ["binary.libsvm", "binary.parquet"])
def test_what_does_not_fit_is_refused_in_one_line_before_it_is_read(craig, tmp_path, monkeypatch, name):
    data = SAMPLE / name
    dataset = read_dataset([data])
    write_coreset(tmp_path / "c", select_dataset(dataset, Plan.paper(size=50, algorithm="random")))
    write_model(tmp_path / "m", models(dataset.n_features, (-1.0, 1.0))["logistic"])
    monkeypatch.setattr(room, "available_memory", lambda: 2.0**13)
    for args, said in (
        (("train", data), "training on all rows takes about"),
        (("train", data, "--coreset", tmp_path / "c", "--refine", 1), "without --refine only the rows"),
        (("eval", tmp_path / "m", data, "--reference", "auto"), "eval with --reference reads all rows, which takes"),
        (("eval", data, "--coreset", tmp_path / "c"), "eval with --coreset reads all rows, which takes about"),
        (("select", data, "--size", 10), "--for distance --stream selects in pieces"),
    ):
        done = craig(*args, "-q")
        assert (done.status, done.stdout) == (1, b"")
        assert said in done.error and "takes about" in done.error and "found 7.6e-06 GiB" in done.error
    craig.ok("train", data, "--coreset", tmp_path / "c", "--epochs", 1, "-q", "-o", tmp_path / "small")
    craig.ok("export", data, "--coreset", tmp_path / "c", "--to", "vw", "-q", "-o", tmp_path / "out")
    craig.ok("export", data, "--to", "vw", "-q", "-o", tmp_path / "out")
    craig.ok("eval", tmp_path / "small", data, "-q")
    assert not list(tmp_path.glob("binary*"))


def select_text(paths, scratch, resume=False, **reading):
    plan = Plan(purpose="distance", algorithm="partition", block_size=16, fraction=0.2, threads=1)
    streamed, _ = select_streamed(paths, plan, reading, scratch / "scratch", leaf_rows=1000, resume=resume)
    return streamed, select_dataset(read_dataset(paths, **reading), plan)


@pytest.mark.parametrize("make", [dense, sparse, weighted_lines, weight_file, late_zero])
def test_a_coreset_of_text_in_pieces_is_that_of_memory(tmp_path, make):
    """To the byte, but for the rows of a leaf, which it says."""
    path, reading = make(tmp_path)
    streamed, expected = select_text([path], tmp_path, **reading)
    for key in ("index", "weight", "rank"):
        np.testing.assert_array_equal(getattr(streamed, key), getattr(expected, key))
    np.testing.assert_allclose(streamed.epsilon, expected.epsilon, rtol=1e-9)
    assert streamed.metadata["inputs"] == expected.metadata["inputs"] and "encoding" not in streamed.metadata


def test_a_coreset_of_several_texts_and_from_their_middle(tmp_path):
    for number in range(3):
        features, labels = numbers(number)
        (tmp_path / f"part{number}").write_text(text_of(features, labels))
    paths = [f"part{number}" for number in range(3)]
    streamed, expected = select_text(paths, tmp_path)
    np.testing.assert_array_equal(streamed.index, expected.index)
    pieces = open_text(paths)
    assert pieces is not None and pieces.n_rows == 3 * ROWS
    everything, whole = list(pieces()), read_dataset(paths)
    np.testing.assert_array_equal(np.vstack([piece.features for piece in everything]), whole.features)
    for place, piece in enumerate(everything):
        rest = [each.first for each in pieces(piece.first)]
        assert rest == [each.first for each in everything[place:]]
        number, row = piece.place
        assert number * ROWS + row == piece.first


@pytest.mark.parametrize(
    "make, reading, said",
    [
        (holes, {}, "--stream takes no missing values so far"),
        (dense, {"features": ("a",)}, "--features: LIBSVM data has no named columns"),
    ],
)
def test_text_that_is_not_selected_from_in_pieces(tmp_path, make, reading, said):
    path, _ = make(tmp_path)
    with pytest.raises(UsageError, match=said):
        open_text([path], **reading)


def test_text_that_changes_is_refused(tmp_path):
    dense(tmp_path)
    pieces = open_text(["in"])
    (tmp_path / "in").write_text(text_of(*numbers(1)))
    with pytest.raises(DataError, match="in: changed while it was read; run again"):
        list(pieces())


@pytest.mark.parametrize("changed", ["in.gz", "w"])
def test_text_that_changes_before_a_run_goes_on_is_refused_by_name(tmp_path, monkeypatch, changed):
    path, reading = weight_file(tmp_path)
    expected, _ = select_text([path], tmp_path, **reading)
    kept, before = (tmp_path / changed).read_bytes(), os.stat(changed)
    with monkeypatch.context() as patch:
        patch.setattr("craig_cli.streaming.run.route_rows", lambda *args: 1 / 0)  # as if it were killed there
        with pytest.raises(ZeroDivisionError):
            select_text([path], tmp_path, resume=True, **reading)
    (tmp_path / changed).write_bytes(kept)  # written anew
    with pytest.raises(DataError, match=f"{changed}: has changed since the run that left .*scratch; remove that"):
        select_text([path], tmp_path, resume=True, **reading)
    os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns))
    again, _ = select_text([path], tmp_path, resume=True, **reading)
    np.testing.assert_array_equal(again.index, expected.index)
    np.testing.assert_array_equal(again.weight, expected.weight)


def test_weights_that_change_or_can_be_read_once_only_are_refused(tmp_path):
    path, reading = weight_file(tmp_path)
    pieces = open_text([path], **reading)
    (tmp_path / "w").write_text("1\n" * ROWS)
    with pytest.raises(DataError, match="w: changed while it was read; run again"):
        list(pieces())
    os.mkfifo("pipe")
    for once in ("pipe", "-"):
        with pytest.raises(UsageError, match=f"{once}: --stream reads weights from a file, more than once"):
            open_text([path], weight_file=once)


def test_damaged_text_is_the_same_in_pieces(tmp_path):
    """The same rows, or the same line that says what is wrong with them."""
    for seed in range(150):
        generator = random.Random(seed)
        (tmp_path / "in").write_bytes(mutate(generator, random_text(generator, generator.randint(1, 40), 30)))
        whole, cut = outcome(lambda: [read_dataset(["in"], format="libsvm")]), outcome(in_order)
        if isinstance(whole, str) or isinstance(cut, str):
            assert cut == whole, seed
            continue
        np.testing.assert_array_equal(cut[1], whole[1])
        width = min(cut[0].shape[1], whole[0].shape[1])
        np.testing.assert_array_equal(cut[0][:, :width], whole[0][:, :width])
        assert not cut[0][:, width:].any() and not whole[0][:, width:].any()


def test_an_index_of_many_digits_is_no_estimate(tmp_path):
    (tmp_path / "in").write_text(f"1 {'9' * 5000}:1\n")
    assert room.room_for(["in"], {}) == 0.0
    assert room.room_for(["nowhere"], {}) == room.room_for([os.devnull], {}) == 0.0


def in_order() -> list:
    return Stream(["in"], format="libsvm").over(Kept).pieces


def outcome(read):
    try:
        pieces = read()
    except DataError as error:
        return str(error)
    width = max(piece.n_features for piece in pieces)
    return (
        np.vstack([_dense(piece.with_features(width, "the data").features) for piece in pieces]),
        np.concatenate([piece.labels for piece in pieces]),
    )
