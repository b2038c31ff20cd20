"""Columns that may be other than what they are taken for: dates as text, and identifiers."""

from __future__ import annotations

import datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from craig_cli import select_coreset
from craig_cli.formats import parquet, read_dataset
from craig_cli.selection.plan import Plan
from craig_cli.streaming.select import select_streamed
from craig_cli.tables import suspects
from craig_cli.tables.suspects import Counting, Different, look_like_dates

N = 60
DAYS = [datetime.date(2024, 1, 28) + datetime.timedelta(day) for day in range(N)]
LABELS = [row % 2 for row in range(N)]


@pytest.mark.parametrize(
    "form",
    ["%d/%m/%Y", "%Y-%m-%d", "%m.%d.%y", "%d %b %Y", "%d-%b-%y", "%B %d, %Y", "%Y/%m/%d %H:%M", "%Y-%m-%dT%H:%M:%SZ"],
)
def test_dates_in_many_forms(form):
    assert look_like_dates([day.strftime(form) for day in DAYS])


@pytest.mark.parametrize(
    "values", [[], ["1.2.10", "1.10.0"], ["may", "june"], ["2024"], ["12-1234567-1"], ["31/12/2024", "never", "once"]]
)
def test_what_is_no_date(values):
    assert not look_like_dates(values)


def test_a_few_that_are_none_do_not_matter():
    assert look_like_dates([*(day.strftime("%d/%m/%Y") for day in DAYS), "unknown", "never"])


def told(tmp_path, columns: dict, **asked) -> tuple[str, ...]:
    pq.write_table(pa.table(columns | {"label": LABELS}), tmp_path / "in.parquet", row_group_size=17)
    return read_dataset([tmp_path / "in.parquet"], **asked).notes


def test_codes_of_three_pairs_of_digits_are_no_dates():
    assert not look_like_dates(["54-07-78", "92-18-58", "40-47-84", "23-05-80"])


def test_dates_as_text_are_said_so_and_what_was_made_of_them(tmp_path):
    often = [DAYS[row % 8].isoformat() for row in range(N)]
    once = [day.strftime("%d/%m/%Y") for day in DAYS]
    columns = {"x": [3 * (row % 7) for row in range(N)], "since": often, "born": once, "day": pa.array(DAYS)}
    assert told(tmp_path, columns) == (
        'left out: "born": 60 different dates as text; as columns of dates (in CSV: 2024-12-31) they are days',
        '"since": dates, taken as text; as columns of dates (in CSV: 2024-12-31) they are days',
    )
    encoding = read_dataset([tmp_path / "in.parquet"]).encoding
    assert told(tmp_path, columns, encoding=encoding) == ()  # it is settled
    assert told(tmp_path, columns, features=["since"]) == ()  # who asks for it by name knows it
    (tmp_path / "in.csv").write_text("a,b,label\n" + "".join(f"{day},{day:%d.%m.%Y},0\n" for day in DAYS[:9] * 3))
    (note,) = read_dataset([tmp_path / "in.csv"]).notes  # pyarrow knows the first of the two
    assert note.startswith('"b": dates, taken as text')


def test_identifiers_are_features_and_said_so(tmp_path):
    rng = np.random.default_rng(0)
    columns = {
        "row": np.arange(7, 7 + N),
        "user_id": rng.permutation(10 * N)[:N],
        "shop_id": rng.integers(0, 9, N),  # not all different
        "paid": rng.permutation(10 * N)[:N],
        "real": np.arange(N) * 1.0,
        "x": rng.normal(size=N),
    }
    (note,) = told(tmp_path, columns)
    assert note == (
        '"row", "user_id": whole numbers that are all different, as identifiers are; --exclude row,user_id if they are'
    )
    data = read_dataset([tmp_path / "in.parquet"])
    assert data.n_features == 6 and np.array_equal(data.features[:, 0], columns["row"])
    assert told(tmp_path, columns, exclude=["row", "user_id"]) == ()
    assert told(tmp_path, columns, features=["row", "x"]) == ()
    assert told(tmp_path, columns, encoding=data.encoding) == ()
    lines: list[str] = []
    select_coreset(pa.table(columns), LABELS, size=10, note=lines.append)
    assert note in lines


def test_counting_goes_on_from_piece_to_piece():
    def sorted_(*pieces) -> tuple[bool, bool]:
        counting, joined = Counting("x"), Counting("x")
        for piece in pieces:
            counting.add(np.array(piece))
            part = Counting("x")
            part.add(np.array(piece))
            joined.join(part)
        found = counting.whole and counting.rises, counting.whole and counting.falls
        assert (joined.whole and joined.rises, joined.whole and joined.falls) == found and joined.rows == counting.rows
        return found

    assert sorted_([3, 4], [5], np.empty(0, np.int64), [6, 9]) == (True, False)
    assert sorted_([9], [7, 2], [-1]) == (False, True)
    assert sorted_([3, 4], [4]) == sorted_([3, 5, 4, 6]) == sorted_([1.0, 2.0]) == (False, False)
    assert sorted_([3, 4], [2, 5]) == sorted_([9, 8], [9, 7]) == (False, False)
    assert sorted_(np.array([2, 1], np.uint64)) == (False, True)
    assert sorted_(np.array([2**64 - 2, 2**64 - 1], np.uint64)) == (True, False)


def test_row_numbers_of_a_sample_are_identifiers_in_its_order_or_by_their_name(tmp_path):
    """As a held-out part of a table has them, which R and pandas wrote with the numbers of its rows."""
    rng = np.random.default_rng(0)
    kept = np.sort(rng.permutation(10 * N)[:N])
    names = ["rownames", "Unnamed: 0", "row_number", "index", "uid", "id_str"]
    columns = {"anything": kept, "other": kept[::-1]} | {name: rng.permutation(kept) for name in names}
    others = {"unindexed": rng.permutation(kept), "x": rng.normal(size=N), "year": np.sort(rng.integers(1990, 2020, N))}
    (note,) = told(tmp_path, columns | others)
    assert note.endswith(f"--exclude {','.join(columns)} if they are")


@pytest.mark.parametrize("most", [50, 400, 1 << 18])
def test_numbers_that_are_all_different_in_any_pieces(monkeypatch, most):
    monkeypatch.setattr(suspects, "MOST", most)
    rng = np.random.default_rng(0)
    numbers = rng.permutation(3000) - 1500
    for twice in (0, 1, 1500):  # of few that are there twice all may be forgotten; of many some are remembered
        numbers[rng.permutation(3000)[:twice]] = numbers[0]
        alone, joined = Different(), Different()
        for piece in np.array_split(numbers, 13):
            alone.add(piece)
            part = Different()
            part.add(piece.astype(np.int16))
            joined.join(part)
        assert max(len(each._hashes) for each in (alone, joined)) <= most
        assert alone.all == joined.all == (len(np.unique(numbers)) == 3000) or (twice == 1 and most < 3000)


def test_beyond_int64_they_differ_as_well():
    different = Different()
    different.add(np.array([2**64 - 1, 2**63, 5], np.uint64))
    different.add(np.array([5], np.int8))
    assert not different.all


@pytest.mark.parametrize(
    "reading", [{}, {"features": ("user_id", "since", "x")}, {"exclude": ("since", "born", "day")}]
)
@pytest.mark.parametrize("missing", [False, True])
def test_streamed_runs_say_the_same(tmp_path, monkeypatch, reading, missing):
    """Of plain numbers they are found in the first pass, else in the one before."""
    monkeypatch.setattr(parquet, "MOST", 13)
    monkeypatch.setattr(parquet, "LEAST", 13)
    rng = np.random.default_rng(0)
    x = rng.normal(size=N).tolist()
    columns = {
        "since": [DAYS[row % 8].isoformat() for row in range(N)],
        "born": [day.strftime("%d/%m/%Y") for day in DAYS],
        "day": DAYS,
        "row": np.arange(7, 7 + N),
        "user_id": rng.permutation(10 * N)[:N],
        "shop_id": np.where(np.arange(N) == 50, 3, np.arange(N)),
        "x": [*x[:-1], None] if missing else x,
    }
    pq.write_table(pa.table({**columns, "label": LABELS}), tmp_path / "in.parquet", row_group_size=17)
    expected = read_dataset([tmp_path / "in.parquet"], **reading).notes
    notes: list[str] = []
    plan, where = Plan(size=10, purpose="distance", scale="standard", threads=1), tmp_path / "scratch"
    asked = {"label": "label", **reading}
    select_streamed([str(tmp_path / "in.parquet")], plan, asked, where, note=notes.append, on_disk=False)
    assert tuple(notes) == expected and (len(notes) > 0 or "features" in reading)
