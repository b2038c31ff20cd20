"""A scratch folder at an address: the same bytes, nothing left, one run at a time. Skips where there is no fsspec."""

from __future__ import annotations

import json
import pickle
import threading
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from craig_cli.errors import DataError, UsageError
from craig_cli.selection.plan import Plan
from craig_cli.streaming import lease, objects, run
from craig_cli.streaming import select as streaming
from craig_cli.streaming.objects import Objects
from craig_cli.streaming.places import is_begun, kept_at
from craig_cli.streaming.remote import Remote
from tests.test_cluster import inline  # noqa: F401 (a fixture)

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")

PLAN = Plan(purpose="distance", algorithm="partition", block_size=64, fraction=0.1, threads=1)
OPTIONS = ("--fraction", "0.1", "--for", "distance", "--stream", "-q", "-o", "out")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "data.parquet"
    rows = np.random.default_rng(0).standard_normal((4000, 5)).astype(np.float32)
    columns = {f"x{k}": rows[:, k] for k in range(5)}
    pq.write_table(pa.table({**columns, "label": np.arange(4000) % 2}), path, row_group_size=700)
    return path


@pytest.fixture(params=["memory", "file"])
def place(request, tmp_path):
    """The address of a folder that is there, of a file system that cannot rename and of one that can."""
    if request.param == "file":
        yield f"file://{tmp_path}"
        return
    files = fsspec.filesystem("memory")
    files.mkdir("/place")
    yield "memory://place"
    files.store.clear()
    files.pseudo_dirs[:] = [""]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(lease, "BEAT", 0.02)
    monkeypatch.setattr(lease, "PATIENCE", 0.3)
    monkeypatch.setattr(lease, "SETTLED", 0.0)


def there(place) -> list[str]:
    files, path = fsspec.core.url_to_fs(place)
    return sorted(name for name in files.find(path, withdirs=True) if name.rstrip("/") != path)


def stream(data, scratch, plan=PLAN, **options):
    coreset, _ = streaming.select_streamed([str(data)], plan, {"label": "label"}, scratch, leaf_rows=400, **options)
    return coreset.index.tolist(), coreset.weight.tolist(), coreset.epsilon.tolist(), coreset.metadata


@pytest.mark.parametrize("purpose", ["distance", "any", "linear"])
def test_the_coreset_is_the_same_and_nothing_stays(data, tmp_path_factory, place, purpose):
    plan = Plan(purpose=purpose, block_size=64, fraction=0.1, threads=2)
    expected = stream(data, tmp_path_factory.mktemp("here") / "scratch", plan)
    assert stream(data, f"{place}/scratch", plan) == expected
    assert there(place) == []


def test_the_command(craig, data, place):
    craig.ok("select", data, *OPTIONS)
    expected = (craig.folder / "out").read_bytes()
    (craig.folder / "out").unlink()
    for scratch in (place, place + "/"):
        assert craig.ok("select", data, *OPTIONS, "--scratch", scratch).stderr == ""
        assert (craig.folder / "out").read_bytes() == expected
        (craig.folder / "out").unlink()
        assert there(place) == []


def test_workers_find_the_scratch_folder_and_the_data(data, place, inline):  # noqa: F811
    files, path = fsspec.core.url_to_fs(f"{place}/data.parquet")
    files.pipe_file(path, data.read_bytes())
    address = f"{place}/data.parquet"
    expected = stream(address, f"{place}/scratch")
    assert stream(address, f"{place}/scratch", cluster="tcp://a:1") == expected
    assert max(inline.sizes) < 1000 and len(there(place)) == 1
    assert stream(data, f"{place}/scratch")[:3] == expected[:3]


# --- faults -------------------------------------------------------------------------------------------------


class Stopped(BaseException):
    pass


def stop_at(monkeypatch, moment: int, error: BaseException) -> None:
    """``error`` as file number ``moment`` is to be put, but for the lock."""
    real, count = Objects.put, [0]

    def put(self, name, content, new=False):
        count[0] += name != lease.LOCK
        if name != lease.LOCK and count[0] == moment:
            raise error
        return real(self, name, content, new)

    monkeypatch.setattr(Objects, "put", put)


def test_a_stopped_run_goes_on_to_the_same_bytes(data, place, monkeypatch):
    expected = stream(data, f"{place}/scratch")
    for moment in (2, 5, 9, 17, 25, 30):
        with monkeypatch.context() as patch:
            stop_at(patch, moment, Stopped())
            with pytest.raises(Stopped):
                stream(data, f"{place}/scratch", resume=True)
        names = [name.rpartition("/")[2] for name in there(f"{place}/scratch")]
        assert is_begun(f"{place}/scratch") and "lock" not in names and len(names) >= min(moment - 1, 10)
        assert not any(name.endswith(".tmp") for name in names)
        assert stream(data, f"{place}/scratch", resume=True) == expected
        assert there(place) == []


def test_finished_leaves_are_not_done_again(data, place, monkeypatch):
    with monkeypatch.context() as patch:
        stop_at(patch, 10, Stopped())
        with pytest.raises(Stopped):
            stream(data, f"{place}/scratch", resume=True)
    done = [name.rpartition("/")[2] for name in there(f"{place}/scratch") if "greedy" in name]
    written = []
    real = Objects.put
    monkeypatch.setattr(
        Objects, "put", lambda self, name, *rest, **more: (written.append(name), real(self, name, *rest, **more))[1]
    )
    stream(data, f"{place}/scratch", resume=True)
    assert done and not set(done) & set(written) and "frame" not in written


@pytest.mark.parametrize("error", [Stopped(), DataError("no route to host"), KeyboardInterrupt()])
def test_a_run_that_is_not_to_be_resumed_leaves_nothing(data, place, monkeypatch, error):
    stop_at(monkeypatch, 7, error)
    with pytest.raises(type(error)):
        stream(data, f"{place}/scratch")
    assert there(place) == []


def test_a_folder_of_another_run_is_not_resumed(data, place, monkeypatch):
    scratch = f"{place}/scratch"
    with monkeypatch.context() as patch:
        stop_at(patch, 5, Stopped())
        with pytest.raises(Stopped):
            stream(data, scratch, resume=True)
    other = Plan(purpose="distance", algorithm="partition", block_size=64, fraction=0.1, threads=1, seed=1)
    with pytest.raises(UsageError, match=f"--resume: {scratch} is of a run with other options"):
        stream(data, scratch, other, resume=True)
    assert stream(data, scratch, other) == stream(data, scratch, other)


def test_an_input_that_changes_is_refused_by_name(data, place, monkeypatch):
    files, path = fsspec.core.url_to_fs(f"{place}/data.parquet")
    files.pipe_file(path, data.read_bytes())
    with monkeypatch.context() as patch:
        stop_at(patch, 5, Stopped())
        with pytest.raises(Stopped):
            stream(f"{place}/data.parquet", f"{place}/scratch", resume=True)
    files.pipe_file(path, data.read_bytes())
    with pytest.raises(DataError, match=r"/data.parquet: has changed since the run that left .*/scratch"):
        stream(f"{place}/data.parquet", f"{place}/scratch", resume=True)


def test_an_interrupted_command_says_that_it_goes_on(craig, data, place, monkeypatch):
    def interrupted(*args, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run, "route_rows", interrupted)
        result = craig("select", data, *OPTIONS, "--scratch", place, "--resume")
    last = f"Interrupted; the same command goes on from what is in {place}/.out.scratch"
    assert (result.status, result.stderr.splitlines()[-1]) == (130, last)
    craig.ok("select", data, *OPTIONS, "--scratch", place, "--resume")
    assert [name for name in there(place) if "scratch" in name] == []


def test_what_is_written_when_a_run_is_interrupted_does_not_come_after_its_end(place, monkeypatch):
    real, begun = Objects.put, threading.Event()

    def slow(self, name, content, new=False):
        if name == "a":
            begun.set()
            time.sleep(0.3)
        return real(self, name, content, new)

    monkeypatch.setattr(Objects, "put", slow)
    folder = Remote(f"{place}/scratch", resume=False)

    class Interrupted:
        def result(self):
            begun.wait()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), folder:
        submit = folder._writers.submit
        folder._writers.submit = lambda *args: (submit(*args), Interrupted())[1]
        folder.put("a", b"a")
    assert there(place) == []


def test_a_network_that_fails_is_one_line(craig, data, place, monkeypatch):
    files, _ = fsspec.core.url_to_fs(place)
    real = type(files).pipe_file

    def fails(self, path, *args, **options):
        if "greedy" in path:
            raise TimeoutError("no answer from host\nat all")
        return real(self, path, *args, **options)

    monkeypatch.setattr(type(files), "pipe_file", fails)
    result = craig("select", data, *OPTIONS, "--scratch", place)
    assert result.status == 1
    assert result.error.startswith(f"Error: {place}/.out.scratch/greedy-000000")
    assert result.error.endswith(": cannot write: no answer from host")
    assert [name for name in there(place) if "scratch" in name] == []


@pytest.mark.parametrize("error", [TimeoutError("gone"), KeyboardInterrupt()])
def test_a_network_that_stays_away_is_told_once(data, place, monkeypatch, error):
    files, _ = fsspec.core.url_to_fs(place)

    def fails(*args, **options):
        raise TimeoutError("away")

    def lost(*args):
        for name in ("pipe_file", "cat_file", "rm", "ls", "info"):
            monkeypatch.setattr(type(files), name, fails)
        raise DataError("first") if isinstance(error, TimeoutError) else error

    monkeypatch.setattr(run, "route_rows", lost)
    with pytest.raises((DataError, KeyboardInterrupt)) as caught:
        stream(data, f"{place}/scratch")
    assert str(caught.value) in ("first", "")
    monkeypatch.undo()
    Objects(f"{place}/scratch").remove_all()


def test_what_cannot_be_removed_at_the_end_is_said(data, place, monkeypatch):
    files, _ = fsspec.core.url_to_fs(place)

    def fails(*args, **options):
        raise PermissionError("may not")

    with monkeypatch.context() as patch:
        patch.setattr(type(files), "rm", fails)
        with pytest.raises(DataError, match="/scratch: cannot remove: permission denied: may not"):
            stream(data, f"{place}/scratch")
    Objects(f"{place}/scratch").remove_all()


def test_a_password_in_an_address_is_refused(craig, data):
    result = craig("select", data, *OPTIONS, "--scratch", "sftp://me:secret@host/a")
    assert result.status == 2 and "secret" not in result.error and "sftp://host/a" in result.error


# --- one at a time ------------------------------------------------------------------------------------------


def test_of_two_runs_the_second_is_refused(data, place):
    with Remote(f"{place}/scratch", resume=True) as first:
        first.put("a", b"a")
        with pytest.raises(DataError, match=rf"{place}/scratch: in use by another run; give another --scratch"):
            stream(data, f"{place}/scratch")
        time.sleep(0.1)
        first.put("b", b"b")
        assert first.names("") == ["a", "b", "lock"]
    assert there(place) == []


def test_what_a_killed_run_left_is_taken_over(data, place):
    notes = []
    folder = kept_at(f"{place}/scratch", True, notes.append)
    killed = Remote(f"{place}/scratch", resume=True)
    killed.__enter__()
    killed._lease._ended.set()
    killed._lease._thread.join()
    killed.put("a", b"a")
    with folder:
        assert folder.get("a") == b"a"
        assert notes == [f"{place}/scratch: of a run that was killed or is at work; looking for 0 s which"]
        # It was not dead.
        with pytest.raises(DataError, match="of another run by now"):
            killed.put("b", b"b")
        assert not folder.has("b")
        killed.__exit__(None)
        assert folder.get("a") == b"a"
    assert there(place) == []


def test_of_two_that_take_over_at_once_one_has_it(place, monkeypatch):
    monkeypatch.setattr(lease, "SETTLED", 0.2)
    Objects(f"{place}/scratch").make()
    Objects(f"{place}/scratch").put("lock", b'{"run": "dead"}')
    outcomes = []

    def enter():
        try:
            with Remote(f"{place}/scratch", resume=True):
                time.sleep(0.5)
                outcomes.append("had it")
        except DataError as error:
            outcomes.append("in use" if "in use" in str(error) else str(error))

    threads = [threading.Thread(target=enter) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["had it", "in use", "in use"]
    assert there(place) == []


def test_a_lock_that_is_damaged_is_of_nobody(data, place):
    Objects(f"{place}/scratch").make()
    Objects(f"{place}/scratch").put("lock", b"")
    stream(data, f"{place}/scratch")
    assert there(place) == []


def test_where_the_file_system_does_not_know_what_is_new(place, monkeypatch):
    """As servers do that ignore If-None-Match."""
    files, _ = fsspec.core.url_to_fs(place)
    real = type(files).pipe_file
    monkeypatch.setattr(
        type(files), "pipe_file", lambda self, path, content, mode="overwrite", **more: real(self, path, content)
    )
    with (
        Remote(f"{place}/scratch", resume=True),
        pytest.raises(DataError, match="in use"),
        Remote(f"{place}/scratch", resume=True),
    ):
        pass


def test_who_still_works_when_a_run_has_ended_leaves_nothing(place):
    with Remote(f"{place}/scratch", resume=False) as folder:
        worker = pickle.loads(pickle.dumps(folder))
        worker.put("a", b"a")
        assert folder.get("a") == b"a"
    with pytest.raises(DataError, match="of another run by now, or removed"):
        worker.put("b", b"b")
    assert there(place) == []


def test_what_is_put_as_a_run_ends_is_taken_back(place, monkeypatch):
    with Remote(f"{place}/scratch", resume=False) as folder:
        worker = pickle.loads(pickle.dumps(folder))
        folder.put("a", b"a")
    Objects(f"{place}/scratch").make()
    checks = iter([lambda: None, worker._check_held])  # it ends between the two
    monkeypatch.setattr(worker, "_check_held", lambda: next(checks)())
    with pytest.raises(DataError):
        worker.put("b", b"b")
    assert [name for name in there(place) if name.endswith("/b")] == []


def test_what_goes_to_workers_has_neither_lease_nor_credentials(place):
    with Remote(f"{place}/scratch", resume=False) as folder:
        content = pickle.dumps(folder)
        assert len(content) < 400
        again = pickle.loads(content)
        assert again._lease is None and again.where == folder.where
        assert json.loads(folder.get("lock"))["run"] == folder._run


def test_a_signal_while_the_folder_is_removed_leaves_nothing(place, monkeypatch):
    real, calls = Objects.remove_all, []

    def interrupted(self):
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        real(self)

    monkeypatch.setattr(Objects, "remove_all", interrupted)
    with pytest.raises(KeyboardInterrupt), Remote(f"{place}/scratch", resume=True) as folder:
        folder.put("a", b"a")
    assert there(place) == []


def test_a_file_appears_as_a_whole_or_not_at_all(place, monkeypatch):
    """Where there is renaming it is written beside its place; else in one request."""
    files, _ = fsspec.core.url_to_fs(place)
    kept = Objects(f"{place}/scratch")
    kept.make()
    real = type(files).pipe_file

    def half(self, path, content, **options):
        if self.protocol == "memory":
            raise KeyboardInterrupt
        real(self, path, content[: len(content) // 2], **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(files), "pipe_file", half)
        with pytest.raises(KeyboardInterrupt):
            kept.put("a", b"whole")
    assert kept.names() == [] and not kept.has("a") and kept.get("a") is None
    kept.put("a", b"whole")
    assert kept.put("a", b"another", new=True) is False
    assert kept.get("a") == b"whole"
    assert objects._renames(files) == place.startswith("file")


def test_nothing_of_a_folder_that_is_not_there(place):
    kept = Objects(f"{place}/nothing")
    assert kept.names() == [] and kept.get("a") is None and not kept.has("a")
    kept.remove(["a"])
    kept.remove_all()
    assert not is_begun(f"{place}/nothing")
