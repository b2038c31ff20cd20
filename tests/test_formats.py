"""Reading, whatever the input: files, folders, pipes, compressed or not; the same data in either format."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import pickle
import random
import re
import sys
import threading
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import orc

from craig_cli.errors import CraigError, DataError, UsageError
from craig_cli.formats import parquet, read_dataset
from craig_cli.registry import FORMATS, load
from tests.conftest import SAMPLE, piped
from tests.test_libsvm import check_same

TEXT = b"".join(b"%d 1:%d 2:0.5 3:%d\n" % (i % 2, i, i * i) for i in range(1, 3000))
COMPRESS = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda data: pa.compress(data, codec="zstd", asbytes=True),
}


@pytest.fixture
def plain(tmp_path):
    """The Dataset of TEXT, from the file ``plain``."""
    (tmp_path / "plain").write_bytes(TEXT)
    return read_dataset([tmp_path / "plain"])


def same_content(found, expected) -> None:
    """The same but for the name of the source."""
    assert np.array_equal(found.features, expected.features)
    assert np.array_equal(found.labels, expected.labels)
    for a, b in zip(found.sources, expected.sources, strict=True):
        assert (a.size, a.rows, a.fingerprint) == (b.size, b.rows, b.fingerprint)


def test_a_source_says_what_was_read(plain):
    (source,) = plain.sources
    assert source.name == "plain"
    assert source.size == len(TEXT)
    assert source.rows == 2999
    assert source.fingerprint == f"sha256:{hashlib.sha256(TEXT).hexdigest()}"


# --- compressed ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", COMPRESS)
@pytest.mark.parametrize("members", [1, 3])
def test_compressed_data_is_the_same_data(tmp_path, plain, kind, members):
    pieces = np.array_split(np.frombuffer(TEXT, np.uint8), members)
    path = tmp_path / "no.ending"
    path.write_bytes(b"".join(COMPRESS[kind](piece.tobytes()) for piece in pieces))
    same_content(read_dataset([path]), plain)


@pytest.mark.parametrize("kind", COMPRESS)
def test_compressed_data_that_ends_too_early(tmp_path, kind):
    path = tmp_path / "in.data"
    whole = COMPRESS[kind](TEXT)
    for size in (len(whole) - 1, len(whole) // 2, 10, 6):
        for before in (b"", whole):
            path.write_bytes(before + whole[:size])
            with pytest.raises(DataError, match=r"in\.data: cannot decompress: \w+ data ends too early"):
                read_dataset([path])


@pytest.mark.parametrize("kind", COMPRESS)
def test_damage_is_never_taken_for_the_end(tmp_path, kind):
    """bz2 and lzma of the standard library ignore a second stream whose first bytes are damaged."""
    path = tmp_path / "in.data"
    second = bytearray(COMPRESS[kind](TEXT))
    second[1] ^= 4
    path.write_bytes(COMPRESS[kind](TEXT) + second)
    with pytest.raises(DataError, match=r"in\.data: cannot decompress as"):
        read_dataset([path])


def test_compressed_parquet(tmp_path):
    expected = read_dataset([SAMPLE / "binary.parquet"])
    path = tmp_path / "in.gz"
    path.write_bytes(gzip.compress((SAMPLE / "binary.parquet").read_bytes()))
    same_content(read_dataset([path]), expected)


# --- pipes --------------------------------------------------------------------------------------------------


def in_background(path, content: bytes) -> threading.Thread:
    def write():
        with open(path, "wb") as stream:
            stream.write(content)

    thread = threading.Thread(target=write)
    thread.start()
    return thread


@pytest.mark.parametrize("content", ["text", "gz", "parquet"])
def test_a_named_pipe(tmp_path, plain, content):
    expected, data = plain, TEXT
    if content == "gz":
        data = gzip.compress(TEXT)
    elif content == "parquet":
        expected, data = read_dataset([SAMPLE / "binary.parquet"]), (SAMPLE / "binary.parquet").read_bytes()
    os.mkfifo(tmp_path / "pipe")
    thread = in_background(tmp_path / "pipe", data)
    same_content(read_dataset([tmp_path / "pipe"]), expected)
    thread.join()


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
@pytest.mark.parametrize("kind", [None, "gz", "zst"])
def test_standard_input(plain, name, kind):
    with piped(TEXT if kind is None else COMPRESS[kind](TEXT)):
        read = read_dataset([name])
    assert read.sources[0] == replace(plain.sources[0], name="-" if name == "-" else "stdin")
    same_content(read, plain)


def test_standard_input_serves_once():
    with pytest.raises(UsageError, match="standard input"):
        read_dataset(["-", "-"])


# --- several inputs -----------------------------------------------------------------------------------------


def write_parquet(path, features, labels) -> None:
    with open(path, "wb") as stream:
        parquet.write(stream, features, labels)


def test_several_inputs_are_one_ground_set(tmp_path, plain):
    for number, part in enumerate(np.array_split(np.array(TEXT.splitlines(keepends=True)), 3)):
        (tmp_path / f"part{number}").write_bytes(b"".join(part))
    paths = [tmp_path / f"part{number}" for number in range(3)]
    both = read_dataset(paths)
    assert np.array_equal(both.features, plain.features)
    assert np.array_equal(both.labels, plain.labels)
    assert [source.name for source in both.sources] == ["part0", "part1", "part2"]
    assert sum(source.rows for source in both.sources) == 2999
    check_same(read_dataset(paths, threads=1), both)


def test_a_directory_of_parquet_files(tmp_path):
    generator = np.random.default_rng(0)
    features, labels = generator.standard_normal((30, 4)), np.arange(30.0)
    for name, rows in (("b.parquet", slice(10, 30)), ("a.parquet", slice(0, 10))):
        write_parquet(tmp_path / name, features[rows], labels[rows])
    for name in (".hidden.parquet", "_metadata.parquet", "_SUCCESS", "notes.txt"):
        (tmp_path / name).write_text("not data")
    for path in (tmp_path, f"{tmp_path}/"):
        found = read_dataset([path])
        assert [source.name for source in found.sources] == ["a.parquet", "b.parquet"]
        assert np.array_equal(found.features, features)
        assert np.array_equal(found.labels, labels)
    rows = np.array([3, 9, 10, 29])
    part = read_dataset([tmp_path], rows=rows)
    assert np.array_equal(part.features, features[rows])
    assert part.sources == found.sources


def test_more_files_than_may_be_open_at_once(tmp_path):
    import resource

    for number in range(60):
        write_parquet(tmp_path / f"{number:03}.parquet", np.full((1, 2), number), [number])
        (tmp_path / f"{number:03}.libsvm").write_text(f"{number} 1:{number} 2:{number}\n")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 20, limits[1]))
    try:
        folder = read_dataset([tmp_path])
        files = read_dataset(sorted(tmp_path.glob("*.libsvm")))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert folder.labels.tolist() == files.labels.tolist() == list(range(60))


# --- the same data in each format ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMATS)
def test_what_a_format_writes_it_reads(tmp_path, name):
    module = sys.modules[load(FORMATS, name).__module__]
    generator = np.random.default_rng(1)
    features, labels = generator.standard_normal((100, 7)), generator.choice([-1.0, 1.0], 100)
    stream = io.BytesIO()
    module.write(stream, features, labels)
    (tmp_path / "data").write_bytes(stream.getvalue())
    for options in ({}, {"format": name}):
        found = read_dataset([tmp_path / "data"], **options)
        assert np.array_equal(found.features, features)
        assert np.array_equal(found.labels, labels)


def test_the_sample_data_is_the_same_in_both_formats():
    for name in ("binary", "multiclass", "regression"):
        a = read_dataset([SAMPLE / f"{name}.libsvm"])
        b = read_dataset([SAMPLE / f"{name}.parquet"])
        assert a.features.shape == b.features.shape
        assert np.allclose(a.features, b.features, rtol=1e-5)


# --- what cannot be opened ----------------------------------------------------------------------------------


def test_what_cannot_be_opened(tmp_path, plain):
    (tmp_path / "empty").mkdir()
    (tmp_path / "mixed.parquet").write_bytes((SAMPLE / "binary.parquet").read_bytes())
    cases = [
        ([tmp_path / "absent"], r"absent: no such file"),
        ([tmp_path / "plain", tmp_path / "absent"], r"absent: no such file"),
        ([tmp_path / "plain" / "below"], r"below: cannot read: Not a directory"),
        ([tmp_path / "empty"], r"empty: expected Parquet files"),
        ([tmp_path / "a\nb"], r"a\\nb: no such file"),
        ([f"{tmp_path}/a\0b"], r"a\\x00b: not a file name"),
        (
            [tmp_path / "plain", tmp_path / "mixed.parquet"],
            r"mixed.parquet: expected libsvm data, as in .*plain",
        ),
        (
            [tmp_path / "mixed.parquet", tmp_path / "plain"],
            r"plain: expected parquet data, as in .*mixed.parquet",
        ),
    ]
    for paths, message in cases:
        with pytest.raises(DataError, match=message) as refusal:
            read_dataset(paths)
        assert str(refusal.value).isprintable()
    with pytest.raises(DataError, match="plain: cannot read as Parquet"):
        read_dataset([tmp_path / "plain"], format="parquet")
    with pytest.raises(DataError, match=r"mixed.parquet:1:1: expected a label"):
        read_dataset([tmp_path / "mixed.parquet"], format="libsvm")


def foreign_files() -> dict[str, tuple[bytes, str]]:
    """Name -> (content, what a message calls it)."""
    stream, archive, table = io.BytesIO(), io.BytesIO(), pa.BufferOutputStream()
    np.save(stream, np.zeros((4, 3)))
    np.savez(archive, X=np.zeros((4, 3)))
    orc.write_table(pa.table({"label": [0, 1], "x": [1.0, 2.0]}), table)
    return {
        "npy": (stream.getvalue(), "a NumPy array (.npy)"),
        "npz": (archive.getvalue(), "a ZIP archive (.npz, .xlsx)"),
        "orc": (table.getvalue().to_pybytes(), "ORC data"),
        "pickle": (pickle.dumps([0.0, 1.0]), "a Python pickle"),
        "arff": (b"@RELATION r\n@attribute x numeric\n@data\n1\n", "ARFF data"),
        "json": (b'{\n  "format": 1}', "JSON, such as a model (craig eval MODEL... DATA...)"),
        "json rows": (b'[{"x": 1}, {"x": 2}]', "JSON"),
    }


@pytest.mark.parametrize("kind", ["npy", "npz", "orc", "pickle", "arff", "json", "json rows"])
def test_a_file_of_another_kind_is_called_by_its_name(tmp_path, kind):
    content, name = foreign_files()[kind]
    (tmp_path / "rows").write_bytes(content)
    with pytest.raises(DataError, match=re.escape(f"rows: expected LIBSVM, CSV, Parquet or Arrow data, found {name}")):
        read_dataset([tmp_path / "rows"])


def test_a_column_may_be_called_as_another_kind_of_file_begins(tmp_path):
    (tmp_path / "rows.csv").write_text("ORC,label\n1,0\n2,1\n")
    assert len(read_dataset([tmp_path / "rows.csv"]).labels) == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path, plain):
    (tmp_path / "plain").chmod(0)
    with pytest.raises(DataError, match="plain: cannot read: Permission denied"):
        read_dataset([tmp_path / "plain"])


def test_arguments_that_do_not_fit(tmp_path, plain):
    for paths, options in (([], {}), (["x"], {"format": "tsv"}), (["x"], {"n_features": 0})):
        with pytest.raises(UsageError):
            read_dataset(paths, **options)


@pytest.mark.parametrize("kind", COMPRESS)
def test_damaged_compressed_data_leads_to_one_line(tmp_path, kind):
    path = tmp_path / "in.data"
    whole = COMPRESS[kind](TEXT)
    generator = random.Random(0)
    for _ in range(40):
        damaged = bytearray(whole)
        damaged[generator.randrange(len(damaged))] = generator.getrandbits(8)
        path.write_bytes(damaged[: generator.choice([len(damaged), generator.randrange(1, len(damaged))])])
        try:
            read_dataset([path])
        except CraigError as error:
            assert str(error).isprintable()
