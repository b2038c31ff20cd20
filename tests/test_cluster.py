"""Selecting with Dask workers: the same coreset, whatever happens to them. What needs Dask skips without it."""

from __future__ import annotations

import contextlib
import gzip
import importlib.util
import io
import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from craig_cli import compiling, read_dataset
from craig_cli.errors import DataError, UsageError
from craig_cli.formats import libsvm, libsvm_pieces, weight_file
from craig_cli.formats.text_pieces import open_text
from craig_cli.registry import METRICS, load
from craig_cli.selection.plan import Plan
from craig_cli.selection.select import select_dataset
from craig_cli.streaming import cluster, picking
from craig_cli.streaming import select as streaming
from craig_cli.streaming.scheduler import address_of, local_workers
from craig_cli.streaming.spans import spans_of
from tests import faulty

needs_dask = pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="distributed is not installed")

PLAN = Plan(purpose="distance", algorithm="partition", block_size=64, fraction=0.1, threads=1)
OPTIONS = ("--fraction", "0.1", "--for", "distance", "-q")
ROOT = Path(__file__).parents[1]


def write(path: Path, n_rows: int, width: int, group: int) -> Path:
    rows = np.random.default_rng(0).standard_normal((n_rows, width)).astype(np.float32)
    columns = {f"x{k}": rows[:, k] for k in range(width)}
    pq.write_table(pa.table({**columns, "label": np.arange(n_rows) % 2}), path, row_group_size=group)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write(tmp_path_factory.mktemp("data") / "data.parquet", 4000, 5, 700)


def stream(data, folder: Path, plan: Plan = PLAN, **options):
    """The bytes of the coreset, which leave no scratch folder."""
    path = folder / "scratch"
    coreset, _ = streaming.select_streamed([str(data)], plan, {"label": "label"}, path, leaf_rows=400, **options)
    coreset.write(folder / "coreset")
    assert not path.exists()
    return (folder / "coreset").read_bytes()


# --- without Dask -------------------------------------------------------------------------------------------


class Inline:
    """A client that does the work itself, on what has been through pickle."""

    status = "running"

    def __init__(self, workers) -> None:
        self.workers, self.keys, self.sizes, self.error, self.most = workers, [], [], None, 1000
        self.statuses: tuple[str, ...] = ()

    def scheduler_info(self, n_workers):
        assert n_workers == -1
        return {"workers": {str(k): worker for k, worker in enumerate(self.workers)}}

    def submit(self, function, *arguments, key, pure):
        assert not pure
        task = pickle.dumps((function, arguments))
        self.keys.append(key)
        if len(self.keys) > self.most:
            return Finished(None, "cancelled")
        self.sizes.append(len(task))
        function, arguments = OfPython(io.BytesIO(task)).load()
        if self.error is None:
            function(*arguments)
        return Finished(self.error, *self.statuses)


class OfPython(pickle.Unpickler):
    """Of nothing but Python's own: all that a scheduler knows, and a worker without craig."""

    def find_class(self, module, name):
        assert module == "builtins"
        return super().find_class(module, name)


class Finished:
    def __init__(self, error, *statuses: str) -> None:
        """With ``statuses`` before the last."""
        self.error = error
        self.statuses = [*statuses, *([] if "cancelled" in statuses else ["finished" if error is None else "error"])]

    @property
    def status(self) -> str:
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]

    def done(self):
        return True

    def exception(self):
        return self.error

    def release(self):
        pass


@pytest.fixture
def inline(monkeypatch):
    client = Inline([{"memory_limit": 2**32, "nthreads": 3}, {"memory_limit": 0, "nthreads": 1}])

    @contextlib.contextmanager
    def connected(name, memory, resume, note, prepare):
        yield cluster.Cluster(client, name, memory, resume, note)

    monkeypatch.setattr(streaming, "connected", connected)
    return client


@pytest.mark.parametrize("purpose", ["any", "linear", "distance"])
@pytest.mark.parametrize("budget", [{"fraction": 0.1}, {"sizes": (0.02, 0.1)}], ids=["one size", "two sizes"])
def test_any_recipe_and_several_sizes_are_selected_by_workers_too(data, tmp_path, inline, purpose, budget):
    plan = Plan(purpose=purpose, block_size=64, threads=1, **budget)
    assert stream(data, tmp_path, plan, cluster="tcp://a:1") == stream(data, tmp_path, plan)


def test_what_goes_out_is_small_and_gives_the_same_bytes(data, tmp_path, inline):
    assert stream(data, tmp_path, cluster="tcp://a:1") == stream(data, tmp_path)
    assert len(inline.keys) == len(set(inline.keys)) == 6 + 6 + 3 * 10
    assert max(inline.sizes) < 500


def test_what_is_lost_after_it_was_done_is_waited_for(data, tmp_path, inline):
    """Its worker died, with a task that it had got by then, before anybody asked what had become of it."""
    inline.statuses = ("lost", "pending")
    assert stream(data, tmp_path, cluster="tcp://a:1") == stream(data, tmp_path)


def test_columns_of_any_kind_are_encoded_alike(tmp_path, inline):
    """Text, and a number that only the last span lacks, which is found out on the way."""
    generator = np.random.default_rng(0)
    numbers = [*generator.standard_normal(1999), None]
    columns = {"x": numbers, "y": generator.standard_normal(2000), "label": np.arange(2000) % 2}
    words = [f"word {k}" for k in generator.zipf(1.5, 2000) % 60]
    for more in ({}, {"z": words, "day": np.datetime64("2020-01-01", "us") + generator.integers(0, 10**12, 2000)}):
        pq.write_table(pa.table(columns | more), tmp_path / "mixed.parquet", row_group_size=300)
        encoded = stream(tmp_path / "mixed.parquet", tmp_path, cluster="tcp://a:1")
        assert encoded == stream(tmp_path / "mixed.parquet", tmp_path)
    assert sum("columns" in key for key in inline.keys) == 2 * 7


def test_spans_are_all_rows_and_end_where_row_groups_do():
    class Groups:
        n_rows = 100

        def groups(self):
            return [0, 10, 20, 20, 60, 70]  # one is empty

    for rows in (1, 10, 25, 30.5, 1000):
        for gaps in ([(0, 100)], [(15, 60), (70, 100)], []):
            spans = spans_of(Groups(), gaps, rows)
            covered = [row for span in spans for row in range(span.start, span.stop)]
            assert covered == [row for start, stop in gaps for row in range(start, stop)]
            for span in spans:
                assert span.stop in (10, 20, 60, 70, 100) and span.start < span.stop
                inside = [each for each in (10, 20, 60, 70) if span.start < each < span.stop]
                assert span.rows <= rows or not inside
            assert len({span.file("run") for span in spans}) == len(spans)


def test_rows_that_no_run_has_are_routed_when_it_goes_on(data, tmp_path, inline):
    expected = stream(data, tmp_path)
    for again in ({}, {"cluster": "tcp://a:1"}):
        inline.keys.clear()
        inline.most = 6 + 6 + 3  # of the passes over the data, and leaves
        with pytest.raises(DataError, match="went away"):
            stream(data, tmp_path, cluster="tcp://a:1", resume=True)
        runs = sorted(path for path in (tmp_path / "scratch").iterdir() if path.name.startswith("run-"))
        for run in (runs[0], runs[3], runs[5]):
            run.unlink()
        inline.most = 1000
        assert stream(data, tmp_path, resume=True, **again) == expected


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_goes_to_other_processes_by_its_name(name):
    metric = load(METRICS, name)
    assert pickle.loads(pickle.dumps(metric)) is metric


def test_too_little_memory_is_refused_before_the_work(data, tmp_path, inline):
    inline.workers[0]["memory_limit"] = 2**28
    with pytest.raises(UsageError, match=r"a worker of 3 threads takes at least \d+ MiB, found 256 MiB; give workers"):
        stream(data, tmp_path, cluster="tcp://a:1")
    assert not any("greedy" in key for key in inline.keys) and os.listdir(tmp_path) == []


def test_a_worker_with_too_little_memory_after_all(data, tmp_path, inline):
    inline.error = MemoryError()
    with pytest.raises(DataError, match=r"rows 0 to 699 \(700 rows, survey\): out of memory; give workers.*; with --r"):
        stream(data, tmp_path, cluster="tcp://a:1")


def test_a_folder_that_workers_do_not_share(data, tmp_path, inline, monkeypatch):
    monkeypatch.setattr(cluster, "SEEN", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(cluster, "_TASK", "None")  # somewhere else
        with pytest.raises(DataError, match="--scratch has to be a folder that all workers share"):
            stream(data, tmp_path, cluster="tcp://a:1")
    with pytest.raises(DataError, match=r"does not see .*nowhere; --scratch has to be"):
        cluster.work_on(str(tmp_path / "nowhere"), "order", (0, 0, 0, 0, 0), cluster.__version__)
    with pytest.raises(DataError, match="a worker has craig"):
        cluster.work_on(str(tmp_path / "nowhere"), "order", (0, 0, 0, 0, 0), "0")


def test_where_the_scheduler_is(tmp_path):
    (tmp_path / "json").write_text(json.dumps({"type": "Scheduler", "address": "tcp://10.0.0.1:8786"}))
    (tmp_path / "text").write_text("tls://host:8786\n")
    (tmp_path / "other").write_text("host and port")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe://")
    assert address_of("tcp://a:1") == "tcp://a:1"
    assert address_of(str(tmp_path / "json")) == "tcp://10.0.0.1:8786"
    assert address_of(str(tmp_path / "text")) == "tls://host:8786"
    for name in ("other", "bytes"):
        with pytest.raises(DataError, match="expected local, local:N, tcp"):
            address_of(str(tmp_path / name))
    assert local_workers("local:3") == 3 and local_workers("locals") is None
    assert local_workers("local") >= 1


@pytest.mark.parametrize(
    "name, status, says",
    [
        ("local:0", 2, "--cluster: expected local:N with N workers, at least 1, found 'local:0'"),
        ("local:two", 2, "found 'local:two'"),
        ("nowhere", 1, "--cluster nowhere: cannot read: No such file"),
        ("local:2", 2, "pip install 'craig[dask]'"),
    ],
)
def test_one_line(craig, data, monkeypatch, name, status, says):
    monkeypatch.setitem(sys.modules, "distributed", None)
    result = craig("select", data, *OPTIONS, "--cluster", name, "-o", "out")
    assert says in result.error and result.status == status
    assert os.listdir(craig.folder) == []


@needs_dask
@pytest.mark.parametrize("places", [("memory://data",), ("{data}", "--scratch", "memory://place")])
def test_what_workers_cannot_see_is_refused_before_there_are_any(craig, data, monkeypatch, places):
    monkeypatch.setattr(compiling, "not_there", list)
    monkeypatch.setattr(streaming, "connected", None)
    files = pytest.importorskip("fsspec", reason="fsspec is not installed").filesystem("memory")
    files.pipe_file("/data", data.read_bytes())
    result = craig(
        "select", *(place.format(data=data) for place in places), *OPTIONS[:-1], "--cluster", "local:1", "-o", "out"
    )
    files.store.clear()
    expected = "expected what the workers of --cluster can see, found the memory of this process"
    assert (result.status, result.error.partition(": ")[2].partition(": ")[2]) == (2, expected)
    assert os.listdir(craig.folder) == []


@needs_dask
def test_workers_that_do_not_start_are_one_line(craig, data, monkeypatch):
    import distributed

    def fail(**options):
        raise RuntimeError("Nanny failed to start.")

    monkeypatch.setattr(distributed, "LocalCluster", fail)
    monkeypatch.setattr(streaming, "rehearse", lambda *what: None)
    result = craig("select", data, *OPTIONS, "--cluster", "local:1", "-o", "out")
    said = "--cluster local:1: its worker processes did not start: RuntimeError: Nanny failed to start"
    assert (result.status, result.error) == (1, f"Error: {said}")
    assert os.listdir(craig.folder) == []


_NO_MORE_KERNELS = """
import importlib, pkgutil, sys
from pathlib import Path
import craig_cli
from craig_cli.streaming.rehearsal import rehearse
from craig_cli.streaming import leaves, run, select, work
from craig_cli.selection.plan import Plan

def kernels():
    modules = [module for name, module in list(sys.modules.items()) if name.startswith("craig_cli.")]
    values = [value for module in modules for value in vars(module).values()]
    return {value.py_func: value.signatures for value in values if hasattr(value, "nopython_signatures")}

def watched(function):
    def call(*arguments):
        before = kernels()
        value = function(*arguments)
        for kernel, types in kernels().items():
            assert types == before.get(kernel, []), kernel.__name__
        calls.append(function)
        return value
    return call

calls = []
rehearse(select.select_streamed, "distance", sys.argv[4] == "sparse")
work.Crew.__call__ = watched(work.Crew.__call__)
run.survey_rows, run.route_rows = watched(run.survey_rows), watched(run.route_rows)
plan = Plan(purpose="distance", algorithm="partition", block_size=64, fraction=0.1, threads=1, metric=sys.argv[3],
            loss=None if sys.argv[3] == "cosine" else "logistic", radius=None if sys.argv[3] == "cosine" else 2.0)
reading = {"label": "label"} if sys.argv[4] == "dense" else {}
select.select_streamed([sys.argv[1]], plan, reading, Path(sys.argv[2]), leaf_rows=400)
assert len(calls) == 2 + 2 * 3
"""


@pytest.mark.parametrize("metric, rows", [("euclidean", "dense"), ("cosine", "dense"), ("euclidean", "sparse")])
def test_all_kernels_that_workers_call_have_been_rehearsed(data, tmp_path, compiled_kernels, metric, rows):
    if rows == "sparse":
        data = write_text(tmp_path / "text", 0, 2000, width=300, share=0.03)
    command = [sys.executable, "-c", _NO_MORE_KERNELS, str(data), str(tmp_path / "scratch"), metric, rows]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


# --- LIBSVM text --------------------------------------------------------------------------------------------


def write_text(path: Path, seed: int, n_rows: int, width: int, share: float, lowest: int = 1, weights=False) -> str:
    """Rows of which ``share`` of the numbers are not zero; a line of comments and one that is long among them."""
    generator = np.random.default_rng(seed)
    lines = ["\ufeff# rows" + " and columns" * 300]
    for row in generator.standard_normal((n_rows, width)).round(3):
        row[generator.random(width) >= share] = 0.0
        label = f"{row[0] > 0:d}" + f":{1 + len(lines) % 3}" * weights
        lines.append(" ".join([label, *(f"{k + lowest}:{row[k]}" for k in np.flatnonzero(row))]))
    lines[n_rows // 2] += " #" + "!" * 10_000
    text = ("\n".join([*lines, *["# the end"] * 200]) + "\n").encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return str(path)


def text_inputs(folder: Path, kind: str) -> tuple[list[str], dict]:
    """(paths, reading) of 1,500 rows in three files."""
    dense = {"width": 6, "share": 0.9}
    kinds = {
        "dense": dense,
        "sparse": {"width": 300, "share": 0.03},
        "from 0": dense | {"lowest": 0},
        "weights": dense | {"weights": True},
    }
    suffix = ".gz" if kind == "compressed" else ""
    how = kinds.get(kind, dense)
    paths = [write_text(folder / f"part{seed}{suffix}", seed, 500, **how) for seed in range(3)]
    if kind != "file of weights":
        return paths, {}
    (folder / "w").write_text("".join(f"{1 + row % 4}\n" for row in range(1500)))
    return paths, {"weight_file": str(folder / "w")}


TEXTS = ["dense", "sparse", "from 0", "weights", "file of weights", "compressed"]


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(libsvm, "BLOCK", 1024)
    monkeypatch.setattr(libsvm_pieces, "PIECE", 400)
    monkeypatch.setattr(weight_file, "BLOCK", 64)


def stream_text(paths, folder: Path, plan: Plan = PLAN, reading: dict | None = None, **options):
    """The bytes of the coreset, and the coreset."""
    coreset, _ = streaming.select_streamed(paths, plan, reading or {}, folder / "scratch", **options)
    coreset.write(folder / "coreset")
    assert not (folder / "scratch").exists()
    return (folder / "coreset").read_bytes(), coreset


@pytest.mark.parametrize(
    "kind, purpose", [("dense", "any"), ("sparse", "any"), ("file of weights", "distance"), ("compressed", "distance")]
)
def test_text_is_the_same_with_workers_and_in_memory(tmp_path, inline, small_blocks, monkeypatch, kind, purpose):
    paths, reading = text_inputs(tmp_path, kind)
    monkeypatch.chdir(tmp_path)
    names, plan = [Path(path).name for path in paths], replace(PLAN, purpose=purpose)
    alone, _ = stream_text(names, tmp_path, plan, reading, leaf_rows=200)
    assert stream_text(names, tmp_path, plan, reading, leaf_rows=200, cluster="tcp://a:1")[0] == alone
    assert len([key for key in inline.keys if "survey" in key]) >= (3 if kind == "compressed" else 12)
    _, coreset = stream_text(paths, tmp_path, PLAN, reading, leaf_rows=10_000, cluster="tcp://a:1")
    expected = select_dataset(read_dataset(paths, **reading), PLAN)
    for key in ("index", "weight", "rank"):
        np.testing.assert_array_equal(getattr(coreset, key), getattr(expected, key))
    np.testing.assert_allclose(coreset.epsilon, expected.epsilon, rtol=1e-9)
    assert coreset.metadata["inputs"] == expected.metadata["inputs"]


@pytest.mark.parametrize("kind", TEXTS)
def test_text_is_the_same_from_any_mark_on(tmp_path, small_blocks, kind):
    paths, reading = text_inputs(tmp_path, kind)
    pieces = open_text(paths, **reading)
    whole = list(pieces())
    groups = pieces.groups()
    assert sum(len(piece.labels) for piece in whole) == 1500 and len(whole) >= 18
    assert groups == ([0, 500, 1000] if kind == "compressed" else [piece.first for piece in whole])
    for place in (1, 7, len(whole) // 2, len(whole) - 2):
        rest = list(pieces.from_anywhere()(whole[place].first, stop=whole[-1].first))
        assert [piece.first for piece in rest] == [piece.first for piece in whole[place:-1]]
        for ours, theirs in zip(rest, whole[place:]):
            assert ours.place == theirs.place
            for key in ("features", "labels", "weight"):
                one, other = getattr(ours, key), getattr(theirs, key)
                assert (one is other is None) or (one != other).sum() == 0


@needs_dask
def test_text_with_two_workers_in_another_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths, reading = text_inputs(tmp_path, "file of weights")
    alone, _ = stream_text(paths, tmp_path, reading=reading, leaf_rows=200)
    names, reading = [Path(path).name for path in paths], {"weight_file": "w"}
    assert stream_text(names, tmp_path, reading=reading, leaf_rows=200, cluster="local:2")[0] == alone


# --- local workers ------------------------------------------------------------------------------------------


@needs_dask
def test_with_one_worker_and_with_two(craig, data, tmp_path):
    """Beside another cluster, at the port that Dask takes where nothing else is said."""
    before, expected = dict(os.environ), stream(data, tmp_path)
    with socket.socket() as other:
        with contextlib.suppress(OSError):  # that is somebody else's by now
            other.bind(("127.0.0.1", 8787))
            other.listen()
        for count in (1, 2):
            assert stream(data, tmp_path, cluster=f"local:{count}") == expected
    assert dict(os.environ) == before


@needs_dask
def test_the_command(craig, data):
    craig.ok("select", data, *OPTIONS, "--stream", "-o", "a")
    result = craig.ok("select", data, *OPTIONS, "--cluster", "local:2", "-o", "b")
    assert result.stderr == "" and sorted(os.listdir(craig.folder)) == ["a", "b"]
    assert (craig.folder / "a").read_bytes() == (craig.folder / "b").read_bytes()


@needs_dask
def test_nobody_else_can_reach_the_workers(data, tmp_path):
    import psutil

    heard: set[str] = set()
    seen = []

    def look(done, total):
        me = psutil.Process()
        everyone = [me, *me.children(recursive=True)]
        seen.append(len(everyone))
        for process in everyone:
            heard.update(each.laddr.ip for each in process.net_connections() if each.status == "LISTEN")

    stream(data, tmp_path, cluster="local:2", progress=look)
    assert max(seen) >= 3
    assert heard == {"127.0.0.1"}


@pytest.fixture
def faults(tmp_path_factory, monkeypatch):
    """A folder of what is to go wrong."""
    folder = tmp_path_factory.mktemp("faults")
    monkeypatch.setenv("FAULTY", str(folder))
    monkeypatch.setenv("FAULTY_NOT", str(os.getpid()))
    monkeypatch.setattr(picking, "greedy", faulty.greedy)
    return folder


@needs_dask
def test_a_worker_killed_in_a_leaf_is_replaced(data, tmp_path, faults):
    expected = stream(data, tmp_path)
    for leaf in (1, 4):
        (faults / f"die-{leaf}-once").touch()
    assert stream(data, tmp_path, cluster="local:2") == expected
    assert os.listdir(faults) == []


@needs_dask
def test_a_leaf_that_kills_four_workers_is_named(craig, data, faults):
    (faults / "die-1").touch()
    result = craig("select", data, *OPTIONS, "--cluster", "local:2", "--memory-limit", "6G", "-o", "out")
    assert result.status == 1
    assert "leaf 1 (2,000 rows, greedy): 4 workers with a memory limit of 2048 MiB died of it" in result.error
    assert "give a higher --memory-limit, or fewer workers" in result.error
    assert os.listdir(craig.folder) == []


@needs_dask
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_killed_in_the_middle(craig, tmp_path_factory, number):
    """Ctrl-C, which all processes get, leaves nothing and says one word; after kill -9 no worker lives on."""
    import psutil

    data = write(tmp_path_factory.mktemp("large") / "large.parquet", 40_000, 12, 10_000)
    options = ("select", data, *OPTIONS, "--cluster", "local:2", "--scratch", ".", "--threads", "1", "-o", "out")
    process = craig.start(*options, start_new_session=True)
    scratch = craig.folder / ".out.scratch"
    until = time.monotonic() + 60
    while not (scratch.exists() and any(name.startswith("greedy") for name in os.listdir(scratch))):
        assert time.monotonic() < until and process.poll() is None
        time.sleep(0.02)
    workers = psutil.Process(process.pid).children(recursive=True)
    assert len(workers) >= 2
    if number == signal.SIGINT:
        os.killpg(process.pid, number)
    else:
        process.kill()
    _, stderr = process.communicate(timeout=60)
    assert psutil.wait_procs(workers, timeout=30)[1] == []
    if number == signal.SIGINT:
        assert (process.returncode, stderr) == (130, b"Interrupted\n")
        assert os.listdir(craig.folder) == []
    else:
        craig.ok(*options, "--resume")
        alone = craig.folder / "alone"
        craig.ok("select", data, *OPTIONS, "--stream", "-o", alone)
        assert alone.read_bytes() == (craig.folder / "out").read_bytes()


# --- a scheduler that is there ------------------------------------------------------------------------------


@contextlib.contextmanager
def scheduler(folder: Path, workers: int = 1):
    """(process of a scheduler, the file with its address); with it ends its worker."""
    import distributed.cli

    where = Path(distributed.cli.__file__).parent
    file = folder / "scheduler.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": {**os.environ, "PYTHONPATH": str(ROOT)}}
    common = [f"--scheduler-file={file}", "--no-dashboard"]
    with contextlib.ExitStack() as stack:
        command = [sys.executable, where / "dask_scheduler.py", "--host=127.0.0.1", "--port=0", *common]
        first = stack.enter_context(subprocess.Popen(command, **quiet))
        stack.callback(first.kill)
        until = time.monotonic() + 60
        while not file.exists():
            assert time.monotonic() < until and first.poll() is None
            time.sleep(0.05)
        command = [sys.executable, where / "dask_worker.py", "--nthreads=2", "--no-nanny", *common]
        for _ in range(workers):
            stack.callback(stack.enter_context(subprocess.Popen(command, **quiet)).kill)
        yield first, file


@needs_dask
def test_a_scheduler_that_is_there_and_then_is_not(data, tmp_path, tmp_path_factory, monkeypatch):
    expected = stream(data, tmp_path)
    with scheduler(tmp_path_factory.mktemp("dask")) as (process, file):
        address = json.loads(file.read_text())["address"]
        assert stream(data, tmp_path, cluster=address) == expected

        def end_it(done, total):
            if any(name.startswith("greedy") for name in os.listdir(tmp_path / "scratch")):
                process.kill()

        with pytest.raises(DataError, match=r"the Dask scheduler went away.*; run it again to go on"):
            stream(data, tmp_path, cluster=str(file), resume=True, progress=end_it)
        done = [name for name in os.listdir(tmp_path / "scratch") if name.startswith("greedy")]
        assert 0 < len(done) < 10
        monkeypatch.setattr(cluster, "ANSWER", 1.0)
        with pytest.raises(DataError, match="no Dask scheduler answers at tcp://127"):
            stream(data, tmp_path, cluster=str(file), resume=True)
    assert stream(data, tmp_path, resume=True) == expected
