"""What ``craig select`` says of a coreset when it is done, as one JSON object or as lines for people."""

from __future__ import annotations

import json
import sys
import time

import click

from craig_cli.cli.options import note

LEFT = 0.1  # of the gradient's error, which weights are to take away: of more a note says so
SHARES = (0.01, 0.05, 0.1)  # of the rows, whose epsilon is told where the one asked for takes most of them


def finish(coreset, output: str, times: tuple[float, float, float], as_json: bool, epsilon, stages=None) -> None:
    """Write the coreset and say what it is; ``times`` when it began, had read and had selected."""
    from craig_cli.artifacts.coreset import write_coreset

    started, read, selected = times
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
    warn(coreset, by_epsilon=epsilon is not None)


def summarise(coreset) -> dict:
    """What a coreset is, as plain values: n, size, mean weight n / r, epsilon, units, algorithm, and of its classes."""
    facts = coreset.metadata
    return {
        "n": facts["n"],
        "size": len(coreset),
        "mean_weight": float(coreset.weight.mean()),
        "epsilon": _finite(coreset.epsilon[-1]),
        "units": facts["units"],
        "algorithm": facts["algorithm"],
        "for": facts.get("for"),
        "weights": facts.get("weights"),
        "at_model": bool(facts.get("at", {}).get("model") or facts.get("at", {}).get("pilot")),
        "classes": [
            {"label": entry["label"], "count": entry["count"], "size": entry["quota"]}
            | ({"epsilon": entry["epsilon"]} if "epsilon" in entry else {})
            for entry in facts["classes"]
            if entry["label"] is not None  # one group of all rows
        ],
    }


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

    n, size, epsilon = summary["n"], summary["size"], summary["epsilon"]
    ratio = f"mean weight n/r {summary['mean_weight']:.4g}"
    text = f"selected {size:,} of {n:,} rows ({100 * size / n:.3g} %, {ratio}) by {summary['algorithm']}"
    classes = summary["classes"]
    if 1 < len(classes) <= 10:
        parts = [f"class {label_in_words(c['label'])}: {c['size']:,} of {c['count']:,}" for c in classes]
        text += "; " + ", ".join(parts)
    elif classes:
        text += f"; {len(classes)} classes"
    note(text)
    aside = "" if summary["weights"] in ("count", None) else "; --exemplar medoid --weights count has the smallest"
    note("epsilon: none" if epsilon is None else f"epsilon {epsilon:.6g} ({summary['units']}{aside})")
    seconds = summary["seconds"]
    note(
        f"wrote {summary['output']} in {sum(seconds.values()):.2f} s"
        f" (read {seconds['read']:.2f}, select {seconds['select']:.2f}, write {seconds['write']:.2f})"
    )
    if summary["at_model"]:
        note("these rows are for linear models; boosters, kernel machines and neighbours want those of the default")


def warn(coreset, by_epsilon: bool) -> None:
    """What may go wrong without a word: weights that could not be fitted, an epsilon that takes most of the rows."""
    calibration, at = coreset.metadata.get("calibration"), coreset.metadata.get("at", {})
    if calibration is not None and calibration["left"] > LEFT:
        what = "the gradient at the model" if calibration["at"] == "the model" else "the means of the classes"
        by_features = at.get("model") is None and "pilot" not in at
        note(
            f"the weights leave {100 * calibration['left']:.2g} % of the error of {what} "
            f"({len(coreset):,} picks, {calibration['totals']:,} totals): a linear model trained on them may be no "
            f"better than on random rows; take more{', or --for linear' if by_features else ''}"
        )
    n = coreset.metadata["n"]
    if by_epsilon and len(coreset) > n / 2:
        smaller = [(share, coreset.epsilon[max(1, round(share * n)) - 1]) for share in SHARES]
        bounds = [f"{bound:.4g} with {100 * share:g} %" for share, bound in smaller if bound < float("inf")]
        would = f"; it would be {', '.join(bounds)}" if bounds else ""  # infinite until every class has an element
        note(f"so small an epsilon takes {100 * len(coreset) / n:.3g} % of the rows{would}")
