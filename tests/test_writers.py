"""Files and frames of other writers, and trainers that read what comes back; skipped, by name, where one is missing."""

from __future__ import annotations

import datetime
import json

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from craig_cli import CoresetSampler, evaluate_model, select_coreset, train_model
from craig_cli.artifacts.coreset import read_coreset
from craig_cli.errors import UsageError
from craig_cli.formats import read_dataset

N_ROWS = 600
RNG = np.random.default_rng(0)
JOB = RNG.choice(["clerk", "cook", "nurse"], N_ROWS)
AGE = RNG.integers(18, 80, N_ROWS)
PAY = RNG.normal(10, 3, N_ROWS)
BORN = [datetime.date(1980, 1, 1) + datetime.timedelta(int(day)) for day in RNG.integers(0, 9000, N_ROWS)]
LABEL = np.where(PAY + 4 * (JOB == "nurse") + RNG.normal(0, 1, N_ROWS) > 11, "yes", "no")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def pandas_frame():
    """With an index of its own, as what a split leaves has, categories, missing values and times."""
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"pay": PAY, "age": AGE, "job": JOB, "label": LABEL}, index=RNG.permutation(N_ROWS))
    frame["born"] = pd.to_datetime(BORN)
    frame["grade"] = pd.Categorical(RNG.choice(["a", "b"], N_ROWS), categories=["c", "b", "a"], ordered=True)
    frame["maybe"] = pd.array([None if k % 5 == 0 else k % 3 for k in range(N_ROWS)], dtype="Int64")
    frame["flag"] = pd.array([None if k % 7 == 0 else k % 2 == 0 for k in range(N_ROWS)], dtype="boolean")
    frame["took"] = pd.to_timedelta(AGE, unit="h")
    frame.loc[frame.index[:9], "pay"] = np.nan
    frame.loc[frame.index[5:20], "job"] = None
    return frame


def polars_frame():
    """With the types that only polars writes."""
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"pay": PAY, "age": AGE, "job": JOB, "born": BORN, "label": LABEL})
    return frame.with_columns(
        pl.col("job").cast(pl.Categorical).alias("cat"),
        pl.col("job").cast(pl.Enum(["clerk", "cook", "nurse"])).alias("enum"),
        pl.lit(None).alias("nothing"),
        pl.time(pl.col("age") % 24).alias("at"),
        pl.duration(hours="age").alias("took"),
        pl.concat_list("age", "pay").cast(pl.Array(pl.Float32, 2)).alias("vector"),
        pl.struct("age", "job").alias("struct"),
        pl.col("pay").cast(pl.Decimal(20, 4)).alias("decimal"),
    )


def kinds_of(path, **options) -> dict[str, str]:
    encoding = read_dataset([path], **options).encoding
    return {name: kind for name, kind, _ in encoding.says()}


def check_commands(craig, name: str, *options: str) -> None:
    """select, train and export of the file ``name``; the rows that come back are those of the coreset."""
    craig.ok("select", name, "--size", "90", "--scale", "standard", "-o", "c", "-q", *options)
    craig.ok("train", name, "--coreset", "c", "--scale", "standard", "-o", "m", "-q", *options)
    found = json.loads(craig.ok("eval", "m", name, "--json", *options).text)["models"][0]
    assert found["error_rate"] < 0.3
    assert [entry["label"] for entry in found["per_class"]] == ["no", "yes"]
    craig.ok("export", name, "--coreset", "c", "--to", "feather", "-o", "out", "-q", *options)
    back, coreset = pyarrow.feather.read_table(craig.folder / "out"), read_coreset(craig.folder / "c")
    assert np.array_equal(back["craig_weight"], coreset.weight)
    assert back["age"].to_pylist() == AGE[coreset.index].tolist()
    assert back["label"].to_pylist() == LABEL[coreset.index].tolist()


@pytest.mark.parametrize("kind", ["parquet", "feather", "csv"])
def test_pandas(craig, kind):
    frame = pandas_frame()
    write = {
        "parquet": frame.to_parquet,
        "csv": frame.to_csv,
        "feather": lambda path: frame.reset_index().to_feather(path),
    }
    write[kind](craig.folder / f"a.{kind}")
    found = kinds_of(craig.folder / f"a.{kind}", exclude=["index"] if kind == "feather" else None)
    expected = {"pay": "number", "age": "number", "job": "category", "born": "time", "grade": "category"}
    expected |= {"maybe": "number", "flag": "number", "took": "category" if kind == "csv" else "time"}
    if kind != "feather":
        expected["" if kind == "csv" else "__index_level_0__"] = "left out"  # the index is no feature
    else:
        expected["index"] = "left out"
    assert found == expected
    check_commands(craig, f"a.{kind}", *(("--exclude", "index") if kind == "feather" else ()))


@pytest.mark.parametrize("kind", ["parquet", "ipc", "ipc_stream", "csv"])
def test_polars(craig, kind):
    frame = polars_frame()
    if kind == "csv":
        frame = frame.drop("vector", "struct", "took", "at")
    getattr(frame, f"write_{kind}")(craig.folder / "a")
    expected = {"pay": "number", "age": "number", "job": "category", "born": "time", "cat": "category"}
    expected |= {"enum": "category", "decimal": "number", "nothing": "left out"}
    if kind != "csv":
        expected |= {"vector": "vector", "struct.age": "number", "struct.job": "category", "at": "time", "took": "time"}
    assert kinds_of(craig.folder / "a") == expected
    check_commands(craig, "a")


def test_integers_of_128_bits_are_one_line(craig):
    pl = pytest.importorskip("polars")
    polars_frame().with_columns(pl.col("age").cast(pl.Int128)).write_parquet(craig.folder / "a")
    assert "more than 64 bits" in craig("select", "a", "--size", "9").error


def test_a_hive_folder_of_polars(craig):
    pl = pytest.importorskip("polars")
    frame = polars_frame().with_columns((pl.col("age") % 3).cast(pl.String).str.zfill(2).alias("g"))
    frame.write_parquet(craig.folder / "hive", partition_by=["g"])
    assert kinds_of(craig.folder / "hive")["g"] == "category"  # in the files as text: 00, 01, 02
    craig.ok("select", "hive", "--size", "60", "-o", "c", "-q")
    craig.ok("export", "hive", "--coreset", "c", "--to", "parquet", "-o", "out", "-q")
    back, coreset = pq.read_table(craig.folder / "out"), read_coreset(craig.folder / "c")
    rows = pa.concat_tables([pq.read_table(path) for path in sorted((craig.folder / "hive").rglob("*.parquet"))])
    assert back["age"].to_pylist() == rows["age"].take(pa.array(coreset.index)).to_pylist()


@pytest.mark.parametrize("form", ["parquet", "csv", "hive"])
def test_duckdb(craig, form):
    duckdb = pytest.importorskip("duckdb")
    base = pa.table({"pay": PAY, "age": AGE, "job": JOB, "born": pa.array(BORN), "label": LABEL})
    base = base.append_column("row", pa.array(range(N_ROWS)))
    base.validate()
    with duckdb.connect() as connection:
        connection.register("base", base)
        connection.execute("create type job_type as enum ('clerk', 'cook', 'nurse')")
        connection.execute(
            "create table t as select pay, age, job::job_type as job, born, label, "
            "case when row % 5 = 0 then null else row end as hole, [pay::float, age, 1]::float[3] as vector, "
            "age::hugeint as huge, interval (age) day as wait, uuid() as key, {'a': age, 'b': job} as struct, "
            "age::decimal(18, 3) as exact, row % 4 as part "
            "from base order by row"
        )
        path = craig.folder / "a"
        options = {"parquet": "format parquet", "csv": "format csv", "hive": "format parquet, partition_by (part)"}[
            form
        ]
        connection.execute(f"copy t to '{path}' ({options})")
    found = kinds_of(path)
    expected = {"pay": "number", "age": "number", "job": "category", "born": "time", "hole": "number"}
    expected |= {"huge": "number", "wait": "left out", "key": "left out", "exact": "number", "part": "number"}
    if form == "csv":
        assert found["struct"] in ("category", "text", "left out") and expected.pop("wait")  # both are text there
    else:
        expected |= {"vector": "vector", "struct.a": "number", "struct.b": "category"}
    assert expected.items() <= found.items()
    if form != "hive":  # whose rows are in the order of the parts
        check_commands(craig, "a")


@pytest.mark.parametrize("make", [pandas_frame, polars_frame], ids=["pandas", "polars"])
def test_frames_in_python(make):
    frame = make()
    coreset = select_coreset(frame, "label", size=90, scale="standard")
    model = train_model(frame, "label", coreset=coreset, scale="standard")
    assert model.labels == ("no", "yes")
    assert evaluate_model(model, frame, "label")["error_rate"] < 0.3
    features = frame.drop(columns="label") if hasattr(frame, "iloc") else frame.drop("label")
    apart = select_coreset(features, frame["label"], size=90, scale="standard")
    assert np.array_equal(apart.index, coreset.index)
    rows, labels, _ = coreset.take(features, frame["label"])
    assert type(rows) is type(frame) and list(labels) == LABEL[coreset.index].tolist()
    sampler = CoresetSampler(size=90, scale="standard")
    found, classes = sampler.fit_resample(features, frame["label"])
    assert len(found) == 90 and type(classes) is type(frame["label"])


def test_a_column_of_mixed_types_is_named():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"age": [1, 2] * 4, "score": [1, "n/a"] * 4, "label": ["no", "yes"] * 4})
    with pytest.raises(UsageError, match=r"^features: expected a table: .*column score with type object$"):
        select_coreset(frame, "label", size=2)


def exported(craig, target: str):
    frame = pandas_frame()
    frame.reset_index(drop=True).to_feather(craig.folder / "a.feather")
    craig.ok("select", "a.feather", "--size", "150", "--scale", "standard", "-o", "c", "-q")
    craig.ok("export", "a.feather", "--coreset", "c", "--to", target, "--normalize", "mean", "-o", "out", "-q")
    pd = pytest.importorskip("pandas")
    back = (pd.read_feather if target == "feather" else pd.read_parquet)(craig.folder / "out")
    assert str(back["grade"].dtype) == "category" and back["maybe"].isna().any()
    if target == "feather":
        assert back["grade"].cat.ordered and list(back["grade"].cat.categories) == ["c", "b", "a"]
    return back, frame


def as_trainers_take_it(frame):
    """Text as categories, times as numbers; the rest is theirs."""
    features = frame.drop(columns=["label", *(name for name in frame.columns if name.startswith("craig_"))])
    features["job"] = features["job"].astype("category").cat.set_categories(["clerk", "cook", "nurse"])
    for name in ("born", "took"):
        features[name] = features[name].astype("int64")
    for name in ("maybe", "flag"):
        features[name] = features[name].astype("float64")
    return features, (frame["label"] == "yes") * 1


@pytest.mark.parametrize("target", ["parquet", "feather"])
@pytest.mark.parametrize("trainer", ["lightgbm", "xgboost", "sklearn"])
def test_trainers_with_categories_of_their_own(craig, target, trainer):
    module = pytest.importorskip(trainer)
    back, frame = exported(craig, target)
    rows, labels = as_trainers_take_it(back)
    everything, answers = as_trainers_take_it(frame)
    if trainer == "lightgbm":
        model = module.LGBMClassifier(n_estimators=40, num_leaves=8, verbose=-1)
    elif trainer == "xgboost":
        model = module.XGBClassifier(n_estimators=40, max_depth=3, enable_categorical=True)
    else:
        from sklearn.ensemble import HistGradientBoostingClassifier

        model = HistGradientBoostingClassifier(max_iter=40, categorical_features="from_dtype")
    model.fit(rows, labels, sample_weight=back["craig_weight"])
    assert np.mean(model.predict(everything) != answers) < 0.2
