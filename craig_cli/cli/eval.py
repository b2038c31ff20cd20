"""``craig eval``: models and data in, one table out."""

from __future__ import annotations

import json
import os

import click

from craig_cli.cli import options
from craig_cli.cli.options import STDIO, Integer, note
from craig_cli.errors import DataError, os_error


@click.command(
    "eval",
    epilog=options.examples(
        "craig train sample_data/binary.libsvm -q -o full.model.json",
        "craig eval full.model.json sample_data/binary.test.libsvm",
        "craig select sample_data/binary.libsvm --fraction 0.1 --loss logistic --radius 20 -q",
        "craig train sample_data/binary.libsvm --coreset binary.coreset.parquet -q -o small.model.json",
        "craig eval full.model.json small.model.json sample_data/binary.test.libsvm --json",
        "craig eval small.model.json sample_data/binary.libsvm --coreset binary.coreset.parquet --points 20",
    ),
)
@click.argument("paths", nargs=-1, required=True, metavar="MODEL... DATA...", type=click.Path())
@options.coreset_option("Measure this coreset's gradient error too; DATA is then the data it was selected from.")
@click.option(
    "--points",
    type=Integer(),
    default=0,
    metavar="N",
    help="With --coreset: measure the gradient error at N random models of norm at most its --radius too.",
)
@options.reading_options
@options.seed_option
@options.threads_option
@options.json_option
@options.common_options
def evaluate(
    paths,
    coreset,
    points,
    input_format,
    label,
    weight_column,
    features,
    zero_based,
    seed,
    threads,
    as_json,
) -> None:
    """Evaluate models on data: loss, objective, and error rate or RMSE and R2, one row a model.

    The models are model files, recognised by their content; what follows them is data, as in the other
    commands. With --coreset the table also says how far the coreset's gradient is from the full gradient at
    each model, its bound epsilon where that speaks of the model, and what theorems 1 and 2 of the paper predict of
    the distance to the optimum.
    """
    models, data = _models_and_data(paths)
    options.check_stdin(*models, *data, coreset)
    if points and coreset is None:
        raise click.UsageError("--points needs --coreset")

    from craig_cli.artifacts.coreset import check_matches, read_coreset
    from craig_cli.artifacts.model import read_model
    from craig_cli.evaluation.gradient_error import GradientProbe
    from craig_cli.evaluation.metrics import evaluate as metrics_of

    loaded = {name: read_model(name) for name in models}
    chosen = None if coreset is None else read_coreset(coreset)
    dataset = options.read_data(data, input_format, label, weight_column, features, zero_based, threads)
    probe = None
    if chosen is not None:
        check_matches(chosen, coreset, dataset)
        probe = GradientProbe(chosen, dataset)

    results = []
    for name, model in loaded.items():
        result = {"model": name, "trained_rows": _trained_rows(model)} | metrics_of(model, dataset, name)
        if probe is not None:
            result["gradient"] = _gradient(probe, model, name, points, seed)
            result["gradient"]["theory"] = _theory(probe, model, chosen.metadata.get("scale", "none"))
        results.append(result)
    if as_json:
        click.echo(json.dumps({"rows": dataset.n_rows, "models": results}))
    else:
        note(f"{dataset.n_rows:,} rows of {', '.join(os.path.basename(name) for name in data)}")
        for line in dict.fromkeys(_in_words(result) for result in results if result.get("gradient", {}).get("theory")):
            note(line)
        click.echo(table(results))


def _models_and_data(paths: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The leading model files, and the rest. ``-`` is a model unless it comes last."""
    count = 0
    while count < len(paths) and _is_model(paths[count], last=count == len(paths) - 1):
        count += 1
    if count == 0:
        raise DataError(f"{paths[0]}: expected a model file (JSON) first, found something else")
    if count == len(paths):
        raise click.UsageError("expected data after the models, found none")
    return list(paths[:count]), list(paths[count:])


def _is_model(path: str, last: bool) -> bool:
    if path == STDIO:
        return not last
    try:
        with open(path, "rb") as stream:
            return stream.read(64).lstrip()[:1] == b"{"
    except OSError as error:
        if os.path.isdir(path):
            return False
        if isinstance(error, FileNotFoundError):
            raise DataError(f"{path}: no such file") from error
        raise os_error(error, path, "read") from error


def _trained_rows(model) -> int | None:
    """Rows the model was trained on: the coreset's size, or all rows of its data."""
    chosen = model.coreset or {}
    if isinstance(chosen.get("size"), int):
        return chosen["size"]
    return sum(source.get("rows", 0) for source in model.data) or None


def _gradient(probe, model, name: str, points: int, seed: int) -> dict:
    at_model = probe.at_model(model, name)
    result = _measured(at_model)
    if points:
        radius = at_model.norm if probe.radius is None else probe.radius
        found = probe.at_random(model, points, radius, seed)
        worst = max(found, key=lambda each: each.error)
        result["random"] = {"points": points, "radius": radius, "worst": _measured(worst)}
    return result


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
    found = neighbourhood(probe.bound, n, model.l2, distance=probe.radius)
    return {
        "epsilon": probe.bound,
        "radius": probe.radius,
        "mu": n * model.l2,
        "intercept": bool(model.optimizer.get("intercept", True)),
        "theorem1": found.theorem1,
        "theorem2": found.theorem2,
        "objective": found.objective,
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
# Not the relative error: at the optimum the full gradient is zero, and it says nothing there.
GRADIENT_COLUMNS = (("error", "gradient error"), ("per_row", "per row"), ("epsilon", "epsilon"))


def table(results: list[dict]) -> str:
    """An aligned table, one row a model; a column appears where some model has a value in it."""
    columns = []
    for key, title in COLUMNS:
        columns.append((title, [result.get(key) for result in results]))
    for key, title in GRADIENT_COLUMNS:
        columns.append((title, [result.get("gradient", {}).get(key) for result in results]))
    worst = [result.get("gradient", {}).get("random", {}).get("worst", {}) for result in results]
    columns.append(("worst random", [each.get("error") for each in worst]))
    columns.append(("its epsilon", [each.get("epsilon") for each in worst]))
    shown = []
    for title, values in columns:
        if any(value is not None for value in values):
            cells = [title, *(_cell(value) for value in values)]
            width = max(len(cell) for cell in cells)
            left = isinstance(values[0], str)
            shown.append([cell.ljust(width) if left else cell.rjust(width) for cell in cells])
    return "\n".join("  ".join(row).rstrip() for row in zip(*shown))


def _cell(value) -> str:
    if value is None:
        return "-"
    return f"{value:.5g}" if isinstance(value, float) else str(value)
