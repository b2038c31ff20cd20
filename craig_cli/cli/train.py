"""``craig train``: data and perhaps a coreset in, model file out."""

from __future__ import annotations

import json
import time

import click

from craig_cli.cli import options
from craig_cli.cli.ignored import note_ignored
from craig_cli.cli.options import Integer, Number, Share, note
from craig_cli.cli.reading import data_argument, reading_again, reading_options
from craig_cli.cli.rows import check_size, read_rows
from craig_cli.cli.train_coreset import of_coreset
from craig_cli.cli.two_parts import TwoPartCommand
from craig_cli.registry import DEFAULT_L2, LOSSES, OPTIMIZERS, ORDERS, PRECONDITIONS, SCHEDULES, TUNERS, load

SUFFIX = ".model.json"
IN_TRAINING = 2.4  # times that all rows are in memory, by measurement


@click.command(
    cls=TwoPartCommand,
    first=(
        "coreset",
        "size",
        "output",
        "loss",
        "optimizer",
        "l2",
        "epochs",
        "scale",
        "history",
        "label",
        "seed",
        "as_json",
        "quiet",
    ),
    epilog=options.examples(
        "craig train sample_data/binary.libsvm",
        "craig select sample_data/binary.libsvm --fraction 0.1 -o tenth.coreset.parquet",
        "craig train sample_data/binary.libsvm --coreset tenth.coreset.parquet -o tenth.model.json",
        "craig train sample_data/binary.libsvm --coreset tenth.coreset.parquet --optimizer saga --refine 2",
        "craig train sample_data/multiclass.libsvm --optimizer saga --history multiclass.jsonl --json",
        "craig train sample_data/regression.parquet --loss squared --l2 0.001",
        "craig train sample_data/binary.libsvm --precondition none --schedule k-inverse --tune grid",
    ),
)
@data_argument
@options.coreset_option("Train on the rows of this coreset only, with its weights.")
@options.coreset_size_option("With --coreset: one of the sizes that it was selected with by --sizes.")
@options.output_option(SUFFIX)
@click.option("--history", type=click.Path(), metavar="FILE", help="Write one JSON object an epoch here.")
@click.option(
    "--loss",
    type=click.Choice(list(LOSSES)),
    show_default="logistic for 2 classes, multinomial for more, squared for numbers",
    help="The loss; an L2 penalty is always added. huber turns from square to straight at a residual of 1.",
)
@options.task_option
@click.option("--optimizer", type=click.Choice(list(OPTIMIZERS)), default="sgd", help="The method.")
@click.option(
    "--l2", type=Number(0), default=DEFAULT_L2, metavar="L", help="Penalty L/2 ||w||^2, the intercept exempt."
)
@click.option(
    "--epochs",
    type=Integer(1),
    metavar="N",
    show_default="20 or 30, more for small data",
    help="Passes over the rows.",
)
@click.option(
    "--schedule",
    type=click.Choice(SCHEDULES),
    default="auto",
    help="Step in epoch k: exponential a0*b^k, k-inverse a0/(1+b*k), power a0/(k+1)^b.",
)
@click.option(
    "--step", type=Number(0, low_open=True), metavar="A0", show_default="from the data", help="First step a0."
)
@click.option(
    "--decay",
    type=Number(0, low_open=True),
    metavar="B",
    show_default="by schedule",
    help="Decay b of the schedule.",
)
@click.option(
    "--tune",
    type=click.Choice(TUNERS),
    help="Try pairs of step and decay and keep the best, by training objective or --validation.",
)
@click.option(
    "--order",
    type=click.Choice(ORDERS),
    default="shuffle",
    help="Order of the rows in an epoch; greedy is the coreset's, replacement draws them.",
)
@click.option(
    "--resample",
    type=Share(0, 1, low_open=True),
    metavar="F|P%",
    show_default="all rows",
    help="Train each epoch on this fraction of the rows, drawn anew, each of weight n/r: the baseline of a coreset of "
    "that size. Not for saga and svrg.",
)
@click.option("--batch-size", type=Integer(1), default=1, metavar="N", help="Rows a step.")
@click.option(
    "--momentum", type=Number(0, 1, high_open=True), default=0.9, metavar="M", help="For momentum and nesterov."
)
@click.option("--nesterov", is_flag=True, hidden=True, help="What --optimizer nesterov was called.")
@click.option("--intercept/--no-intercept", default=True, help="Fit an intercept, which is not penalised.")
@options.scale_option(
    "Scaling in whose units the penalty is measured; the model is in raw units anyway. With --coreset that of all rows "
    "if it was selected with the same --scale, else of its own rows."
)
@click.option(
    "--precondition",
    type=click.Choice(PRECONDITIONS),
    default="auto",
    help="Coordinates to step in; the objective stays the same. none is the paper's plain step.",
)
@click.option(
    "--radius",
    type=Number(0, low_open=True),
    metavar="B",
    help="Keep ||w|| at most B (after --scale) by projection.",
)
@click.option(
    "--tol",
    type=Number(0),
    default=1e-8,
    metavar="T",
    help="Stop at T times the gradient norm of the zero model; 0 runs all epochs.",
)
@click.option("--init", type=click.Path(), metavar="MODEL", help="Start from this model.")
@click.option(
    "--validation",
    type=click.Path(),
    metavar="DATA",
    help="Stop when the loss on this data no longer falls, and keep the best epoch's model.",
)
@click.option(
    "--monitor",
    type=click.Path(),
    multiple=True,
    metavar="DATA",
    show_default="none",
    help="Measure the model on this data after each epoch, for --history only, outside the clock; may be given "
    "more than once.",
)
@click.option("--patience", type=Integer(1), default=5, metavar="N", help="Epochs --validation waits for better.")
@click.option(
    "--refine",
    type=Integer(),
    default=0,
    metavar="K",
    help="With --coreset: then K rounds of training on with its gradient corrected by that of all rows; each reads "
    "them once and is kept where it lowers their objective.",
)
@reading_options
@options.seed_option
@options.threads_option
@options.json_option
@options.common_options
def train(
    data,
    coreset,
    size,
    output,
    history,
    init,
    validation,
    monitor,
    reading,
    as_json,
    **settings,
) -> None:
    """Train a linear model on DATA by incremental gradient, on all rows or on those of a coreset.

    The objective is the weighted mean of the loss plus the penalty. Without --step the step and its decay
    come from the data. The model is a JSON file in the units of the input. With a coreset only its rows are
    kept in memory, unless --refine wants them all.
    """
    options.check_stdin(*data, reading["weight_file"], coreset, init, validation, *monitor)
    check_size(size, coreset)
    if settings.pop("nesterov"):
        if settings["optimizer"] != "momentum":
            raise click.UsageError("--nesterov: is for --optimizer momentum; --optimizer nesterov is the two in one")
        settings["optimizer"] = "nesterov"
    if settings["order"] == "greedy" and coreset is None:
        raise click.UsageError("--order greedy: is the order of a coreset; give one with --coreset")
    if settings["refine"] and coreset is None:
        raise click.UsageError("--refine: corrects a coreset's gradient; give one with --coreset")
    if settings["resample"] is not None and coreset is not None:
        raise click.UsageError("expected one of --coreset and --resample, found both")

    from craig_cli.artifacts.files import check_output
    from craig_cli.artifacts.history import write_history
    from craig_cli.artifacts.model import read_model, write_model

    output = options.output_path(output, data[0], SUFFIX, as_json)
    inputs = tuple(name for name in (*data, reading["weight_file"], coreset, init, validation, *monitor) if name)
    check_output(output, inputs)
    if history is not None:
        if history == output:
            raise click.UsageError("--history and -o name the same file")
        check_output(history, inputs)

    note_ignored("train", method=load(OPTIMIZERS, settings["optimizer"]))
    reading |= {"threads": settings["threads"]}
    began = time.perf_counter()
    start = None if init is None else read_model(init)
    if start is not None:
        reading |= {"encoding": start.encoding}
    if coreset is None or settings["refine"]:
        from craig_cli.formats.room import check_room

        instead = "with --coreset" if coreset is None else "without --refine"
        instead = f"{instead} only the rows of the coreset are kept"
        check_room(data, reading, IN_TRAINING, "training on all rows", instead)
    dataset, chosen, everything = read_rows(data, coreset, reading, whole=bool(settings["refine"]), size=size)
    weighted: dict = {}
    facts = None
    if chosen is not None:
        weighted, facts, own = of_coreset(dataset, chosen, coreset, settings)
        settings |= own
    plain = reading | {"weight_file": None, "encoding": dataset.encoding}  # those are the weights of DATA
    held_out = None if validation is None else read_rows((validation,), None, plain)[0]
    all_rows = dataset if coreset is None else everything
    followed = [
        all_rows if all_rows is not None and (name,) == data else read_rows((name,), None, plain)[0] for name in monitor
    ]
    read = time.perf_counter()

    from craig_cli.compiling import Ahead
    from craig_cli.dataset import is_csr, task_in_words
    from craig_cli.training.coordinates import MOST_COLUMNS_FULL
    from craig_cli.training.fit import fit, notes_ahead

    words = None
    if settings["loss"] is None and dataset.label_names is None:
        words = task_in_words(dataset.labels, settings["task"])
    if words is not None:
        note(words)
    for text in notes_ahead(dataset, settings["scale"], settings["l2"]):
        note(text)
    stays_sparse = is_csr(dataset.features) and dataset.n_features > MOST_COLUMNS_FULL
    with Ahead(settings["threads"], note) as ahead, options.progress_bar("train", "epoch") as progress:
        ahead.needs(f"train {settings['optimizer']} {'sparse' if stays_sparse else 'dense'}")
        result = fit(
            dataset,
            init=start,
            validation=held_out,
            monitor=followed,
            all_rows=everything,
            progress=progress,
            **weighted,
            **settings | {"loss": settings["loss"] or "auto"},
        )
    trained = time.perf_counter()
    model = _with_provenance(result.model, dataset, facts)
    write_model(output, model)
    if history is not None:
        write_history(history, result.history)

    last, kept = result.history[-1], result.kept
    summary = {
        "loss": model.loss,
        "classes": list(model.labels),
        "rows": dataset.n_rows,
        "coreset": coreset is not None,
        "epochs": last["epoch"],
        "step": model.optimizer["step"],
        "decay": model.optimizer["decay"],
        "objective": kept["objective"],
        "gradient_norm": kept["gradient_norm"],
        "gradient_evaluations": last["gradient_evaluations"],
        "seconds": {
            "read": round(read - began, 4),
            "fit": round(trained - read, 4),
            "kernel": last["seconds"],
        },
        "output": output,
    }
    if monitor:
        summary["monitor"] = kept["monitor"]
    for text in result.notes:
        note(text)
    if as_json:
        click.echo(json.dumps(summary))
    else:
        refined = f", refined on all {all_rows.n_rows:,}" if settings["refine"] else ""
        note(
            f"{model.loss} loss on {dataset.n_rows:,} rows{refined}: objective {kept['objective']:.6g}, gradient norm "
            f"{kept['gradient_norm']:.3g} after {last['epoch']} epochs of {settings['optimizer']}"
        )
        for own in kept.get("monitor", ()):
            error = f"error rate {own['error_rate']:.5g}" if "error_rate" in own else f"RMSE {own['rmse']:.5g}"
            note(f"on {own['data']}: loss {own['loss']:.6g}, {error}")
        note(f"wrote {output} (read {read - began:.2f} s, trained {trained - read:.2f} s)")
        if "-" not in (*data, output):
            note(f"next: {options.command_line('eval', output, *data, *reading_again())}, or data it has not seen")


def _with_provenance(model, dataset, facts: dict | None):
    from dataclasses import replace

    from craig_cli.artifacts.model import provenance, with_encoding

    return replace(with_encoding(model, dataset.encoding), data=provenance(dataset.sources), coreset=facts)
