"""What the first pass leads to: the groups, the view of the rows, and the tree that they are routed by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from craig_cli.dataset import Source, column_in_words, is_csr, look_like_classes, stacked
from craig_cli.errors import DataError, UsageError
from craig_cli.formats.pieces import Piece, Pieces
from craig_cli.registry import METRICS, load
from craig_cli.scaling import LABELS, Scaling
from craig_cli.selection.classes import only_one_class
from craig_cli.selection.distances.cells import widest_first
from craig_cli.selection.distances.metrics import centre_of
from craig_cli.selection.plan import Plan
from craig_cli.streaming.rough import Rough, load_rough
from craig_cli.streaming.scratch import Scratch
from craig_cli.streaming.survey import Survey
from craig_cli.streaming.tree import Tree, grow
from craig_cli.streaming.view import Matrix, Sight, View, routed_by
from craig_cli.tables.encoding import Column, Encoding, Label, encoding_of
from craig_cli.tables.storage import NUMBER

FILE = "frame"


@dataclass(frozen=True)
class Space:
    """Coordinates of rows.

    references  (k, d') a point of each group, from which its diameter is measured; of sparse rows that is 0
    columns     (d',) int64, the coordinates by falling variance; none of sparse rows
    """

    view: Sight
    references: np.ndarray
    columns: np.ndarray

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        return {f"{name} references": self.references, f"{name} columns": self.columns}


def space_of(view: Sight, survey: Survey, values: list, sample: Matrix) -> Space:
    """The space of the groups with these ``values``, of which ``sample`` (s, d') has some rows."""
    if is_csr(sample):
        return Space(view, np.empty((len(values), 0)), np.empty(0, dtype=np.int64))

    def first(place: int, value) -> np.ndarray:
        features, label = survey.firsts[value]
        return centre_of(view.rows(features, label if value is None else np.full(1, float(place))), view.metric)

    columns = widest_first(sample) if len(sample) else np.arange(sample.shape[1])
    return Space(view, np.stack([first(place, value) for place, value in enumerate(values)]), columns)


@dataclass(frozen=True)
class Frame:
    """All that is known before rows are routed.

    values      of the groups: the labels, or [None] for all rows together; sizes (rows) and masses (k,) of each
    features    the space that epsilon is measured in; search: in which rows are near each other, the same or the joint
                one, in which the ``tree`` is
    largest_label  of the absolute values, of numbers
    loss        of the plan, or that of a regression, which labels that are numbers have
    """

    values: list[Label | float | None]
    sizes: np.ndarray
    masses: np.ndarray
    named: bool
    weighted: bool
    dtype: np.dtype
    width: int
    features: Space
    search: Space
    tree: Tree
    largest_label: float
    loss: str | None
    encoding: Encoding
    sources: tuple[Source, ...]
    name: str

    @property
    def view(self) -> View:
        """Of the features."""
        assert isinstance(self.features.view, View)
        return self.features.view

    @property
    def n_rows(self) -> int:
        return int(self.sizes.sum())

    @property
    def n_features(self) -> int:
        return self.width

    @property
    def rows(self) -> None:
        """All of the data's."""

    @property
    def total(self) -> float:
        return float(self.masses.sum())

    @property
    def labels(self) -> tuple[Label, ...] | None:
        """What labels are positions in, None where they are numbers."""
        return self.encoding.labels

    def label_value(self, label: float) -> Label | float:
        return float(label) if self.labels is None else self.labels[int(label)]

    def codes(self, piece: Piece) -> np.ndarray:
        """(m,) int64 group of each row."""
        if self.values == [None]:
            return np.zeros(len(piece.labels), dtype=np.int64)
        if self.named:
            return piece.labels.astype(np.int64)
        return np.searchsorted(np.array(self.values, dtype=np.float64), piece.labels)

    def labels_of(self, piece: Piece) -> np.ndarray:
        """(m,) float64, as views take them."""
        return piece.labels if self.values == [None] else self.codes(piece).astype(np.float64)

    def save(self, scratch: Scratch) -> None:
        if isinstance(self.search.view, Rough):
            self.search.view.save(scratch)
        arrays = {"sizes": self.sizes, "masses": self.masses}
        arrays |= self.features.arrays("features") | self.search.arrays("search")
        for name, scaling in (("features", self.view.scaling), ("labels", self.view.of_labels)):
            if scaling is not None and scaling.factor is not None and scaling.shift is not None:
                arrays |= {f"{name} shift": scaling.shift, f"{name} factor": scaling.factor}
        scratch.save(
            FILE,
            arrays | {f"tree {key}": array for key, array in vars(self.tree).items()},
            values=self.values,
            named=self.named,
            weighted=self.weighted,
            dtype=self.dtype.str,
            width=self.width,
            metric=self.view.metric.name,
            scale=self.view.scaling.name,
            regression=self.view.of_labels is not None,
            at_model=isinstance(self.search.view, Rough),
            largest_label=self.largest_label,
            loss=self.loss,
            encoding=self.encoding.facts(),
            sources=[source.facts() for source in self.sources],
            called=self.name,
        )


def load_frame(scratch: Scratch) -> Frame:
    """What was saved."""
    arrays, facts = scratch.load(FILE)

    def scaling(name: str) -> Scaling:
        return Scaling(facts["scale"], arrays.get(f"{name} shift"), arrays.get(f"{name} factor"))

    encoding = encoding_of(facts["encoding"], FILE)
    assert encoding is not None
    of_labels = scaling("labels") if facts["regression"] else None
    view = View(scaling("features"), load(METRICS, facts["metric"]), of_labels)

    def space(name: str, sight: Sight) -> Space:
        return Space(sight, arrays[f"{name} references"], arrays[f"{name} columns"])

    features = space("features", view)
    return Frame(
        values=facts["values"],
        sizes=arrays["sizes"],
        masses=arrays["masses"],
        named=facts["named"],
        weighted=facts["weighted"],
        dtype=np.dtype(facts["dtype"]),
        width=facts["width"],
        features=features,
        search=space("search", load_rough(scratch)) if facts["at_model"] else features,
        tree=Tree(**{key.removeprefix("tree "): array for key, array in arrays.items() if key.startswith("tree ")}),
        largest_label=facts["largest_label"],
        loss=facts["loss"],
        encoding=encoding,
        sources=tuple(Source(**source) for source in facts["sources"]),
        name=facts["called"],
    )


def frame_of(survey: Survey, plan: Plan, pieces: Pieces, leaf_rows: int, note) -> Frame:
    """The frame of the data that was surveyed. Raises DataError and UsageError as selecting in memory does."""
    sources = pieces.sources(survey.contents)
    name = sources[0].name
    values, loss = _groups(survey, plan, name, note)
    whole = values == [None]
    counts = [(survey.features.rows, survey.features.mass) if whole else survey.counts[value] for value in values]
    features, labels, codes = sample_of(survey, values)
    regression = replace(plan, loss=loss).is_regression
    encoding = _encoding(survey, pieces)
    named = partial(column_in_words, name=name, encoding=encoding)
    of_labels = survey.labels.scaling(plan.scale, LABELS) if regression else None
    view = View(survey.features.scaling(plan.scale, named), load(METRICS, plan.metric), of_labels)
    sample = view.rows(features, labels)
    space = space_of(view, survey, values, sample)
    return Frame(
        values=values,
        sizes=np.array([rows for rows, _ in counts]),
        masses=np.array([mass for _, mass in counts]),
        named=survey.named,
        weighted=survey.weighted,
        dtype=survey.dtype,
        width=features.shape[1],
        features=space,
        search=space,
        tree=grow(routed_by(sample), codes, [-(-rows // leaf_rows) for rows, _ in counts]),
        largest_label=float(max(abs(survey.labels.low[0]), abs(survey.labels.high[0]))),
        loss=loss,
        encoding=encoding,
        sources=sources,
        name=name,
    )


def sample_of(survey: Survey, values: list) -> tuple[Matrix, np.ndarray, np.ndarray]:
    """(features (s, d), labels (s,) as views take them, groups (s,) int64) of the rows of the sample."""
    features = stacked([part[0] for part in survey.parts]).astype(np.float64)
    if values == [None]:
        labels = np.concatenate([part[1] for part in survey.parts])
        return features, labels, np.zeros(len(labels), dtype=np.int64)
    places = {value: place for place, value in enumerate(values)}
    codes = np.array([places[value] for part in survey.parts for value in part[2]], np.int64)
    return features, codes.astype(np.float64), codes


def _groups(survey: Survey, plan: Plan, name: str, note) -> tuple[list, str | None]:
    """(labels of the groups, or [None] for all rows together, loss)"""
    if plan.is_regression or not plan.per_class:
        if plan.radius is not None and not plan.is_regression:
            raise UsageError(f"radius: the bound for the {plan.loss} loss needs classes, found no-per-class")
        return [None], plan.loss
    values = survey.values
    classes = plan.task == "classification" or survey.named or _look_like_classes(survey)
    if survey.named and plan.task == "regression":
        raise DataError(f"{name}: expected numbers as labels of a regression, found {values[0]}")
    if plan.task == "regression" or not classes:
        if plan.loss is not None:
            raise DataError(
                f"{name}: expected class labels, found what looks like regression targets; "
                "give --loss squared, --task classification, or --no-per-class to leave the labels out"
            )
        if note is not None and plan.task == "auto":
            note("label: regression, as the labels do not look like classes; --task classification for classes")
        return [None], "squared"
    if survey.many:
        raise DataError(f"{name}: expected labels of fewer classes, found too many different ones")
    if len(values) == 1:
        raise only_one_class(name, values[0])
    return values, plan.loss


def _look_like_classes(survey: Survey) -> bool:
    return not survey.many and look_like_classes(np.array(survey.values, dtype=np.float64), survey.features.rows)


def _encoding(survey: Survey, pieces: Pieces) -> Encoding:
    chosen, fitted = pieces.chosen, pieces.encoding
    labels = tuple(survey.values) if survey.named else None
    if fitted is not None:
        return replace(fitted, left_out=chosen.left_out | fitted.left_out, labels=labels)
    if not chosen.tops:  # features without names, which stay as they are
        return Encoding()
    columns, place = [], 0
    for name, width in zip(chosen.features, survey.widths):
        if chosen.contents[name] == NUMBER:
            columns.append(Column(name, "number", {"mean": float(survey.features.plain[place]), "missing": False}))
        else:
            columns.append(Column(name, "vector", {"width": width}))
        place += width
    return Encoding(tuple(columns), dict(chosen.left_out), labels)
