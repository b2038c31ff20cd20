"""``craig export``: the rows of a coreset with their weights, or a model, as other programs read them."""

from __future__ import annotations

import contextlib
import json
import os
import time
from functools import partial
from typing import Any

import click

from craig_cli.cli import options
from craig_cli.cli.ignored import note_ignored
from craig_cli.cli.options import STDIO, note
from craig_cli.cli.reading import note_what_was_read, read_pieces, reading_options
from craig_cli.cli.rows import check_size, read_made, read_rows
from craig_cli.errors import DataError, OtherDataError
from craig_cli.registry import EXPORTERS, TASKS, load


@click.command(
    epilog=options.examples(
        "craig select sample_data/binary.libsvm --fraction 0.1 -q",
        "craig export sample_data/binary.libsvm --coreset binary.coreset.parquet --to vw -o binary.vw",
        "craig export sample_data/binary.libsvm --coreset binary.coreset.parquet --to xgboost -o binary.txt",
        "craig export sample_data/binary.libsvm --coreset binary.coreset.parquet --to csv --normalize mean -o - | head",
        "craig export sample_data/binary.test.libsvm --like binary.coreset.parquet --to xgboost -o binary.test.txt",
        "craig train sample_data/binary.libsvm -q -o binary.model.json",
        "craig export binary.model.json --to liblinear -o binary.model",
    )
)
@click.argument("paths", nargs=-1, required=True, metavar="DATA...|MODEL", type=click.Path())
@click.option("--to", "target", type=click.Choice(list(EXPORTERS)), required=True, help="Who is to read it.")
@options.coreset_option("Write the rows of this coreset only, with its weights.")
@options.coreset_size_option("With --coreset: one of the sizes that it was selected with by --sizes.")
@click.option(
    "--like",
    type=click.Path(),
    metavar="CORESET|MODEL",
    help="Write all rows of DATA, such as a test file, in the columns that this coreset or model has, by their names, "
    "and with its positions of labels.",
)
@options.output_option("an ending for the target")
@click.option(
    "--normalize",
    type=click.Choice(("auto", "sum", "mean", "none")),
    default="auto",
    help="sum: weights sum to the number of rows of DATA, so C or lambda stays that of all rows, for trainers that "
    "add up (liblinear, libsvm, LogisticRegression by lbfgs, SVC, Ridge, vw). mean: weights have mean 1, for boosters, "
    "whose penalties otherwise stop acting, and for trainers that step row by row (SGDClassifier, saga, Keras, "
    "PyTorch). none: every weight is 1, and tables have no column of weights. auto: mean for xgboost and lightgbm, "
    "sum for the others, none for a coreset of --weights equal.",
)
@click.option(
    "--task",
    type=click.Choice(TASKS),
    default="auto",
    help="Classes are numbered as the trainer wants them (vw: -1/1 or from 1; xgboost, lightgbm: from 0), labels of a "
    "regression are kept. auto: as craig select and train take them.",
)
@click.option(
    "--categorical",
    type=options.Names(),
    metavar="NAME,...",
    show_default="none",
    help="catboost: the columns, of x1, x2, ... as it gets them, that hold categories.",
)
@reading_options
@options.threads_option
@options.json_option
@options.common_options
def export(
    paths,
    target,
    coreset,
    size,
    like,
    output,
    normalize,
    task,
    categorical,
    reading,
    threads,
    as_json,
) -> None:
    """Write a coreset's rows with their weights, or a model, for another program.

    libsvm: rows, and OUT.wgt for "train -W OUT.wgt OUT" of the instance-weight liblinear and libsvm. vw: importance
    weights. xgboost: LIBSVM with label:weight, and OUT.weight. lightgbm: zero-based LIBSVM, and OUT.weight, which it
    finds by itself. catboost: tab-separated columns, described in OUT.cd. csv, parquet, feather: the columns of a
    table as they are, with craig_weight and craig_rank, in greedy order; of LIBSVM, and with encoded-csv and
    encoded-parquet, rank, weight, label, x1, x2, ... The others are in the order of DATA. liblinear: a model of craig
    train for liblinear's predict. Without --coreset all rows are written, with weight 1 or that of --weight-column; a
    test file wants --like, or its x5 may be another column.
    """
    exporter = load(EXPORTERS, target)
    check_size(size, coreset)
    _check_options(exporter, target, paths, coreset, categorical, like)
    options.check_stdin(*paths, reading["weight_file"], coreset)

    from craig_cli.artifacts.files import check_output

    output = options.output_path(output, paths[0], exporter.suffix, as_json)
    outputs = _outputs(exporter, target, output)
    inputs = tuple(name for name in (*paths, reading["weight_file"], coreset, like) if name)
    for name in outputs:
        check_output(name, inputs, binary=exporter.binary)

    note_ignored("export", method=exporter)
    began = time.perf_counter()
    prepared = None
    content: Any  # a Model, or pieces of rows
    if exporter.takes_model:
        from craig_cli.artifacts.model import read_model

        content = read_model(paths[0])
    else:
        from craig_cli.exporters.known import known_of
        from craig_cli.exporters.prepare import Asked

        known = None if like is None else known_of(read_made(like), like)
        if known is not None and known.task == "auto" and exporter.labels is not None:
            raise DataError(
                f"{like}: expected a coreset selected by class or a model, as {target} numbers the labels, found one "
                "that does not say which there are"
            )
        asked = Asked(normalize, task, categorical, known)
        prepared = _prepared(paths, coreset, size, exporter, asked, reading | {"threads": threads})
        content = prepared.pieces
    _write(exporter, content, outputs, paths[0])
    seconds = time.perf_counter() - began

    if as_json:
        summary = {} if prepared is None else _summary(prepared)
        click.echo(json.dumps({"to": target, **summary, "output": outputs, "seconds": round(seconds, 4)}))
        return
    wrote = f"wrote {' and '.join(outputs)} for {target} in {seconds:.2f} s"
    if prepared is None:
        note(f"{wrote} (model)")
        return
    from craig_cli.dataset import label_in_words

    numbered, ratio = prepared.numbered, prepared.ratio
    if any(before != after for before, after in numbered.items()):
        pairs = [f"{label_in_words(before)} as {after:g}" for before, after in list(numbered.items())[:20]]
        note(f"labels for {target}: {', '.join(pairs)}{' ...' if len(numbered) > 20 else ''}")
    note(f"{wrote} ({prepared.n_rows:,} rows, weights sum to {prepared.weight:g})")
    if abs(ratio - 1) > 1e-9:  # else there is nothing to set
        alike = "not written: each row stands for as many as any other"
        advice = f": {exporter.advice(ratio, prepared.scale)}" if prepared.scale != "none" else f", {alike}"
        note(f"mean weight n/r {ratio:.4g}{advice}")


def _prepared(paths, coreset, size, exporter, asked, reading: dict):
    """What is to be written: the rows of a coreset, or all of them, in pieces where they can be."""
    from craig_cli.exporters import prepare

    if coreset is not None:
        dataset, chosen, _ = read_rows(paths, coreset, reading | {"original": exporter.original}, False, False, size)
        of = chosen.facts.features
        if not exporter.original and of is not None and of < dataset.n_features:
            note(
                f"selected by {of} of these {dataset.n_features} columns, and all are written; the same --features or "
                f"--exclude writes those {of}, as --like does"
            )
        with _about(paths[0]):
            return prepare.of_rows(dataset, chosen, exporter, asked)
    from craig_cli.formats.addresses import are_files
    from craig_cli.formats.stream import Stream

    if exporter.original and are_files(paths):
        from craig_cli.formats.originals import originals_of

        originals = originals_of(paths, reading)
        if originals is not None:
            weights = originals.weights
            total = float(originals.n_rows if weights is None else weights.sum())
            note_what_was_read(paths, reading, originals.notes, originals.name, weights is not None, total)
            return prepare.of_tables(originals, exporter, asked)
    known = asked.known
    if known is not None:
        reading = reading | {"encoding": known.encoding, "n_features": known.width}
    stream = Stream(paths, exporter.original, **reading)
    try:
        survey = read_pieces(stream, partial(prepare.Survey, known))
    except OtherDataError as error:
        raise DataError(f"{error}, more than {known.name if known else paths[0]} has") from error
    with _about(paths[0]):
        if stream.dataset is not None:
            encoding = stream.dataset.encoding
            kinds = set() if encoding is None or encoding.is_plain else {each.kind for each in encoding.columns}
            if kinds - {"numbered"} and not exporter.original and known is None:  # not LIBSVM data, whose x5 is x5
                note(
                    "text, times and missing values are encoded by this data alone: x1, x2, ... of a coreset, or of "
                    "other files, are other columns; --like has those of a coreset or a model, and --to csv, parquet "
                    "or feather keeps them as they are"
                )
            return prepare.of_rows(stream.dataset, None, exporter, asked)
        stream.settle(survey.width, survey.label_names)
        return prepare.of_pieces(stream, survey, exporter, asked)


def _summary(prepared) -> dict:
    labels = {
        f"{before:.17g}" if isinstance(before, float) else str(before): after
        for before, after in prepared.numbered.items()
    }
    weight, n_rows = prepared.weight, prepared.n_rows
    return {
        "rows": n_rows,
        "features": prepared.n_features,
        "weight": {"sum": weight, "mean": weight / n_rows, "scale": prepared.scale},
        "mean_weight": prepared.ratio,
        "labels": labels or None,
    }


def _check_options(exporter, target, paths, coreset, categorical, like) -> None:
    if categorical is not None and not exporter.categories:
        raise click.UsageError(f"--to {target}: has no columns of categories; --categorical is for catboost")
    if exporter.takes_model and len(paths) != 1:
        raise click.UsageError(f"--to {target}: expected one model, found {len(paths)} files")
    if exporter.takes_model and coreset is not None:
        rows = "; rows for it: --to libsvm" if target == "liblinear" else ""
        raise click.UsageError(f"--to {target}: exports a model; --coreset is for rows{rows}")
    if like is not None and coreset is not None:
        raise click.UsageError("expected one of --coreset and --like, found both")
    if like == options.STDIO:
        raise click.UsageError("--like: expected a file, found standard input (-)")
    if like is not None and exporter.takes_model:
        raise click.UsageError(f"--to {target}: exports a model; --like is for rows")
    if like is not None and exporter.original:
        encoded = "encoded-csv" if target == "csv" else "encoded-parquet"
        raise click.UsageError(f"--to {target}: keeps columns as they are; --like goes with --to {encoded} or others")


def _outputs(exporter, target: str, output: str) -> list[str]:
    """The files to write: ``output``, and the one beside it unless ``output`` is a stream."""
    if exporter.beside is None:
        return [output]
    if output == STDIO or (os.path.exists(output) and not os.path.isfile(output) and not os.path.isdir(output)):
        if exporter.whole:
            return [output]
        raise click.UsageError(f"--to {target}: writes two files, OUT and OUT{exporter.beside}; give -o a file name")
    return [output, output + exporter.beside]


@contextlib.contextmanager
def _about(source: str):
    """What cannot be exported is a fault of ``source``."""
    try:
        yield
    except DataError as error:
        if str(error).startswith(f"{source}:"):  # it says so
            raise
        raise DataError(f"{source}: {error}") from error


def _write(exporter, content, outputs: list[str], source: str) -> None:
    from craig_cli.artifacts.files import atomic_output, atomic_outputs

    if len(outputs) == 1:
        with atomic_output(outputs[0]) as stream, _about(source):
            exporter.write(content, stream)
    else:
        with atomic_outputs(*outputs) as streams, _about(source):
            exporter.write(content, *streams)
