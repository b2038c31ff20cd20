"""``craig select``: data in, coreset file out."""

from __future__ import annotations

import functools
import time
from dataclasses import replace

import click

from craig_cli.cli import options
from craig_cli.cli.ignored import note_ignored
from craig_cli.cli.options import Integer, Number, Share, note
from craig_cli.cli.reading import data_argument, read_data, reading_options
from craig_cli.cli.select_ahead import run_ahead, runs_ahead, search_ahead
from craig_cli.cli.select_at import artifacts_of, reweighed, select_at
from craig_cli.cli.select_summary import finish
from craig_cli.cli.streaming import check_streaming, select_in_pieces, stream_options
from craig_cli.cli.two_parts import TwoPartCommand
from craig_cli.registry import (
    ALGORITHMS,
    BLOCK_SIZE,
    DEFAULT_L2,
    DELTA,
    EXEMPLARS,
    METRICS,
    RECIPES,
    ROUNDS,
    WEIGHTS,
    load,
)

SUFFIX = ".coreset.parquet"
# What --from takes over from the coreset, or has no use for; --gradients neither.
OF_FEATURES = ("sizes", "metric", "scale", "loss", "radius", "pilot", "purpose", "rounds", "l2")
PICKING = (*OF_FEATURES, "epsilon", "algorithm", "exemplar", "per_class", "block_size", "swaps", "delta", "gradients")


@click.command(
    cls=TwoPartCommand,
    first=("fraction", "size", "sizes", "epsilon", "purpose", "output", "scale", "label", "as_json", "quiet"),
    epilog=options.examples(
        "craig select sample_data/binary.libsvm --fraction 0.1",
        "craig select sample_data/binary.parquet --size 200 --scale standard -o small.coreset.parquet",
        "craig select sample_data/multiclass.libsvm --epsilon 2000 --json",
        "craig select sample_data/binary.libsvm --fraction 0.1 --loss logistic --radius 5 --json",
        "craig select sample_data/regression.parquet --fraction 0.1 --loss squared -o - > r.coreset.parquet",
        "craig select sample_data/binary.libsvm --fraction 0.1 --algorithm random -o random.coreset.parquet",
        "craig select sample_data/binary.libsvm --fraction 0.1 --for linear -o linear.coreset.parquet",
        "craig select sample_data/multiclass.parquet --gradients --fraction 0.1 -o gradients.coreset.parquet",
    ),
)
@data_argument
@click.option(
    "--fraction",
    type=Share(0, 1, low_open=True),
    metavar="F|P%",
    help="Select this fraction of the rows, such as 0.1 or 10%.",
)
@click.option("--size", type=Integer(1), metavar="N", help="Select this many rows.")
@click.option(
    "--sizes",
    type=options.Amounts(),
    metavar="K|P%,...",
    help="Select nested coresets, such as 1%,5%,10% or 200,1000, with weights and a bound each. train, eval and export "
    "take one with --size.",
)
@click.option(
    "--epsilon",
    type=Number(0),
    metavar="E",
    help="Select the smallest greedy prefix whose bound on the gradient error is at most E.",
)
@click.option(
    "--for",
    "purpose",
    type=click.Choice(list(RECIPES)),
    default="any",
    help="What will be trained. " + "; ".join(f"{name}: {recipe.says}" for name, recipe in RECIPES.items()) + ".",
)
@options.output_option(SUFFIX)
@click.option(
    "--algorithm",
    type=click.Choice(["auto", *ALGORITHMS]),
    default="auto",
    help="How to select; auto takes what suits the size of the data; the baselines are random, from each class its "
    "share, and random-uniform, from all rows alike.",
)
@click.option(
    "--exemplar",
    type=click.Choice(EXEMPLARS),
    show_default="medoid with --epsilon and --for distance, else member",
    help="What stands for the rows nearest to a pick: the pick (medoid), which keeps epsilon small, or a random one of "
    "them (member), which is unbiased for every sum over the data. For the greedy algorithms and equal weights.",
)
@click.option("--metric", type=click.Choice(list(METRICS)), default="euclidean", help="Distance between rows.")
@options.scale_option("Scaling of the features for the distance.")
@options.loss_option(
    "The loss to be trained: with --radius, epsilon is in gradient norm. A regression loss has no classes.",
    show_default="none: epsilon is in feature distance",
)
@click.option(
    "--radius",
    type=Number(0, low_open=True),
    metavar="B",
    help="The bound holds for all models of at most this norm, intercept included (after --scale).",
)
@options.task_option
@click.option("--per-class/--no-per-class", default=True, help="Select from each class in proportion to its rows.")
@click.option(
    "--at",
    "at_model",
    type=click.Path(),
    metavar="MODEL",
    help="Select by what rows do to this model (their gradients there in its curvature), not by their features.",
)
@click.option(
    "--from",
    "from_coreset",
    type=click.Path(),
    metavar="CORESET",
    help="Keep the rows and ranks of this coreset of DATA (or its first --size) and give them new --weights.",
)
@click.option(
    "--gradients",
    is_flag=True,
    help="The columns are no features but the gradient of each row at the current model, such as p - y of a network's "
    "last layer: select by them, with no model of them. Float32 and float16 stay so; a label is not needed.",
)
@click.option("--pilot", is_flag=True, hidden=True, help="What --for linear was called.")
@click.option(
    "--rounds",
    type=Integer(1),
    default=ROUNDS,
    show_default=True,
    metavar="N",
    help="Rounds of training the rough model, each a pass over all rows; fewer where it is good enough.",
)
@click.option(
    "--l2",
    type=Number(0),
    default=DEFAULT_L2,
    metavar="L",
    help="Penalty of the rough model: that of the models that will be trained.",
)
@click.option(
    "--weights",
    type=click.Choice(WEIGHTS),
    show_default="fitted with --for any and linear; calibrated with --at or --from; else count",
    help="count: rows nearest to each element; calibrated: moved a little so that the gradient --at the model (or "
    "else the mean of each class) is that of all rows; fitted: the same at a rough model of all rows, or "
    "counts where those train better. equal: n/r "
    "of each class, one row from each of as many equal groups of nearby rows, for trainers that take no weights.",
)
@click.option(
    "--block-size",
    type=Integer(1),
    default=BLOCK_SIZE,
    show_default=True,
    metavar="N",
    help="Rows of a block of the partition algorithm; more is slower and closer to exact greedy.",
)
@click.option(
    "--swaps",
    type=Integer(0),
    metavar="N",
    show_default="1 for partition, else 0",
    help="Rounds of medoid swaps after the greedy, each at the price of one assignment; they lower epsilon.",
)
@click.option(
    "--delta",
    type=Number(0, 1, low_open=True, high_open=True),
    default=DELTA,
    show_default=True,
    help="Accuracy of the stochastic algorithm: 1 - 1/e - delta of the optimum in expectation.",
)
@stream_options
@reading_options
@options.seed_option
@options.threads_option
@options.memory_option
@options.json_option
@options.verbose_option
@options.common_options
def select(
    data,
    reading,
    streaming,
    fraction,
    size,
    sizes,
    epsilon,
    purpose,
    output,
    algorithm,
    exemplar,
    metric,
    scale,
    loss,
    radius,
    task,
    per_class,
    at_model,
    from_coreset,
    gradients,
    pilot,
    rounds,
    l2,
    weights,
    block_size,
    swaps,
    delta,
    seed,
    threads,
    memory_limit,
    as_json,
) -> None:
    """Select a weighted subset of DATA whose gradient stays close to the gradient of all of it.

    DATA is one or more files here or at an address (s3://...), LIBSVM or tables (Parquet, CSV, Arrow), a directory of
    Parquet files, or - for standard input; .gz, .bz2, .xz and .zst are read as they are. Say how much to select with
    one of --fraction, --size, --sizes and --epsilon. The coreset is a Parquet file of row numbers, weights, ranks and
    error bounds, in greedy order: its first k rows are the picks of a coreset of size k.
    """
    budget = {"--fraction": fraction, "--size": size, "--sizes": sizes, "--epsilon": epsilon}
    _check_budget(budget, needed=from_coreset is None)
    if from_coreset is not None:
        _check_only_weights()
    if gradients:
        _check_gradients()
    if streaming is not None:
        for option in options.given(("at_model", "from_coreset", "gradients")):
            raise click.UsageError(f"--stream: does not go with {option} so far")
    purpose = "linear" if pilot else purpose
    linear = RECIPES[purpose].always and from_coreset is None and not gradients
    if linear and at_model is not None:
        raise click.UsageError("expected one of --for linear and --at, found both")
    by_model = linear or at_model is not None
    if by_model and epsilon is not None:
        raise click.UsageError("--epsilon goes with distances of features, found --for linear or --at; give --size")
    if by_model and weights == "equal":
        raise click.UsageError("--weights equal: is for strata or random rows by features, found --for linear or --at")
    options.check_stdin(*data, reading["weight_file"], at_model, from_coreset)
    from craig_cli.artifacts.files import check_output

    output = options.output_path(output, data[0], _suffix(algorithm), as_json)
    others = [name for name in (reading["weight_file"], at_model, from_coreset) if name is not None]
    check_output(output, [*data, *others], binary=True)

    from craig_cli.compiling import Ahead
    from craig_cli.formats.early import check_first
    from craig_cli.selection.plan import Plan, algorithm_of, wants_rough_model

    plan = Plan(
        fraction=fraction,
        size=size,
        sizes=sizes,
        epsilon=epsilon,
        purpose=purpose,
        algorithm="strata" if at_model is not None and algorithm == "auto" else algorithm,
        exemplar=exemplar,
        weights=weights,
        metric=metric,
        scale=scale,
        loss=loss,
        radius=radius,
        task=task,
        per_class=per_class,
        block_size=block_size,
        swaps=swaps,
        delta=delta,
        l2=l2,
        rounds=rounds,
        seed=seed,
        threads=threads,
        memory_limit=memory_limit,
    )
    kind = "strata" if gradients and algorithm == "auto" else algorithm_of(plan)
    rough = wants_rough_model(plan) and not (gradients or at_model or from_coreset)
    note_ignored("select", method=replace(plan, algorithm=kind).method, open=kind == "auto", rough=rough)
    done = functools.partial(
        finish, output=output, data=data, scale=scale, as_json=as_json, by_epsilon=epsilon is not None
    )
    started = time.perf_counter()
    chosen, model, encoding = artifacts_of(from_coreset, at_model)
    if streaming is not None:
        check_streaming([*data, *others], plan, streaming, output)
    check_first(data, reading, gradients, streamed=streaming is not None)
    with Ahead(threads, note) as ahead:
        ahead.needs(*runs_ahead(plan, by_model))
        ahead.needs("select search dense" if streaming is not None else "")
        if streaming is not None or not (gradients or at_model or from_coreset):
            with options.progress_bar("select") as progress:
                streamed = select_in_pieces(data, reading, plan, streaming, output, progress)
            if streamed is not None:
                coreset, stages = streamed
                read = started + stages.get("columns", 0.0) + stages["survey"] + stages["route"]
                return done(coreset, times=(started, read, time.perf_counter()), stages=stages)
        reading |= {"encoding": encoding, "threads": threads, "gradients": gradients}
        dataset = read_data(data, "--for distance --stream selects in pieces", **reading)
        read = time.perf_counter()
        if chosen is not None:
            from craig_cli.artifacts.coreset import check_matches

            check_matches(chosen, from_coreset, dataset)
        elif not gradients:
            ahead.needs(run_ahead(plan, by_model, dataset))
            ahead.needs(search_ahead(plan, dataset))
        by_distance = not (gradients or by_model or wants_rough_model(plan)) and chosen is None and plan.method.greedy
        if scale == "none" and by_distance:
            options.note_uneven_ranges(dataset, "the widest decide the distance")
        with options.progress_bar("select") as progress:
            if at_model is not None:
                coreset = select_at(dataset, plan, model, at_model, chosen, from_coreset, progress)
            elif chosen is not None:
                coreset = reweighed(dataset, plan, chosen, from_coreset)
            elif gradients:
                from craig_cli.deep.gradients import select_at_gradients

                coreset = select_at_gradients(dataset, plan, progress=progress, note=note)
            else:
                from craig_cli.guided.policy import select_for

                coreset = select_for(dataset, plan, progress=progress, note=note)
                if scale == "none" and wants_rough_model(plan) and not coreset.facts.at_model:  # not as it was meant
                    options.note_uneven_ranges(dataset, "the widest decided the distance")
    done(coreset, times=(started, read, time.perf_counter()), at=model)


def _suffix(algorithm: str) -> str:
    """What the name of the output ends in where none is given: a baseline's does not replace the coreset's."""
    baseline = algorithm != "auto" and load(ALGORITHMS, algorithm).baseline
    return f".{algorithm}{SUFFIX}" if baseline else SUFFIX


def _check_only_weights() -> None:
    for option in options.given(PICKING):
        raise click.UsageError(f"--from keeps the rows and the distance of its coreset, found {option}")


def _check_gradients() -> None:
    for option in options.given((*OF_FEATURES, "at_model", "from_coreset")):
        raise click.UsageError(f"--gradients are what rows are selected by, found {option}")


def _check_budget(values: dict, needed: bool = True) -> None:
    given = [name for name, value in values.items() if value is not None]
    if len(given) > 1 or (needed and not given):
        *names, last = values
        raise click.UsageError(f"expected one of {', '.join(names)} and {last}, found {' and '.join(given) or 'none'}")
