"""``craig eval``: models, coresets or histories in, one table out, and a picture where one is asked for."""

from __future__ import annotations

import json
import math
import os

import click

from craig_cli.cli import options
from craig_cli.cli.options import STDIO, Integer, Number, note
from craig_cli.errors import DataError, os_error


@click.command(
    "eval",
    epilog=options.examples(
        "craig train sample_data/binary.libsvm -q -o full.model.json --history full.jsonl",
        "craig eval full.model.json sample_data/binary.test.libsvm",
        "craig select sample_data/binary.libsvm --fraction 0.1 --loss logistic --radius 20 -q",
        "craig train sample_data/binary.libsvm --coreset binary.coreset.parquet -q -o small.model.json",
        "craig eval full.model.json small.model.json sample_data/binary.libsvm --reference auto --json",
        "craig eval small.model.json sample_data/binary.libsvm --coreset binary.coreset.parquet --points 20",
        "craig eval --coreset binary.coreset.parquet",
        "craig eval --history full.jsonl --offset 0.5 --json",
    ),
)
@click.argument("paths", nargs=-1, metavar="[MODEL...] [DATA...]", type=click.Path())
@click.option(
    "--coreset",
    type=click.Path(),
    multiple=True,
    metavar="FILE",
    show_default="none",
    help="Measure this coreset's gradient error too; DATA is then the data it was selected from.",
)
@click.option(
    "--points",
    type=Integer(),
    default=0,
    metavar="N",
    help="With --coreset: measure the gradient error at N random models of norm at most its --radius too.",
)
@click.option(
    "--reference",
    metavar="auto|MODEL|none",
    default="none",
    help="Report how far each model's objective is above that of the optimum on DATA (auto: found once and kept beside "
    "the model), or of this model, and its distance ||w - w*||.",
)
@click.option(
    "--history",
    type=click.Path(),
    multiple=True,
    metavar="FILE",
    show_default="none",
    help="Histories of craig train, to be set beside each other; repeat it.",
)
@click.option(
    "--offset",
    type=Number(0),
    multiple=True,
    metavar="SECONDS",
    show_default="0",
    help="What came before a history's training, such as the selection; once for each --history, in their order.",
)
@click.option(
    "--plot",
    type=click.Path(),
    metavar="FILE",
    help="Draw the histories or the epsilon curve into this .png or .svg (needs matplotlib: pip install "
    "'craig[plot]').",
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
    reference,
    history,
    offset,
    plot,
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

    With --coreset alone: its bound epsilon by size, and the size where more picks stop paying, which is where the
    curve, both axes brought to [0, 1], is farthest below the chord between its ends.

    With --history: where training runs ended; --plot draws objective and error against seconds and gradient
    evaluations, above the optimum where --reference gives one. What was monitored (craig train --monitor) counts:
    the objective on the reference's data, or the first, and the error on the last.
    """
    models, data = _models_and_data(paths)
    _check(models, data, coreset, points, reference, history, offset, plot)
    options.check_stdin(*models, *data, *coreset, *history, reference)
    form = None
    if plot is not None:
        from craig_cli.artifacts.files import check_output
        from craig_cli.evaluation.plots import plot_format

        form = plot_format(plot)
        check_output(plot, (*models, *data, *coreset, *history))
    say = _Output(as_json)
    if not paths and coreset:
        _curves(coreset, plot, form, say)
        say.done()
        return

    dataset, optimum = None, (None, None)
    if models:
        from craig_cli.artifacts.coreset import check_matches, read_coreset
        from craig_cli.artifacts.model import read_model
        from craig_cli.cli.eval_models import find_references, measure_models, models_table, note_data, note_theory

        loaded = {name: read_model(name) for name in models}
        chosen = read_coreset(coreset[0]) if coreset else None
    if data:
        dataset = options.read_data(data, input_format, label, weight_column, features, zero_based, threads)
    if models:
        if chosen is not None:
            check_matches(chosen, coreset[0], dataset)
        references = {} if reference == "none" else find_references(loaded, dataset, reference, threads)
        results = measure_models(loaded, dataset, chosen, points, seed, references)
        if not as_json:
            note_data(dataset, data)
            note_theory(results)
        say.add({"rows": dataset.n_rows, "models": results}, models_table(results))
        objectives = {found[2].objective for found in references.values()}
        if history and len(objectives) > 1:
            raise DataError("--history: expected models of one objective to compare with, found several")
        optimum = (objectives.pop(), dataset.name) if objectives else optimum
    if history:
        from craig_cli.cli.eval_histories import objective_of

        if not models and reference != "none":
            optimum = objective_of(reference, dataset)
        _histories(history, offset, optimum, plot, form, say)
    say.done()


def _check(models, data, coreset, points, reference, history, offset, plot) -> None:
    """Refuse what does not go together. Raises click.UsageError."""
    if not models and not data and not coreset and not history:
        raise click.UsageError("expected models and data, or --coreset or --history, found nothing")
    if models and not data:
        raise click.UsageError("expected data after the models, found none")
    if data and not models and not (history and reference not in ("none", "auto")):
        raise DataError(f"{data[0]}: expected a model file (JSON) first, found something else")
    if points and not (coreset and models):
        raise click.UsageError("--points needs --coreset" + (" and a model" if coreset else ""))
    if models and len(coreset) > 1:
        raise click.UsageError("--coreset: expected one at a time with models, found several")
    if history and coreset:
        raise click.UsageError("--history and --coreset: expected one of them, found both")
    if offset and len(offset) != len(history):
        raise click.UsageError(f"--offset: expected one for each --history, {len(history)}, found {len(offset)}")
    if reference == "auto" and not models:
        raise click.UsageError("--reference auto: needs a model, whose objective it minimises, and data")
    if reference != "none" and not models and not history:
        raise click.UsageError("--reference: needs models or --history to compare with it")
    if plot is not None and not history and (models or not coreset):
        raise click.UsageError("--plot: expected --history or --coreset alone to draw, found models")


class _Output:
    """Results as one JSON object, or as tables with an empty line between them."""

    def __init__(self, as_json: bool) -> None:
        self.as_json, self.values, self.tables = as_json, {}, []

    def add(self, values: dict, text: str) -> None:
        self.values |= values
        self.tables.append(text)

    def done(self) -> None:
        if self.as_json:
            click.echo(json.dumps(_finite(self.values), allow_nan=False))
        else:
            click.echo("\n\n".join(self.tables))


def _finite(value):
    """``value`` with None for every number that JSON does not have."""
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _curves(coresets, plot, form, say) -> None:
    from craig_cli.cli.eval_curve import curves_table, measure_curves

    results = measure_curves(coresets)
    say.add({"curves": results}, curves_table(results))
    if plot is None:
        return
    import numpy as np

    from craig_cli.evaluation.plots import plot_curves

    units = " or ".join(dict.fromkeys(result["units"] for result in results))
    curves = [
        (result["coreset"], np.array(result["curve"]["size"]), np.array(result["curve"]["epsilon"]), result["knee"])
        for result in results
    ]
    _write(plot, plot_curves(curves, units, form))


def _histories(history, offset, optimum, plot, form, say) -> None:
    from craig_cli.cli.eval_histories import histories_table, read_runs, summaries

    lowest, data = optimum
    runs = read_runs(history, offset, data)
    results = summaries(runs, lowest)
    say.add({"optimum": lowest, "histories": results}, histories_table(results))
    if plot is not None:
        from craig_cli.evaluation.plots import plot_histories

        _write(plot, plot_histories(runs, lowest, form))


def _write(plot: str, picture: bytes) -> None:
    from craig_cli.artifacts.files import write_bytes

    write_bytes(plot, lambda stream: stream.write(picture))
    note(f"wrote {plot}")


def _models_and_data(paths: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The leading model files, and the rest. ``-`` is a model unless it comes last."""
    count = 0
    while count < len(paths) and _is_model(paths[count], last=count == len(paths) - 1):
        count += 1
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
