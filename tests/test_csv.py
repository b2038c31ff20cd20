"""CSV and TSV: the dialect that is found, what fields mean, pipes, and what cannot be read."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pytest

from craig_cli.artifacts.coreset import read_coreset
from craig_cli.errors import DataError
from craig_cli.formats import read_dataset
from tests.mixed import dense, mixed


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
@pytest.mark.parametrize("header", [True, False])
def test_the_dialect_is_found(tmp_path, delimiter, header, end):
    rows = [["1", "a b", "2.5", "0"], ["2", f'"x{delimiter} ""y"""', "", "1"], ["-3", "a b", "1e3", "0"]]
    lines = [["n", "text", " x ", "label"]] * header + rows
    (tmp_path / "a").write_bytes(end.join(delimiter.join(line) for line in lines).encode())
    found = read_dataset([tmp_path / "a"], label="label" if header else "f3")
    names = ["n", "text", "x"] if header else ["f0", "f1", "f2"]
    assert [column.name for column in found.encoding.columns] == names
    assert found.encoding.columns[1].facts["values"] == ["a b", f'x{delimiter} "y"']
    assert dense(found)[:, 0].tolist() == [1, 2, -3]
    assert found.labels.tolist() == [0, 1, 0]
    for options in ({"delimiter": delimiter}, {"header": header}, {"format": "csv"}):
        again = read_dataset([tmp_path / "a"], label="label" if header else "f3", **options)
        assert np.array_equal(dense(again), dense(found))


def test_what_csv_means(tmp_path):
    text = (
        "\ufeffn,zip,mark,when,price,flag,label\n"
        "1,01234,?,2024-01-02,1.5,true,yes\n"
        "?,99999,+,2024-01-03,NA,false,no\n"
        "3,01234,+,,2.5,true,yes\n"
        "4.5,1,?,2024-01-01,3,false,no\n"
    )
    (tmp_path / "a.csv").write_text(text)
    found = read_dataset([tmp_path / "a.csv"])
    kinds = {column.name: (column.kind, column.facts) for column in found.encoding.columns}
    assert kinds["n"] == ("number", {"mean": 8.5 / 3, "missing": True})  # ? is missing where all else is numbers
    assert kinds["zip"] == ("category", {"values": ["01234", "1", "99999"], "rest": False, "missing": False})
    assert kinds["mark"][1]["values"] == ["+", "?"]  # and is a value where it is text
    assert kinds["when"][0] == "time" and kinds["when"][1]["missing"]
    assert kinds["price"][1] == {"mean": 7 / 3, "missing": True}
    assert kinds["flag"][0] == "number"
    (tmp_path / "b.csv").write_text("a;b;label\n1,5;2;0\n2,25;3;1\n")  # as in half of Europe
    assert read_dataset([tmp_path / "b.csv"]).features.tolist() == [[1.5, 2], [2.25, 3]]


@pytest.mark.parametrize(
    "text, found",
    [
        ("a,b,a\n1,2,0\n", 'expected one column "a", found 2 in its first line; --no-header if that is a row'),
        ("a,b,a\n", 'expected one column "a", found 2'),
        ("a,b,label\n1,2,0\n1,2\n", "Expected 3 columns, got 2"),
        ("a,b,label\n", "expected at least one row"),
        ("a,b,c\n1,2,3\n", 'no column "label"; found: a, b, c (name it with --label)'),
        ("a,label\n1,\n", 'column "label", row 0 (from 0): expected a label, found null'),
        ("a,label\n1,0\n2,1\ninf,1\n", 'column "a", row 2 (from 0): expected a finite number, found inf'),
    ],
)
def test_csv_that_cannot_be_read(tmp_path, text, found):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(DataError) as refusal:
        read_dataset([tmp_path / "a.csv"])
    assert str(refusal.value).startswith(f"{tmp_path / 'a.csv'}: ") and found in str(refusal.value)


def test_a_first_line_of_values_that_repeat_is_no_header(tmp_path):
    """As in the UCI's files of mushrooms, votes and chess, in which all is text and nothing has a name."""
    rows = ["y,n,y,democrat", "n,n,y,republican", "y,y,n,democrat"]
    (tmp_path / "votes.data").write_text("\n".join(rows) + "\n")
    found = read_dataset([tmp_path / "votes.data"], label="f3")
    assert found.n_rows == 3 and found.label_names == ("democrat", "republican")
    assert [column.name for column in found.encoding.columns] == ["f0", "f1", "f2"]
    (tmp_path / "names.csv").write_text("a,b,a,label\na,b,c,label\nb,b,a,label\n")  # c is a name of none
    with pytest.raises(DataError, match="--no-header"):
        read_dataset([tmp_path / "names.csv"], header=True)
    assert read_dataset([tmp_path / "names.csv"], label="f3").n_rows == 3


@pytest.mark.parametrize("note", ["plain", "of two\nlines"])
def test_whole_numbers_of_64_bits_keep_their_digits(tmp_path, note):
    """pyarrow alone takes numbers from 2^63 on for floats, in which the first two are one."""
    keys = [2**63, 2**63 + 7, 2**64 - 1, 2**63]
    text = "".join(
        f'{key},{key}.5,{key if row else ""},{1.5 * row}e300,"{note}",{key}\n' for row, key in enumerate(keys)
    )
    (tmp_path / "a.csv").write_text("key,tenths,gaps,large,note,label\n" + text)
    found = read_dataset([tmp_path / "a.csv"], original=True)
    assert found.label_names == (2**63, 2**63 + 7, 2**64 - 1) and found.labels.tolist() == [0, 1, 2, 0]
    table = found.original()
    assert table["key"].to_pylist() == table["label"].to_pylist() == keys
    assert table["gaps"].to_pylist() == [None, *keys[1:]]
    assert table["tenths"].to_pylist() == [key + 0.5 for key in keys]
    assert table["large"].to_pylist() == [0, 1.5e300, 3e300, 4.5e300]


@pytest.mark.parametrize("small", [7, -7])
def test_files_with_large_and_with_small_whole_numbers_are_one_table(tmp_path, small):
    """pyarrow alone would make int64 of both, or say that the large ones do not fit."""
    keys = [small, 2**53 + 1, 2**63 + 7, 2**64 - 1]
    for name, part in (("a.csv", keys[:2]), ("b.csv", keys[2:])):
        (tmp_path / name).write_text("key,label\n" + "".join(f"{key},{place}\n" for place, key in enumerate(part)))
    table = read_dataset([tmp_path / "a.csv", tmp_path / "b.csv"], original=True).original()
    assert table["key"].type == pa.decimal128(20, 0)
    assert [int(key) for key in table["key"].to_pylist()] == keys


def test_line_ends_inside_of_fields(tmp_path):
    """Also where the reader cuts its blocks of a megabyte."""
    notes = [f"note {k}\nof {k % 9} lines\n" * (k % 5) for k in range(60_000)]
    pa.csv.write_csv(pa.table({"n": range(len(notes)), "note": notes, "label": [0, 1] * 30_000}), tmp_path / "a.csv")
    found = read_dataset([tmp_path / "a.csv"], exclude=["note"], original=True)
    assert found.features.ravel().tolist() == list(range(len(notes)))
    assert found.original()["note"].to_pylist() == [note or None for note in notes]


def test_csv_from_a_pipe_and_compressed(craig):
    table = mixed(100).select(["pay", "job", "label"])
    pa.csv.write_csv(table.set_column(1, "job", table["job"].cast(pa.string())), craig.folder / "a.csv")
    text = (craig.folder / "a.csv").read_bytes()
    craig.ok("select", "a.csv", "--size", "10", "-o", "c", "-q")
    craig.ok("select", "-", "--size", "10", "-o", "d", "-q", stdin=text)
    import gzip

    (craig.folder / "a.csv.gz").write_bytes(gzip.compress(text))
    craig.ok("select", "a.csv.gz", "--size", "10", "-o", "e", "-q")
    chosen = [read_coreset(craig.folder / name).index.tolist() for name in "cde"]
    assert chosen[0] == chosen[1] == chosen[2]
    piped = craig.ok("export", "-", "--coreset", "c", "--to", "csv", "-o", "-", "-q", stdin=text).text.splitlines()
    assert piped[0] == '"pay","job","label","craig_weight","craig_rank"' and len(piped) == 11
