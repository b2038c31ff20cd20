"""The job at the leaves: what is known when all rows have been routed."""

from __future__ import annotations

import numpy as np

from craig_cli.selection.bounds import exact_grid
from craig_cli.selection.distances.cells import Ruler
from craig_cli.selection.distances.metrics import quantum_for
from craig_cli.selection.plan import Plan
from craig_cli.streaming.frame import Frame, Space
from craig_cli.streaming.leaves import Bound, Job, Leaf, Measure, leaves_of
from craig_cli.streaming.rough import Rough
from craig_cli.streaming.route import run_facts
from craig_cli.streaming.scratch import Scratch


def job_of(frame: Frame, folder: Scratch, plan: Plan, block: int, leaf_rows: int) -> tuple[Job, list[Leaf]]:
    """The job, of blocks of ``block`` rows, and the leaves of about ``leaf_rows`` each."""
    runs, masses = run_facts(folder), frame.masses.tolist()
    features, search = (
        Measure(space.view, _rulers(space, masses, [facts[key] for facts in runs.values()]))
        for key, space in (("by_features", frame.features), ("farthest", frame.search))
    )
    bound, steepest = None, 1.0
    if plan.radius is not None:
        view = frame.view
        assert frame.loss is not None and view.metric.euclidean is not None
        stretch = view.metric.euclidean(frame.width + (view.of_labels is not None))
        largest = max(each["largest"] for each in runs.values())
        bound = Bound(frame.loss, plan.radius, label_unit(frame), stretch, largest)
        steepest = bound.most(frame.largest_label)
    grid = exact_grid(sum(mass * ruler.diameter * steepest for mass, ruler in zip(masses, features.rulers)))
    known = {name: (facts["leaves"], facts["sizes"]) for name, facts in runs.items()}
    beside = features if isinstance(frame.search.view, Rough) else None
    job = Job(folder, known, frame.width, search.view, search.rulers, frame.masses, block, grid, bound, beside)
    return job, leaves_of(runs, frame.tree.classes, leaf_rows)


def _rulers(space: Space, masses: list[float], farthest: list[list[float]]) -> list[Ruler]:
    """Of each class, whose rows count ``masses``, and whose diameter the ``farthest`` of the runs tell."""
    metric = space.view.metric
    diameters = [metric.diameter(each) for each in np.max(farthest, axis=0).tolist()]
    return [
        Ruler(metric, diameter, quantum_for(diameter, metric, mass), space.columns)
        for diameter, mass in zip(diameters, masses)
    ]


def label_unit(frame: Frame) -> float:
    """What 1 in the label's coordinate stands for."""
    scaling = frame.view.of_labels
    return 1.0 if scaling is None or scaling.factor is None else 1.0 / float(scaling.factor[0])
