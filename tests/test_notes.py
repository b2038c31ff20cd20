"""What a command says beside its result, so that no mistake passes without a word."""

import json
import shlex

import numpy as np
import pytest

from craig_cli import select_coreset, train_model
from craig_cli.amounts import per_cent
from craig_cli.artifacts.coreset import read_coreset
from craig_cli.artifacts.model import Model
from craig_cli.dataset import from_arrays
from craig_cli.errors import DataError
from craig_cli.evaluation.metrics import evaluate
from craig_cli.selection.plan import seconds_of
from tests.conftest import SAMPLE

BINARY = SAMPLE / "binary.libsvm"


def test_a_baseline_does_not_take_the_name_of_the_coreset(craig):
    craig.ok("select", BINARY, "--size", "40", "-q")
    craig.ok("select", BINARY, "--size", "40", "--algorithm", "random", "-q")
    craig.ok("select", BINARY, "--size", "40", "--algorithm", "random-uniform", "-q")
    names = ("binary.coreset.parquet", "binary.random.coreset.parquet", "binary.random-uniform.coreset.parquet")
    assert sorted(path.name for path in craig.folder.glob("*.parquet")) == sorted(names)


def test_a_coreset_by_another_name_is_said_to_be_parquet(craig):
    assert "wrote rows.csv, which is Parquet, in" in craig.ok("select", BINARY, "--size", "40", "-o", "rows.csv").stderr
    assert "wrote rows.parquet in" in craig.ok("select", BINARY, "--size", "40", "-o", "rows.parquet").stderr


def test_no_pattern_takes_a_reference_for_a_model(craig):
    craig.ok("train", BINARY, "--epochs", "3", "-o", "one.model.json", "-q")
    craig.ok("eval", "one.model.json", BINARY, "--reference", "auto", "-q")
    assert [path.name for path in craig.folder.glob("[!.]*.json")] == ["one.model.json"]
    (kept,) = craig.folder.glob(".craig-reference-*.json")
    assert json.loads(kept.read_text())["kind"] == "model"


def test_epsilon_of_moved_weights_names_the_construction_with_the_small_one(craig):
    moved = craig.ok("select", BINARY, "--size", "300", "-o", "a.parquet").stderr
    counts = craig.ok(
        "select", BINARY, "--size", "300", "--exemplar", "medoid", "--weights", "count", "-o", "b.parquet"
    ).stderr
    named = "--for distance has less"
    assert named in moved and named not in counts
    epsilons = [float(text.split("epsilon ")[1].split(":")[0]) for text in (moved, counts)]
    assert epsilons[1] <= epsilons[0]


def test_the_next_command_can_be_typed_as_it_stands(craig):
    people = ("select", SAMPLE / "people.csv", "--label", "paid", "--exclude", "since,town", "--fraction", "0.1")
    told = craig.ok(*people, "--scale", "standard", "-o", "a b.parquet").stderr
    line = told.splitlines()[-1].removeprefix("next: craig ").partition(" (other")[0]
    told = craig.ok(*shlex.split(line), "--epochs", "2").stderr.splitlines()[-1]
    craig.ok(*shlex.split(told.removeprefix("next: craig ").partition(", or")[0]))


def test_the_next_command_has_the_loss_and_the_penalty_that_rows_are_for(craig):
    select = ("select", BINARY, "--size", "40", "-o", "a.parquet")
    told = craig.ok(*select, "--loss", "squared-hinge", "--l2", "0.1").stderr.splitlines()[-1]
    assert "--loss squared-hinge --l2 0.1 --coreset a.parquet" in told
    implied = craig.ok(*select, "--loss", "logistic").stderr.splitlines()[-1]
    assert "--loss" not in implied and "--l2" not in implied


def test_the_next_command_has_the_objective_of_the_model_that_rows_were_selected_at(craig):
    train = ("train", BINARY, "--epochs", "2", "-q", "-o", "m.json", "--loss", "squared-hinge")
    select = ("select", BINARY, "--size", "40", "--at", "m.json", "-o", "a.parquet")
    craig.ok(*train, "--l2", "0.01", "--scale", "minmax")
    told = craig.ok(*select).stderr.splitlines()[-1]
    assert "--scale minmax --loss squared-hinge --l2 0.01 --coreset a.parquet" in told
    craig.ok(*train[:-2])  # what train takes by itself is not said
    assert f"craig train {BINARY} --coreset a.parquet" in craig.ok(*select).stderr.splitlines()[-1]


def test_a_selection_in_words(craig):
    """Weights, what the bound is for one row, and how it was done with -v alone."""
    command = ("select", BINARY, "--size", "300", "--for", "distance", "-o", "a.parquet")
    plain, verbose = craig.ok(*command).stderr, craig.ok(*command, "-v").stderr
    coreset = read_coreset(craig.folder / "a.parquet")
    weights, per_row = coreset.weight, coreset.epsilon / 3000
    assert f"weights {weights.min():.4g} to {weights.max():.4g}, median {np.median(weights):.4g}" in plain
    assert f"a row is {per_row[-1]:.3g} from what stands for it on average" in plain
    assert f"with a tenth of the picks {per_row[29]:.3g}" in plain
    assert "algorithm lazy" not in plain and "algorithm lazy, weights count; read " in verbose
    assert "round 1" not in craig.ok("select", BINARY, "--size", "300", "--for", "linear", "-o", "b.parquet").stderr


def test_nothing_is_to_be_feared_of_all_rows(craig):
    """They are what weights are to match, so what these leave of an error of none says nothing."""
    for data in ((BINARY, "--for", "linear"), (SAMPLE / "people.csv", "--label", "paid")):
        said = craig.ok("select", *data, "--fraction", "100%", "-o", "a.parquet").stderr
        assert "(100 %)" in said
        assert not [text for text in ("the weights leave", "has less", "are for linear models") if text in said]


@pytest.mark.parametrize(
    "share, text",
    [(1.0, "100 %"), (0.998, "100 %"), (1.6, "160 %"), (0.123, "12 %"), (0.0996, "10 %"), (0.004, "0.4 %")],
)
def test_shares_are_in_readable_per_cent(share, text):
    assert per_cent(share) == text


def test_rows_picked_at_a_model_are_for_linear_models(craig):
    assert "are for linear models" in craig.ok("select", BINARY, "--size", "300", "--pilot", "-o", "p.parquet").stderr
    assert "are for linear models" not in craig.ok("select", BINARY, "--size", "300", "-o", "a.parquet").stderr


def test_training_that_is_far_from_done_says_so(craig):
    done = craig.ok("train", BINARY, "-o", "m.json").stderr
    short = craig.ok(
        "train", BINARY, "--epochs", "1", "--precondition", "none", "--step", "1e-4", "-o", "n.json"
    ).stderr
    assert "this is no optimum" in short and "--scale standard" in short and "this is no optimum" not in done


def test_a_note_on_training_does_not_advise_what_was_done_or_cannot_help(craig):
    short = ("train", BINARY, "--epochs", "1", "--precondition", "none", "--step", "1e-4", "-o", "n.json")
    scaled = craig.ok(*short, "--scale", "standard").stderr
    assert "this is no optimum" in scaled and "--scale standard for" not in scaled
    held = craig.ok("train", BINARY, "--no-intercept", "--radius", "0.5", "--optimizer", "svrg", "-o", "r.json").stderr
    assert "as the radius holds the model back" in held and "no optimum" not in held


def test_columns_that_the_penalty_holds_back(craig):
    rng = np.random.default_rng(0)
    features = rng.standard_normal((300, 3)) * [1e-3, 1.0, 1e3]
    labels = (features[:, 0] > 0).astype(float)
    lines = [
        f"{label:g} " + " ".join(f"{k + 1}:{value:.9g}" for k, value in enumerate(row))
        for label, row in zip(labels, features)
    ]
    (craig.folder / "u.libsvm").write_text("\n".join(lines) + "\n")
    text = "so the penalty holds the narrow ones back; consider --scale standard"
    assert text in craig.ok("train", "u.libsvm", "--epochs", "5", "-o", "m.json").stderr
    assert text not in craig.ok("train", "u.libsvm", "--epochs", "5", "--scale", "standard", "-o", "m.json").stderr
    assert text not in craig.ok("train", "u.libsvm", "--epochs", "5", "--l2", "0", "-o", "m.json").stderr
    for asked, expected in (({}, 1), ({"scale": "standard"}, 0), ({"l2": 0.0}, 0)):
        said: list[str] = []
        train_model(features, labels, epochs=5, note=said.append, **asked)
        assert sum(text in line for line in said) == expected


def _three_classes(n, rare):
    rng = np.random.default_rng(3)
    labels = np.resize([0.0, 1.0], n)
    labels[:rare] = 2.0
    return from_arrays(rng.standard_normal((n, 2)), labels)


def test_a_class_the_model_has_never_seen_is_errors_where_it_is_rare():
    model = Model("logistic", (0.0, 1.0), np.array([1.0, -1.0]), 0.0, 0.1)
    data = _three_classes(1000, 7)
    known = data.take(np.flatnonzero(data.labels < 2))
    found, alone = evaluate(model, data, "m"), evaluate(model, known, "m")
    assert found["unknown"] == {"classes": 1, "rows": 7}
    assert found["rows"] == 1000
    assert found["error_rate"] == pytest.approx((alone["error_rate"] * 993 + 7) / 1000)
    assert [found[key] for key in ("loss", "objective", "auc", "log_loss")] == [None] * 4
    assert found["per_class"][-1] == {"label": 2.0, "rows": 7, "error_rate": 1.0}
    with pytest.raises(DataError, match="expected labels that m knows"):
        evaluate(model, _three_classes(1000, 11), "m")


def test_one_model_without_a_rare_class_does_not_end_the_table(craig):
    data = _three_classes(1000, 7)
    lines = [f"{label:g} 1:{row[0]:.6g} 2:{row[1]:.6g}" for label, row in zip(data.labels, data.features)]
    (craig.folder / "all.libsvm").write_text("\n".join(lines) + "\n")
    (craig.folder / "two.libsvm").write_text("\n".join(lines[7:]) + "\n")
    for name in ("all", "two"):
        craig.ok("train", f"{name}.libsvm", "--epochs", "3", "-o", f"{name}.json", "-q")
    result = craig.ok("eval", "all.json", "two.json", "all.libsvm")
    assert "two.json: knows 2 of 3 classes; 7 row(s) are errors" in result.stderr
    table = result.text.splitlines()
    assert [line.split()[0] for line in table] == ["model", "all.json", "two.json"]


def test_exact_greedy_says_how_long_it_takes_where_it_is_long():
    assert seconds_of(1e9) < 5.0
    assert 5.0 <= seconds_of(8.1e9) < 9.0
    assert 90.0 < seconds_of(1.1e12) < 150.0


def test_a_coreset_prints_as_one_line():
    rng = np.random.default_rng(0)
    coreset = select_coreset(rng.standard_normal((200, 3)), np.resize([0, 1], 200), size=20, algorithm="random")
    assert repr(coreset).startswith("Coreset(20 of 200 rows by random, count weights, epsilon ")
    assert "\n" not in repr(coreset)


def test_where_a_bound_does_not_speak_of_a_model_eval_says_why(craig):
    """--radius of train leaves the intercept free; on the ball itself the bound holds, whatever is rounded."""
    bound = ("select", BINARY, "--size", "60", "--for", "distance", "--loss", "logistic", "--radius", "1", "-q")
    craig.ok(*bound, "-o", "c.parquet")
    train = ("train", BINARY, "--coreset", "c.parquet", "--radius", "1", "--optimizer", "svrg", "--epochs", "30", "-q")
    craig.ok(*train, "-o", "free.json")
    craig.ok(*train, "--no-intercept", "-o", "held.json")
    told = craig.ok("eval", "free.json", "held.json", BINARY, "--coreset", "c.parquet")
    (line,) = [line for line in told.stderr.splitlines() if "no epsilon" in line]
    assert line.startswith("free.json: no epsilon, which is for logistic models of norm at most 1, intercept included")
    assert [line.split()[-1] == "-" for line in told.text.splitlines()[1:]] == [True, False]


def test_gradient_errors_beyond_the_radius_of_a_bound_stand_beside_no_epsilon(craig):
    bound = ("select", BINARY, "--size", "60", "--for", "distance", "--loss", "logistic", "--radius", "1", "-q")
    craig.ok(*bound, "-o", "c.parquet")
    eval_ = ("eval", BINARY, "--coreset", "c.parquet", "--path-epochs", "1", "--random-subsets", "1", "--points", "5")
    wide, own = craig.ok(*eval_, "--radius", "9"), craig.ok(*eval_)
    assert "epsilon" not in wide.text and own.text.splitlines()[-1].split()[-1] != "-"
    assert (
        "c.parquet: its epsilon is for models of norm at most 1, intercept included: 1 of the 7 points" in wide.stderr
    )


def test_an_export_without_a_coreset_says_that_its_columns_are_its_own(craig):
    """Test data that is exported by itself has the categories that it has."""
    export = ("export", SAMPLE / "people.test.csv", "--label", "paid")
    own = "are encoded by this data alone"
    assert own in craig.ok(*export, "--to", "lightgbm", "-o", "a.txt").stderr
    assert own not in craig.ok(*export, "--to", "csv", "-o", "a.csv").stderr
    assert own not in craig.ok(*export, "--features", "age", "--to", "vw", "-o", "a.vw").stderr
    craig.ok("select", *export[1:], "--size", "20", "--for", "distance", "-q", "-o", "c.parquet")
    assert own not in craig.ok(*export, "--coreset", "c.parquet", "--to", "vw", "-o", "b.vw").stderr


def test_rows_that_go_by_their_features_after_all_are_told_of_uneven_ranges(craig):
    """The default levels them for its rough model; where that is left, nothing does."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((300, 20)) * np.where(np.arange(20) == 3, 1e6, 1.0)
    lines = [",".join([*(f"{value:.6g}" for value in row), f"{row[0] + row[1] > 0:d}"]) for row in rows]
    header = ",".join([*(f"x{number}" for number in range(20)), "label"])
    (craig.folder / "a.csv").write_text("\n".join([header, *lines]) + "\n")
    few, many = (craig.ok("select", "a.csv", "--size", size, "-o", "c.parquet").stderr for size in ("6", "200"))
    assert "by their features, not at a rough model" in few and "so the widest decided the distance" in few
    assert "the widest" not in many and "not at a rough model" not in many
