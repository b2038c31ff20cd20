"""LIBSVM text: agreement with the slow reader and with ``float``, one clear line for what cannot be read."""

from __future__ import annotations

import io
import random
import struct

import numpy as np
import pytest
import scipy.sparse as sp

from craig_cli.errors import CraigError, DataError, UsageError
from craig_cli.formats import libsvm, read_dataset
from tests.conftest import REAL_DATA, needs_real_data
from tests.naive import libsvm as naive


@pytest.fixture
def read(tmp_path):
    """The Dataset of the bytes given, as a file ``in.data``."""

    def read(text: bytes, **options):
        path = tmp_path / "in.data"
        path.write_bytes(text)
        return read_dataset([path], **options)

    return read


def to_dense(dataset) -> np.ndarray:
    return dataset.features.toarray() if dataset.is_sparse else dataset.features


def check_same(a, b) -> None:
    """The same numbers, bit for bit, in the same representation."""
    assert a.is_sparse == b.is_sparse
    assert a.features.shape == b.features.shape
    if a.is_sparse:
        for part in ("data", "indices", "indptr"):
            assert getattr(a.features, part).tobytes() == getattr(b.features, part).tobytes()
    else:
        assert a.features.tobytes() == b.features.tobytes()
    assert a.labels.tobytes() == b.labels.tobytes()
    assert a.sources == b.sources


def random_text(generator: random.Random, rows: int, width: int, strange: bool = True) -> bytes:
    """Good LIBSVM text, in all the ways it may be written where ``strange``."""
    lines = []
    for _ in range(rows):
        indices = generator.sample(range(1, width + 1), generator.randint(0, min(width, 12)))
        if not strange or generator.random() < 0.8:
            indices.sort()
        words = [generator.choice(["1", "-1", "+1", "0.5", "1e0", "-2.0"])]
        if strange and generator.random() < 0.1:
            words = [
                generator.choice(["1:2.5", "-1:3", "0:1", "0:1e-3", "1.5e0:0.30000000000000000000000000000000001"])
            ]
        if strange and generator.random() < 0.1:
            words.append("qid:7")
        words += [f"{index}:{random_number(generator)}" for index in indices]
        space = generator.choice([" ", " ", "  ", "\t", " \t "]) if strange else " "
        line = space.join(words)
        if strange:
            line += generator.choice(["", "", "", " ", " # a 1:2 comment", "#x", "\r"])
            lines += generator.choice([[], [], [], [], [""], ["# 1 2:3"], [" \t\r"]])
        lines.append(line)
    return ("\n".join(lines) + generator.choice(["", "\n"])).encode()


def random_number(generator: random.Random) -> str:
    kind = generator.randrange(9)
    if kind == 0:
        return str(generator.randint(-300, 3000))
    if kind == 1:
        return f"{generator.gauss(0, 1):.6f}"
    if kind == 2:
        return repr(generator.gauss(0, 1))
    if kind == 3:
        return f"{generator.uniform(-1, 1):.{generator.randint(0, 25)}e}"
    if kind == 4:  # any finite float64
        bits = generator.getrandbits(64)
        value = struct.unpack("<d", struct.pack("<Q", bits))[0]
        return repr(value) if abs(value) < float("inf") else "0"
    if kind == 5:  # half way between two float64, or a digit beside it
        whole = generator.randint(2**53, 2**60) | 1
        return f"{whole}{generator.choice(['', '.0', '.5', '.00000000000000000001', 'e0', 'e-5'])}"
    if kind == 6:
        digits = "".join(generator.choice("0123456789") for _ in range(generator.randint(1, 45)))
        place = generator.randint(0, len(digits))
        return f"{generator.choice(['', '+', '-'])}{digits[:place]}.{digits[place:]}"
    if kind == 7:
        return generator.choice(["0", "-0", "0.0", "-0.0", "1.", ".5", "1E5", "1e+05", "0e999", "1e-999", "5e-324"])
    digits = str(generator.getrandbits(generator.randint(1, 200)))
    return f"{digits}e{generator.randint(-340, 305 - len(digits))}"


# --- what is read -------------------------------------------------------------------------------------------


def test_numbers_are_those_of_float(read):
    generator = random.Random(1)
    texts = [random_number(generator) for _ in range(100_000)]
    found = read("".join(f"{text} 1:{text}\n" for text in texts).encode())
    expected = np.array([float(text) for text in texts])
    assert np.array_equal(found.labels.view(np.int64), expected.view(np.int64))
    column = to_dense(found)[:, 0]
    different = np.flatnonzero(column != expected)
    assert [texts[i] for i in different] == []


@pytest.mark.parametrize("seed", range(12))
def test_agrees_with_the_slow_reader(read, seed, monkeypatch):
    monkeypatch.setattr(libsvm, "BLOCK", 700)  # so that there are many blocks
    generator = random.Random(seed)
    text = random_text(generator, 300, generator.choice([3, 30, 3000]))
    labels, rows, weights = naive.read(text)
    found = read(text, threads=1 + seed % 2)
    assert np.array_equal(found.labels, labels)
    assert np.array_equal(found.counts, weights)
    assert np.array_equal(to_dense(found), naive.dense(rows))
    assert found.sources[0].rows == len(rows)


def test_the_same_with_any_number_of_threads(read, monkeypatch):
    monkeypatch.setattr(libsvm, "BLOCK", 1000)
    for width in (10, 5000):
        text = random_text(random.Random(width), 2000, width)
        one = read(text, threads=1)
        for threads in (2, 3, 8, None):
            check_same(read(text, threads=threads), one)


@pytest.mark.parametrize("block", [1, 2, 7, 64])
def test_lines_longer_than_a_block(read, monkeypatch, block):
    text = random_text(random.Random(block), 50, 40)
    expected = read(text)
    monkeypatch.setattr(libsvm, "BLOCK", block)
    check_same(read(text), expected)


def test_one_very_long_line(read):
    values = np.arange(1, 400_001)
    text = b"1 " + b" ".join(b"%d:%d" % (i, i) for i in values)
    found = read(text)
    assert np.array_equal(found.features, values[None, :])


@pytest.mark.parametrize(
    "text, labels, features",
    [
        (b"1 1:2 3:4\n-1 2:5\n", [1, -1], [[2, 0, 4], [0, 5, 0]]),
        (b"+1 1:2", [1], [[2]]),
        (b"\xef\xbb\xbf1 1:2\r\n0 1:+3\r\n", [1, 0], [[2], [3]]),
        (b"# head\n\n1\t1:2   2:3 # 3:4\n   \n2 qid:3 1:1e1#x\n", [1, 2], [[2, 3], [10, 0]]),
        (b"1 0:2 2:3\n2 1:1\n", [1, 2], [[2, 0, 3], [0, 1, 0]]),
        (b"1 2:3 1:2\n", [1], [[2, 3]]),
        (b"1\n2 1:1\n", [1, 2], [[0], [1]]),
        (b"  1.5 01:2.50\n", [1.5], [[2.5]]),
        (b"1 000000000000000000000000000001:1\n", [1], [[1]]),
        (b"1 1:1 3:0\n", [1], [[1, 0, 0]]),
    ],
)
def test_as_it_is_found_in_the_wild(read, text, labels, features):
    found = read(text)
    assert found.labels.tolist() == labels
    assert to_dense(found).tolist() == features


@pytest.mark.parametrize(
    "text, weights",
    [
        (b"1:2.5 1:2\n-1:0.5 1:1\n", [2.5, 0.5]),
        (b"0:2 1:1\n 0:3 1:1\n", [2, 3]),  # a label 0 is no feature 0
        (b"1 1:1\n1:3 1:1\n", [1, 3]),
        (b"1 1:1\n1 1:1\n", None),
        (b"1:0.1000000000000000055511151231257827 1:1\n", [0.1]),
    ],
)
def test_weights_as_xgboost_writes_them(read, monkeypatch, text, weights):
    for block in (4, 1 << 20):
        monkeypatch.setattr(libsvm, "BLOCK", block)
        found = read(text)
        assert found.n_features == 1
        assert (None if found.multiplicity is None else found.multiplicity.tolist()) == weights
        part = read(text, rows=np.array([len(found.labels) - 1]), n_features=1)
        assert part.counts.tolist() == found.counts[-1:].tolist()
        assert part.n_features == 1


def test_a_weight_file(read, tmp_path):
    (tmp_path / "w").write_text("2\n0.5\n1e1\n")
    text = b"1 1:1\n1 1:2\n-1 1:3\n"
    assert read(text, weight_file=tmp_path / "w").multiplicity.tolist() == [2, 0.5, 10]
    part = read(text, weight_file=tmp_path / "w", rows=np.array([0, 2]), n_features=1)
    assert part.multiplicity.tolist() == [2, 10]


@pytest.mark.parametrize(
    "weights, data, expected",
    [
        ("1\n2\n", b"1 1:1\n", "w: expected 1 weights, one for each row, found 2"),
        ("1\n", b"1 1:1\n1 1:1\n", "w: expected 2 weights, one for each row, found 1"),
        ("", b"1 1:1\n", "w:1: expected a positive number, found nothing"),
        ("1\n\n", b"1 1:1\n", "w:2: expected a positive number, found nothing"),
        ("1\nx\n", b"1 1:1\n1 1:1\n", 'w:2: expected a positive number, found "x"'),
        ("0\n", b"1 1:1\n", 'w:1: expected a positive number, found "0"'),
        ("nan\n", b"1 1:1\n", 'w:1: expected a positive number, found "nan"'),
        ("1e999\n", b"1 1:1\n", 'w:1: expected a positive number, found "1e999"'),
        ("2\n", b"1:3 1:1\n", "in.data: expected rows without weights beside a weight file"),
    ],
)
def test_a_weight_file_that_does_not_fit(read, tmp_path, weights, data, expected):
    (tmp_path / "w").write_text(weights)
    with pytest.raises(DataError) as refusal:
        read(data, weight_file=tmp_path / "w")
    assert expected in str(refusal.value)


def test_zero_based_is_a_matter_of_all_inputs(tmp_path):
    (tmp_path / "a").write_text("1 1:1\n")
    (tmp_path / "b").write_text("1 0:1\n")
    paths = [tmp_path / "a", tmp_path / "b"]
    assert read_dataset(paths).features.tolist() == [[0, 1], [1, 0]]
    assert read_dataset(paths[:1]).features.tolist() == [[1]]
    assert read_dataset(paths[:1], zero_based=True).features.tolist() == [[0, 1]]
    with pytest.raises(DataError, match=r"b:1:3: expected an index of at least 1"):
        read_dataset(paths, zero_based=False)


def test_dense_or_sparse_goes_by_all_rows(read):
    full, empty = b"1 1:1 2:1 3:1\n", b"1 17:1\n"
    assert not read(full).is_sparse
    assert read(empty * 3).is_sparse
    both = read(full * 5 + empty)
    assert not both.is_sparse and both.features.shape == (6, 17)
    sparse = read(empty * 3 + b"0 1:-0.0 2:0\n").features
    assert sparse.data.tolist() == [1, 1, 1]  # a zero is a zero
    # One type for both: with two, half of scipy's operations refuse the matrix.
    assert (sparse.data.dtype, sparse.indices.dtype, sparse.indptr.dtype) == (np.float64, np.int32, np.int32)
    assert sparse.shape == (4, 17)
    assert np.signbit(read(b"1 1:-0.0 2:1\n").features[0, 0])


def test_a_huge_index_takes_no_memory(read):
    found = read(b"1 1:1\n1 2147483647:2\n")
    assert found.is_sparse and found.features.shape == (2, 2**31 - 1)
    assert found.features.indices.tolist() == [0, 2**31 - 2]
    with pytest.raises(DataError, match=r"in.data.*at most 2147483647 features"):
        read(b"1 0:1\n1 2147483647:2\n")


# --- some rows ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [8, 400])
@pytest.mark.parametrize("known", [{}, {"zero_based": False}, {"n_features": True}])
def test_rows_are_those_of_the_whole(read, monkeypatch, width, known):
    monkeypatch.setattr(libsvm, "BLOCK", 1500)
    text = random_text(random.Random(width), 700, width)
    whole = read(text)
    options = dict(known)
    if known.get("n_features"):
        options["n_features"] = whole.n_features
    generator = np.random.default_rng(0)
    for rows in (
        np.array([0]),
        np.array([699]),
        np.sort(generator.choice(700, 90, replace=False)),
        np.arange(700),
    ):
        for threads in (1, 2):
            part = read(text, rows=rows, threads=threads, **options)
            assert np.array_equal(to_dense(part), to_dense(whole)[rows])
            assert np.array_equal(part.labels, whole.labels[rows])
            assert np.array_equal(part.counts, whole.counts[rows])
            assert np.array_equal(part.rows, rows)
            assert part.sources == whole.sources


def test_rows_of_several_inputs(tmp_path):
    for name, label in (("a", 1), ("b", 2), ("c", 3)):
        (tmp_path / name).write_text(f"{label} 1:1\n{label} 1:2\n")
    paths = [tmp_path / name for name in "abc"]
    part = read_dataset(paths, rows=np.array([1, 4]))
    assert part.labels.tolist() == [1, 3]
    assert part.features.tolist() == [[2], [1]]
    assert [source.rows for source in part.sources] == [2, 2, 2]
    with pytest.raises(DataError, match="c: expected a row 6, found 6 rows"):
        read_dataset(paths, rows=np.array([1, 6]))
    for rows in ([2, 1], [1, 1], [-1], [], [[1]]):
        with pytest.raises(UsageError):
            read_dataset(paths, rows=np.array(rows, dtype=np.int64))


def test_lines_left_out_are_not_parsed(read):
    """What makes training on a tenth of the rows cheap."""
    text = b"1 1:1\n1 nonsense\n1 1:3\n"
    part = read(text, rows=np.array([0, 2]), n_features=1)
    assert part.features.tolist() == [[1], [3]]


@pytest.mark.parametrize("padding", range(0, 130, 13))  # so that a 0 is everywhere in 64 bytes
@pytest.mark.parametrize(
    "others, zero_based",
    [
        (b"2 0:1", True),
        (b"2\t00:1", True),
        (b"2 4:1 0:1", True),
        (b" 2  qid:1  0:1", True),
        (b"2 0:1 # 0:1", True),
        (b"0 4:0 3:0.0", False),
        (b"2 4:1 # 0:1", False),
        (b"# 0:1", False),
        (b"#", False),
        (b"2 qid:0 1:0 # 0", False),
        (b"2 01:3 10:0", False),
    ],
)
def test_an_index_0_is_seen_in_lines_left_out(read, monkeypatch, others, zero_based, padding):
    monkeypatch.setattr(libsvm, "BLOCK", 200)
    line = b"1 1:1 2:1" + b" " * padding
    text = b"\n".join([line, others, line, b"1 11:3"])
    whole = read(text)
    assert whole.n_features == 11 + zero_based
    part = read(text, rows=np.array([0]), n_features=whole.n_features)
    assert np.array_equal(to_dense(part), to_dense(whole)[:1])


def test_the_number_of_features_is_known(read):
    assert read(b"1 1:1\n", n_features=3).features.shape == (1, 3)
    with pytest.raises(DataError, match="expected at most 2 features, found 3"):
        read(b"1 3:1\n", n_features=2)


# --- what is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, place, expected, found",
    [
        (b"1 1:1\n1 3\n", "2:3", "index:value", "3"),
        (b"1 1:1\n1 3:\n", "2:3", "index:value", "3:"),
        (b"1 :3\n", "1:3", "index:value", ":3"),
        (b"1 a:1\n", "1:3", "index:value", "a:1"),
        (b"1 1:1 2:x\n", "1:7", "index:value with a number", "2:x"),
        (b"1 1:1 2:3x\n", "1:7", "index:value with a number", "2:3x"),
        (b"1 1:1 2:3:4\n", "1:7", "index:value with a number", "2:3:4"),
        (b"1 1:1 2:0x10\n", "1:7", "index:value with a number", "2:0x10"),
        (b"1 1:1 2:1_0\n", "1:7", "index:value with a number", "2:1_0"),
        (b"1 1:1e\n", "1:3", "index:value with a number", "1:1e"),
        (b"1 1:.\n", "1:3", "index:value with a number", "1:."),
        (b"1 1: 2\n", "1:3", "index:value", "1:"),
        (b"1 1:-nan\n", "1:3", "a finite value", "1:-nan"),
        (b"1 1:nano\n", "1:3", "index:value with a number", "1:nano"),
        (b"1:nan 1:1\n", "1:1", "label:weight with a number", "1:nan"),
        (b"1 1:-INF\n", "1:3", "a finite value", "1:-INF"),
        (b"1 1:1e999\n", "1:3", "a value within float64", "1:1e999"),
        (b"1 1:1\n1 2:1 2:" + b"9" * 400, "2:7", "a value within float64", "2:99"),
        (b"# c\n\n  nan 1:1\n", "3:3", "a finite label", "nan"),
        (b"-1e400 1:1\n", "1:1", "a label within float64", "-1e400"),
        (b"x 1:1\n", "1:1", "a label", "x"),
        (b":1 2:2\n", "1:1", "a label", ":1"),
        (b"1: 2:2\n", "1:1", "label:weight with a number as the weight", "1:"),
        (b"1:x 2:2\n", "1:1", "label:weight with a number as the weight", "1:x"),
        (b"1 1:1\n 1:0 2:2\n", "2:2", "label:weight with a positive weight", "1:0"),
        (b"1:-2 2:2\n", "1:1", "label:weight with a positive weight", "1:-2"),
        (b"1:1e-999 2:2\n", "1:1", "label:weight with a positive weight", "1:1e-999"),
        (b"1:1e999 2:2\n", "1:1", "label:weight with a positive weight", "1:1e999"),
        (b"1e999:1 2:2\n", "1:1", "a label within float64", "1e999:1"),
        (b"1:2:3 2:2\n", "1:1", "label:weight with a number as the weight", "1:2:3"),
        (b"1 -1:1\n", "1:3", "an index of at least 0", "-1:1"),
        (b"1 2147483648:1\n", "1:3", "an index of at most 2147483647", "2147483648:1"),
        (
            b"1 99999999999999999999999:1\n",
            "1:3",
            "an index of at most 2147483647",
            "99999999999999999999999:1",
        ),
        (b"1 1:1 2:2 1:3\n", "1:11", "each index once", "1:3"),
        (b"1 2:1 2:1\n", "1:7", "each index once", "2:1"),
        (b"1,3 2:0.5\n", "1:1", "one label", "1,3"),
        (b"1 1:1 trailing text\n", "1:7", "index:value", "trailing"),
        (b"1 1:1\n\x00\xff\n", "2:1", "a label", "\\x00\\xff"),
    ],
)
@pytest.mark.parametrize("block", [4, 1 << 20])
def test_a_refusal_says_where_and_why(read, monkeypatch, text, place, expected, found, block):
    monkeypatch.setattr(libsvm, "BLOCK", block)
    with pytest.raises(DataError) as refusal:
        read(text)
    message = str(refusal.value)
    where, _, why = message.partition(": expected ")
    assert where.endswith(f"in.data:{place}"), message
    assert why.startswith(expected), message
    assert f'found "{found}' in why or f'several: "{found}' in why, message
    assert message.isprintable() and len(message.partition("in.data")[2]) < 200


@pytest.mark.parametrize(
    "text, expected",
    [
        (b"", "found an empty file"),
        (b"\n \n", "found no rows in it"),
        (b"# only\n", "found no rows in it"),
        (b"\xef\xbb\xbf", "found no rows in it"),
        (b"1\n2\n", "found labels only"),
    ],
)
def test_nothing_to_read(read, text, expected):
    with pytest.raises(DataError, match=rf"in.data: expected .*{expected}"):
        read(text)


def test_the_first_of_several_faults_is_told(read, monkeypatch):
    monkeypatch.setattr(libsvm, "BLOCK", 100)
    text = b"1 1:1\n" * 100 + b"1 1:1e999\n" + b"1 1:1 1:2\n" * 50 + b"1 x\n" * 50
    for threads in (1, 2, 4):
        with pytest.raises(DataError, match=r"in.data:101:3: expected a value within float64"):
            read(text, threads=threads)


@pytest.mark.parametrize("seed", range(5))
def test_lines_are_counted_through_blocks_comments_and_blank_lines(read, monkeypatch, seed):
    monkeypatch.setattr(libsvm, "BLOCK", 300)
    generator = random.Random(seed)
    lines = random_text(generator, 60, 20).split(b"\n")
    rows = [number for number, line in enumerate(lines) if line.partition(b"#")[0].strip()]
    row = generator.randrange(len(rows))
    lines[rows[row]] = b" \t7 1:2 x:1"
    text = b"\n".join(lines)
    for options in ({}, {"rows": np.array([row])}, {"rows": np.array([0, row]), "n_features": 20}):
        for threads in (1, 2):
            with pytest.raises(DataError, match=f"in.data:{rows[row] + 1}:9: "):
                read(text, threads=threads, **options)


def test_options_of_parquet_are_refused(read):
    with pytest.raises(UsageError, match="--features"):
        read(b"1 1:1\n", features=["x"])
    with pytest.raises(UsageError, match="--weight-column"):
        read(b"1 1:1\n", weight_column="w")


def mutate(generator: random.Random, text: bytes) -> bytes:
    """``text`` with a byte or a number changed, a piece left out, doubled or cut off."""
    text = bytearray(text)
    for _ in range(generator.choice([1, 1, 1, 2, 5])):
        text = text or bytearray(b"1")
        place = generator.randrange(len(text))
        kind = generator.randrange(6)
        if kind == 0:
            text[place] = generator.getrandbits(8)
        elif kind == 1:
            text[place] = generator.choice(b"0123456789:.eE+- #\t\r\n,qidnaf")
        elif kind == 2:
            del text[place : place + generator.randint(1, 20)]
        elif kind == 3:
            text[place:place] = text[max(0, place - generator.randint(1, 20)) : place]
        elif kind == 4:
            text[place:place] = b"9" * generator.choice([1, 5, 20, 400])
        else:
            del text[max(place, 1) :]
    return bytes(text)


def check_mutation(read, text: bytes, threads: int) -> None:
    """Read as the slow reader does, or refuse the same line."""
    try:
        labels, rows, weights = naive.read(text)
    except naive.Refused as refusal:
        with pytest.raises(DataError, match=rf"in.data:{refusal.args[0]}:\d+: expected "):
            read(text, threads=threads)
        return
    try:
        found = read(text, threads=threads)
    except CraigError as error:
        assert not any(rows) or max(map(max, filter(None, rows))) == 2**31 - 1, (text, error)
        return
    assert np.array_equal(found.labels, labels)
    assert np.array_equal(found.counts, weights)
    width = found.n_features
    if width <= 10_000:
        expected = naive.dense(rows)
        assert np.array_equal(to_dense(found), expected)


@pytest.mark.parametrize("seed", range(200))
def test_no_bytes_whatever_lead_to_a_traceback(read, monkeypatch, seed):
    monkeypatch.setattr(libsvm, "BLOCK", 256)
    generator = random.Random(seed)
    check_mutation(read, mutate(generator, random_text(generator, 20, 30)), threads=1 + seed % 2)


# --- writing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sparse", [False, True])
def test_round_trip(read, sparse):
    generator = np.random.default_rng(3)
    features = generator.standard_normal((200, 30)) * 10.0 ** generator.integers(-300, 300, (200, 30))
    features[generator.random((200, 30)) < (0.95 if sparse else 0.3)] = 0.0
    features[0, 29] = 1e15
    labels = generator.choice([-1.0, 1.0, 0.1], 200)
    stream = io.BytesIO()
    libsvm.write(stream, sp.csr_matrix(features) if sparse else features, labels)
    found = read(stream.getvalue())
    assert found.is_sparse == sparse
    assert np.array_equal(to_dense(found), features)
    assert np.array_equal(found.labels, labels)


# --- real data ----------------------------------------------------------------------------------------------


@needs_real_data
@pytest.mark.parametrize("name, shape", [("abalone.bz2", (4177, 8)), ("ijcnn1.bz2", (49_990, 22))])
def test_real_data_as_scikit_learn_reads_it(name, shape):
    datasets = pytest.importorskip("sklearn.datasets")
    found = read_dataset([REAL_DATA / name])
    features, labels = datasets.load_svmlight_file(str(REAL_DATA / name))
    assert found.features.shape == shape
    assert np.array_equal(found.features, features.toarray())
    assert np.array_equal(found.labels, labels)


# --- what is missing, and what is not used -------------------------------------------------------------------


@pytest.mark.parametrize("block", [16, 1 << 20])
@pytest.mark.parametrize("wide", [0, 5000])
def test_a_value_that_is_missing_is_the_mean_and_an_indicator(read, monkeypatch, block, wide):
    monkeypatch.setattr(libsvm, "BLOCK", block)
    last = f" {wide}:1".encode() if wide else b""
    text = b"1 1:2 2:nan 3:1e-400\n-1 2:3 1:NaN\n1 1:1 3:2\n1 1:4 2:0.5" + last + b"\n"
    _, rows, _ = naive.read(text)
    found = read(text)
    assert found.is_sparse == bool(wide)
    assert np.array_equal(to_dense(found), naive.dense(rows))
    assert to_dense(found)[:, -2:].tolist() == [[0, 1], [1, 0], [0, 0], [0, 0]]
    assert found.notes == ()
    # By the encoding of other data: the same means, whatever there is here.
    other = read(b"1 1:nan\n-1 3:7\n", encoding=found.encoding)
    assert other.n_features == found.n_features
    assert to_dense(other)[:, 0].tolist() == [to_dense(found)[1, 0], 0]
    assert to_dense(other)[:, -2:].tolist() == [[1, 0], [0, 0]]
    kept = read(text, encoding=found.encoding, rows=np.array([1, 3]))
    assert np.array_equal(to_dense(kept), to_dense(found)[[1, 3]])
    with pytest.raises(
        DataError, match=r"row 1 \(from 0\): expected a number as feature 3, as all rows of the training"
    ):
        read(b"1 1:1\n1 3:nan\n", encoding=found.encoding)
    with pytest.raises(DataError, match=f"expected at most {wide or 3} features"):
        read(b"1 1:1\n1 5001:1\n", encoding=found.encoding)


def test_qid_is_said_once(read):
    found = read(b"1 qid:1 1:2\n-1 qid:2 1:3\n")
    assert len(found.notes) == 1 and "qid: is there and is not used" in found.notes[0]
