"""The part of ``craig eval`` that reads a coreset file alone: epsilon against size."""

from __future__ import annotations

from craig_cli.cli.options import note
from craig_cli.cli.tables import table


def measure_curves(paths: tuple[str, ...]) -> list[dict]:
    """The curve of each coreset file, as --json has it."""
    from craig_cli.artifacts.coreset import read_coreset
    from craig_cli.evaluation.curve import curve_of

    found = []
    for path in paths:
        curve = curve_of(read_coreset(path))
        if curve["knee"] is None:
            note(f"{path}: {curve['why_no_knee']}")
        found.append({"coreset": path, **curve})
    return found


def curves_table(results: list[dict]) -> str:
    """For each coreset some sizes with their epsilon, and where more picks stop paying."""
    from craig_cli.evaluation.curve import some_sizes

    blocks = []
    for result in results:
        sizes, epsilons, knee = result["curve"]["size"], result["curve"]["epsilon"], result["knee"]
        rows = some_sizes(sizes, knee) if result["ranked"] else [len(sizes) - 1]
        first, last = epsilons[0], epsilons[-1]
        gone = [(first - epsilons[row]) / (first - last) if first > last else None for row in rows]
        shown = table(
            [
                ("size", [sizes[row] for row in rows]),
                ("of rows", [f"{100 * sizes[row] / result['n']:.3g} %" for row in rows]),
                ("epsilon", [epsilons[row] for row in rows]),
                ("fallen", [None if share is None else f"{100 * share:.0f} %" for share in gone]),
                ("", ["more picks stop paying" if sizes[row] == knee else "" for row in rows]),
            ]
        )
        head = f"{result['coreset']}: epsilon ({result['units']}) by size, {result['algorithm']}"
        blocks.append(f"{head}\n{shown}")
    return "\n\n".join(blocks)
