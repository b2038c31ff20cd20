"""Nested coresets: the first rows of one selection are a coreset of each size, with weights and a bound of its own."""

from __future__ import annotations

import json

import click
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from craig_cli import Plan, select_coreset
from craig_cli.amounts import amount_of, rows_of
from craig_cli.artifacts.coreset import METADATA_KEY, SCHEMA, read_coreset
from craig_cli.cli import cli
from craig_cli.dataset import from_arrays
from craig_cli.deep.gradients import select_gradients
from craig_cli.errors import DataError, UsageError
from craig_cli.evaluation.gradient_error import GradientProbe
from craig_cli.selection.nested import Level, _united
from craig_cli.selection.select import select_dataset
from craig_cli.selection.weights.clusters import Clusters
from tests.conftest import SAMPLE

DATA = SAMPLE / "binary.libsvm"
SIZES = (0.02, 0.05, 0.1)
WAYS = {
    "default": {},
    "distance": {"purpose": "distance"},
    "linear": {"purpose": "linear"},
    "members": {"exemplar": "member", "weights": "count"},
    "blocks": {"algorithm": "partition", "block_size": 64, "purpose": "distance"},
    "strata": {"algorithm": "strata"},
    "random": {"algorithm": "random"},
    "random, equal": {"algorithm": "random", "weights": "equal"},
    "regression": {"loss": "squared", "task": "regression"},
}


def some_data(n: int = 1200, seed: int = 0):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n, 4))
    return rows, np.where(rows[:, 0] + rng.standard_normal(n) > 0.7, 1.0, -1.0)


@pytest.mark.parametrize("way", WAYS)
def test_every_size_is_a_coreset(way):
    rows, labels = some_data()
    bounded = {"radius": 3.0, "loss": "logistic"} | WAYS[way]
    whole = select_coreset(rows, labels, sizes=SIZES, **bounded)
    assert [entry["size"] for entry in whole.metadata["sizes"]] == [24, 60, 120]
    before: list[int] = []
    for share in SIZES:
        coreset = whole.at_size(share)
        assert len(coreset) == rows_of(share, 1200)
        assert set(before) < set(coreset.index.tolist())
        before = coreset.index.tolist()
        assert before == whole.index[: len(coreset)].tolist()
        assert coreset.weight.sum() == pytest.approx(1200)
        for entry in coreset.metadata["classes"]:
            mine = labels[coreset.index] == entry["label"] if entry["label"] is not None else slice(None)
            assert len(coreset.weight[mine]) == entry["quota"]
            assert coreset.weight[mine].sum() == pytest.approx(entry["count"])
        assert sum(entry["epsilon"] for entry in coreset.metadata["classes"]) == pytest.approx(coreset.epsilon[-1])
        assert (np.diff(coreset.epsilon[np.isfinite(coreset.epsilon)]) <= 0).all()
        assert coreset.metadata["size"] == len(coreset)


@pytest.mark.parametrize("way", ["default", "distance", "linear", "members", "strata", "random"])
def test_the_bound_of_every_size_holds_with_its_weights(way):
    rows, labels = some_data(400)
    whole = select_coreset(rows, labels, sizes=(0.03, 0.1), loss="logistic", radius=3.0, **WAYS[way])
    dataset, rng = from_arrays(rows, labels), np.random.default_rng(1)
    for size in (12, 40):
        coreset = whole.at_size(size)
        for _ in range(20):
            model = rng.standard_normal(5)
            model *= 3.0 / np.linalg.norm(model)
            extended = np.column_stack([rows, np.ones(len(rows))])
            slopes = -labels / (1.0 + np.exp(labels * (extended @ model)))
            weights = np.zeros(len(rows))
            weights[coreset.index] = coreset.weight
            error = np.linalg.norm((slopes * (1.0 - weights)) @ extended)
            assert error <= coreset.epsilon[-1]
        assert GradientProbe(coreset, dataset).bound == coreset.epsilon[-1]


def test_sizes_of_a_greedy_are_those_it_would_select():
    rows, labels = some_data()
    whole = select_coreset(rows, labels, sizes=SIZES, purpose="distance")
    for share in SIZES:
        alone, nested = select_coreset(rows, labels, fraction=share, purpose="distance"), whole.at_size(share)
        order, other = np.argsort(alone.index), np.argsort(nested.index)
        np.testing.assert_array_equal(alone.index[order], nested.index[other])
        np.testing.assert_array_equal(alone.weight[order], nested.weight[other])
        assert alone.epsilon[-1] == nested.epsilon[-1]
        assert alone.metadata["classes"] == nested.metadata["classes"]


@pytest.mark.parametrize("way", ["default", "linear", "members", "strata", "random"])
def test_the_largest_is_what_it_is_without_the_others(way):
    rows, labels = some_data()
    alone = select_coreset(rows, labels, fraction=0.1, **WAYS[way])
    whole = select_coreset(rows, labels, sizes=(0.05, 0.1), **WAYS[way])
    order, other = np.argsort(alone.index), np.argsort(whole.index)
    np.testing.assert_array_equal(alone.index[order], whole.index[other])
    np.testing.assert_allclose(alone.weight[order], whole.weight[other], rtol=1e-12)


def test_a_part_stands_for_the_union_as_often_as_its_mass():
    # The slow twin: P(row of part c) = mass_c / mass of its union.
    mass = np.array([1.0, 2.0, 5.0, 3.0, 1.0])
    parent = np.array([0, 0, 0, 1, 1])
    clusters = Clusters(np.arange(5), np.arange(30) % 5, np.full(5, 6.0), np.zeros(5))
    group = type("G", (), {"space": type("S", (), {"multiplicity": np.ones(30)}), "mass": 30.0})
    generator, drawn = np.random.default_rng(0), np.zeros(5)
    for _ in range(4000):
        level, total = _united(group, Level(np.arange(5), clusters, None), parent, mass, generator)
        drawn[level.elements] += 1
        assert level.clusters.counts.tolist() == [18.0, 12.0]
    np.testing.assert_allclose(total, [8.0, 4.0])
    np.testing.assert_allclose(drawn / 4000, mass / total[parent], atol=0.03)


def test_strata_are_unbiased_at_every_size():
    rows, _ = some_data(300)
    sums = np.zeros((2, 4))
    for seed in range(150):
        whole = select_coreset(rows, None, sizes=(8, 20), algorithm="strata", seed=seed)
        for place, size in enumerate((8, 20)):
            coreset = whole.at_size(size)
            sums[place] += coreset.weight @ rows[coreset.index] / 150
    # One row of each of 8 strata leaves a deviation of about 300 / sqrt(8 * 150) = 9 at most.
    assert np.abs(sums - rows.sum(axis=0)).max() < 30


@pytest.mark.parametrize("way", ["distance", "members", "strata"])
def test_twins_and_multiplicities(way):
    rows = np.repeat(np.arange(6.0), 10)[:, None] * [1.0, 2.0]
    labels = np.tile([0.0, 1.0], 30)
    whole = select_coreset(
        rows, labels, multiplicity=np.full(60, 2.0), sizes=(4, 20, 40), **WAYS[way]
    )  # more than there are different rows
    for size in (4, 20, 40):
        coreset = whole.at_size(size)
        assert len(set(coreset.index.tolist())) == size
        assert coreset.weight.sum() == pytest.approx(120)
        assert way == "strata" or coreset.epsilon[-1] == (
            0 if size > 4 else pytest.approx(whole.at_size(4).epsilon[-1])
        )


def test_the_same_bytes_at_any_number_of_threads(tmp_path):
    rows, labels = some_data()
    for purpose in ("any", "linear"):
        for threads in (1, 2):
            found = select_coreset(rows, labels, sizes=SIZES, purpose=purpose, threads=threads)
            found.write(tmp_path / f"{purpose}{threads}")
        assert (tmp_path / f"{purpose}1").read_bytes() == (tmp_path / f"{purpose}2").read_bytes()


# --- the file -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def nested():
    return select_coreset(*some_data(), sizes=SIZES, purpose="distance")


def test_the_file_has_the_columns_of_the_contract_first(nested, tmp_path):
    dataset = from_arrays(*some_data())
    nested = select_dataset(dataset, Plan(sizes=SIZES, purpose="distance"))
    nested.write(tmp_path / "c")
    table = pq.read_table(tmp_path / "c")
    assert table.column_names == [*SCHEMA.names, "weight_24", "weight_60"]
    assert table.schema.types[:4] == SCHEMA.types
    assert table["weight"].to_pylist() == nested.weight.tolist()
    assert table["weight_24"].to_pylist() == [*nested.sizes[0].weight.tolist(), *[None] * 96]
    found = read_coreset(tmp_path / "c")
    for size in SIZES:
        one, other = nested.at_size(size), found.at_size(size)
        np.testing.assert_array_equal(one.weight, other.weight)
        np.testing.assert_array_equal(one.epsilon, other.epsilon)
        assert one.metadata["classes"] == other.metadata["classes"]
        assert "sizes" not in other.metadata
        one.write(tmp_path / "one")
        assert pq.read_table(tmp_path / "one").column_names == SCHEMA.names


def _damaged(path, change):
    table = pq.read_table(path)
    facts = json.loads(table.schema.metadata[METADATA_KEY])
    table = change(table, facts)
    pq.write_table(table.replace_schema_metadata({METADATA_KEY: json.dumps(facts)}), path)


def _replaced(table, name, values):
    return table.set_column(table.column_names.index(name), name, pa.array(values))


DAMAGE = {
    "column is gone": (lambda table, facts: table.drop_columns(["weight_24"]), "a column weight_24"),
    "a column of another type": (
        lambda table, facts: _replaced(table, "weight_24", [1] * 24 + [None] * 96),
        "a column weight_24",
    ),
    "too many": (lambda table, facts: _replaced(table, "weight_24", [1.0] * 25 + [None] * 95), "24 weights"),
    "too few": (lambda table, facts: _replaced(table, "weight_24", [1.0] * 23 + [None] * 97), "24 weights"),
    "negative": (lambda table, facts: _replaced(table, "weight_24", [-1.0] * 24 + [None] * 96), "finite weights"),
    "zero": (lambda table, facts: _replaced(table, "weight_24", [0.0] * 24 + [None] * 96), "finite weights"),
    "not in the metadata": (lambda table, facts: facts.pop("sizes") and table, "the columns index int64"),
    "not a list": (lambda table, facts: facts.update(sizes=3) or table, '"sizes"'),
    "empty": (lambda table, facts: facts.update(sizes=[]) or table, '"sizes"'),
    "descending": (lambda table, facts: facts["sizes"].reverse() or table, '"sizes"'),
    "a bound of text": (lambda table, facts: facts["sizes"][0].update(epsilon="1") or table, '"sizes"'),
    "no quotas": (lambda table, facts: facts["sizes"][0].pop("quotas") and table, '"sizes"'),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_one_line(what, tmp_path):
    change, expected = DAMAGE[what]
    path = tmp_path / "c.parquet"
    select_dataset(from_arrays(*some_data()), Plan(sizes=SIZES, purpose="distance")).write(path)
    _damaged(path, change)
    with pytest.raises(DataError) as error:
        read_coreset(path)
    assert expected in str(error.value)
    assert str(error.value).startswith(f"{path}: ")


# --- what is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked, expected",
    [
        ({"sizes": SIZES, "fraction": 0.1}, "found fraction and sizes"),
        ({"sizes": ()}, "expected a list of sizes"),
        ({"sizes": "5%"}, "expected a list of sizes"),
        ({"sizes": (0.1, "x")}, "a number of rows or a share"),
        ({"sizes": (0.1, 2.0)}, "a number of rows or a share"),
        ({"sizes": (0, 10)}, "a number of rows or a share"),
        ({"sizes": (10, 5000)}, "at most the 1200 rows"),
        ({"sizes": (1, 100)}, "at least 2 elements, one a class"),
        ({"sizes": SIZES, "weights": "equal"}, "sizes: equal weights"),
    ],
)
def test_what_cannot_be_is_one_line(asked, expected):
    with pytest.raises(UsageError, match=expected):
        select_coreset(*some_data(), **asked)


def test_gradients_are_for_one_size():
    with pytest.raises(UsageError, match="one size at a time"):
        select_gradients(some_data()[0], sizes=SIZES)


def test_a_size_that_is_not_there_names_those_that_are(nested):
    with pytest.raises(UsageError) as error:
        nested.at_size("3%", "c.parquet")
    assert str(error.value) == "size: c.parquet has 24 (2 %), 60 (5 %), 120 (10 %), found 36 (3 %)"
    assert "24, 60" in repr(nested)
    with pytest.raises(UsageError, match="one size only, 24 "):
        nested.at_size(24).at_size(60)


@pytest.mark.parametrize("text, amount", [("500", 500), ("5%", 0.05), ("0.05", 0.05), (" 1 ", 1), ("100%", 1.0)])
def test_amounts(text, amount):
    assert amount_of(text) == amount
    assert type(amount_of(text)) is type(amount)


@pytest.mark.parametrize("command, option", [("select", "fraction"), ("train", "resample"), ("eval", "within")])
def test_a_share_is_a_number_or_per_cent(command, option):
    context = click.Context(cli)
    kind = next(each for each in cli.get_command(context, command).params if each.name == option).type
    assert [kind.convert(text, None, None) for text in ("0.1", "10%", " 10 %")] == [0.1] * 3
    for wrong in ("-1%", "%", "10%%", "nan%", "ten"):
        with pytest.raises(click.BadParameter, match=r"expected a share such as 0\.1 or 10%, .*found "):
            kind.convert(wrong, None, None)


# --- the commands -------------------------------------------------------------------------------------------


def test_the_commands_take_one_of_the_sizes(craig):
    result = craig.ok("select", DATA, "--sizes", "1%,60,10%", "--for", "distance", "-o", "c")
    assert "--size 30 (1 %): epsilon" in result.stderr
    coreset = read_coreset(craig.folder / "c")
    assert [len(each) for each in coreset.sizes] == [30, 60]
    craig.ok("export", DATA, "--coreset", "c", "--size", "2%", "--to", "csv", "-o", "x.csv", "-q")
    lines = (craig.folder / "x.csv").read_text().splitlines()
    assert len(lines) == 61
    assert float(lines[1].split(",")[1]) == coreset.sizes[1].weight[0]
    craig.ok("train", DATA, "--coreset", "c", "--size", "30", "--epochs", "5", "-q", "-o", "m.json")
    assert json.loads((craig.folder / "m.json").read_text())["coreset"]["size"] == 30
    curve = craig.ok("eval", "--coreset", "c")
    assert "sizes with weights of their own" in curve.text
    whole = json.loads(craig.ok("eval", "--coreset", "c", "--json").text)["curves"][0]
    small = json.loads(craig.ok("eval", "--coreset", "c", "--size", "60", "--json").text)["curves"][0]
    assert (whole["size"], small["size"]) == (300, 60)
    assert small["epsilon"] == whole["sizes"][1]["epsilon"] == coreset.sizes[1].facts["epsilon"]
    measured = craig.ok("eval", "m.json", DATA, "--coreset", "c", "--size", "30", "--json")
    assert json.loads(measured.text)["models"][0]["gradient"]["error"] > 0
    # New weights for a prefix of any length; what the file says of sizes does not go with it.
    craig.ok("select", DATA, "--from", "c", "--size", "100", "--weights", "count", "-q", "-o", "d")
    assert read_coreset(craig.folder / "d").sizes == ()


@pytest.mark.parametrize(
    "args, expected",
    [
        (("select", DATA, "--sizes", "1%,x"), "such as 500 or 5%, found 'x'"),
        (("select", DATA, "--sizes", "1%", "--fraction", "0.1"), "found --fraction and --sizes"),
        (("select", DATA, "--sizes", "1%", "--from", "c"), "found --sizes"),
        (("train", DATA, "--size", "1%"), "give one with --coreset"),
        (("export", DATA, "--size", "1%", "--to", "csv"), "give one with --coreset"),
        (("eval", DATA, "--size", "1%"), "give one with --coreset"),
    ],
)
def test_the_commands_refuse_in_one_line(craig, args, expected):
    result = craig(*args)
    assert result.status == 2
    assert expected in result.error
