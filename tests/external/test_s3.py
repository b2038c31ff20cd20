"""Data and scratch folder at a server that speaks S3. What is not installed is skipped by its name."""

from __future__ import annotations

import importlib.util
import logging
import os
import signal
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from craig_cli.formats import addresses
from craig_cli.formats.state import State
from craig_cli.streaming import lease
from craig_cli.streaming.objects import Objects
from craig_cli.streaming.remote import Remote

pytest.importorskip("s3fs", reason="s3fs is not installed")
moto_server = pytest.importorskip("moto.server", reason="moto[server] is not installed")

OPTIONS = ("--fraction", "0.1", "--for", "distance", "-q", "-o", "out")
needs_dask = pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="distributed is not installed")


@pytest.fixture(scope="module")
def server():
    import fsspec

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    own = moto_server.ThreadedMotoServer(port=0, verbose=False)
    own.start()
    _, port = own.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "verysecret")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        addresses._located.cache_clear()
        files = fsspec.filesystem("s3", skip_instance_cache=True, use_listings_cache=False)
        files.mkdir("bucket")
        yield files
        addresses._located.cache_clear()
    own.stop()


@pytest.fixture(scope="module")
def data(server, tmp_path_factory):
    """A folder of two files here, and the same at s3://bucket/data."""
    folder = tmp_path_factory.mktemp("data")
    rows = np.random.default_rng(0).standard_normal((40_000, 12)).astype(np.float32)
    for part in range(2):
        own = rows[20_000 * part :][:20_000]
        columns = {f"x{k}": own[:, k] for k in range(12)}
        table = pa.table({**columns, "label": np.arange(20_000) % 2})
        pq.write_table(table, folder / f"part-{part}.parquet", row_group_size=10_000)
        server.put(str(folder / f"part-{part}.parquet"), f"bucket/data/part-{part}.parquet")
    return folder


def left(server) -> list[str]:
    return [name for name in server.find("bucket") if not name.startswith("bucket/data/")]


def test_data_and_scratch(craig, server, data):
    craig.ok("select", data, *OPTIONS, "--stream")
    expected = (craig.folder / "out").read_bytes()
    for read, scratch in ((data, "s3://bucket/tmp"), ("s3://bucket/data", "."), ("s3://bucket/data/", "s3://bucket")):
        (craig.folder / "out").unlink()
        result = craig.ok("select", read, *OPTIONS, "--stream", "--scratch", scratch)
        assert result.stderr == "" and (craig.folder / "out").read_bytes() == expected
        assert os.listdir(craig.folder) == ["out"] and left(server) == []
    craig.ok("train", "s3://bucket/data", "--coreset", "out", "--epochs", "2", "-q", "-o", "m")
    craig.ok("train", data, "--coreset", "out", "--epochs", "2", "-q", "-o", "m2")
    assert (craig.folder / "m").read_bytes() == (craig.folder / "m2").read_bytes()


@needs_dask
def test_workers(craig, server, data):
    craig.ok("select", data, *OPTIONS, "--stream")
    expected = (craig.folder / "out").read_bytes()
    (craig.folder / "out").unlink()
    command = ("select", "s3://bucket/data", *OPTIONS, "--cluster", "local:2", "--scratch", "s3://bucket/tmp")
    assert craig.ok(*command).stderr == ""
    assert (craig.folder / "out").read_bytes() == expected and left(server) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_killed_in_the_middle(craig, server, data, monkeypatch, number):
    command = ("select", "s3://bucket/data", *OPTIONS, "--stream", "--scratch", "s3://bucket/tmp", "--threads", "1")
    process = craig.start(*command)
    until = time.monotonic() + 60
    while not any("greedy" in name for name in left(server)):
        assert time.monotonic() < until and process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    if number != signal.SIGKILL:
        assert stderr in (b"Interrupted\n", b"Terminated\n") and left(server) == []
        return
    done = {name: server.info(name)["LastModified"] for name in left(server) if "greedy" in name}
    assert done and any(name.endswith("/lock") for name in left(server))
    monkeypatch.setattr(lease, "PATIENCE", 1.0)
    seen = {}
    real = Objects.remove_all
    monkeypatch.setattr(
        Objects,
        "remove_all",
        lambda self: (seen.update({name: server.info(name)["LastModified"] for name in done}), real(self))[1],
    )
    resumed = craig.ok(*[word for word in command if word != "-q"], "--resume")
    assert "of a run that was killed or is at work; looking for 1 s which" in resumed.stderr
    assert seen == done  # not done again
    craig.ok("select", data, *OPTIONS[:-1], "alone", "--stream")
    assert (craig.folder / "out").read_bytes() == (craig.folder / "alone").read_bytes()
    assert left(server) == []


def test_two_at_once(craig, server, data, monkeypatch):
    command = ("select", "s3://bucket/data", *OPTIONS, "--stream", "--scratch", "s3://bucket/tmp")
    monkeypatch.setattr(lease, "BEAT", 0.3)
    with Remote("s3://bucket/tmp/.out.scratch", resume=False):
        for environment in (None, {}):  # here, and in another process
            result = craig(*command, env=environment)
            assert result.error == "Error: s3://bucket/tmp/.out.scratch: in use by another run; give another --scratch"
    assert left(server) == []


def test_a_file_that_others_wrote_removed_or_changed_is_seen(server):
    """s3fs answers from a listing that it made before, if it is let."""
    kept = Objects("s3://bucket/others")
    kept.put("a", b"1")
    assert kept.names() == ["a"]
    before = State.of("s3://bucket/others/a")
    server.pipe_file("bucket/others/a", b"2")
    server.pipe_file("bucket/others/b", b"22")
    assert kept.names() == ["a", "b"] and kept.has("b") and State.of("s3://bucket/others/a") != before
    assert addresses.getsize("s3://bucket/others/b") == 2
    server.rm_file("bucket/others/b")
    assert not kept.has("b") and kept.get("b") is None and not addresses.exists("s3://bucket/others/b")
    kept.put("a", b"3" * (120 << 20))  # in parts
    assert addresses.getsize("s3://bucket/others/a") == 120 << 20 and "-" in State.of("s3://bucket/others/a").modified
    assert kept.put("a", b"4", new=True) is False
    kept.remove_all()
    assert server.find("bucket/others") == []


def test_no_bucket_no_answer_and_no_credentials_are_one_line(craig, server, data, monkeypatch):
    command = ("select", data, *OPTIONS, "--stream", "--scratch")
    result = craig(*command, "s3://nobody/tmp")
    assert result.status == 1
    assert result.error.startswith("Error: s3://nobody/tmp/.out.scratch")
    assert "The specified bucket does not exist" in result.error and server.ls("") == ["bucket"]
    result = craig("select", "s3://nobody/data", "--size", "9")
    assert result.error == "Error: s3://nobody/data: cannot read: The specified bucket does not exist"
    result = craig("select", "s3://bucket/nothing", "--size", "9")
    assert result.error == "Error: s3://bucket/nothing: no such file"
    environment = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
    result = craig("select", "s3://bucket/data", "--size", "9", env=environment)
    assert result.status == 1
    assert result.error.startswith("Error: s3://bucket/data: cannot read: Could not connect to the endpoint URL")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    environment = {"HOME": str(craig.folder), "AWS_EC2_METADATA_DISABLED": "true"}
    result = craig("select", "s3://bucket/data", "--size", "9", env=environment)
    assert result.error == "Error: s3://bucket/data: cannot read: Unable to locate credentials"
