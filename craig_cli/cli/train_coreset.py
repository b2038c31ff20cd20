"""``craig train --coreset``: its weights, what the model file says of it, and the scale and task of all rows."""

from __future__ import annotations

import hashlib
from pathlib import Path

from craig_cli.cli.options import note
from craig_cli.errors import DataError


def of_coreset(dataset, coreset, path: str, settings: dict) -> tuple[dict, dict, dict]:
    """(the weights and ranks that ``fit`` takes, facts about the coreset, scale and task)."""
    width = coreset.facts.features
    if width is not None and dataset.n_features != width:
        raise DataError(f"{path}: was selected from other data: expected {width} features, found {dataset.n_features}")
    own = {"scale": _scaling(coreset, settings["scale"])}
    if settings["loss"] is None and settings["task"] == "auto":
        own["task"] = coreset.facts.task
    return *_weights_and_facts(coreset, path), own


def _weights_and_facts(coreset, path: str) -> tuple[dict, dict]:
    """The weights and ranks of the rows in the order of the data, and what a model file says of its coreset."""
    order = coreset.index.argsort()
    digest = hashlib.sha256(coreset.index.tobytes() + coreset.weight.tobytes()).hexdigest()
    epsilon = float(coreset.epsilon[-1])
    facts = {
        "name": Path(path).name,
        "size": len(coreset),
        "sha256": digest,  # of the indices and weights, in greedy order
        "n": coreset.facts.n,
        "algorithm": coreset.facts.algorithm,
        "epsilon": epsilon if epsilon < float("inf") else None,
        "units": coreset.facts.units,
    }
    return {"weights": coreset.weight[order], "rank": coreset.rank[order]}, facts


def _scaling(coreset, scale: str):
    """The scaling of all rows, where the coreset carries it, or the name of the one to fit to its own."""
    from craig_cli.scaling import scaling_of

    scaling = None if scale == "none" else scaling_of(coreset.metadata, scale)
    if scale != "none" and scaling is None:
        note(f"--scale {scale}: fitted to the coreset's rows; select with --scale {scale} to have that of all rows")
    return scaling or scale
