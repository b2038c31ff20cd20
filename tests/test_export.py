"""craig export: every target says the same rows, labels and weights; scikit-learn trains on them as on arrays."""

from __future__ import annotations

import io
import json
import os
import random

import click
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp

from craig_cli.artifacts.coreset import write_coreset
from craig_cli.artifacts.files import atomic_outputs
from craig_cli.artifacts.model import Model, read_model, write_model
from craig_cli.cli import _explain, cli
from craig_cli.errors import CraigError, DataError
from craig_cli.exporters import Rows, labels
from craig_cli.exporters.text import shortest
from craig_cli.formats import lines, read_dataset
from craig_cli.registry import EXPORTERS, load
from craig_cli.selection.plan import Plan
from craig_cli.selection.select import select_dataset
from craig_cli.training.fit import fit
from tests.conftest import SAMPLE

OF_ROWS = [name for name in EXPORTERS if not load(EXPORTERS, name).takes_model]
READERS = {"csv": pa.csv.read_csv, "parquet": pq.read_table, "feather": pyarrow.feather.read_table}
READERS |= {"encoded-csv": pa.csv.read_csv, "encoded-parquet": pq.read_table}
ONE_STREAM = [name for name in OF_ROWS if not load(EXPORTERS, name).beside or load(EXPORTERS, name).whole]
WITHOUT_RANK = [name for name in OF_ROWS if not load(EXPORTERS, name).greedy]


def read_pairs(text: str, first: int, n_features: int) -> tuple[list[list[str]], np.ndarray]:
    """(the words of each line that are no features, the features) of any ``index:value`` text."""
    features = np.zeros((len(text.splitlines()), n_features))
    heads = []
    for row, line in enumerate(text.splitlines()):
        head, *words = line.replace("|", "").split()
        while words and ":" not in words[0]:
            head += " " + words.pop(0)
        heads.append(head.replace(":", " ").split())
        for word in words:
            index, value = word.split(":")
            features[row, int(index) - first] = float(value)
    return heads, features


def read_back(target: str, path, n_features: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(features, labels, weights) as the target's own reader would take them, slowly."""
    if target == "catboost":
        lines = (path.parent / (path.name + ".cd")).read_text().splitlines()
        assert lines == ["0\tLabel", "1\tWeight", *(f"{k + 2}\tNum\tx{k + 1}" for k in range(n_features))]
        table = np.loadtxt(path, delimiter="\t", ndmin=2)
        return table[:, 2:], table[:, 0], table[:, 1]
    if target in READERS:
        table = READERS[target](path)
        names = [f"x{column + 1}" for column in range(n_features)]
        if "craig_weight" in table.column_names:  # the columns of a table as they were
            names = [name for name in table.column_names if name not in ("label", "w", "craig_weight", "craig_rank")]
        weight = table["craig_weight" if "craig_weight" in table.column_names else "weight"]
        return np.column_stack([table[name] for name in names]), table["label"].to_numpy(), weight.to_numpy()
    width = max(n_features, 2) if target == "lightgbm" else n_features  # which refuses text of a single feature
    heads, features = read_pairs(path.read_text(), 0 if target in ("xgboost", "lightgbm") else 1, width)
    assert not features[:, n_features:].any()
    features = features[:, :n_features]
    found = np.array([float(head[0]) for head in heads])
    beside = load(EXPORTERS, target).beside
    weight = np.array([float(head[1]) for head in heads]) if len(heads[0]) > 1 else None
    if beside:
        separate = np.array([float(line) for line in (path.parent / (path.name + beside)).read_text().split("\n")[:-1]])
        assert weight is None or np.array_equal(weight, separate)
        weight = separate
    return features, found, weight


def expected_labels(target: str, values: np.ndarray) -> np.ndarray:
    """Of two classes, -1 and 1."""
    return (values + 1) / 2 if target in ("xgboost", "lightgbm") else values


@pytest.fixture(scope="module")
def data():
    return read_dataset([SAMPLE / "binary.libsvm"])


@pytest.fixture(scope="module")
def coreset(data):
    return select_dataset(data, Plan.paper(fraction=0.1, algorithm="random"))


@pytest.fixture
def folder(tmp_path, monkeypatch, coreset):
    """The current folder, with a coreset of binary.libsvm in it."""
    monkeypatch.chdir(tmp_path)
    write_coreset("in.coreset", coreset)
    return tmp_path


def export(*args: object) -> None:
    """``craig export``, in this process."""
    with cli.make_context("craig", ["export", *map(str, args)], obj={}) as context:
        cli.invoke(context)


def test_rows_left_out_are_not_parsed(folder, monkeypatch, data):
    """Whether or not the numbering is stated; the file is that of the coreset, so they were good once."""
    parse, parsed = lines.parse_rows, []
    monkeypatch.setattr(
        lines, "parse_rows", lambda block, wanted, *rest: parsed.append(wanted) or parse(block, wanted, *rest)
    )
    export(SAMPLE / "binary.libsvm", "--coreset", "in.coreset", "--to", "csv", "-o", "out")
    assert min(parsed) >= 0  # not "all", -1
    assert sum(parsed) == 300


def test_a_table_that_was_exported_is_read_as_what_it_is(folder, data, coreset):
    """Once ``rank`` and ``weight`` became features: 14 coefficients of 12 columns."""
    write_coreset("in.coreset", coreset)
    export(SAMPLE / "binary.libsvm", "--coreset", "in.coreset", "--to", "parquet", "-o", "out.parquet", "-q")
    again = read_dataset(["out.parquet"])
    assert again.n_features == data.n_features
    assert np.array_equal(again.multiplicity, coreset.weight)
    assert np.array_equal(again.features, np.asarray(data.features[coreset.index]))
    chosen = read_dataset(["out.parquet"], features=["x1", "rank"])  # whoever asks for it gets it
    assert chosen.n_features == 2
    assert chosen.multiplicity is None
    other = read_dataset(["out.parquet"], weight_column="rank", rows=np.arange(1, 9))  # a rank of 0 counts nothing
    assert other.n_features == data.n_features
    assert read_dataset(["out.parquet"], label="weight").n_features == data.n_features + 1  # the label is one now


def test_other_columns_than_those_selected_by(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = pa.table({"x": [1.0, 2, 3], "y": [4.0, 5, 6], "label": [0, 1, 1]})
    pq.write_table(table, "in.parquet")
    write_coreset(
        "c", select_dataset(read_dataset(["in.parquet"], features=["x"]), Plan.paper(size=3, algorithm="random"))
    )
    export("in.parquet", "--coreset", "c", "--to", "parquet", "-o", "out")
    assert sorted(pq.read_table("out")["y"].to_pylist()) == [4, 5, 6]
    export("in.parquet", "--coreset", "c", "--to", "encoded-parquet", "-o", "out")
    assert sorted(pq.read_table("out")["x2"].to_pylist()) == [4, 5, 6]


@pytest.mark.parametrize("target", OF_ROWS)
@pytest.mark.parametrize("normalize", ["sum", "mean"])
def test_the_rows_of_a_coreset(folder, capsys, data, coreset, target, normalize):
    options = ("--coreset", "in.coreset", "--to", target, "-o", "out", "--normalize", normalize)
    export(SAMPLE / "binary.libsvm", *options, "--json")
    summary = json.loads(capsys.readouterr().out)
    features, found, weight = read_back(target, folder / "out", data.n_features)

    order = np.argsort(coreset.rank) if target not in WITHOUT_RANK else np.argsort(coreset.index)
    index = coreset.index[order]
    assert np.array_equal(features, data.features[index])
    assert np.array_equal(found, expected_labels(target, data.labels[index]))
    gamma = coreset.weight[order]
    assert np.array_equal(weight, gamma if normalize == "sum" else gamma / gamma.mean())
    assert summary["rows"] == len(coreset)
    assert summary["weight"]["sum"] == pytest.approx(3000 if normalize == "sum" else len(coreset))
    assert set(os.listdir(folder)) == {"in.coreset", *summary["output"]}


@pytest.mark.parametrize("target", OF_ROWS)
def test_without_a_coreset_the_weights_are_the_multiplicities(folder, target):
    table = {"x": [1.5, 0.0, 0.0], "label": [-1, 1, 1], "w": [2.0, 0.5, 1.0]}
    pq.write_table(pa.table(table), folder / "in.parquet")
    for options, expected in ((("--weight-column", "w"), [2, 0.5, 1]), (("--features", "x"), [1, 1, 1])):
        export("in.parquet", "--to", target, "-o", "out", "-q", *options)
        features, found, weight = read_back(target, folder / "out", 1)
        assert features.ravel().tolist() == [1.5, 0, 0]
        assert found.tolist() == expected_labels(target, np.array([-1, 1, 1])).tolist()
        scale = np.mean(expected) if load(EXPORTERS, target).scale == "mean" else 1
        assert weight.tolist() == (np.array(expected) / scale).tolist()


def test_each_target_gets_the_scale_it_wants_and_says_so(folder, capsys):
    """Mean 1 for boosters, whose penalties are compared with sums of weights; the settings that depend on n / r."""
    said = {
        "xgboost": "lambda, alpha, gamma and min_child_weight act on these weights as on rows",
        "lightgbm": "leave min_data_in_leaf alone",
        "libsvm": "not by liblinear-official and libsvm-official",
        "vw": "vw --passes 10 -c -k --holdout_off, passes about n/r;",
        **dict.fromkeys(READERS, "C = 10 x"),
        "catboost": "learning_rate",
    }
    for target in OF_ROWS:
        export(SAMPLE / "binary.libsvm", "--coreset", "in.coreset", "--to", target, "-o", "out")
        line = capsys.readouterr().err.splitlines()[-1]
        assert line.startswith("mean weight n/r 10: ") and said[target] in line
        export(SAMPLE / "binary.libsvm", "--coreset", "in.coreset", "--to", target, "-o", "out", "--json")
        summary = json.loads(capsys.readouterr().out)
        mean = target in ("xgboost", "lightgbm")
        assert summary["mean_weight"] == pytest.approx(10)
        assert summary["weight"]["scale"] == ("mean" if mean else "sum")
        assert summary["weight"]["mean"] == pytest.approx(1 if mean else 10)
        export(SAMPLE / "binary.libsvm", "--coreset", "in.coreset", "--to", target, "-o", "out", "-q")
        assert capsys.readouterr().err == ""
        export(SAMPLE / "binary.libsvm", "--to", target, "-o", "out")  # every weight is 1: nothing to set
        assert "n/r" not in capsys.readouterr().err


def test_a_coreset_of_equal_weights_goes_without(folder, data, capsys):
    write_coreset("equal", select_dataset(data, Plan(fraction=0.1, weights="equal")))
    for target in ("csv", "parquet"):
        export(SAMPLE / "binary.libsvm", "--coreset", "equal", "--to", target, "-o", target)
        assert "not written" in capsys.readouterr().err
    assert pa.csv.read_csv("csv").column_names[:3] == ["rank", "label", "x1"]
    again = read_dataset(["parquet"])
    assert (again.n_features, again.multiplicity) == (data.n_features, None)
    export(SAMPLE / "binary.libsvm", "--coreset", "equal", "--to", "libsvm", "-o", "out", "-q")
    assert set((folder / "out.wgt").read_text().split()) == {"1"}
    export(SAMPLE / "binary.libsvm", "--coreset", "equal", "--to", "csv", "-o", "csv", "-q", "--normalize", "sum")
    assert pa.csv.read_csv("csv")["weight"].to_pylist()[0] == pytest.approx(10, rel=0.05)


@pytest.mark.parametrize("normalize", ["sum", "mean"])
def test_a_table_says_what_its_weights_are(folder, normalize):
    options = ("--coreset", "in.coreset", "--to", "parquet", "-o", "out", "--normalize", normalize, "-q")
    export(SAMPLE / "binary.libsvm", *options)
    facts = json.loads(pq.read_schema("out").metadata[b"craig"])
    assert facts["weights"] == normalize
    total = np.sum(pq.read_table("out")["weight"].to_numpy()) * (facts["mean_weight"] if normalize == "mean" else 1)
    assert total == pytest.approx(3000)


@pytest.mark.parametrize("target", ["libsvm", "xgboost", "parquet"])
def test_a_coreset_of_a_coreset(folder, data, coreset, target, craig):
    """What is exported is read back, and the weights of the second coreset count rows of the first data."""
    options = ("--coreset", "in.coreset", "--to", target, "-o", "out", "--normalize", "sum", "-q")
    export(SAMPLE / "binary.libsvm", *options)
    weights = ("--weight-file", "out.wgt") if target == "libsvm" else ()
    craig.ok("select", folder / "out", *weights, "--size", "30", "-o", folder / "again", "-q")
    export("out", "--coreset", "again", *weights, "--to", "csv", "-o", "csv", "-q")
    table = pa.csv.read_csv("csv")
    assert table.num_rows == 30
    weight = "craig_weight" if target == "parquet" else "weight"
    assert np.sum(table[weight].to_numpy()) == pytest.approx(3000)
    done = craig.ok("select", folder / "out", "--size", "30", "-o", folder / "again")
    said = (
        f"{folder / 'out'}.wgt: lies beside the data" if target == "libsvm" else "its rows have weights, which sum to"
    )
    assert said in done.stderr


@pytest.mark.parametrize("target", OF_ROWS)
def test_the_same_bytes_each_time_and_from_parquet_and_sparse(folder, data, target):
    exporter = load(EXPORTERS, target)
    rows = Rows(data.features, expected_labels(target, data.labels), np.ones(data.n_rows))
    written = []
    for features in (rows.features, rows.features, sp.csr_matrix(rows.features)):
        streams = [io.BytesIO() for _ in range(2 if exporter.beside else 1)]
        exporter.write([Rows(features, rows.labels, rows.weight)], *streams)
        written.append([stream.getvalue() for stream in streams])
    assert written[0] == written[1] == written[2]
    # From a table csv, parquet and feather get the columns as they are there (test_tables).
    for name in ("binary.libsvm",) if exporter.original else ("binary.libsvm", "binary.parquet"):
        export(SAMPLE / name, "--to", target, "-o", name, "-q")
        assert (folder / name).read_bytes() == written[0][0]


@pytest.mark.parametrize("target", ONE_STREAM)
def test_through_pipes(folder, craig, target):
    text = (SAMPLE / "binary.libsvm").read_bytes()
    export(SAMPLE / "binary.libsvm", "--coreset", "in.coreset", "--to", target, "-o", "out", "-q")
    piped = craig.ok("export", "-", "--coreset", "in.coreset", "--to", target, "-o", "-", stdin=text)
    assert piped.stdout == (folder / "out").read_bytes()
    piped = craig.ok(
        "export", SAMPLE / "binary.libsvm", "--coreset", "-", "--to", target, "-o", "-",
        stdin=(folder / "in.coreset").read_bytes(),
    )  # fmt: skip
    assert piped.stdout == (folder / "out").read_bytes()


def test_a_closed_pipe_ends_quietly(craig):
    process = craig.start("export", SAMPLE / "binary.libsvm", "--to", "csv", "-o", "-", "-q")
    process.stdout.close()
    _, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (141, b"")


def test_numbers_read_back_exactly():
    rng = random.Random(0)
    numbers = [rng.uniform(-1, 1) * 10.0 ** rng.randint(-300, 300) for _ in range(2000)]
    numbers += [5e-324, 1.7976931348623157e308, 0.1, 1 / 3, 1e15, 1e22, 123456789012345680.0, -0.0]
    assert [float(shortest(number)) for number in numbers] == numbers
    rows = Rows(np.array(numbers)[:, None], np.zeros(len(numbers)), np.ones(len(numbers)))
    stream = io.BytesIO()
    load(EXPORTERS, "csv").write([rows], stream)
    written = [float(line.split(",")[2]) for line in stream.getvalue().decode().splitlines()[1:]]
    assert written == numbers


@pytest.mark.parametrize(
    "classes, from_zero, vw",
    [
        ([-1, 1], [0, 1], [-1, 1]),
        ([0, 1], [0, 1], [-1, 1]),
        ([1, 2], [0, 1], [-1, 1]),
        ([1], [1], [1]),  # a test file may have one class only
        ([-1], [0], [-1]),
        ([1, 2, 3], [1, 2, 3], [1, 2, 3]),
        ([0, 1, 2], [0, 1, 2], [1, 2, 3]),
        ([0, 2, 3], [0, 2, 3], [1, 2, 3]),
        ([-3, 0.5, 7], [0, 1, 2], [1, 2, 3]),
    ],
)
def test_the_numbers_of_classes(classes, from_zero, vw):
    classes = np.array(classes, dtype=float)
    assert labels.from_zero(classes).tolist() == from_zero
    assert labels.minus_one_or_from_one(classes).tolist() == vw


def test_labels_of_a_regression_are_kept(folder):
    for task, expected in (("auto", [2.0, 1.0]), ("regression", [2.0, 1.0]), ("classification", [1.0, 0.0])):
        (folder / "in").write_text("2 1:1\n1 1:2\n" + ("1.5 1:1\n" if task == "auto" else ""))
        export("in", "--to", "lightgbm", "-o", "out", "--task", task, "-q")
        assert read_back("lightgbm", folder / "out", 1)[1][:2].tolist() == expected


def test_columns_of_categories(folder):
    (folder / "in").write_text("1 1:3 2:0.5\n-1 1:4\n")
    export("in", "--to", "catboost", "-o", "out", "--categorical", "x1", "-q")
    assert (folder / "out.cd").read_text() == "0\tLabel\n1\tWeight\n2\tCateg\tx1\n3\tNum\tx2\n"
    assert (folder / "out").read_text() == "1\t1\t3\t0.5\n-1\t1\t4\t0\n"


def test_renumbered_labels_are_said(folder, capsys):
    export(SAMPLE / "binary.libsvm", "--to", "xgboost", "-o", "out")
    assert "labels for xgboost: -1 as 0, 1 as 1" in capsys.readouterr().err


# --- what is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "args, status, expected",
    [
        (("in.data", "--to", "libsvm", "-o", "-"), 2, "writes two files"),
        (("in.data", "--to", "lightgbm", "-o", "/dev/null"), 2, "writes two files"),
        (("in.data", "in.data", "--to", "liblinear"), 2, "expected one model"),
        (("in.model", "--to", "liblinear", "--coreset", "x"), 2, "--coreset is for rows; rows for it: --to libsvm"),
        (("in.data", "--to", "libsvm", "-o", "in"), 2, "in.wgt: is also an input"),
        (("in.data", "--to", "svmlight"), 2, "svmlight"),
        (("in.data", "--to", "vw", "--categorical", "x1"), 2, "--categorical is for catboost"),
        (("in.data", "--to", "catboost", "--categorical", "x2"), 2, "expected names among x1 to x1, found 'x2'"),
        (("in.data",), 2, "--to"),
        (("in.data", "--to", "vw", "--json", "-o", "-"), 2, "both write to standard output"),
        (("in.data", "--to", "liblinear"), 1, "in.data: expected a model file"),
        (("in.data", "--to", "vw", "--coreset", "in.data"), 1, "in.data: expected a coreset file"),
        (("in.one", "--to", "vw"), 1, "in.one: expected labels of at least two classes"),
        (("in.data", "--to", "libsvm", "-o", "absent/out"), 1, "absent/out: cannot write"),
    ],
)
def test_what_cannot_be(folder, args, status, expected):
    (folder / "in.data").write_text("1 1:1\n-1 1:2\n")
    (folder / "in.one").write_text("7 1:1\n7 1:2\n")
    args = [arg if arg != "in.data" or "in.wgt" not in expected else "in.wgt" for arg in args]
    (folder / "in.wgt").write_text("1 1:1\n-1 1:2\n")
    before = sorted(os.listdir(folder))
    with pytest.raises((CraigError, click.UsageError)) as caught:
        export(*args, "-q")
    found, line = _explain(caught.value)
    assert (found, expected in line) == (status, True), line
    assert sorted(os.listdir(folder)) == before


@pytest.mark.parametrize("target", OF_ROWS)
def test_the_coreset_of_other_data(folder, target):
    for name in ("binary.test.libsvm", "binary.parquet"):
        with pytest.raises(DataError, match=name):
            export(SAMPLE / name, "--coreset", "in.coreset", "--to", target, "-o", "out", "-q")
        assert os.listdir(folder) == ["in.coreset"]


def test_a_table_of_too_many_columns(folder):
    (folder / "in").write_text("1 30000:1\n-1 1:2\n")
    with pytest.raises(DataError, match="in: expected at most 20000 features for a table, found 30000"):
        export("in", "--to", "csv", "-o", "out", "-q")
    assert sorted(os.listdir(folder)) == ["in", "in.coreset"]


def test_two_files_appear_or_neither(tmp_path):
    (tmp_path / "out").write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_outputs(tmp_path / "out", tmp_path / "out.wgt") as (rows, weights):
        rows.write(b"new")
        weights.write(b"new")
        raise ZeroDivisionError
    assert os.listdir(tmp_path) == ["out"]
    assert (tmp_path / "out").read_text() == "old"


@pytest.mark.parametrize("fails", [0, 1])
def test_rows_are_never_beside_the_weights_of_another_run(tmp_path, monkeypatch, fails):
    """Stopped between the two moves: whoever finds the rows finds their weights."""
    for name in ("out", "out.wgt"):
        (tmp_path / name).write_text("old")
    moves = []
    replace = os.replace

    def stop(source, target):
        if len(moves) == fails:
            raise OSError(5, "stopped")
        moves.append(target)
        replace(source, target)

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(DataError), atomic_outputs(tmp_path / "out", tmp_path / "out.wgt") as streams:
        for stream in streams:
            stream.write(b"new")
    assert os.listdir(tmp_path) == ["out.wgt"]


# --- a model for liblinear ----------------------------------------------------------------------------------


def predict(text: str, features: np.ndarray) -> np.ndarray:
    """liblinear's predict, from the description of its format: labels, or values of a regression."""
    head, _, body = text.partition("\nw\n")
    facts = {line.split()[0]: line.split()[1:] for line in head.splitlines()}
    n_features, bias = int(facts["nr_feature"][0]), float(facts["bias"][0])
    weights = np.array([[float(word) for word in line.split()] for line in body.splitlines()])
    assert weights.shape[0] == n_features + (bias >= 0)
    if bias >= 0:
        features = np.column_stack([features, np.full(len(features), bias)])
    margin = features @ weights
    if "label" not in facts:
        return margin[:, 0]
    names = np.array([int(word) for word in facts["label"]])
    assert int(facts["nr_class"][0]) == len(names)
    return names[np.where(margin[:, 0] > 0, 0, 1)] if len(names) == 2 else names[np.argmax(margin, axis=1)]


CASES = [
    ("binary", "logistic", {}),
    ("binary", "squared-hinge", {"intercept": False}),
    ("binary", "smoothed-hinge", {"scale": "standard"}),
    ("binary", "multinomial", {}),
    ("multiclass", "multinomial", {}),
    ("regression", "squared", {}),
    ("regression", "huber", {}),
]


@pytest.mark.parametrize("name, loss, options", CASES)
def test_liblinear_gives_the_same_labels(folder, compiled_kernels, name, loss, options):
    dataset = read_dataset([SAMPLE / f"{name}.libsvm"])
    write_model("in.model.json", fit(dataset, loss=loss, epochs=5, **options).model)
    export("in.model.json", "--to", "liblinear", "-q")
    model = read_model("in.model.json")
    features = read_dataset([SAMPLE / f"{name}.test.libsvm"]).with_features(model.n_features, "").features
    found = predict((folder / "in.model.liblinear").read_text(), features)
    assert np.allclose(found, own_prediction(model, features), rtol=1e-12)


def own_prediction(model: Model, features: np.ndarray) -> np.ndarray:
    margin = model.decision(features)
    if not model.classes:
        return margin
    codes = (margin > 0).astype(int) if margin.ndim == 1 else np.argmax(margin, axis=1)
    return np.array(model.classes)[codes]


def test_labels_that_liblinear_does_not_have():
    model = Model("logistic", (0.5, 1.5), np.ones(2), 0.0, 0.0)
    with pytest.raises(DataError, match=r"whole numbers.*1\.5"):
        load(EXPORTERS, "liblinear").write(model, io.BytesIO())


# --- scikit-learn -------------------------------------------------------------------------------------------


def sklearn_rows(path):
    """(features, labels) as scikit-learn's own reader finds them."""
    datasets = pytest.importorskip("sklearn.datasets")
    features, found = datasets.load_svmlight_file(str(path), zero_based=False)
    return features.toarray(), found


def test_scikit_learn_trains_on_the_files_as_on_the_arrays(folder, data, coreset):
    """LinearSVC and SVC are the instance-weight liblinear and libsvm: C_i = weight_i C."""
    linear_model, svm = pytest.importorskip("sklearn.linear_model"), pytest.importorskip("sklearn.svm")
    options = ("--coreset", "in.coreset", "--normalize", "mean")
    export(SAMPLE / "binary.libsvm", *options, "--to", "libsvm", "-o", "out", "-q")
    features, found = sklearn_rows(folder / "out")
    features = np.pad(features, ((0, 0), (0, data.n_features - features.shape[1])))
    weight = np.loadtxt(folder / "out.wgt")
    order = np.argsort(coreset.index)
    index, gamma = coreset.index[order], coreset.weight[order]
    for make in (
        lambda: linear_model.LogisticRegression(max_iter=300),
        lambda: svm.LinearSVC(random_state=0, max_iter=3000),
        lambda: svm.SVC(),
    ):
        from_file = make().fit(features, found, sample_weight=weight)
        from_arrays = make().fit(data.features[index], data.labels[index], sample_weight=gamma / gamma.mean())
        assert np.array_equal(from_file.decision_function(data.features), from_arrays.decision_function(data.features))


def test_a_weight_counts_as_so_many_rows(folder, data):
    """What the sum-normalised weights mean: C stays what it is for all rows."""
    linear_model = pytest.importorskip("sklearn.linear_model")
    coreset = select_dataset(data, Plan.paper(size=100))  # its weights are whole numbers
    write_coreset("medoids", coreset)
    export(SAMPLE / "binary.libsvm", "--coreset", "medoids", "--to", "parquet", "-o", "out", "-q")
    table = pq.read_table(folder / "out")
    assert table["rank"].to_pylist() == list(range(100))
    features = np.column_stack([table[name].to_numpy() for name in table.column_names if name[0] == "x"])
    times = np.rint(table["weight"].to_numpy()).astype(int)
    weighted = linear_model.LogisticRegression(solver="newton-cholesky", tol=1e-10).fit(
        features, table["label"], sample_weight=times
    )
    repeated = linear_model.LogisticRegression(solver="newton-cholesky", tol=1e-10).fit(
        np.repeat(features, times, axis=0), np.repeat(table["label"].to_numpy(), times)
    )
    assert np.allclose(weighted.coef_, repeated.coef_, rtol=1e-4)
