"""The part of ``craig eval`` that reads a coreset file alone: epsilon against size."""

from __future__ import annotations

from craig_cli.amounts import Amount
from craig_cli.cli.options import note
from craig_cli.cli.tables import Part, table


def run(paths: tuple[str, ...], size: Amount | None, form: str | None) -> Part:
    """The curve of each coreset file, of several sizes the one asked for, and their picture where it has a ``form``."""
    from craig_cli.cli.rows import read_sized
    from craig_cli.evaluation.curve import curve_of

    coresets = {path: read_sized(path, size) for path in paths}
    results = [{"coreset": path, **curve_of(each), **_sizes_of(each)} for path, each in coresets.items()]
    for result in results:
        if result["knee"] is None:
            note(f"{result['coreset']}: {result['why_no_knee']}")
    picture = None
    if form is not None:
        from craig_cli.evaluation.plots import plot_curves

        units = " or ".join(dict.fromkeys(result["units"] for result in results))
        curves = [(each["coreset"], each["curve"]["size"], each["curve"]["epsilon"], each["knee"]) for each in results]
        picture = plot_curves(curves, units, form)
    return Part({"curves": results}, curves_table(results), picture=picture)


def _sizes_of(coreset) -> dict:
    """Of nested coresets the sizes that have weights, and so a bound, of their own."""
    entries = coreset.metadata.get("sizes", ())
    keys = ("size", "epsilon", "weights")
    return {"sizes": [{key: entry[key] for key in keys} for entry in entries]} if entries else {}


def curves_table(results: list[dict]) -> str:
    """For each coreset some sizes with their epsilon, and where the bound flattens."""
    from craig_cli.evaluation.curve import some_sizes

    blocks = []
    for result in results:
        sizes, epsilons, knee = result["curve"]["size"], result["curve"]["epsilon"], result["knee"]
        if not sizes:
            blocks.append(f"{result['coreset']}: no size with a bound")
            continue
        rows = some_sizes(sizes, knee) if result["ranked"] else [len(sizes) - 1]
        first, last = epsilons[0], epsilons[-1]
        gone = [(first - epsilons[row]) / (first - last) if first > last else None for row in rows]
        shown = table(
            [
                ("size", [sizes[row] for row in rows]),
                ("of rows", [f"{100 * sizes[row] / result['n']:.3g} %" for row in rows]),
                ("epsilon", [epsilons[row] for row in rows]),
                ("fallen", [None if share is None else f"{100 * share:.0f} %" for share in gone]),
                ("", ["the bound flattens" if sizes[row] == knee else "" for row in rows]),
            ]
        )
        head = f"{result['coreset']}: epsilon ({result['units']}) by size, {result['algorithm']}"
        if result["for"] is not None:
            head += f", for {result['for']}"
        blocks.append(f"{head}\n{shown}")
        if "sizes" in result:
            nested = result["sizes"]
            stored = [
                ("--size", [each["size"] for each in nested]),
                ("of rows", [f"{100 * each['size'] / result['n']:.3g} %" for each in nested]),
                ("epsilon", [each["epsilon"] for each in nested]),
                ("weights", [each["weights"] for each in nested]),
            ]
            blocks.append(f"sizes with weights of their own:\n{table(stored)}")
    return "\n\n".join(blocks)
