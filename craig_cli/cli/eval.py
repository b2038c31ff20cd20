"""``craig eval``: models, coresets or histories in, one table out, and a picture where one is asked for."""

from __future__ import annotations

import json
import math

import click

from craig_cli.cli import options
from craig_cli.cli.eval_compare import compare_options
from craig_cli.cli.ignored import note_ignored
from craig_cli.cli.options import STDIO, Integer, Number, note
from craig_cli.cli.reading import read_data, reading_options
from craig_cli.cli.rows import check_size
from craig_cli.cli.tables import Part
from craig_cli.cli.two_parts import TwoPartCommand
from craig_cli.errors import DataError, os_error

IN_MEMORY = 2.0  # times that all rows are, with those that are scaled


@click.command(
    "eval",
    cls=TwoPartCommand,
    first=(
        "coreset",
        "reference",
        "history",
        "compare",
        "sizes",
        "test",
        "trainer",
        "plot",
        "label",
        "as_json",
        "quiet",
    ),
    epilog=options.examples(
        "craig train sample_data/binary.libsvm -q -o full.model.json --history full.jsonl",
        "craig eval full.model.json sample_data/binary.test.libsvm",
        "craig select sample_data/binary.libsvm --fraction 0.1 --loss logistic --radius 20 -q",
        "craig train sample_data/binary.libsvm --coreset binary.coreset.parquet -q -o small.model.json",
        "craig eval full.model.json small.model.json sample_data/binary.libsvm --reference auto --json",
        "craig eval small.model.json sample_data/binary.libsvm --coreset binary.coreset.parquet --points 20",
        "craig eval sample_data/binary.libsvm --coreset binary.coreset.parquet --path-epochs 5",
        "craig eval --coreset binary.coreset.parquet",
        "craig eval --history full.jsonl --offset 0.5 --json",
        "craig eval sample_data/binary.libsvm --compare --test sample_data/binary.test.libsvm",
    ),
)
@click.argument("paths", nargs=-1, metavar="[MODEL...] [DATA...]", type=click.Path())
@click.option(
    "--coreset",
    type=click.Path(),
    multiple=True,
    metavar="FILE",
    show_default="none",
    help="Measure this coreset's gradient error too; DATA is then the data it was selected from. Without models it may "
    "be given more than once.",
)
@click.option(
    "--points",
    type=Integer(),
    metavar="N",
    show_default="0 with models, else 20",
    help="With --coreset: measure the gradient error at N random models of norm at most --radius too.",
)
@click.option(
    "--radius",
    type=Number(0, low_open=True),
    metavar="B",
    show_default="the coreset's, else the largest norm of the models",
    help="Radius of the ball of random models.",
)
@click.option(
    "--path-epochs",
    type=Integer(1),
    metavar="N",
    show_default="10",
    help="Without models: measure the gradient error along a training on all rows, after each of N epochs.",
)
@click.option(
    "--random-subsets",
    type=Integer(),
    metavar="N",
    show_default="5",
    help="Without models: beside N random subsets of each coreset's size, stratified, of weights n/r.",
)
@options.loss_option("Without models: the loss whose gradients are compared.", "the coreset's, or by the labels")
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
    help="Draw the histories, the gradient errors, the epsilon curve or the comparison into this .png or .svg (needs "
    "matplotlib: pip install 'craig[plot]').",
)
@options.coreset_size_option("With --coreset: one of the sizes that it was selected with by --sizes.")
@compare_options
@reading_options
@options.seed_option
@options.threads_option
@options.json_option
@options.common_options
def evaluate(
    paths,
    coreset,
    points,
    radius,
    path_epochs,
    random_subsets,
    loss,
    reference,
    history,
    offset,
    plot,
    size,
    compare,
    reading,
    seed,
    threads,
    as_json,
) -> None:
    """Evaluate models on data: loss, objective, and error rate or RMSE and R2, one row a model.

    The models are model files, recognised by their content; what follows them is data, as in the other
    commands. With --coreset the table also says how far the coreset's gradient is from the full gradient at
    each model, its bound epsilon where that speaks of the model, and what theorems 1 and 2 of the paper predict of
    the distance to the optimum.

    With --coreset and DATA but no models (Figure 2 of the paper): the gradient errors of the coresets along a training
    path and at random models, beside those of random subsets of the same size, all divided by the largest norm of
    the full gradient. A bound that does not hold ends the command with status 1.

    With --coreset alone: its bound epsilon by size, and the size where the bound flattens: where the
    curve, both axes brought to [0, 1], is farthest below the chord between its ends.

    With --history: where training runs ended; --plot draws objective and error against seconds and gradient
    evaluations, above the optimum where --reference gives one. What was monitored (craig train --monitor) counts:
    the objective on the reference's data, or the first, and the error on the last.

    With --compare and DATA but no models: what training on 1 %, 5 % or 10 % of the rows costs, by random rows and by
    each way of choosing them, paired over seeds and judged by rows held out; how many are enough; and what selecting
    them costs against one training on all. With --coreset too: the sizes of that coreset.
    """
    models, data = _models_and_data(paths)
    alone = {"--path-epochs": path_epochs, "--random-subsets": random_subsets, "--loss": loss}
    check_size(size, coreset)
    test = None if compare is None else compare["test"]
    if compare is None:
        _check(models, data, coreset, points, radius, alone, reference, history, offset, plot)
    else:
        alone = alone | {
            "--points": points,
            "--radius": radius,
            "--offset": offset,
            "--history": history,
            "--size": size,
        }
        _check_compare(models, data, reference, {name: value for name, value in alone.items() if name != "--loss"})
    options.check_stdin(*models, *data, reading["weight_file"], *coreset, *history, reference, test)
    note_ignored("eval", models=models)
    form = None
    if plot is not None:
        from craig_cli.artifacts.files import check_output
        from craig_cli.evaluation.plots import plot_format

        form = plot_format(plot)
        check_output(plot, tuple(name for name in (*models, *data, *coreset, *history, test) if name))
    from craig_cli.cli import eval_curve, eval_gradients, eval_histories, eval_models

    parts = []
    if compare is not None:
        coresets = eval_models.read((), coreset)[1]
        parts.append(_compared(compare, data, coresets, reading | {"threads": threads}, loss, seed, form))
    elif coreset and not data:
        parts.append(eval_curve.run(coreset, size, form))
    else:
        # Small files first: what is wrong with them is known before the data is read.
        loaded, coresets = eval_models.read(models, coreset, size)
        from craig_cli.formats.room import check_room

        reading |= {"threads": threads}
        in_pieces = bool(models) and not coreset and reference == "none"
        dataset = None
        if data and not in_pieces:
            what = next(
                (name for name, given in (("--coreset", coreset), ("--reference", reference != "none")) if given),
                "this",
            )
            instead = "models alone are measured in pieces" if models else ""
            check_room(data, reading, IN_MEMORY, f"eval with {what} reads all rows, which", instead)
            dataset = read_data(data, **reading, encoding=eval_models.encoding_of(loaded, coresets))
        optimum = None
        if in_pieces:
            parts.append(eval_models.run(loaded, data, reading))
        elif models:
            sizes = {"points": points or 0, "radius": radius}
            part, optimum = eval_models.compare(loaded, dataset, data, coresets, sizes, reference, bool(history), seed)
            parts.append(part)
        elif coreset:
            sizes = {"points": points, "radius": radius, "epochs": path_epochs, "subsets": random_subsets}
            parts.append(eval_gradients.run(coresets, dataset, data, loss, sizes, seed, threads, form))
        if history:
            given = reference if reference != "none" and not models else None
            parts.append(eval_histories.run(history, offset, given, dataset, optimum, form))
    _print(parts, as_json, plot)


def _compared(compare: dict, data, coresets: dict, reading: dict, loss, seed: int, form) -> Part:
    """The comparison of --compare."""
    from craig_cli.artifacts.coreset import check_matches
    from craig_cli.cli import eval_compare

    encoding = next((each.encoding for each in coresets.values() if each.encoding is not None), None)
    reading = reading | {"original": compare["trainer"] is not None}
    dataset = read_data(data, **reading, encoding=encoding)
    for name, each in coresets.items():
        check_matches(each, name, dataset)
    test = None
    if compare["test"] is not None:
        plain = reading | {"weight_file": None, "encoding": dataset.encoding}  # those are the weights of DATA
        test = read_data((compare["test"],), **plain)
    return eval_compare.run(compare, dataset, test, coresets, reading, loss, seed, reading["threads"], form)


def _check_compare(models, data, reference, others: dict) -> None:
    """Refuse what does not go with --compare. Raises click.UsageError."""
    if models:
        raise click.UsageError(f"--compare: trains models of its own, found the model {models[0]}")
    if not data:
        raise click.UsageError("--compare: expected the data to train on, found none")
    given = [name for name, value in others.items() if value not in (None, ())]
    if given or reference != "none":
        raise click.UsageError(f"--compare: {(given or ['--reference'])[0]} does not go with it")


def _check(models, data, coreset, points, radius, alone, reference, history, offset, plot) -> None:
    """Refuse what does not go together. Raises click.UsageError."""
    if not models and not data and not coreset and not history:
        raise click.UsageError("expected models and data, or --coreset or --history, found nothing")
    if models and not data:
        raise click.UsageError("expected data after the models, found none")
    if data and not models and not coreset and not (history and reference not in ("none", "auto")):
        raise DataError(f"{data[0]}: expected a model file (JSON) first, found something else")
    for name, value in {"--points": points, "--radius": radius}.items():
        if value and not (coreset and data):
            raise click.UsageError(f"{name} needs --coreset" + (" and its data" if coreset else ""))
    for name, value in alone.items():
        if value is not None and (models or not (coreset and data)):
            raise click.UsageError(f"{name}: is for --coreset and its data without models")
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
        raise click.UsageError("--plot: expected --history, or --coreset without models, to draw")


def _print(parts: list[Part], as_json: bool, plot: str | None) -> None:
    """One JSON object, or the tables with an empty line between them; and the picture."""
    if as_json:
        values = {key: value for part in parts for key, value in part.values.items()}
        click.echo(json.dumps(_finite(values), allow_nan=False))
    else:
        for part in parts:
            for line in part.notes:
                note(line)
        click.echo("\n\n".join(part.text for part in parts))
    picture = next((part.picture for part in parts if part.picture is not None), None)
    if picture is not None and plot is not None:
        from craig_cli.artifacts.files import write_bytes

        write_bytes(plot, lambda stream: stream.write(picture))
        note(f"wrote {plot}")


def _finite(value):
    """``value`` with None for every number that JSON does not have."""
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _models_and_data(paths: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The leading model files, and the rest. ``-`` is a model unless it comes last."""
    count = 0
    while count < len(paths) and _is_model(paths[count], last=count == len(paths) - 1):
        count += 1
    return list(paths[:count]), list(paths[count:])


def _is_model(path: str, last: bool) -> bool:
    if path == STDIO:
        return not last
    from craig_cli.artifacts.model import begins_as_model
    from craig_cli.formats.addresses import isdir

    if isdir(path):
        return False
    try:
        return begins_as_model(path)
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise DataError(f"{path}: no such file") from error
        raise os_error(error, path, "read") from error
