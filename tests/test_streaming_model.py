"""Selecting at a rough model what is read in pieces: as good as in memory, the same bytes whatever befell the run."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from craig_cli import read_dataset
from craig_cli.errors import DataError, UsageError
from craig_cli.guided.policy import select_for
from craig_cli.selection.plan import Plan
from craig_cli.streaming import asked as asked_for
from craig_cli.streaming import guided, run
from craig_cli.streaming import select as streaming
from craig_cli.training.design import build_design
from craig_cli.training.newton import newton
from tests.test_streaming import Stopped, same, stop_at

L2 = 1e-4
PLAN = Plan(fraction=0.05, block_size=64, threads=1, l2=L2)
LEAF = 400
KINDS = ("label", "three", "number")


def columns(seed: int, n_rows: int) -> dict:
    generator = np.random.default_rng(seed)
    rows = generator.standard_normal((n_rows, 5)) * [1.0, 3.0, 0.3, 1.0, 5.0] + 1.0
    rows[:, 3] = rows[:, 3] > 1.5
    score = rows @ [1.0, -0.4, 2.0, 1.5, 0.1] - 2.5
    noisy = score + generator.logistic(size=n_rows)
    labels = {"label": (noisy > 0).astype(np.int8), "three": np.digitize(noisy, [-1.0, 2.0]).astype(np.int8)}
    features = {f"x{k}": rows[:, k].astype(np.float32) for k in range(5)}
    return {**features, **labels, "number": noisy, "weight": generator.integers(1, 4, n_rows)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("streamed") / "big"
    path.mkdir()
    for part in range(3):
        pq.write_table(pa.table(columns(part, 1100 + 100 * part)), path / f"part-{part}.parquet", row_group_size=350)
    return path


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    path = tmp_path_factory.mktemp("few") / "few.parquet"
    pq.write_table(pa.table(columns(7, 450)), path, row_group_size=200)
    return path


def reading_of(label: str, weight: str | None) -> dict:
    others = {*KINDS, "weight"} - {label, weight}
    return {"label": label, "weight_column": weight, "exclude": tuple(sorted(others))}


def stream(data, scratch, plan=PLAN, label="label", weight=None, leaf_rows=LEAF, resume=False, on_disk=True, note=None):
    path = scratch / "scratch"
    options = {"resume": resume, "on_disk": on_disk, "leaf_rows": leaf_rows, "note": note}
    coreset, _ = streaming.select_streamed([str(data)], plan, reading_of(label, weight), path, **options)
    assert not path.exists()
    return coreset


# --- as in memory -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes, label, weight",
    [
        ({}, "label", None),
        ({"scale": "standard"}, "three", "weight"),
        ({"loss": "logistic", "radius": 3.0}, "label", "weight"),
        ({"loss": "squared", "scale": "minmax"}, "number", "weight"),
        ({"purpose": "linear", "weights": "calibrated"}, "label", None),
    ],
)
def test_few_rows_in_one_leaf_a_class_are_what_memory_selects(few, tmp_path, changes, label, weight):
    """Few rows are all in the sample, and medoids leave nothing to chance."""
    plan = replace(PLAN, exemplar="medoid", algorithm="partition", fraction=0.2, **changes)
    streamed = stream(few, tmp_path, plan, label, weight, 10_000)
    expected = select_for(read_dataset([str(few)], **reading_of(label, weight)), plan)
    assert np.array_equal(streamed.index, expected.index)
    np.testing.assert_allclose(streamed.weight, expected.weight, rtol=1e-6)
    np.testing.assert_allclose(streamed.epsilon, expected.epsilon, rtol=1e-6)
    assert streamed.metadata.keys() - {"leaf_rows"} == expected.metadata.keys()
    for key in ("n", "total", "for", "exemplar", "weights", "swaps", "loss", "units", "algorithm", "seed", "inputs"):
        assert streamed.metadata[key] == expected.metadata[key], key
    assert streamed.metadata["bound_constant"] == pytest.approx(expected.metadata["bound_constant"])
    at, other = streamed.metadata["at"], expected.metadata["at"]
    assert at["pilot"] == other["pilot"] and at["features"] == other["features"] and at["distance"] == other["distance"]
    assert at["dimension"] == pytest.approx(other["dimension"], rel=1e-6)
    for key in ("full_norm", "norm"):
        assert at["gradient_error"][key] == pytest.approx(other["gradient_error"][key], rel=1e-4, abs=1e-3)
    totals = streamed.metadata["calibration"]["totals"]
    assert totals == expected.metadata["calibration"]["totals"] and streamed.metadata["calibration"]["left"] < 0.1


def _hard(kind: str, n_rows: int = 450) -> tuple[np.ndarray, np.ndarray]:
    """(rows, labels) of a table at which few picks hardly follow a model."""
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((n_rows, 12)) @ (np.eye(12) + 0.3 * generator.standard_normal((12, 12)))
    score = rows[:, 0] - 0.8 * rows[:, 1] + 0.7 * rows[:, 4] ** 2 + generator.logistic(size=n_rows)
    labels = (score > np.quantile(score, 0.5 if kind != "rare" else 0.98)).astype(float)
    if kind == "uneven":
        rows *= 10.0 ** np.r_[0, 4, -2, 1, 3, 0, -1, 5, 0, 2, -3, 0]
    elif kind == "heavy":
        rows[:, 2], rows[:, 5] = 1e3 * generator.standard_t(1.2, n_rows), np.exp(4.0 * rows[:, 5])
    elif kind == "outliers":
        rows[[7, 90]] *= 1e6
    elif kind == "tiny":
        rows[:, [0, 3]] *= [1e-170, 1e-9]
    elif kind == "many":
        labels = np.digitize(score, np.quantile(score, np.arange(0.1, 1.0, 0.1))).astype(float)
    elif kind == "targets":
        labels = score * generator.standard_t(1.5, n_rows)
    return rows, labels


@pytest.mark.parametrize("kind", ["rare", "uneven", "heavy", "outliers", "tiny", "many", "targets"])
def test_what_is_decided_is_what_memory_decides(tmp_path, kind):
    """At the model or by features alone, with fitted weights or counts: of the same rows the same."""
    rows, labels = _hard(kind)
    path = tmp_path / "hard.parquet"
    pq.write_table(pa.table({**{f"x{k}": column for k, column in enumerate(rows.T)}, "label": labels}), path)
    data = read_dataset([str(path)])
    for fraction in (0.05, 0.2):
        plan = replace(PLAN, exemplar="medoid", algorithm="partition", fraction=fraction)
        notes: list[list[str]] = [[], []]
        reading = {"label": "label"}, tmp_path / "scratch"
        streamed, _ = streaming.select_streamed([str(path)], plan, *reading, on_disk=False, note=notes[0].append)
        expected = select_for(data, plan, note=notes[1].append)
        assert [each for each in notes[0] if "rows are" in each] == [each for each in notes[1] if "rows are" in each]
        assert streamed.metadata["weights"] == expected.metadata["weights"]
        assert ("at" in streamed.metadata) == ("at" in expected.metadata)
        assert np.array_equal(streamed.index, expected.index)
        np.testing.assert_allclose(streamed.weight, expected.weight, rtol=1e-4)  # iterations end where they are enough


@pytest.mark.parametrize("label", KINDS)
def test_the_error_in_the_file_is_that_of_all_rows(folder, tmp_path, monkeypatch, label):
    """Written out, at the model that is recorded by its fingerprint alone."""
    seen = []

    def recorded(rough, *rest):
        seen.append(rough)
        return guided.provenance(rough, *rest)

    monkeypatch.setattr(run, "provenance", recorded)
    coreset = stream(folder, tmp_path, replace(PLAN, scale="standard"), label)
    data = read_dataset([str(folder)], **reading_of(label, None))
    model = seen[0].model(L2)
    margins = data.features @ model.coef.T + model.intercept
    if label == "number":
        slopes = margins - data.labels
    elif label == "label":
        signs = 2.0 * data.labels - 1.0
        slopes = -signs / (1.0 + np.exp(signs * margins))
    else:
        odds = np.exp(margins - margins.max(axis=1, keepdims=True))
        slopes = odds / odds.sum(axis=1, keepdims=True) - (data.labels[:, None] == [0.0, 1.0, 2.0])
    scaled = (data.features - data.features.mean(axis=0)) / data.features.std(axis=0)
    extended = np.column_stack([scaled, np.ones(data.n_rows)])
    left = np.ones(data.n_rows)
    full = np.linalg.norm(extended.T @ slopes)
    left[coreset.index] -= coreset.weight
    error = coreset.metadata["at"]["gradient_error"]
    assert error["error"] == pytest.approx(np.linalg.norm((extended * left[:, None]).T @ slopes), rel=1e-5, abs=1e-6)
    assert error["full_norm"] == pytest.approx(full, rel=1e-5, abs=1e-6)


def _residual(data, label: str, l2: float = L2):
    """(rows, weights) -> how far the model that is optimal on them is above the optimum of all rows."""
    loss = {"label": "logistic", "three": "multinomial", "number": "squared"}[label]
    design = build_design(data, loss, l2)
    best = newton(design, np.zeros((design.n_outputs, design.width))).coef
    least = design.objective(best, design.margins(best))

    def residual(rows, weights) -> float:
        coef = newton(design.take(rows, weights), best).coef
        return design.objective(coef, design.margins(coef)) - least

    return residual


@pytest.mark.parametrize(
    "purpose, label", [*(("any", label) for label in KINDS), ("linear", "label"), ("linear", "number")]
)
def test_it_is_as_good_as_in_memory_and_far_better_than_random_rows(folder, tmp_path, purpose, label):
    data = read_dataset([str(folder)], **reading_of(label, None))
    residual = _residual(data, label)
    plans = [replace(PLAN, purpose=purpose, seed=seed) for seed in range(2)]
    streamed = [stream(folder, tmp_path, plan, label) for plan in plans]
    in_memory = [select_for(data, plan) for plan in plans]
    size = len(streamed[0])
    drawn = [np.random.default_rng(seed).choice(data.n_rows, size, replace=False) for seed in range(5)]
    random = np.median([residual(rows, np.full(size, data.n_rows / size)) for rows in drawn])
    ours, theirs = (np.median([residual(each.index, each.weight) for each in those]) for those in (streamed, in_memory))
    assert ours < 0.01 * random
    assert ours < 2.0 * max(theirs, 1e-8 * random)  # both may be at the optimum, as far as anyone can tell
    bounds = [np.median([each.epsilon[-1] for each in those]) for those in (streamed, in_memory)]
    assert bounds[0] < 1.3 * bounds[1]  # nothing that is minimised
    for each in streamed:
        assert len(np.unique(each.index)) == size and each.weight.sum() == pytest.approx(data.n_rows)
        assert (np.diff(each.epsilon[np.isfinite(each.epsilon)]) <= 0).all()
        assert each.metadata["exemplar"] == ("member" if purpose == "any" else None)
        assert each.metadata["weights"] == "fitted"


def test_epsilon_is_true_for_every_model_in_the_ball(folder, tmp_path):
    coreset = stream(folder, tmp_path, replace(PLAN, loss="logistic", radius=2.0))
    data = read_dataset([str(folder)], **reading_of("label", None))
    extended, signs = np.column_stack([data.features, np.ones(data.n_rows)]), 2.0 * data.labels - 1.0
    difference = np.ones(data.n_rows)
    difference[coreset.index] -= coreset.weight
    generator = np.random.default_rng(1)
    for _ in range(30):
        model = generator.standard_normal(6)
        model *= 2.0 / np.linalg.norm(model)
        slopes = -signs / (1.0 + np.exp(signs * (extended @ model)))
        assert np.linalg.norm((difference * slopes) @ extended) <= coreset.epsilon[-1]


# --- the same bytes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("purpose, label", [("any", "label"), ("any", "three"), ("linear", "label")])
def test_memory_and_threads_change_nothing(folder, tmp_path, purpose, label):
    asked = replace(PLAN, purpose=purpose)
    expected = stream(folder, tmp_path, asked, label)
    least = streaming.BASE + 2_000_000
    for limit, threads, on_disk in ((least, 1, True), (2**33, 3, True), (2**33, 2, False)):
        plan = replace(asked, memory_limit=limit, threads=threads)
        assert same(stream(folder, tmp_path, plan, label, on_disk=on_disk), expected)


@pytest.mark.parametrize("purpose, moments", [("any", 5), ("linear", 2)])
def test_a_stopped_run_goes_on_to_the_same_bytes(folder, tmp_path, monkeypatch, purpose, moments):
    plan = replace(PLAN, purpose=purpose)
    expected = stream(folder, tmp_path, plan)
    written = [0]
    with monkeypatch.context() as patch:
        real = os.replace
        patch.setattr(os, "replace", lambda *args: (written.__setitem__(0, written[0] + 1), real(*args))[1])
        stream(folder, tmp_path, plan)
    assert written[0] > 20
    for moment in np.random.default_rng(0).choice(written[0], moments, replace=False) + 1:
        with monkeypatch.context() as patch:
            stop_at(patch, int(moment))
            with pytest.raises(Stopped):
                stream(folder, tmp_path, plan, resume=True)
        assert same(stream(folder, tmp_path, replace(plan, threads=2, memory_limit=2**33), resume=True), expected)


# --- what cannot be -----------------------------------------------------------------------------------------


def test_a_model_of_too_many_parameters_is_not_followed(tmp_path, monkeypatch):
    monkeypatch.setattr("craig_cli.guided.policy.FAR", -1.0)  # of so few rows it is at its optimum
    rows = np.random.default_rng(2).standard_normal((400, 250))
    labels = rows @ np.random.default_rng(3).standard_normal(250) > 0.0
    table = {**{f"x{k}": rows[:, k] for k in range(250)}, "label": labels.astype(np.int8)}
    others = {name: np.zeros(400) for name in ("three", "number", "weight")}
    pq.write_table(pa.table(table | others), tmp_path / "wide.parquet")
    notes: list[str] = []
    plan = replace(PLAN, fraction=None, size=40)
    coreset = stream(tmp_path / "wide.parquet", tmp_path, plan, note=notes.append)
    assert "at" not in coreset.metadata and coreset.metadata["weights"] == "count"
    assert coreset.metadata["exemplar"] == "member" and coreset.weight.sum() == 400
    assert any("by their features, not at a rough model" in each for each in notes)
    assert not any("feature ranges differ" in each for each in notes)
    table["x3"] = table["x3"] * 1e6
    pq.write_table(pa.table(table | others), tmp_path / "wide.parquet")
    stream(tmp_path / "wide.parquet", tmp_path, plan, note=notes.append)
    assert notes[-1].startswith("feature ranges differ") and "so the widest decided the distance" in notes[-1]
    stream(tmp_path / "wide.parquet", tmp_path, replace(plan, purpose="distance", size=9), note=notes.append)
    assert "so the widest decide the distance" in notes[-1]
    told = len(notes)
    stream(tmp_path / "wide.parquet", tmp_path, replace(plan, scale="standard"), note=notes.append)
    assert not any("feature ranges differ" in each for each in notes[told:])


@pytest.mark.parametrize("purpose", ["any", "linear"])
def test_of_few_picks_those_are_taken_that_cost_all_rows_least(folder, tmp_path, monkeypatch, purpose):
    """Nine for six parameters: at the model, or the same by features alone, whose exemplars weigh their counts."""
    data = read_dataset([str(folder)], **reading_of("label", None))
    residual = _residual(data, "label", 1e-2)
    told = []
    for seed in (2, 8, 9):
        plan = replace(PLAN, purpose=purpose, fraction=None, size=9, seed=seed, l2=1e-2, block_size=1024)
        notes: list[str] = []
        taken = stream(folder, tmp_path, plan, leaf_rows=2000, note=notes.append)
        algorithm = {"any": "partition", "linear": "strata"}[purpose]
        plain = stream(
            folder, tmp_path, replace(plan, purpose="any", algorithm=algorithm, weights="count"), leaf_rows=2000
        )
        with monkeypatch.context() as patch:
            patch.setattr(run, "is_doubtful", lambda *unused: False)
            first = stream(folder, tmp_path, plan, leaf_rows=2000)
        told.append(any("9 picks cannot follow it" in each for each in notes))
        assert taken.metadata["for"] == purpose
        expected = plain if told[-1] else first
        assert np.array_equal(taken.index, expected.index) and np.array_equal(taken.weight, expected.weight)
        if "calibration" not in first.metadata or first.metadata["calibration"]["left"] > 0.1:
            ours, other = (residual(each.index, each.weight) for each in (taken, first if told[-1] else plain))
            assert ours <= 1.2 * other  # those that are compared are not trained to the end
    assert set(told) == {True, False}


def test_labels_that_the_loss_does_not_take_are_refused(folder, tmp_path):
    with pytest.raises(DataError, match=r"part-0.parquet: the logistic loss expects two classes, found 3 labels"):
        stream(folder, tmp_path, replace(PLAN, loss="logistic"), "three")
    with pytest.raises(UsageError, match="training a rough model takes at least"):
        stream(folder, tmp_path, replace(PLAN, memory_limit=streaming.BASE + 1000))
    assert os.listdir(tmp_path) == []


def test_the_default_command(craig, folder):
    options = ("--fraction", "0.05", "--stream", "--exclude", "three,number,weight")
    craig.ok("select", folder, *options, "-q", "-o", "a")
    stderr = craig.ok("select", folder, *options, "-o", "b", "--memory-limit", "500M", "--threads", "1").stderr
    assert "for linear models" not in stderr
    assert (craig.folder / "a").read_bytes() == (craig.folder / "b").read_bytes()
    craig.ok("train", folder, "--coreset", "a", "-o", "model", "--exclude", "three,number,weight", "-q")


def test_strata_are_as_in_memory_and_want_a_pick_a_leaf(folder, tmp_path):
    """Without a model: rows by their features, of weights that are not counts, as unbiased as in memory."""
    plan = replace(PLAN, algorithm="strata", weights="count", fraction=0.1)
    data = read_dataset([str(folder)], **reading_of("label", None))
    sums = []
    for seed in range(10):
        coreset = stream(folder, tmp_path, replace(plan, seed=seed))
        assert coreset.metadata.keys() - {"leaf_rows"} == select_for(data, plan).metadata.keys()
        assert coreset.metadata["algorithm"] == "strata" and coreset.weight.sum() == pytest.approx(data.n_rows)
        sums.append(coreset.weight @ data.features[coreset.index] / data.n_rows)
    spread = data.features.std(axis=0) / np.sqrt(len(coreset) * 10)
    assert (np.abs(np.mean(sums, axis=0) - data.features.mean(axis=0)) < 3.0 * spread).all()
    with pytest.raises(UsageError, match="at least one pick for each of the"):
        stream(folder, tmp_path, replace(plan, fraction=None, size=4))


def test_labels_of_any_kind_are_classes(few, tmp_path):
    table = pq.read_table(few)
    plan = replace(PLAN, fraction=0.4)
    expected = stream(few, tmp_path, plan, "three")
    names = np.array(["ash", "elm", "oak"])[table["three"].to_numpy()]
    table = table.set_column(table.column_names.index("three"), "three", pa.array(names))
    pq.write_table(table, tmp_path / "few.parquet", row_group_size=200)
    named = stream(tmp_path / "few.parquet", tmp_path, plan, "three")
    assert np.array_equal(named.index, expected.index) and np.array_equal(named.weight, expected.weight)
    assert [each["label"] for each in named.metadata["classes"]] == ["ash", "elm", "oak"]
    assert named.metadata["at"] == expected.metadata["at"]


def test_lists_are_columns(few, tmp_path, monkeypatch):
    """However many rows the sample has, of which only some are trained on where the lists are long."""
    table = pq.read_table(few)
    rows = np.column_stack([table[f"x{k}"].to_numpy() for k in range(5)])
    lists = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), 5)
    others = {name: table[name] for name in (*KINDS, "weight")}
    pq.write_table(pa.table({"x": lists, **others}), tmp_path / "lists.parquet", row_group_size=200)
    plan = replace(PLAN, fraction=0.2)
    expected, listed = stream(few, tmp_path, plan), stream(tmp_path / "lists.parquet", tmp_path, plan)
    assert np.array_equal(listed.index, expected.index) and np.array_equal(listed.weight, expected.weight)
    monkeypatch.setattr(guided, "LEAST", 100)
    monkeypatch.setattr(guided, "SAMPLE", 1)
    fewer = stream(tmp_path / "lists.parquet", tmp_path, plan)
    assert fewer.metadata["weights"] == "fitted" and fewer.metadata["at"]["pilot"] > 1
    assert fewer.metadata["at"] != expected.metadata["at"]


def test_without_classes_rows_are_selected_as_in_memory(few, tmp_path):
    """By features, as there is nothing to train a model on."""
    plan = replace(PLAN, purpose="linear", per_class=False, exemplar="medoid", fraction=0.2)
    streamed = stream(few, tmp_path, plan, leaf_rows=10_000)
    data = read_dataset([str(few)], **reading_of("label", None))
    expected = select_for(data, replace(plan, algorithm="partition"))
    assert np.array_equal(streamed.index, expected.index) and streamed.metadata["algorithm"] == "partition"


def test_it_streams_of_itself_where_there_are_many_rows_or_too_little_memory(craig, folder, monkeypatch):
    reading = reading_of("label", None)
    asked = {purpose: replace(PLAN, purpose=purpose) for purpose in ("any", "linear")}
    for plan in asked.values():
        assert asked_for.reason_to_stream([str(folder)], plan, reading) is None
        less = replace(plan, memory_limit=500_000)
        assert "does not fit the memory" in asked_for.reason_to_stream([str(folder)], less, reading)
    options = ("select", folder, "--fraction", "0.05", "--exclude", "three,number,weight")
    craig.ok(*options, "--stream", "-q", "-o", "a")
    monkeypatch.setattr(asked_for, "LARGE", 2999)
    assert asked_for.reason_to_stream([str(folder)], asked["linear"], reading) is None
    assert "3,600 rows, leaf by leaf" in craig.ok(*options, "-o", "b").stderr
    assert (craig.folder / "a").read_bytes() == (craig.folder / "b").read_bytes()
