"""The coreset file: Parquet, one row an element in greedy order, and the facts about it as JSON in the schema.

| column  | type    | meaning                                                                          |
| index   | int64   | 0-based row in the input; of several inputs, counted through in the order given   |
| weight  | float64 | gamma_j; sums to the number of input rows                                         |
| rank    | int64   | 0 for the first pick; rank < k is the greedy prefix of size k                     |
| epsilon | float64 | bound on the gradient error of the prefix that ends here; inf until every class has an element |

Of nested coresets these are the columns of the largest; nested.py has the others.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from craig_cli.amounts import Amount
from craig_cli.artifacts import nested, strict_json
from craig_cli.artifacts.facts import CoresetFacts, facts_of
from craig_cli.artifacts.files import STDIO, write_bytes
from craig_cli.dataset import Dataset, Source, are_recorded
from craig_cli.errors import DataError, UsageError, os_error
from craig_cli.formats.addresses import open_file
from craig_cli.formats.arrow import to_arrow, to_numpy
from craig_cli.formats.messages import listed, quoted
from craig_cli.tables.encoding import Encoding, encoding_of

FORMAT = 1
KIND = "coreset"
METADATA_KEY = b"craig"
SCHEMA = pa.schema(
    [
        pa.field("index", pa.int64(), nullable=False),
        pa.field("weight", pa.float64(), nullable=False),
        pa.field("rank", pa.int64(), nullable=False),
        pa.field("epsilon", pa.float64(), nullable=False),
    ]
)


@dataclass(frozen=True)
class Coreset:
    """A weighted subset, in greedy order.

    index    (r,) int64, rows of the data it was selected from, all different
    weight   (r,) float64, gamma_j >= 0
    rank     (r,) int64, 0 .. r-1
    epsilon  (r,) float64, bound on ||sum_i grad f_i(w) - sum_{j in prefix} gamma_j grad f_j(w)|| (equation 5),
             in the units that ``metadata["units"]`` names
    metadata JSON-like facts: n, features, classes with counts and quotas, loss, metric, scale, radius, ...
    sizes    smaller sizes whose rows, the first ones, are coresets with weights of their own, ascending (nested.py)
    """

    index: np.ndarray
    weight: np.ndarray
    rank: np.ndarray
    epsilon: np.ndarray
    metadata: dict = field(default_factory=dict)
    sizes: tuple[nested.Size, ...] = ()

    @property
    def facts(self) -> CoresetFacts:
        """The metadata as the program goes by it. Raises DataError where it is damaged."""
        return facts_of(self.metadata, "the coreset")

    @property
    def encoding(self) -> Encoding | None:
        """What the columns of the data were made of, None where they were taken as they are."""
        return encoding_of(self.metadata.get("encoding"), "the coreset")

    def __len__(self) -> int:
        return len(self.index)

    def __repr__(self) -> str:
        facts, epsilon = self.facts, self.epsilon[-1] if len(self) else np.inf
        sizes = f", and of {', '.join(str(len(each)) for each in self.sizes)}" if self.sizes else ""
        return (
            f"Coreset({len(self):,} of {'?' if facts.n is None else f'{facts.n:,}'} rows by {facts.algorithm}, "
            f"{facts.weights} weights, epsilon {epsilon:.6g} in {facts.units}{sizes})"
        )

    def at_size(self, amount: Amount | str, name: str = "the coreset") -> Coreset:
        """The coreset of one of the stored sizes: a number of rows, or a share of them such as 0.05 or "5%".

        Its epsilon (k,) ends in the bound for its own weights. Raises UsageError for a size that is not stored in
        the coreset, which the message calls ``name``.
        """
        size = nested.find(self, amount, name)
        if size is None:
            return replace(
                self, metadata={key: self.metadata[key] for key in self.metadata if key != "sizes"}, sizes=()
            )
        count, bound = len(size), float(size.facts["epsilon"])
        epsilon = np.append(np.maximum(self.epsilon[: count - 1], bound), bound)
        facts = nested.facts_of(self.metadata, size, len(self))
        return Coreset(self.index[:count], size.weight, self.rank[:count], epsilon, facts)

    def write(self, path: str | os.PathLike) -> None:
        """Write the coreset file that the commands read."""
        write_coreset(path, self)

    def to_pandas(self):
        """A data frame of index, weight, rank and epsilon; needs pandas."""
        import pandas as pd

        return pd.DataFrame({name: getattr(self, name) for name in SCHEMA.names})

    def take(self, features, labels=None, *, normalize: str = "sum"):
        """(rows, labels, weights) of the elements, in greedy order, for another trainer.

        features   (n, d) what it was selected from: an array, a scipy sparse matrix or a data frame
        labels     (n,) array or series, the name of a column of the frame, which stays in the rows too, or None
        normalize  "sum": (r,) float64 weights that sum to n, for trainers that add up over rows, whose C, alpha or
                   lambda stay those of all rows: LogisticRegression (lbfgs), LinearSVC, SVC, SVR, Ridge, random
                   forests, CatBoost, Vowpal Wabbit. "mean": weights of mean 1, for XGBoost and LightGBM, whose
                   penalties otherwise stop acting, and for trainers that step row by row: SGDClassifier, saga (with
                   C times n / r), Keras, PyTorch. Either will do for Lasso and HistGradientBoosting. Trainers that
                   take no weights, such as k-nearest neighbours, want a coreset of equal ones (weights="equal")

        The guide's page on trainers has the whole table. Raises UsageError for rows that are not those n.
        """
        if normalize not in ("sum", "mean"):
            raise UsageError(f"normalize: expected sum or mean, found {normalize!r}")
        n_rows = self.facts.n
        for what, values in (("features", features), ("labels", labels)):
            if isinstance(values, str):
                continue
            n_given = None if values is None else values.shape[0] if hasattr(values, "shape") else len(values)
            if n_given is not None and n_rows is not None and n_given != n_rows:
                raise UsageError(
                    f"{what}: expected the {n_rows} rows that the coreset was selected from, found {n_given}"
                )
        weight = self.weight / self.weight.mean() if normalize == "mean" else self.weight.copy()
        rows = _rows(features, self.index)
        if isinstance(labels, str):
            return rows, rows[labels], weight
        return rows, None if labels is None else _rows(labels, self.index), weight


def _rows(values, index: np.ndarray):
    """The rows ``index`` of an array, a sparse matrix, a data frame, a series or a list."""
    if hasattr(values, "iloc"):
        return values.iloc[index]
    if isinstance(values, (pa.Table, pa.ChunkedArray, pa.Array)):
        return values.take(to_arrow(index))
    return values[index] if hasattr(values, "shape") else np.asarray(values)[index]


def write_coreset(path: str | os.PathLike, coreset: Coreset) -> None:
    """Write the coreset file, all or nothing; the same coreset gives the same bytes."""
    facts = {"format": FORMAT, "kind": KIND, **coreset.metadata}
    text = json.dumps(facts, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    table = pa.table(
        [to_arrow(column) for column in (coreset.index, coreset.weight, coreset.rank, coreset.epsilon)],
        schema=SCHEMA.with_metadata({METADATA_KEY: text.encode()}),
    )
    table = nested.with_columns(table, coreset.sizes)
    write_bytes(path, lambda stream: pq.write_table(table, stream, compression="zstd"))


def read_coreset(path: str | os.PathLike) -> Coreset:
    """Read and check a coreset file (``-`` is standard input). Raises DataError where it is not a valid one."""
    try:
        source = pa.BufferReader(sys.stdin.buffer.read()) if os.fspath(path) == STDIO else open_file(os.fspath(path))
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        table = pq.ParquetFile(source).read()
        names = table.column_names  # a ValueError where they are not text
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path}: expected a coreset file (Parquet), found something else or a damaged file") from error
    finally:
        source.close()
    facts = _facts(path, table.schema.metadata or {})
    table, sizes = nested.taken_from(path, table, facts)
    names = table.column_names
    if names != SCHEMA.names or table.schema.types != SCHEMA.types:
        columns = listed([f"{name} {kind}" for name, kind in zip(names, table.schema.types)])
        raise DataError(
            f"{path}: expected the columns index int64, weight double, rank int64, epsilon double, found {columns}"
        )
    if any(column.null_count for column in table.columns):
        raise DataError(f"{path}: expected no missing values in a coreset, found some")
    index, weight, rank, epsilon = (to_numpy(column) for column in table.columns)
    coreset = Coreset(index, weight, rank, epsilon, metadata=facts, sizes=sizes)
    _check(path, coreset)
    return coreset


def check_matches(coreset: Coreset, path: str, dataset: Dataset) -> None:
    """Raise DataError unless ``coreset`` (read from ``path``) was selected from ``dataset``."""
    recorded = coreset.metadata["inputs"] if coreset.facts.inputs else []
    sources = dataset.sources
    if recorded and sources and not are_recorded(sources, recorded):
        n_recorded = sum(source["rows"] for source in recorded)
        names = ", ".join(source["name"] for source in recorded)
        given = ", ".join(source.name for source in sources)
        detail = f"expected {n_recorded} rows of {names}"
        if n_recorded == sum(one.rows for one in sources):
            found_text = f"found other content in {given}"
            other = {name for one, facts in zip(sources, recorded) for name in _other_columns(one, facts)}
            if other:
                found_text += f" (column {listed(sorted(other))})"
            if any(_is_of_bytes(facts) for facts in recorded) and all(source.of_bytes for source in sources):
                found_text += " (the coreset is of an earlier version, which went by the bytes of its file)"
        else:
            found_text = f"found {sum(one.rows for one in sources)} rows in {given}"
        raise DataError(f"{path}: was selected from other data: {detail}, {found_text}")


def _other_columns(source: Source, recorded: dict) -> list[str]:
    own, columns = source.columns or {}, recorded.get("columns")
    return [name for name in own if isinstance(columns, dict) and columns.get(name, own[name]) != own[name]]


def _is_of_bytes(recorded: dict) -> bool:
    """Whether the fingerprint of an input is of the bytes of its file, as that of tables was until 0.1.0."""
    return recorded["fingerprint"].startswith("sha256:")


def _unreadable(path: str | os.PathLike, error: OSError) -> DataError:
    if isinstance(error, FileNotFoundError):
        return DataError(f"{path}: no such file")
    return os_error(error, path, "read")


def _facts(path: str | os.PathLike, metadata: dict[bytes, bytes]) -> dict:
    if METADATA_KEY not in metadata:
        raise DataError(f'{path}: expected a coreset file, found Parquet without its "craig" metadata')
    try:
        facts = strict_json.loads(metadata[METADATA_KEY])
    except (ValueError, RecursionError) as error:
        raise DataError(f'{path}: expected JSON in the "craig" metadata, found something else') from error
    if not isinstance(facts, dict) or facts.get("kind") != KIND:
        raise DataError(
            f"{path}: expected a coreset, found {quoted(str(facts.get('kind') if isinstance(facts, dict) else facts))}"
        )
    if facts.get("format") != FORMAT:
        raise DataError(f"{path}: expected coreset format {FORMAT}, found {quoted(str(facts.get('format')))}")
    typed = facts_of(facts, str(path))
    if typed.n is None or "inputs" not in facts:
        raise DataError(f'{path}: expected "n" and "inputs" in the coreset\'s metadata, found none')
    if (typed.features or 1) >= 2**31:
        raise DataError(f'{path}: expected at most {2**31 - 1} as "features", found {typed.features}')
    encoding_of(facts.get("encoding"), str(path))
    return facts


def _check(path: str | os.PathLike, coreset: Coreset) -> None:
    n_rows = coreset.facts.n
    assert n_rows is not None  # read_coreset asked for it
    size = len(coreset)
    if size == 0:
        raise DataError(f"{path}: expected at least one element, found an empty coreset")
    if not np.array_equal(coreset.rank, np.arange(size)):
        raise DataError(f"{path}: expected the ranks 0 to {size - 1} in order, found others")
    if coreset.index.min() < 0 or coreset.index.max() >= n_rows:
        raise DataError(
            f"{path}: expected indices from 0 to {n_rows - 1}, found {coreset.index.min()} to {coreset.index.max()}"
        )
    if len(np.unique(coreset.index)) != size:
        raise DataError(f"{path}: expected every index once, found one twice")
    if not np.isfinite(coreset.weight).all() or (coreset.weight < 0).any():
        raise DataError(f"{path}: expected finite weights of 0 or more, found another")
    with np.errstate(over="ignore"):
        total = coreset.weight.sum()
    if not 0 < total < np.inf:
        raise DataError(f"{path}: expected weights with a positive sum, and a finite one, found the sum {total:g}")
    if np.isnan(coreset.epsilon).any() or (coreset.epsilon < 0).any():
        raise DataError(f"{path}: expected epsilon of 0 or more, found another")
