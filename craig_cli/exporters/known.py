"""What a coreset or a model says of its data, for other rows that are to be written in the same columns and labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from craig_cli.artifacts.coreset import Coreset
from craig_cli.artifacts.model import Model
from craig_cli.dataset import label_in_words, labels_in_words
from craig_cli.errors import DataError
from craig_cli.tables.encoding import Encoding


@dataclass(frozen=True)
class Known:
    """name: of its file; width: number of features, None where it does not say; task: as ``Plan`` has it.

    encoding  of columns and labels, None where both are taken as they are
    classes   labels as they are in the data, ascending; none of a regression, and where it does not say
    """

    name: str
    encoding: Encoding | None
    width: int | None
    classes: tuple
    task: str

    @property
    def label_names(self) -> tuple | None:
        """The values whose positions labels are, None where they are numbers."""
        return None if self.encoding is None else self.encoding.labels

    def check(self, labels: Iterable, width: int) -> None:
        """Raise DataError for other labels, as they are in the data, than it has, and another number of features."""
        if self.width is not None and width != self.width:
            raise DataError(f"expected {self.width} features, as {self.name} has, found {width}")
        for label in labels:
            expected = self._instead_of(label)
            if expected is not None:
                raise DataError(f"expected {expected} {self.name} has, found {label_in_words(label)}")

    def _instead_of(self, label) -> str | None:
        """What is expected where there is a label that cannot be; None of one that can."""
        if self.task == "regression":
            return "numbers as labels, as" if isinstance(label, str) else None
        if not self.classes or label in self.classes:
            return None
        return f"one of the labels {labels_in_words(self.classes)} that"


def known_of(made: Coreset | Model, name: str) -> Known:
    """What ``made``, of the file ``name``, says."""
    if isinstance(made, Model):
        task = "classification" if made.classes else "regression"
        return Known(name, made.encoding, made.n_features, made.labels, task)
    encoding, facts = made.encoding, made.facts
    names = None if encoding is None else encoding.labels
    classes: tuple = names or tuple(label for label in facts.labels if label is not None)
    return Known(name, encoding, facts.features, () if facts.task == "regression" else classes, facts.task)
