"""The estimate of memory that a refusal rests on, beside what is really taken.

Each is measured in a process of its own: one that has run other tests holds memory that it gives out again, and then
takes less than it would.
"""

import multiprocessing
import tracemalloc
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
import scipy.sparse as sp

from craig_cli.dataset import from_arrays
from craig_cli.errors import UsageError
from craig_cli.guided.policy import select_for
from craig_cli.selection.distances import assignment
from craig_cli.selection.limits import estimate
from craig_cli.selection.plan import Plan
from craig_cli.selection.select import select_dataset


@pytest.mark.parametrize("layout", ["dense", "sparse"])
@pytest.mark.parametrize("block", [None, 512])
def test_the_estimate_of_memory_is_about_what_is_taken(layout, block):
    taken, estimated = _in_a_process(_by_the_paper, layout, block)
    assert 0.6 * taken - 20e6 < estimated < 1.7 * taken + 20e6


def test_the_estimate_of_memory_counts_the_vectors_at_a_model():
    taken, estimated = _in_a_process(_at_a_model)
    assert 0.6 * taken - 20e6 < estimated < 1.7 * taken + 20e6


def test_a_rough_model_of_very_many_columns_is_refused_before_it_is_begun():
    rows, columns = np.arange(40), np.resize([0, 399_999], 40)
    dataset = from_arrays(sp.csr_matrix((np.arange(1.0, 41.0), (rows, columns))), np.arange(40) % 2)
    expected = "data: a rough model of 400,000 columns needs about 1.1 GiB, .* 0.19 GiB; give --for distance"
    with pytest.raises(UsageError, match=expected):
        select_for(dataset, Plan(size=4, memory_limit=200_000_000))
    assert len(select_for(dataset, Plan(size=4, purpose="distance", memory_limit=200_000_000))) == 4


@pytest.mark.parametrize("purpose, most", [("any", 4.6), ("linear", 3.8), ("distance", 2.2)])
def test_of_one_class_at_a_time_there_are_copies(purpose, most):
    """At a model the influence of all rows as well, and of a class what it is arranged as, twice; as numpy counts."""
    rng = np.random.default_rng(5)
    data = from_arrays(rng.standard_normal((30_000, 50)), rng.integers(0, 2, 30_000).astype(float))
    plan = Plan(size=1500, purpose=purpose, scale="minmax", threads=1)
    select_for(data, plan)  # compiling takes memory, and is slow while that is counted
    tracemalloc.start()
    try:
        select_for(data, plan)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < most * data.features.nbytes


def _by_the_paper(layout, block):
    rng = np.random.default_rng(3)
    if layout == "dense":
        features = rng.standard_normal((12_000 if block is None else 50_000, 60))
    else:
        count = 3000 if block is None else 16_000
        columns = np.sort(rng.integers(0, 5000, (count, 120)), axis=1).ravel()
        features = sp.csr_matrix((rng.random(count * 120), columns, 120 * np.arange(count + 1)), shape=(count, 5000))
    data = from_arrays(features)
    options = {"size": 300, "algorithm": "lazy" if block is None else "partition", "per_class": False}
    plan = Plan.paper(block_size=512, **options)
    return _taken(select_dataset, data, plan, data.take(np.arange(1500)), plan), estimate(data, block)


def _at_a_model():
    rng = np.random.default_rng(4)
    data = from_arrays(rng.standard_normal((60_000, 50)), rng.integers(0, 2, 60_000).astype(float))
    taken = _taken(select_for, data, Plan(size=3000), data.take(np.arange(3000)), Plan(size=300))
    return taken, estimate(data, 1024, 50 + 51)


def _taken(select, data, plan, few, plan_of_few):
    """Bytes that the process grew by at most; None where they cannot be seen."""
    usual = assignment.FEW
    for assignment.FEW in (0, usual):  # loading kernels takes memory too, and so does compiling them
        select(few, plan_of_few)
    try:
        with open("/proc/self/clear_refs", "w") as stream:
            stream.write("5")  # the peak begins anew
    except OSError:
        return None
    before = _status("VmRSS:")
    select(data, plan)
    return _status("VmHWM:") - before


def _status(key):
    with open("/proc/self/status") as stream:
        return next(1024 * int(line.split()[1]) for line in stream if line.startswith(key))


def _in_a_process(measure, *options):
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        taken, estimated = pool.submit(measure, *options).result()
    if taken is None:
        pytest.skip("the peak of memory cannot be reset here")
    return taken, estimated
