"""``--for``: what a coreset is for, and what that sets; the same from Python."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from craig_cli import CoresetSampler, evaluate_model, read_coreset, select_coreset, train_model
from craig_cli.dataset import from_arrays
from craig_cli.errors import UsageError
from craig_cli.registry import RECIPES
from craig_cli.selection.at_model import AtModel
from craig_cli.selection.plan import Plan, resolve
from craig_cli.streaming.asked import resolved, streamed_algorithm
from tests.conftest import SAMPLE
from tests.paper import paper_coreset

BINARY = SAMPLE / "binary.libsvm"


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((1500, 4))
    return rows, (rows[:, 0] + rng.logistic(size=1500) > 0) * 1


def picked(craig, *args, name="c.parquet"):
    craig.ok("select", BINARY, "--size", "150", *args, "-o", name, "-q")
    return read_coreset(craig.folder / name)


def test_a_file_says_what_it_is_for(craig):
    for name in RECIPES:
        assert picked(craig, "--for", name).metadata["for"] == name
    assert "for distance" in craig.ok("eval", "--coreset", "c.parquet").text


def test_the_old_name_of_for_linear(craig):
    old, new = picked(craig, "--pilot"), picked(craig, "--for", "linear")
    assert np.array_equal(old.index, new.index) and np.array_equal(old.weight, new.weight)
    assert "pilot" in new.metadata["at"] and old.metadata == new.metadata


def test_distance_is_the_construction_of_the_paper(craig, data):
    found = picked(craig, "--for", "distance")
    paper = picked(craig, "--exemplar", "medoid", "--weights", "count")
    assert np.array_equal(found.index, paper.index) and np.array_equal(found.weight, paper.weight)
    assert found.epsilon[-1] < picked(craig).epsilon[-1]
    mine, theirs = select_coreset(*data, size=90, purpose="distance"), paper_coreset(*data, size=90)
    assert np.array_equal(mine.index, theirs.index) and np.array_equal(mine.weight, theirs.weight)


def test_who_says_a_part_overrides_it(craig):
    found = picked(craig, "--for", "distance", "--exemplar", "member")
    assert found.metadata["exemplar"] == "member" and found.metadata["weights"] == "count"
    assert picked(craig, "--for", "distance", "--algorithm", "random").metadata["exemplar"] is None


@pytest.mark.parametrize(
    "asked, at_model, exemplar, swaps",
    [
        ({}, False, "member", 1),
        ({}, True, "member", 0),
        ({"exemplar": "medoid"}, True, "medoid", 1),
        ({"purpose": "distance"}, False, "medoid", 1),
        ({"purpose": "distance", "exemplar": "member", "swaps": 3}, True, "member", 3),
        ({"epsilon": 9.0, "size": None}, False, "medoid", 1),
        ({"purpose": "linear"}, True, None, 0),
        ({"algorithm": "strata"}, False, None, 0),
    ],
)
def test_what_is_left_open_is_the_same_in_memory_and_in_pieces(data, asked, at_model, exemplar, swaps):
    plan = Plan(**{"size": 150, **asked})
    dataset = from_arrays(*data)
    at = AtModel(data[0]) if at_model else None
    in_memory, _ = resolve(replace(plan, algorithm=streamed_algorithm(plan), weights="count"), dataset, at)
    in_pieces = resolved(plan, at_model)
    assert [(each.exemplar, each.swaps) for each in (in_memory, in_pieces)] == [(exemplar, swaps)] * 2


def test_python_selects_as_the_command_does(craig):
    from craig_cli import read_dataset

    dataset = read_dataset([str(BINARY)])
    for name in RECIPES:
        mine = select_coreset(dataset.features, dataset.labels, size=150, purpose=name)
        assert np.array_equal(mine.index, picked(craig, "--for", name).index)


@pytest.mark.parametrize(
    ("name", "meant"),
    [("fractoin", "fraction"), ("pilot", 'purpose="linear"'), ("sample_weight", "multiplicity"), ("xyz", None)],
)
def test_a_name_that_does_not_exist(data, name, meant):
    with pytest.raises(
        TypeError, match=f"unexpected argument '{name}'" + (f"; did you mean {meant}" if meant else "$")
    ):
        select_coreset(*data, size=10, **{name: 1})


def test_purposes_that_do_not_exist(data):
    with pytest.raises(UsageError, match="purpose: expected one of any, linear, distance, found 'kernel'"):
        select_coreset(*data, size=10, purpose="kernel")


def test_train_and_evaluate_from_python(data):
    coreset = select_coreset(*data, fraction=0.1, purpose="linear")
    model = train_model(*data, coreset=coreset, epochs=40)
    whole = train_model(*data, epochs=40)
    ours, theirs = evaluate_model(model, *data), evaluate_model(whole, *data)
    assert theirs["objective"] <= ours["objective"] + 1e-12 and ours["objective"] < theirs["objective"] + 1e-3
    with pytest.raises(UsageError, match="found both"):
        train_model(*data, coreset=coreset, sample_weight=np.ones(1500))


def test_training_from_python_says_what_the_command_says(data):
    table = pa.table({"x": data[0][:, 0], "who": [f"p{row}" for row in range(1500)], "label": data[1]})
    told: list[str] = []
    short = {"epochs": 1, "precondition": "none", "step": 1e-4, "note": told.append}
    model = train_model(table, "label", **short)
    assert "left out" in told[0] and "this is no optimum" in told[1]
    del told[:]
    train_model(*data, coreset=select_coreset(*data, size=50, purpose="distance"), **short)
    assert len(told) == 1 and "this is no optimum" in told[0]
    more = table.append_column("z", table["x"])
    evaluate_model(model, more, "label", note=told.append)
    assert told[1].endswith("columns that the training data has not are left out: z")


def test_a_model_prints_as_one_line(data):
    assert repr(train_model(*data, epochs=1)) == "Model(logistic loss, 2 classes, 4 features, l2 1e-05, by sgd)"
    numbers = train_model(data[0], data[0][:, 0], epochs=1, optimizer="saga", l2=0.01)
    assert repr(numbers) == "Model(squared loss, 4 features, l2 0.01, by saga)"


def test_a_sampler_in_the_form_of_others(data, tmp_path):
    rows, labels = data
    names = np.where(labels == 1, 2, 1)
    sampler = CoresetSampler(size=60, purpose="distance", normalize="mean")
    found, classes = sampler.fit_resample(rows, names)
    assert np.array_equal(found, rows[sampler.sample_indices_])
    assert np.array_equal(classes, names[sampler.sample_indices_])
    assert sampler.sample_weight_.mean() == pytest.approx(1.0)
    sampler.coreset_.write(tmp_path / "c.parquet")
    assert np.array_equal(read_coreset(tmp_path / "c.parquet").index, sampler.coreset_.index)


def test_a_coreset_as_a_data_frame(data):
    pd = pytest.importorskip("pandas")
    coreset = select_coreset(*data, size=20, purpose="distance")
    frame = coreset.to_pandas()
    assert isinstance(frame, pd.DataFrame) and list(frame.columns) == ["index", "weight", "rank", "epsilon"]
    assert np.array_equal(frame["weight"], coreset.weight)


def test_a_misspelt_argument_of_training_is_named():
    with pytest.raises(TypeError, match=r"train_model\(\) got an unexpected argument 'epoch'; did you mean epochs\?"):
        train_model(np.eye(4), [0, 1, 0, 1], epoch=3)
