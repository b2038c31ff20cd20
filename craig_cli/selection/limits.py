"""What a selection will need, before it starts."""

from __future__ import annotations

from craig_cli import jit
from craig_cli.dataset import Dataset, is_csr
from craig_cli.errors import UsageError
from craig_cli.memory import available_memory

_GIB = 2.0**30


def estimate(dataset: Dataset, block: int | None, width: int = 0) -> float:
    """Bytes that selecting takes on top of the data set itself, within a factor of about 1.5 of what was measured.

    Dense rows are there three times: scaled and class by class, arranged by row, and arranged by cell. Sparse ones
    likewise, with their transpose. At a model there are vectors of ``width`` numbers beside them, of one class at a
    time twice more. The partition algorithm has a float32 matrix of a block for each thread.
    """
    bytes_ = estimate_of(dataset.n_rows, 0 if is_csr(dataset.features) else dataset.n_features, width)
    if is_csr(dataset.features):
        bytes_ += 4 * 12.0 * dataset.features.nnz
    if block is not None:
        bytes_ += jit.threads_in_force() * 4.0 * block * block
    return bytes_


def estimate_of(n_rows: int, n_features: int, width: int = 0) -> float:
    """The same of so many dense rows, but for the matrices of blocks."""
    return (3 * 8.0 * n_features + 200.0 + 2 * 8.0 * width) * n_rows


def check_memory(dataset: Dataset, block: int | None, limit: float | None, width: int = 0) -> None:
    """Raise UsageError where the estimate exceeds ``limit`` bytes (None: what is available)."""
    needed = estimate(dataset, block, width)
    smaller = "a smaller --block-size, " if block is not None and 8.0 * block * block > 0.5 * needed else ""
    check_needed(f"{dataset.name}: selecting", needed, limit, f"{smaller}fewer rows")


def check_needed(what: str, needed: float, limit: float | None, instead: str) -> None:
    """Raise UsageError where ``what`` needs more bytes than ``limit`` (None: what is available)."""
    allowed = available_memory() if limit is None else float(limit)
    if needed > allowed:
        raise UsageError(
            f"{what} needs about {needed / _GIB:.2g} GiB, the memory limit is {allowed / _GIB:.2g} GiB; "
            f"give {instead}, or a higher --memory-limit"
        )
