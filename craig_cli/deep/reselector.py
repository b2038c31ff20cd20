"""Rows for each epoch of a network's training, selected by what the rows did to it when they were last seen.

    g_i = p_i - y_i,     the gradient of cross-entropy at the last layer's input (section 3.4)

is kept from the training steps themselves: a table (n, q) that costs no forward pass. A selection is one random row
from each of as many strata of equal influence as there are rows to be taken; the weight of a row is 1 over its chance,
to the power ``correction``, over the mean of those. A power of 1 is unbiased; below that, rows that still pull at the
network count for more than their share (what section 5.2 observes of the paper's subsets); 0 takes all as they come.

Where labels are wrong, it is their rows that pull most. With ``doubt`` a row is doubtful while the network, when it
last saw it, gave another class more than that: it has no influence of its own, so it is drawn now and then only, to be
seen again, and with a weight of 0.
"""

from __future__ import annotations

import warnings

import numpy as np

from craig_cli.deep.draw import draw_strata, influence_masses, narrowed, norms
from craig_cli.errors import DataError, UsageError

WAYS = ("strata", "medoids", "random")
CORRECTION = 0.5
HEAVY = 10.0  # times the mean weight, beyond which steps are no longer those that the learning rate was made for


class Reselector:
    """Selects rows and weights for each epoch.

    labels       (n,) whole numbers from 0 on: the place of each row's class among the outputs of the network
    fraction     of the rows that an epoch takes, in (0, 1]
    every        epochs that a selection serves; their order is another one in each
    correction   power of the weights, from 1 (unbiased) to 0 (equal)
    seed         rows, weights and order are functions of (seed, epoch, table); no global generator is used
    way          "strata"; "medoids", the paper's with the counts of their clusters; "random", uniform rows of weight 1
    classes      number of outputs, where that is more than the largest label says
    multiple_of  rows of an epoch are a multiple of this: batch times ranks times accumulated steps
    doubt        probability of another class, of 1/2 or more and below 1, beyond which a label is taken for wrong (0.75
                 where some are known to be); None trusts all of them

    size is the number of rows of every epoch. Raises UsageError for arguments that make no sense.
    """

    def __init__(
        self,
        labels,
        fraction: float = 0.1,
        every: int = 1,
        correction: float = CORRECTION,
        seed: int = 0,
        *,
        way: str = "strata",
        classes: int | None = None,
        multiple_of: int = 1,
        doubt: float | None = None,
    ) -> None:
        self.labels = _checked_labels(labels)
        n_rows, largest = len(self.labels), int(self.labels.max())
        classes = largest + 1 if classes is None else classes
        if way not in WAYS:
            raise UsageError(f"way: expected one of {', '.join(WAYS)}, found {way!r}")
        if not 0.0 < fraction <= 1.0:
            raise UsageError(f"fraction: expected a number above 0 and at most 1, found {fraction:g}")
        if not 0.0 <= correction <= 1.0:
            raise UsageError(f"correction: expected a number from 0 (equal weights) to 1, found {correction:g}")
        for name, value, least in (("every", every, 1), ("multiple_of", multiple_of, 1), ("seed", seed, 0)):
            if value != int(value) or value < least:
                raise UsageError(f"{name}: expected a whole number of at least {least}, found {value}")
        if doubt is not None and (way != "strata" or not 0.5 <= doubt < 1.0):
            found = f"{doubt:g}, {way}"
            raise UsageError(f"doubt: expected a number of at least 0.5 and below 1, and strata, found {found}")
        if classes <= largest:
            raise UsageError(f"classes: expected more than the largest label, {largest}, found {classes}")
        if multiple_of > n_rows:
            raise UsageError(f"multiple_of: expected at most the {n_rows} rows there are, found {multiple_of}")
        self.fraction, self.every, self.correction, self.seed, self.way = fraction, every, correction, seed, way
        self.doubt = doubt
        most = n_rows // multiple_of
        self.size = int(multiple_of) * min(most, max(1, round(fraction * n_rows / multiple_of)))
        present, self._codes = np.unique(self.labels, return_inverse=True)
        if len(present) > self.size:  # too few rows for a quota of each class
            self._codes = np.zeros(n_rows, dtype=np.int64)
        self._table: np.ndarray = np.full((n_rows, classes), 1.0 / classes, dtype=np.float32)
        self._table[np.arange(n_rows), self.labels] -= 1.0
        self._visited: np.ndarray = np.full(n_rows, -1, dtype=np.int64)
        self._news: list[np.ndarray] = []
        self._epoch, self._round = 0, -1
        self._rows: np.ndarray = np.empty(0, dtype=np.int64)
        self._weights: np.ndarray = np.empty(0, dtype=np.float32)

    @property
    def table(self) -> np.ndarray:
        """(n, q) float32, p - y of each row when it was last seen; of rows never seen that of p = 1 / q."""
        return self._table

    def ages(self, epoch: int) -> np.ndarray:
        """(n,) int64, epochs since each row was last seen, counted from before the first where it never was."""
        return epoch - self._visited

    def observe(self, rows, p_minus_y) -> None:
        """Keep ``p_minus_y`` (m, q) of ``rows`` (m,): softmax of the outputs less the one-hot label.

        Raises UsageError for shapes and row numbers that do not fit, DataError for what is not finite.
        """
        rows, values = np.asarray(rows), np.asarray(p_minus_y, dtype=np.float32)
        if rows.ndim != 1 or rows.dtype.kind not in "iu":
            raise UsageError(f"rows: expected whole numbers (m,), found {rows.dtype} of shape {rows.shape}")
        if values.shape != (len(rows), self._table.shape[1]):
            raise UsageError(f"p - y: expected shape {(len(rows), self._table.shape[1])}, found {values.shape}")
        if len(rows) == 0:
            return
        if rows.min() < 0 or rows.max() >= len(self.labels):
            wrong = rows[(rows < 0) | (rows >= len(self.labels))][0]
            raise UsageError(f"rows: expected numbers from 0 to {len(self.labels) - 1}, found {wrong}")
        finite = np.isfinite(values).all(axis=1)
        if not finite.all():
            raise DataError(f"p - y of row {rows[np.argmin(finite)]}: expected finite numbers, found nan or inf")
        self._table[rows] = values
        self._visited[rows] = self._epoch
        self._news.append(rows.astype(np.int64))

    def news(self) -> tuple[np.ndarray, np.ndarray]:
        """(rows ascending, their p - y): what was observed since the last call, for the other processes."""
        rows = np.unique(np.concatenate(self._news)) if self._news else np.empty(0, dtype=np.int64)
        self._news.clear()
        return rows, self._table[rows]

    def absorb(self, news: list[tuple[np.ndarray, np.ndarray]]) -> None:
        """Take in what all processes, this one too, have from ``news()``: in the same order everywhere."""
        for rows, values in news:
            self.observe(rows, values)
        self._news.clear()

    def select(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """(rows (size,) int64, weights (size,) float32 of mean 1) for ``epoch``, in the order to train in.

        Drawn at the first call of every ``every`` epochs and kept for the others, whatever is observed in between.
        """
        if epoch != int(epoch) or epoch < 0:
            raise UsageError(f"epoch: expected a whole number of at least 0, found {epoch}")
        self._epoch, turn = int(epoch), int(epoch) // self.every
        if turn != self._round:
            rows, weights = self._draw(np.random.default_rng([self.seed, turn, 0]), turn)
            self._round, self._rows = turn, rows
            self._weights = (weights / weights.mean()).astype(np.float32)
        order = np.random.default_rng([self.seed, self._epoch, 1]).permutation(self.size)
        return self._rows[order], self._weights[order]

    def _draw(self, generator: np.random.Generator, turn: int) -> tuple[np.ndarray, np.ndarray]:
        if self.way == "random":
            rows = generator.choice(len(self.labels), self.size, replace=False)
            return rows, np.ones(self.size)
        if self.way == "medoids":
            return self._medoids()
        missed = (turn - self._visited // self.every) * (self.size / len(self.labels))
        doubtful = self._doubtful()
        mass = influence_masses(np.where(doubtful, 0.0, norms(self._table)), missed)
        drawn = draw_strata(narrowed(self._table, self.seed), mass, self._codes, self.size, generator)
        weights = drawn.weights**self.correction
        trusted = ~doubtful[drawn.rows]
        return drawn.rows, np.where(trusted, weights, 0.0) if trusted.any() else weights

    def _doubtful(self) -> np.ndarray:
        """(n,) bool; none where that would be more than half of them: it is the network then that is wrong."""
        if self.doubt is None:
            return np.zeros(len(self.labels), dtype=bool)
        doubtful = self._table.max(axis=1) > self.doubt  # at the label itself p - y is not above 0
        return doubtful & (doubtful.mean() <= 0.5)

    def _medoids(self) -> tuple[np.ndarray, np.ndarray]:
        from craig_cli.api import select_coreset

        plan = {"size": self.size, "exemplar": "medoid", "weights": "count", "seed": self.seed}
        plan["per_class"] = bool(self._codes.any())
        coreset = select_coreset(self._table, self._codes, **plan)
        largest = coreset.weight.max() / coreset.weight.mean()
        if largest > HEAVY:
            message = f"a medoid stands for {largest:.0f} times as many rows as the mean; steps with it may diverge"
            warnings.warn(f"{message} (a smaller learning rate, or way='strata')", RuntimeWarning, stacklevel=4)
        return coreset.index, coreset.weight**self.correction

    def state_dict(self) -> dict:
        """All that a training resumes from, as arrays and numbers; copies."""
        settings = [len(self.labels), self.size, self.every, float(self.correction), self.seed, self.way]
        return {
            "settings": settings if self.doubt is None else [*settings, float(self.doubt)],
            "epoch": self._epoch,
            "round": self._round,
            "rows": self._rows.copy(),
            "weights": self._weights.copy(),
            "table": self._table.copy(),
            "visited": self._visited.copy(),
        }

    def load_state_dict(self, state: dict) -> None:
        """Go on from ``state``. Raises UsageError where it is that of a Reselector with other settings."""
        mine = self.state_dict()["settings"]
        if list(state["settings"]) != mine or np.shape(state["table"]) != self._table.shape:
            raise UsageError(f"state: expected one of [rows, size, every, ...] {mine}, found {list(state['settings'])}")
        self._epoch, self._round = int(state["epoch"]), int(state["round"])
        self._rows = np.array(state["rows"], dtype=np.int64)
        self._weights = np.array(state["weights"], dtype=np.float32)
        self._table = np.array(state["table"], dtype=np.float32)
        self._visited = np.array(state["visited"], dtype=np.int64)
        self._news.clear()


def _checked_labels(labels) -> np.ndarray:
    codes = np.asarray(labels)
    if codes.ndim != 1 or len(codes) == 0:
        raise UsageError(f"labels: expected whole numbers (n,), found shape {codes.shape}")
    if codes.dtype.kind not in "iuf" or (codes != np.floor(codes)).any() or codes.min() < 0:
        raise UsageError("labels: expected whole numbers from 0 on, the places of the classes among the outputs")
    return codes.astype(np.int64)
