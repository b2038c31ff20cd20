"""The benchmarks are run by hand, so what they call may change unnoticed: here they run on next to nothing."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks import bench_census, bench_default, bench_pilot, bench_refine, bench_trainers
from tests.benchmarks.paper import deep

FOLDER = Path(__file__).parent / "benchmarks"


def _tiny():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((400, 3))
    return rows, (rows @ [1.0, -1.0, 0.5] + rng.logistic(size=400) > 0).astype(float)


def test_all_can_be_imported():
    names = [f"tests.benchmarks.{path.stem}" for path in sorted(FOLDER.glob("bench_*.py"))]
    names += [f"tests.benchmarks.paper.{path.stem}" for path in sorted((FOLDER / "paper").glob("*.py"))]
    assert len(names) > 8
    if importlib.util.find_spec("torch") is None:
        names.remove("tests.benchmarks.paper.resnet")
    # In a process of its own, as some say at import how many threads there are to be.
    subprocess.run([sys.executable, "-c", f"import {', '.join(names)}"], cwd=FOLDER.parents[1], check=True)


@pytest.mark.parametrize("name", ["pilot", "refine", "default", "trainers"])
def test_the_benchmarks_of_coresets_run(name, capsys, monkeypatch, tmp_path):
    if name == "pilot":
        bench_pilot.run("tiny", _tiny, seeds=1, fractions=(0.2,))
        ways = bench_pilot.WAYS
    elif name == "refine":
        monkeypatch.setattr(bench_refine, "SEEDS", 1)
        bench_refine.run("tiny", _tiny)
        ways = bench_refine.WAYS
    elif name == "trainers":
        pytest.importorskip("sklearn")
        rows, labels = _tiny()
        trainers = ["LogisticRegression", "k-nearest neighbours"]
        bench_trainers.run(
            "tiny", lambda: (rows[:200], labels[:200], rows[200:], labels[200:]), False, trainers, [20], 1
        )
        ways = trainers
    else:
        pytest.importorskip("sklearn")
        rows, labels = _tiny()
        ways = ("linear", "RBF SVM", "neighbours")
        halves = (rows[:200], labels[:200], rows[200:], labels[200:], False)
        found = bench_default.run("tiny", lambda: halves, [20], 1, ways[1:])
        bench_default.draw(str(tmp_path / "map.svg"), {"tiny": found}, 20)
        assert (tmp_path / "map.svg").read_text().count("<rect") == 1 + len(ways)
    printed = capsys.readouterr().out
    assert "tiny" in printed
    for way in ways:
        assert f"\n{way} " in printed
    assert "nan" not in printed


def test_the_benchmark_of_tables_runs(capsys):
    pytest.importorskip("sklearn")
    bench_census.main(600, seeds=1)
    assert "600 rows, 10%, median of 1 seeds: all " in capsys.readouterr().out


def test_the_network_of_figure_4_steps_along_its_gradient():
    rng = np.random.default_rng(0)
    x, y, weights = rng.random((6, 784)).astype(np.float32), np.arange(6) % 10, np.arange(1.0, 7.0, dtype=np.float32)
    for which in ("first", "second", "bias"):
        network, moved = deep.Network(3), deep.Network(3)
        moved.step(x, y, weights, 1e-3)
        direction = (getattr(moved, which) - getattr(network, which)).astype(float) / 1e-3
        direction += deep.L2 * getattr(network, which) * (which != "bias")

        def loss(scale, network=network, which=which, direction=direction):
            other = deep.Network(3)
            setattr(other, which, getattr(network, which).astype(float) + scale * direction)
            p = other.outputs(x.astype(float))[1]
            return -(weights * np.log(p[np.arange(6), y])).mean()

        slope = (loss(1e-4) - loss(-1e-4)) / 2e-4
        assert abs(slope / -(direction**2).sum() - 1.0) < 0.02


@pytest.mark.parametrize("way", deep.WAYS)
@pytest.mark.filterwarnings("ignore:a medoid stands for")
def test_every_way_of_figure_4_learns(way):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 10, 1000)
    x = (rng.random((1000, 784)) * 0.2 + (np.arange(784) % 10 == y[:, None])).astype(np.float32)
    setting = deep.Setting(budget=3.0, fraction=0.3, every=1, decaying=True)
    network, _ = deep.run(x, y, way, 0.3, 0, setting)
    assert network.judge(x, y)[1] > 50.0
