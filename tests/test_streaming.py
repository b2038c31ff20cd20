"""Selecting from data that is read in pieces: the same coreset whatever the memory, and whatever befell the run."""

from __future__ import annotations

import errno
import gzip
import os
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp

from craig_cli import compiling, read_dataset
from craig_cli.errors import DataError, UsageError
from craig_cli.formats.pieces import open_pieces
from craig_cli.scaling import fit_scaling
from craig_cli.selection.plan import Plan
from craig_cli.selection.select import select_dataset
from craig_cli.streaming import asked as asked_for
from craig_cli.streaming import run, spans
from craig_cli.streaming import select as streaming
from craig_cli.streaming.leaves import TOO_LARGE, leaves_of
from craig_cli.streaming.scratch import Folder
from craig_cli.streaming.survey import Moments, look_at, survey
from craig_cli.streaming.tree import grow

PLAN = Plan(purpose="distance", algorithm="partition", block_size=64, fraction=0.1, threads=1)
LEAF = 400  # rows of a leaf, so that there are many
READING = {"label": "label"}


def table(seed: int, n_rows: int) -> pa.Table:
    generator = np.random.default_rng(seed)
    which = generator.integers(0, 9, n_rows)
    rows = (generator.standard_normal((9, 5)) * 4)[which] + generator.standard_normal((n_rows, 5))
    columns = {f"x{k}": rows[:, k].astype(np.float32) for k in range(5)}
    extra = {"weight": generator.integers(1, 4, n_rows), "number": rows @ np.arange(5.0) + 0.5}
    return pa.table({**columns, "label": (which % 3 == 0).astype(np.int8), **extra})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("streamed") / "big"
    path.mkdir()
    for part in range(3):
        pq.write_table(table(part, 900 + 100 * part), path / f"part-{part}.parquet", row_group_size=350)
    return path


def stream(data, scratch, plan=PLAN, leaf_rows=LEAF, resume=False, on_disk=True, **reading):
    reading = {**READING, "exclude": ("weight", "number"), **reading}
    names = {"label", "weight_column"} & reading.keys()
    reading["exclude"] = tuple(set(reading["exclude"]) - {reading[name] for name in names})
    path = scratch / "scratch"
    options = {"resume": resume, "on_disk": on_disk, "leaf_rows": leaf_rows}
    coreset, _ = streaming.select_streamed([str(data)], plan, reading, path, **options)
    assert not path.exists()
    return coreset


def in_memory(data, plan=PLAN, **reading):
    exclude = {"weight", "number"} - {reading.get("label"), reading.get("weight_column")}
    return select_dataset(read_dataset([str(data)], exclude=tuple(exclude), **reading), plan)


def same(a, b) -> bool:
    arrays = all(np.array_equal(getattr(a, key), getattr(b, key)) for key in ("index", "weight", "rank", "epsilon"))
    return arrays and a.metadata == b.metadata


@pytest.mark.parametrize(
    "changes, reading",
    [
        ({}, {}),
        ({"metric": "cosine"}, {}),
        ({"metric": "manhattan", "scale": "minmax"}, {}),
        ({"metric": "chebyshev", "loss": "squared", "radius": 2.0}, {"label": "number"}),
        ({"scale": "unit", "per_class": False, "swaps": 2}, {}),
        ({"loss": "logistic", "radius": 3.0}, {"weight_column": "weight"}),
        ({"loss": "squared", "radius": 2.0, "scale": "minmax"}, {"label": "number"}),
        ({"fraction": None, "size": 7}, {}),
        ({"fraction": 0.9}, {}),
    ],
)
def test_one_leaf_a_class_is_what_memory_selects(folder, tmp_path, changes, reading):
    plan = replace(PLAN, **changes)
    streamed, expected = stream(folder, tmp_path, plan, 10_000, **reading), in_memory(folder, plan, **reading)
    for key in ("index", "weight", "rank"):
        assert np.array_equal(getattr(streamed, key), getattr(expected, key)), key
    # The grid of the bound may be another one.
    np.testing.assert_allclose(streamed.epsilon, expected.epsilon, rtol=1e-9)
    facts = {key: value for key, value in streamed.metadata.items() if key not in ("leaf_rows", "classes")}
    facts["encoding"]["columns"] = expected.metadata["encoding"]["columns"]  # means of columns to the last bit
    assert facts == {key: expected.metadata[key] for key in facts}


def test_memory_and_threads_change_nothing(folder, tmp_path):
    expected = stream(folder, tmp_path)
    assert expected.metadata["leaf_rows"] == LEAF
    least = streaming.BASE + 200_000
    for limit, threads, on_disk in ((least, 1, True), (least, 3, False), (2**33, 2, True), (2**33, 2, False)):
        plan = replace(PLAN, memory_limit=limit, threads=threads)
        assert same(stream(folder, tmp_path, plan, on_disk=on_disk), expected)


@pytest.mark.parametrize("changes", [{}, {"fraction": None, "size": 40}, {"loss": "logistic", "radius": 3.0}])
def test_weights_and_bound_are_those_of_all_rows(folder, tmp_path, changes):
    coreset = stream(folder, tmp_path, replace(PLAN, **changes))
    data = read_dataset([str(folder)], exclude=("weight", "number"))
    total = 0.0
    weights = np.zeros(data.n_rows)
    norms = np.sqrt((data.features**2).sum(axis=1) + 1.0)
    for label in (0.0, 1.0):
        rows = np.flatnonzero(data.labels == label)
        picks = coreset.index[data.labels[coreset.index] == label]
        distance = np.sqrt(((data.features[rows][:, None] - data.features[picks]) ** 2).sum(axis=2))
        constants = 1.0 + 0.25 * 3.0 * norms[rows] if "radius" in changes else np.ones(len(rows))
        total += float((constants * distance.min(axis=1)).sum())
        weights[picks] = np.bincount(distance.argmin(axis=1), minlength=len(picks))
    assert coreset.epsilon[-1] == pytest.approx(total, rel=1e-9)
    assert coreset.epsilon[-1] >= total * (1 - 1e-12)
    assert np.array_equal(coreset.weight, weights[coreset.index])
    assert (np.diff(coreset.epsilon[np.isfinite(coreset.epsilon)]) <= 0).all()


def test_little_is_lost_to_leaves(folder, tmp_path):
    assert stream(folder, tmp_path).epsilon[-1] <= 1.05 * in_memory(folder).epsilon[-1]


def test_the_tree_puts_every_row_into_one_leaf_of_nearby_rows():
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((3000, 4))
    classes = (np.arange(3000) % 3 == 0).astype(np.int64)
    sample = np.arange(0, 3000, 5)
    tree = grow(rows[sample], classes[sample], [8, 3])
    found = tree.leaves_of(rows, classes)
    assert np.array_equal(tree.classes[found], classes)
    sizes = np.bincount(found, minlength=len(tree.classes))
    assert len(sizes) == 11 and sizes.min() > 120 and sizes.max() < 600

    def walk(row, node):
        while node >= 0:
            node = tree.children[node][int(row @ tree.directions[node] > tree.thresholds[node])]
        return -1 - node

    others = np.flatnonzero(np.arange(3000) % 5)  # rows of the sample lie on thresholds, where rounding decides
    assert [walk(rows[i], tree.roots[classes[i]]) for i in others] == found[others].tolist()
    spread = sum(((rows[found == leaf] - rows[found == leaf].mean(axis=0)) ** 2).sum() for leaf in range(11))
    assert spread < 0.6 * ((rows - rows.mean(axis=0)) ** 2).sum()


def test_pieces_are_the_rows_of_the_files_from_any_row_on(folder):
    pieces = open_pieces([str(folder)], label="label", weight_column="weight", exclude=("number",))
    whole = read_dataset([str(folder)], weight_column="weight", exclude=("number",))
    assert pieces.number_bytes == 4 == next(pieces()).features.itemsize
    assert open_pieces([str(folder)], label="label").number_bytes == 8
    for start in (0, 350, 900, 2250):
        parts = list(pieces(start))
        assert parts[0].first == start
        assert np.array_equal(np.concatenate([part.features for part in parts]), whole.features[start:])
        assert np.array_equal(np.concatenate([part.labels for part in parts]), whole.labels[start:])
        assert np.array_equal(np.concatenate([part.weight for part in parts]), whole.multiplicity[start:])


def test_the_survey_scales_as_all_rows_do(folder):
    pieces = open_pieces([str(folder)], label="label", weight_column="weight", exclude=("number",))
    whole = read_dataset([str(folder)], weight_column="weight", exclude=("number",))
    found = survey([look_at(piece, 0.1, 0) for piece in pieces()], lambda count: None, [], [])
    for name in ("minmax", "unit", "standard"):
        expected, scaling = fit_scaling(name, whole.features, whole.multiplicity), found.features.scaling(name)
        np.testing.assert_allclose(scaling.factor, expected.factor, rtol=1e-12)
        np.testing.assert_allclose(scaling.shift, expected.shift, rtol=1e-12, atol=1e-12)
    found.features.squares[0] = found.features.largest = np.inf
    for name, named in (("unit", None), ("standard", "a.parquet: x{}".format)):
        who = "feature" if named is None else "a.parquet: x"
        with pytest.raises(DataError, match=f"^{who}.*: expected values whose .* fits in float64, found ones like "):
            found.features.scaling(name, named)


@pytest.mark.parametrize("layout", [np.array, sp.csr_matrix], ids=["dense", "sparse"])
def test_columns_whose_squares_are_none_are_no_constants(layout):
    generator = np.random.default_rng(0)
    units = [1.0, 1e-135, 1e-170, 1e-300, 0.0, 1.0]
    rows, counts = (1.0 + generator.random((1000, 6))) * units, generator.integers(1, 4, 1000).astype(float)
    rows[:300, 1] *= 1e6  # tiny only in the others
    rows[:, 5] = 0.1 + 1e-9 * generator.random(1000)
    whole = Moments.of(layout(rows[:300]), counts[:300])
    for start in (300, 650):
        whole.add(Moments.of(layout(rows[start : start + 350]), counts[start : start + 350]))
    found, expected = whole.scaling("standard"), fit_scaling("standard", layout(rows), counts)
    np.testing.assert_allclose(found.factor, expected.factor, rtol=1e-9)
    np.testing.assert_allclose(found.shift, expected.shift, rtol=1e-9)
    assert expected.factor[2] > 1e170 and expected.factor[3] > 1e300 and expected.factor[4] == 1.0


def test_equal_rows_that_no_tree_splits_are_worked_on_in_runs(tmp_path):
    row = np.repeat(np.arange(4), 1000) % 2  # two different rows in each class
    columns = {"x": row * 1.0, "y": row * 2.0, "label": np.arange(4000) % 2}
    pq.write_table(pa.table(columns), tmp_path / "twins.parquet")
    columns["x"][:3000] = 0.5
    pq.write_table(pa.table(columns), tmp_path / "mixed.parquet")
    coreset = stream(tmp_path / "twins.parquet", tmp_path, replace(PLAN, fraction=None, size=4), exclude=())
    assert coreset.epsilon[-1] == 0.0 and coreset.weight.sum() == 4000
    coreset = stream(tmp_path / "mixed.parquet", tmp_path, replace(PLAN, fraction=None, size=8), exclude=())
    assert coreset.epsilon[-1] == 0.0 and coreset.weight.sum() == 4000
    with pytest.raises(DataError, match="different rows"):
        stream(tmp_path / "mixed.parquet", tmp_path, replace(PLAN, fraction=0.5), exclude=())


def test_a_leaf_of_long_sparse_rows_is_several():
    runs = {
        "a": {"leaves": [0, 1], "sizes": [30, 20], "numbers": [60, 280]},
        "b": {"leaves": [1], "sizes": [10], "numbers": [260]},
    }
    found = leaves_of(runs, np.array([0, 1]), 30)
    assert [(leaf.node, leaf.start, leaf.stop) for leaf in found] == [(0, 0, 30), (1, 0, 15), (1, 15, 30)]


def test_a_leaf_that_is_too_large_is_several():
    runs = {"a": {"leaves": [0, 2], "sizes": [90, 10]}, "b": {"leaves": [0, 1, 2], "sizes": [10, 20, 10]}}
    found = leaves_of(runs, np.array([0, 0, 1]), 30)
    assert [(leaf.node, leaf.group, leaf.start, leaf.stop) for leaf in found] == [
        (0, 0, 0, 25), (0, 0, 25, 50), (0, 0, 50, 75), (0, 0, 75, 100), (1, 0, 0, 20), (2, 1, 0, 20),
    ]  # fmt: skip
    assert max(leaf.rows for leaf in found) <= TOO_LARGE * 30


@pytest.mark.parametrize("share, changes", [(0.5, {}), (0.2, {"metric": "manhattan"}), (0.05, {"purpose": "any"})])
def test_an_epsilon_is_reached_with_the_smallest_prefix(folder, tmp_path, share, changes):
    """The picks that memory has where a class is one leaf, and few more where there are many."""
    one = in_memory(folder, replace(PLAN, size=2, fraction=None))
    plan = replace(PLAN, fraction=None, epsilon=share * float(one.epsilon[-1]), **changes)
    expected, streamed = in_memory(folder, plan), stream(folder, tmp_path, plan, 10_000)
    assert np.array_equal(streamed.index, expected.index) and np.array_equal(streamed.weight, expected.weight)
    many = stream(folder, tmp_path, plan)
    assert many.epsilon[-1] <= plan.epsilon
    assert len(many) <= 1.1 * len(expected) + 4
    assert same(stream(folder, tmp_path, replace(plan, threads=3, memory_limit=streaming.BASE + 1_000_000)), many)


def test_an_epsilon_that_cannot_be_and_one_that_takes_all(folder, tmp_path, monkeypatch):
    everything = stream(folder, tmp_path, replace(PLAN, fraction=None, epsilon=0.0))
    assert len(everything) == 3000 and everything.epsilon[-1] == 0.0
    plan = replace(PLAN, fraction=None, epsilon=3000.0)
    expected = stream(folder, tmp_path, plan)
    for moment in (30, 45, 60):
        with monkeypatch.context() as patch:
            stop_at(patch, moment)
            with pytest.raises(Stopped):
                stream(folder, tmp_path, plan, resume=True)
        assert same(stream(folder, tmp_path, plan, resume=True), expected)
    with pytest.raises(UsageError, match="found --epsilon with members"):
        stream(folder, tmp_path, replace(plan, exemplar="member"))


# --- faults -------------------------------------------------------------------------------------------------


class Stopped(BaseException):
    pass


def stop_at(monkeypatch, moment: int) -> None:
    """The run ends when it is about to put its file number ``moment`` in place."""
    real, count = os.replace, [0]

    def replaced(*args, **options):
        count[0] += 1
        if count[0] == moment:
            raise Stopped
        real(*args, **options)

    monkeypatch.setattr(os, "replace", replaced)


def test_a_stopped_run_goes_on_to_the_same_bytes(folder, tmp_path, monkeypatch):
    plan = replace(PLAN, memory_limit=streaming.BASE + 200_000)
    expected = stream(folder, tmp_path, plan)
    written = [0]
    with monkeypatch.context() as patch:
        real = os.replace
        patch.setattr(os, "replace", lambda *args: (written.__setitem__(0, written[0] + 1), real(*args))[1])
        stream(folder, tmp_path, plan)
    assert written[0] > 20
    for moment in np.random.default_rng(0).choice(written[0], 20, replace=False) + 1:
        with monkeypatch.context() as patch:
            stop_at(patch, int(moment))
            with pytest.raises(Stopped):
                stream(folder, tmp_path, plan, resume=True)
        assert (tmp_path / "scratch").exists()
        assert same(stream(folder, tmp_path, replace(plan, threads=2, memory_limit=2**33), resume=True), expected)


def test_a_run_that_is_not_to_be_resumed_leaves_nothing(folder, tmp_path, monkeypatch):
    stop_at(monkeypatch, 5)
    with pytest.raises(Stopped):
        stream(folder, tmp_path)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("resume", [False, True])
def test_a_signal_while_the_folder_is_removed_leaves_nothing(tmp_path, monkeypatch, resume):
    remove, calls = shutil.rmtree, []

    def interrupted(*args, **options):
        calls.append(args)
        if len(calls) == 1:
            raise KeyboardInterrupt
        remove(*args, **options)

    monkeypatch.setattr(shutil, "rmtree", interrupted)
    with pytest.raises(KeyboardInterrupt), Folder(tmp_path / "scratch", resume) as folder:
        folder.put("a", b"a")
    assert os.listdir(tmp_path) == []


def test_a_folder_of_another_run_is_not_resumed(folder, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        stop_at(patch, 5)
        with pytest.raises(Stopped):
            stream(folder, tmp_path, resume=True)
    with pytest.raises(UsageError, match="other options"):
        stream(folder, tmp_path, replace(PLAN, seed=1), resume=True)
    with Folder(tmp_path / "scratch", resume=True), pytest.raises(DataError, match="in use"):
        stream(folder, tmp_path, resume=True)
    assert same(stream(folder, tmp_path, replace(PLAN, seed=1)), stream(folder, tmp_path, replace(PLAN, seed=1)))


def test_an_input_that_changes_is_refused_by_name(folder, tmp_path, monkeypatch):
    data = tmp_path / "data"
    data.mkdir()
    for path in folder.iterdir():
        (data / path.name).write_bytes(path.read_bytes())

    def touched(*args, **options):
        os.utime(data / "part-1.parquet", ns=(1, 1))
        return route(*args, **options)

    route = spans.route
    with monkeypatch.context() as patch:
        patch.setattr(spans, "route", touched)
        with pytest.raises(DataError, match=r"part-1.parquet: changed"):
            stream(data, tmp_path, resume=True)
    os.utime(data / "part-2.parquet", ns=(1, 1))
    with pytest.raises(DataError, match=r"part-[12].parquet: has changed"):
        stream(data, tmp_path, resume=True)
    stream(data, tmp_path)


def test_a_full_disk_is_one_line(folder, tmp_path, monkeypatch):
    real, count = os.fsync, [0]

    def full(descriptor):
        count[0] += 1
        if count[0] > 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match=r"scratch/.*: cannot write: No space left on device"):
        stream(folder, tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_folder_that_may_not_be_written_to_is_one_line(craig, folder, monkeypatch):
    options = ("--fraction", "0.1", "--for", "distance", "--exclude", "weight,number", "--stream", "-q", "-o", "out")

    def denied(path, *args, **options):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", denied)
        result = craig("select", folder, *options, "--scratch", ".")
        assert (result.status, result.error) == (1, "Error: .out.scratch: cannot write: Permission denied")
    (craig.folder / "out").write_text("old")
    access = os.access
    with monkeypatch.context() as patch:  # the file may be, its folder not
        patch.setattr(os, "access", lambda path, mode: path != craig.folder and access(path, mode))
        result = craig("select", folder, *options)
        assert (result.status, result.error) == (1, "Error: out: cannot write: Permission denied")
    assert os.listdir(craig.folder) == ["out"] and (craig.folder / "out").read_text() == "old"


@pytest.mark.parametrize("resume", [(), ("--resume",)])
def test_files_of_the_scratch_folder_may_not_grow(craig, folder, resume):
    options = ("--fraction", "0.1", "--for", "distance", "--exclude", "weight,number", "--stream", "-q", "-o", "out")
    process = craig.start_limited(10_000, "select", folder, *options, "--scratch", ".", *resume)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert stderr.decode() == "Error: .out.scratch/run-000000000000000: cannot write: File too large\n"
    assert os.listdir(craig.folder) == ([".out.scratch"] if resume else [])
    if resume:
        assert not any(name.endswith(".tmp") for name in os.listdir(craig.folder / ".out.scratch"))
        craig.ok("select", folder, *options, "--scratch", ".", *resume)
        assert os.listdir(craig.folder) == ["out"]


def test_an_interrupted_run_says_that_the_same_command_goes_on(craig, folder, monkeypatch):
    options = ("select", folder, "--fraction", "0.1", "--for", "distance", "--exclude", "weight,number", "-o", "out")

    def interrupted(*args, **reading):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run, "route_rows", interrupted)
        result = craig(*options, "--stream", "--resume")
        last = "Interrupted; the same command goes on from what is in .out.scratch"
        assert (result.status, result.stderr.splitlines()[-1]) == (130, last)
        result = craig(*options, "--stream", "--scratch", ".")
        assert (result.status, result.stderr.splitlines()[-1]) == (130, "Interrupted")
    assert os.listdir(craig.folder) == []  # a run that is not to be resumed has taken the folder over
    with monkeypatch.context() as patch:
        patch.setattr(streaming, "open_text", interrupted)
        assert craig(*options, "--stream", "--resume").stderr.splitlines()[-1] == "Interrupted"


def test_what_a_coreset_took_is_kept_until_it_is_written(craig, folder, monkeypatch):
    from craig_cli.artifacts import coreset

    def full(*args):
        raise DataError("out: cannot write: No space left on device")

    options = ("--fraction", "0.1", "--for", "distance", "--exclude", "weight,number", "-q")
    options = ("select", folder, *options, "--stream", "--resume", "-o", "out")
    with monkeypatch.context() as patched:
        patched.setattr(coreset, "write_coreset", full)
        assert "No space left" in craig(*options).error
    assert any(name.startswith("weigh") for name in os.listdir(craig.folder / ".out.scratch"))
    craig.ok(*options)
    assert os.listdir(craig.folder) == ["out"]


# --- the command --------------------------------------------------------------------------------------------


def test_the_command(craig, folder):
    options = ("--fraction", "0.1", "--for", "distance", "--stream", "--exclude", "weight,number", "-q")
    craig.ok("select", folder, *options, "-o", "a")
    craig.ok("select", folder, *options, "-o", "b", "--memory-limit", "500M", "--threads", "1", "--scratch", ".")
    assert sorted(os.listdir(craig.folder)) == ["a", "b"]
    assert (craig.folder / "a").read_bytes() == (craig.folder / "b").read_bytes()
    craig.ok("train", folder, "--coreset", "a", "-o", "model", "-q")


@pytest.mark.parametrize("how", [(), ("--stream",)])
def test_a_folder_may_have_files_without_rows(craig, folder, how):
    data = craig.folder / "data"
    data.mkdir()
    for part, rows in enumerate((0, 900, 0)):
        pq.write_table(table(0, 900)[:rows], data / f"{part}.parquet")
    options = ("--exclude", "weight,number", "-q")
    craig.ok("select", data, "--fraction", "0.1", "--for", "distance", *how, *options, "-o", "a")
    craig.ok("train", data, "--coreset", "a", *options, "-o", "model")
    craig.ok("eval", "model", data)


def test_it_streams_of_itself_where_there_are_many_rows_or_too_little_memory(craig, folder, monkeypatch):
    reading = {**READING, "exclude": ("weight", "number")}
    auto = replace(PLAN, algorithm="auto")
    assert asked_for.reason_to_stream([str(folder)], auto, reading) is None
    assert "memory" in asked_for.reason_to_stream([str(folder)], replace(PLAN, memory_limit=400_000), reading)
    with pytest.raises(UsageError):
        asked_for.reason_to_stream([str(folder)], replace(PLAN, algorithm="lazy"), reading)
    options = ("--fraction", "0.1", "--for", "distance", "--exclude", "weight,number")
    assert "leaf by leaf" not in craig.ok("select", folder, *options, "-o", "b").stderr
    craig.ok("select", folder, *options, "--stream", "-o", "a", "-q")
    monkeypatch.setattr(asked_for, "LARGE", 2999)
    assert asked_for.reason_to_stream([str(folder)], PLAN, reading) is None  # another algorithm was asked for
    assert "3,000 rows, leaf by leaf" in craig.ok("select", folder, *options, "-o", "b").stderr
    assert (craig.folder / "a").read_bytes() == (craig.folder / "b").read_bytes()


@pytest.mark.parametrize(
    "options, says",
    [
        (("--stream", "--algorithm", "random"), "found --algorithm random"),
        (("--stream", "--for", "linear", "--exemplar", "medoid"), "found strata and --exemplar medoid"),
        (("--stream", "--for", "distance", "--algorithm", "lazy"), "found --algorithm lazy"),
        (("--stream", "--for", "distance", "--weights", "calibrated"), "found --weights calibrated"),
        (("--stream", "--for", "distance", "--memory-limit", "100M"), "takes at least"),
        (("--stream", "--for", "distance", "--gradients"), "--gradients"),
        (("--stream", "--for", "distance", "--scratch", "nowhere"), "nowhere: expected a folder"),
        (("--resume", "--for", "distance"), "--resume: goes with --stream"),
        (
            ("--for", "distance", "--cluster", ""),
            "--cluster: expected local, local:N, an address or a file, found nothing",
        ),
    ],
)
def test_what_it_cannot_do_is_refused(craig, folder, options, says):
    result = craig("select", folder, "--fraction", "0.1", "--exclude", "weight,number", "-q", "-o", "out", *options)
    assert says in result.error and result.status in (1, 2)
    assert os.listdir(craig.folder) == []


@pytest.mark.parametrize(
    "name, says",
    [
        ("a.csv", "a.csv: --stream reads Parquet and LIBSVM files so far, found csv data"),
        ("a.csv.gz", "found csv data"),
        ("a.arrow", "a.arrow: --stream reads Parquet and LIBSVM files so far, found arrow data"),
        ("a.parquet.gz", "a.parquet.gz: --stream reads Parquet and LIBSVM files so far, found gzip around Parquet"),
        ("a.libsvm absent", "absent: cannot read: No such file"),
        ("a.libsvm a.parquet", "a.parquet: expected libsvm data, as in a.libsvm, found parquet"),
        ("a.libsvm pipe", "pipe: --stream reads files, more than once; found what can be read once only"),
        ("-", "-: --stream reads files, more than once; found what can be read once only"),
        ("pipe", "pipe: --stream reads files, more than once; found what can be read once only"),
        ("a.parquet --header", "--stream: does not go with --header so far"),
        ("a.libsvm --weight-file pipe", "pipe: --stream reads weights from a file, more than once"),
        ("a.libsvm --delimiter ;", "--delimiter: LIBSVM data has no named columns"),
        ("a.libsvm --weights equal", "--stream: selects by partition or strata so far, found --weights equal"),
    ],
)
def test_what_cannot_be_read_in_pieces_is_refused_before_anything_compiles(craig, monkeypatch, name, says):
    """Kernels that are to be compiled are noted when that begins."""
    monkeypatch.setattr(compiling, "not_there", list)
    table = pa.table({"x": [1.0, 2.0], "label": [0, 1]})
    pq.write_table(table, craig.folder / "a.parquet")
    pyarrow.feather.write_feather(table, craig.folder / "a.arrow")
    (craig.folder / "a.csv").write_text("x,label\n1,0\n2,1\n")
    (craig.folder / "a.libsvm").write_text("0 1:1\n1 1:2\n")
    for packed in ("a.csv", "a.parquet"):
        (craig.folder / f"{packed}.gz").write_bytes(gzip.compress((craig.folder / packed).read_bytes()))
    os.mkfifo(craig.folder / "pipe")
    there = sorted(os.listdir(craig.folder))
    result = craig("select", *name.split(), "--size", "2", "--stream", "-o", "out")
    assert says in result.stderr.splitlines()[-1] and result.status in (1, 2)
    assert ("compiling" in result.stderr) == (name in ("a.libsvm absent", "a.libsvm a.parquet"))  # seen when it is read
    assert sorted(os.listdir(craig.folder)) == there


def test_rows_unlike_those_before_are_named_with_their_file(craig):
    data = craig.folder / "data"
    data.mkdir()
    options = ("select", data, "--size", "4", "--for", "distance", "--stream", "-q", "-o", "out")
    for part, width in enumerate((2, 3)):
        lists = pa.array([[float(row)] * width for row in range(40)])
        pq.write_table(pa.table({"x": lists, "label": np.arange(40) % 2}), data / f"{part}.parquet")
    asked = 'data/1.parquet: column "x", row 40 (from 0): expected 2 numbers, as in the rows before, found 3'
    assert asked in craig(*options).error
    for part, labels in enumerate((np.arange(40) % 2, 2**60 + np.arange(40) % 2)):
        pq.write_table(pa.table({"x": np.arange(40.0), "label": labels}), data / f"{part}.parquet")
    asked = "data/1.parquet: row 40 (from 0): expected numbers as labels, as in the rows before, found others"
    assert asked in craig(*options).error
    assert os.listdir(craig.folder) == ["data"]


def test_too_few_different_rows_are_read_into_memory_unless_told_to_stream(craig, monkeypatch):
    columns = {"x": np.arange(300) % 20, "y": np.arange(300) % 4, "label": np.arange(300) % 2}
    pq.write_table(pa.table(columns), craig.folder / "twins.parquet")
    monkeypatch.setattr(asked_for, "LARGE", 200)
    options = ("select", "twins.parquet", "--size", "60", "--for", "distance", "-q", "-o", "out")
    craig.ok(*options)
    assert "selects different rows, of which a class has 10" in craig(*options, "--stream").error


@pytest.mark.parametrize("kind", ["text", "boolean", "folders", "lists", "targets"])
def test_columns_of_any_layout(tmp_path, kind):
    """Labels that are no numbers, columns in the paths, lists of numbers, and labels that are found to be numbers."""
    generator = np.random.default_rng(0)
    for part in range(2):
        path = tmp_path / "data" / (f"year=202{part}" if kind == "folders" else "")
        path.mkdir(parents=True, exist_ok=True)
        x = generator.standard_normal((400, 3))
        labels = {
            "text": generator.choice(["cat", "dog", "emu"][part:], 400),
            "boolean": x[:, 0] > 0.3,
            "targets": x @ np.ones(3),
        }
        rest = {"b": x[:, 1], "c": x[:, 2]}
        if kind == "lists":
            rest = {"b": pa.FixedSizeListArray.from_arrays(pa.array(x[:, 1:].ravel()), 2)}
        label = labels.get(kind, np.arange(400) % 3)
        pq.write_table(pa.table({"a": x[:, 0], **rest, "label": label}), path / f"{part}.parquet")
    data = tmp_path / "data"
    streamed, expected = (
        stream(data, tmp_path, leaf_rows=10_000, exclude=()),
        select_dataset(read_dataset([data]), PLAN),
    )
    assert np.array_equal(streamed.index, expected.index) and np.array_equal(streamed.weight, expected.weight)
    for key in ("n", "features", "classes", "loss", "inputs"):
        found = streamed.metadata[key]
        assert found == pytest.approx(expected.metadata[key]) if key == "features" else found == expected.metadata[key]
    assert streamed.encoding.labels == expected.encoding.labels
    assert [column.name for column in streamed.encoding.columns] == [each.name for each in expected.encoding.columns]
    assert stream(data, tmp_path, leaf_rows=100, exclude=()).weight.sum() == 800


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_killed_in_the_middle(craig, tmp_path_factory, number):
    """Ctrl-C leaves nothing; after kill -9 a run that resumes makes the same bytes."""
    data = tmp_path_factory.mktemp("large") / "large.parquet"
    rows = np.random.default_rng(0).standard_normal((40_000, 12)).astype(np.float32)
    columns = {f"x{k}": rows[:, k] for k in range(12)}
    pq.write_table(pa.table({**columns, "label": np.arange(40_000) % 2}), data, row_group_size=10_000)
    options = (
        "select",
        data,
        "--fraction",
        "0.1",
        "--for",
        "distance",
        "--stream",
        "-q",
        "--threads",
        "1",
        "--scratch",
        ".",
    )
    process = craig.start(*options, "-o", "out")
    scratch = craig.folder / ".out.scratch"
    until = time.monotonic() + 60
    while not (scratch.exists() and any(name.startswith("greedy") for name in os.listdir(scratch))):
        assert time.monotonic() < until and process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    process.communicate(timeout=60)
    if number == signal.SIGINT:
        assert process.returncode == 130 and os.listdir(craig.folder) == []
        return
    assert scratch.exists() and not (craig.folder / "out").exists()
    craig.ok(*options, "--resume", "-o", "out")
    craig.ok(*options, "-o", "again")
    assert (craig.folder / "out").read_bytes() == (craig.folder / "again").read_bytes()
    assert not scratch.exists()
