"""The part of ``craig eval`` that compares coresets by their gradients, without a model (Figure 2 of the paper)."""

from __future__ import annotations

import os

import click

from craig_cli.cli import options
from craig_cli.cli.tables import Part, table
from craig_cli.registry import LOSSES

DEFAULTS = {"points": 20, "epochs": 10, "subsets": 5}


def run(coresets: dict, dataset, data, loss, sizes: dict, seed: int, threads, form: str | None) -> Part:
    """Compare ``coresets`` (file name -> Coreset) of ``dataset``; ``sizes`` are points, radius, epochs and subsets."""
    from craig_cli.artifacts.coreset import check_matches
    from craig_cli.evaluation.gradient_comparison import compare, training_path

    for name, coreset in coresets.items():
        check_matches(coreset, name, dataset)
    loss = loss or _loss_of(coresets.values(), dataset)
    sizes = {name: DEFAULTS.get(name) if value is None else value for name, value in sizes.items()}
    path = training_path(dataset, loss, sizes.pop("epochs"), seed, threads)
    errors = {}
    for name, coreset in coresets.items():
        with options.progress_bar("gradients", "point") as progress:
            errors[name] = compare(coreset, dataset, path, **sizes, seed=seed, progress=progress)
    results = [as_values(name, coresets[name], each) for name, each in errors.items()]
    notes = [
        f"{dataset.n_rows:,} rows of {', '.join(os.path.basename(name) for name in data)}, {loss} loss",
        "gradient errors are divided by the largest norm of the full gradient; random subsets are of the same size",
    ]
    for result in results:
        notes += _beyond_the_bound(result, coresets[result["coreset"]].facts.radius)
    picture = None
    if form is not None:
        from craig_cli.evaluation.plots import plot_gradient_errors

        picture = plot_gradient_errors(list(errors.items()), form)
    facts = {"rows": dataset.n_rows, "loss": loss, "random_subsets": sizes["subsets"]}
    return Part({**facts, "gradients": results}, gradients_table(results), notes, picture)


def _loss_of(coresets, dataset) -> str:
    from craig_cli.training.labels import guess_loss

    recorded = {loss for loss in LOSSES for coreset in coresets if coreset.facts.loss == loss}
    if len(recorded) > 1:
        raise click.UsageError(f"--loss: the coresets are for {' and '.join(sorted(recorded))} loss; give one")
    return recorded.pop() if recorded else guess_loss(dataset.labels, dataset.task("auto"))


def as_values(name: str, coreset, compared) -> dict:
    """What --json says of one coreset: the errors as they are, and their medians and maxima as the figure has them."""
    unit = compared.largest_full_norm
    parts = {}
    for part in ("path", "ball"):
        errors = getattr(compared, part)
        parts[part] = {
            "points": len(errors.error),
            "coreset": _spread(errors.error, unit),
            "random": _spread(errors.random, unit),
            "norm": errors.norm.tolist(),
            "full_norm": errors.full_norm.tolist(),
            "bounded": errors.bounded.tolist(),
            "error": errors.error.tolist(),
            "random_error": errors.random.tolist(),
        }
    return {
        "coreset": name,
        "algorithm": coreset.facts.algorithm,
        "size": len(coreset),
        "epsilon": compared.epsilon,
        "relative_epsilon": None if compared.epsilon is None or not unit > 0 else compared.epsilon / unit,
        "largest_full_norm": unit,
        "radius": compared.radius,
        **parts,
    }


def gradients_table(results: list[dict]) -> str:
    """An aligned table, two rows a coreset: along the path and in the ball."""
    rows = []
    for result in results:
        for part, where in (("path", "training path"), ("ball", f"ball of radius {result['radius']:.4g}")):
            if result[part]["points"]:
                rows.append((result, result[part], where))
    return table(
        [
            ("coreset", [result["coreset"] for result, _, _ in rows]),
            ("size", [result["size"] for result, _, _ in rows]),
            ("where", [where for _, _, where in rows]),
            ("median error", [part["coreset"]["median"] for _, part, _ in rows]),
            ("max", [part["coreset"]["max"] for _, part, _ in rows]),
            ("random: median", [part["random"]["median"] for _, part, _ in rows]),
            ("max", [part["random"]["max"] for _, part, _ in rows]),
            ("epsilon", [result["relative_epsilon"] if all(part["bounded"]) else None for result, part, _ in rows]),
        ]
    )


def _beyond_the_bound(result: dict, radius: float | None) -> list[str]:
    """A line on the points that the coreset's epsilon does not speak of, where it has one for this loss."""
    if result["relative_epsilon"] is None or radius is None:
        return []
    bounded = [each for part in ("path", "ball") for each in result[part]["bounded"]]
    if all(bounded):
        return []
    name, within = result["coreset"], f"{sum(bounded)} of the {len(bounded)} points"
    return [f"{name}: its epsilon is for models of norm at most {radius:g}, intercept included: {within}"]


def _spread(errors, unit: float) -> dict:
    import numpy as np

    if errors.size == 0 or not unit > 0:
        return {"median": None, "max": None}
    return {"median": float(np.median(errors)) / unit, "max": float(errors.max()) / unit}
