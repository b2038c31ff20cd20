"""What ``craig select`` says of a coreset when it is done, as one JSON object or as lines for people."""

from __future__ import annotations

import json
import sys
import time

import click

from craig_cli.cli.options import command_line, detail, note
from craig_cli.cli.reading import reading_again

LEFT = 0.1  # of the gradient's error, which weights are to take away: of more a note says so
SHARES = (0.01, 0.05, 0.1)  # of the rows, whose epsilon is told where the one asked for takes most of them


def finish(
    coreset, output: str, data, scale: str, as_json: bool, by_epsilon: bool, times, stages=None, at=None
) -> None:
    """Write the coreset of ``data``, where that is not done, and say what it is.

    at     the model of --at, if that was given
    times  when it began, had read and had selected; stages: name -> seconds of each, where it was read in pieces and is
           written
    """
    from craig_cli.artifacts.coreset import write_coreset

    started, read, selected = times
    if stages is None:
        write_coreset(output, coreset)
    seconds = {"read": read - started, "select": selected - read, "write": time.perf_counter() - selected}
    summary = summarise(coreset) | {
        "seconds": {stage: round(value, 4) for stage, value in seconds.items()},
        **({} if stages is None else {"stages": {stage: round(value, 4) for stage, value in stages.items()}}),
        "peak_memory": peak_memory(),
        "output": output,
    }
    if as_json:
        click.echo(json.dumps(summary))
    else:
        tell(summary)
    warn(coreset, by_epsilon)
    if not as_json:
        what_next(summary, data, [*reading_again(), *_objective_again(coreset, scale, at)])


def summarise(coreset) -> dict:
    """What a coreset is, as plain values: n, size, weights, epsilon, units, algorithm, and of its classes."""
    import numpy as np

    facts, sizes = coreset.facts, coreset.metadata.get("sizes")
    return {
        "n": facts.n,
        "size": len(coreset),
        "mean_weight": float(coreset.weight.mean()),
        "weight": {
            "smallest": float(coreset.weight.min()),
            "median": float(np.median(coreset.weight)),
            "largest": float(coreset.weight.max()),
        },
        "epsilon": _finite(coreset.epsilon[-1]),
        "epsilon_per_row": _finite(coreset.epsilon[-1] / facts.n),
        "epsilon_per_row_of_tenth": _finite(coreset.epsilon[(len(coreset) - 1) // 10] / facts.n),
        "units": facts.units,
        "algorithm": facts.algorithm,
        "for": facts.purpose,
        "weights": facts.weights,
        "at_model": facts.at_a_file or (facts.at_model and facts.purpose == "linear"),
        "classes": [
            {"label": each.label, "count": each.count, "size": each.quota}
            | ({} if each.epsilon is None else {"epsilon": each.epsilon})
            for each in facts.classes
            if each.label is not None  # one group of all rows
        ],
    } | ({} if sizes is None else {"sizes": [_of_size(entry) for entry in sizes]})


def _of_size(entry: dict) -> dict:
    left = {"left": entry["calibration"]["left"]} if "calibration" in entry else {}
    return {"size": entry["size"], "epsilon": entry["epsilon"], "weights": entry["weights"], **left}


def _finite(value: float) -> float | None:
    return float(value) if abs(value) < float("inf") else None  # JSON has no infinity


def peak_memory() -> int | None:
    """Bytes, of this process alone: getrusage would begin with the size of the process that started it."""
    try:
        with open("/proc/self/status") as stream:
            return next(1024 * int(line.split()[1]) for line in stream if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        pass
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def tell(summary: dict) -> None:
    from craig_cli.dataset import label_in_words

    n, size, classes = summary["n"], summary["size"], summary["classes"]
    text = f"selected {size:,} of {n:,} rows ({100 * size / n:.3g} %)"
    if 1 < len(classes) <= 10:
        parts = [f"{c['size']:,} of {c['count']:,} of class {label_in_words(c['label'])}" for c in classes]
        text += ": " + ", ".join(parts)
    elif classes:
        text += f" of {len(classes)} classes"
    note(text)
    weight = {name: f"{value:.4g}" for name, value in summary["weight"].items()}
    if weight["smallest"] == weight["largest"]:
        text = f"weight {weight['median']}"
    else:
        text = f"weights {weight['smallest']} to {weight['largest']}, median {weight['median']}"
    note(f"{text}: how many rows each stands for")
    note(_bound_in_words(summary))
    for each in summary.get("sizes", ())[:-1]:
        share = f"{100 * each['size'] / n:.3g} %"
        note(f"  --size {each['size']} ({share}): epsilon {each['epsilon']:.6g}{_weights_of(each)}")
    seconds = summary["seconds"]
    called = "" if summary["output"].endswith((".parquet", ".pq", "-")) else ", which is Parquet,"
    note(f"wrote {summary['output']}{called} in {sum(seconds.values()):.2f} s")
    memory = (summary["peak_memory"] or 0) / 1e6
    detail(
        f"algorithm {summary['algorithm']}, weights {summary['weights']}; read {seconds['read']:.2f} s, "
        f"select {seconds['select']:.2f}, write {seconds['write']:.2f}; peak memory {memory:.0f} MB"
    )
    if summary["at_model"] and size < n:
        note("these rows are for linear models; boosters, kernel machines and neighbours want those of the default")


def _weights_of(entry: dict) -> str:
    from craig_cli.amounts import per_cent

    if "left" not in entry:
        return f", weights {entry['weights']}"
    left = f", which leave {per_cent(entry['left'])} of the error of the gradient" if entry["left"] > LEFT else ""
    return f", weights {entry['weights']}{left}"


def _bound_in_words(summary: dict) -> str:
    epsilon, per_row, tenth = summary["epsilon"], summary["epsilon_per_row"], summary["epsilon_per_row_of_tenth"]
    if epsilon is None:
        return "epsilon: none; a class has no element"
    text = f"epsilon {epsilon:.6g}: "
    if summary["units"] == "gradient norm":
        text += f"a model's mean gradient is off by at most {per_row:.3g}"
    else:
        text += f"a row is {per_row:.3g} from what stands for it on average"
    if tenth is not None and tenth > 1.01 * per_row:
        text += f", with a tenth of the picks {tenth:.3g}"
    least = summary["weights"] in ("count", None) or summary["size"] == summary["n"]
    return text if least else f"{text}; --for distance has less"


def what_next(summary: dict, data: tuple[str, ...], again: list[str]) -> None:
    """The command that trains on the coreset; ``again``: the options that read the same."""
    if "-" not in (*data, summary["output"]):
        train = command_line("train", *data, *again, "--coreset", summary["output"])
        note(f"next: {train} (other trainers: craig guide trainers)")


def _objective_again(coreset, scale: str, at) -> list[str]:
    """The options that ``train`` needs to have the objective that rows were selected for, that of ``at`` if given."""
    from craig_cli.registry import DEFAULT_L2, LOSSES, SCALES, load
    from craig_cli.training.labels import loss_of_classes

    loss, l2 = coreset.facts.loss, click.get_current_context().params["l2"]
    if at is not None:
        loss, l2, own = at.loss, at.l2, at.optimizer.get("scale")
        scale = own if scale == "none" and own in SCALES else scale
    words = ["--scale", scale] if scale != "none" else []
    if loss in LOSSES:
        implied = "squared" if load(LOSSES, loss).is_regression else loss_of_classes(len(coreset.facts.labels))
        words += ["--loss", loss] if loss != implied else []
    return words + (["--l2", str(l2)] if l2 != DEFAULT_L2 else [])


def warn(coreset, by_epsilon: bool) -> None:
    """What may go wrong without a word: weights that could not be fitted, an epsilon that takes most of the rows."""
    from craig_cli.amounts import per_cent

    facts = coreset.facts
    n, calibration = facts.n, facts.calibration
    all_rows = all(each.quota == each.count for each in facts.classes)  # whose gradient is the one to be matched
    if calibration is not None and calibration.left > LEFT and not all_rows:
        what = "the gradient at the model" if calibration.at == "the model" else "the means of the classes"
        by_features = not facts.at_a_file and facts.purpose != "linear"
        note(
            f"the weights leave {per_cent(calibration.left)} of the error of {what} "
            f"({len(coreset):,} picks, {calibration.totals:,} totals): a linear model trained on them may be no "
            f"better than on random rows; take more{', or --for linear' if by_features else ''}"
        )
    if by_epsilon and len(coreset) > n / 2:
        smaller = [(share, coreset.epsilon[max(1, round(share * n)) - 1]) for share in SHARES]
        bounds = [f"{bound:.4g} with {100 * share:g} %" for share, bound in smaller if bound < float("inf")]
        would = f"; it would be {', '.join(bounds)}" if bounds else ""  # infinite until every class has an element
        note(f"so small an epsilon takes {100 * len(coreset) / n:.3g} % of the rows{would}")
