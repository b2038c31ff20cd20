"""The part of ``craig eval`` that measures models on data: a row each, and how far they are from an optimum."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

from craig_cli.amounts import Amount
from craig_cli.cli import options
from craig_cli.cli.options import note
from craig_cli.cli.rows import read_sized
from craig_cli.cli.tables import Part, table
from craig_cli.errors import DataError

COLUMNS = (
    ("model", "model"),
    ("trained_rows", "rows"),
    ("loss", "loss"),
    ("objective", "objective"),
    ("error_rate", "error rate"),
    ("auc", "AUC"),
    ("rmse", "RMSE"),
    ("r2", "R2"),
)
REFERENCE_COLUMNS = (("residual", "above optimum"), ("distance", "distance"))
# Not the relative error: at the optimum the full gradient is zero, and it says nothing there.
GRADIENT_COLUMNS = (("error", "gradient error"), ("per_row", "per row"), ("epsilon", "epsilon"))


def read(models: Sequence[str], coresets: tuple[str, ...], size: Amount | None = None) -> tuple[dict, dict]:
    """(models by file name, coresets by file name, those of several sizes in the one asked for)"""
    from craig_cli.artifacts.model import read_model

    return {name: read_model(name) for name in models}, {name: read_sized(name, size) for name in coresets}


def encoding_of(models: dict, coresets: dict):
    """The encoding to read the data by. Raises DataError where they do not have one in common."""
    all_of_them = [*models.items(), *coresets.items()]
    first = next((each.encoding for _, each in all_of_them if each.encoding is not None), None)
    for name, model in models.items():
        if not _same(model.encoding, first):
            raise DataError(f"{name}: expected the columns of the other models or of the coreset, found others")
    return first


def _same(one, other) -> bool:
    return (one is None) == (other is None) and (one is None or one.facts() == other.facts())


def run(models: dict, data, reading: dict) -> Part:
    """The table of ``models`` (name -> Model) on ``data``, which is read in pieces, once for all of one encoding."""
    from craig_cli.cli.reading import read_pieces
    from craig_cli.evaluation.metrics import Tallies
    from craig_cli.formats.stream import Stream

    metrics: dict = {}
    for model in models.values():
        rest = {name: each for name, each in models.items() if name not in metrics}
        alike = {name: each for name, each in rest.items() if _same(each.encoding, model.encoding)}
        if alike:
            stream = Stream(data, **reading, encoding=model.encoding)
            metrics |= read_pieces(stream, partial(Tallies, alike)).metrics()
    results = [_row(name, model, metrics[name]) for name, model in models.items()]
    return _part(results, data)


def compare(
    models: dict, dataset, data, coresets: dict, sizes: dict, reference: str, compared: bool, seed: int
) -> tuple[Part, tuple | None]:
    """The same on ``dataset`` with what the coreset, if any, and the reference say of each; and where they share a
    reference (its objective, the data's name).

    ``compared`` models have to share one. ``sizes`` are the points and the radius of the ball of random models.
    """
    from craig_cli.artifacts.coreset import check_matches
    from craig_cli.evaluation.gradient_error import GradientProbe
    from craig_cli.evaluation.metrics import evaluate

    probe = None
    for name, coreset in coresets.items():
        check_matches(coreset, name, dataset)
        probe, scale = GradientProbe(coreset, dataset), coreset.facts.scale
    references = {} if reference == "none" else find_references(models, dataset, reference)
    objectives = {each[2].objective for each in references.values()}
    if compared and len(objectives) > 1:
        raise DataError("--history: expected models of one objective to compare with, found several")
    results = []
    for name, model in models.items():
        result = _row(name, model, evaluate(model, dataset, name))
        if "unknown" not in result and name in references:
            result["reference"] = _against(model, name, references[name], dataset)
        if "unknown" not in result and probe is not None:
            result["gradient"] = _gradient(probe, model, name, sizes["points"], sizes["radius"], seed)
            result["gradient"]["theory"] = _theory(probe, model, scale)
            _tell_where_no_bound(probe, model, name, result["gradient"])
        results.append(result)
    return _part(results, data), (objectives.pop(), dataset.name) if objectives else None


def _row(name: str, model, metrics: dict) -> dict:
    """What --json says of a model, with a note on classes that it does not know."""
    if "unknown" in metrics:
        unknown, known = metrics["unknown"], len(model.classes)
        note(
            f"{name}: knows {known} of {known + unknown['classes']} classes; {unknown['rows']} row(s) are errors, "
            "and there is no loss"
        )
    return {"model": name, "trained_rows": _trained_rows(model)} | metrics


def _part(results: list[dict], data) -> Part:
    rows = results[0]["rows"]
    notes = [f"{rows:,} rows of {', '.join(os.path.basename(name) for name in data)}"]
    notes += dict.fromkeys(_in_words(result) for result in results if result.get("gradient", {}).get("theory"))
    return Part({"rows": rows, "models": results}, models_table(results), notes)


def find_references(models: dict, dataset, choice: str) -> dict:
    """name -> (name of the reference, its Model, its Measured), by the objective of each model.

    ``choice`` "auto" is the optimum on ``dataset``, from the file beside a model or found now; else a model file.
    """
    from craig_cli.artifacts.model import read_model
    from craig_cli.dataset import are_recorded
    from craig_cli.evaluation.reference import Objective, measure
    from craig_cli.evaluation.residual import check_kind

    objectives = {name: Objective.of(model, name) for name, model in models.items()}
    if choice != "auto":
        given = read_model(choice)
        for name, model in models.items():
            check_kind(model, given, name)
        return {name: (choice, given, measure(given, objectives[name], dataset, choice)) for name in models}
    references: dict = {}
    for objective in dict.fromkeys(objectives.values()):
        names = [name for name in models if objectives[name] == objective]
        references |= dict.fromkeys(names, _optimum(objective, names, dataset))
    for name, model in models.items():
        if model.data and not are_recorded(dataset.sources, model.data):
            note(f"{name}: was trained on other data than {dataset.name}, whose optimum this is")
    return references


def _optimum(objective, names: list[str], dataset):
    from craig_cli.artifacts.reference import data_digest, keep, offered, reference_path
    from craig_cli.evaluation.reference import measure, optimum

    digest = data_digest(dataset)
    paths = list(dict.fromkeys(reference_path(name, digest, objective) for name in names))
    for path in paths:
        model = offered(path, objective)
        if path is not None and model is not None:
            measured = measure(model, objective, dataset)
            if measured.gradient_norm <= measured.limit:
                return path.name, model, measured
    with options.progress_bar("optimum", "step") as progress:
        model = optimum(dataset, objective, progress)
    measured = measure(model, objective, dataset)
    kept = paths[0] if keep(paths[0], model) else None
    note(
        f"optimum of {objective.loss} loss: objective {measured.objective:.6g}, gradient norm "
        f"{measured.gradient_norm:.2g}" + (f"; kept in {kept}" if kept else "")
    )
    return (kept.name if kept else None), model, measured


def _against(model, name: str, reference: tuple, dataset) -> dict:
    from craig_cli.evaluation.reference import Objective
    from craig_cli.evaluation.residual import residual

    file, optimum, measured = reference
    wide = dataset.with_features(model.n_features, name)
    apart = residual(model, optimum, wide, Objective.of(model, name).scaling(wide), name)
    return {
        "file": file,
        "objective": measured.objective,
        "gradient_norm": measured.gradient_norm,
        "residual": apart.residual,
        "distance": apart.distance,
        "intercept_distance": apart.intercept_distance,
    }


def models_table(results: list[dict]) -> str:
    """An aligned table, one row a model; a column appears where some model has a value in it."""
    columns = [(title, [result.get(key) for result in results]) for key, title in COLUMNS]
    for part, keys in (("reference", REFERENCE_COLUMNS), ("gradient", GRADIENT_COLUMNS)):
        columns += [(title, [result.get(part, {}).get(key) for result in results]) for key, title in keys]
    worst = [result.get("gradient", {}).get("random", {}).get("worst", {}) for result in results]
    columns.append(("worst random", [each.get("error") for each in worst]))
    columns.append(("its epsilon", [each.get("epsilon") for each in worst]))
    return table(columns)


def _trained_rows(model) -> int | None:
    """Rows the model was trained on: the coreset's size, or all rows of its data."""
    chosen = model.coreset or {}
    if isinstance(chosen.get("size"), int):
        return chosen["size"]
    return sum(source.get("rows", 0) for source in model.data) or None


def _gradient(probe, model, name: str, points: int, radius, seed: int) -> dict:
    at_model = probe.at_model(model, name)
    result = _measured(at_model)
    if points:
        radius = radius or probe.radius or at_model.norm
        errors = probe.at_random(model, points, radius, seed)
        worst = max(errors, key=lambda each: each.error)
        result["random"] = {"points": points, "radius": radius, "worst": _measured(worst)}
    return result


def _tell_where_no_bound(probe, model, name: str, measured: dict) -> None:
    """Why a coreset with a bound has none for this model."""
    if probe.bound is not None and measured["epsilon"] is None:
        found = f"a norm of {measured['norm']:.4g}" if model.loss == probe.loss else f"{model.loss} loss"
        note(
            f"{name}: no epsilon, which is for {probe.loss} models of norm at most {probe.radius:g}, intercept "
            f"included; found {found}"
        )


def _theory(probe, model, scale: str) -> dict | None:
    """What the theorems predict for training ``model``'s objective on the coreset; None where they say nothing.

    That is without a bound in gradient norm, for another loss, without a penalty, and where the penalty is measured
    in other units than the bound.
    """
    if probe.bound is None or model.loss != probe.loss or not model.l2 > 0:
        return None
    if model.optimizer.get("scale", "none") != scale:
        return None
    from craig_cli.training.theory import neighbourhood

    n = float(probe.full_weight.sum())
    radii = neighbourhood(probe.bound, n, model.l2, distance=probe.radius)
    return {
        "epsilon": probe.bound,
        "radius": probe.radius,
        "mu": n * model.l2,
        "intercept": bool(model.optimizer.get("intercept", True)),
        "theorem1": radii.theorem1,
        "theorem2": radii.theorem2,
        "objective": radii.objective,
    }


def _in_words(result: dict) -> str:
    """One line on ``_theory``, and whether it is worth anything: all models in the ball are 2B apart at most."""
    theory = result["gradient"]["theory"]
    widest = 2 * theory["radius"]
    distances = f"{theory['theorem1'] ** 0.5:.3g} and {theory['theorem2']:.3g}"
    if min(theory["theorem1"] ** 0.5, theory["theorem2"]) < widest:
        verdict = f"any two models within the radius are at most {widest:g} apart"
    else:
        verdict = f"which says nothing: any two models within the radius are at most {widest:g} apart"
    aside = ", intercept left out" if theory["intercept"] else ""  # without a penalty it is not strongly convex
    return f"theorems 1 and 2 promise the optimum to within {distances} (mu {theory['mu']:.3g}{aside}), {verdict}"


def _measured(measured) -> dict:
    return {
        "error": measured.error,
        "relative": measured.relative,
        "per_row": measured.per_row,
        "full_norm": measured.full_norm,
        "norm": measured.norm,
        "epsilon": measured.epsilon,
    }
