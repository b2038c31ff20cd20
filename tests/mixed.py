"""A table with columns of every kind, for tests."""

from __future__ import annotations

import datetime
import random

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather

N_ROWS = 400


def mixed(n_rows: int = N_ROWS, seed: int = 0) -> pa.Table:
    """Rows of every kind of column, some of it missing, with labels that can be learnt."""
    rng = np.random.default_rng(seed)
    job = rng.choice(["clerk", "cook", "nurse", "smith"], n_rows, p=[0.4, 0.3, 0.2, 0.1])
    pay = rng.normal(10, 3, n_rows) + 4 * (job == "nurse")
    holes = random.Random(seed)

    def some(values: list) -> list:
        return [None if holes.random() < 0.1 else value for value in values]

    born = [datetime.date(1980, 1, 1) + datetime.timedelta(int(day)) for day in rng.integers(0, 9000, n_rows)]
    return pa.table(
        {
            "id": [f"id{row:06d}" for row in rng.permutation(n_rows)],
            "pay": some(pay.tolist()),
            "age": some(rng.integers(18, 80, n_rows).tolist()),
            "job": pa.array(some(job.tolist())).dictionary_encode(),
            "town": [f"town {k % 60}" for k in rng.zipf(1.5, n_rows)],
            "born": pa.array(some(born)),
            "home": pa.array(
                [{"zip": f"{row % 7:02d}", "own": bool(row % 2)} for row in rng.integers(0, 99, n_rows)],
                pa.struct([("zip", pa.string()), ("own", pa.bool_())]),
            ),
            "two": rng.normal(size=(n_rows, 2)).tolist(),
            "note": [" ".join(rng.choice([f"w{k}" for k in range(40)], 6)) for _ in range(n_rows)],
            "photo": [b"jpeg"] * n_rows,
            "always": ["so"] * n_rows,
            "label": np.where(pay + rng.normal(0, 1, n_rows) > 11, "yes", "no"),
        }
    )


def dense(dataset) -> np.ndarray:
    return dataset.features.toarray() if dataset.is_sparse else dataset.features
