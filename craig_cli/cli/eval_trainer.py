"""A trainer of the user's own, ``craig eval --compare --trainer COMMAND``: rows go out as CSV, a number comes back.

The command runs in a shell, in the current directory, once for each training, and finds in its environment

CRAIG_TRAIN, CRAIG_TEST  CSV files: the columns of the data as they are (of LIBSVM: label, x1, x2, ...), then
                         ``craig_weight``, which sums to the number of training rows; of test rows how often they count
CRAIG_LABEL              the name of the column of labels
CRAIG_MEAN_WEIGHT        the mean of the weights, n/r, by which boosters and trainers that step row by row divide
CRAIG_WAY, CRAIG_SIZE, CRAIG_SEED  how the rows were chosen, how many they are, and a seed for what is random

The last line that it prints is a number, the lower the better.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from craig_cli.errors import DataError
from craig_cli.evaluation.compare import Judged
from craig_cli.exporters import Rows
from craig_cli.exporters.table import check_width, write_csv
from craig_cli.formats.arrow import to_arrow
from craig_cli.formats.messages import printable

LONGEST = 200  # characters of what the command said, in a message


class Command:
    """The trainer of ``compare.py`` that a command is. ``folder`` is where its files go."""

    def __init__(self, command: str, train, test, rows: np.ndarray, test_rows: np.ndarray, label: str, folder: str):
        """rows, test_rows  where the rows of ``train`` and ``test`` are in the tables that those come from."""
        self.command, self.folder, self.label = command, Path(folder), label
        self.train, self.test = _table(train, rows), self.folder / "test.csv"
        _write(self.test, _table(test, test_rows), test.counts)

    def __call__(self, rows: np.ndarray, weights: np.ndarray, way: str, seed: int) -> Judged:
        path = self.folder / "train.csv"
        _write(path, self.train.take(to_arrow(rows)), weights)
        environment = {
            "CRAIG_TRAIN": str(path),
            "CRAIG_TEST": str(self.test),
            "CRAIG_LABEL": self.label,
            "CRAIG_MEAN_WEIGHT": repr(float(weights.mean())),
            "CRAIG_WAY": way,
            "CRAIG_SIZE": str(len(rows)),
            "CRAIG_SEED": str(seed),
        }
        began = time.perf_counter()
        status, output, errors = _run(self.command, environment)
        seconds = time.perf_counter() - began
        if status != 0:
            how = f"exit status {status}" if status > 0 else f"signal {-status}"
            raise DataError(f"--trainer: failed on {len(rows)} rows ({way}, seed {seed}), {how}: {_last_line(errors)}")
        last = _last_line(output)
        try:
            score = float(last)
        except ValueError:
            score = math.nan
        if not math.isfinite(score):
            raise DataError(
                f"--trainer: expected a number in the last line of what it prints, found {last!r} on {len(rows)} rows "
                f"({way}, seed {seed})"
            )
        return Judged(score, seconds)


def _run(command: str, environment: dict[str, str]) -> tuple[int, bytes, bytes]:
    """(exit status, stdout, stderr) of a shell command; nothing of it goes on when we are told to stop."""
    process = subprocess.Popen(
        command,
        shell=True,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        output, errors = process.communicate()
    except BaseException:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        raise
    return process.returncode, output, errors


def _last_line(text: bytes) -> str:
    lines = [line for line in text.decode(errors="replace").splitlines() if line.strip()]
    return printable(lines[-1].strip()[:LONGEST]) if lines else "nothing"


def _table(dataset, rows: np.ndarray) -> pa.Table:
    """The rows as they are in the table they come from; else label, x1, x2, ..."""
    if dataset.original is not None:
        return dataset.original().take(to_arrow(rows))
    check_width(dataset.n_features)
    features = dataset.features.toarray() if dataset.is_sparse else dataset.features
    columns = np.ascontiguousarray(features.T)
    names = ["label", *(f"x{number + 1}" for number in range(len(columns)))]
    return pa.table([to_arrow(each) for each in (dataset.labels, *columns)], names=names)


def _write(path: Path, table: pa.Table, weights: np.ndarray) -> None:
    rows = Rows(np.empty((len(table), 0)), np.empty(0), weights, original=table)
    with open(path, "wb") as stream:
        write_csv([rows], stream)
