"""Parquet: every kind of numbers, some rows or all, and one clear line for what cannot be read."""

from __future__ import annotations

import decimal
import io
import os
import random
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from craig_cli.errors import CraigError, DataError, UsageError
from craig_cli.formats import parquet, read_dataset
from craig_cli.formats.arrow import to_numpy
from tests.conftest import REAL_DATA, ROOT, needs_real_data
from tests.test_libsvm import check_same

N_ROWS = 50


@pytest.fixture
def read(tmp_path):
    """The Dataset of a table of these columns (and label), as a file ``in.parquet``."""

    def read(columns: dict, options: dict | None = None, name: str = "in.parquet", **writing):
        columns = dict(columns)
        columns.setdefault("label", pa.array(np.arange(len(next(iter(columns.values())))) % 2))
        pq.write_table(pa.table(columns), tmp_path / name, **writing)
        return read_dataset([tmp_path / name], **(options or {}))

    return read


# --- what is read -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    [getattr(pa, f"{sign}int{bits}")() for sign in ("", "u") for bits in (8, 16, 32, 64)]
    + [pa.float16(), pa.float32(), pa.float64(), pa.bool_()],
    ids=str,
)
def test_every_type_of_number(read, kind):
    values = np.arange(N_ROWS) % (2 if kind == pa.bool_() else 100)
    column = pa.array(values.astype(str(kind).replace("halffloat", "float16")), kind)
    found = read({"x": column, "label": column, "w": pa.array(values + 1)}, {"weight_column": "w"})
    assert found.features.dtype == found.labels.dtype == found.multiplicity.dtype == np.float64
    assert np.array_equal(found.features[:, 0], values)
    assert np.array_equal(found.labels, values)
    assert np.array_equal(found.multiplicity, values + 1)


@pytest.mark.parametrize("precision, scale", [(5, 2), (15, 15), (18, 6), (30, 10), (38, 0), (60, 20)])
def test_decimals_are_those_of_float(read, precision, scale):
    generator = random.Random(precision)
    with decimal.localcontext(decimal.Context(prec=80)):
        numbers = [
            decimal.Decimal(generator.randint(-(10**precision) + 1, 10**precision - 1)).scaleb(-scale)
            for _ in range(400)
        ]
    make = pa.decimal128 if precision <= 38 else pa.decimal256
    found = read({"x": pa.array(numbers, make(precision, scale))})
    assert found.features[:, 0].tolist() == [float(number) for number in numbers]


@pytest.mark.parametrize("kind", ["list", "large_list", "fixed"])
@pytest.mark.parametrize("value", [pa.uint8(), pa.float32(), pa.float64()], ids=str)
def test_lists_of_numbers(read, kind, value):
    expected = np.arange(N_ROWS * 3).reshape(N_ROWS, 3)
    make = {"list": pa.list_, "large_list": pa.large_list, "fixed": lambda item: pa.list_(item, 3)}[kind]
    column = pa.array(expected.tolist(), make(value))
    for size in (None, 7):
        found = read({"x": column}, row_group_size=size)
        assert np.array_equal(found.features, expected)
    beside = read({"a": np.full(N_ROWS, 9), "x": column, "b": np.full(N_ROWS, 8)})
    assert np.array_equal(beside.features[:, 1:4], expected)
    assert beside.features[:, [0, 4]].tolist() == [[9, 8]] * N_ROWS
    rows = np.array([0, 6, 7, 49])
    part = read({"x": column}, {"rows": rows}, row_group_size=7)
    assert np.array_equal(part.features, expected[rows])


def test_columns_are_chosen_by_name_and_keep_the_order_of_the_file(read):
    columns = {name: np.full(4, number) for number, name in enumerate(["a", "y", "b", "w", "c"], start=1)}
    names = {"label": "y", "weight_column": "w"}
    assert read(columns, names).features[0].tolist() == [1, 3, 5, 0]  # with the column "label" of the fixture
    assert read(columns, {**names, "features": ["c", "a"]}).features[0].tolist() == [1, 5]
    assert read(columns | {"a.b": np.full(4, 7)}, {**names, "features": ["a"]}).features[0].tolist() == [1]


@pytest.mark.parametrize("size", [1, 7, 50])
@pytest.mark.parametrize("threads", [1, 2])
def test_row_groups_and_threads_do_not_matter(read, size, threads):
    generator = np.random.default_rng(0)
    columns = {f"x{j}": generator.standard_normal(N_ROWS).astype("f4") for j in range(5)}
    expected = read(columns, {"threads": 1}).features
    whole = read(columns, {"threads": threads}, row_group_size=size)
    assert whole.features.flags.c_contiguous
    assert whole.features.tobytes() == expected.tobytes()
    for rows in (np.array([0]), np.array([49]), np.array([3, 4, 30]), np.arange(N_ROWS)):
        part = read(columns, {"threads": threads, "rows": rows}, row_group_size=size)
        assert np.array_equal(part.features, expected[rows])
        assert np.array_equal(part.labels, whole.labels[rows])
        assert np.array_equal(part.rows, rows)
        assert part.sources == whole.sources
        check_same(part, whole.take(rows))


def test_several_files_may_differ_in_types_order_and_columns(read, tmp_path):
    read({"a": np.array([1, 2], "i1"), "b": [3.0, 4.0]}, name="1.parquet")
    read({"b": np.array([5, 6], "i2"), "a": [7.0, 8.0]}, name="2.parquet")
    assert read_dataset([tmp_path]).features.tolist() == [[1, 3], [2, 4], [7, 5], [8, 6]]
    read({"b": [1], "c": [2]}, name="3.parquet")
    found = read_dataset([tmp_path])  # what a file has not is missing: the mean, and an indicator
    assert found.encoding.names == ["a", "a is missing", "b", "c", "c is missing"]
    assert found.features[:, 0].tolist() == [1, 2, 7, 8, 4.5]
    assert found.features[:, [1, 4]].tolist() == [[0, 1]] * 4 + [[1, 0]]
    assert '1.parquet: no column "c"' in " ".join(found.notes) and '3.parquet: no column "a"' in " ".join(found.notes)
    pq.write_table(pa.table({"a": ["x"], "b": [1], "label": [0]}), tmp_path / "4.parquet")
    with pytest.raises(DataError, match=r'4\.parquet: column "a": expected numbers, as in .*1\.parquet, found texts'):
        read_dataset([tmp_path])


# --- what is refused ----------------------------------------------------------------------------------------


def refusal(read, columns: dict, **options) -> str:
    with pytest.raises(DataError) as refused:
        read(columns, options)
    message = str(refused.value)
    assert message.isprintable()
    return message.partition("in.parquet: ")[2]


def test_missing_columns(read, tmp_path):
    x = np.ones(3)
    assert refusal(read, {"x": x, "y": x, "label": x}, label="z") == (
        'no label column "z"; found: x, y, label (name it with --label, perhaps --label label)'
    )
    assert refusal(read, {"x": x}, weight_column="w") == (
        'no weight column "w"; found: x, label (name it with --weight-column)'
    )
    assert refusal(read, {"x": x}, features=["x", "q"]) == 'no feature column "q"; found: x, label'
    assert "expected feature columns" in refusal(read, {"label": x})
    assert "and 62 more" in refusal(read, {f"x{i}": x for i in range(101)}, label="z")  # the list is complete up to 40
    pq.write_table(pa.table({f"x{i}": x for i in range(39)} | {"income": x}), tmp_path / "in.parquet")
    with pytest.raises(DataError, match=r"x37, x38, income \(name it with --label\)$"):
        read_dataset([tmp_path / "in.parquet"])
    with pytest.raises(UsageError, match="--features"):
        read({"x": x}, {"features": ["label"]})
    with pytest.raises(UsageError, match="--zero-based"):
        read({"x": x}, {"zero_based": True})


@pytest.mark.parametrize(
    "names, asked, meant",
    [
        (["income", "Labels", "age"], {}, "--label, perhaps --label Labels"),
        (["Y", "x", "class"], {}, "--label, perhaps --label Y"),
        (["income", "paid", "y"], {"label": "payd"}, "--label, perhaps --label paid"),
        (["target", "age"], {"label": "outgo"}, "--label, perhaps --label target"),
        (["income", "age"], {"label": "outgo"}, "--label"),
        (["label", "w8", "weight"], {"weight_column": "wieght"}, "--weight-column, perhaps --weight-column weight"),
        (["label", "w8", "weight"], {"weight_column": "count"}, "--weight-column"),
    ],
)
def test_a_column_that_is_not_there_may_be_one_that_is(tmp_path, names, asked, meant):
    pq.write_table(pa.table({name: [1.0, 2.0] for name in names}), tmp_path / "in.parquet")
    with pytest.raises(DataError) as refusal:
        read_dataset([tmp_path / "in.parquet"], **asked)
    assert str(refusal.value).endswith(f"(name it with {meant})")


def test_a_column_twice(read, tmp_path):
    pq.write_table(pa.table([[1], [2], [0]], names=["x", "x", "label"]), tmp_path / "in.parquet")
    with pytest.raises(DataError, match=r'in\.parquet: expected one column "x", found 2'):
        read_dataset([tmp_path / "in.parquet"])


@pytest.mark.parametrize(
    "column, found",
    [
        (pa.array([[[1]], [[2]]]), "list<element: list"),
        (pa.array([["a"], ["b"]]), "list<element: string"),
        (pa.array([b"a", b"b"]), "binary"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_columns_that_can_be_no_features(read, column, found):
    left_out = read({"x": [1, 2], "strange": column})
    assert left_out.features.tolist() == [[1], [2]]
    assert left_out.notes == ('left out: "strange": neither numbers, text, times nor lists of numbers',)
    message = refusal(read, {"x": [1, 2], "strange": column}, features=["x", "strange"])
    assert message == 'column "strange": expected numbers, text, times or lists of numbers'
    assert refusal(read, {"x": [1, 2], "label": column}).startswith('column "label": expected labels')
    assert read({"x": [1, 2], "strange": column}, {"features": ["x"]}).features.tolist() == [[1], [2]]


@pytest.mark.parametrize("value, found", [(None, "null"), (np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf")])
def test_holes_are_told_by_column_and_row(read, tmp_path, value, found):
    good, bad = np.ones(4), pa.array([1.0, 1.0, value, 1.0])
    for columns, options in (
        *([({"x": bad}, {})] if found.endswith("inf") else []),  # a missing feature is the mean
        ({"x": good, "label": bad}, {}),
        ({"x": good, "w": bad}, {"weight_column": "w"}),
        ({"x": pa.array([[1.0], [1.0], [value], [1.0]])}, {}),
        ({"x": pa.array([[1.0, 2], [1, 1], [1, value], [1, 1]], pa.list_(pa.float64(), 2))}, {}),
    ):
        message = refusal(read, columns, **options)
        assert "row 2 (from 0): expected a" in message and f"found {found}" in message, message
    # The row is that of the whole ground set, as in a coreset, also when only some rows are read.
    read({"x": good}, name="a.parquet")
    read({"x": pa.array([[1.0]] * 4)}, name="a.parquet")
    refusal(read, {"x": pa.array([[1.0], [1.0], [value], [1.0]])})
    paths = [tmp_path / "a.parquet", tmp_path / "in.parquet"]
    for options in ({}, {"rows": np.array([0, 6])}, {"rows": np.array([0, 7])}):  # the fingerprint is of all rows
        with pytest.raises(DataError, match=r'in\.parquet: column "x", row 6 \(from 0\)'):
            read_dataset(paths, **options)


def test_lists_of_unequal_length(read):
    assert "row 2 (from 0): expected 2 numbers, as in the rows before, found 3" in refusal(
        read, {"x": pa.array([[1, 2], [3, 4], [5, 6, 7]])}
    )
    assert "empty lists" in refusal(read, {"x": pa.array([[], []], pa.list_(pa.int8()))})
    assert "row 1 (from 0): expected a number, found null" in refusal(read, {"x": pa.array([[1, 2], None])})
    assert read({"x": pa.array([[], []], pa.list_(pa.float64())), "y": [1, 2]}).features.tolist() == [[1.0], [2.0]]


def test_lists_of_unequal_length_in_different_row_groups(tmp_path):
    with pq.ParquetWriter(tmp_path / "in.parquet", pa.schema({"x": pa.list_(pa.int8()), "label": pa.int8()})) as writer:
        for lists in ([[1, 2], [3, 4]], [[5], [6]]):
            writer.write_table(pa.table({"x": lists, "label": [0, 1]}, schema=writer.schema))
    with pytest.raises(DataError, match=r"row 2 \(from 0\): expected 2 numbers, as in the rows before, found 1"):
        read_dataset([tmp_path / "in.parquet"])


@pytest.mark.parametrize("weight", [0, -1])
def test_weights_are_positive(read, weight):
    message = refusal(read, {"x": [1, 2], "w": [1, weight]}, weight_column="w")
    assert message == f'column "w", row 1 (from 0): expected a number greater than 0, found {weight}'


def test_no_rows(read):
    assert refusal(read, {"x": np.ones(0), "label": np.ones(0)}) == "expected at least one row, found none"


def test_rows_that_are_not_there(read):
    assert refusal(read, {"x": [1, 2]}, rows=np.array([0, 2])) == "expected a row 2, found 2 rows in all"


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1PAR1", b"PAR1" + b"\xff" * 100 + b"PAR1"])
def test_what_is_no_parquet_file(tmp_path, content):
    (tmp_path / "in.parquet").write_bytes(content)
    with pytest.raises(DataError, match=r"in\.parquet: "):
        read_dataset([tmp_path / "in.parquet"], format="parquet")


@pytest.fixture(scope="module")
def good_file() -> bytes:
    generator = np.random.default_rng(0)
    columns = {
        "x": generator.standard_normal(60),
        "pixels": pa.array(generator.integers(0, 9, (60, 4)).tolist(), pa.list_(pa.uint8(), 4)),
        "many": pa.array(generator.integers(0, 9, (60, 2)).tolist()),
        "label": generator.integers(0, 2, 60),
    }
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream, row_group_size=25, store_schema=False)
    return stream.getvalue()


@pytest.mark.parametrize("seed", range(200))
def test_no_bytes_whatever_lead_to_a_traceback(tmp_path, good_file, seed):
    generator = random.Random(seed)
    damaged = bytearray(good_file)
    for _ in range(generator.choice([1, 2, 10])):
        # The footer says the sizes: damage there is the worst.
        place = generator.randrange(len(damaged) - 900 if generator.random() < 0.7 else 4, len(damaged))
        damaged[place] = generator.choice([0, 255, 127, generator.getrandbits(8)])
    if seed % 5 == 0:
        del damaged[generator.randrange(1, len(damaged)) :]
    path = tmp_path / "in.parquet"
    path.write_bytes(damaged)
    for options in ({}, {"rows": np.array([0, 30])}):
        try:
            found = read_dataset([path], format="parquet", **options)
        except CraigError as error:
            assert str(error).isprintable() and "in.parquet" in str(error)
        else:
            assert np.isfinite(found.features).all()


# --- writing ------------------------------------------------------------------------------------------------


def test_round_trip(tmp_path):
    generator = np.random.default_rng(0)
    features, labels, weight = generator.standard_normal((20, 3)), np.arange(20.0), generator.random(20) + 1
    with open(tmp_path / "in.parquet", "wb") as stream:
        parquet.write(stream, features, labels, label="y", weight=weight)
    found = read_dataset([tmp_path / "in.parquet"], label="y", weight_column="weight")
    assert np.array_equal(found.features, features)
    assert np.array_equal(found.labels, labels)
    assert np.array_equal(found.multiplicity, weight)


# --- real data ----------------------------------------------------------------------------------------------


@needs_real_data
@pytest.mark.parametrize("name, shape", [("cal_housing.parquet", (20_640, 8)), ("mnist.test.parquet", (10_000, 784))])
def test_real_data(name, shape):
    found = read_dataset([REAL_DATA / name])
    assert found.features.shape == shape
    table = pq.read_table(REAL_DATA / name)
    assert np.array_equal(found.labels, table["label"].to_numpy())
    if name.startswith("mnist"):
        pixels = table["pixels"].combine_chunks().flatten().to_numpy().reshape(shape)
        assert np.array_equal(found.features, pixels)
    rows = np.arange(5, shape[0], 97)
    assert np.array_equal(read_dataset([REAL_DATA / name], rows=rows).features, found.features[rows])


def test_nothing_asks_arrow_for_what_takes_pandas():
    """Older versions of pyarrow fail at it where pandas is not installed."""
    sources = {path.name: path.read_text() for path in (ROOT / "craig_cli").rglob("*.py")}
    assert [name for name, text in sources.items() if ".to_pandas_dtype(" in text] == []
    for name in (*(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)), "float16", "float64"):
        values = np.arange(3).astype(name)
        assert to_numpy(pa.chunked_array([pa.array(values)])).dtype == values.dtype
        assert to_numpy(pa.chunked_array([], pa.from_numpy_dtype(name))).dtype == values.dtype


def test_pandas_is_not_loaded(tmp_path):
    # pyarrow loads it, where it is installed, for a conversion; it takes longer than most files take to read.
    (tmp_path / "pandas").mkdir()
    (tmp_path / "pandas" / "__init__.py").write_text("raise SystemExit('pandas was loaded')")
    data = tmp_path / "data.parquet"
    columns = {"label": [0, 1] * 20, "flag": [True, False, False, True] * 10, "x": [[0.5, float(i)] for i in range(40)]}
    pq.write_table(pa.table(columns), data, row_group_size=15)
    code = (
        "import sys; from craig_cli.cli import main; sys.argv[1:] = sys.argv[1].split()\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "assert 'pandas' not in sys.modules"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    for line in (
        f"select {data} --size 6 -o {tmp_path}/c",
        f"train {data} --coreset {tmp_path}/c -o {tmp_path}/m",
        f"eval {tmp_path}/m {data} --coreset {tmp_path}/c",
        f"export {data} --coreset {tmp_path}/c --to parquet -o {tmp_path}/p",
    ):
        subprocess.run([sys.executable, "-c", code, line], env=environment, check=True, capture_output=True, cwd="/")
