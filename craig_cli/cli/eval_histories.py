"""The part of ``craig eval`` that sets training runs beside each other, from their history files."""

from __future__ import annotations

import os

from craig_cli.cli.options import note
from craig_cli.cli.tables import Part, table
from craig_cli.errors import DataError

COLUMNS = (
    ("history", "history"),
    ("epoch", "epochs"),
    ("seconds", "seconds"),
    ("gradient_evaluations", "gradient evaluations"),
    ("objective", "objective"),
    ("residual", "above optimum"),
)
TITLES = {"error_rate": "error rate", "rmse": "RMSE"}


def run(histories: tuple[str, ...], offsets: tuple[float, ...], reference, dataset, optimum, form: str | None) -> Part:
    """The histories with their residuals above the ``optimum``, (objective, name of its data), or that of a model file
    ``reference``, where there is either.
    """
    from craig_cli.artifacts.history import read_history
    from craig_cli.evaluation.history import run_of, summary

    lines = [read_history(name) for name in histories]
    if reference is not None:
        optimum = _objective_of(reference, dataset)
    lowest, data = optimum or (None, None)
    offsets = offsets or (0.0,) * len(histories)
    runs = [run_of(label, each, offset, data) for label, each, offset in zip(_labels(histories), lines, offsets)]
    for each in runs:
        if each.measured_on is None and len(runs) + (lowest is not None) > 1:
            note(f"{each.name}: without --monitor, so the objective is that of the rows it was trained on")
    results = [summary(each, lowest) for each in runs]
    picture = None
    if form is not None:
        from craig_cli.evaluation.plots import plot_histories

        picture = plot_histories(runs, lowest, form)
    return Part({"optimum": lowest, "histories": results}, histories_table(results), picture=picture)


def _objective_of(reference: str, dataset) -> tuple[float, str | None]:
    """(the objective at the model in this file, the name of its data): on ``dataset``, or as the file says itself."""
    from craig_cli.artifacts.model import read_model
    from craig_cli.evaluation.reference import Objective, measure

    model = read_model(reference)
    name = next((source.get("name") for source in model.data), None)
    if dataset is not None:
        return measure(model, Objective.of(model, reference), dataset, reference).objective, dataset.name
    recorded = model.optimizer.get("objective")
    if not isinstance(recorded, float):
        raise DataError(
            f"{reference}: expected a model that says its objective, as those of --reference auto do, found none; "
            "give the data it was trained on as well"
        )
    return float(recorded), name


def histories_table(results: list[dict]) -> str:
    """An aligned table, one row a history: where it ended."""
    columns = [(title, [result[key] for result in results]) for key, title in COLUMNS]
    for kind, title in TITLES.items():
        columns.append((title, [result["error"] if result["error_kind"] == kind else None for result in results]))
    return table(columns)


def _labels(paths: tuple[str, ...]) -> list[str]:
    """File names without their endings, or whole paths where these would be the same."""
    stems = [os.path.splitext(os.path.basename(path))[0].removesuffix(".history") for path in paths]
    return list(paths) if len(set(stems)) < len(stems) else stems
