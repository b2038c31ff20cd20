"""Coreset, model and history files: round trips, whole or not at all, and one line for any damage."""

from __future__ import annotations

import json
import os
import stat

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp

from craig_cli.artifacts.coreset import (
    METADATA_KEY,
    SCHEMA,
    Coreset,
    check_matches,
    read_coreset,
    write_coreset,
)
from craig_cli.artifacts.files import atomic_output, check_output, default_output
from craig_cli.artifacts.history import KEYS, write_history
from craig_cli.artifacts.model import Model, read_model, write_model
from craig_cli.dataset import Source, from_arrays
from craig_cli.errors import DataError, UsageError

SOURCE = {"name": "a.libsvm", "size": 10, "rows": 5, "fingerprint": "f"}


def a_coreset(**changes) -> Coreset:
    columns = {
        "index": np.array([3, 0, 4]),
        "weight": np.array([2.0, 2.0, 1.0]),
        "rank": np.arange(3),
        "epsilon": np.array([np.inf, 2.5, 1.25]),
        "metadata": {"n": 5, "inputs": [SOURCE], "units": "feature distance"},
    }
    return Coreset(**(columns | changes))


def a_model(**changes) -> Model:
    values = {"loss": "logistic", "classes": (-1.0, 1.0), "coef": np.array([0.1, 1 / 3]), "intercept": 1e-300}
    return Model(**(values | {"l2": 1e-5} | changes))


def one_line(error: pytest.ExceptionInfo, path) -> str:
    message = str(error.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


class TestCoreset:
    def test_round_trip(self, tmp_path):
        path, coreset = tmp_path / "c.parquet", a_coreset()
        write_coreset(path, coreset)
        found = read_coreset(path)
        for column in SCHEMA.names:
            np.testing.assert_array_equal(getattr(found, column), getattr(coreset, column))
        assert found.metadata.items() >= coreset.metadata.items()

    def test_same_coreset_same_bytes(self, tmp_path):
        write_coreset(tmp_path / "a", a_coreset())
        write_coreset(tmp_path / "b", a_coreset())
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()

    def test_exactly_the_columns_of_the_contract(self, tmp_path):
        write_coreset(tmp_path / "c", a_coreset())
        table = pq.read_table(tmp_path / "c")
        assert [(field.name, str(field.type)) for field in table.schema] == [
            ("index", "int64"),
            ("weight", "double"),
            ("rank", "int64"),
            ("epsilon", "double"),
        ]
        assert list(table.schema.metadata) == [METADATA_KEY]

    @pytest.mark.parametrize(
        "changes, expected",
        [
            ({"index": np.array([3, 0, 5])}, "indices from 0 to 4"),
            ({"index": np.array([3, 0, -1])}, "indices from 0 to 4"),
            ({"index": np.array([3, 0, 3])}, "every index once"),
            ({"weight": np.array([2.0, np.nan, 1.0])}, "finite weights"),
            ({"weight": np.array([2.0, -1.0, 1.0])}, "finite weights"),
            ({"weight": np.zeros(3)}, "positive sum"),
            ({"rank": np.array([0, 2, 1])}, "ranks 0 to 2"),
            ({"epsilon": np.array([np.inf, np.nan, 1.0])}, "epsilon"),
            ({"metadata": {"n": "5", "inputs": [SOURCE]}}, 'a number of 1 or more as "n"'),
            ({"metadata": {"n": 5, "inputs": [SOURCE], "features": 2**31}}, 'as "features"'),
            ({"metadata": {"n": 5, "inputs": [SOURCE], "loss": 3}}, 'text as "loss"'),
            ({"metadata": {"n": 5, "inputs": [SOURCE], "radius": "5"}}, 'a number as "radius"'),
            ({"metadata": {"n": 5, "inputs": [SOURCE], "classes": [{}]}}, 'their labels as "classes"'),
            ({"metadata": {"n": 5}}, '"n" and "inputs"'),
            ({"metadata": {"n": 5, "inputs": [{"name": "x"}]}}, 'fingerprints as "inputs"'),
            ({"metadata": {"n": 5, "inputs": [SOURCE], "format": 99}}, "format 1"),
            ({"metadata": {"n": 5, "inputs": [SOURCE], "kind": "model"}}, "expected a coreset"),
        ],
    )
    def test_damage_is_one_line(self, tmp_path, changes, expected):
        path = tmp_path / "c.parquet"
        write_coreset(path, a_coreset(**changes))
        with pytest.raises(DataError) as error:
            read_coreset(path)
        assert expected in one_line(error, path)

    def test_an_empty_coreset_is_refused(self, tmp_path):
        path, none = tmp_path / "c.parquet", np.array([], dtype=np.int64)
        write_coreset(path, a_coreset(index=none, weight=none.astype(float), rank=none, epsilon=none.astype(float)))
        with pytest.raises(DataError, match="at least one element"):
            read_coreset(path)

    def test_cut_off_at_any_place(self, tmp_path):
        path = tmp_path / "c.parquet"
        write_coreset(path, a_coreset())
        whole = path.read_bytes()
        for length in (0, 3, 4, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:length])
            with pytest.raises(DataError) as error:
                read_coreset(path)
            one_line(error, path)

    def test_other_files_are_refused(self, tmp_path):
        path = tmp_path / "c.parquet"
        for content, expected in (
            (b"1 1:2\n", "expected a coreset file"),
            (b"{}", "expected a coreset file"),
        ):
            path.write_bytes(content)
            with pytest.raises(DataError, match=expected):
                read_coreset(path)
        pq.write_table(pa.table({"x": [1.0]}), path)
        with pytest.raises(DataError, match="without its"):
            read_coreset(path)
        pq.write_table(pa.table({"x": [1.0]}).replace_schema_metadata({METADATA_KEY: b"{"}), path)
        with pytest.raises(DataError, match="expected JSON"):
            read_coreset(path)
        with pytest.raises(DataError, match="no such file"):
            read_coreset(tmp_path / "absent")
        with pytest.raises(DataError):
            read_coreset(tmp_path)

    def test_a_missing_value_is_refused(self, tmp_path):
        path = tmp_path / "c.parquet"
        facts = json.dumps({"format": 1, "kind": "coreset", "n": 5, "inputs": [SOURCE]}).encode()
        fields = [pa.field(field.name, field.type) for field in SCHEMA]
        columns = [[0, None], [1.0, 1.0], [0, 1], [1.0, 1.0]]
        schema = pa.schema(fields, metadata={METADATA_KEY: facts})
        pq.write_table(pa.table([pa.array(c, f.type) for c, f in zip(columns, fields)], schema=schema), path)
        with pytest.raises(DataError, match="missing values"):
            read_coreset(path)

    def test_other_data_is_refused(self):
        from dataclasses import replace

        data = from_arrays(np.zeros((5, 1)))
        same = replace(data, sources=(Source("renamed.libsvm", 10, 5, "f"),))
        check_matches(a_coreset(), "c", same)
        with pytest.raises(DataError, match=r"found other content in a\.libsvm"):
            check_matches(a_coreset(), "c", replace(data, sources=(Source("a.libsvm", 10, 5, "g"),)))
        with pytest.raises(DataError, match=r"expected 5 rows of a\.libsvm, found 6 rows in b\.libsvm"):
            check_matches(a_coreset(), "c", replace(data, sources=(Source("b.libsvm", 10, 6, "g"),)))


class TestModel:
    def test_floats_round_trip_exactly(self, tmp_path):
        rng = np.random.default_rng(0)
        coef = rng.normal(size=50) * 10.0 ** rng.integers(-300, 300, size=50)
        write_model(tmp_path / "m", a_model(coef=coef))
        found = read_model(tmp_path / "m")
        np.testing.assert_array_equal(found.coef, coef)
        assert (found.intercept, found.l2, found.classes) == (1e-300, 1e-5, (-1.0, 1.0))

    def test_multinomial_round_trip(self, tmp_path):
        model = a_model(
            loss="multinomial",
            classes=(1.0, 2.0, 3.0),
            coef=np.arange(6.0).reshape(3, 2),
            intercept=np.ones(3),
        )
        write_model(tmp_path / "m", model)
        found = read_model(tmp_path / "m")
        np.testing.assert_array_equal(found.coef, model.coef)
        np.testing.assert_array_equal(found.intercept, model.intercept)
        assert found.n_features == 2

    def test_is_one_json_object(self, tmp_path):
        write_model(tmp_path / "m", a_model())
        assert json.loads((tmp_path / "m").read_text())["kind"] == "model"

    @pytest.mark.parametrize(
        "change, expected",
        [
            ({"kind": "coreset"}, '"kind": "model"'),
            ({"format": 2}, "model format 1"),
            ({"loss": "cubic"}, "expected a loss among"),
            ({"coef": [1.0]}, "coef of shape"),
            ({"coef": [[1.0, 2.0]]}, "coef of shape"),
            ({"coef": ["a", "b"]}, "expected numbers"),
            ({"coef": [[1.0], [1.0, 2.0]]}, "expected numbers"),
            ({"intercept": [1.0]}, "an intercept to match"),
            ({"l2": -1.0}, "finite numbers"),
            ({"l2": None}, "expected numbers"),
            ({"classes": 3}, "expected numbers"),
            ({"optimizer": []}, "an object in optimizer"),
            ({"surprise": 1}, "no key 'surprise'"),
        ],
    )
    def test_damage_is_one_line(self, tmp_path, change, expected):
        path = tmp_path / "m.json"
        write_model(path, a_model())
        path.write_text(json.dumps(json.loads(path.read_text()) | change))
        with pytest.raises(DataError) as error:
            read_model(path)
        assert expected in one_line(error, path)

    @pytest.mark.parametrize("number", ["1e400", "Infinity", "NaN"])
    def test_numbers_that_are_not_finite_are_refused(self, tmp_path, number):
        path = tmp_path / "m.json"
        write_model(path, a_model())
        path.write_text(path.read_text().replace("1e-05", number))
        with pytest.raises(DataError) as error:
            read_model(path)
        one_line(error, path)

    @pytest.mark.parametrize("key", ["coef", "loss", "l2", "coreset"])
    def test_a_missing_key_is_named(self, tmp_path, key):
        path = tmp_path / "m.json"
        write_model(path, a_model())
        values = json.loads(path.read_text())
        del values[key]
        path.write_text(json.dumps(values))
        with pytest.raises(DataError, match=f"expected the key '{key}'"):
            read_model(path)

    @pytest.mark.parametrize("content", [b"", b"PAR1", b"[1]", b"\xff\xfe", b'{"coef": [NaN]}', b"[" * 100_000])
    def test_other_content_is_one_line(self, tmp_path, content):
        path = tmp_path / "m.json"
        path.write_bytes(content)
        with pytest.raises(DataError) as error:
            read_model(path)
        one_line(error, path)


def test_history_is_json_lines(tmp_path):
    epochs = [dict.fromkeys(KEYS, number) for number in range(3)]
    write_history(tmp_path / "h", epochs)
    assert [json.loads(line) for line in (tmp_path / "h").read_text().splitlines()] == epochs


class TestFiles:
    def test_a_failed_write_leaves_the_old_file_and_nothing_else(self, tmp_path):
        path = tmp_path / "out"
        path.write_text("old")
        with pytest.raises(KeyboardInterrupt), atomic_output(path) as stream:
            stream.write(b"new")
            raise KeyboardInterrupt
        assert path.read_text() == "old"
        assert os.listdir(tmp_path) == ["out"]

    def test_the_old_file_is_there_until_the_new_one_is_whole(self, tmp_path):
        path = tmp_path / "out"
        path.write_text("old")
        with atomic_output(path) as stream:
            stream.write(b"new")
            assert path.read_text() == "old"
        assert path.read_text() == "new"

    def test_permissions_are_those_of_any_new_file(self, tmp_path):
        (tmp_path / "plain").write_text("")
        with atomic_output(tmp_path / "out"):
            pass
        assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)

    def test_a_link_stays_a_link(self, tmp_path):
        (tmp_path / "target").write_text("old")
        (tmp_path / "link").symlink_to("target")
        with atomic_output(tmp_path / "link") as stream:
            stream.write(b"new")
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "target").read_text() == "new"

    def test_an_output_that_is_an_input_is_refused(self, tmp_path):
        path = tmp_path / "data"
        path.write_text("x")
        (tmp_path / "link").symlink_to(path)
        for output in (path, tmp_path / "link", tmp_path / "." / "data"):
            with pytest.raises(UsageError, match="also an input"):
                check_output(output, (str(path),))

    def test_missing_folders_and_folders_are_refused(self, tmp_path):
        with pytest.raises(DataError, match="no such folder"):
            check_output(tmp_path / "absent" / "out")
        with pytest.raises(DataError, match="Is a directory"):
            check_output(tmp_path)

    def test_default_names(self):
        for name, expected in (
            ("data/covtype.libsvm.gz", "covtype.x"),
            ("a.test.parquet", "a.test.x"),
            ("ijcnn1.t.bz2", "ijcnn1.t.x"),
            ("parts/", "parts.x"),
            ("-", "-"),
        ):
            assert default_output(name, ".x") == expected


# --- the rows of a coreset, for other trainers ---------------------------------------------------------------


def test_take_gives_rows_labels_and_weights_in_greedy_order():
    features, labels = np.arange(10.0).reshape(5, 2), np.arange(5.0)
    rows, found, weight = a_coreset().take(features, labels)
    assert rows.tolist() == [[6, 7], [0, 1], [8, 9]]
    assert found.tolist() == [3, 0, 4]
    assert weight.tolist() == [2, 2, 1]
    rows, found, weight = a_coreset().take(sp.csr_matrix(features), None, normalize="mean")
    assert rows.toarray().tolist() == [[6, 7], [0, 1], [8, 9]]
    assert found is None
    assert weight.tolist() == [1.2, 1.2, 0.6]
    assert a_coreset().take(features.tolist(), list("abcde"))[1].tolist() == ["d", "a", "e"]


def test_take_leaves_the_coreset_alone():
    coreset = a_coreset()
    coreset.take(np.zeros((5, 1)))[2][:] = 0
    assert coreset.weight.tolist() == [2, 2, 1]


def test_take_refuses_other_rows():
    with pytest.raises(UsageError, match="features: expected the 5 rows that the coreset was selected from, found 4"):
        a_coreset().take(np.zeros((4, 2)))
    with pytest.raises(UsageError, match="labels: expected the 5 rows"):
        a_coreset().take(np.zeros((5, 2)), np.zeros(6))
    with pytest.raises(UsageError, match="normalize: expected sum or mean, found 'none'"):
        a_coreset().take(np.zeros((5, 2)), normalize="none")
