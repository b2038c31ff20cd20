"""``craig select --at`` and ``--from``: at a model that is there, and new weights for a coreset that is there."""

from __future__ import annotations

import os

from craig_cli.cli.options import note


def artifacts_of(from_coreset: str | None, at_model: str | None):
    """(the coreset of ``--from``, the model of ``--at``, the encoding that data is to have), None for what is not."""
    chosen, model = None, None
    if from_coreset is not None:
        from craig_cli.artifacts.coreset import read_coreset

        chosen = read_coreset(from_coreset)
    if at_model is not None:
        from craig_cli.artifacts.model import read_model

        model = read_model(at_model)
    known = [each.encoding for each in (chosen, model) if each is not None and each.encoding]
    return chosen, model, known[0] if known else None


def select_at(dataset, plan, model, at_model: str, chosen, name, progress):
    """Select at a model, or give the rows of the coreset ``chosen`` new weights there."""
    from craig_cli.evaluation.pointwise import check_label_names
    from craig_cli.guided.influence import influence
    from craig_cli.guided.provenance import facts_at
    from craig_cli.selection.at_model import AtModel
    from craig_cli.selection.select import select_dataset

    check_label_names(model, dataset, at_model)
    there = influence(model, dataset, at_model, plan.seed)
    at = AtModel(there.vectors, there.gradients)
    if chosen is not None:
        coreset = reweighed(dataset, plan, chosen, name, at)
    else:
        coreset = select_dataset(dataset, plan, at=at, progress=progress, note=note)
    coreset.metadata["at"] = {"model": os.path.basename(at_model), **facts_at(coreset, dataset, model, there, at_model)}
    if there.dimension > len(coreset):
        note(f"{at_model}: some {there.dimension:.0f} parameters, more than there are picks; a rough guide")
    return coreset


def reweighed(dataset, plan, chosen, name: str, at=None):
    """The rows of a coreset with new weights, at a model or without one."""
    from craig_cli.selection.reweight import reweight_dataset

    size = None if plan.fraction is plan.size is None else plan.budget(dataset)
    weights = plan.weights or "calibrated"
    return reweight_dataset(chosen, dataset, weights=weights, size=size, name=name, threads=plan.threads, at=at)
