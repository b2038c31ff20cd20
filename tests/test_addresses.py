"""Data at an address is what a file here has, asked anew each time. What needs fsspec skips without it."""

from __future__ import annotations

import gzip
import importlib.util
import io
import sys

import numpy as np
import pyarrow
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from craig_cli import read_dataset
from craig_cli.errors import DataError, UsageError
from craig_cli.formats import addresses, parquet
from craig_cli.formats.pieces import open_pieces
from craig_cli.formats.state import State
from tests.conftest import SAMPLE

needs_fsspec = pytest.mark.skipif(importlib.util.find_spec("fsspec") is None, reason="fsspec is not installed")


@pytest.fixture
def memory():
    """The file system of memory://, empty."""
    import fsspec

    files = fsspec.filesystem("memory")
    yield files
    files.store.clear()
    files.pseudo_dirs[:] = [""]


def test_what_is_an_address():
    for text in ("s3://bucket/name", "memory://", "zip://a.parquet::s3://bucket/b.zip", "abfs+x://a"):
        assert addresses.is_address(text)
    for text in ("a.parquet", "/a/b", "-", "://a", "c://a", "a/s3://b", "s3:/a", "tcp"):
        assert not addresses.is_address(text)


def test_passwords_and_signatures_are_never_shown():
    assert addresses.shown("sftp://me:secret@host/a b") == "sftp://host/a b"
    assert addresses.shown("https://host/a.parquet?X-Amz-Signature=secret&b=c") == "https://host/a.parquet"
    said = "403, message='Forbidden', url='https://u:secret@host/a?Signature=secret' at sftp://x:secret@y"
    assert addresses.without_secrets(said) == "403, message='Forbidden', url='https://host/a' at sftp://y"
    assert addresses.shown("what?is@this") == "what?is@this"


def test_without_fsspec_an_address_is_refused_in_one_line(craig, monkeypatch):
    addresses._located.cache_clear()
    monkeypatch.setitem(sys.modules, "fsspec", None)
    result = craig("select", "s3://bucket/a.parquet", "--size", "9")
    assert result.status == 2
    assert result.error == (
        "Error: s3://bucket/a.parquet: needs fsspec, which is not installed; install craig with its extra: "
        "pip install 'craig[remote]'"
    )
    result = craig("select", SAMPLE / "binary.parquet", "--size", "9", "--stream", "--scratch", "s3://bucket/a")
    assert result.status == 2 and "pip install 'craig[remote]'" in result.error


def test_no_output_goes_to_an_address(craig):
    result = craig("select", SAMPLE / "binary.libsvm", "--size", "9", "-o", "s3://bucket/out")
    assert result.status == 2
    assert result.error == (
        "Error: -o s3://bucket/out: expected a file here; what is written can be copied to an address"
    )


@needs_fsspec
def test_a_protocol_that_nothing_knows_and_one_whose_package_is_missing(craig, monkeypatch):
    result = craig("select", "foo://bucket/a.parquet", "--size", "9")
    assert (result.status, result.error) == (2, "Error: foo://bucket/a.parquet: Protocol not known: foo")
    missing = {"class": "nowhere.Files", "err": "Please install nowhere"}
    monkeypatch.setitem(sys.modules["fsspec.registry"].known_implementations, "nowhere", missing)
    result = craig("select", "nowhere://bucket/a.parquet", "--size", "9")
    assert (result.status, result.error) == (2, "Error: nowhere://bucket/a.parquet: Please install nowhere")


# --- reading ------------------------------------------------------------------------------------------------


@needs_fsspec
@pytest.mark.parametrize("ending", [True, False])
def test_any_part_of_a_file_is_what_is_there(memory, monkeypatch, ending):
    content = np.random.default_rng(0).bytes(300_000)
    monkeypatch.setattr(addresses, "ENDING", 20_000)
    monkeypatch.setattr(addresses, "WINDOW", 5_000)
    monkeypatch.setattr(addresses, "LONGEST_ENDING", 60_000)
    for size in (0, 1, 19_999, 300_000):
        memory.pipe_file("/file", content[:size])
        twin = io.BytesIO(content[:size])
        found = addresses.open_file("memory://file") if ending else addresses.open_stream("memory://file")
        generator = np.random.default_rng(1)
        for _ in range(300):
            if generator.random() < 0.6:
                place = int(generator.integers(0, size + 1))
                assert found.seek(place) == twin.seek(place)
            length = int(generator.choice([0, 1, 10, 3_000, 30_000, 250_000]))
            assert bytes(found.read(length)) == twin.read(length)
            assert found.tell() == twin.tell()
        found.seek(0)
        assert found.read() == content[:size]


@needs_fsspec
def test_little_is_fetched_and_what_is_read_through_in_large_parts(memory, monkeypatch):
    memory.pipe_file("/file", bytes(50_000_000))
    fetched = []
    real = type(memory).cat_file

    def counted(self, path, start=None, end=None, **options):
        fetched.append(end - start)
        return real(self, path, start, end, **options)

    monkeypatch.setattr(type(memory), "cat_file", counted)
    with addresses.open_file("memory://file") as file:
        file.seek(49_999_990)
        file.read(10)
        file.seek(1000)
        file.read(10)
        file.read(1000)
    with addresses.open_file("memory://file") as file:  # whose ending is known
        file.seek(49_999_990)
        file.read(10)
    assert fetched == [addresses.ENDING, addresses.WINDOW]
    fetched.clear()
    with addresses.open_stream("memory://file") as stream:
        while stream.read(100_000):
            pass
    assert sum(fetched) == 50_000_000 and len(fetched) < 20 and max(fetched) == addresses.PART


@needs_fsspec
@pytest.mark.parametrize("name", ["binary.libsvm", "binary.libsvm.gz", "binary.parquet", "a.arrow", "a.csv", "folder"])
def test_a_data_set_is_the_same(memory, tmp_path, name):
    table = pq.read_table(SAMPLE / "binary.parquet")
    local = tmp_path / name
    if name == "folder":
        for year in (1, 2):
            (local / f"year={year}").mkdir(parents=True)
            pq.write_table(table.slice(1000 * year, 700), local / f"year={year}" / "a.parquet")
    elif name == "binary.libsvm.gz":
        local.write_bytes(gzip.compress((SAMPLE / "binary.libsvm").read_bytes()))
    elif name == "a.arrow":
        pyarrow.feather.write_feather(table, local)
    elif name == "a.csv":
        pyarrow.csv.write_csv(table, local)
    else:
        local.write_bytes((SAMPLE / name).read_bytes())
    for path in [local] if local.is_file() else local.rglob("*.parquet"):
        memory.pipe_file(f"/data/{path.relative_to(tmp_path)}", path.read_bytes())
    memory.pipe_file("/data/folder/_metadata", b"")
    expected, found = read_dataset([str(local)]), read_dataset([f"memory://data/{name}"])
    assert expected.n_features == found.n_features > 3
    assert (expected.features != found.features).sum() == 0
    assert np.array_equal(expected.labels, found.labels)
    assert [each.fingerprint for each in found.sources] == [each.fingerprint for each in expected.sources]
    assert [each.name for each in found.sources] == [each.name for each in expected.sources]
    assert [each.size for each in found.sources] == [each.size for each in expected.sources]


@needs_fsspec
def test_commands_say_and_write_the_same(craig, memory):
    for name in ("binary.parquet", "binary.libsvm"):
        memory.pipe_file(f"/data/{name}", (SAMPLE / name).read_bytes())
        said = []
        for data in (SAMPLE / name, f"memory://data/{name}"):
            craig.ok("select", data, "--fraction", "0.1", "-q", "-o", "c")
            craig.ok("train", data, "--coreset", "c", "--epochs", "3", "-q", "-o", "m")
            craig.ok("export", data, "--coreset", "c", "--to", "vw", "-q", "-o", "v")
            result = craig.ok("eval", "m", data, "--json", "-q")
            said.append([result.text, *((craig.folder / file).read_bytes() for file in "cmv")])
        assert said[0] == said[1]
    memory.pipe_file("/made/c", (craig.folder / "c").read_bytes())
    memory.pipe_file("/made/m", (craig.folder / "m").read_bytes())
    craig.ok("train", data, "--coreset", "memory://made/c", "--epochs", "3", "-q", "-o", "m2")
    assert (craig.folder / "m2").read_bytes() == said[1][2]
    result = craig.ok("eval", "memory://made/m", data, "--json", "-q")
    assert result.text.replace("memory://made/", "") == said[1][0]


@needs_fsspec
def test_what_is_not_there(craig, memory):
    memory.pipe_file("/data/a.txt", b"1 1:1")
    for path, says in {
        "memory://data/b": "memory://data/b: no such file",
        "memory://data": "memory://data: expected Parquet files (*.parquet) in this directory, found none",
        "memory://data/a.txt": "memory://data/a.txt: expected Parquet data, found something else",
    }.items():
        result = craig("select", path, "--size", "9", *(("--format", "parquet") if path.endswith("txt") else ()))
        assert result.status == 1 and (result.error == f"Error: {says}" or path.endswith("txt"))
        assert result.error.startswith(f"Error: {path}: ")
    result = craig("eval", "memory://data/m", "memory://data/a.txt")
    assert (result.status, result.error) == (1, "Error: memory://data/m: no such file")


@needs_fsspec
def test_a_network_that_fails_is_one_line(craig, memory, monkeypatch):
    memory.pipe_file("/data/a.parquet", (SAMPLE / "binary.parquet").read_bytes())

    class Lost(Exception):
        pass

    def fails(*args, **options):
        raise Lost("no route to https://u:secret@host/?token=secret\nand more")

    monkeypatch.setattr(type(memory), "cat_file", fails)
    result = craig("select", "memory://data/a.parquet", "--size", "9")
    assert result.status == 1
    assert result.error == "Error: memory://data/a.parquet: cannot read: no route to https://host/"
    monkeypatch.setattr(type(memory), "info", lambda *args, **options: (_ for _ in ()).throw(PermissionError("no")))
    result = craig("select", "memory://data/a.parquet", "--size", "9")
    assert result.error == "Error: memory://data/a.parquet: cannot read: permission denied: no"


@needs_fsspec
def test_a_small_row_group_is_fetched_in_few_requests_and_a_large_one_in_parts(memory, monkeypatch):
    rows = np.random.default_rng(0).standard_normal((60_000, 20)).astype(np.float32)
    table = pyarrow.table({**{f"x{k}": rows[:, k] for k in range(20)}, "label": np.arange(60_000) % 2})
    sink = io.BytesIO()
    pq.write_table(table, sink, row_group_size=20_000)
    memory.pipe_file("/data/a.parquet", sink.getvalue())
    pieces = open_pieces(["memory://data/a.parquet"], label="label")
    fetched = []
    real = addresses._Ranges._fetch
    monkeypatch.setattr(addresses._Ranges, "_fetch", lambda self, a, b: (fetched.append(b - a), real(self, a, b))[1])
    wanted = [piece.features for piece in pieces()]
    assert len(fetched) < 10 and max(fetched) > 1_000_000
    fetched.clear()
    monkeypatch.setattr(parquet, "FAR", 1000)
    found = [piece.features for piece in pieces()]
    assert len(fetched) > 10 and max(fetched) < 600_000
    assert all(np.array_equal(a, b) for a, b in zip(wanted, found))


@needs_fsspec
def test_an_answer_of_another_length_is_no_data(memory, monkeypatch):
    """As of a server that gives the whole file whatever part it is asked for."""
    memory.pipe_file("/file", bytes(1_000_000))
    monkeypatch.setattr(type(memory), "cat_file", lambda self, path, **options: bytes(1_000_000))
    with pytest.raises(DataError, match=r"memory://file: cannot read: expected 65536 bytes from 0 on, found 1000000"):
        addresses.open_stream("memory://file").read(10)


# --- changes ------------------------------------------------------------------------------------------------


@needs_fsspec
def test_what_shows_that_a_file_is_another(memory):
    memory.pipe_file("/file", b"abc")
    first = State.of("memory://file")
    assert State.of("memory://file") == first and first.size == 3
    memory.pipe_file("/file", b"xyz")
    assert State.of("memory://file") != first
    known = {"size": 3, "ETag": '"1"', "mtime": 5}
    assert addresses.version_of("memory://file", known) == addresses.version_of("memory://file", known | {"mtime": 6})
    assert addresses.version_of("memory://file", {"size": 3, "mtime": 5}) == "mtime 5"
    nothing = addresses.version_of("memory://file", {"size": 3})
    memory.pipe_file("/file", b"123")
    assert addresses.version_of("memory://file", {"size": 3}) not in (nothing, "")


@needs_fsspec
def test_a_file_that_changes_between_two_passes_is_refused_by_name(memory):
    content = (SAMPLE / "binary.parquet").read_bytes()
    memory.pipe_file("/data/a.parquet", content)
    memory.pipe_file("/data/b.parquet", content)
    pieces = open_pieces(["memory://data"], label="label")
    assert sum(len(piece.labels) for piece in pieces()) == pieces.n_rows == 6000
    memory.pipe_file("/data/b.parquet", content)
    with pytest.raises(DataError, match=r"memory://data/b.parquet: changed while it was read"):
        list(pieces())


@needs_fsspec
def test_a_listing_is_not_remembered(memory, monkeypatch):
    """s3fs answers from what it listed before, also for files that have come or gone since."""
    asked = []
    monkeypatch.setattr(type(memory), "invalidate_cache", lambda self, path=None: asked.append(path))
    memory.pipe_file("/data/a.parquet", b"a")
    for ask in (addresses.isfile, addresses.isdir, addresses.exists, addresses.getsize, State.of):
        asked.clear()
        ask("memory://data/a.parquet")
        assert asked
    asked.clear()
    assert addresses.inside("memory://data") == [("a.parquet", False)] and asked


@needs_fsspec
def test_weights_and_text_in_pieces(memory, tmp_path):
    from craig_cli.formats.text_pieces import open_text

    memory.pipe_file("/data/a.libsvm", (SAMPLE / "binary.libsvm").read_bytes())
    memory.pipe_file("/data/w", b"2\n" * 3000)
    pieces = open_text(["memory://data/a.libsvm"], weight_file="memory://data/w")
    assert sum(float(piece.weight.sum()) for piece in pieces()) == 6000.0
    with pytest.raises(UsageError, match="--stream reads weights from a file"):
        open_text(["memory://data/a.libsvm"], weight_file="memory://data")
