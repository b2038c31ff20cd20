"""``craig train`` as a user runs it."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import SAMPLE


@pytest.fixture
def folder(craig):
    """The sample data beside the command, as it writes into the current directory."""
    for path in SAMPLE.glob("*.*"):
        if path.suffix in (".libsvm", ".parquet"):
            shutil.copy(path, craig.folder)
    return craig.folder


def _model(path) -> dict:
    return json.loads(path.read_text())


def test_train_writes_a_model_and_a_history(craig, folder):
    result = craig.ok("train", "binary.libsvm", "--history", "h.jsonl", "--json", "--epochs", "3")
    summary = json.loads(result.text)
    model = _model(folder / "binary.model.json")
    assert summary["output"] == "binary.model.json"
    assert summary["loss"] == model["loss"] == "logistic"
    assert model["coreset"] is None
    assert [source["name"] for source in model["data"]] == ["binary.libsvm"]
    history = [json.loads(line) for line in (folder / "h.jsonl").read_text().splitlines()]
    assert [entry["epoch"] for entry in history] == [0, 1, 2, 3]
    assert history[-1]["objective"] == summary["objective"]


@pytest.mark.parametrize(
    ("name", "loss"), [("binary", "logistic"), ("multiclass", "multinomial"), ("regression", "squared")]
)
def test_the_loss_is_guessed_and_the_formats_agree(craig, folder, name, loss):
    one = json.loads(craig.ok("train", f"{name}.libsvm", "--optimizer", "saga", "--json", "-o", "a").text)
    two = json.loads(craig.ok("train", f"{name}.parquet", "--optimizer", "saga", "--json", "-o", "b").text)
    assert one["loss"] == two["loss"] == loss
    assert one["objective"] == pytest.approx(two["objective"], rel=1e-9)


def test_the_huber_loss_from_selection_to_the_reference(craig, folder):
    craig.ok("select", "regression.parquet", "--fraction", "0.1", "--loss", "huber", "-q", "-o", "c")
    run = ("train", "regression.parquet", "--coreset", "c", "--loss", "huber", "--optimizer", "saga", "-q")
    craig.ok(*run, "-o", "m")
    craig.ok(*run, "--refine", "2", "-o", "refined")
    result = craig.ok("eval", "m", "refined", "regression.parquet", "--reference", "auto", "--json")
    found = json.loads(result.text)["models"]
    residuals = [entry["reference"]["residual"] for entry in found]
    assert 0.0 <= residuals[1] < residuals[0] < 1e-3 * found[0]["objective"]


def test_labels_of_too_large_a_unit_for_huber_are_said_so(craig, folder):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(300, 2))
    lines = [f"{1e4 * (x[0] + rng.normal()):.6g} 1:{x[0]:.6g} 2:{x[1]:.6g}" for x in rows]
    (folder / "large.libsvm").write_text("\n".join(lines) + "\n")
    for loss, told in (("huber", True), ("squared", False)):
        result = craig.ok("train", "large.libsvm", "--loss", loss, "-o", "m")
        assert ("to the huber loss a residual of 1 is large" in result.stderr) == told


def test_train_on_a_coreset(craig, folder):
    craig.ok("select", "binary.libsvm", "--fraction", "0.1", "-q")
    run = ("train", "binary.libsvm", "--coreset", "binary.coreset.parquet", "--optimizer", "saga")
    summary = json.loads(craig.ok(*run, "--json", "-o", "m").text)
    facts = _model(folder / "m")["coreset"]
    assert summary["rows"] == facts["size"] == 300
    assert facts["name"] == "binary.coreset.parquet"
    # The same as training on the rows and weights by hand.
    from craig_cli.formats import read_dataset
    from craig_cli.training.fit import fit

    coreset = pq.read_table(folder / "binary.coreset.parquet")
    rows, weights = coreset["index"].to_numpy(), coreset["weight"].to_numpy()
    by_hand = fit(read_dataset([folder / "binary.libsvm"]).take(rows), weights, optimizer="saga").model
    np.testing.assert_allclose(_model(folder / "m")["coef"], by_hand.coef, atol=1e-6)
    craig.ok(*run, "--order", "greedy", "-o", "g")
    np.testing.assert_allclose(_model(folder / "g")["coef"], by_hand.coef, atol=1e-5)


def test_same_seed_same_bytes(craig, folder):
    for name, threads, seed in (("a", 1, 0), ("b", 2, 0), ("c", 2, 1)):
        craig.ok("train", "binary.libsvm", "-o", name, "--threads", threads, "--seed", seed, "--epochs", "2")
    assert (folder / "a").read_bytes() == (folder / "b").read_bytes() != (folder / "c").read_bytes()


def test_every_option_at_once(craig, folder):
    craig.ok("train", "binary.libsvm", "-o", "first", "--epochs", "2")
    craig.ok(
        "train", "binary.libsvm", "-o", "-", "--init", "first", "--validation", "binary.test.libsvm",
        "--patience", "2", "--optimizer", "nesterov", "--momentum", "0.8",
        "--batch-size", "8", "--schedule", "k-inverse", "--tune", "halving", "--no-intercept",
        "--scale", "minmax", "--radius", "3", "--l2", "1e-3", "--order", "replacement",
        "--precondition", "diagonal", "--tol", "0.1", "--epochs", "9", "--history", "h",
    )  # fmt: skip
    first = json.loads((folder / "h").read_text().splitlines()[0])
    assert first["epoch"] == 0
    assert len(first["tries"]) == 20 + 7 + 3


def test_the_old_name_of_nesterov(craig, folder):
    craig.ok("train", "binary.libsvm", "-o", "old", "--epochs", "2", "--optimizer", "momentum", "--nesterov")
    craig.ok("train", "binary.libsvm", "-o", "new", "--epochs", "2", "--optimizer", "nesterov")
    assert (folder / "old").read_bytes() == (folder / "new").read_bytes()


@pytest.mark.parametrize(
    ("args", "status", "message"),
    [
        (["nothing.libsvm"], 1, "nothing.libsvm: no such file"),
        (["binary.libsvm", "--order", "greedy"], 2, "--order greedy: is the order of a coreset"),
        (["multiclass.libsvm", "--loss", "logistic"], 1, "the logistic loss expects two classes, found"),
        (["regression.parquet", "--loss", "multinomial"], 1, "expects whole numbers as class labels"),
        (["binary.libsvm", "--optimizer", "svrg", "--batch-size", "8"], 2, "has no meaning for svrg"),
        (["binary.libsvm", "--resample", "0.1", "--coreset", "c"], 2, "expected one of --coreset and --resample"),
        (["binary.libsvm", "--resample", "0.1", "--optimizer", "svrg"], 2, "--resample: has no meaning for svrg"),
        (["binary.libsvm", "--nesterov"], 2, "--nesterov: is for --optimizer momentum"),
        (["binary.libsvm", "--decay", "2", "--schedule", "exponential"], 2, "--decay: expected a number"),
        (["binary.libsvm", "-o", "binary.libsvm"], 2, "is also an input"),
        (["binary.libsvm", "-o", "a", "--history", "a"], 2, "--history and -o name the same file"),
        (["binary.libsvm", "-o", "no/such/folder/m"], 1, "cannot write"),
        (["binary.libsvm", "--json", "-o", "-"], 2, "--json and -o - both write to standard output"),
        (["binary.libsvm", "--coreset", "multi.parquet"], 1, "was selected from other data"),
        (["binary.libsvm", "--coreset", "binary.libsvm"], 1, "binary.libsvm: "),
        (["binary.libsvm", "--init", "binary.libsvm"], 1, "expected a model file"),
        (["binary.libsvm", "--validation", "multiclass.libsvm"], 1, "labels that the model knows (-1, 1), found"),
        (["regression.parquet", "--loss", "squared", "--step", "1e9"], 1, "lower --step"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_one_line_and_leaves_no_file(craig, folder, args, status, message):
    if "multi.parquet" in args:
        craig.ok("select", "multiclass.libsvm", "--size", "20", "-q", "-o", "multi.parquet")
    before = sorted(path.name for path in folder.iterdir())
    result = craig("train", *args, "-q")
    assert result.status == status
    assert message in result.error
    assert sorted(path.name for path in folder.iterdir()) == before


def test_quiet_is_quiet_and_notes_go_to_stderr(craig, folder):
    result = craig.ok("train", "binary.libsvm", "-q", "--epochs", "1")
    assert result.stdout == b"" and result.stderr == ""
    result = craig.ok("train", "binary.libsvm", "--epochs", "1")
    assert result.stdout == b"" and "wrote binary.model.json" in result.stderr


@pytest.mark.parametrize("scale", ["standard", "minmax"])
def test_the_scaling_of_a_coreset_is_that_of_all_rows(craig, folder, scale):
    """The penalty is in units of the scaling, so a coreset's own would change the objective."""
    from craig_cli.formats import read_dataset
    from craig_cli.scaling import fit_scaling
    from craig_cli.training.fit import fit

    craig.ok("select", "binary.libsvm", "--fraction", "0.1", "--scale", scale, "-q", "-o", "c")
    run = ("train", "binary.libsvm", "--coreset", "c", "--optimizer", "saga", "--l2", "0.1", "-o", "m", "--scale")
    assert "fitted to the coreset's rows" not in craig.ok(*run, scale).stderr
    coreset = pq.read_table(folder / "c")
    dataset = read_dataset([folder / "binary.libsvm"])
    scaling = fit_scaling(scale, dataset.features)
    rows, weights = dataset.take(coreset["index"].to_numpy()), coreset["weight"].to_numpy()
    by_hand = fit(rows, weights, optimizer="saga", l2=0.1, scale=scaling).model
    np.testing.assert_allclose(_model(folder / "m")["coef"], by_hand.coef, atol=1e-6)
    own = fit(rows, weights, optimizer="saga", l2=0.1, scale=scale).model
    assert np.abs(own.coef - by_hand.coef).max() > 1e-4
    assert "fitted to the coreset's rows" in craig.ok(*run, "unit").stderr


@pytest.mark.parametrize("sparse", [False, True])
def test_values_whose_squares_do_not_fit_are_refused(craig, sparse):
    """Once a model of zeros, with a gradient norm that was no number."""
    far = 500 if sparse else 2
    rows = [f"{row % 2} 1:{row} {far}:{(-1) ** (row // 2) * (row + 1)}e298\n" for row in range(60)]
    (craig.folder / "u.libsvm").write_text("".join(rows))
    train = ("train", "u.libsvm", "--epochs", "3", "-q", "-o", "m")
    for options in ((), ("--precondition", "none"), ("--optimizer", "saga")):
        refused = craig(*train, *options)
        assert refused.status == 1 and refused.error == (
            f"Error: u.libsvm: feature {far}: expected values of at most 1e+150, whose squares fit in float64, "
            "found 6e+299; give --scale minmax"
        )
    assert [path.name for path in craig.folder.iterdir()] == ["u.libsvm"]
    scaled = json.loads(craig.ok(*train, "--scale", "minmax", "--json").text)
    assert 0 < scaled["gradient_norm"] < 1


def test_columns_and_targets_whose_squares_do_not_fit_are_refused(craig):
    values = np.linspace(-1, 1, 60)
    pq.write_table(pa.table({"x": values, "far": -(10.0**160) * (values + 2)}), craig.folder / "u.parquet")
    train = ("train", "u.parquet", "--task", "regression", "--epochs", "2", "-q", "-o", "m")
    assert 'u.parquet: column "far": expected values of' in craig(*train, "--label", "x").error
    assert "expected labels of at most 1e+150, found 3e+160" in craig(*train, "--label", "far").error
